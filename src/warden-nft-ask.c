/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* For `doveadm warden why` and `check`: what the service has told the kernel
   may have been flushed since. */

#include "warden-nft-ask.h"

#include "warden-nft.h"

static int ask(struct warden_nft *nft, const struct warden_nft_names *names,
	       const struct warden_net *net, struct warden_error *error_r)
{
	char command[WARDEN_NFT_GET_STRLEN], list[WARDEN_NFT_LIST_STRLEN];
	char table[WARDEN_NFT_TABLE_STRLEN];
	uint32_t generation;
	bool missing;

	/* says in plain words what is amiss, which the library does not */
	if (!warden_nft_generation(nft, &generation, error_r))
		return -1;
	if (warden_nft_run(nft, warden_nft_get_format(names, net, command),
			   true, NULL, &missing, error_r))
		return 1;
	if (!missing)
		return -1;
	/* the element is missing, or the set */
	(void)warden_nft_list_format(names, net->family, list);
	if (warden_nft_run(nft, list, true, NULL, &missing, error_r))
		return 0;
	if (missing) {
		warden_error_set(error_r, "there is no such set in table %s",
				 warden_nft_table_format(names, table));
	}
	return -1;
}

int warden_nft_ask(const struct warden_nft_names *names,
		   const struct warden_net *net, struct warden_error *error_r)
{
	struct warden_nft *nft;
	int found;

	/* a table of family ip sees no IPv6 */
	if (!warden_nft_names_have(names, net->family))
		return 0;
	nft = warden_nft_open(error_r);
	if (nft == NULL)
		return -1;
	found = ask(nft, names, net, error_r);
	warden_nft_close(&nft);
	return found;
}
