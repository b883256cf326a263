/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The sets in nftables where the service puts whom it blocks, and the rules
   that drop what comes from there. Without --apply they are printed as nft
   reads them from a file: what is made in the kernel is gone with the next
   boot, so they belong into /etc/nftables.conf as well. */

#include "doveadm-warden.h"
#include "doveadm-record.h"
#include "doveadm-setup-nftables.h"
#include "warden-nft-script.h"
#include "warden-nft.h"

#include <stdio.h>
#include <stdlib.h>

struct nftables_setup {
	const struct warden_nft_names *names;
	struct warden_nft *nft;
	struct warden_error error;
	bool missing; /* what error is about */
	bool changed;
};

typedef void nftables_write_t(FILE *file, const struct warden_nft_names *names);

/* NULL: no memory. */
static const char *nftables_text(nftables_write_t *write,
				 const struct warden_nft_names *names)
{
	char *text = NULL;
	const char *copy = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (file == NULL)
		return NULL;
	write(file, names);
	if (fclose(file) == 0)
		copy = t_strndup(text, size);
	free(text);
	return copy;
}

static bool nftables_run(struct nftables_setup *setup, const char *commands,
			 const char **output_r)
{
	return warden_nft_run(setup->nft, commands, true, output_r,
			      &setup->missing, &setup->error);
}

/* What is in the table; "" if there is none. */
static bool nftables_look(struct nftables_setup *setup, const char **text_r)
{
	char table[WARDEN_NFT_TABLE_STRLEN];
	const char *text;

	if (nftables_run(setup,
			 t_strdup_printf("list table %s\n",
					 warden_nft_table_format(setup->names,
								 table)),
			 &text)) {
		*text_r = t_strdup(text);
		return TRUE;
	}
	*text_r = "";
	return setup->missing;
}

static bool nftables_add(struct nftables_setup *setup)
{
	const char *text, *commands;

	if (!nftables_look(setup, &text))
		return FALSE;
	if (warden_nft_has_all(text, setup->names))
		return TRUE;
	commands = nftables_text(warden_nft_write_setup, setup->names);
	setup->changed = TRUE;
	return nftables_run(setup, commands, NULL);
}

/* The table too, unless others have something in it. */
static bool nftables_remove(struct nftables_setup *setup)
{
	char table[WARDEN_NFT_TABLE_STRLEN];
	const char *text, *commands;

	if (!nftables_look(setup, &text))
		return FALSE;
	if (!warden_nft_has_any(text, setup->names))
		return TRUE;
	commands = nftables_text(warden_nft_write_remove, setup->names);
	setup->changed = TRUE;
	if (!nftables_run(setup, commands, NULL) ||
	    !nftables_look(setup, &text))
		return FALSE;
	if (!warden_nft_table_is_empty(text))
		return TRUE;
	return nftables_run(setup,
			    t_strdup_printf("delete table %s\n",
					    warden_nft_table_format(
						    setup->names, table)),
			    NULL);
}

static bool nftables_change(struct nftables_setup *setup,
			    enum doveadm_setup_what what)
{
	uint32_t generation;
	bool ok;

	if (what == DOVEADM_SETUP_PRINT)
		return TRUE;
	setup->nft = warden_nft_open(&setup->error);
	ok = setup->nft != NULL &&
		warden_nft_generation(setup->nft, &generation,
				      &setup->error) &&
		(what == DOVEADM_SETUP_ADD ? nftables_add(setup) :
					     nftables_remove(setup));
	warden_nft_close(&setup->nft);
	return ok;
}

/* On one line, as nft takes them too: some formatters have a record a line. */
static const char *commands_joined(const char *commands)
{
	return t_strarray_join(t_strsplit_spaces(commands, "\n"), "; ");
}

static void nftables_print_record(const struct nftables_setup *setup,
				  enum doveadm_setup_what what,
				  const char *commands)
{
	struct doveadm_record *record = doveadm_record_new();
	char buf[WARDEN_NFT_SETS_STRLEN];

	doveadm_record_str(record, "table",
			   t_strdup(warden_nft_table_format(setup->names,
							    buf)));
	doveadm_record_str(record, "sets",
			   t_strdup(warden_nft_sets_format(setup->names,
							   buf)));
	doveadm_record_str(record, "action", doveadm_setup_what_name(what));
	doveadm_record_str(record, "commands",
			   commands_joined(commands));
	doveadm_record_str(record, "changed", setup->changed ? "yes" : "no");
	doveadm_record_print(record);
}

static void nftables_say(const struct nftables_setup *setup,
			 enum doveadm_setup_what what, const char *commands)
{
	char table[WARDEN_NFT_TABLE_STRLEN], sets[WARDEN_NFT_SETS_STRLEN];

	(void)warden_nft_table_format(setup->names, table);
	(void)warden_nft_sets_format(setup->names, sets);
	switch (what) {
	case DOVEADM_SETUP_PRINT:
		doveadm_warden_say("# For /etc/nftables.conf, to have them "
				   "after a boot; --apply makes them now.\n%s",
				   t_strarray_join(t_strsplit_spaces(commands,
								     "\n"),
						   "\n"));
		break;
	case DOVEADM_SETUP_ADD:
		doveadm_warden_say("nftables, table %s: %s and the rules: %s.",
				   table, sets, setup->changed ? "made" :
				   "already there, nothing changed");
		break;
	case DOVEADM_SETUP_REMOVE:
		doveadm_warden_say("nftables, table %s: %s and the rules: %s.",
				   table, sets, setup->changed ? "removed" :
				   "not there, nothing to remove");
		break;
	}
}

bool doveadm_setup_nftables(enum doveadm_setup_what what)
{
	struct nftables_setup setup;
	struct warden_settings set;
	struct warden_error error;
	const char *commands;

	i_zero(&setup);
	if (!doveadm_warden_settings(&set, &error))
		return doveadm_warden_fail(EX_CONFIG, "%s", error.text);
	if (set.nftables.family[0] == '\0') {
		return doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE,
			"warden_nftables is empty: set it first, as in "
			"warden_nftables = inet filter warden");
	}
	setup.names = &set.nftables;
	commands = nftables_text(what == DOVEADM_SETUP_REMOVE ?
				 warden_nft_write_remove :
				 warden_nft_write_setup, setup.names);
	if (commands == NULL) {
		return doveadm_warden_fail(EX_TEMPFAIL, "out of memory");
	}
	if (!nftables_change(&setup, what)) {
		return doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE,
			"nftables: %s", setup.error.text);
	}
	if (doveadm_print_is_initialized())
		nftables_print_record(&setup, what, commands);
	else
		nftables_say(&setup, what, commands);
	return TRUE;
}
