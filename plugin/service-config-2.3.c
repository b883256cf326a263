/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.3: ours are keys of plugin { }, which config hands out to those
   who ask for the module "mail" only. login_trusted_networks belongs to
   "login", default_internal_user to "master". What is asked of a wrong module
   comes back empty, without an error. Before 2.3.16 only one module can be asked
   for at a time, so each has a request of its own. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "settings-parser.h"
#include "service-config.h"

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
	{ .type = SET_STR,
	  .key = "login_trusted_networks",
	  .offset = offsetof(struct login_networks_settings,
			     login_trusted_networks) },
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
	{ .type = SET_STR,
	  .key = "default_internal_user",
	  .offset = offsetof(struct user_settings, default_internal_user) },
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

/* protocol: whose protocol { } counts too; NULL: what is outside of them. NULL
   is returned if Dovecot's settings cannot be read. Valid until the next
   call. */
static const void *settings_fetch(struct master_service *service,
				  const struct setting_parser_info *info,
				  const char *protocol,
				  struct warden_error *error_r)
{
	const struct setting_parser_info *const roots[] = { info, NULL };
	struct master_service_settings_input input;
	struct master_service_settings_output output;
	const char *error;

	i_zero(&input);
	input.roots = roots;
	input.module = info->module_name;
	input.service = protocol;
	if (master_service_settings_read(service, &input, &output, &error) <
	    0) {
		warden_error_set(error_r, "%s", error);
		return NULL;
	}
	return master_service_settings_get_others(service)[0];
}

/* Networks that may hand us connections of others are exempt themselves: behind
   a webmail's address are many people. Each login process trusts those of its
   own protocol, the table is one for all, so it is every network that one of
   them trusts. */
static const char *settings_fetch_trusted(struct master_service *service,
					  struct warden_error *error_r)
{
	static const char *const protocols[] = {
		"imap", "pop3", "submission", "sieve", NULL
	};
	const struct login_networks_settings *login;
	string_t *trusted = t_str_new(128);

	for (unsigned int i = 0; i < N_ELEMENTS(protocols); i++) {
		login = settings_fetch(service,
				       &login_networks_setting_parser_info,
				       protocols[i], error_r);
		if (login == NULL)
			return NULL;
		str_append_c(trusted, ' ');
		str_append(trusted, login->login_trusted_networks);
	}
	return str_c(trusted);
}

static bool settings_set_all(struct warden_settings *warden,
			     const struct plugin_settings *plugin,
			     struct warden_error *error_r)
{
	const char *const *list;
	unsigned int count;
	bool ok = TRUE;

	if (!array_is_created(&plugin->keys_and_values))
		return TRUE;
	list = array_get(&plugin->keys_and_values, &count);
	for (unsigned int i = 0; i + 1 < count; i += 2) {
		warden_settings_take(warden, list[i], list[i + 1], &ok,
				     error_r);
	}
	return ok;
}

int service_config_read(struct master_service *service,
			struct service_config *set_r,
			struct warden_error *error_r)
{
	const struct plugin_settings *plugin;
	const struct user_settings *user;
	const char *trusted;
	bool ok;

	warden_settings_init_defaults(&set_r->warden);
	trusted = settings_fetch_trusted(service, error_r);
	if (trusted == NULL)
		return -1;
	plugin = settings_fetch(service, &plugin_setting_parser_info, NULL,
				error_r);
	if (plugin == NULL)
		return -1;
	/* A balancer's own connections look whether we live and say nothing.
	   Networks before their sum, and all of them before the last check */
	ok = settings_set_all(&set_r->warden, plugin, error_r) &&
		warden_settings_add_exempt(&set_r->warden,
			"login_trusted_networks", trusted, error_r) &&
		warden_settings_add_exempt(&set_r->warden,
			"haproxy_trusted_networks",
			master_service_settings_get(service)->haproxy_trusted_networks, error_r) &&
		warden_settings_check(&set_r->warden, error_r);
	user = settings_fetch(service, &user_setting_parser_info, NULL,
			      error_r);
	if (user == NULL)
		return -1;
	set_r->user = user->default_internal_user;
	return ok ? 1 : 0;
}
