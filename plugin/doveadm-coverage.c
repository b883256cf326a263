/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A line in hosts.deny does nothing for an sshd that was built without libwrap,
   and an admin who was told "sshd refuses them too" finds out from a guesser.
   So `status` says of each daemon what it does, and what to do about it. */

#include "doveadm-coverage.h"
#include "doveadm-pam.h"
#include "doveadm-record.h"
#include "doveadm-setup.h"

#define HOSTS_ALLOW "/etc/hosts.allow"

static const char *const sshd_programs[] = {
	"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", NULL
};
static const char *const vsftpd_programs[] = {
	"/usr/sbin/vsftpd", "/usr/local/sbin/vsftpd", "/usr/bin/vsftpd", NULL
};
static const char *const vsftpd_configs[] = {
	"/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf", NULL
};

static const struct warden_coverage_places coverage_places[] = {
	{ .daemon = "sshd",
	  .programs = sshd_programs,
	  .session_program = "sshd-session",
	  .pam_service = "sshd",
	  .sshd_config = "/etc/ssh/sshd_config" },
	{ .daemon = "vsftpd",
	  .programs = vsftpd_programs,
	  .configs = vsftpd_configs,
	  .pam_service = "ftp" },
};

/* --- What is wrong -------------------------------------------------------- */

/* Why libwrap does not help; NULL: it does. */
static const char *libwrap_problem(const struct warden_coverage *found,
				   const char *daemon)
{
	switch (found->libwrap) {
	case WARDEN_COVERAGE_LIBWRAP_UNKNOWN:
		return t_strdup(found->libwrap_error.text);
	case WARDEN_COVERAGE_LIBWRAP_MISSING:
		return t_strdup_printf("%s was built without libwrap",
				       found->program);
	case WARDEN_COVERAGE_LIBWRAP_THERE:
		break;
	}
	if (found->config_refuses) {
		return t_strdup_printf("tcp_wrappers=YES is not in %s",
				       found->config[0] != '\0' ?
				       found->config : "its configuration");
	}
	switch (found->rules) {
	case WARDEN_COVERAGE_RULES_UNKNOWN:
		return t_strdup(found->rules_error.text);
	case WARDEN_COVERAGE_RULES_MISSING:
		return t_strdup_printf(DOVEADM_SETUP_HOSTS_DENY" has no line "
				       "for %s that names the deny file",
				       daemon);
	case WARDEN_COVERAGE_RULES_CANCELLED:
		return t_strdup_printf("line %u of %s lets everybody in before "
				       "the blocks are looked at",
				       found->rules_line, found->rules_file);
	case WARDEN_COVERAGE_RULES_REFUSE:
		break;
	}
	return NULL;
}

/* Why PAM does not help; NULL: it does. */
static const char *pam_problem(const struct warden_coverage *found)
{
	const char *problem =
		doveadm_pam_problem(&found->pam, found->pam_service);

	if (problem != NULL || found->sshd.pam != WARDEN_SSHD_PAM_NO)
		return problem;
	if (found->sshd.line == 0) {
		return t_strdup_printf("%s has no \"UsePAM yes\"",
				       found->sshd.file);
	}
	return t_strdup_printf("line %u of %s does not say \"UsePAM yes\"",
			       found->sshd.line, found->sshd.file);
}

/* The first value of all files counts. */
static const char *pam_command(const struct warden_coverage *found,
			       const char *sshd_config)
{
	const char *command =
		doveadm_pam_command(&found->pam, found->pam_service);

	if (command != NULL || found->sshd.pam != WARDEN_SSHD_PAM_NO)
		return command;
	return t_strdup_printf("sed -i '1i UsePAM yes' %s && { systemctl "
			       "reload ssh || systemctl reload sshd; }",
			       sshd_config);
}

/* One. What changes nothing but the warden's own line comes first. */
static const char *mending_command(const struct warden_coverage *found,
				   const char *sshd_config)
{
	if (found->libwrap == WARDEN_COVERAGE_LIBWRAP_THERE &&
	    !found->config_refuses &&
	    found->rules == WARDEN_COVERAGE_RULES_MISSING)
		return "doveadm warden setup";
	return pam_command(found, sshd_config);
}

static void coverage_explain(struct doveadm_coverage *coverage,
			     const char *sshd_config, bool nftables)
{
	const struct warden_coverage *found = &coverage->found;
	const char *libwrap = libwrap_problem(found, coverage->daemon);
	const char *pam = pam_problem(found);

	coverage->answer = "yes";
	if (libwrap == NULL) {
		coverage->reason = t_strdup_printf(
			"%s asks libwrap, by line %u of %s%s", found->program,
			found->rules_line, found->rules_file,
			pam == NULL ? ", and pam_warden.so" : "");
	} else if (pam == NULL) {
		coverage->reason = t_strdup_printf(
			"by pam_warden.so in /etc/pam.d/%s; %s",
			found->pam_service, libwrap);
	} else if (nftables) {
		coverage->reason = t_strdup_printf(
			"by nftables alone; %s, and %s", libwrap, pam);
	} else {
		coverage->answer =
			found->libwrap == WARDEN_COVERAGE_LIBWRAP_UNKNOWN ?
			"unknown" : "no";
		coverage->reason = t_strdup_printf("%s, and %s", libwrap, pam);
		coverage->command = mending_command(found, sshd_config);
	}
}

/* --- Looking -------------------------------------------------------------- */

void doveadm_coverage_look(const struct warden_health *health,
			   struct doveadm_coverage
				coverage_r[DOVEADM_COVERAGE_COUNT])
{
	struct warden_settings set;
	struct warden_error error;
	bool nftables;

	/* what is wrong of them the self-check says */
	(void)doveadm_warden_settings(&set, &error);
	nftables = set.nftables.family[0] != '\0' &&
		(health->faults & (WARDEN_FAULT_NFTABLES |
				   WARDEN_FAULT_NFTABLES_SETS)) == 0;
	for (unsigned int i = 0; i < DOVEADM_COVERAGE_COUNT; i++) {
		struct warden_coverage_places places = coverage_places[i];
		struct doveadm_coverage *coverage = &coverage_r[i];

		doveadm_pam_places(&places.pam);
		places.hosts_allow = HOSTS_ALLOW;
		places.hosts_deny = DOVEADM_SETUP_HOSTS_DENY;
		places.deny_file = set.hosts_deny_file;
		i_zero(coverage);
		coverage->daemon = places.daemon;
		warden_coverage_look(&places, &coverage->found);
		if (coverage->found.program[0] == '\0') {
			coverage->answer = "absent";
			coverage->reason = "not on this machine";
		} else {
			coverage_explain(coverage, places.sshd_config,
					 nftables);
		}
	}
}

static const char *rules_name(enum warden_coverage_rules rules)
{
	switch (rules) {
	case WARDEN_COVERAGE_RULES_UNKNOWN:
		break;
	case WARDEN_COVERAGE_RULES_MISSING:
		return "missing";
	case WARDEN_COVERAGE_RULES_CANCELLED:
		return "cancelled";
	case WARDEN_COVERAGE_RULES_REFUSE:
		return "refuse";
	}
	return "unknown";
}

static const char *libwrap_name(enum warden_coverage_libwrap libwrap)
{
	switch (libwrap) {
	case WARDEN_COVERAGE_LIBWRAP_UNKNOWN:
		break;
	case WARDEN_COVERAGE_LIBWRAP_MISSING:
		return "no";
	case WARDEN_COVERAGE_LIBWRAP_THERE:
		return "yes";
	}
	return "unknown";
}

void doveadm_coverage_record(const struct doveadm_coverage *coverage,
			     struct doveadm_record *record)
{
	const struct warden_coverage *found = &coverage->found;
	const char *daemon = coverage->daemon;
	bool absent = found->program[0] == '\0';

	doveadm_record_str(record, daemon, coverage->answer);
	doveadm_record_str(record, t_strconcat(daemon, "_reason", NULL),
			   coverage->reason);
	doveadm_record_str(record, t_strconcat(daemon, "_command", NULL),
			   coverage->command == NULL ? "" : coverage->command);
	doveadm_record_str(record, t_strconcat(daemon, "_program", NULL),
			   found->program);
	doveadm_record_str(record, t_strconcat(daemon, "_libwrap", NULL),
			   absent ? "" : libwrap_name(found->libwrap));
	doveadm_record_str(record, t_strconcat(daemon, "_tcp_wrappers", NULL),
			   absent ? "" : found->config_refuses ? "no" : "yes");
	doveadm_record_str(record, t_strconcat(daemon, "_rules", NULL),
			   absent ? "" : rules_name(found->rules));
	doveadm_record_str(record, t_strconcat(daemon, "_rules_line", NULL),
			   found->rules_line == 0 ? "" :
			   t_strdup_printf("%s:%u", found->rules_file,
					   found->rules_line));
	doveadm_record_str(record, t_strconcat(daemon, "_pam", NULL),
			   absent ? "" : warden_coverage_by_pam(found) ? "yes" :
			   "no");
}
