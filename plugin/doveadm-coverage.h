/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_COVERAGE_H
#define DOVEADM_COVERAGE_H

#include "doveadm-warden.h"
#include "warden-coverage.h"

struct doveadm_record;

/* Whether sshd and vsftpd of this machine refuse blocked hosts, see
   warden-coverage.h. On the data stack. */

#define DOVEADM_COVERAGE_COUNT 2

struct doveadm_coverage {
	const char *daemon;
	const char *answer;  /* "yes", "no", "unknown"; "absent": not here */
	const char *reason;  /* a sentence */
	const char *command; /* that mends it; NULL: nothing to mend */
	struct warden_coverage found;
};

void doveadm_coverage_look(const struct warden_health *health,
			   struct doveadm_coverage
				coverage_r[DOVEADM_COVERAGE_COUNT]);
void doveadm_coverage_record(const struct doveadm_coverage *coverage,
			     struct doveadm_record *record);

#endif
