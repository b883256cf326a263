/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_COUNT_H
#define AUTH_COUNT_H

#include "warden.h"

/* Count a failed attempt: now, or if hosts.allow may exempt the client by its
   name, when that is known. client and password are the caller's. */
void auth_count(struct warden *warden, const struct warden_client *client,
		enum warden_class class, const struct warden_password *password,
		uint64_t now);

/* Count what still waits, as if there were no names. */
void auth_count_deinit(void);

#endif
