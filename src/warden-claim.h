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

   The lock is 0600: nobody but the service's user can take it. */

struct warden_claim {
	int fd; /* -1 = not ours */
};
#define WARDEN_CLAIM_INIT ((struct warden_claim){ .fd = -1 })

/* Before each write. false: another process has it, *error_r says so. Where
   nothing can be locked (a full or read-only disk, a file system without
   locks) this is true: the write says what is wrong. */
bool warden_claim_take(struct warden_claim *claim, const char *path,
		       struct warden_error *error_r);
void warden_claim_release(struct warden_claim *claim);

#endif
