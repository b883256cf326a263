/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_ATTEMPT_H
#define AUTH_ATTEMPT_H

#include "warden.h"

/* An attempt to log in, as auth's events tell of it. No Dovecot structure but
   the event is looked at here: the others change with each release. */

struct event;
struct warden;

/* Who makes the attempt; client points to the addresses beside it. */
struct auth_attempt_client {
	struct warden_net remote, local;
	struct warden_client client;
};

/* event: of the request, or one that came from it. FALSE: this is not an
   attempt of a host that can be judged. It is somebody's own look-up (lmtp,
   doveadm), a login by token (imap-urlauth), or no address was given. */
bool auth_attempt_client_get(const struct event *event,
			     struct auth_attempt_client *attempt_r);

/* Who tries to log in; as long as the event lives. */
const char *auth_attempt_user(const struct event *event);
/* The client's password, as far as it may be kept: see warden-memory.h. */
void auth_attempt_set_secret(struct event *request, uint64_t secret);
/* 0: it is not known. */
uint64_t auth_attempt_secret(const struct event *request);

/* One password database has answered: remember it with the request. */
void auth_attempt_answer(const struct event *event);
/* The attempt is over: count it, once. warden may be NULL. */
void auth_attempt_finished(const struct event *event, struct warden *warden,
			   uint64_t now);

#endif
