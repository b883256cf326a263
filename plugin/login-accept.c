/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Verdict at accept. A login process that serves one client costs some 8 ms of
   CPU (fork, exec, TLS init), so a client that is refused after that has
   already won. Here a process that waits for its client refuses any number
   of blocked ones first: no settings are read, nothing is allocated, logged or
   told to the master.

   Everything here depends on how lib-master counts. With
	total = total_available_count, avail = master_status.available_count,
	left  = connections still to serve, told = last_sent_status_avail_count
   lib-master takes one off avail before it calls us, and adds it again when
   the connection is destroyed; it asserts 0 < total, 0 < left and (unless
   left = total, when both go down and the process ends at 0) avail < total.
   So one refusal may do exactly one destroy, by us or by lib-master. */

#include "lib.h"
#include "ioloop.h"
#include "net.h"
#include "login-common.h"
#include "master-service-private.h"
#include "warden-compat.h"
#include "warden-glue.h"
#include "warden-clock.h"
#include "client-name.h"
#include "login-accept.h"
#include "login-wait.h"

#include <sys/socket.h>
#include <unistd.h>

#define TOO_MANY "Too many connections from your address have not logged in."

/* How much of a text that a client has sent already is read before its
   connection is closed, see say_too_many(). */
#define DRAIN_BYTES 4096

/* Without a policy nobody waits; it may have gone in between. */
#define NO_POLICY_WAIT_MSECS 1000

struct login_accept_farewell {
	const char *protocol;
	const char *text;
};

struct login_accept_network {
	struct ip_addr ip;
	unsigned int bits;
};

struct login_accept_client {
	struct warden_client client;
	struct warden_net remote, local;
};

static const struct login_accept_farewell farewells[] = {
	{ "imap", "* BYE " TOO_MANY "\r\n" },
	{ "pop3", "-ERR " TOO_MANY "\r\n" },
	{ "submission", "421 4.7.0 " TOO_MANY "\r\n" },
	{ "sieve", "BYE \"" TOO_MANY "\"\r\n" },
};

static struct {
	struct warden *warden;
	struct timeout *to_wrap;
	master_service_connection_callback_t *original;
	enum warden_protocol protocol;
	const char *farewell; /* NULL: a protocol that we do not speak */
	pid_t pid;
	/* the process was started to serve one connection */
	bool one;
	/* told is ours to set, see hush() */
	bool may_hush, hushed;

	/* login_trusted_networks as this protocol has it: the service, which
	   exempts them for everybody, sees the setting outside of protocol { }
	   alone. Networks beyond the bound are left to it. */
	struct login_accept_network trusted[WARDEN_EXEMPT_MAX];
	unsigned int trusted_count;

	/* handed over by login_accept_take(), within one call of original */
	struct warden_session session;
	bool session_offered;

	/* refused by login_accept_judge_first() and not closed yet; or -1 */
	int refused_fd;
	/* where that accepted one whose name it did not know; or -1 */
	int deferred_listen_fd;
} accepting;

/* Each refusal would tell the master "none free" and then "one free". For a
   moment the master sees no free process and forks one, up to its limit, and
   then it kills the oldest honest session. So while the process waits, told
   is kept at 0: lib-master's "none free" at the next accept is then no news,
   and is not written. The master goes on believing what is true: one free.

   Only where nothing else can come between accept and our callback, or write
   a status while the process waits: it serves a single connection (avail is
   0 or 1), no listener is HAProxy's (whose callback comes later), and the
   master has really been told 1. */
static void hush(struct master_service *service)
{
	if (!accepting.may_hush || service->stopping ||
	    !service->initial_status_sent ||
	    service->master_status.available_count != 1 ||
	    service->last_sent_status_avail_count != 1)
		return;
	service->last_sent_status_avail_count = 0;
	accepting.hushed = TRUE;
}

/* The connection will be served: now the master must hear "none free". avail
   is 0 and told becomes 1, so the update differs and counts as important: it
   is written, or retried until it is. */
static void unhush(struct master_service *service)
{
	if (!accepting.hushed)
		return;
	accepting.hushed = FALSE;
	service->last_sent_status_avail_count = 1;
	master_status_update(service);
}

static void admit(struct master_service_connection *conn)
{
	unhush(master_service);
	accepting.original(conn);
}

/* The process serves one connection: total = left = 1, avail = 0, and without
   care the refusal would be this one. Two left while one connection is
   destroyed: left <> total, so left goes back to 1, avail (0) < total (1) goes
   back to 1, and the process does not end, unless its master is gone.

   lib-master believes the connection accepted, so that it does not close and
   destroy it a second time after we return; it has avail = 1 then and keeps
   its listeners. told = 1 = avail during the destroy: nothing is written, and
   the assertion that the initial status was sent holds, since hush() saw it.
   Not hushed (the first refusal, HAProxy, a client that waited for its name):
   the master was told 0 at accept and is told 1 here, as for any
   connection. */
static void refuse_keep_count(struct master_service *service,
			      struct master_service_connection *conn)
{
	master_service_client_connection_accept(conn);
	(void)close(conn->fd);

	WARDEN_COMPAT_COUNT_LEFT(service)++;
	if (accepting.hushed)
		service->last_sent_status_avail_count = 1;
	master_service_client_connection_destroyed(service);
	accepting.hushed = FALSE;
	hush(service);
}

/* Not accepting is enough: lib-master closes and destroys when we return. It
   would also take one off left, as if the client had been served; a process
   with a finite count would be used up by refusals, at 10 ms each. So the count
   is handed back first. left is never below total, so with one more it is
   not total: the destroy leaves left and avail (< total, since the accept took
   one off) as they were before the accept. A stopping process has left = total
   and must come down to 0 to end: nothing is handed back there. */
static void refuse(struct master_service_connection *conn)
{
	struct master_service *service = master_service;

	if (service->stopping ||
	    WARDEN_COMPAT_COUNT_LEFT(service) >= UINT_MAX - 1)
		return;
	if (accepting.one)
		refuse_keep_count(service, conn);
	else if (WARDEN_COMPAT_MAY_HAND_BACK(service))
		WARDEN_COMPAT_COUNT_LEFT(service)++;
}

static bool is_listening(const struct master_service *service)
{
	unsigned int i;

	for (i = 0; i < service->socket_count; i++) {
		if (service->listeners[i].fd != -1)
			return TRUE;
	}
	return FALSE;
}

/* The same for one that waited for its client's name. lib-master has long
   returned from its accept, and the rest is ours to do. With the last connection
   of a process lib-master of 2.3.13 closes the listeners, later ones when the
   master says so: such a process cannot serve another, and must end. */
static void refuse_waited(struct master_service_connection *conn)
{
	struct master_service *service = master_service;
	bool listening = is_listening(service);

	if (accepting.one && listening && !service->stopping) {
		refuse_keep_count(service, conn);
		return;
	}
	(void)close(conn->fd);
	if (listening)
		refuse(conn);
	master_service_client_connection_destroyed(service);
}

/* A few bytes into an empty send buffer, or none. A close with something
   unread resets the connection, and the reset can overtake the words: so what
   has come already is read, once. */
static void say_too_many(const struct master_service_connection *conn,
			 enum warden_refusal refusal)
{
	char drain[DRAIN_BYTES];
	int fd = conn->fd;

	if (refusal != WARDEN_REFUSED_SESSIONS || conn->ssl ||
	    WARDEN_COMPAT_CONN_PROXY(conn).ssl || accepting.farewell == NULL)
		return;
	(void)send(fd, accepting.farewell, strlen(accepting.farewell),
		   MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, drain, sizeof(drain), MSG_DONTWAIT);
}

static bool is_trusted(const struct ip_addr *ip)
{
	const struct login_accept_network *net = accepting.trusted;
	unsigned int i;

	for (i = 0; i < accepting.trusted_count; i++, net++) {
		if (net_is_in_network(ip, &net->ip, net->bits))
			return TRUE;
	}
	return FALSE;
}

/* false: nobody judges it. */
static bool client_get(const struct ip_addr *remote_ip,
		       const struct ip_addr *local_ip,
		       struct login_accept_client *client_r)
{
	i_zero(client_r);
	if (!warden_glue_net(&client_r->remote, remote_ip) ||
	    is_trusted(remote_ip))
		return FALSE;
	client_r->client.remote = &client_r->remote;
	if (warden_glue_net(&client_r->local, local_ip))
		client_r->client.local = &client_r->local;
	client_r->client.protocol = accepting.protocol;
	client_name_find(&client_r->client);
	return TRUE;
}

/* With access sockets the rest comes after we have returned, and so does
   login_accept_take(): then only ask here, count there. */
static enum warden_refusal judge(const struct warden_client *client)
{
	const char *sockets =
		WARDEN_COMPAT_ACCESS_SOCKETS(global_login_settings);
	enum warden_refusal refusal;

	if (*sockets != '\0') {
		return warden_check(accepting.warden, client,
				    WARDEN_STAGE_ACCEPT, warden_clock_now());
	}
	refusal = warden_session_open(accepting.warden, client, accepting.pid,
				      warden_clock_now(), &accepting.session);
	accepting.session_offered = refusal == WARDEN_ADMITTED;
	return refusal;
}

/* Nobody took it: Dovecot made no client of the connection. */
static void close_offered_session(void)
{
	if (!accepting.session_offered)
		return;
	accepting.session_offered = FALSE;
	warden_session_close(accepting.warden, &accepting.session);
}

/* Its name is known now, or as good as known; also when the rules have changed
   meanwhile there is no second wait. */
static void login_accept_named(struct master_service_connection *conn)
{
	struct login_accept_client client;
	enum warden_refusal refusal = WARDEN_ADMITTED;

	if (!warden_is_retired(accepting.warden) &&
	    client_get(&conn->remote_ip, &conn->local_ip, &client))
		refusal = judge(&client.client);
	if (refusal != WARDEN_ADMITTED) {
		say_too_many(conn, refusal);
		refuse_waited(conn);
		return;
	}
	accepting.original(conn);
	close_offered_session();
}

static bool must_wait(const struct warden_client *client)
{
	return warden_name_matters(accepting.warden, client,
				   WARDEN_STAGE_ACCEPT, warden_clock_now());
}

/* For lib-master it is accepted and served: others are served meanwhile, by
   this process or, if that serves one at a time, by others. */
static void wait_for_name(struct master_service_connection *conn,
			  const struct warden_client *client)
{
	uint64_t now = warden_clock_now();
	const struct warden_policy *policy =
		warden_policy(accepting.warden, now);
	struct warden_session session;
	enum warden_refusal refusal = warden_session_wait(
		accepting.warden, client, accepting.pid, now, &session);

	if (refusal != WARDEN_ADMITTED) {
		say_too_many(conn, refusal);
		refuse(conn);
		return;
	}
	unhush(master_service);
	master_service_client_connection_accept(conn);
	login_wait_add(conn, client->remote, &session,
		       policy == NULL ? NO_POLICY_WAIT_MSECS :
					policy->dns_timeout_secs * 1000);
}

static void login_accept_connected(struct master_service_connection *conn)
{
	struct login_accept_client client;
	enum warden_refusal refusal;

	if (warden_is_retired(accepting.warden)) {
		/* Serve this one uncounted and let another process, with the
		   new table, take the next. */
		admit(conn);
		master_service_stop_new_connections(master_service);
		return;
	}
	if (!client_get(&conn->remote_ip, &conn->local_ip, &client)) {
		admit(conn);
		return;
	}
	if (must_wait(&client.client)) {
		wait_for_name(conn, &client.client);
		return;
	}
	refusal = judge(&client.client);
	if (refusal != WARDEN_ADMITTED) {
		say_too_many(conn, refusal);
		refuse(conn);
		return;
	}
	admit(conn);
	close_offered_session();
}

bool login_accept_take(struct warden_session *session_r)
{
	if (!accepting.session_offered)
		return FALSE;
	accepting.session_offered = FALSE;
	*session_r = accepting.session;
	return TRUE;
}

static void close_refused_first(void)
{
	if (accepting.refused_fd == -1)
		return;
	(void)close(accepting.refused_fd);
	accepting.refused_fd = -1;
}

static bool have_haproxy_listener(const struct master_service *service)
{
	unsigned int i;

	for (i = 0; i < service->socket_count; i++) {
		if (service->listeners[i].haproxy)
			return TRUE;
	}
	return FALSE;
}

/* As lib-master does with a connection that it was handed over. */
static void serve_deferred(struct master_service *service)
{
	const struct master_service_listener *listener;
	struct master_service_connection conn;

	i_zero(&conn);
	conn.fd = WARDEN_COMPAT_ACCEPTED_FD;
	conn.listen_fd = accepting.deferred_listen_fd;
	listener = &service->listeners[conn.listen_fd - MASTER_LISTEN_FD_FIRST];
	conn.ssl = listener->ssl;
	conn.name = listener->name != NULL ? listener->name : "";
	WARDEN_COMPAT_CONN_SET_TYPE(&conn, listener);
	(void)net_getpeername(conn.fd, &conn.remote_ip, &conn.remote_port);
	(void)net_getsockname(conn.fd, &conn.local_ip, &conn.local_port);
	conn.real_remote_ip = conn.remote_ip;
	conn.real_remote_port = conn.remote_port;
	conn.real_local_ip = conn.local_ip;
	conn.real_local_port = conn.local_port;
	net_set_nonblock(conn.fd, TRUE);

	accepting.deferred_listen_fd = -1;
	master_service_client_connection_created(service);
	master_service_client_connection_callback(service, &conn);
}

/* The callback is set by master_service_run(), which comes after plugin init.
   A timeout of 0 ms runs before the first connection is accepted. */
static void login_accept_wrap(void *context ATTR_UNUSED)
{
	struct master_service *service = master_service;

	timeout_remove(&accepting.to_wrap);
	close_refused_first();
	if (service->callback == NULL)
		return;
	accepting.original = service->callback;
	service->callback = login_accept_connected;

	accepting.one = WARDEN_COMPAT_COUNT_LEFT(service) == 1;
	accepting.may_hush = accepting.one && !have_haproxy_listener(service);
	if (accepting.deferred_listen_fd != -1)
		serve_deferred(service);
	hush(service);
}

/* As Dovecot does for each client: all up to one that it cannot read. */
static void login_accept_read_trusted(void)
{
	const char *const *nets =
		WARDEN_COMPAT_TRUSTED_NETWORKS(global_login_settings);
	struct login_accept_network *net = accepting.trusted;

	for (; *nets != NULL; nets++, net++) {
		if (accepting.trusted_count == N_ELEMENTS(accepting.trusted) ||
		    net_parse_range(*nets, &net->ip, &net->bits) < 0)
			return;
		accepting.trusted_count++;
	}
}

/* Until a process says that it waits, the master of 2.4.2 and later accepts
   whatever comes and starts one more process for each: nothing of ours runs
   before that. So it must hear of us as early as can be, and before the client
   learns that it is refused and comes again: hence the fd stays open until
   login_accept_wrap(). It hears only what lib-master would tell it a little
   later, since no connection was created and one is free. */
static void login_accept_refuse_first(struct master_service *service, int fd)
{
	WARDEN_COMPAT_ACCEPTED_LISTENER_UNSET(service);
	accepting.refused_fd = fd;
	master_status_update(service);
}

/* From 2.4.2 on the master may have accepted a connection for this process
   before it was started, and Dovecot makes a client of it before any timeout
   runs: login_accept_connected() does not see it, so it is judged here. One that
   is refused is never created, so there is no count to hand back. One that is
   not counts only when Dovecot has made a client of it and knows whether it is
   trusted: that takes long, and what a trusted proxy opens meanwhile would be
   refused. One that has to wait for its name is handed to
   login_accept_connected() as soon as that is there. */
static void login_accept_judge_first(struct master_service *service)
{
	const struct master_service_listener *listener;
	struct master_service_connection conn;
	struct login_accept_client client;
	struct warden_session session;
	enum warden_refusal refusal;

	i_zero(&conn);
	conn.listen_fd = WARDEN_COMPAT_ACCEPTED_LISTENER(service);
	if (conn.listen_fd == -1)
		return;
	conn.fd = WARDEN_COMPAT_ACCEPTED_FD;
	listener = &service->listeners[conn.listen_fd - MASTER_LISTEN_FD_FIRST];
	conn.ssl = listener->ssl;
	(void)net_getsockname(conn.fd, &conn.local_ip, NULL);
	/* the address would be that of HAProxy */
	if (listener->haproxy ||
	    net_getpeername(conn.fd, &conn.remote_ip, NULL) < 0 ||
	    !client_get(&conn.remote_ip, &conn.local_ip, &client))
		return;
	if (must_wait(&client.client)) {
		WARDEN_COMPAT_ACCEPTED_LISTENER_UNSET(service);
		accepting.deferred_listen_fd = conn.listen_fd;
		return;
	}
	refusal = warden_session_open(accepting.warden, &client.client,
				      accepting.pid, warden_clock_now(),
				      &session);
	if (refusal == WARDEN_ADMITTED) {
		warden_session_close(accepting.warden, &session);
		return;
	}
	login_accept_refuse_first(service, conn.fd);
	say_too_many(&conn, refusal);
}

void login_accept_init(struct warden *w)
{
	unsigned int i;

	i_zero(&accepting);
	login_accept_read_trusted();
	accepting.warden = w;
	accepting.pid = getpid();
	accepting.protocol = warden_protocol_find(login_binary->protocol);
	accepting.refused_fd = -1;
	accepting.deferred_listen_fd = -1;
	login_wait_init(w, login_accept_named);
	for (i = 0; i < N_ELEMENTS(farewells); i++) {
		if (strcmp(farewells[i].protocol, login_binary->protocol) == 0)
			accepting.farewell = farewells[i].text;
	}
	accepting.to_wrap = timeout_add_short(0, login_accept_wrap,
					      (void *)NULL);
	login_accept_judge_first(master_service);
}

void login_accept_deinit(void)
{
	timeout_remove(&accepting.to_wrap);
	close_refused_first();
	login_wait_deinit();
	i_zero(&accepting);
}
