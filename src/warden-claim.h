/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_CLAIM_H
#define WARDEN_CLAIM_H

#include <stdbool.h>

#include "warden-error.h"

/* A file that one Dovecot keeps. Two with a base_dir of their own, and by
   mistake with one warden_state_dir, would each write what only it knows: who
   comes last wins, and what one has taken out of the deny file the other puts
   back. So the first one locks .NAME.lock beside the file for as long as it
   lives, and the other says that it may not write.

   The lock is 0600: nobody but the service's user can take it.

   A service that is reloaded lets go of it for as long as the next one takes to
   start. So whoever was refused once has to find it free several times in
   succession, and only then takes it. */

/* Calls of warden_claim_take(), a second or more from each other. */
#define WARDEN_CLAIM_FREE_TIMES 5

struct warden_claim {
	int fd; /* -1 = not ours */
	unsigned int times_left; /* that it has to be found free */
};
#define WARDEN_CLAIM_INIT ((struct warden_claim){ .fd = -1 })

/* Before each write. false: another process has it, *error_r says so. Where
   nothing can be locked (a full or read-only disk, a file system without
   locks) this is true: the write says what is wrong. */
bool warden_claim_take(struct warden_claim *claim, const char *path,
		       struct warden_error *error_r);
void warden_claim_release(struct warden_claim *claim);

#endif
