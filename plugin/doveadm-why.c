/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden why ADDR`: everything that is known of one host, and what
   follows from it. A guard whose decisions cannot be explained gets switched
   off. */

#include "doveadm-warden.h"
#include "str.h"
#include "warden-clock.h"
#include "doveadm-deny-line.h"
#include "doveadm-meant.h"
#include "doveadm-nftables.h"
#include "doveadm-record.h"
#include "doveadm-setup.h"
#include "doveadm-target.h"
#include "doveadm-verdict.h"
#include "warden-hosts-deny.h"
#include "warden-neighbours.h"

/* As rules name it. */
#define WHY_DAEMON "imap"
#define WHY_EVENTS 12

struct why {
	const struct doveadm_warden *dw;
	struct doveadm_target target;
	struct warden_host_info info;
	struct doveadm_verdict verdict;
	const char *deny_file; /* "": none */
	int deny_line;	       /* as doveadm_deny_line_find() */
	struct doveadm_nftables nftables;
	uint32_t origin; /* see warden-origins.h */
	const struct warden_neighbourhood *neighbours; /* NULL: none */
	const char *allow, *deny; /* whose rules are in force */
	struct doveadm_meant meant;
	struct warden_event events[WHY_EVENTS];
	unsigned int event_count;
};

static const char *why_reason(const struct why *why)
{
	if (why->verdict.rule == DOVEADM_RULE_NETWORK)
		return warden_class_name(WARDEN_MANUAL);
	return why->info.blocked ? warden_class_name(why->info.reason) : "";
}

static uint32_t why_event_age(const struct why *why)
{
	uint32_t now_secs = (uint32_t)(why->dw->now / 1000);

	if (why->info.last_event == 0 || why->info.last_event > now_secs)
		return 0;
	return now_secs - why->info.last_event;
}

static void why_record_decision(const struct why *why,
				struct doveadm_record *record)
{
	const struct doveadm_warden *dw = why->dw;
	const struct doveadm_verdict *verdict = &why->verdict;

	doveadm_record_str(record, "address",
			   doveadm_warden_net(&why->target.given));
	doveadm_record_str(record, "host",
			   doveadm_warden_net(&why->target.net));
	doveadm_record_str(record, "connection",
			   doveadm_verdict_connection(&why->verdict));
	doveadm_record_str(record, "rule", doveadm_rule_name(verdict->rule));
	doveadm_record_str(record, "rule_network", verdict->net.family == 0 ?
				   "" : doveadm_warden_net(&verdict->net));
	doveadm_record_str(record, "blocked",
			   verdict->until_secs != 0 ? "yes" : "no");
	doveadm_record_str(record, "blocked_until",
			   doveadm_warden_time(dw, verdict->until_secs));
	doveadm_record_num(record, "seconds_left",
			   doveadm_warden_secs_left(dw, verdict->until_secs));
	doveadm_record_str(record, "reason", why_reason(why));
}

static void why_record_host(const struct why *why,
			    struct doveadm_record *record)
{
	const struct doveadm_warden *dw = why->dw;
	const struct warden_host_info *info = &why->info;
	bool event = info->last_event != 0;

	doveadm_record_points(record, "points", info->points);
	doveadm_record_num(record, "points_limit", info->limits.fast);
	doveadm_record_points(record, "slow_points", info->slow_points);
	doveadm_record_num(record, "slow_points_limit", info->limits.slow);
	doveadm_record_num(record, "names", info->names);
	doveadm_record_num(record, "sessions", info->sessions);
	doveadm_record_num(record, "session_limit", info->limits.sessions);
	doveadm_record_num(record, "offences", info->offences);
	doveadm_record_num(record, "refused", info->refused);
	doveadm_record_str(record, "last_event",
			   doveadm_warden_time(dw, info->last_event));
	doveadm_record_num(record, "last_event_age", why_event_age(why));
	doveadm_record_str(record, "last_class",
			   event ? warden_class_name(info->last_class) : "");
	doveadm_record_str(record, "last_protocol", event ?
			   warden_protocol_name(info->last_protocol) : "");
	doveadm_record_str(record, "known", info->known ? "yes" : "no");
	doveadm_record_num(record, "users", info->users);
	doveadm_record_str(record, "last_login",
			   doveadm_warden_time(dw, info->last_login));
	doveadm_record_str(record, "deny_file", why->deny_file);
	doveadm_record_num(record, "deny_file_line",
			   why->deny_line > 0 ? (uintmax_t)why->deny_line : 0);
	doveadm_record_str(record, "exempt_for", why->meant.daemons);
	doveadm_record_str(record, "nftables",
			   doveadm_nftables_name(&why->nftables));
}

static const char *why_country(const struct why *why)
{
	char letters[3];

	return t_strdup(warden_country_format(
		warden_origin_country(why->origin), letters));
}

static const char *why_neighbours(const struct why *why)
{
	char name[WARDEN_NEIGHBOURHOOD_STRLEN];

	if (why->neighbours == NULL)
		return "";
	return t_strdup_printf(
		"%s: %u hosts of it are blocked, unknown ones weigh %u-fold",
		warden_neighbourhood_format(why->neighbours->key, name),
		why->neighbours->blocked, why->neighbours->factor);
}

static void why_record_origin(const struct why *why,
			      struct doveadm_record *record)
{
	doveadm_record_str(record, "country", why_country(why));
	doveadm_record_num(record, "as", warden_origin_as(why->origin));
	doveadm_record_str(record, "neighbours", why_neighbours(why));
}

static void why_say_origin(const struct why *why)
{
	const char *country = why_country(why);
	uint32_t as = warden_origin_as(why->origin);

	if (why->origin != 0) {
		doveadm_warden_say("  comes from       %s%s%s", country,
				   *country != '\0' && as != 0 ? ", " : "",
				   as == 0 ? "" : t_strdup_printf("AS%u", as));
	}
	if (why->neighbours != NULL) {
		doveadm_warden_say("  neighbours       %s",
				   why_neighbours(why));
	}
}

static const char *why_rules_file(const struct why *why)
{
	return why->verdict.file == WARDEN_RULES_FILE_ALLOW ? why->allow :
							      why->deny;
}

static const char *why_cause(const struct why *why)
{
	const char *net = doveadm_warden_net(&why->verdict.net);

	switch (why->verdict.rule) {
	case DOVEADM_RULE_NONE:
		return "nothing is against it";
	case DOVEADM_RULE_OFF:
		return "warden_mode is off";
	case DOVEADM_RULE_SILENT:
		return "the warden service is silent, so no rule is in force";
	case DOVEADM_RULE_HOSTS_DENY:
		return t_strdup_printf(
			"line %u of %s refuses it to " WHY_DAEMON,
			why->verdict.line, why_rules_file(why));
	case DOVEADM_RULE_HOSTS_ALLOW:
		return t_strdup_printf(
			"line %u of %s lets it in to " WHY_DAEMON,
			why->verdict.line, why_rules_file(why));
	case DOVEADM_RULE_EXEMPT:
		return t_strdup_printf("%s is exempt", net);
	case DOVEADM_RULE_NETWORK:
		return t_strdup_printf("an admin blocked the network %s", net);
	case DOVEADM_RULE_MANUAL:
		return "an admin blocked this host";
	case DOVEADM_RULE_POINTS:
		return t_strdup_printf("it failed too often, last with %s",
				       warden_class_name(why->info.reason));
	case DOVEADM_RULE_COUNTRY:
		return t_strdup_printf(
			"it is in %s, and warden_countries_%s",
			why_country(why),
			warden_policy_has_country(
				why->dw->policy->countries_refused,
				warden_origin_country(why->origin)) ?
				"refused has that" :
				"allowed has not");
	case DOVEADM_RULE_CROWDED:
		return t_strdup_printf(
			"too many hosts of its /48 failed lately, and nobody "
			"logged in from this one%s",
			why->info.crowd == WARDEN_BLOCK_LIMITED ?
				": only passwords that worked before are "
				"checked" :
				"");
	case DOVEADM_RULE_LIMITED:
		return t_strdup_printf(
			"it failed too often, last with %s, but about %u users "
			"log in from there: only passwords that worked before "
			"are checked",
			warden_class_name(why->info.reason), why->info.users);
	case DOVEADM_RULE_SESSIONS:
		return "it has as many sessions that are not logged in as "
			"it may have";
	}
	i_unreached();
}

static const char *why_points(double points, uint32_t limit)
{
	return t_strdup_printf("%.1f, blocked at %u", points, limit);
}

static const char *why_event(const struct why *why)
{
	const struct warden_host_info *info = &why->info;
	const char *ago = doveadm_warden_ago(why->dw, info->last_event);

	if (info->last_event == 0)
		return "none";
	if (info->last_protocol == WARDEN_PROTOCOL_UNKNOWN) {
		return t_strdup_printf("%s, %s",
				warden_class_name(info->last_class), ago);
	}
	return t_strdup_printf("%s by %s, %s",
			       warden_class_name(info->last_class),
			       warden_protocol_name(info->last_protocol), ago);
}

static void why_say_block(const struct why *why)
{
	const struct doveadm_warden *dw = why->dw;
	uint32_t until = why->verdict.until_secs;

	if (until == 0)
		doveadm_warden_say("  blocked          no");
	else if (until == WARDEN_FOREVER_SECS)
		doveadm_warden_say("  blocked          forever");
	else
		doveadm_warden_say("  blocked          for %s, until %s",
			doveadm_warden_left(dw, until),
			doveadm_warden_time(dw, until));
}

/* "auth_failed by imap 12 s ago, 10 points" */
static const char *why_one_event(const struct warden_event *event)
{
	const char *name = event->class == WARDEN_CLASS_NONE ?
				   "login" :
			   event->class == WARDEN_ACCOUNT_ON_GUARD ?
				   "refused (account_on_guard)" :
				   warden_class_name(event->class);
	char age[WARDEN_CLOCK_STRLEN];

	return t_strdup_printf(
		"%s by %s %s ago, %u points", name,
		warden_protocol_name(event->protocol),
		event->age_secs == 0 ?
			"0 s" :
			warden_duration_format(event->age_secs, age),
		event->points);
}

static void why_record_events(const struct why *why,
			      struct doveadm_record *record)
{
	string_t *text = t_str_new(256);

	for (unsigned int i = 0; i < why->event_count; i++) {
		if (i > 0)
			str_append(text, "; ");
		str_append(text, why_one_event(&why->events[i]));
	}
	doveadm_record_str(record, "events", str_c(text));
}

static void why_say_events(const struct why *why)
{
	for (unsigned int i = 0; i < why->event_count; i++) {
		doveadm_warden_say("  %-16s %s", i == 0 ? "events" : "",
				   why_one_event(&why->events[i]));
	}
}

static void why_say_host(const struct why *why)
{
	const struct doveadm_warden *dw = why->dw;
	const struct warden_host_info *info = &why->info;

	doveadm_warden_say("  points           %s",
			   why_points(info->points, info->limits.fast));
	doveadm_warden_say("  points of a day  %s",
			   why_points(info->slow_points, info->limits.slow));
	doveadm_warden_say(
		"  failed today     %s",
		info->names == 0 ?
			"no user by name" :
			t_strdup_printf("%u different users", info->names));
	doveadm_warden_say(
		"  sessions         %u not logged in, %s", info->sessions,
		info->limits.sessions == 0 ?
			"no limit" :
			t_strdup_printf("at most %u", info->limits.sessions));
	doveadm_warden_say("  offences         %u within a week",
			   info->offences);
	doveadm_warden_say("  refused          %"PRIu64" connections",
			   info->refused);
	doveadm_warden_say("  last event       %s", why_event(why));
	doveadm_warden_say(
		"  known            %s%s%s", info->known ? "yes" : "no",
		info->last_login == 0 ?
			"" :
			t_strdup_printf(
				", last login %s",
				doveadm_warden_ago(dw, info->last_login)),
		info->users == 0 ?
			"" :
			t_strdup_printf(", about %u users", info->users));
}

static const char *why_deny(const struct why *why)
{
	struct warden_error error;

	if (*why->deny_file == '\0')
		return "there is no deny file";
	if (why->deny_line < 0)
		return t_strdup_printf("%s cannot be read", why->deny_file);
	if (why->deny_line == 0)
		return t_strdup_printf("not in %s", why->deny_file);
	return t_strdup_printf("refused by line %d of %s%s", why->deny_line,
		why->deny_file,
		warden_hosts_deny_find(DOVEADM_SETUP_HOSTS_DENY,
				       why->deny_file, NULL, 0, &error) == 1 ?
		"" : ", which "DOVEADM_SETUP_HOSTS_DENY" does not name: "
		"run doveadm warden setup");
}

static void why_say_meant(const struct why *why)
{
	for (unsigned int i = 0; i < why->meant.count; i++) {
		doveadm_warden_say(
			"  exempt           for %s, by line %u of %s",
			why->meant.lines[i].daemons, why->meant.lines[i].number,
			why->allow);
	}
}

static void why_print(const struct why *why)
{
	struct doveadm_record *record = doveadm_record_new();

	if (doveadm_print_is_initialized()) {
		why_record_decision(why, record);
		why_record_host(why, record);
		why_record_origin(why, record);
		why_record_events(why, record);
		doveadm_record_print(record);
		return;
	}
	doveadm_warden_say("%s: a connection now is %s%s.",
			   doveadm_warden_net(&why->target.net),
			   why->verdict.would_refuse ?
				   "let in, only observed; else it would be " :
				   "",
			   why->verdict.would_refuse ?
				   "refused" :
				   doveadm_verdict_connection(&why->verdict));
	doveadm_target_say_widened(&why->target);
	doveadm_warden_say("  because          %s", why_cause(why));
	why_say_block(why);
	why_say_host(why);
	why_say_origin(why);
	why_say_meant(why);
	why_say_events(why);
	doveadm_warden_say("  sshd, vsftpd     %s", why_deny(why));
	if (why->nftables.sentence != NULL) {
		doveadm_warden_say("  nftables         %s",
				   why->nftables.sentence);
	}
}

static void why_read(const struct doveadm_warden *dw, bool is_cli,
		     struct why *why)
{
	struct warden_settings set;
	struct warden_error error;

	(void)warden_table_read(dw->table, &why->target.host, dw->policy,
				dw->now, &why->info);
	why->origin = warden_admin_origin(dw->warden, &why->target.given);
	why->neighbours =
		warden_admin_neighbourhood(dw->warden, &why->target.given);
	why->event_count = warden_table_events(
		dw->table, &why->target.host, dw->now, why->events, WHY_EVENTS);
	doveadm_verdict_get(dw, &why->target.given, &why->target.net,
			    WHY_DAEMON, &why->info, &why->verdict);
	doveadm_meant_get(dw, &why->target, why->verdict.name_state,
			  why->verdict.name, &why->meant);
	/* another setting that is wrong is the business of status */
	(void)doveadm_warden_settings(&set, &error);
	why->deny_file = t_strdup(set.hosts_deny_file);
	why->allow = t_strdup(set.hosts_allow);
	why->deny = t_strdup(set.hosts_deny);
	if (*why->deny_file != '\0') {
		why->deny_line = doveadm_deny_line_find(why->deny_file,
							&why->target.net);
	}
	doveadm_nftables_look(&set, is_cli, &why->target.net, &why->nftables);
}

static void cmd_warden_why(struct doveadm_cmd_context *cctx)
{
	struct doveadm_warden dw;
	struct why why = { .dw = &dw };
	const char *address;

	if (!doveadm_cmd_param_str(cctx, "address", &address)) {
		(void)doveadm_warden_fail_usage(cctx, "no address given");
		return;
	}
	if (!doveadm_warden_open(&dw))
		return;
	if (doveadm_target_parse(&dw, address, &why.target)) {
		if (!why.target.is_host) {
			(void)doveadm_warden_fail(EX_USAGE, "%s is a network: "
				"why takes one address", address);
		} else {
			why_read(&dw,
				 cctx->conn_type == DOVEADM_CONNECTION_TYPE_CLI,
				 &why);
			why_print(&why);
		}
	}
	doveadm_warden_close(&dw);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_why = {
	.name = "warden why",
	.cmd = cmd_warden_why,
	.usage = "<address>",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAM('\0', "address", CMD_PARAM_STR, CMD_PARAM_FLAG_POSITIONAL)
DOVEADM_CMD_PARAMS_END
};
