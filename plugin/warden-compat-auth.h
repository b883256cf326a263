/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_AUTH_H
#define WARDEN_COMPAT_AUTH_H

#include "lib.h"
#include "lib-event-private.h"
#include "event-filter.h"
#include "warden-compat.h"

/* The part of warden-compat.h that needs headers of its own: auth's events. */

/* The value of a field of this event or of one that it came from, as text; NULL
   if there is none. It lasts as long as the event and the data stack frame. */
#if DOVECOT_VERSION_MICRO < 16
#  define warden_compat_event_field(event, key) event_find_field_str(event, key)
#else
#  define warden_compat_event_field(event, key) \
	event_find_field_recursive_str(event, key)
#endif

/* Debug events reach nobody unless a filter asks for them, and there is one
   such filter, which the client of the stats process sets anew at each of its
   handshakes, at any time. base_io is the filter that was there, merged_io
   that and ours, which is put in force; both are owned by the caller. To be
   called whenever the filter in force is not *merged_io. */
static inline void
warden_compat_send_filter_merge(const struct event_filter *ours,
				struct event_filter **base_io,
				struct event_filter **merged_io)
{
	struct event_filter *base = event_get_global_debug_send_filter();
	struct event_filter *merged = event_filter_create();

	if (base != NULL) {
		event_filter_ref(base);
		WARDEN_COMPAT_EVENT_FILTER_MERGE(merged, base);
	}
	WARDEN_COMPAT_EVENT_FILTER_MERGE(merged, ours);
	event_filter_unref(base_io);
	event_filter_unref(merged_io);
	*base_io = base;
	*merged_io = merged;
	event_set_global_debug_send_filter(merged);
}

static inline bool
warden_compat_send_filter_is(const struct event_filter *merged)
{
	return event_get_global_debug_send_filter() == merged;
}

/* Put back what was there. */
static inline void
warden_compat_send_filter_restore(struct event_filter **base_io,
				  struct event_filter **merged_io)
{
	if (warden_compat_send_filter_is(*merged_io)) {
		if (*base_io != NULL)
			event_set_global_debug_send_filter(*base_io);
		else
			event_unset_global_debug_send_filter();
	}
	event_filter_unref(base_io);
	event_filter_unref(merged_io);
}

#endif
