/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4: what its config process must know of us, so that our settings
   can be written like its own, and so that the service needs no stanza. config
   and doveconf load this from modules/settings and look for these names. */

#include "lib.h"
#include "settings.h"
#include "service-settings.h"
#include "typed-settings.h"

extern const char *warden_settings_version;
extern const struct setting_parser_info *const warden_settings_set_infos[];
extern const struct service_settings warden_settings_service_settings;

const char *warden_settings_version = DOVECOT_ABI_VERSION;

const struct setting_parser_info *const warden_settings_set_infos[] = {
	&typed_settings_info,
	&typed_dovecot_info,
	NULL
};

const struct service_settings warden_settings_service_settings = {
	.name = "warden",
	.protocol = "",
	.type = "",
	.executable = "warden",
	/* root: it gives that up by itself, after it has opened its files */
	.user = "",
	.group = "",
	.privileged_group = "",
	.extra_groups = ARRAY_INIT,
	.chroot = "",

	/* started with Dovecot, and only once */
	.process_min_avail = 1,
	.process_limit = 1,
	.idle_kill_interval = SET_TIME_INFINITE,

	.unix_listeners = ARRAY_INIT,
	.fifo_listeners = ARRAY_INIT,
	.inet_listeners = ARRAY_INIT,
};
