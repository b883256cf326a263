/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_PAM_LINES_H
#define WARDEN_PAM_LINES_H

#include "warden-error.h"

/* The lines in /etc/pam.d/sshd and others by which PAM asks pam_warden.so.
   For `doveadm warden setup --pam`. */

#define WARDEN_PAM_LINE_AUTH \
	"auth     [module_unknown=ignore ignore=ignore default=die] " \
	"pam_warden.so"
#define WARDEN_PAM_LINE_ACCOUNT \
	"account  [module_unknown=ignore ignore=ignore default=die] " \
	"pam_warden.so"

enum warden_pam_lines_result {
	WARDEN_PAM_LINES_ERROR = -1,
	WARDEN_PAM_LINES_UNCHANGED = 0, /* it was so already */
	WARDEN_PAM_LINES_CHANGED = 1,
};

/* Put them before all others of the file, under a comment. Every other byte,
   mode and owner stay. With them there already, also with options that somebody
   added, nothing changes. A line with pam_warden.so elsewhere is an error:
   twice it would count twice. So is a missing file: it would take the place of
   the rules for all services that have none. */
enum warden_pam_lines_result
warden_pam_lines_add(const char *path, struct warden_error *error_r);
/* Take out what add put in: every other byte is as it was. */
enum warden_pam_lines_result
warden_pam_lines_remove(const char *path, struct warden_error *error_r);

#endif
