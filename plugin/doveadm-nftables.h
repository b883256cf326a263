/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_NFTABLES_H
#define DOVEADM_NFTABLES_H

#include "warden-address.h"

struct warden_settings;

/* What the kernel does with packets from an address, for `why` and `check`. It
   does so before any daemon sees them. On the data stack. */

enum doveadm_nftables_state {
	DOVEADM_NFTABLES_UNWANTED, /* warden_nftables is not set */
	DOVEADM_NFTABLES_PASSES,
	DOVEADM_NFTABLES_DROPS,
	DOVEADM_NFTABLES_UNKNOWN, /* it could not be asked */
};

struct doveadm_nftables {
	enum doveadm_nftables_state state;
	const char *sentence; /* NULL: unwanted */
};

/* is_cli: only there the kernel is asked; a doveadm that serves others must
   not end when the library has no memory. */
void doveadm_nftables_look(const struct warden_settings *set, bool is_cli,
			   const struct warden_net *net,
			   struct doveadm_nftables *nftables_r);
/* "", "passes", "drops", "unknown" */
const char *doveadm_nftables_name(const struct doveadm_nftables *nftables);

#endif
