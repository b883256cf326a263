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
#if WARDEN_DOVECOT_MINOR == 3 && WARDEN_DOVECOT_MICRO < 16
#  define warden_compat_event_field(event, key) event_find_field_str(event, key)
#else
#  define warden_compat_event_field(event, key) \
	event_find_field_recursive_str(event, key)
#endif

#endif
