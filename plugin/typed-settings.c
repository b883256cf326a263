/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4 takes care of types and units; what is a good value is decided by
   src/warden-settings.c alone, for every version. So a typed value is turned
   into text again and given to it, and its error is what doveconf prints. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "settings.h"
#include "warden-policy.h"
#include "warden-table.h"
#include "typed-settings.h"

struct typed_settings {
	pool_t pool;
	const char *warden_mode;
	unsigned int warden_session_limit;
	unsigned int warden_session_limit_network;
	unsigned int warden_session_limit_total;
	unsigned int warden_login_grace;
	unsigned int warden_fail_limit;
	unsigned int warden_fail_window;
	const char *warden_points;
	const char *warden_rule_modes;
	unsigned int warden_block_time;
	unsigned int warden_block_time_max;
	unsigned int warden_known_time;
	unsigned int warden_siege_networks;
	unsigned int warden_siege_time;
	unsigned int warden_siege_learn;
	ARRAY_TYPE(const_string) warden_exempt_networks;
	unsigned int warden_ipv4_prefix;
	unsigned int warden_ipv6_prefix;
	bool warden_deny_private;
	const char *warden_hosts_deny_file;
	const char *warden_hosts_allow;
	const char *warden_hosts_deny;
	unsigned int warden_dns_timeout;
	const char *warden_state_dir;
	unsigned int warden_table_hosts;
	const char *warden_nftables;
	const char *warden_geoip_country;
	const char *warden_geoip_asn;
	ARRAY_TYPE(const_string) warden_countries_allowed;
	ARRAY_TYPE(const_string) warden_countries_refused;
	unsigned int warden_neighbour_factor;
};

#define DEFINE(type, name) \
	SETTING_DEFINE_STRUCT_##type(#name, name, struct typed_settings)

static const struct setting_define typed_setting_defines[] = {
	DEFINE(ENUM, warden_mode),
	DEFINE(UINT, warden_session_limit),
	DEFINE(UINT, warden_session_limit_network),
	DEFINE(UINT, warden_session_limit_total),
	DEFINE(TIME, warden_login_grace),
	DEFINE(UINT, warden_fail_limit),
	DEFINE(TIME, warden_fail_window),
	DEFINE(STR_NOVARS, warden_points),
	DEFINE(STR_NOVARS, warden_rule_modes),
	DEFINE(TIME, warden_block_time),
	DEFINE(TIME, warden_block_time_max),
	DEFINE(TIME, warden_known_time),
	DEFINE(UINT, warden_siege_networks),
	DEFINE(TIME, warden_siege_time),
	DEFINE(TIME, warden_siege_learn),
	DEFINE(BOOLLIST, warden_exempt_networks),
	DEFINE(UINT, warden_ipv4_prefix),
	DEFINE(UINT, warden_ipv6_prefix),
	DEFINE(BOOL, warden_deny_private),
	DEFINE(STR_NOVARS, warden_hosts_deny_file),
	DEFINE(STR_NOVARS, warden_hosts_allow),
	DEFINE(STR_NOVARS, warden_hosts_deny),
	DEFINE(TIME, warden_dns_timeout),
	DEFINE(STR_NOVARS, warden_state_dir),
	DEFINE(UINT, warden_table_hosts),
	DEFINE(STR_NOVARS, warden_nftables),
	DEFINE(STR_NOVARS, warden_geoip_country),
	DEFINE(STR_NOVARS, warden_geoip_asn),
	DEFINE(BOOLLIST, warden_countries_allowed),
	DEFINE(BOOLLIST, warden_countries_refused),
	DEFINE(UINT, warden_neighbour_factor),
	SETTING_DEFINE_LIST_END
};

static const struct typed_settings typed_default_settings = {
	/* of an enum: all values, the default first */
	.warden_mode = "enforce:observe:off",
	.warden_session_limit = 10,
	.warden_session_limit_network = 100,
	.warden_login_grace = 60,
	.warden_fail_limit = 100,
	.warden_fail_window = 10 * 60,
	.warden_points = "",
	.warden_rule_modes = "",
	.warden_block_time = 30 * 60,
	.warden_block_time_max = 7 * 24 * 3600,
	.warden_known_time = 30 * 24 * 3600,
	.warden_siege_networks = 20,
	.warden_siege_time = 3600,
	.warden_siege_learn = 7 * 24 * 3600,
	.warden_exempt_networks = ARRAY_INIT,
	.warden_ipv4_prefix = 32,
	.warden_ipv6_prefix = 64,
	.warden_deny_private = FALSE,
	.warden_hosts_deny_file = "/var/lib/dovecot/warden/hosts.deny",
	.warden_hosts_allow = "/etc/hosts.allow",
	.warden_hosts_deny = "/etc/hosts.deny",
	.warden_dns_timeout = 2,
	.warden_state_dir = "/var/lib/dovecot/warden",
	.warden_table_hosts = WARDEN_TABLE_HOSTS_DEFAULT,
	.warden_nftables = "",
	.warden_geoip_country = "",
	.warden_geoip_asn = "",
	.warden_countries_allowed = ARRAY_INIT,
	.warden_countries_refused = ARRAY_INIT,
	.warden_neighbour_factor = 4,
};

static const struct setting_keyvalue typed_default_lists[] = {
	{ "warden_exempt_networks", "127.0.0.0/8 ::1" },
	{ NULL, NULL }
};

static bool typed_settings_check(void *set, pool_t pool, const char **error_r);

const struct setting_parser_info typed_settings_info = {
	.name = "warden",
	.defines = typed_setting_defines,
	.defaults = &typed_default_settings,
	.default_settings = typed_default_lists,
	.struct_size = sizeof(struct typed_settings),
	.pool_offset1 = 1 + offsetof(struct typed_settings, pool),
	.check_func = typed_settings_check,
};

static const char *typed_text(const struct setting_define *define,
			      const struct typed_settings *set)
{
	const void *value = CONST_PTR_OFFSET(set, define->offset);

	switch (define->type) {
	case SET_BOOL:
		return *(const bool *)value ? "yes" : "no";
	case SET_UINT:
		return dec2str(*(const unsigned int *)value);
	case SET_TIME:
		return t_strdup_printf("%u s", *(const unsigned int *)value);
	case SET_BOOLLIST:
		return t_array_const_string_join(value, " ");
	default:
		return *(const char *const *)value;
	}
}

static bool typed_settings_take(const struct typed_settings *set,
				struct warden_settings *set_r,
				struct warden_error *error_r)
{
	const struct setting_define *define;
	bool ok = TRUE;

	warden_settings_init_defaults(set_r);
	for (define = typed_setting_defines; define->key != NULL; define++) {
		warden_settings_take(set_r, define->key,
				     typed_text(define, set), &ok, error_r);
	}
	return ok;
}

/* What doveconf says, and Dovecot when it starts or is reloaded. */
static bool typed_settings_check(void *set, pool_t pool ATTR_UNUSED,
				 const char **error_r)
{
	struct warden_settings settings;
	struct warden_error error;

	if (typed_settings_take(set, &settings, &error) &&
	    warden_settings_check(&settings, &error))
		return TRUE;
	*error_r = t_strdup(error.text);
	return FALSE;
}

int typed_settings_get(struct event *event, struct warden_settings *set_r,
		       struct warden_error *error_r)
{
	const struct typed_settings *set;
	const char *error;
	bool ok;

	/* unchecked, to have the good values also if there is a bad one */
	if (settings_get(event, &typed_settings_info,
			 SETTINGS_GET_FLAG_NO_CHECK, &set, &error) < 0) {
		warden_settings_init_defaults(set_r);
		set_r->hosts_deny_file[0] = '\0';
		set_r->state_dir[0] = '\0';
		warden_error_set(error_r, "%s", error);
		return 0;
	}
	ok = typed_settings_take(set, set_r, error_r);
	settings_free(set);
	return ok ? 1 : 0;
}

struct dovecot_settings {
	pool_t pool;
	const char *default_internal_user;
	ARRAY_TYPE(const_string) login_trusted_networks;
};

static const struct setting_define dovecot_setting_defines[] = {
	SETTING_DEFINE_STRUCT_STR("default_internal_user",
				  default_internal_user,
				  struct dovecot_settings),
	SETTING_DEFINE_STRUCT_BOOLLIST("login_trusted_networks",
				       login_trusted_networks,
				       struct dovecot_settings),
	SETTING_DEFINE_LIST_END
};

static const struct dovecot_settings dovecot_default_settings = {
	.default_internal_user = "dovecot",
	.login_trusted_networks = ARRAY_INIT,
};

const struct setting_parser_info typed_dovecot_info = {
	.name = "warden_dovecot",
	.defines = dovecot_setting_defines,
	.defaults = &dovecot_default_settings,
	.struct_size = sizeof(struct dovecot_settings),
	.pool_offset1 = 1 + offsetof(struct dovecot_settings, pool),
};

/* protocol: whose protocol { } counts too; NULL: what is outside of them. */
static const struct dovecot_settings *
dovecot_settings_get(struct event *event_parent, const char *protocol,
		     struct warden_error *error_r)
{
	struct event *event = event_create(event_parent);
	const struct dovecot_settings *set = NULL;
	const char *error;

	if (protocol != NULL)
		event_add_str(event, "protocol", protocol);
	if (settings_get(event, &typed_dovecot_info, 0, &set, &error) < 0) {
		warden_error_set(error_r, "%s", error);
		set = NULL;
	}
	event_unref(&event);
	return set;
}

bool typed_dovecot_get(struct event *event, const char **user_r,
		       const char **networks_r, struct warden_error *error_r)
{
	static const char *const protocols[] = {
		"imap", "pop3", "submission", "sieve", NULL
	};
	const struct dovecot_settings *set;
	string_t *networks = t_str_new(128);

	for (unsigned int i = 0; i < N_ELEMENTS(protocols); i++) {
		set = dovecot_settings_get(event, protocols[i], error_r);
		if (set == NULL)
			return FALSE;
		str_append_c(networks, ' ');
		str_append(networks, t_array_const_string_join(
				   &set->login_trusted_networks, " "));
		*user_r = t_strdup(set->default_internal_user);
		settings_free(set);
	}
	*networks_r = str_c(networks);
	return TRUE;
}
