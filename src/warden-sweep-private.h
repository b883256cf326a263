/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SWEEP_PRIVATE_H
#define WARDEN_SWEEP_PRIVATE_H

#include "warden-sweep.h"

/* For warden-sweep*.c alone. */

/* What is known of the name of a blocked host. */
enum sweep_name_state {
	SWEEP_NAME_NEW,	     /* the rules were not asked yet whether to ask */
	SWEEP_NAME_UNWANTED, /* nothing depends on it, or there is none */
	SWEEP_NAME_WANTED,
	SWEEP_NAME_ASKED,
	SWEEP_NAME_KNOWN,
};

struct sweep_name {
	uint64_t wait_until;  /* ms: as long the outlets wait for the answer */
	uint64_t known_since; /* ms: the last answer */
	uint32_t protocols;   /* by that hosts.allow means it for these: 1 <<
				 enum warden_protocol, each */
	uint8_t state;	      /* enum sweep_name_state */
};

struct sweep_host {
	struct warden_host_info info;
	struct sweep_name name;
};

/* The hosts that are blocked, in order of family and key, as one walk saw
   them. Two of these laid side by side tell what has changed. */
struct sweep_list {
	struct sweep_host *hosts;
	size_t count, room;
	uint32_t next_end; /* seconds; UINT32_MAX: never */
};

struct warden_sweep {
	struct sweep_list blocked, before;
	struct warden_sweep_change *changes;
	size_t changes_room;
	bool walked; /* at least once */

	/* whose names are to be looked up next, the first at the end */
	struct warden_net asked[WARDEN_SWEEP_NAMES_MAX];
	unsigned int asked_count;
	bool asked_all;	    /* nobody else is to be asked until the next walk */
	uint64_t wait_ends; /* ms: the first wait that does; UINT64_MAX: none */
	struct warden_named named;
	uint64_t named_since[WARDEN_NAMED_MAX]; /* ms */
};

/* Of two struct sweep_host. */
int warden_sweep_host_compare(const void *a, const void *b);
void warden_sweep_host_net(const struct warden_host *host,
			   const struct warden_policy *policy,
			   struct warden_net *net_r);

/* Of a block that is seen first. */
void warden_sweep_name_init(struct sweep_name *name_r,
			    const struct warden_policy *policy, uint64_t now);
/* What the last walk knew goes over to this one, and the rules are asked whose
   names matter among those who are new. */
void warden_sweep_names_carry(struct warden_sweep *sweep, struct warden *warden,
			      const struct warden_policy *policy, uint64_t now);
/* It is not for the outlets, or not yet. */
bool warden_sweep_name_keeps_out(const struct sweep_name *name, uint64_t now);
/* Does hosts.allow mean anybody in this network by a name, as far as we know? */
bool warden_sweep_names_in(const struct warden_sweep *sweep,
			   const struct warden_net *net);

#endif
