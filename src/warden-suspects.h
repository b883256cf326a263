/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SUSPECTS_H
#define WARDEN_SUSPECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-layout.h"

/* Which user failed from a host lately: the file `auth` in memory. It answers
   one question: may this user's success wash the host clean? Only if nobody
   else failed from there; a guesser with one good account must not.

   Written by auth, which is one process, and read as untrusted all the same.
   A full set forgets its oldest host; then a success clears nothing. */

struct warden_suspects {
	struct warden_auth_file *file;
	uint64_t hash_key[2]; /* private copy */
};

/* false: the file has not the size of this layout. */
bool warden_suspects_init(struct warden_suspects *suspects_r, void *base,
			  size_t size);

/* user failed from the host. NULL: an unknown user, never the same as any.
   What happened there more than window_secs ago is forgotten. */
void warden_suspects_failed(struct warden_suspects *suspects,
			    const struct warden_host *host, const char *user,
			    uint32_t window_secs, uint64_t now);
/* Is user the only one who failed from the host within window_secs? And
   forget the host. false also if nothing is known of it. */
bool warden_suspects_clear(struct warden_suspects *suspects,
			   const struct warden_host *host, const char *user,
			   uint32_t window_secs, uint64_t now);

#endif
