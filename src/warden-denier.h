/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_DENIER_H
#define WARDEN_DENIER_H

#include "warden-address.h"
#include "warden-claim.h"
#include "warden-report.h"

/* Keeps the deny file as it should be: written when the list has changed, not
   more often than every WARDEN_DENY_INTERVAL_MSECS, and tried again after an
   error, which is logged once until a write succeeds.

   Whoever is in the file is denied by sshd too, perhaps the admin on a train
   who mistyped his password. So nothing may stay in it that nobody is there
   to take out: the service empties it whenever it ends, and fills it again
   within a fraction of a second when it starts. For the same reason it is
   emptied when somebody has to be taken out and the shorter list cannot be
   written: on a full disk there is still room for an empty file. */

#define WARDEN_DENY_INTERVAL_MSECS 250
#define WARDEN_DENY_RETRY_MSECS 1000

struct warden_denier {
	const char *path; /* owned by the caller; "" = no deny file */
	struct warden_net *nets;
	size_t count;
	bool dirty;    /* the file is not what it should be */
	bool stale;    /* it may name somebody who is not to be in it */
	bool failed;   /* and that was logged */
	uint64_t next; /* not before */
	struct warden_claim claim;
};

void warden_denier_init(struct warden_denier *denier, const char *path);
void warden_denier_deinit(struct warden_denier *denier);

/* What should be in the file. Takes over nets, which may be NULL if count is
   0. */
void warden_denier_set(struct warden_denier *denier, struct warden_net *nets,
		       size_t count);
/* Somebody may have removed the file: look. */
void warden_denier_look(struct warden_denier *denier);
/* Write the file if it is time to. */
void warden_denier_tick(struct warden_denier *denier,
			struct warden_report *report, uint64_t now);

#endif
