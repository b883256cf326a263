/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef SERVICE_EVENTS_H
#define SERVICE_EVENTS_H

#include "warden-report.h"
#include "warden-tally.h"

/* What metric { } and event_exporter { } of Dovecot's configuration can ask
   for; dovecot-warden(7) lists the fields. */

/* warden_blocked, warden_unblocked or warden_siege_ended; for the line in the log about it, if it
   gets one. The caller owns it. */
struct event *service_event_block(const struct warden_report_block *block);

/* Sends warden_session_refused or warden_failure; a warden_tally_told_t. Not
   for each, in the way of which it would be, but one for all of ten seconds. */
void service_event_tally(void *context, enum warden_total total,
			 uint64_t count);

#endif
