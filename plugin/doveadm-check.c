/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden check ADDR [DAEMON[@SERVER]]`: what hosts.allow and
   hosts.deny say of a client, and what the table says. Nothing is counted or executed. If the
   rules depend on the name of the client, it is looked up. */

#include "doveadm-warden.h"
#include "str.h"
#include "doveadm-name.h"
#include "doveadm-nftables.h"
#include "doveadm-record.h"
#include "doveadm-rules.h"
#include "doveadm-target.h"
#include "doveadm-verdict.h"

#define EXIT_REFUSED 1

struct check {
	const struct doveadm_warden *dw;
	struct doveadm_target target;
	const char *daemon;
	struct warden_net server; /* its end; family 0: not given */
	struct warden_settings set;

	struct warden_rules_question question;
	bool meant; /* hosts.allow means this client: it is exempt */
	struct warden_rules_answer answer;
	struct warden_rules_notices notices;
	struct doveadm_verdict verdict; /* of the table */
	bool is_cli;
	struct doveadm_nftables nftables;
};

/* --- The rules ------------------------------------------------------------ */

static void check_ask_both(struct check *check,
			   const struct warden_rules *rules,
			   struct warden_rules_answer *grant_r)
{
	warden_rules_ask(rules, &check->question, &check->answer);
	warden_rules_ask_grant(rules, &check->question, grant_r);
}

static bool check_ask(struct check *check, const struct warden_rules *rules)
{
	struct warden_rules_answer grant;

	check->question.daemon = check->daemon;
	check->question.client = &check->target.given;
	if (check->server.family != 0)
		check->question.server = &check->server;
	check_ask_both(check, rules, &grant);
	if (check->answer.verdict == WARDEN_RULES_NEED_NAME ||
	    grant.verdict == WARDEN_RULES_NEED_NAME) {
		doveadm_name_look_up(&check->question,
				     check->set.policy.dns_timeout_secs);
		check_ask_both(check, rules, &grant);
	}
	check->meant = grant.verdict == WARDEN_RULES_ALLOW;
	if (check->answer.verdict != WARDEN_RULES_DAMAGED)
		return TRUE;
	return doveadm_warden_fail(EX_SOFTWARE, "the rules were compiled wrong");
}

static bool check_rules(struct check *check)
{
	struct warden_rules_image image;
	struct warden_rules rules;
	struct warden_error error;
	bool success;

	if (!doveadm_rules_compile(&check->set, &image, &check->notices,
				   &error))
		return doveadm_warden_fail(EX_DATAERR, "%s", error.text);
	if (warden_rules_open(&rules, image.data, image.size, &error))
		success = check_ask(check, &rules);
	else
		success = doveadm_warden_fail(EX_SOFTWARE, "%s", error.text);
	warden_rules_image_free(&image);
	return success;
}

/* --- Both ----------------------------------------------------------------- */

static bool check_read(struct check *check)
{
	const struct doveadm_warden *dw = check->dw;
	struct warden_host_info info;
	struct warden_error error;

	if (!doveadm_warden_settings(&check->set, &error))
		return doveadm_warden_fail(EX_CONFIG, "%s", error.text);
	if (!check_rules(check))
		return FALSE;
	(void)warden_table_read(dw->table, &check->target.host, dw->policy,
				dw->now, &info);
	doveadm_verdict_get(dw, &check->target.given, &check->target.net, NULL,
			    &info, &check->verdict);
	doveadm_nftables_look(&check->set, check->is_cli, &check->target.given,
			      &check->nftables);
	return TRUE;
}

static bool check_is_refused(const struct check *check)
{
	return check->answer.verdict == WARDEN_RULES_DENY ||
	       check->nftables.state == DOVEADM_NFTABLES_DROPS ||
	       (check->verdict.refused && !check->meant);
}

static const char *check_file(const struct check *check)
{
	if (check->answer.line == 0)
		return "";
	return check->answer.file == WARDEN_RULES_FILE_ALLOW ?
		check->set.hosts_allow : check->set.hosts_deny;
}

static void check_record(const struct check *check)
{
	const struct doveadm_verdict *verdict = &check->verdict;
	struct doveadm_record *record = doveadm_record_new();

	doveadm_record_str(record, "address",
			   doveadm_warden_net(&check->target.given));
	doveadm_record_str(record, "daemon", check->daemon);
	doveadm_record_str(record, "server",
			   check->server.family == 0 ?
				   "" :
				   doveadm_warden_net(&check->server));
	doveadm_record_str(record, "verdict",
			   check_is_refused(check) ? "refused" : "allowed");
	doveadm_record_str(record, "rules",
			   check->answer.verdict == WARDEN_RULES_DENY ?
			   "refused" : "allowed");
	doveadm_record_str(record, "rules_file", check_file(check));
	doveadm_record_num(record, "rules_line", check->answer.line);
	doveadm_record_str(record, "name", doveadm_name_str(&check->question));
	doveadm_record_str(record, "connection",
			   doveadm_verdict_connection(&check->verdict));
	doveadm_record_str(record, "rule", doveadm_rule_name(verdict->rule));
	doveadm_record_str(record, "rule_network", verdict->net.family == 0 ?
				   "" : doveadm_warden_net(&verdict->net));
	doveadm_record_str(record, "nftables",
			   doveadm_nftables_name(&check->nftables));
	doveadm_record_print(record);
}

static void check_say_rules(const struct check *check)
{
	const char *verdict = check->answer.verdict == WARDEN_RULES_DENY ?
		"refused" : "allowed";

	if (check->answer.line == 0) {
		doveadm_warden_say("  rules            %s, no rule is for it",
				   verdict);
	} else {
		doveadm_warden_say("  rules            %s by line %u of %s",
				   verdict, check->answer.line,
				   check_file(check));
	}
	if (check->question.name_state != WARDEN_RULES_NAME_NOT_ASKED) {
		doveadm_warden_say("  host name        %s",
				   doveadm_name_str(&check->question));
	}
}

static void check_say_table(const struct check *check)
{
	const struct doveadm_verdict *verdict = &check->verdict;
	string_t *str = t_str_new(128);

	if (verdict->rule == DOVEADM_RULE_NONE) {
		doveadm_warden_say("  table            let in, nothing is "
				   "against it");
		return;
	}
	str_printfa(str, "%s (%s", doveadm_verdict_connection(&check->verdict),
		    doveadm_rule_name(verdict->rule));
	if (verdict->net.family != 0)
		str_printfa(str, " %s", doveadm_warden_net(&verdict->net));
	if (verdict->until_secs != 0) {
		str_printfa(
			str, ", blocked: %s",
			doveadm_warden_left(check->dw, verdict->until_secs));
	}
	str_append_c(str, ')');
	if (check->meant && verdict->refused)
		str_append(str, ", but hosts.allow means it: exempt");
	doveadm_warden_say("  table            %s", str_c(str));
}

static void check_say_notices(const struct check *check)
{
	const struct warden_rules_notices *notices = &check->notices;

	for (unsigned int i = 0; i < notices->count; i++) {
		doveadm_warden_say("  note             %s",
				   notices->list[i].text);
	}
	if (notices->more > 0)
		doveadm_warden_say("  note             and %u more",
				   notices->more);
}

static void check_print(const struct check *check)
{
	if (doveadm_print_is_initialized()) {
		check_record(check);
		return;
	}
	doveadm_warden_say(
		"%s to %s%s%s: %s.", doveadm_warden_net(&check->target.given),
		check->daemon, check->server.family == 0 ? "" : "@",
		check->server.family == 0 ? "" :
					    doveadm_warden_net(&check->server),
		check_is_refused(check) ? "refused" : "allowed");
	check_say_rules(check);
	check_say_table(check);
	if (check->nftables.sentence != NULL) {
		doveadm_warden_say("  nftables         %s",
				   check->nftables.sentence);
	}
	check_say_notices(check);
}

/* --- What is asked -------------------------------------------------------- */

/* daemon or daemon@server, as tcpdmatch(8) has it; an IPv6 address may stand in
   brackets, as it does in the rules. */
static bool check_parse_daemon(struct check *check, const char *given)
{
	const char *at = strchr(given, '@'), *server, *error;

	check->daemon = given;
	if (at != NULL) {
		check->daemon = t_strdup_until(given, at);
		server = at + 1;
		if (!warden_net_parse(server, &check->server, &error)) {
			return doveadm_warden_fail(
				EX_USAGE, "bad server address '%s': %s", server,
				error);
		}
		if (check->server.bits != warden_net_max_bits(&check->server)) {
			return doveadm_warden_fail(EX_USAGE,
						   "%s is a network: "
						   "a server has an address",
						   server);
		}
	}
	if (*check->daemon != '\0')
		return TRUE;
	return doveadm_warden_fail(EX_USAGE, "'%s' has no daemon", given);
}

static bool check_parse_address(struct check *check, const char *address)
{
	const struct warden_net *given = &check->target.given;

	if (!doveadm_target_parse(check->dw, address, &check->target))
		return FALSE;
	if (given->bits == warden_net_max_bits(given))
		return TRUE;
	return doveadm_warden_fail(EX_USAGE,
				   "%s is a network: check takes "
				   "one address",
				   address);
}

static void check_run(struct check *check, const char *address,
		      const char *daemon)
{
	if (!check_parse_daemon(check, daemon) ||
	    !check_parse_address(check, address) || !check_read(check))
		return;
	check_print(check);
	if (check_is_refused(check))
		doveadm_exit_code = EXIT_REFUSED;
}

static void cmd_warden_check(struct doveadm_cmd_context *cctx)
{
	struct doveadm_warden dw;
	struct check check = { .dw = &dw };
	const char *address, *daemon = "imap";

	if (!doveadm_cmd_param_str(cctx, "address", &address)) {
		(void)doveadm_warden_fail_usage(cctx, "no address given");
		return;
	}
	(void)doveadm_cmd_param_str(cctx, "daemon", &daemon);
	check.is_cli = cctx->conn_type == DOVEADM_CONNECTION_TYPE_CLI;
	if (!doveadm_warden_open(&dw))
		return;
	check_run(&check, address, daemon);
	doveadm_warden_close(&dw);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_check = {
	.name = "warden check",
	.cmd = cmd_warden_check,
	.usage = "<address> [<daemon>[@<server address>]]",
	DOVEADM_CMD_PARAMS_START DOVEADM_CMD_PARAM(
		'\0', "address", CMD_PARAM_STR, CMD_PARAM_FLAG_POSITIONAL)
		DOVEADM_CMD_PARAM('\0', "daemon", CMD_PARAM_STR,
				  CMD_PARAM_FLAG_POSITIONAL)
			DOVEADM_CMD_PARAMS_END
};
