/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SETTINGS_H
#define WARDEN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "warden-error.h"
#include "warden-nft-script.h"
#include "warden-policy.h"

/* What the admin may set, from "warden_name" and a text. The service reads it;
   the part in `policy` is published, the rest is its own. */
struct warden_settings {
	struct warden_policy policy;
	char hosts_deny_file[512]; /* absolute path, or empty: none */
	/* whose rules decide about Dovecot's services; absolute, or empty:
	   none */
	char hosts_allow[512], hosts_deny[512];
	char state_dir[512]; /* absolute path */
	uint32_t table_hosts;
	struct warden_nft_names nftables;
	/* MaxMind DB files; absolute paths, or empty: none */
	char geoip_country[512], geoip_asn[512];
};

void warden_settings_init_defaults(struct warden_settings *settings_r);

/* Set one. Names without the prefix warden_ are not ours and ignored. false:
   an unknown name or a bad value; *error_r names both; nothing has changed. */
bool warden_settings_set(struct warden_settings *settings, const char *name,
			 const char *value, struct warden_error *error_r);
/* The same for one of many: after a mistake *ok_io is false, *error_r names the
   first one, and a path is empty that was not understood: what is at another
   one is nobody's business. */
void warden_settings_take(struct warden_settings *settings, const char *name,
			  const char *value, bool *ok_io,
			  struct warden_error *error_r);
/* Rules that need more than one setting. Once after the last one. */
bool warden_settings_check(const struct warden_settings *settings,
			   struct warden_error *error_r);
/* Add networks to policy.exempt: login_trusted_networks and such. Blanks or
   commas between them. */
bool warden_settings_add_exempt(struct warden_settings *settings,
				const char *name, const char *networks,
				struct warden_error *error_r);

/* Every setting, for documentation and its test: name, default as text, one
   line of meaning. The last has name NULL. */
struct warden_setting_info {
	const char *name, *default_value, *meaning;
};
extern const struct warden_setting_info warden_setting_infos[];

#endif
