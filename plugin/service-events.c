/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "lib.h"
#include "service-events.h"

static struct event_category event_category_warden = { .name = "warden" };

static struct event *
service_event_siege(const struct warden_report_block *siege)
{
	struct event *event = event_create(NULL);

	event_add_category(event, &event_category_warden);
	event_set_name(event, "warden_siege_ended");
	event_add_str(event, "siege", t_strdup_printf("%08x", siege->siege));
	event_add_str(event, "enforced", siege->enforced ? "yes" : "no");
	event_add_int(event, "refused", siege->refused);
	return event;
}

struct event *service_event_block(const struct warden_report_block *block)
{
	struct event *event;

	if (block->siege != 0)
		return service_event_siege(block);
	event = event_create(NULL);
	event_add_category(event, &event_category_warden);
	event_set_name(event,
		       block->began ? "warden_blocked" : "warden_unblocked");
	event_add_str(event, block->is_network ? "network" : "host",
		      block->net);
	event_add_str(event, "reason", warden_class_name(block->reason));
	event_add_str(event, "enforced", block->enforced ? "yes" : "no");
	if (!block->is_network) {
		event_add_str(event, "limited", block->limited ? "yes" : "no");
		event_add_int(event, "points", block->points);
		event_add_int(event, "offences", block->offences);
	}
	if (!block->began) {
		event_add_str(event, "lifted", block->lifted ? "yes" : "no");
		if (!block->is_network)
			event_add_int(event, "refused", block->refused);
	} else if (block->secs > 0) {
		event_add_int(event, "block_secs", block->secs);
	}
	return event;
}

static const char *refusal_enforced(enum warden_total total)
{
	return total == WARDEN_TOTAL_WOULD_REFUSE ? "no" : "yes";
}

void service_event_tally(void *context ATTR_UNUSED, enum warden_total total,
			 uint64_t count)
{
	const char *refusal = warden_tally_refusal(total);
	const char *failure = warden_tally_failure(total);
	struct event *event;

	/* auth_request_finished of Dovecot's counts logins */
	if (refusal == NULL && failure == NULL)
		return;
	event = event_create(NULL);
	event_add_category(event, &event_category_warden);
	event_add_int(event, "count", (intmax_t)count);
	if (refusal != NULL) {
		event_set_name(event, "warden_session_refused");
		event_add_str(event, "reason", refusal);
		event_add_str(event, "enforced", refusal_enforced(total));
		e_debug(event, "refused %" PRIu64 " (%s)", count, refusal);
	} else {
		event_set_name(event, "warden_failure");
		event_add_str(event, "class", failure);
		e_debug(event, "%s: %" PRIu64, failure, count);
	}
	event_unref(&event);
}
