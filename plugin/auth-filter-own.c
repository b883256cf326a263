/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4.3 and later: everybody has a filter of his own for debug events,
   and the client of the stats process leaves ours alone. */

#include "lib.h"
#include "event-filter.h"
#include "auth-filter.h"

/* Dovecot's places for them move when there are more than two, and the stats
   client keeps the address of its own. So this registers once, for as long as
   the process lives, and writes at once. Dovecot drops what is there when the
   process ends, and has no way to give it back before. */
void auth_filter_start(struct event_filter *ours)
{
	*event_global_debug_send_filter_register() = ours;
	event_global_debug_send_filter_updated();
}

void auth_filter_keep(void)
{
}

void auth_filter_stop(void)
{
}
