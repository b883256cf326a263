/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The lines for pam_warden.so in /etc/pam.d. Unlike the one in hosts.deny they
   stand in the way of every login, so they are only shown unless the admin
   says --apply. */

#include "doveadm-warden.h"
#include "doveadm-record.h"
#include "doveadm-setup-pam.h"
#include "warden-pam-lines.h"

static const char *const *pam_services(const char *services)
{
	return t_strsplit_spaces(services, ", \t");
}

static bool pam_service_ok(const char *service)
{
	return service[0] != '.' && service[0] != '-' &&
		strspn(service, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789._-") == strlen(service);
}

static bool pam_services_ok(const char *const *services)
{
	if (*services == NULL)
		return doveadm_warden_fail(EX_USAGE, "--pam names no service");
	for (; *services != NULL; services++) {
		if (!pam_service_ok(*services)) {
			return doveadm_warden_fail(
				EX_USAGE,
				"--pam '%s': not the name of a file in " DOVEADM_SETUP_PAM_DIR,
				*services);
		}
	}
	return true;
}

static void pam_print_record(const char *path, enum doveadm_setup_what what,
			     bool changed, bool first)
{
	struct doveadm_record *record = doveadm_record_new();

	doveadm_record_str(record, "file", path);
	doveadm_record_str(record, "action", doveadm_setup_what_name(what));
	doveadm_record_str(record, "auth", WARDEN_PAM_LINE_AUTH);
	doveadm_record_str(record, "account", WARDEN_PAM_LINE_ACCOUNT);
	doveadm_record_str(record, "changed", changed ? "yes" : "no");
	if (first)
		doveadm_record_headers(record);
	doveadm_record_values(record);
}

static void pam_say(const char *path, enum doveadm_setup_what what,
		    bool changed)
{
	switch (what) {
	case DOVEADM_SETUP_PRINT:
		doveadm_warden_say("%s, before all other lines:\n\n    %s\n"
				   "    %s\n", path, WARDEN_PAM_LINE_AUTH,
				   WARDEN_PAM_LINE_ACCOUNT);
		break;
	case DOVEADM_SETUP_ADD:
		doveadm_warden_say("%s: the lines for pam_warden.so: %s.", path,
				   changed ? "written" :
				   "already there, nothing changed");
		break;
	case DOVEADM_SETUP_REMOVE:
		doveadm_warden_say("%s: the lines for pam_warden.so: %s.", path,
				   changed ? "removed" :
				   "not there, nothing to remove");
		break;
	}
}

static bool pam_change(const char *path, enum doveadm_setup_what what,
		       bool *changed_r)
{
	enum warden_pam_lines_result result = WARDEN_PAM_LINES_UNCHANGED;
	struct warden_error error;

	if (what == DOVEADM_SETUP_ADD)
		result = warden_pam_lines_add(path, &error);
	else if (what == DOVEADM_SETUP_REMOVE)
		result = warden_pam_lines_remove(path, &error);
	*changed_r = result == WARDEN_PAM_LINES_CHANGED;
	return result != WARDEN_PAM_LINES_ERROR ||
		doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE, "%s", error.text);
}

bool doveadm_setup_pam(const char *services, enum doveadm_setup_what what)
{
	const char *const *names = pam_services(services);
	bool changed, first = TRUE;

	if (!pam_services_ok(names))
		return FALSE;
	for (; *names != NULL; names++, first = FALSE) {
		const char *path =
			t_strconcat(DOVEADM_SETUP_PAM_DIR "/", *names, NULL);

		if (!pam_change(path, what, &changed))
			return FALSE;
		if (doveadm_print_is_initialized())
			pam_print_record(path, what, changed, first);
		else
			pam_say(path, what, changed);
	}
	if (what != DOVEADM_SETUP_REMOVE) {
		doveadm_warden_say("Keep a root shell open until you have "
				   "logged in with another one.");
	}
	return TRUE;
}
