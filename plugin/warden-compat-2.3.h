/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_2_3_H
#define WARDEN_COMPAT_2_3_H

/* Dovecot 2.3.13 to 2.3.21. Included by warden-compat.h only. */

/* --- Everywhere --- */

/* Dovecot's runtime directory. Settings must have been read. */
#define warden_compat_base_dir() \
	(master_service_settings_get(master_service)->base_dir)

/* --- Login --- */

/* How many more connections the process will serve; UINT_MAX: any number. */
#define WARDEN_COMPAT_COUNT_LEFT(service) ((service)->service_count_left)
/* A process that may serve several connections can take back that it has
   served one. This master knows only how many it has free, and takes a number
   that rises again for clients that left. */
#define WARDEN_COMPAT_MAY_HAND_BACK(service) TRUE

/* The fd of the listener at which the master has accepted a connection for
   this process before it was started; -1: this master does not, or has not.
   Settable. */
#define WARDEN_COMPAT_ACCEPTED_LISTENER(service) (-1)
#define WARDEN_COMPAT_ACCEPTED_LISTENER_UNSET(service) ((void)(service))
#define WARDEN_COMPAT_ACCEPTED_FD (-1)

/* What HAProxy said of the connection that comes from it. */
#define WARDEN_COMPAT_CONN_PROXY(conn) ((conn)->proxy)

/* A connection has the type of its listener, where there are types. */
#define WARDEN_COMPAT_CONN_SET_TYPE(conn, listener) ((void)(conn))

/* There is, or is to be, TLS between us and the client. */
#define WARDEN_COMPAT_CLIENT_TLS(client) ((client)->tls)
/* The TLS came by STARTTLS. */
#define WARDEN_COMPAT_CLIENT_STARTTLS(client) ((client)->starttls)
/* The banner, and Dovecot's reading of commands, wait for the client's TLS
   handshake. */
#define WARDEN_COMPAT_CLIENT_HANDSHAKE_FIRST(client) ((void)(client), FALSE)
/* The client was sent a challenge and has not answered yet; stays set after an
   exchange was cancelled. */
#define WARDEN_COMPAT_CLIENT_CHALLENGED(client) ((client)->auth_waiting)

/* It came from login_trusted_networks, and may name another address. */
#define WARDEN_COMPAT_CLIENT_TRUSTED(client) ((client)->trusted)

/* The networks of login_trusted_networks, on the data stack. */
#define WARDEN_COMPAT_TRUSTED_NETWORKS(set) \
	t_strsplit_spaces((set)->login_trusted_networks, ", ")

/* The server that we are a proxy for refused the login for good. There are one
   or two such types under different names, in security updates of one and the
   same version too, and always just these two around them. */
#define WARDEN_COMPAT_PROXY_REFUSED(type) \
	((type) > LOGIN_PROXY_FAILURE_TYPE_PROTOCOL && \
	 (type) < LOGIN_PROXY_FAILURE_TYPE_AUTH_TEMPFAIL)

/* The server behind us did not refuse, though Dovecot reports just that: auth
   has told the client to go to yet another one. */
#define WARDEN_COMPAT_CLIENT_REFERRED(client) ((void)(client), FALSE)

/* A client that was notified of CLIENT_DISCONNECT_RESOURCE_CONSTRAINT: do not log
   that the service is full. */
#define WARDEN_COMPAT_CLIENT_NOT_FULL(client) ((void)(client))

/* What the callback for a finished TLS handshake returns. */
#define warden_compat_handshake_t int
#define WARDEN_COMPAT_HANDSHAKE_OK 0

/* The rest of a connection may come after our callback has returned: each of
   these services is asked first, asynchronously (tcpwrap). "": none. */
#define WARDEN_COMPAT_ACCESS_SOCKETS(set) ((set)->login_access_sockets)

/* --- Auth --- */

/* The field of an auth event that holds the client's protocol. */
#define WARDEN_COMPAT_AUTH_FIELD_PROTOCOL "service"

/* Tell a caller that looks for credentials that there are none. */
#define WARDEN_COMPAT_NO_CREDENTIALS(callback, result, request) \
	(callback)((result), NULL, 0, (request))

#define WARDEN_COMPAT_EVENT_FILTER_MERGE(dest, src) \
	event_filter_merge((dest), (src))

/* --- Service --- */

/* Nothing of TLS. */
#if WARDEN_DOVECOT_MICRO >= 18
#  define WARDEN_COMPAT_SERVICE_FLAGS_NO_TLS \
	(MASTER_SERVICE_FLAG_DISABLE_SSL_SET | MASTER_SERVICE_FLAG_NO_SSL_INIT)
#else
#  define WARDEN_COMPAT_SERVICE_FLAGS_NO_TLS MASTER_SERVICE_FLAG_NO_SSL_INIT
#endif

#endif
