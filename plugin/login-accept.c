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
#include "login-accept.h"

#include <sys/socket.h>
#include <unistd.h>

#define TOO_MANY "Too many connections from your address have not logged in."

/* How much of a text that a client has sent already is read before its
   connection is closed, see say_too_many(). */
#define DRAIN_BYTES 4096

struct login_accept_farewell {
	const char *protocol;
	const char *text;
};

struct login_accept_network {
	struct ip_addr ip;
	unsigned int bits;
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
   Not hushed (the first refusal, or HAProxy): the master was told 0 at accept
   and is told 1 here, as for any connection. */
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

/* A few bytes into an empty send buffer, or none. A close with something
   unread resets the connection, and the reset can overtake the words: so what
   has come already is read, once. */
static void say_too_many(int fd)
{
	char drain[DRAIN_BYTES];

	if (accepting.farewell == NULL)
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

/* With access sockets the rest comes after we have returned, and so does
   login_accept_take(): then only ask here, count there. */
static enum warden_refusal judge(const struct master_service_connection *conn,
				 const struct warden_net *remote)
{
	struct warden_net local;
	struct warden_client client = {
		.remote = remote,
		.local = warden_glue_net(&local, &conn->local_ip) ? &local :
								    NULL,
		.protocol = accepting.protocol,
	};
	const char *sockets =
		WARDEN_COMPAT_ACCESS_SOCKETS(global_login_settings);
	enum warden_refusal refusal;

	if (*sockets != '\0') {
		return warden_check(accepting.warden, &client,
				    WARDEN_STAGE_ACCEPT, warden_clock_now());
	}
	refusal = warden_session_open(accepting.warden, &client, accepting.pid,
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

static void login_accept_connected(struct master_service_connection *conn)
{
	struct warden_net remote;
	enum warden_refusal refusal;

	if (warden_is_retired(accepting.warden)) {
		/* Serve this one uncounted and let another process, with the
		   new table, take the next. */
		admit(conn);
		master_service_stop_new_connections(master_service);
		return;
	}
	if (!warden_glue_net(&remote, &conn->remote_ip) ||
	    is_trusted(&conn->remote_ip)) {
		admit(conn);
		return;
	}
	refusal = judge(conn, &remote);
	if (refusal != WARDEN_ADMITTED) {
		if (refusal == WARDEN_REFUSED_SESSIONS && !conn->ssl &&
		    !WARDEN_COMPAT_CONN_PROXY_TLS(conn))
			say_too_many(conn->fd);
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
   refused. */
static void login_accept_judge_first(struct master_service *service)
{
	const struct master_service_listener *listener;
	struct ip_addr remote_ip, local_ip;
	struct warden_net remote, local;
	struct warden_session session;
	int listen_fd = WARDEN_COMPAT_ACCEPTED_LISTENER(service);
	int fd = WARDEN_COMPAT_ACCEPTED_FD;
	enum warden_refusal refusal;
	struct warden_client client = { .remote = &remote,
					.protocol = accepting.protocol };

	if (listen_fd == -1)
		return;
	listener = &service->listeners[listen_fd - MASTER_LISTEN_FD_FIRST];
	/* the address would be that of HAProxy */
	if (listener->haproxy || net_getpeername(fd, &remote_ip, NULL) < 0 ||
	    !warden_glue_net(&remote, &remote_ip) || is_trusted(&remote_ip))
		return;
	if (net_getsockname(fd, &local_ip, NULL) == 0 &&
	    warden_glue_net(&local, &local_ip))
		client.local = &local;
	refusal = warden_session_open(accepting.warden, &client, accepting.pid,
				      warden_clock_now(), &session);
	if (refusal == WARDEN_ADMITTED) {
		warden_session_close(accepting.warden, &session);
		return;
	}
	login_accept_refuse_first(service, fd);
	if (refusal == WARDEN_REFUSED_SESSIONS && !listener->ssl)
		say_too_many(fd);
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
	i_zero(&accepting);
}
