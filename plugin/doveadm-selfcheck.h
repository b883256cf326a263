/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_SELFCHECK_H
#define DOVEADM_SELFCHECK_H

#include "doveadm-warden.h"

/* Is the warden set up so that it can do its work? Each check finds one way
   in which a guard that looks installed guards nobody. */

enum doveadm_selfcheck_name {
	DOVEADM_SELFCHECK_LOGIN_PLUGINS,
	DOVEADM_SELFCHECK_PASSDB,
	DOVEADM_SELFCHECK_SERVICE,
	DOVEADM_SELFCHECK_POLICY,
	DOVEADM_SELFCHECK_TABLE,
	DOVEADM_SELFCHECK_STATE,
	DOVEADM_SELFCHECK_DENY_FILE,
	DOVEADM_SELFCHECK_HOSTS_DENY,
	DOVEADM_SELFCHECK_PAM,
	DOVEADM_SELFCHECK_NFTABLES,
	DOVEADM_SELFCHECK_RULES,
	DOVEADM_SELFCHECK_GEOIP,

	DOVEADM_SELFCHECK_COUNT,
};

struct doveadm_selfcheck {
	const char *name;    /* check_... */
	const char *problem; /* what is wrong and what to do; NULL: ok */
	const char *detail;  /* if it is ok */
};

/* All of them. On the data stack. */
void doveadm_selfcheck_run(const struct doveadm_warden *dw,
			   const struct warden_health *health,
			   struct doveadm_selfcheck
				checks_r[DOVEADM_SELFCHECK_COUNT]);

#endif
