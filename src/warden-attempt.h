/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ATTEMPT_H
#define WARDEN_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-class.h"

/* What one attempt to log in comes to.

   Auth asks its password databases one after the other, each says something,
   and at the end the attempt has succeeded or not; the end itself says no
   more. Which class a failure is can only be told from everything that was
   said on the way, so that is collected here, as bits that fit into any
   word that an attempt carries with it. */

/* The driver that refuses blocked hosts. */
#define WARDEN_ATTEMPT_DRIVER "warden"

enum warden_attempt_said {
	/* the password is right, or this is what it must be */
	WARDEN_SAID_OK = 0x01,
	/* the user exists, and the password is wrong */
	WARDEN_SAID_MISMATCH = 0x02,
	WARDEN_SAID_UNKNOWN = 0x04,
	/* nothing that the client gave was judged: the user may not log in, or
	   the database is out of order */
	WARDEN_SAID_EXCUSE = 0x08,
	/* this database cannot answer the question: no such scheme, or an
	   access token that is not, or no longer, valid */
	WARDEN_SAID_UNUSABLE = 0x10,
	/* our own driver let the host pass: there were databases to ask */
	WARDEN_SAID_PASS = 0x20,
	/* our own driver refused the host, and nobody else was asked */
	WARDEN_SAID_REFUSED = 0x40,
	/* the end was seen: an attempt is counted once */
	WARDEN_SAID_END = 0x80,
};

/* The bit for one answer. driver and result: as Dovecot names them; mechanism:
   of SASL, any case. NULL stands for a name that is missing. An answer that
   nobody knows is an excuse: rather one guess uncounted than an honest host
   blocked. */
uint32_t warden_attempt_said(const char *driver, const char *mechanism,
			     const char *result);

/* Does the client show an access token, another one every hour, in the place
   of a password? */
bool warden_attempt_is_token(const char *mechanism);

/* How it ended. */
struct warden_attempt_end {
	const char *mechanism;
	bool success;
	/* a login process takes the client to another server, and tells what
	   that says about him */
	bool proxied;
	bool internal_failure;
	bool policy_refused; /* by another guard, before or after the check */
};

/* Has the client shown who it is, so that auth must say so? Anybody may log in
   anonymously: that makes no host one that is known. */
bool warden_attempt_is_proof(const struct warden_attempt_end *end);

/* What a finished attempt is counted as; WARDEN_CLASS_NONE: not at all, which
   is also what a success is. said: all bits so far. */
enum warden_class
warden_attempt_class(uint32_t said, const struct warden_attempt_end *end);

#endif
