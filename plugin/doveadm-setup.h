/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_SETUP_H
#define DOVEADM_SETUP_H

/* Compiled into every libwrap: no setting of ours could change it. */
#define DOVEADM_SETUP_HOSTS_DENY "/etc/hosts.deny"

#endif
