/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef PAM_WARDEN_OPTIONS_H
#define PAM_WARDEN_OPTIONS_H

#include <stdbool.h>

#define PAM_WARDEN_DIR_SIZE 1024

/* What stands behind pam_warden.so in the line of /etc/pam.d. */
struct pam_warden_options {
	char dir[PAM_WARDEN_DIR_SIZE]; /* where the shared files are */
	bool observe;		       /* refuse nobody */
	bool nocount;		       /* refuse only */
	bool debug;
};

/* Returns the first word that is no option of ours, or NULL. It changes
   nothing: a typing mistake must not shut anybody out. */
const char *pam_warden_options_parse(struct pam_warden_options *options_r,
				     int argc, const char *const *argv);

#endif
