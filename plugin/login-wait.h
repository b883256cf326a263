/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef LOGIN_WAIT_H
#define LOGIN_WAIT_H

#include "warden.h"

struct master_service_connection;

/* Connections that wait, ungreeted, until the name of their client is known:
   accepted as far as lib-master goes, and nothing else. */

/* conn is valid for the time of the call, and its fd is the callee's. */
typedef void login_wait_callback_t(struct master_service_connection *conn);

/* In plugin init. Callback is called for each connection whose wait is over. */
void login_wait_init(struct warden *w, login_wait_callback_t *callback);
/* Closes those that still wait. */
void login_wait_deinit(void);

/* The connection waits, with this session of its own, which is closed before
   the callback is called. */
void login_wait_add(const struct master_service_connection *conn,
		    const struct warden_net *remote,
		    const struct warden_session *session,
		    unsigned int timeout_msecs);

#endif
