/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_LIMITS_H
#define WARDEN_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-policy.h"

/* How much a host may do, by what is known of it. Numbers in, numbers out. */

/* What speaks for a host, and against it. */
struct warden_standing {
	uint32_t users;	   /* different ones that logged in, about */
	uint32_t offences; /* within a week */
	bool known;	   /* somebody logged in from there */
	bool near;	   /* not from there, but from its network */
};

struct warden_limits {
	/* points of the two buckets that block */
	uint32_t fast, slow;
	/* as many points as drain from each in its window. The more people
	   share a host, the quicker: then each of their mistakes weighs less,
	   and what is in a bucket already keeps its weight when one more
	   person comes. */
	uint32_t fast_drain, slow_drain;
	uint32_t sessions; /* at once; 0 = no limit */
	/* of all hosts of its network that are not known; 0 = this one is not
	   counted among them */
	uint32_t network_sessions;
	/* names of users that may fail within a day before any other one
	   counts as trawling */
	uint32_t names;
	/* so many people cannot all be shut out for one of them: when it is
	   blocked, passwords that worked before still do */
	bool shared;
	bool known, near; /* as in the standing */
};

void warden_limits_get(struct warden_limits *limits_r,
		       const struct warden_policy *policy,
		       const struct warden_standing *standing);

/* How many sessions may be open on the server, of a limit of them all, for one
   more of a host to be let in: the last quarter is for known hosts, and the
   first half of that for those near one too. */
uint32_t warden_limits_total(uint32_t limit,
			     const struct warden_limits *limits);
/* How long a session may last with so many open: less, step by step, when more
   than three quarters of the limit are. */
uint32_t warden_limits_grace(const struct warden_policy *policy,
			     uint32_t sessions);

/* Does the name of a user that failed count as trawling? names: different ones
   that failed within a day, with this one; is_new: this one was not among
   them. */
bool warden_limits_trawls(const struct warden_limits *limits, uint32_t names,
			  bool is_new);

#endif
