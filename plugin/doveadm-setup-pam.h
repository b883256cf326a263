/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_SETUP_PAM_H
#define DOVEADM_SETUP_PAM_H

enum doveadm_setup_pam {
	DOVEADM_SETUP_PAM_PRINT,
	DOVEADM_SETUP_PAM_ADD,
	DOVEADM_SETUP_PAM_REMOVE,
};

/* `doveadm warden setup --pam`: services are names of files in /etc/pam.d, with
   blanks or commas. false: said, and the exit code is set. */
bool doveadm_setup_pam(const char *services, enum doveadm_setup_pam what);

#endif
