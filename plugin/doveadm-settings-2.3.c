/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.3: ours are keys of plugin { }, which doveadm has read. */

#include "doveadm-warden.h"

bool doveadm_warden_settings(struct warden_settings *set_r,
			     struct warden_error *error_r)
{
	const char *const *envs;
	unsigned int i, count = 0;
	bool ok = true;

	warden_settings_init_defaults(set_r);
	if (array_is_created(&doveadm_settings->plugin_envs))
		envs = array_get(&doveadm_settings->plugin_envs, &count);
	for (i = 0; i + 1 < count; i += 2) {
		warden_settings_take(set_r, envs[i], envs[i + 1], &ok,
				     error_r);
	}
	return ok && warden_settings_check(set_r, error_r);
}
