/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.3: ours are keys of plugin { }, which config hands out to those
   who ask for the module "mail" only. login_trusted_networks belongs to
   "login", default_internal_user to "master". What is asked of a wrong module
   comes back empty, without an error. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "settings-parser.h"
#include "settings.h"

struct plugin_settings {
	ARRAY(const char *) keys_and_values;
};

static const struct setting_define plugin_setting_defines[] = {
	{ .type = SET_STRLIST,
	  .key = "plugin",
	  .offset = offsetof(struct plugin_settings, keys_and_values) },
	SETTING_DEFINE_LIST_END
};

static const struct plugin_settings plugin_default_settings = {
	.keys_and_values = ARRAY_INIT,
};

static const struct setting_parser_info plugin_setting_parser_info = {
	.module_name = "mail",
	.defines = plugin_setting_defines,
	.defaults = &plugin_default_settings,
	.type_offset = SIZE_MAX,
	.struct_size = sizeof(struct plugin_settings),
	.parent_offset = SIZE_MAX,
};

struct login_networks_settings {
	const char *login_trusted_networks;
};

static const struct setting_define login_networks_setting_defines[] = {
	SETTING_DEFINE_STRUCT_STR("login_trusted_networks",
				  login_trusted_networks,
				  struct login_networks_settings),
	SETTING_DEFINE_LIST_END
};

static const struct login_networks_settings login_networks_default_settings = {
	.login_trusted_networks = "",
};

static const struct setting_parser_info login_networks_setting_parser_info = {
	.module_name = "login",
	.defines = login_networks_setting_defines,
	.defaults = &login_networks_default_settings,
	.type_offset = SIZE_MAX,
	.struct_size = sizeof(struct login_networks_settings),
	.parent_offset = SIZE_MAX,
};

struct user_settings {
	const char *default_internal_user;
};

static const struct setting_define user_setting_defines[] = {
	SETTING_DEFINE_STRUCT_STR("default_internal_user",
				  default_internal_user, struct user_settings),
	SETTING_DEFINE_LIST_END
};

static const struct user_settings user_default_settings = {
	.default_internal_user = "dovecot",
};

static const struct setting_parser_info user_setting_parser_info = {
	.module_name = "master",
	.defines = user_setting_defines,
	.defaults = &user_default_settings,
	.type_offset = SIZE_MAX,
	.struct_size = sizeof(struct user_settings),
	.parent_offset = SIZE_MAX,
};

/* protocol: whose protocol { } counts too; NULL: what is outside of them. */
static int settings_fetch(struct master_service *service, const char *protocol,
			  struct warden_error *error_r)
{
	static const struct setting_parser_info *const roots[] = {
		&plugin_setting_parser_info,
		&login_networks_setting_parser_info, &user_setting_parser_info,
		NULL
	};
	static const char *const extra_modules[] = { "login", "master", NULL };
	struct master_service_settings_input input;
	struct master_service_settings_output output;
	const char *error;

	i_zero(&input);
	input.roots = roots;
	input.module = "mail";
	input.extra_modules = extra_modules;
	input.service = protocol;
	if (master_service_settings_read(service, &input, &output, &error) <
	    0) {
		warden_error_set(error_r, "%s", error);
		return -1;
	}
	return 0;
}

/* Networks that may hand us connections of others are exempt themselves: behind
   a webmail's address are many people. Each login process trusts those of its
   own protocol, the table is one for all, so it is every network that one of
   them trusts. What is read last, and stays, is outside of protocol { }. */
static int settings_fetch_all(struct master_service *service,
			      const char **trusted_r,
			      struct warden_error *error_r)
{
	static const char *const protocols[] = {
		"imap", "pop3", "submission", "sieve", NULL
	};
	const struct login_networks_settings *login;
	string_t *trusted = t_str_new(128);

	for (unsigned int i = 0; i < N_ELEMENTS(protocols); i++) {
		if (settings_fetch(service, protocols[i], error_r) < 0)
			return -1;
		login = master_service_settings_get_others(service)[1];
		str_append_c(trusted, ' ');
		str_append(trusted, login->login_trusted_networks);
	}
	*trusted_r = str_c(trusted);
	return 0;
}

/* What is at a path that was not understood is nobody's business. */
static void settings_set_failed(struct warden_settings *warden,
				const char *name)
{
	if (strcmp(name, "warden_hosts_deny_file") == 0)
		warden->hosts_deny_file[0] = '\0';
	else if (strcmp(name, "warden_state_dir") == 0)
		warden->state_dir[0] = '\0';
}

static bool settings_set_all(struct warden_settings *warden,
			     const struct plugin_settings *plugin,
			     struct warden_error *error_r)
{
	struct warden_error error;
	const char *const *list;
	unsigned int count;
	bool ok = TRUE;

	if (!array_is_created(&plugin->keys_and_values))
		return TRUE;
	list = array_get(&plugin->keys_and_values, &count);
	for (unsigned int i = 0; i + 1 < count; i += 2) {
		if (warden_settings_set(warden, list[i], list[i + 1], &error))
			continue;
		settings_set_failed(warden, list[i]);
		if (ok)
			*error_r = error;
		ok = FALSE;
	}
	return ok;
}

int service_settings_read(struct master_service *service,
			  struct service_settings *set_r,
			  struct warden_error *error_r)
{
	const struct user_settings *user;
	const char *trusted;
	void **sets;

	warden_settings_init_defaults(&set_r->warden);
	if (settings_fetch_all(service, &trusted, error_r) < 0)
		return -1;
	sets = master_service_settings_get_others(service);
	user = sets[2];
	set_r->user = user->default_internal_user;
	/* A balancer's own connections look whether we live and say nothing.
	   Networks before their sum, and all of them before the last check */
	if (!settings_set_all(&set_r->warden, sets[0], error_r) ||
	    !warden_settings_add_exempt(&set_r->warden,
					"login_trusted_networks", trusted,
					error_r) ||
	    !warden_settings_add_exempt(&set_r->warden,
		"haproxy_trusted_networks",
		master_service_settings_get(service)->haproxy_trusted_networks,
		error_r) ||
	    !warden_settings_check(&set_r->warden, error_r))
		return 0;
	return 1;
}
