/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden setup`: the one line in /etc/hosts.deny, with --pam those in
   /etc/pam.d, with --nftables the sets and rules there. It is the only thing of
   the warden that writes to /etc, and it
   is done here because every Dovecot process may have /etc read-only, and
   because an admin should see it happen: so only on the command line, never
   through the HTTP API. */

#include "doveadm-warden.h"
#include "doveadm-own-address.h"
#include "doveadm-record.h"
#include "doveadm-rules.h"
#include "doveadm-setup-nftables.h"
#include "doveadm-setup-pam.h"
#include "doveadm-setup.h"
#include "warden-hosts-deny.h"

struct setup_request {
	const char *daemons;
	const char *pam; /* services; NULL: it is about hosts.deny */
	bool nftables;
	bool apply, remove;
};

/* hosts_access(5): "a b EXCEPT c" is who is in a or b, but not c. It takes
   nothing away from daemons that are named. */
static bool setup_daemons_ok(const char *daemons)
{
	const char *const *words = t_strsplit_spaces(daemons, ", \t");

	if (!str_array_icase_find(words, "EXCEPT") ||
	    str_array_icase_find(words, "ALL"))
		return true;
	return doveadm_warden_fail(EX_USAGE,
		"--daemons '%s': EXCEPT takes daemons out of ALL, as in "
		"'ALL EXCEPT vsftpd'; otherwise name those that you want",
		daemons);
}

static bool setup_combination_ok(const struct setup_request *request)
{
	if (request->apply && request->remove) {
		return doveadm_warden_fail(EX_USAGE,
			"--apply and --remove cannot be used together");
	}
	if (request->pam == NULL && !request->nftables && request->apply) {
		return doveadm_warden_fail(EX_USAGE,
			"--apply is for --pam and --nftables: without these, "
			"setup always writes the line");
	}
	if ((request->pam != NULL ? 1 : 0) + (request->nftables ? 1 : 0) +
	    (request->daemons != NULL ? 1 : 0) > 1) {
		return doveadm_warden_fail(EX_USAGE,
			"--pam, --nftables and --daemons cannot be used "
			"together");
	}
	return TRUE;
}

static bool setup_get_request(struct doveadm_cmd_context *cctx,
			      struct setup_request *request_r)
{
	i_zero(request_r);
	if (cctx->conn_type != DOVEADM_CONNECTION_TYPE_CLI) {
		return doveadm_warden_fail(EX_NOPERM,
			"doveadm warden setup works on the command line only");
	}
	(void)doveadm_cmd_param_bool(cctx, "remove", &request_r->remove);
	(void)doveadm_cmd_param_bool(cctx, "apply", &request_r->apply);
	(void)doveadm_cmd_param_str(cctx, "daemons", &request_r->daemons);
	(void)doveadm_cmd_param_str(cctx, "pam", &request_r->pam);
	(void)doveadm_cmd_param_bool(cctx, "nftables", &request_r->nftables);
	if (!setup_combination_ok(request_r))
		return FALSE;
	if (request_r->remove && request_r->daemons != NULL) {
		return doveadm_warden_fail(EX_USAGE,
			"--remove takes the whole line out: "
			"it cannot be used with --daemons");
	}
	if (request_r->daemons == NULL)
		request_r->daemons = "ALL";
	return setup_daemons_ok(request_r->daemons) &&
		doveadm_warden_is_root();
}

static bool setup_get_deny_file(struct warden_settings *set)
{
	struct warden_error error;

	if (!doveadm_warden_settings(set, &error))
		return doveadm_warden_fail(EX_CONFIG, "%s", error.text);
	if (set->hosts_deny_file[0] != '\0')
		return true;
	return doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE,
		"warden_hosts_deny_file is empty: there is no deny file that "
		DOVEADM_SETUP_HOSTS_DENY" could name");
}

static const char *setup_result_text(const struct setup_request *request,
				     bool changed)
{
	if (request->remove)
		return changed ? "removed" : "not there, nothing to remove";
	return changed ? "written" : "already there, nothing changed";
}

/* --- What a careful admin looks at first ---------------------------------- */

#define EXEMPT_LINES_SHOWN 20

struct setup_exempt {
	struct doveadm_rules_line lines[EXEMPT_LINES_SHOWN];
	unsigned int shown, meant, broad; /* lines of hosts.allow */
	struct warden_net own;		  /* family 0: not known */
	bool own_exempt;
};

static void setup_look(const struct warden_settings *set,
		       struct setup_exempt *exempt_r)
{
	struct warden_rules_image image;
	struct warden_rules rules;
	struct warden_error error;

	i_zero(exempt_r);
	if (!doveadm_own_address(&exempt_r->own))
		i_zero(&exempt_r->own);
	else
		exempt_r->own_exempt =
			warden_policy_exempts(&set->policy, &exempt_r->own);
	if (!doveadm_rules_compile(set, &image, NULL, &error)) {
		i_warning("%s", error.text);
		return;
	}
	if (warden_rules_open(&rules, image.data, image.size, &error)) {
		exempt_r->shown = doveadm_rules_allowing(
			set, &rules, exempt_r->lines, EXEMPT_LINES_SHOWN,
			&exempt_r->meant, &exempt_r->broad);
		if (exempt_r->own.family != 0 &&
		    warden_rules_grant_in(&rules, "sshd", &exempt_r->own))
			exempt_r->own_exempt = TRUE;
	}
	warden_rules_image_free(&image);
}

static void setup_say_exempt(const struct warden_settings *set,
			     const struct setup_exempt *exempt)
{
	unsigned int total = exempt->meant + exempt->broad;

	if (total > 0)
		doveadm_warden_say("%s exempts from blocking:",
				   set->hosts_allow);
	for (unsigned int i = 0; i < exempt->shown; i++) {
		const struct doveadm_rules_line *line = &exempt->lines[i];

		doveadm_warden_say(
			"  line %-5u %s%s", line->number, line->text,
			line->meant ? "" :
				      "   (means everybody: exempts nobody)");
	}
	if (total > exempt->shown) {
		doveadm_warden_say("  and %u lines more",
				   total - exempt->shown);
	}
	if (exempt->own.family != 0 && !exempt->own_exempt) {
		doveadm_warden_say(
			"Warning: you are connected from %s, which nothing "
			"exempts: failed logins from there would lock you out "
			"of sshd too. Put it into warden_exempt_networks, or "
			"into %s for sshd.",
			doveadm_warden_net(&exempt->own),
			set->hosts_allow[0] != '\0' ? set->hosts_allow :
						      "/etc/hosts.allow");
	}
}

static void setup_print(const struct setup_request *request,
			const struct warden_settings *set, bool changed)
{
	const char *deny_file = set->hosts_deny_file;
	struct setup_exempt *exempt = t_new(struct setup_exempt, 1);
	const char *line = request->remove ?
		t_strdup_printf("the line for %s", deny_file) :
		t_strdup_printf("\"%s: %s\"", request->daemons, deny_file);
	struct doveadm_record *record = doveadm_record_new();

	if (!doveadm_print_is_initialized()) {
		doveadm_warden_say(DOVEADM_SETUP_HOSTS_DENY": %s: %s.", line,
				   setup_result_text(request, changed));
		if (!request->remove) {
			setup_look(set, exempt);
			setup_say_exempt(set, exempt);
		}
		return;
	}
	setup_look(set, exempt);
	doveadm_record_str(record, "file", DOVEADM_SETUP_HOSTS_DENY);
	doveadm_record_str(record, "deny_file", deny_file);
	doveadm_record_str(record, "action",
			   request->remove ? "remove" : "add");
	doveadm_record_str(record, "changed", changed ? "yes" : "no");
	doveadm_record_num(record, "exempting_lines", exempt->meant);
	doveadm_record_str(record, "own_address",
			   exempt->own.family == 0 ?
				   "" :
				   doveadm_warden_net(&exempt->own));
	doveadm_record_str(record, "own_address_exempt",
			   exempt->own_exempt ? "yes" : "no");
	doveadm_record_print(record);
}

const char *doveadm_setup_what_name(enum doveadm_setup_what what)
{
	static const char *const names[] = { "print", "add", "remove" };

	return names[what];
}

static enum doveadm_setup_what setup_what(const struct setup_request *request)
{
	if (request->apply)
		return DOVEADM_SETUP_ADD;
	return request->remove ? DOVEADM_SETUP_REMOVE : DOVEADM_SETUP_PRINT;
}

static void cmd_warden_setup(struct doveadm_cmd_context *cctx)
{
	enum warden_hosts_deny_result result;
	struct setup_request request;
	struct warden_settings set;
	struct warden_error error;

	if (!setup_get_request(cctx, &request))
		return;
	if (request.pam != NULL) {
		(void)doveadm_setup_pam(request.pam, setup_what(&request));
		return;
	}
	if (request.nftables) {
		(void)doveadm_setup_nftables(setup_what(&request));
		return;
	}
	if (!setup_get_deny_file(&set))
		return;
	if (request.remove) {
		result = warden_hosts_deny_remove(DOVEADM_SETUP_HOSTS_DENY,
						  set.hosts_deny_file, &error);
	} else {
		result = warden_hosts_deny_add(DOVEADM_SETUP_HOSTS_DENY,
					       set.hosts_deny_file,
					       request.daemons, &error);
	}
	if (result == WARDEN_HOSTS_DENY_ERROR)
		(void)doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE, "%s",
					  error.text);
	else
		setup_print(&request, &set,
			    result == WARDEN_HOSTS_DENY_CHANGED);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_setup = {
	.name = "warden setup",
	.cmd = cmd_warden_setup,
	.usage = "[--remove] [--daemons <list>] | "
		"--pam <list> [--apply|--remove] | "
		"--nftables [--apply|--remove]",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAM('r', "remove", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('d', "daemons", CMD_PARAM_STR, 0)
DOVEADM_CMD_PARAM('p', "pam", CMD_PARAM_STR, 0)
DOVEADM_CMD_PARAM('n', "nftables", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('a', "apply", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAMS_END
};
