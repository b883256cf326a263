/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_FUSE_H
#define WARDEN_FUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-table.h"

/* When the user database is broken or the certificate has expired, everybody
   fails, and a guard that believes it shuts out everybody. So the service watches how many known hosts fail and
   how many log in, and while nearly all fail and hardly anybody logs in, nobody
   is blocked anew and no failure of a known host counts.

   A guesser must not blow it. He needs WARDEN_FUSE_HOSTS hosts from which
   somebody logged in, and, what he cannot have, that nobody else logs in any
   more on a server where at least WARDEN_FUSE_LOGINS did within the hour. On a
   quieter server it never blows. A taken-over login process can write what this
   is told by, and blow it: it loses blocks, as it may by writing to them. */
#define WARDEN_FUSE_HOSTS 5
#define WARDEN_FUSE_LOGINS 120
/* It is whole again when for so long it would not have blown. */
#define WARDEN_FUSE_PEACE_SECS 300

/* A known host failed, whether or not that costs anything; or a host logged in.
   All. */
void warden_fuse_note(struct warden_table *table,
		      const struct warden_host *host, bool failed,
		      uint64_t now);

/* What the service keeps of it. Zeroed = whole. */
struct warden_fuse {
	bool blown;
	uint64_t until; /* if nothing more happens */
};

/* At each tick. Returns true if it has blown or is whole again just now. */
bool warden_fuse_look(struct warden_fuse *fuse,
		      const struct warden_table *table, uint64_t now);
/* When it has blown: end the blocks of known hosts that began within the last
   minutes, since the fault may have begun before it was seen. Not what an admin
   has blocked. Returns how many. */
uint32_t warden_fuse_lift(struct warden_table *table,
			  const struct warden_policy *policy, uint64_t now);

#endif
