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

/* Blocked now, the newest block first; without private networks unless
   policy->deny_private, and without any that is exempt: what goes to the
   outlets. The caller frees. -1: no memory. */
int warden_sweep_deny_list(struct warden_sweep *sweep, struct warden *warden,
			   const struct warden_policy *policy, uint64_t now,
			   struct warden_denied **denied_r, size_t *count_r);

/* When the next block ends, seconds of warden time; UINT32_MAX: none will. */
uint32_t warden_sweep_next_end(const struct warden_sweep *sweep);

#endif
