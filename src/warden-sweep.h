/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SWEEP_H
#define WARDEN_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-admin.h"

/* The service's walk over the table: who is blocked now, and what has changed
   since the last walk. One memory block, bounded by the table's room. */

struct warden_sweep;

/* A block that began or ended between two walks. */
struct warden_sweep_change {
	struct warden_host_info info; /* ended: as it was seen last, but
					 refused is up to date */
	bool began;		      /* else ended */
};

struct warden_sweep *warden_sweep_create(void);
void warden_sweep_free(struct warden_sweep **sweep);

/* Walk. *changes_r is owned by sweep until the next call. The first walk
   reports nothing as begun: those blocks were logged before. Hosts that the
   policy exempts are passed over, whatever the table says of them. false: no
   memory; the result of the last walk stays. */
bool warden_sweep_run(struct warden_sweep *sweep, struct warden *warden,
		      const struct warden_policy *policy, uint64_t now,
		      const struct warden_sweep_change **changes_r,
		      size_t *count_r);

/* Who is to be denied by others too. */
struct warden_denied {
	struct warden_net net;
	uint32_t until_secs; /* warden time; UINT32_MAX: it does not end */
};

/* Blocked now and not only observed, the newest block first; without private networks unless
   policy->deny_private, and without any that is exempt: what goes to the
   outlets. The caller frees. -1: no memory. */
int warden_sweep_deny_list(struct warden_sweep *sweep, struct warden *warden,
			   const struct warden_policy *policy, uint64_t now,
			   struct warden_denied **denied_r, size_t *count_r);

/* When the next block ends, seconds of warden time; UINT32_MAX: none will. */
uint32_t warden_sweep_next_end(const struct warden_sweep *sweep);

/* --- Host names ------------------------------------------------------------
   Whether hosts.allow means a host may depend on its name. Of those who are
   blocked somebody has to look it up; until then, but not longer than
   policy->dns_timeout_secs after the block was seen, they are in no outlet.
   Whom hosts.allow means for any service is in none. */

/* So many are to be asked for at once. */
#define WARDEN_SWEEP_NAMES_MAX 32
/* An answer is asked for again after this, and whenever the rules change. */
#define WARDEN_SWEEP_NAME_AGAIN_MSECS (5 * 60 * 1000)
/* And what was not confirmed is no longer published; who is not blocked any
   more is not asked for again. */
#define WARDEN_SWEEP_NAME_END_MSECS (2 * WARDEN_SWEEP_NAME_AGAIN_MSECS)

/* The rules are others now: what is known of names no longer holds. */
void warden_sweep_names_forget(struct warden_sweep *sweep,
			       const struct warden_policy *policy,
			       uint64_t now);
/* Choose whose names to look up next, if all those that were chosen before are
   under way. Not more often than they may be asked for. */
void warden_sweep_names_queue(struct warden_sweep *sweep,
			      const struct warden_policy *policy, uint64_t now);
/* The next of them, a whole address. false: there is none. */
bool warden_sweep_name_next(struct warden_sweep *sweep,
			    struct warden_net *addr_r);
/* The answer, whatever it is: remote, name_state and name of client. Returns
   true if the outlets have to be told. */
bool warden_sweep_name_found(struct warden_sweep *sweep, struct warden *warden,
			     const struct warden_client *client,
			     const struct warden_policy *policy, uint64_t now);
/* Whom hosts.allow means by name, to be published. */
const struct warden_named *warden_sweep_named(const struct warden_sweep *sweep);
/* When somebody gets into the outlets because the answer did not come, ms of
   warden time; UINT64_MAX: nobody will. */
uint64_t warden_sweep_wait_ends(const struct warden_sweep *sweep);

/* Bytes that each blocked host takes in the arrays of the walk. */
size_t warden_sweep_host_memory(void);

#endif
