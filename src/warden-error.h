/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ERROR_H
#define WARDEN_ERROR_H

/* Why a call failed, as one line for the log or the terminal, without a
   newline. The caller owns it; a call that succeeds leaves it alone. */
struct warden_error {
	char text[512];
};

void warden_error_set(struct warden_error *error_r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
