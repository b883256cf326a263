/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_SIEGE_H
#define AUTH_SIEGE_H

/* An account under siege, see warden-siege.h: auth alone knows its name, so it
   writes the line in the log when one begins. */

struct warden;

/* After warden_password_failed() of that user. user: any bytes, or NULL. */
void auth_siege_report(const struct warden *warden, const char *user);

#endif
