/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_SETUP_NFTABLES_H
#define DOVEADM_SETUP_NFTABLES_H

#include "doveadm-setup.h"

/* `doveadm warden setup --nftables`. false: said, and the exit code is set. */
bool doveadm_setup_nftables(enum doveadm_setup_what what);

#endif
