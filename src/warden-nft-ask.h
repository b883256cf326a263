/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_NFT_ASK_H
#define WARDEN_NFT_ASK_H

#include "warden-address.h"
#include "warden-error.h"
#include "warden-nft-script.h"

/* Does the kernel drop what comes from there: is the network, or one around
   it, in the set for its addresses now? 1, 0; -1: it cannot be asked, *error_r
   says why. As root; one element is asked for, however many there are. */
int warden_nft_ask(const struct warden_nft_names *names,
		   const struct warden_net *net, struct warden_error *error_r);

#endif
