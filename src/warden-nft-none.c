/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* In the place of warden-nft.c, by configure --without-nftables or where the
   headers of libnftables were not there. */

#include "warden-nft.h"

struct warden_nft *warden_nft_open(struct warden_error *error_r)
{
	warden_error_set(error_r, "this dovecot-warden was built without "
				  "libnftables");
	return NULL;
}

void warden_nft_close(struct warden_nft **nft)
{
	(void)nft;
}

bool warden_nft_run(struct warden_nft *nft, const char *commands, bool terse,
		    const char **output_r, bool *missing_r,
		    struct warden_error *error_r)
{
	(void)nft;
	(void)commands;
	(void)terse;
	(void)output_r;
	*missing_r = false;
	warden_error_set(error_r, "nftables is not built in");
	return false;
}

bool warden_nft_generation(struct warden_nft *nft, uint32_t *generation_r,
			   struct warden_error *error_r)
{
	(void)nft;
	(void)generation_r;
	warden_error_set(error_r, "nftables is not built in");
	return false;
}
