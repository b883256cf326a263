/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden unblock`: a host, a network with every host in it, or all.
   It holds at the next accept in every process, since all look at the same
   bytes. */

#include "doveadm-warden.h"
#include "doveadm-record.h"
#include "doveadm-target.h"

struct unblock_result {
	unsigned int hosts, networks;
};

/* Every blocked host inside net, or every one if net is NULL. */
static unsigned int unblock_hosts(const struct doveadm_warden *dw,
				  const struct warden_net *net)
{
	struct warden_host_info info;
	struct warden_net host_net;
	unsigned int count = 0;
	uint64_t index = 0;

	while (warden_table_next(dw->table, &index, dw->policy, dw->now,
				 &info)) {
		doveadm_warden_host_net(dw, &info.host, &host_net);
		if (info.blocked &&
		    (net == NULL || warden_net_contains(net, &host_net)) &&
		    warden_table_unblock(dw->table, &info.host, dw->now))
			count++;
	}
	return count;
}

static bool unblock_networks(const struct doveadm_warden *dw,
			     const struct warden_net *net,
			     unsigned int *count_r)
{
	struct warden_error error;

	if (warden_admin_network_unblock(dw->warden, net, count_r, dw->now,
					 &error))
		return true;
	return doveadm_warden_fail(EX_TEMPFAIL, "%s", error.text);
}

/* A network around it would go on blocking: say which, change nothing. */
static bool unblock_is_possible(const struct doveadm_warden *dw,
				const struct warden_net *net)
{
	const struct warden_blocked_network *network;
	unsigned int index = 0;

	while ((network = doveadm_warden_next_network(dw, &index)) != NULL) {
		if (!warden_net_contains(&network->net, net) ||
		    warden_net_equals(&network->net, net))
			continue;
		return doveadm_warden_fail(DOVEADM_EX_NOTPOSSIBLE,
			"%s is in the blocked network %s: "
			"doveadm warden unblock %s", doveadm_warden_net(net),
			doveadm_warden_net(&network->net),
			doveadm_warden_net(&network->net));
	}
	return true;
}

static bool unblock_target(const struct doveadm_warden *dw, const char *str,
			   struct unblock_result *result_r)
{
	struct doveadm_target target;

	if (!doveadm_target_parse(dw, str, &target) ||
	    !unblock_is_possible(dw, &target.net))
		return false;
	/* also where the target is a host: a network of its size may be left
	   from when warden_ipv4_prefix was another */
	if (!unblock_networks(dw, &target.net, &result_r->networks))
		return false;
	if (!target.is_host)
		result_r->hosts = unblock_hosts(dw, &target.net);
	else if (warden_table_blocked_until(dw->table, &target.host,
					    dw->now) != 0 &&
		 warden_table_unblock(dw->table, &target.host, dw->now))
		result_r->hosts = 1;
	if (result_r->hosts + result_r->networks > 0) {
		if (target.is_host)
			doveadm_target_say_widened(&target);
		return true;
	}
	return doveadm_warden_fail(DOVEADM_EX_NOTFOUND, "%s is not blocked",
				   doveadm_warden_net(&target.net));
}

static const char *count_of(unsigned int count, const char *noun)
{
	return t_strdup_printf("%u %s%s", count, noun, count == 1 ? "" : "s");
}

static void unblock_say(const char *what, const struct unblock_result *result)
{
	if (result->hosts + result->networks == 0)
		doveadm_warden_say("Nothing was blocked.");
	else
		doveadm_warden_say("Unblocked %s: %s, %s.", what,
				   count_of(result->hosts, "host"),
				   count_of(result->networks, "network"));
}

static void unblock_print(const char *what,
			  const struct unblock_result *result)
{
	struct doveadm_record *record = doveadm_record_new();

	if (!doveadm_print_is_initialized()) {
		unblock_say(what, result);
		return;
	}
	doveadm_record_num(record, "hosts", result->hosts);
	doveadm_record_num(record, "networks", result->networks);
	doveadm_record_print(record);
}

static void unblock_run(const struct doveadm_warden *dw, const char *str)
{
	struct unblock_result result;

	i_zero(&result);
	if (str != NULL) {
		if (!unblock_target(dw, str, &result))
			return;
	} else {
		if (!unblock_networks(dw, NULL, &result.networks))
			return;
		result.hosts = unblock_hosts(dw, NULL);
	}
	unblock_print(str != NULL ? str : "all", &result);
}

static void cmd_warden_unblock(struct doveadm_cmd_context *cctx)
{
	struct doveadm_warden dw;
	const char *str = NULL;
	bool all = false;

	(void)doveadm_cmd_param_str(cctx, "address", &str);
	(void)doveadm_cmd_param_bool(cctx, "all", &all);
	if ((str != NULL) == all) {
		(void)doveadm_warden_fail_usage(cctx, all ?
			"an address and --all exclude each other" :
			"no address given");
		return;
	}
	if (!doveadm_warden_open(&dw))
		return;
	unblock_run(&dw, str);
	doveadm_warden_close(&dw);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_unblock = {
	.name = "warden unblock",
	.cmd = cmd_warden_unblock,
	.usage = "<address>[/<bits>] | --all",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAM('a', "all", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('\0', "address", CMD_PARAM_STR, CMD_PARAM_FLAG_POSITIONAL)
DOVEADM_CMD_PARAMS_END
};
