/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_OUTLET_H
#define WARDEN_OUTLET_H

#include "warden-report.h"
#include "warden-settings.h"

/* Where blocks go, beside Dovecot itself: the deny file that libwrap reads, the
   sets of nftables. Each such place is one file that defines one struct
   warden_outlet_type; all of them stand in the list in warden-outlet.c.

   An outlet is told the whole list of who is to be denied whenever it may have
   changed, and brings its place in line with that at the next tick. It must
   hold these rules:

   - Whoever is denied is denied by others than Dovecot too, perhaps the admin
     on a train who mistyped his password. So nobody may stay in there whom
     nobody is there to take out: an empty list and a last tick come whenever
     the service ends.
   - It may fail. That is one line in the log until it works again, and a bit in
     faults(); it tries again by itself, and holds up nothing else. */

struct warden_outlet_type;

/* The beginning of each outlet's own structure. */
struct warden_outlet {
	const struct warden_outlet_type *type;
};

struct warden_outlet_type {
	bool (*is_wanted)(const struct warden_settings *settings);
	/* While the service is still root. settings outlive it. NULL: no
	   memory. */
	struct warden_outlet *(*create)(const struct warden_settings *settings);
	void (*free)(struct warden_outlet *outlet);
	/* Who is to be denied, the newest block first. There may be more of
	   them than there is room. false: no memory, and the list is empty
	   now. */
	bool (*set)(struct warden_outlet *outlet,
		    const struct warden_denied *denied, size_t count);
	/* Every second: somebody may have changed what is there. */
	void (*look)(struct warden_outlet *outlet);
	/* Bring it in line if it is time to; at_once: whenever the last time
	   was. */
	void (*tick)(struct warden_outlet *outlet, struct warden_report *report,
		     bool at_once, uint64_t now);
	uint32_t (*faults)(const struct warden_outlet *outlet);
	/* How much it may need beyond warden_keeper_memory(). */
	size_t memory;
};

extern const struct warden_outlet_type warden_outlet_deny_file;
extern const struct warden_outlet_type warden_outlet_nftables;

#define WARDEN_DENY_INTERVAL_MSECS 250
#define WARDEN_DENY_RETRY_MSECS 1000

/* --- All that the settings want ------------------------------------------- */

struct warden_outlets;

/* NULL: no memory. */
struct warden_outlets *
warden_outlets_create(const struct warden_settings *settings);
void warden_outlets_free(struct warden_outlets **outlets);

bool warden_outlets_set(struct warden_outlets *outlets,
			const struct warden_denied *denied, size_t count);
void warden_outlets_look(struct warden_outlets *outlets);
void warden_outlets_tick(struct warden_outlets *outlets,
			 struct warden_report *report, bool at_once,
			 uint64_t now);
uint32_t warden_outlets_faults(const struct warden_outlets *outlets);
size_t warden_outlets_memory(const struct warden_settings *settings);

#endif
