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
	[DOVEADM_RULE_COUNTRY] = "country",
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

/* There is this against it, by the rule of that number, which may have a mode
   of its own. What is enforced decides rather than what is observed. */
static void verdict_add(const struct doveadm_warden *dw,
			struct doveadm_verdict *verdict, unsigned int rule,
			const struct doveadm_verdict *found)
{
	enum warden_mode mode = warden_policy_rule_mode(dw->policy, rule);

	if (mode == WARDEN_MODE_OFF || verdict->refused ||
	    (verdict->would_refuse && mode != WARDEN_MODE_ENFORCE))
		return;
	*verdict = *found;
	verdict->refused = mode == WARDEN_MODE_ENFORCE;
	verdict->would_refuse = !verdict->refused;
}

/* spared_r: rule HOSTS_ALLOW if hosts.allow means it, else NONE. The name goes
   into the question if it is looked up. */
static void verdict_rules(const struct doveadm_warden *dw,
			  struct warden_rules_question *question,
			  struct doveadm_verdict *verdict,
			  struct doveadm_verdict *spared_r)
{
	struct doveadm_verdict found = { .rule = DOVEADM_RULE_HOSTS_DENY };
	struct warden_rules_answer answer, grant;

	warden_admin_rules_ask(dw->warden, question, &answer, &grant);
	if (answer.verdict == WARDEN_RULES_NEED_NAME ||
	    grant.verdict == WARDEN_RULES_NEED_NAME) {
		doveadm_name_look_up(question, dw->policy->dns_timeout_secs);
		warden_admin_rules_ask(dw->warden, question, &answer, &grant);
	}
	found.file = answer.file;
	found.line = answer.line;
	if (answer.verdict == WARDEN_RULES_DENY)
		verdict_add(dw, verdict, WARDEN_RULE_HOSTS_DENY, &found);
	if (grant.verdict == WARDEN_RULES_ALLOW) {
		found.rule = DOVEADM_RULE_HOSTS_ALLOW;
		*spared_r = found;
	}
}

static void verdict_exempt(const struct warden_policy *policy,
			   const struct warden_net *addr,
			   struct doveadm_verdict *spared)
{
	for (uint32_t i = 0; i < policy->exempt_count; i++) {
		if (warden_net_contains(&policy->exempt[i], addr)) {
			*spared = (struct doveadm_verdict){
				.rule = DOVEADM_RULE_EXEMPT,
				.net = policy->exempt[i],
			};
			return;
		}
	}
}

static void verdict_network(const struct doveadm_warden *dw,
			    const struct warden_net *net,
			    struct doveadm_verdict *verdict)
{
	const struct warden_blocked_network *network =
		warden_admin_network_find(dw->warden, net, dw->now);
	struct doveadm_verdict found = { .rule = DOVEADM_RULE_NETWORK };

	if (network == NULL)
		return;
	found.net = network->net;
	found.until_secs = network->until_secs;
	verdict_add(dw, verdict, WARDEN_MANUAL, &found);
}

/* The rest asks PAM, if anything of ours. */
static bool is_for_mail(enum warden_protocol protocol)
{
	return warden_protocol_is_login(protocol) ||
	       protocol == WARDEN_PROTOCOL_SMTP;
}

static void verdict_country(const struct doveadm_warden *dw,
			    const struct warden_net *addr, const char *daemon,
			    struct doveadm_verdict *verdict)
{
	const struct doveadm_verdict found = { .rule = DOVEADM_RULE_COUNTRY };
	uint32_t origin = warden_admin_origin(dw->warden, addr);

	if (daemon != NULL && !is_for_mail(warden_protocol_find(daemon)))
		return;
	if (warden_policy_refuses_country(dw->policy,
					  warden_origin_country(origin)))
		verdict_add(dw, verdict, WARDEN_RULE_COUNTRY, &found);
}

static void verdict_block(const struct doveadm_warden *dw,
			  const struct warden_host_info *info,
			  struct doveadm_verdict *verdict)
{
	struct doveadm_verdict blocked = {
		.rule = info->reason == WARDEN_MANUAL ? DOVEADM_RULE_MANUAL :
							DOVEADM_RULE_POINTS,
		.until_secs = info->blocked_until,
	};

	if (info->limited && verdict->rule == DOVEADM_RULE_NONE) {
		*verdict = blocked;
		verdict->rule = DOVEADM_RULE_LIMITED;
	} else if (info->blocked && !info->limited) {
		verdict_add(dw, verdict, info->reason, &blocked);
	}
}

static void verdict_others(const struct doveadm_warden *dw,
			   const struct warden_host_info *info,
			   struct doveadm_verdict *verdict)
{
	const struct doveadm_verdict crowded = {
		.rule = DOVEADM_RULE_CROWDED,
	}, sessions = {
		.rule = DOVEADM_RULE_SESSIONS,
	};
	uint32_t limit = info->limits.sessions;

	if (info->crowd == WARDEN_BLOCK_HOST)
		verdict_add(dw, verdict, WARDEN_RULE_CROWDED, &crowded);
	else if (info->crowd != WARDEN_BLOCK_NONE &&
		 verdict->rule == DOVEADM_RULE_NONE)
		*verdict = crowded;
	if (limit != 0 && info->sessions >= limit)
		verdict_add(dw, verdict, WARDEN_RULE_SESSIONS, &sessions);
}

static void verdict_decide(const struct doveadm_warden *dw,
			   struct warden_rules_question *question,
			   const struct warden_net *net,
			   const struct warden_host_info *info,
			   struct doveadm_verdict *verdict_r)
{
	struct doveadm_verdict spared;

	i_zero(verdict_r);
	i_zero(&spared);
	/* they are for those who are exempt as well */
	if (question->daemon != NULL)
		verdict_rules(dw, question, verdict_r, &spared);
	verdict_exempt(dw->policy, question->client, &spared);
	if (spared.rule == DOVEADM_RULE_NONE) {
		verdict_block(dw, info, verdict_r);
		verdict_network(dw, net, verdict_r);
		verdict_country(dw, question->client, question->daemon,
				verdict_r);
		verdict_others(dw, info, verdict_r);
	} else if (!verdict_r->refused && !verdict_r->would_refuse) {
		*verdict_r = spared;
		return;
	}
	if (!doveadm_warden_in_force(dw)) {
		verdict_r->rule = DOVEADM_RULE_SILENT;
		verdict_r->refused = verdict_r->would_refuse = false;
	} else if (dw->policy->mode == WARDEN_MODE_OFF) {
		verdict_r->rule = DOVEADM_RULE_OFF;
	}
}

void doveadm_verdict_get(const struct doveadm_warden *dw,
			 const struct warden_net *addr,
			 const struct warden_net *net, const char *daemon,
			 const struct warden_host_info *info,
			 struct doveadm_verdict *verdict_r)
{
	struct warden_rules_question question = { .daemon = daemon,
						  .client = addr };

	verdict_decide(dw, &question, net, info, verdict_r);
	verdict_r->name_state = question.name_state;
	verdict_r->name = question.name;
}
