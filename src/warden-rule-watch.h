/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_RULE_WATCH_H
#define WARDEN_RULE_WATCH_H

#include "warden-rules.h"

/* Notices when hosts.allow, hosts.deny or a file that they name has changed,
   and compiles them anew.

   By looking at each file's inode, size and times, a few times a second. That
   costs some microseconds, needs nothing of the kernel that can run out, and
   sees what a watch on a directory does not: a change behind a symbolic link,
   on a network's disk or by another mount. Editors rename a new file over the
   old one, or write into it: so a file is read only when it has looked the same
   twice, and again if it changed while it was read. */

enum warden_rule_watch_result {
	WARDEN_RULE_WATCH_SAME, /* nothing to do */
	WARDEN_RULE_WATCH_NEW,	/* *image_r is the caller's; no data: no rules */
	WARDEN_RULE_WATCH_BAD,	/* *error_r says why; told once */
};

struct warden_rule_watch;

/* Paths as in warden_hosts_allow and so on, "" = none; they stay the caller's
   and outlive the watch. NULL: no memory. */
struct warden_rule_watch *
warden_rule_watch_create(const char *allow_path, const char *deny_path,
			 const char *own_deny_file);
void warden_rule_watch_free(struct warden_rule_watch **watch);

/* Look. The first time the files are read at once. notices_r: of a new image.
   The service, at each tick. */
enum warden_rule_watch_result
warden_rule_watch_look(struct warden_rule_watch *watch,
		       struct warden_rules_image *image_r,
		       struct warden_rules_notices *notices_r,
		       struct warden_error *error_r);

#endif
