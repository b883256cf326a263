/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_MEMORY_H
#define WARDEN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-layout.h"

/* Which passwords worked, and which failed already: the other part of the file
   `auth`. It answers whether a wrong password is a guess. A phone that nobody
   told of the new password tries the old one all day.

   Passwords are in it as 16 bits of a keyed hash, which also has the user in
   it. That is enough to tell the same password from another one: a guess is
   taken for it once in 65,536 times. Of who reads the file, with its key, see
   doveadm-warden(1). It is never saved.

   Everything is kept by a hash alone, in sets that forget what was not seen for
   the longest time. Written by auth, which is one process, and read as
   untrusted all the same. user: any bytes but NUL. secret: what
   warden_memory_secret() made of the password; 0 = it is not known, as with
   mechanisms that do not send it: then nothing is remembered or found. */

struct warden_memory {
	struct warden_auth_file *file;
	uint64_t hash_key[2]; /* private copy */
};

/* false: the file has not the size of this layout. */
bool warden_memory_init(struct warden_memory *memory_r, void *base,
			size_t size);

/* Not 0. For as long as an attempt takes, and until it is counted; not to be
   kept. */
uint64_t warden_memory_secret(const struct warden_memory *memory,
			      const char *password);

/* It worked. Returns true if it is the first time for this user that one is
   told so within that many seconds. */
bool warden_memory_add_worked(struct warden_memory *memory,
			      const struct warden_host *host, const char *user,
			      uint64_t secret, uint32_t known_secs,
			      uint64_t now);
/* Did it ever work for the user? Not longer ago than that. */
bool warden_memory_worked(const struct warden_memory *memory, const char *user,
			  uint64_t secret, uint32_t known_secs, uint64_t now);
/* Has the user logged in from the host? */
bool warden_memory_was_here(const struct warden_memory *memory,
			    const struct warden_host *host, const char *user,
			    uint32_t known_secs, uint64_t now);

/* It failed. Returns true if it did so before from that host, lately. */
bool warden_memory_add_wrong(struct warden_memory *memory,
			     const struct warden_host *host, const char *user,
			     uint64_t secret, uint64_t now);

/* What the user's failures from the host cost, within an hour; then it is 0
   again. */
#define WARDEN_MEMORY_COST_MAX 40
void warden_memory_add_cost(struct warden_memory *memory,
			    const struct warden_host *host, const char *user,
			    uint32_t points, uint64_t now);
uint32_t warden_memory_cost(const struct warden_memory *memory,
			    const struct warden_host *host, const char *user,
			    uint64_t now);
void warden_memory_clear_cost(struct warden_memory *memory,
			      const struct warden_host *host, const char *user);
/* Has he failed from there within a day? */
bool warden_memory_failed(const struct warden_memory *memory,
			  const struct warden_host *host, const char *user,
			  uint64_t now);

#endif
