/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "doveadm-meant.h"
#include "doveadm-name.h"

/* What hosts.allow says; the name of the client is looked up at most once. */
static void meant_ask(const struct doveadm_warden *dw,
		      struct warden_rules_question *question,
		      struct warden_rules_answer *grant_r)
{
	struct warden_rules_answer answer;

	warden_admin_rules_ask(dw->warden, question, &answer, grant_r);
	if (grant_r->verdict != WARDEN_RULES_NEED_NAME)
		return;
	doveadm_name_look_up(question, dw->policy->dns_timeout_secs);
	warden_admin_rules_ask(dw->warden, question, &answer, grant_r);
}

static const char *daemons_add(const char *daemons, const char *daemon)
{
	return *daemons == '\0' ? daemon :
				  t_strconcat(daemons, ", ", daemon, NULL);
}

static void meant_add(struct doveadm_meant *meant, unsigned int number,
		      const char *daemon)
{
	unsigned int i = 0;

	meant->daemons = daemons_add(meant->daemons, daemon);
	while (i < meant->count && meant->lines[i].number != number)
		i++;
	if (i == meant->count) {
		meant->count++;
		meant->lines[i].number = number;
		meant->lines[i].daemons = "";
	}
	meant->lines[i].daemons = daemons_add(meant->lines[i].daemons, daemon);
}

void doveadm_meant_get(const struct doveadm_warden *dw,
		       const struct doveadm_target *target,
		       enum warden_rules_name name_state, const char *name,
		       struct doveadm_meant *meant_r)
{
	const struct warden_net *given = &target->given, *net = &target->net;
	struct warden_rules_question question = {
		.client = given,
		.name_state = name_state,
		.name = name,
	};
	struct warden_rules_answer grant;

	i_zero(meant_r);
	meant_r->daemons = "";
	meant_r->around = warden_admin_rules_grant_in(dw->warden, net);
	for (unsigned int i = 0; i < WARDEN_PROTOCOL_COUNT; i++) {
		question.daemon = warden_protocol_daemon(i);
		if (question.daemon == NULL ||
		    given->bits != warden_net_max_bits(given))
			continue;
		meant_ask(dw, &question, &grant);
		if (grant.verdict == WARDEN_RULES_ALLOW)
			meant_add(meant_r, grant.line, question.daemon);
	}
	/* of a host that is more than one address nobody knows a name */
	meant_r->kept_out =
		meant_r->around ||
		(meant_r->count > 0 && net->bits == warden_net_max_bits(net));
}
