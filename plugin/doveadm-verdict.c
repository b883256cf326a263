/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The verdict as `doveadm warden why` explains it. It asks the same questions
   as warden_check() in the same order, but it must neither count a refusal
   nor change anything: looking is not connecting. */

#include "doveadm-verdict.h"
#include "doveadm-name.h"

static const char *const rule_names[] = {
	[DOVEADM_RULE_NONE] = "none",
	[DOVEADM_RULE_OFF] = "off",
	[DOVEADM_RULE_SILENT] = "silent",
	[DOVEADM_RULE_HOSTS_DENY] = "hosts.deny",
	[DOVEADM_RULE_HOSTS_ALLOW] = "hosts.allow",
	[DOVEADM_RULE_EXEMPT] = "exempt",
	[DOVEADM_RULE_NETWORK] = "network",
	[DOVEADM_RULE_MANUAL] = "manual",
	[DOVEADM_RULE_POINTS] = "points",
	[DOVEADM_RULE_CROWDED] = "crowded",
	[DOVEADM_RULE_LIMITED] = "limited",
	[DOVEADM_RULE_SESSIONS] = "sessions",
};

const char *doveadm_rule_name(enum doveadm_rule rule)
{
	return rule_names[rule];
}

const char *doveadm_verdict_connection(const struct doveadm_verdict *verdict)
{
	if (verdict->refused)
		return "refused";
	return verdict->would_refuse ? "would be refused" : "let in";
}

static bool verdict_exempt(const struct warden_policy *policy,
			   const struct warden_net *addr,
			   struct doveadm_verdict *verdict)
{
	for (uint32_t i = 0; i < policy->exempt_count; i++) {
		if (warden_net_contains(&policy->exempt[i], addr)) {
			verdict->net = policy->exempt[i];
			verdict->rule = DOVEADM_RULE_EXEMPT;
			return true;
		}
	}
	return false;
}

static bool verdict_rules(const struct doveadm_warden *dw,
			  const struct warden_net *addr, const char *daemon,
			  struct doveadm_verdict *verdict, bool *meant_r)
{
	struct warden_rules_question question = { .daemon = daemon,
						  .client = addr };
	struct warden_rules_answer answer, grant;

	warden_admin_rules_ask(dw->warden, &question, &answer, &grant);
	if (answer.verdict == WARDEN_RULES_NEED_NAME ||
	    grant.verdict == WARDEN_RULES_NEED_NAME) {
		doveadm_name_look_up(&question, dw->policy->dns_timeout_secs);
		warden_admin_rules_ask(dw->warden, &question, &answer, &grant);
	}
	verdict->name_state = question.name_state;
	verdict->name = question.name;
	*meant_r = grant.verdict == WARDEN_RULES_ALLOW;
	verdict->file = answer.file;
	verdict->line = answer.line;
	if (answer.verdict != WARDEN_RULES_DENY)
		return false;
	verdict->rule = DOVEADM_RULE_HOSTS_DENY;
	return true;
}

static bool verdict_network(const struct doveadm_warden *dw,
			    const struct warden_net *net,
			    struct doveadm_verdict *verdict)
{
	const struct warden_blocked_network *network =
		warden_admin_network_find(dw->warden, net, dw->now);

	if (network == NULL)
		return false;
	verdict->rule = DOVEADM_RULE_NETWORK;
	verdict->net = network->net;
	verdict->until_secs = network->until_secs;
	return true;
}

static bool verdict_host(const struct warden_host_info *info,
			 struct doveadm_verdict *verdict)
{
	uint32_t limit = info->limits.sessions;

	if (info->limited) {
		verdict->rule = DOVEADM_RULE_LIMITED;
		verdict->until_secs = info->blocked_until;
	} else if (info->blocked) {
		verdict->rule = info->reason == WARDEN_MANUAL ?
			DOVEADM_RULE_MANUAL : DOVEADM_RULE_POINTS;
		verdict->until_secs = info->blocked_until;
		return true;
	}
	if (info->crowd != WARDEN_BLOCK_NONE)
		verdict->rule = DOVEADM_RULE_CROWDED;
	if (info->crowd == WARDEN_BLOCK_HOST)
		return true;
	if (limit == 0 || info->sessions < limit)
		return false;
	verdict->rule = DOVEADM_RULE_SESSIONS;
	return true;
}

void doveadm_verdict_get(const struct doveadm_warden *dw,
			 const struct warden_net *addr,
			 const struct warden_net *net, const char *daemon,
			 const struct warden_host_info *info,
			 struct doveadm_verdict *verdict_r)
{
	bool against = FALSE, meant = FALSE;

	i_zero(verdict_r);
	/* they are for those who are exempt as well */
	if (daemon != NULL)
		against = verdict_rules(dw, addr, daemon, verdict_r, &meant);
	if (!against && verdict_exempt(dw->policy, addr, verdict_r))
		return;
	if (!against && meant) {
		verdict_r->rule = DOVEADM_RULE_HOSTS_ALLOW;
		return;
	}
	against = against || verdict_network(dw, net, verdict_r) ||
		  verdict_host(info, verdict_r);
	if (!doveadm_warden_in_force(dw)) {
		verdict_r->rule = DOVEADM_RULE_SILENT;
	} else if (dw->policy->mode == WARDEN_MODE_OFF) {
		verdict_r->rule = DOVEADM_RULE_OFF;
	} else {
		verdict_r->refused = against &&
			dw->policy->mode == WARDEN_MODE_ENFORCE;
		verdict_r->would_refuse = against && !verdict_r->refused;
	}
}
