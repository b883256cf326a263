/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_HOSTS_DENY_H
#define WARDEN_HOSTS_DENY_H

#include <stdbool.h>

#include "warden-error.h"

/* The one line in /etc/hosts.deny that makes libwrap read the deny file:

     ALL: /var/lib/dovecot/warden/hosts.deny

   For `doveadm warden setup` and the self-check of `status`. */

enum warden_hosts_deny_result {
	WARDEN_HOSTS_DENY_ERROR = -1,
	WARDEN_HOSTS_DENY_UNCHANGED = 0, /* it was so already */
	WARDEN_HOSTS_DENY_CHANGED = 1,
};

/* Does the file have a rule with deny_file as its client list? 1, 0; -1: the
   file cannot be read. *daemons_r (may be NULL): the rule's daemon list, at
   most size bytes with its NUL. A file that is missing has no rule. */
int warden_hosts_deny_find(const char *path, const char *deny_file,
			   char *daemons_r, size_t size,
			   struct warden_error *error_r);

/* Add the rule at the end, or change its daemons; daemons is "ALL" or a list
   with blanks or commas. Every other byte, mode and owner stay. A file that
   is missing is made, 0644. A file that libwrap could not read whole (last
   line without newline, a line over 2047 bytes) is an error: appending to it
   would change what it means. */
enum warden_hosts_deny_result
warden_hosts_deny_add(const char *path, const char *deny_file,
		      const char *daemons, struct warden_error *error_r);
/* Take out what add put in: every other byte is as it was, and a file that add
   made is removed if nothing else has come into it. A rule that somebody wrote
   with other clients or an option beside deny_file is an error that names its
   line, here and when add would have to change its daemons. */
enum warden_hosts_deny_result
warden_hosts_deny_remove(const char *path, const char *deny_file,
			 struct warden_error *error_r);

#endif
