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

/* How the configuration is written. */
#if WARDEN_DOVECOT_MINOR == 3
#  define WARDEN_COMPAT_ADD_LOGIN_PLUGIN \
	"'login_plugins = $login_plugins warden'"
#  define WARDEN_COMPAT_PASSDB_MECHANISMS "mechanisms"
#else
#  define WARDEN_COMPAT_ADD_LOGIN_PLUGIN \
	"'login_plugins { warden = yes }', on three lines,"
#  define WARDEN_COMPAT_PASSDB_MECHANISMS "mechanisms_filter"
#endif

#endif
