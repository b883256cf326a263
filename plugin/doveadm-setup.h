/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_SETUP_H
#define DOVEADM_SETUP_H

/* Compiled into every libwrap: no setting of ours could change it. */
#define DOVEADM_SETUP_HOSTS_DENY "/etc/hosts.deny"

/* What to do with what --pam and --nftables are about. */
enum doveadm_setup_what {
	DOVEADM_SETUP_PRINT,
	DOVEADM_SETUP_ADD,
	DOVEADM_SETUP_REMOVE,
};
/* "print", "add", "remove" */
const char *doveadm_setup_what_name(enum doveadm_setup_what what);

#endif
