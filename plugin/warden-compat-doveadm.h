/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_DOVEADM_H
#define WARDEN_COMPAT_DOVEADM_H

/* What differs between Dovecot's versions for doveadm's commands, apart from
   warden-compat.h so that nobody else meets doveadm's headers. Includes what
   every command needs. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "doveadm.h"
#include "doveadm-cmd.h"
#include "doveadm-print.h"
#include "doveadm-settings.h"
#include "warden-compat.h"

/* after lib.h, which has a bool of its own */
#include <stdbool.h>

#if DOVECOT_VERSION_MAJOR == 2 && DOVECOT_VERSION_MINOR == 3

/* The settings in plugin { } as name, value, name, value; *count_r of them. */
static inline const char *const *
warden_compat_doveadm_settings(unsigned int *count_r)
{
	if (!array_is_created(&doveadm_settings->plugin_envs)) {
		*count_r = 0;
		return NULL;
	}
	return array_get(&doveadm_settings->plugin_envs, count_r);
}

#else
#  error "warden does not know the doveadm of this version of Dovecot yet"
#endif

#endif
