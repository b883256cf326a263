/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COVERAGE_H
#define WARDEN_COVERAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "warden-error.h"
#include "warden-pam-stack.h"
#include "warden-sshd-config.h"

/* Does another daemon of this machine refuse whom the warden has blocked? It
   may ask libwrap, if it was built with it, is told to, and a rule says so
   before another one lets everybody in; and it may ask PAM. All of it is read
   from files, nothing is run or changed. For the self-check of `status`. */

/* Where to look. Lists end with NULL. */
struct warden_coverage_places {
	const char *daemon;	     /* its name in hosts.deny */
	const char *const *programs; /* the first that is there is the one */
	/* the program that it starts for each client, if its path is in it;
	   NULL: it has none */
	const char *session_program;
	/* its configuration, if "tcp_wrappers" is in there; NULL: it always
	   asks */
	const char *const *configs;
	/* its configuration, if UsePAM in there says whether it asks PAM; NULL:
	   it does */
	const char *sshd_config;
	const char *pam_service; /* unless pam_service_name is in there */
	struct warden_pam_places pam;
	const char *hosts_allow, *hosts_deny;
	const char *deny_file; /* empty: there is none */
};

enum warden_coverage_libwrap {
	WARDEN_COVERAGE_LIBWRAP_UNKNOWN, /* see libwrap_error */
	WARDEN_COVERAGE_LIBWRAP_MISSING,
	WARDEN_COVERAGE_LIBWRAP_THERE,
};

enum warden_coverage_rules {
	WARDEN_COVERAGE_RULES_UNKNOWN,	 /* see rules_error */
	WARDEN_COVERAGE_RULES_MISSING,	 /* no line has the deny file */
	WARDEN_COVERAGE_RULES_CANCELLED, /* another one lets everybody in */
	WARDEN_COVERAGE_RULES_REFUSE,
};

struct warden_coverage {
	char program[PATH_MAX]; /* that asks; empty: no such daemon here */
	enum warden_coverage_libwrap libwrap;
	struct warden_error libwrap_error;
	char config[PATH_MAX]; /* empty: none, or none is there */
	bool config_refuses;   /* tcp_wrappers is not set in it */
	enum warden_coverage_rules rules;
	struct warden_error rules_error;
	/* the rule that decides; cancelled: that one */
	const char *rules_file;
	uint32_t rules_line;
	struct warden_sshd_config sshd; /* zero unless it is sshd */
	char pam_service[64];
	struct warden_pam_stack pam;
};

void warden_coverage_look(const struct warden_coverage_places *places,
			  struct warden_coverage *coverage_r);

bool warden_coverage_by_libwrap(const struct warden_coverage *coverage);
bool warden_coverage_by_pam(const struct warden_coverage *coverage);

#endif
