/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_NFT_H
#define WARDEN_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-error.h"

/* nftables, through libnftables. The library is loaded when it is asked for and
   only by whoever asks, the service and `doveadm warden` on the command line:
   no process that a stranger talks to has it, and where it is missing all else
   works.

   It ends its process if it gets no memory (nft is a command to its authors),
   and with a large set it needs tens of megabytes. */

#define WARDEN_NFT_MEMORY ((size_t)96 * 1024 * 1024)

struct warden_nft;

/* NULL: no library here, or no such sockets; *error_r says which. */
struct warden_nft *warden_nft_open(struct warden_error *error_r);
void warden_nft_close(struct warden_nft **nft);

/* Run all commands, or none if one of them is wrong. *output_r (may be NULL):
   what nft printed, without elements if terse; until the next call, by whomever
   in this process. *missing_r:
   it is wrong because there is no such table, chain or set. */
bool warden_nft_run(struct warden_nft *nft, const char *commands, bool terse,
		    const char **output_r, bool *missing_r,
		    struct warden_error *error_r);

/* A number that changes whenever somebody changes something, by 1 with each
   warden_nft_run() that does. */
bool warden_nft_generation(struct warden_nft *nft, uint32_t *generation_r,
			   struct warden_error *error_r);

#endif
