/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Load and unload the login plugin. Init runs once per process, as root and
   before chroot: the only moment at which the shared files can be mapped. */

#include "login-common.h"
#include "module-dir.h"
#include "warden-compat.h"
#include "warden-glue.h"
#include "warden-table.h"
#include "client-name.h"
#include "login-accept.h"
#include "login-session.h"

extern const char *warden_plugin_version;
void warden_plugin_init(struct module *module);
void warden_plugin_deinit(void);

const char *warden_plugin_version = DOVECOT_ABI_VERSION;

static struct warden *login_warden;

/* Without the table everybody is let in. By default each client has a new
   process, so this is not the place to complain: the service does, once. */
void warden_plugin_init(struct module *module)
{
	struct warden_error error;

	login_warden = warden_open(warden_glue_dir(), WARDEN_ROLE_LOGIN,
				   WARDEN_TABLE_HOSTS_DEFAULT, &error);
	if (login_warden == NULL) {
		if (global_login_settings->auth_debug || login_debug)
			i_debug("warden: %s", error.text);
		return;
	}
	client_name_init(TRUE);
	login_session_init(module, login_warden);
	login_accept_init(login_warden);
}

void warden_plugin_deinit(void)
{
	if (login_warden == NULL)
		return;
	login_accept_deinit();
	login_session_deinit();
	client_name_deinit();
	warden_close(&login_warden);
}
