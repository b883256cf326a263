/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The line and the event when an account is put on guard. The name is a
   client's, and looks in the line like nothing else. A botnet that goes for
   many accounts gets no more lines than one that has many hosts blocked. */

#include "lib.h"
#include "ioloop.h"
#include "warden.h"
#include "warden-report.h"
#include "warden-siege.h"
#include "auth-siege.h"

static struct event_category event_category_warden = { .name = "warden" };

static struct {
	time_t window_start;
	unsigned int lines, held;
} siege_log;

/* FALSE: no line any more within this window. */
static bool siege_log_take_line(void)
{
	if (ioloop_time < siege_log.window_start ||
	    ioloop_time - siege_log.window_start >= WARDEN_REPORT_WINDOW_SECS) {
		if (siege_log.held > 0) {
			i_info("warden: and %u more accounts that were put on "
			       "guard, not logged one by one",
			       siege_log.held);
		}
		siege_log.window_start = ioloop_time;
		siege_log.lines = siege_log.held = 0;
	}
	if (siege_log.lines < WARDEN_REPORT_LINES) {
		siege_log.lines++;
		return TRUE;
	}
	siege_log.held++;
	return FALSE;
}

static struct event *siege_event(const char *user, uint32_t siege,
				 bool enforced)
{
	struct event *event = event_create(NULL);

	event_add_category(event, &event_category_warden);
	event_set_name(event, "warden_siege_began");
	event_add_str(event, "siege", t_strdup_printf("%08x", siege));
	event_add_str(event, "user", user);
	event_add_str(event, "enforced", enforced ? "yes" : "no");
	return event;
}

static void siege_tell(const char *user, uint32_t siege, bool enforced)
{
	char name[WARDEN_SIEGE_NAME_STRLEN];
	const char *line = t_strdup_printf(
		"warden: account %s %s on guard (siege %08x): wrong passwords "
		"from many networks, so %sonly those from which it logged in "
		"before may try",
		warden_siege_name(user, name), enforced ? "is" : "would be",
		siege, enforced ? "" : "with warden_mode = enforce ");
	struct event *event = siege_event(user, siege, enforced);

	if (siege_log_take_line())
		e_info(event, "%s", line);
	else
		e_debug(event, "%s", line);
	event_unref(&event);
}

void auth_siege_report(const struct warden *warden, const char *user)
{
	uint32_t siege;
	bool enforced;

	if (user != NULL && warden_siege_began(warden, &siege, &enforced))
		T_BEGIN
		{
			siege_tell(user, siege, enforced);
		}
	T_END;
}
