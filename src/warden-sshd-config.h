/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SSHD_CONFIG_H
#define WARDEN_SSHD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Does sshd ask PAM? By its configuration as sshd_config(5) has it: the first
   value of UsePAM counts, files of Include are read where that stands, what
   follows Match is not looked at, for UsePAM may not stand there, and without
   the line sshd does not ask. What the command line of a running sshd says
   (-f, -o) is not known. */

enum warden_sshd_pam {
	WARDEN_SSHD_PAM_UNKNOWN, /* the file cannot be read */
	WARDEN_SSHD_PAM_NO,
	WARDEN_SSHD_PAM_YES,
};

struct warden_sshd_config {
	enum warden_sshd_pam pam;
	/* the line that says so; line 0: none, the default */
	char file[PATH_MAX];
	uint32_t line;
};

/* Files that one Include may bring, and how deep they may nest, as sshd has it.
   Beyond that nothing is read. */
#define WARDEN_SSHD_CONFIG_FILES_MAX 256u
#define WARDEN_SSHD_CONFIG_DEPTH_MAX 16u

void warden_sshd_config_read(const char *path,
			     struct warden_sshd_config *config_r);

#endif
