/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_DENY_H
#define WARDEN_DENY_H

#include <stdbool.h>
#include <stddef.h>

#include "warden-address.h"
#include "warden-error.h"

/* The deny file: one client pattern of hosts_access(5) a line, for the line
   "ALL: /var/lib/dovecot/warden/hosts.deny" in /etc/hosts.deny.

   libwrap reads whenever a client connects, and half an address is another
   address. So the file is only ever replaced as a whole: written beside it,
   every write checked, renamed.

   There is no comment in it: libwrap takes each word for a pattern. */

#define WARDEN_DENY_MAX 20000 /* lines */

/* Replace path by a file with these networks, in this order, at most
   WARDEN_DENY_MAX; mode 0644. No networks: an empty file. false: *error_r
   says why, and the old file is still there, whole. */
bool warden_deny_write(const char *path, const struct warden_net *nets,
		       size_t count, struct warden_error *error_r);

#endif
