/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden status`: is it on, does it work, what is going on. */

#include "doveadm-warden.h"
#include "doveadm-coverage.h"
#include "doveadm-record.h"
#include "doveadm-selfcheck.h"
#include "doveadm-top.h"
#include "doveadm-watch.h"
#include "warden-neighbours.h"
#include "warden-tally.h"

#define MINUTE_SECS 60
#define HOUR_SECS 3600

struct status_total {
	uint64_t minute, hour;
};

struct status {
	const struct doveadm_warden *dw;
	struct warden_health health;
	uint32_t sessions;
	unsigned int networks; /* blocked */
	struct status_total totals[WARDEN_TOTALS];
	struct status_total failures, refused; /* sums */
	struct doveadm_top top;
	struct doveadm_selfcheck checks[DOVEADM_SELFCHECK_COUNT];
	struct doveadm_coverage coverage[DOVEADM_COVERAGE_COUNT];
};

/* --- Gathering ------------------------------------------------------------ */

static void status_total_sum(struct status_total *sum,
			     const struct status_total *total)
{
	sum->minute += total->minute;
	sum->hour += total->hour;
}

static void status_read_totals(struct status *status)
{
	const struct doveadm_warden *dw = status->dw;

	for (unsigned int i = 0; i < WARDEN_TOTALS; i++) {
		struct status_total *total = &status->totals[i];

		total->minute = warden_table_total(dw->table, i, MINUTE_SECS,
						   dw->now);
		total->hour = warden_table_total(dw->table, i, HOUR_SECS,
						 dw->now);
		/* a client that tries nothing has not failed */
		if (warden_class_is_event(i) && i != WARDEN_IDLE)
			status_total_sum(&status->failures, total);
		if (warden_tally_is_refusal(i))
			status_total_sum(&status->refused, total);
	}
}

static void status_read(const struct doveadm_warden *dw, struct status *status)
{
	unsigned int network = 0;

	status->dw = dw;
	warden_admin_health(dw->warden, dw->now, &status->health);
	status->sessions = warden_table_sessions_total(dw->table, dw->now);
	status_read_totals(status);
	while (doveadm_warden_next_network(dw, &network) != NULL)
		status->networks++;
	doveadm_top_read(dw, &status->top);
	doveadm_selfcheck_run(dw, &status->health, status->checks);
	doveadm_coverage_look(&status->health, status->coverage);
}

static const char *status_mode(const struct status *status)
{
	return status->dw->silent_secs == UINT32_MAX ?
		"none" : warden_mode_name(status->dw->policy->mode);
}

/* As the setting has them; "": all are as warden_mode. */
static const char *status_rule_modes(const struct status *status)
{
	const struct warden_policy *policy = status->dw->policy;
	string_t *text = t_str_new(64);

	for (unsigned int rule = 1; rule < WARDEN_RULE_COUNT; rule++) {
		enum warden_mode mode = warden_policy_rule_mode(policy, rule);

		if (mode == policy->mode)
			continue;
		str_printfa(text, "%s%s=%s", str_len(text) > 0 ? " " : "",
			    warden_rule_name(rule), warden_mode_name(mode));
	}
	return str_c(text);
}

/* Warden time. 0: the service never ran. */
static uint32_t status_since(const struct status *status)
{
	return status->health.service_started;
}

/* --- For scripts: one object ---------------------------------------------- */

static void status_record_total(struct doveadm_record *record,
				const char *name,
				const struct status_total *total)
{
	doveadm_record_num(record, t_strconcat(name, "_minute", NULL),
			   total->minute);
	doveadm_record_num(record, t_strconcat(name, "_hour", NULL),
			   total->hour);
}

static const char *status_observed(const struct status *status, bool say);

static void status_record_totals(const struct status *status,
				 struct doveadm_record *record)
{
	const struct status_total *totals = status->totals;

	status_record_total(record, "logins", &totals[WARDEN_TOTAL_SUCCESS]);
	status_record_total(record, "failures", &status->failures);
	for (unsigned int i = 0; i < WARDEN_CLASS_COUNT; i++) {
		if (warden_class_is_event(i))
			status_record_total(record, warden_class_name(i),
					    &totals[i]);
	}
	status_record_total(record, "excused", &totals[WARDEN_TOTAL_EXCUSED]);
	status_record_total(record, "refused", &status->refused);
	status_record_total(record, "refused_blocked",
			    &totals[WARDEN_TOTAL_REFUSED_BLOCKED]);
	status_record_total(record, "refused_sessions",
			    &totals[WARDEN_TOTAL_REFUSED_SESSIONS]);
	status_record_total(record, "refused_auth",
			    &totals[WARDEN_TOTAL_REFUSED_AUTH]);
	status_record_total(record, "refused_rules",
			    &totals[WARDEN_TOTAL_REFUSED_RULES]);
	status_record_total(record, "refused_siege",
			    &totals[WARDEN_TOTAL_REFUSED_SIEGE]);
	status_record_total(record, "refused_country",
			    &totals[WARDEN_TOTAL_REFUSED_COUNTRY]);
	status_record_total(record, "would_refuse",
			    &totals[WARDEN_TOTAL_WOULD_REFUSE]);
	doveadm_record_str(record, "observed", status_observed(status, FALSE));
}

/* Where many hosts are blocked: "192.0.2.0/24 (5), AS64500 (12)". */
static const char *status_neighbourhoods(const struct status *status)
{
	const struct warden_neighbourhoods *list =
		warden_admin_neighbourhoods(status->dw->warden);
	char name[WARDEN_NEIGHBOURHOOD_STRLEN];
	string_t *text = t_str_new(128);

	for (uint32_t i = 0; i < list->count; i++) {
		str_printfa(
			text, "%s%s (%u)", i == 0 ? "" : ", ",
			warden_neighbourhood_format(list->list[i].key, name),
			list->list[i].blocked);
	}
	return str_c(text);
}

static void status_record_table(const struct status *status,
				struct doveadm_record *record)
{
	const struct warden_health *health = &status->health;

	doveadm_record_num(record, "blocked", health->blocked);
	doveadm_record_num(record, "networks_blocked", status->networks);
	doveadm_record_num(record, "known", health->known);
	doveadm_record_num(record, "on_guard", health->accounts_on_guard);
	doveadm_record_str(record, "neighbourhoods",
			   status_neighbourhoods(status));
	doveadm_record_num(record, "table_used", health->used);
	doveadm_record_num(record, "table_room", health->room);
	doveadm_record_num(record, "table_evicted", health->evicted);
	doveadm_record_num(record, "table_set_full", health->set_full);
	doveadm_record_num(record, "table_unwatched", health->unwatched);
	doveadm_record_num(record, "table_bucket_full", health->bucket_full);
	doveadm_record_num(record, "table_contended", health->contended);
	doveadm_record_num(record, "service_pid",
			   health->service_pid > 0 ?
			   (uintmax_t)health->service_pid : 0);
	doveadm_record_num(record, "service_silent",
			   health->heartbeat_age_secs);
	doveadm_record_num(record, "policy_age", health->policy_age_secs);
}

static void status_record_print(const struct status *status)
{
	struct doveadm_record *record = doveadm_record_new();
	string_t *top = t_str_new(256);

	for (unsigned int i = 0; i < status->top.count; i++) {
		if (i > 0)
			str_append_c(top, ' ');
		str_append(top, doveadm_warden_host(status->dw,
						    &status->top.hosts[i].host));
	}
	doveadm_record_str(record, "mode", status_mode(status));
	doveadm_record_str(record, "rule_modes", status_rule_modes(status));
	doveadm_record_str(record, "since", doveadm_warden_time(status->dw,
						status_since(status)));
	doveadm_record_num(record, "sessions", status->sessions);
	doveadm_record_num(record, "session_limit",
			   status->dw->policy->session_limit);
	doveadm_record_num(record, "session_limit_network",
			   status->dw->policy->session_limit_network);
	doveadm_record_num(record, "session_limit_total",
			   status->dw->policy->session_limit_total);
	status_record_totals(status, record);
	status_record_table(status, record);
	doveadm_record_str(record, "top", str_c(top));
	for (unsigned int i = 0; i < DOVEADM_SELFCHECK_COUNT; i++) {
		const struct doveadm_selfcheck *check = &status->checks[i];

		doveadm_record_str(record, check->name,
				   check->problem == NULL ?
				   "ok" : check->problem);
	}
	for (unsigned int i = 0; i < DOVEADM_COVERAGE_COUNT; i++)
		doveadm_coverage_record(&status->coverage[i], record);
	doveadm_record_print(record);
}

/* --- For a person: a report ----------------------------------------------- */

static void status_say_total(const char *name,
			     const struct status_total *total)
{
	doveadm_warden_say("  %-24s %10"PRIu64" %10"PRIu64, name,
			   total->minute, total->hour);
}

static void status_say_totals(const struct status *status)
{
	const struct status_total *totals = status->totals;

	doveadm_warden_say("\n%-26s %10s %10s", "In the last", "minute",
			   "hour");
	status_say_total("logins", &totals[WARDEN_TOTAL_SUCCESS]);
	status_say_total("failures", &status->failures);
	for (unsigned int i = 0; i < WARDEN_CLASS_COUNT; i++) {
		if (warden_class_is_event(i) && totals[i].hour > 0)
			status_say_total(t_strconcat("  ",
					warden_class_name(i), NULL),
					&totals[i]);
	}
	status_say_total("wrong, but no guess", &totals[WARDEN_TOTAL_EXCUSED]);
	status_say_total("refused", &status->refused);
	if (totals[WARDEN_TOTAL_REFUSED_RULES].hour > 0)
		status_say_total("  by hosts.deny",
				 &totals[WARDEN_TOTAL_REFUSED_RULES]);
	if (totals[WARDEN_TOTAL_REFUSED_SIEGE].hour > 0)
		status_say_total("  account on guard",
				 &totals[WARDEN_TOTAL_REFUSED_SIEGE]);
	if (totals[WARDEN_TOTAL_REFUSED_COUNTRY].hour > 0)
		status_say_total("  by country",
				 &totals[WARDEN_TOTAL_REFUSED_COUNTRY]);
	if (totals[WARDEN_TOTAL_WOULD_REFUSE].hour > 0)
		status_say_total("only observed",
				 &totals[WARDEN_TOTAL_WOULD_REFUSE]);
}

/* One line for each rule, or "rule=refused/logged in ..." */
static const char *status_observed(const struct status *status, bool say)
{
	const struct doveadm_warden *dw = status->dw;
	string_t *text = t_str_new(128);

	for (unsigned int rule = 1; rule < WARDEN_RULE_COUNT; rule++) {
		const char *name = warden_rule_name(rule);
		uint32_t refused, logged_in;

		warden_table_observed(dw->table, rule, dw->now, &refused,
				      &logged_in);
		if (refused == 0)
			continue;
		if (say) {
			doveadm_warden_say("  %-24s would have refused %u "
					   "hosts, %u logged in",
					   name, refused, logged_in);
		}
		str_printfa(text, "%s%s=%u/%u", str_len(text) > 0 ? " " : "",
			    name, refused, logged_in);
	}
	return str_c(text);
}

static void status_say_now(const struct status *status)
{
	const struct doveadm_warden *dw = status->dw;
	const struct warden_health *health = &status->health;
	const char *modes = status_rule_modes(status);
	const char *neighbourhoods = status_neighbourhoods(status);
	uint32_t since = status_since(status);

	if (since == 0)
		doveadm_warden_say("Warden: the service has never run");
	else
		doveadm_warden_say("Warden: mode %s, since %s (%s)",
			status_mode(status), doveadm_warden_time(dw, since),
			doveadm_warden_duration(
				(uint32_t)(dw->now / 1000) - since));
	if (*modes != '\0')
		doveadm_warden_say("But %s", modes);
	if (health->fuse_blown) {
		doveadm_warden_say("Nearly all known hosts fail: nobody is "
				   "blocked until they log in again. Are the "
				   "password database and the certificate in "
				   "order?");
	}
	doveadm_warden_say("\nNow");
	doveadm_warden_say(
		"  %-24s %10u   (%s%s)", "sessions not logged in",
		status->sessions,
		dw->policy->session_limit == 0 ?
			"no limit" :
			t_strdup_printf("at most %u a host",
					dw->policy->session_limit),
		dw->policy->session_limit_total == 0 ?
			"" :
			t_strdup_printf(", about %u of all",
					dw->policy->session_limit_total));
	doveadm_warden_say("  %-24s %10"PRIu64, "blocked hosts",
			   health->blocked);
	doveadm_warden_say("  %-24s %10u", "blocked networks",
			   status->networks);
	doveadm_warden_say("  %-24s %10"PRIu64, "known hosts", health->known);
	doveadm_warden_say("  %-24s %10u", "accounts on guard",
			   health->accounts_on_guard);
	if (*neighbourhoods != '\0') {
		doveadm_warden_say("  many blocked in          %s",
				   neighbourhoods);
	}
}

static void status_say_top(const struct status *status)
{
	const struct doveadm_warden *dw = status->dw;

	for (unsigned int i = 0; i <= status->top.count; i++) T_BEGIN {
		const char *line = doveadm_top_line(dw, &status->top, i);

		if (line != NULL)
			doveadm_warden_say("%s%s", i == 0 ? "\n" : "", line);
	} T_END;
}

static void status_say_checks(const struct doveadm_selfcheck *checks)
{
	doveadm_warden_say("\nSelf-check");
	for (unsigned int i = 0; i < DOVEADM_SELFCHECK_COUNT; i++) {
		/* without check_, which only JSON needs */
		const char *name = strchr(checks[i].name, '_') + 1;

		doveadm_warden_say("  %-8s %-14s %s",
			checks[i].problem == NULL ? "ok" : "PROBLEM", name,
			checks[i].problem == NULL ? checks[i].detail :
						    checks[i].problem);
	}
}

static void status_say_coverage(const struct doveadm_coverage *coverage)
{
	doveadm_warden_say("\nOther daemons, and whether they refuse blocked "
			   "hosts");
	for (unsigned int i = 0; i < DOVEADM_COVERAGE_COUNT; i++) {
		doveadm_warden_say("  %-8s %-14s %s", coverage[i].daemon,
				   coverage[i].answer, coverage[i].reason);
		if (coverage[i].command != NULL) {
			doveadm_warden_say("  %-23s %s", "",
					   coverage[i].command);
		}
	}
}

static void status_print(const struct doveadm_warden *dw)
{
	struct status *status = t_new(struct status, 1);

	status_read(dw, status);
	if (doveadm_print_is_initialized()) {
		status_record_print(status);
		return;
	}
	status_say_now(status);
	status_say_totals(status);
	(void)status_observed(status, TRUE);
	status_say_top(status);
	status_say_checks(status->checks);
	status_say_coverage(status->coverage);
}

static void cmd_warden_status(struct doveadm_cmd_context *cctx)
{
	struct doveadm_warden dw;
	bool watch = false;

	(void)doveadm_cmd_param_bool(cctx, "watch", &watch);
	if (watch && doveadm_print_is_initialized()) {
		(void)doveadm_warden_fail_usage(cctx, "--watch is without a "
						"formatter");
		return;
	}
	if (!doveadm_warden_open(&dw))
		return;
	if (watch)
		doveadm_watch(&dw);
	else
		status_print(&dw);
	doveadm_warden_close(&dw);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_status = {
	.name = "warden status",
	.cmd = cmd_warden_status,
	.usage = "[-w|--watch]",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAM('w', "watch", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAMS_END
};
