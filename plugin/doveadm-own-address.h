/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_OWN_ADDRESS_H
#define DOVEADM_OWN_ADDRESS_H

#include "warden-address.h"

/* The address from which the admin is logged in by ssh. false: none, or it
   cannot be told. Only on the command line. */
bool doveadm_own_address(struct warden_net *net_r);

#endif
