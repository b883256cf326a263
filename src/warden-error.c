/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Texts of errors carry what admins and strangers typed. They end up in a log
   with one line per message, so no text may bring its own newline. */

#include "warden-error.h"

#include <stdarg.h>
#include <stdio.h>

void warden_error_set(struct warden_error *error_r, const char *fmt, ...)
{
	va_list args;
	char *p;

	va_start(args, fmt);
	if (vsnprintf(error_r->text, sizeof(error_r->text), fmt, args) < 0)
		error_r->text[0] = '\0';
	va_end(args);

	for (p = error_r->text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			*p = '?';
	}
}
