/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SIEGE_H
#define WARDEN_SIEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-layout.h"
#include "warden-policy.h"

/* One user under siege: the part of the file `auth` that knows from which
   networks (/24, /48) each user logged in, his homes, and from which others he
   failed lately. When within policy->siege_secs it was from siege_networks
   others, his account is on guard: only his homes may try, all others are
   refused before the password is checked, without points and without a block.
   A botnet that is let in by the limits of each host, because no host comes
   twice, gets about siege_networks passwords an hour and user.

   It ends siege_secs after the last attempt that had so many networks, tried or
   refused, within siege_secs: as long as the siege goes on, and for that long
   at least.

   What counts is the caller's: a wrong password of an existing user that is
   neither an old one nor the same once more, from a host that is not exempt.
   What never counts is one from a home.

   What it costs to have somebody else's account on guard: siege_networks
   networks, each with a guess that is checked, and the same again for each
   siege_secs. Then the user gets in from his homes and from exempt networks,
   which are never refused (login_trusted_networks: a webmail), and not from
   elsewhere. Who does it learns that the account exists and is in use. So that
   nobody is shut out for want of a home, an account is not put on guard

     - of which no login is remembered: who never logged in, or with clients
       that are exempt only, or on a proxy whose backends check passwords; a
       name that does not exist; or who was forgotten;
     - whose first login that is remembered is not yet siege_learn_secs ago: by
       then he has been everywhere where he usually is.

   Everything is kept by keyed hashes. It survives a restart of Dovecot. Homes
   also survive a reboot, in the state file with their key; sieges do not, and
   begin anew. Where the homes are lost all are learned anew, and nobody is on
   guard for siege_learn_secs.

   Room: WARDEN_HOME_SETS * WARDEN_HOME_WAYS users (32,768) with WARDEN_HOMES
   (30) networks each; a login of another takes the place of who has not logged
   in for the longest time, and of a network of the same user. An account cannot
   take room from others. WARDEN_SIEGE_SETS * WARDEN_SIEGE_WAYS (1,024) users
   who failed from elsewhere; only those who could be put on guard get in, so no
   made-up name does, and the one with the fewest networks goes first, one on
   guard last.

   call          | who     | races with           | a kill or a race leaves
   --------------+---------+----------------------+---------------------------
   logged_in     | auth    | auth (two at reload) | a home not remembered, or
		 |         |                      | one that is nobody's
   failed,       | auth    | auth, service        | a network not counted
   refused       |         |                      |
   refuses       | auth    | auth, service        | nothing
   look          | service | auth                 | an end that is logged by
		 |         |                      | the next service
   restore       | service | auth                 | part of the homes; who
		 |         |                      | logs in before the key
		 |         |                      | is there is forgotten
   next_home     | service | auth                 | nothing

   auth is one process (its workers never come here), two while Dovecot reloads.
   No lock, no pointer; every loop is over one set. What is read is untrusted:
   any bytes are homes and ends of some kind, and an end that is further away
   than siege_secs is none. */

struct warden_siege {
	struct warden_auth_file *file;
	/* made of the header's, which is not to be told by it: this one is
	   saved */
	uint64_t hash_key[2];
};

/* false: the file has not the size of this layout. */
bool warden_siege_init(struct warden_siege *siege_r, void *base, size_t size);

/* user: any bytes but NUL. now: warden time, ms. */

/* The user has logged in from there: one more home. */
void warden_siege_logged_in(struct warden_siege *siege,
			    const struct warden_host *host, const char *user,
			    const struct warden_policy *policy, uint64_t now);

/* He has failed from there. Returns true if that put his account on guard;
   *id_r is then what this siege is called in the log, not 0. */
bool warden_siege_failed(struct warden_siege *siege,
			 const struct warden_host *host, const char *user,
			 const struct warden_policy *policy, uint64_t now,
			 uint32_t *id_r);

/* Is his account on guard, and this not one of his homes? */
bool warden_siege_refuses(const struct warden_siege *siege,
			  const struct warden_host *host, const char *user,
			  const struct warden_policy *policy, uint64_t now);
/* It was refused for that. */
void warden_siege_refused(struct warden_siege *siege,
			  const struct warden_host *host, const char *user,
			  const struct warden_policy *policy, uint64_t now);

/* A siege that is over. */
struct warden_siege_end {
	uint32_t id;
	uint32_t refused; /* attempts */
};
typedef void warden_siege_ended_t(void *context,
				  const struct warden_siege_end *end);
/* Tell of those that are over, each once, and make room. Returns how many
   accounts are on guard. */
uint32_t warden_siege_look(struct warden_siege *siege,
			   const struct warden_policy *policy, uint64_t now,
			   warden_siege_ended_t *ended, void *context);

/* --- Homes in the state file: the service ---------------------------------- */

struct warden_siege_home {
	uint64_t user;	  /* hash */
	uint64_t network; /* hash of both */
	/* when he logged in from anywhere first, and from there last; seconds
	   of warden time, to some minutes and to six hours */
	uint32_t since, login;
};

/* The key of all hashes; not that of the passwords, see warden-memory.h. */
void warden_siege_key(const struct warden_siege *siege, uint64_t key_r[2]);
/* Walk over all homes within known_time; index_io starts at 0. false: the
   end. */
bool warden_siege_next_home(const struct warden_siege *siege,
			    uint32_t *index_io,
			    const struct warden_policy *policy, uint64_t now,
			    struct warden_siege_home *home_r);

/* Has that been done in the life of the file? */
bool warden_siege_is_restored(const struct warden_siege *siege);
/* First the key, then the homes, then that it is done. A home that cannot be is
   refused. */
void warden_siege_restore_key(struct warden_siege *siege,
			      const uint64_t key[2]);
bool warden_siege_restore_home(struct warden_siege *siege,
			       const struct warden_siege_home *home,
			       uint64_t now);
void warden_siege_set_restored(struct warden_siege *siege);

/* --- The log --------------------------------------------------------------- */

/* A user name that a client made up, as it may stand in the log: what is not a
   letter, digit or one of . _ - + @ becomes %XX, and of a long one only the
   beginning is shown. Returns buf. */
#define WARDEN_SIEGE_NAME_MAX 64 /* bytes of the name */
#define WARDEN_SIEGE_NAME_STRLEN (3 * WARDEN_SIEGE_NAME_MAX + sizeof("..."))
const char *warden_siege_name(const char *user, char *buf);

#endif
