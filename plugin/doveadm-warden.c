/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Every command opens the same files, refuses in the same words and tells
   time in the same way, so that an admin who has read one has read all. */

#include "doveadm-warden.h"
#include "ostream.h"
#include "warden-glue.h"

#include <unistd.h>

bool doveadm_warden_fail(int exit_code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	i_error("%s", t_strdup_vprintf(fmt, args));
	va_end(args);
	doveadm_exit_code = exit_code;
	return false;
}

bool doveadm_warden_fail_usage(const struct doveadm_cmd_context *cctx,
			       const char *problem)
{
	return doveadm_warden_fail(EX_USAGE, "%s: doveadm %s %s", problem,
				   cctx->cmd->name, cctx->cmd->usage);
}

bool doveadm_warden_is_root(void)
{
	if (geteuid() == 0)
		return true;
	return doveadm_warden_fail(EX_NOPERM,
		"doveadm warden needs to be run as root");
}

void doveadm_warden_say(const char *fmt, ...)
{
	va_list args;

	if (doveadm_print_is_initialized())
		return;
	va_start(args, fmt);
	T_BEGIN {
		const char *line = t_strdup_vprintf(fmt, args);

		o_stream_nsend_str(doveadm_print_ostream,
				   t_strconcat(line, "\n", NULL));
	} T_END;
	va_end(args);
	/* doveadm flushes at its end only if a formatter was used */
	doveadm_print_flush();
}

static bool doveadm_warden_has_run(const char *dir)
{
	const char *path = t_strconcat(dir, "/hosts", NULL);

	return access(path, F_OK) == 0 || errno != ENOENT;
}

bool doveadm_warden_open(struct doveadm_warden *dw_r)
{
	const char *dir = warden_glue_dir();
	struct warden_error error;

	i_zero(dw_r);
	if (!doveadm_warden_is_root())
		return false;
	if (!doveadm_warden_has_run(dir)) {
		return doveadm_warden_fail(EX_TEMPFAIL,
			"there is no table in %s: Dovecot was started without "
			"service warden, or there was no room for it; doveadm "
			"log errors says which", dir);
	}
	dw_r->warden = warden_open(dir, WARDEN_ROLE_ADMIN, 0, &error);
	if (dw_r->warden == NULL) {
		return doveadm_warden_fail(EX_TEMPFAIL, "in %s: %s", dir,
					   error.text);
	}
	dw_r->now = warden_clock_now();
	dw_r->wall_now = warden_clock_wall(dw_r->now);
	dw_r->table = warden_admin_table(dw_r->warden);
	dw_r->policy = warden_admin_policy(dw_r->warden, dw_r->now,
					   &dw_r->silent_secs);
	return true;
}

void doveadm_warden_close(struct doveadm_warden *dw)
{
	warden_close(&dw->warden);
}

bool doveadm_warden_in_force(const struct doveadm_warden *dw)
{
	return dw->silent_secs <= WARDEN_HEARTBEAT_MAX_SECS;
}

const char *doveadm_warden_time(const struct doveadm_warden *dw, uint32_t secs)
{
	char buf[WARDEN_CLOCK_STRLEN];
	int64_t wall;

	if (secs == 0)
		return "";
	wall = warden_clock_to_wall(secs, dw->now, dw->wall_now);
	return t_strdup(warden_clock_format(wall, buf));
}

uint32_t doveadm_warden_secs_left(const struct doveadm_warden *dw,
				  uint32_t secs)
{
	uint64_t end = (uint64_t)secs * 1000;

	if (secs == WARDEN_FOREVER_SECS)
		return UINT32_MAX;
	if (end <= dw->now)
		return 0;
	/* whole seconds, but not 0 as long as it holds */
	return I_MAX((uint32_t)((end - dw->now) / 1000), 1);
}

const char *doveadm_warden_duration(uint32_t secs)
{
	char buf[WARDEN_CLOCK_STRLEN];

	return t_strdup(warden_duration_format(secs, buf));
}

const char *doveadm_warden_left(const struct doveadm_warden *dw, uint32_t secs)
{
	if (secs == WARDEN_FOREVER_SECS)
		return "forever";
	return doveadm_warden_duration(doveadm_warden_secs_left(dw, secs));
}

const char *doveadm_warden_ago(const struct doveadm_warden *dw, uint32_t secs)
{
	uint32_t now_secs = (uint32_t)(dw->now / 1000);

	if (secs == 0)
		return "never";
	if (secs >= now_secs)
		return "just now";
	return t_strconcat(doveadm_warden_duration(now_secs - secs), " ago",
			   NULL);
}

const char *doveadm_warden_net(const struct warden_net *net)
{
	char buf[WARDEN_NET_STRLEN];

	return t_strdup(warden_net_format(net, buf));
}

void doveadm_warden_host_net(const struct doveadm_warden *dw,
			     const struct warden_host *host,
			     struct warden_net *net_r)
{
	warden_host_to_net(host, dw->policy->ipv4_prefix,
			   dw->policy->ipv6_prefix, net_r);
}

const char *doveadm_warden_host(const struct doveadm_warden *dw,
				const struct warden_host *host)
{
	struct warden_net net;

	doveadm_warden_host_net(dw, host, &net);
	return doveadm_warden_net(&net);
}

const struct warden_blocked_network *
doveadm_warden_next_network(const struct doveadm_warden *dw,
			    unsigned int *index_io)
{
	const struct warden_networks *networks =
		warden_admin_networks(dw->warden);
	const struct warden_blocked_network *network;

	while (networks != NULL && *index_io < networks->count) {
		network = &networks->networks[(*index_io)++];
		if (doveadm_warden_secs_left(dw, network->until_secs) > 0)
			return network;
	}
	return NULL;
}
