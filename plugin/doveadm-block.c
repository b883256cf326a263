/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden block`: by hand, a host or a network. Nobody is locked out
   by a slip: what could not work or would hit the admin is refused before
   anything is written. */

#include "doveadm-warden.h"
#include "doveadm-meant.h"
#include "doveadm-own-address.h"
#include "doveadm-record.h"
#include "doveadm-target.h"

struct block_request {
	struct doveadm_target target;
	uint32_t secs; /* WARDEN_FOREVER_SECS: no end */
	bool force;
};

static bool block_get_secs(struct doveadm_cmd_context *cctx,
			   const struct doveadm_warden *dw, uint32_t *secs_r)
{
	const char *const *args, *str, *error;

	*secs_r = dw->policy->block_time_secs;
	if (!doveadm_cmd_param_array(cctx, "time", &args) || args[0] == NULL)
		return true;
	/* 30 min without quotes */
	str = t_strarray_join(args, " ");
	if (strcmp(str, "forever") == 0) {
		*secs_r = WARDEN_FOREVER_SECS;
		return true;
	}
	if (!warden_duration_parse(str, secs_r, &error)) {
		return doveadm_warden_fail(EX_USAGE,
			"bad time '%s': %s, or forever", str, error);
	}
	if (*secs_r == 0 || *secs_r > WARDEN_TIME_MAX_SECS) {
		return doveadm_warden_fail(EX_USAGE, "'%s' is not between "
			"1 s and %u days; a block without an end is 'forever'",
			str, WARDEN_TIME_MAX_SECS / (24 * 3600));
	}
	return true;
}

static bool block_is_allowed(struct doveadm_cmd_context *cctx,
			     const struct doveadm_warden *dw,
			     const struct block_request *request)
{
	const struct doveadm_target *target = &request->target;
	struct warden_net own;

	if (warden_policy_exempts(dw->policy, &target->given)) {
		return doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE,
			"%s is exempt (see warden_exempt_networks and "
			"login_trusted_networks): a block would do nothing",
			doveadm_warden_net(&target->given));
	}
	if (!request->force && cctx->conn_type == DOVEADM_CONNECTION_TYPE_CLI &&
	    doveadm_own_address(&own) &&
	    warden_net_contains(&target->net, &own)) {
		return doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE,
			"you are logged in from %s, which this would block; "
			"--force does it all the same",
			doveadm_warden_net(&own));
	}
	return true;
}

static bool block_host(const struct doveadm_warden *dw,
		       const struct block_request *request, uint32_t until)
{
	const struct warden_host *host = &request->target.host;
	struct warden_host_info info;

	/* what an admin does is no offence: keep the count */
	(void)warden_table_read(dw->table, host, dw->policy, dw->now, &info);
	if (warden_table_block(dw->table, host, until, info.offences,
			       WARDEN_MANUAL, 0, dw->now))
		return true;
	return doveadm_warden_fail(EX_TEMPFAIL, "no room for %s in the table: "
		"all the hosts that share its place are blocked. Raise "
		"warden_table_hosts and restart Dovecot",
		doveadm_warden_net(&request->target.net));
}

static bool block_network(const struct doveadm_warden *dw,
			  const struct block_request *request, uint32_t until)
{
	struct warden_error error;

	if (warden_admin_network_block(dw->warden, &request->target.net,
				       until, dw->now, &error))
		return true;
	return doveadm_warden_fail(EX_TEMPFAIL, "%s", error.text);
}

static bool has_exempt(const struct warden_policy *policy,
		       const struct warden_net *net)
{
	for (uint32_t i = 0; i < policy->exempt_count; i++) {
		if (warden_net_contains(net, &policy->exempt[i]))
			return true;
	}
	return false;
}

/* A block that hosts.allow has an exception for. */
static void block_say_meant(const struct doveadm_warden *dw,
			    const struct doveadm_target *target)
{
	const char *net = doveadm_warden_net(&target->net);
	struct doveadm_meant meant;
	struct warden_settings set;
	struct warden_error error;

	doveadm_meant_get(dw, target, WARDEN_RULES_NAME_NOT_ASKED, NULL,
			  &meant);
	/* another setting that is wrong is the business of status */
	(void)doveadm_warden_settings(&set, &error);
	for (unsigned int i = 0; i < meant.count; i++) {
		i_warning("line %u of %s means %s for %s: there the block "
			  "does nothing",
			  meant.lines[i].number, set.hosts_allow,
			  doveadm_warden_net(&target->given),
			  meant.lines[i].daemons);
	}
	if (meant.count == 0 && meant.around) {
		i_warning("%s means somebody in %s: he is let in where it "
			  "does",
			  set.hosts_allow, net);
	}
	if (meant.kept_out) {
		i_warning("%s goes neither into the deny file nor to nftables",
			  net);
	}
}

static void block_say_caveats(const struct doveadm_warden *dw,
			      const struct doveadm_target *target)
{
	const struct warden_net *net = &target->net;

	block_say_meant(dw, target);
	if (has_exempt(dw->policy, net)) {
		i_warning("what is exempt inside %s stays exempt",
			  doveadm_warden_net(net));
	}
	if (!doveadm_warden_in_force(dw)) {
		i_warning("the warden service is silent: nobody is refused "
			  "until it runs again");
	} else if (dw->policy->mode != WARDEN_MODE_ENFORCE) {
		i_warning("warden_mode is %s: nobody is refused",
			  warden_mode_name(dw->policy->mode));
	}
}

static void block_print(const struct doveadm_warden *dw,
			const struct block_request *request, uint32_t until)
{
	const char *name = doveadm_warden_net(&request->target.net);
	struct doveadm_record *record = doveadm_record_new();

	if (!doveadm_print_is_initialized()) {
		doveadm_target_say_widened(&request->target);
		if (until == WARDEN_FOREVER_SECS)
			doveadm_warden_say("%s is blocked forever.", name);
		else
			doveadm_warden_say("%s is blocked for %s, until %s.",
				name, doveadm_warden_left(dw, until),
				doveadm_warden_time(dw, until));
		return;
	}
	doveadm_record_str(record, "host", name);
	doveadm_record_str(record, "blocked_until",
			   doveadm_warden_time(dw, until));
	doveadm_record_num(record, "seconds_left",
			   doveadm_warden_secs_left(dw, until));
	doveadm_record_str(record, "reason", warden_class_name(WARDEN_MANUAL));
	doveadm_record_print(record);
}

static void block_run(struct doveadm_cmd_context *cctx,
		      const struct doveadm_warden *dw, const char *address)
{
	struct block_request request;
	uint32_t until;

	i_zero(&request);
	(void)doveadm_cmd_param_bool(cctx, "force", &request.force);
	if (!doveadm_target_parse(dw, address, &request.target) ||
	    !block_get_secs(cctx, dw, &request.secs) ||
	    !block_is_allowed(cctx, dw, &request))
		return;
	until = request.secs == WARDEN_FOREVER_SECS ? WARDEN_FOREVER_SECS :
		(uint32_t)((dw->now + 999) / 1000) + request.secs;
	if (request.target.is_host ? !block_host(dw, &request, until) :
				     !block_network(dw, &request, until))
		return;
	block_print(dw, &request, until);
	block_say_caveats(dw, &request.target);
}

static void cmd_warden_block(struct doveadm_cmd_context *cctx)
{
	struct doveadm_warden dw;
	const char *address;

	if (!doveadm_cmd_param_str(cctx, "address", &address)) {
		(void)doveadm_warden_fail_usage(cctx, "no address given");
		return;
	}
	if (!doveadm_warden_open(&dw))
		return;
	block_run(cctx, &dw, address);
	doveadm_warden_close(&dw);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_block = {
	.name = "warden block",
	.cmd = cmd_warden_block,
	.usage = "[--force] <address>[/<bits>] [<time>|forever]",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAM('f', "force", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('\0', "address", CMD_PARAM_STR, CMD_PARAM_FLAG_POSITIONAL)
DOVEADM_CMD_PARAM('\0', "time", CMD_PARAM_ARRAY, CMD_PARAM_FLAG_POSITIONAL)
DOVEADM_CMD_PARAMS_END
};
