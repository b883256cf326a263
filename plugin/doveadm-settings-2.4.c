/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4: ours are like Dovecot's own. */

#include "doveadm-warden.h"
#include "typed-settings.h"

bool doveadm_warden_settings(struct warden_settings *set_r,
			     struct warden_error *error_r)
{
	return typed_settings_get(master_service_get_event(master_service),
				  set_r, error_r) > 0 &&
		warden_settings_check(set_r, error_r);
}
