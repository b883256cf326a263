/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_H
#define WARDEN_COMPAT_H

/* The only place that knows that Dovecot's versions differ. Each difference is
   one name here, with one meaning for every version, so that no function
   elsewhere is cut by #if. Macros, so that a file which does not use a name
   needs no header for it: in some versions the headers of login and auth
   cannot both be included. Include after Dovecot's lib.h. */

#include "master-service.h"
#include "master-service-settings.h"

#if !defined(DOVECOT_VERSION_MAJOR) || !defined(DOVECOT_VERSION_MINOR)
#  error "these are not the headers of a Dovecot that warden knows"
#elif DOVECOT_VERSION_MAJOR == 2 && DOVECOT_VERSION_MINOR == 3

/* --- Everywhere --- */

/* Dovecot's runtime directory. Settings must have been read. */
#define warden_compat_base_dir() \
	(master_service_settings_get(master_service)->base_dir)

/* --- Login --- */

/* How many more connections the process will serve; UINT_MAX: any number. */
#define WARDEN_COMPAT_COUNT_LEFT(service) ((service)->service_count_left)
/* A process that may serve several connections can take back that it has
   served one. This master knows only how many it has free, and takes a number
   that rises again for clients that left. (A master that is told when a
   process retires, as from 2.4.4 on, panics if that process comes back.) With
   a count of 1 it is always possible. */
#define WARDEN_COMPAT_MAY_HAND_BACK TRUE

/* There is, or is to be, TLS between us and the client. */
#define WARDEN_COMPAT_CLIENT_TLS(client) ((client)->tls)
/* The TLS came by STARTTLS. */
#define WARDEN_COMPAT_CLIENT_STARTTLS(client) ((client)->starttls)
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

/* The rest of a connection may come after our callback has returned: each of
   these services is asked first, asynchronously (tcpwrap). */
#define WARDEN_COMPAT_ACCESS_SOCKETS(set) ((set)->login_access_sockets)

/* --- Auth --- */

/* The field of an auth event that holds the client's protocol. */
#define WARDEN_COMPAT_AUTH_FIELD_PROTOCOL "service"

#define WARDEN_COMPAT_EVENT_FILTER_MERGE(dest, src) \
	event_filter_merge((dest), (src))

#else
#  error "warden does not know this version of Dovecot yet"
#endif

#endif
