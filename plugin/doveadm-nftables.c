/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A host that nftables drops is refused by every daemon, whatever hosts.allow
   and the table say of it: the client sees no answer at all, and an admin who
   looks for the reason finds none in any log. */

#include "doveadm-warden.h"
#include "doveadm-nftables.h"
#include "warden-nft-ask.h"

static const char *const state_names[] = {
	[DOVEADM_NFTABLES_UNWANTED] = "",
	[DOVEADM_NFTABLES_PASSES] = "passes",
	[DOVEADM_NFTABLES_DROPS] = "drops",
	[DOVEADM_NFTABLES_UNKNOWN] = "unknown",
};

const char *doveadm_nftables_name(const struct doveadm_nftables *nftables)
{
	return state_names[nftables->state];
}

/* "warden4 and warden6 of table inet filter" */
static const char *sets_text(const struct warden_nft_names *names)
{
	char table[WARDEN_NFT_TABLE_STRLEN], sets[WARDEN_NFT_SETS_STRLEN];

	return t_strdup_printf("%s of table %s",
			       warden_nft_sets_format(names, sets),
			       warden_nft_table_format(names, table));
}

static int ask(const struct warden_nft_names *names, bool is_cli,
	       const struct warden_net *net, struct warden_error *error_r)
{
	if (is_cli)
		return warden_nft_ask(names, net, error_r);
	warden_error_set(error_r, "only on the command line");
	return -1;
}

void doveadm_nftables_look(const struct warden_settings *set, bool is_cli,
			   const struct warden_net *net,
			   struct doveadm_nftables *nftables_r)
{
	const struct warden_nft_names *names = &set->nftables;
	struct warden_error error;

	i_zero(nftables_r);
	if (names->family[0] == '\0')
		return;
	switch (ask(names, is_cli, net, &error)) {
	case 1:
		nftables_r->state = DOVEADM_NFTABLES_DROPS;
		nftables_r->sentence = t_strdup_printf(
			"its packets are dropped, whatever daemon they are "
			"for: it is in %s",
			sets_text(names));
		break;
	case 0:
		nftables_r->state = DOVEADM_NFTABLES_PASSES;
		nftables_r->sentence = t_strdup_printf(
			"its packets pass: it is not in %s", sets_text(names));
		break;
	default:
		nftables_r->state = DOVEADM_NFTABLES_UNKNOWN;
		nftables_r->sentence = t_strdup_printf(
			"packets of blocked hosts are dropped, the service "
			"puts them into %s; whether this one is there cannot "
			"be told: %s",
			sets_text(names), error.text);
		break;
	}
}
