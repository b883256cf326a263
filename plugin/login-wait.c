/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* As many connections wait as the process may have, client_limit; lib-master
   counts them. A client that leaves meanwhile is noticed by Dovecot, or by
   nobody, when the wait is over. */

#include "lib.h"
#include "llist.h"
#include "master-service-private.h"
#include "warden-compat.h"
#include "client-name.h"
#include "login-wait.h"

#include <unistd.h>

struct login_wait {
	struct login_wait *prev, *next;
	pool_t pool;
	struct master_service_connection conn;
	struct warden_session session;
	struct client_name_lookup *lookup;
};

static struct {
	struct warden *warden;
	login_wait_callback_t *callback;
	struct login_wait *first;
} waiting;

/* What HAProxy said is gone when our caller has returned; the rest is the
   listener's. */
static void wait_keep_proxy(struct login_wait *wait)
{
	struct master_service_connection *conn = &wait->conn;

	WARDEN_COMPAT_CONN_PROXY(conn).hostname =
		p_strdup(wait->pool, WARDEN_COMPAT_CONN_PROXY(conn).hostname);
	WARDEN_COMPAT_CONN_PROXY(conn).cert_common_name = p_strdup(
		wait->pool, WARDEN_COMPAT_CONN_PROXY(conn).cert_common_name);
	if (WARDEN_COMPAT_CONN_PROXY(conn).alpn_size > 0) {
		WARDEN_COMPAT_CONN_PROXY(conn).alpn = p_memdup(
			wait->pool, WARDEN_COMPAT_CONN_PROXY(conn).alpn,
			WARDEN_COMPAT_CONN_PROXY(conn).alpn_size);
	}
}

static void wait_free(struct login_wait *wait)
{
	DLLIST_REMOVE(&waiting.first, wait);
	client_name_abort(&wait->lookup);
	warden_session_close(waiting.warden, &wait->session);
	pool_unref(&wait->pool);
}

static void wait_over(void *context)
{
	struct login_wait *wait = context;

	/* the caller has freed it */
	wait->lookup = NULL;
	warden_session_close(waiting.warden, &wait->session);
	waiting.callback(&wait->conn);
	wait_free(wait);
}

void login_wait_add(const struct master_service_connection *conn,
		    const struct warden_net *remote,
		    const struct warden_session *session,
		    unsigned int timeout_msecs)
{
	pool_t pool = pool_alloconly_create("warden wait", 1024);
	struct login_wait *wait = p_new(pool, struct login_wait, 1);

	wait->pool = pool;
	wait->conn = *conn;
	wait_keep_proxy(wait);
	wait->session = *session;
	DLLIST_PREPEND(&waiting.first, wait);
	wait->lookup =
		client_name_look_up(remote, timeout_msecs, wait_over, wait);
}

void login_wait_init(struct warden *w, login_wait_callback_t *callback)
{
	i_zero(&waiting);
	waiting.warden = w;
	waiting.callback = callback;
}

void login_wait_deinit(void)
{
	while (waiting.first != NULL) {
		(void)close(waiting.first->conn.fd);
		wait_free(waiting.first);
	}
}
