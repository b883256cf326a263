/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef LOGIN_POP3_H
#define LOGIN_POP3_H

#include <stdbool.h>
#include <stdint.h>

struct client;

/* Which user a POP3 client has named and not tried. Zeroed = none. Embedded in
   the session; bounded, however many names a client sends. */
struct login_pop3 {
	char named[256]; /* user of the last USER, cut to fit; "" = none */
	unsigned int named_attempts; /* real attempts when it was named */

	/* the command whose word was read, but not yet its line */
	bool pending, pending_user;

	/* between before and after */
	char line[256];
	uint64_t offset;
	unsigned int attempts;
	bool user_line; /* line is the argument of a whole USER command */
};

/* Call around each input_next_cmd of pop3-login, with what it returned. Also
   when it destroyed the client, as long as the caller holds a reference.
   login_pop3_after() returns the user that was named before and is now
   dropped for another, without an attempt; valid until the next call.
   real_attempts: client->auth_attempts less those that asked nobody anything,
   with which a trawl would hide. */
void login_pop3_before(struct login_pop3 *pop3, struct client *client);
const char *login_pop3_after(struct login_pop3 *pop3, struct client *client,
			     bool ret, unsigned int real_attempts);

/* The user that is named, and for whom no attempt was begun since; or NULL. */
const char *login_pop3_named(const struct login_pop3 *pop3,
			     unsigned int real_attempts);

#endif
