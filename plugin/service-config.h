/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef SERVICE_CONFIG_H
#define SERVICE_CONFIG_H

#include "warden-settings.h"

struct master_service;

/* How the service learns its settings from Dovecot; one .c file for each way
   that Dovecot's versions have. */

struct service_config {
	struct warden_settings warden;
	/* default_internal_user: whom to become. Valid until settings are
	   read again, at most as long as the data stack frame. */
	const char *user;
};

/* Once, as root. 1: all is well; 0: some of ours is wrong, *error_r names the
   first such setting, *set_r has those that are right, defaults for the
   others, and no path where the path is wrong; -1: Dovecot's settings cannot
   be read at all. */
int service_config_read(struct master_service *service,
			struct service_config *set_r,
			struct warden_error *error_r);

#endif
