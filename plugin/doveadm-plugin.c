/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Loads into every doveadm and names the commands; each has its own file.
   Nothing else happens here: doveadm loads all its plugins before it knows
   which command it is to run, and before it has read the settings. */

#include "doveadm-warden.h"
#include "doveadm-plugin.h"

const char *doveadm_warden_plugin_version = DOVECOT_ABI_VERSION;

static struct doveadm_cmd_ver2 *doveadm_warden_commands[] = {
	&doveadm_cmd_warden_status,
	&doveadm_cmd_warden_list,
	&doveadm_cmd_warden_why,
	&doveadm_cmd_warden_check,
	&doveadm_cmd_warden_block,
	&doveadm_cmd_warden_unblock,
	&doveadm_cmd_warden_setup,
};

void doveadm_warden_plugin_init(struct module *module ATTR_UNUSED)
{
	for (unsigned int i = 0; i < N_ELEMENTS(doveadm_warden_commands); i++)
		doveadm_cmd_register_ver2(doveadm_warden_commands[i]);
}

void doveadm_warden_plugin_deinit(void)
{
	/* doveadm forgets its commands by itself */
}
