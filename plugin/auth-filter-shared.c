/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.3 to 2.4.2: there is one filter for debug events, which the client
   of the stats process sets anew at each of its handshakes, at any time. So
   theirs is merged with ours, and looked after. */

#include "lib.h"
#include "str.h"
#include "event-filter.h"
#include "warden-compat.h"
#include "auth-filter.h"

/* ours; the one that was in force; both in one, which is in force */
static struct event_filter *filter_ours, *filter_base, *filter_merged;
static bool filter_merging;

/* Not by Dovecot's merge alone: 2.3 forgets in it that a filter may want events
   without a name. They would no longer reach who asked for them, and some of
   auth's log lines are such events. So as text, as stats sends its own. */
static void filter_add(struct event_filter *dest, struct event_filter *src)
{
	string_t *query = t_str_new(256);
	const char *error;

	event_filter_export(src, query);
	if (event_filter_parse(str_c(query), dest, &error) < 0)
		WARDEN_COMPAT_EVENT_FILTER_MERGE(dest, src);
}

static void filter_merge(void)
{
	struct event_filter *base = event_get_global_debug_send_filter();
	struct event_filter *merged = event_filter_create();

	if (base != NULL) {
		event_filter_ref(base);
		filter_add(merged, base);
	}
	filter_add(merged, filter_ours);
	event_filter_unref(&filter_base);
	event_filter_unref(&filter_merged);
	filter_base = base;
	filter_merged = merged;
	event_set_global_debug_send_filter(merged);
}

void auth_filter_start(struct event_filter *ours)
{
	filter_ours = ours;
}

void auth_filter_keep(void)
{
	/* Whatever merging does may create an event, and be back here. There
	   may be no filter in force, and none of ours yet. */
	if (filter_merging ||
	    (filter_merged != NULL &&
	     event_get_global_debug_send_filter() == filter_merged))
		return;
	filter_merging = TRUE;
	filter_merge();
	filter_merging = FALSE;
}

void auth_filter_stop(void)
{
	if (filter_merged != NULL &&
	    event_get_global_debug_send_filter() == filter_merged) {
		if (filter_base != NULL)
			event_set_global_debug_send_filter(filter_base);
		else
			event_unset_global_debug_send_filter();
	}
	event_filter_unref(&filter_base);
	event_filter_unref(&filter_merged);
	event_filter_unref(&filter_ours);
}
