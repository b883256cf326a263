/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_SETUP_PAM_H
#define DOVEADM_SETUP_PAM_H

#include "doveadm-setup.h"

#define DOVEADM_SETUP_PAM_DIR "/etc/pam.d"

/* `doveadm warden setup --pam`: services are names of files in /etc/pam.d, with
   blanks or commas. false: said, and the exit code is set. */
bool doveadm_setup_pam(const char *services, enum doveadm_setup_what what);

#endif
