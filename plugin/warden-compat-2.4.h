/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_2_4_H
#define WARDEN_COMPAT_2_4_H

/* Dovecot 2.4.1 to 2.4.5. Included by warden-compat.h only, which see for the
   rules; the names are explained in warden-compat-2.3.h, and here where they
   differ in more than spelling. */

#include "settings-parser.h"

/* --- Everywhere --- */

#define warden_compat_base_dir() \
	(master_service_get_service_settings(master_service)->base_dir)

/* --- Login --- */

#define WARDEN_COMPAT_COUNT_LEFT(service) ((service)->restart_request_count_left)

/* From 2.4.4 on a process with its last connections and none free tells the
   master that it retires; with a client_limit above 1 the master panics if such
   a process comes back. As long as one is free it has not told. */
#if WARDEN_DOVECOT_MICRO >= 4
#  define WARDEN_COMPAT_MAY_HAND_BACK(service) \
	((service)->master_status.available_count > 0)
#else
#  define WARDEN_COMPAT_MAY_HAND_BACK(service) TRUE
#endif

#if WARDEN_DOVECOT_MICRO >= 2
#  define WARDEN_COMPAT_ACCEPTED_LISTENER(service) \
	((service)->accepted_listener_fd)
#  define WARDEN_COMPAT_ACCEPTED_LISTENER_UNSET(service) \
	((service)->accepted_listener_fd = -1)
#  define WARDEN_COMPAT_ACCEPTED_FD MASTER_ACCEPTED_CLIENT_FD
#else
#  define WARDEN_COMPAT_ACCEPTED_LISTENER(service) (-1)
#  define WARDEN_COMPAT_ACCEPTED_LISTENER_UNSET(service) ((void)(service))
#  define WARDEN_COMPAT_ACCEPTED_FD (-1)
#endif

#define WARDEN_COMPAT_CONN_PROXY(conn) ((conn)->haproxy)
#define WARDEN_COMPAT_CONN_SET_TYPE(conn, listener) \
	((conn)->type = (listener)->type != NULL ? (listener)->type : "")

#define WARDEN_COMPAT_CLIENT_TLS(client) ((client)->connection_tls_secured)
#define WARDEN_COMPAT_CLIENT_STARTTLS(client) \
	((client)->connection_used_starttls)
#define WARDEN_COMPAT_CLIENT_HANDSHAKE_FIRST(client) ((client)->defer_auth_ready)
#define WARDEN_COMPAT_CLIENT_CHALLENGED(client) \
	((client)->auth_client_continue_pending)

#define WARDEN_COMPAT_CLIENT_TRUSTED(client) ((client)->connection_trusted)
#define WARDEN_COMPAT_TRUSTED_NETWORKS(set) \
	settings_boollist_get(&(set)->login_trusted_networks)
#define WARDEN_COMPAT_PROXY_REFUSED(type) \
	((type) > LOGIN_PROXY_FAILURE_TYPE_PROTOCOL && \
	 (type) < LOGIN_PROXY_FAILURE_TYPE_AUTH_TEMPFAIL)
#define WARDEN_COMPAT_CLIENT_REFERRED(client) ((client)->auth_nologin_referral)
#define WARDEN_COMPAT_CLIENT_NOT_FULL(client) \
	((client)->shutting_down = FALSE, \
	 (client)->resource_constraint = FALSE)

#if WARDEN_DOVECOT_MICRO >= 2
#  define warden_compat_handshake_t enum ssl_iostream_state
#  define WARDEN_COMPAT_HANDSHAKE_OK SSL_IOSTREAM_STATE_OK
#else
#  define warden_compat_handshake_t int
#  define WARDEN_COMPAT_HANDSHAKE_OK 0
#endif

/* There are no such services any more. */
#define WARDEN_COMPAT_ACCESS_SOCKETS(set) ""

/* --- Auth --- */

#define WARDEN_COMPAT_AUTH_FIELD_PROTOCOL "protocol"

#if WARDEN_DOVECOT_MICRO >= 5
#  define WARDEN_COMPAT_NO_CREDENTIALS(callback, result, request) \
	(callback)((result), NULL, 0, NULL, (request))
#else
#  define WARDEN_COMPAT_NO_CREDENTIALS(callback, result, request) \
	(callback)((result), NULL, 0, (request))
#endif

#define WARDEN_COMPAT_EVENT_FILTER_MERGE(dest, src) \
	event_filter_merge((dest), (src), EVENT_FILTER_MERGE_OP_OR)

/* --- Service --- */

#define WARDEN_COMPAT_SERVICE_FLAGS_NO_TLS MASTER_SERVICE_FLAG_NO_SSL_INIT

#endif
