/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* `doveadm warden list`: one line a host, newest event first. */

#include "doveadm-warden.h"
#include "doveadm-record.h"

#include <stdlib.h>

enum list_which {
	LIST_BLOCKED,
	LIST_KNOWN,
	LIST_ALL,
};

ARRAY_DEFINE_TYPE(host_info, struct warden_host_info);

static int host_info_cmp_newest(const void *a, const void *b)
{
	const struct warden_host_info *info1 = a, *info2 = b;

	if (info1->last_event != info2->last_event)
		return info1->last_event < info2->last_event ? 1 : -1;
	if (info1->host.key != info2->host.key)
		return info1->host.key < info2->host.key ? -1 : 1;
	return 0;
}

static bool list_wants(enum list_which which,
		       const struct warden_host_info *info)
{
	switch (which) {
	case LIST_BLOCKED:
		return info->blocked;
	case LIST_KNOWN:
		return info->known;
	case LIST_ALL:
		break;
	}
	return true;
}

static void list_collect(const struct doveadm_warden *dw,
			 enum list_which which, ARRAY_TYPE(host_info) *infos)
{
	struct warden_host_info info;
	uint64_t index = 0;
	void *data;
	unsigned int count;

	while (warden_table_next(dw->table, &index, dw->policy, dw->now,
				 &info)) {
		if (list_wants(which, &info))
			array_push_back(infos, &info);
	}
	data = array_get_modifiable(infos, &count);
	if (count > 1)
		qsort(data, count, sizeof(info), host_info_cmp_newest);
}

/* For scripts: everything. */
static struct doveadm_record *
list_record(const struct doveadm_warden *dw, const char *host,
	    const struct warden_host_info *info)
{
	struct doveadm_record *record = doveadm_record_new();
	uint32_t until = info->blocked ? info->blocked_until : 0;

	doveadm_record_str(record, "host", host);
	doveadm_record_str(record, "blocked_until",
			   doveadm_warden_time(dw, until));
	doveadm_record_num(record, "seconds_left",
			   doveadm_warden_secs_left(dw, until));
	doveadm_record_str(record, "reason", info->blocked ?
				   warden_class_name(info->reason) : "");
	doveadm_record_points(record, "points", info->points);
	doveadm_record_num(record, "offences", info->offences);
	doveadm_record_num(record, "sessions", info->sessions);
	doveadm_record_num(record, "refused", info->refused);
	doveadm_record_str(record, "known", info->known ? "yes" : "no");
	doveadm_record_str(record, "last_login",
			   doveadm_warden_time(dw, info->last_login));
	doveadm_record_str(record, "last_event",
			   doveadm_warden_time(dw, info->last_event));
	doveadm_record_str(record, "last_class", info->last_event == 0 ?
				   "" : warden_class_name(info->last_class));
	return record;
}

/* For a person, in 80 columns. */
static struct doveadm_record *
list_report(const struct doveadm_warden *dw, const char *host,
	    const struct warden_host_info *info)
{
	struct doveadm_record *record = doveadm_record_new();

	doveadm_record_str(record, "host", host);
	doveadm_record_str(record, "blocked for", !info->blocked ? "-" :
		doveadm_warden_left(dw, info->blocked_until));
	doveadm_record_str(record, "reason", !info->blocked ? "-" :
		warden_class_name(info->reason));
	doveadm_record_num(record, "points", (uintmax_t)(info->points + 0.5));
	doveadm_record_num(record, "offences", info->offences);
	doveadm_record_num(record, "sessions", info->sessions);
	doveadm_record_num(record, "refused", info->refused);
	doveadm_record_str(record, "known", info->known ? "yes" : "no");
	return record;
}

typedef struct doveadm_record *
list_format_t(const struct doveadm_warden *dw, const char *host,
	      const struct warden_host_info *info);

static void list_print_networks(const struct doveadm_warden *dw,
				list_format_t *format)
{
	const struct warden_blocked_network *network;
	unsigned int index = 0;

	while ((network = doveadm_warden_next_network(dw, &index)) != NULL) {
		struct warden_host_info info = {
			.blocked = true,
			.blocked_until = network->until_secs,
			.reason = WARDEN_MANUAL,
		};

		T_BEGIN {
			doveadm_record_values(format(dw,
				doveadm_warden_net(&network->net), &info));
		} T_END;
	}
}

static void list_print_hosts(const struct doveadm_warden *dw,
			     enum list_which which, list_format_t *format)
{
	ARRAY_TYPE(host_info) infos;
	struct warden_host_info *info;

	i_array_init(&infos, 128);
	list_collect(dw, which, &infos);
	array_foreach_modifiable(&infos, info) T_BEGIN {
		info->sessions = warden_table_sessions(dw->table, &info->host,
						       dw->now);
		doveadm_record_values(format(dw,
			doveadm_warden_host(dw, &info->host), info));
	} T_END;
	array_free(&infos);
}

static bool list_get_which(struct doveadm_cmd_context *cctx,
			   enum list_which *which_r)
{
	bool blocked = false, known = false, all = false;

	(void)doveadm_cmd_param_bool(cctx, "blocked", &blocked);
	(void)doveadm_cmd_param_bool(cctx, "known", &known);
	(void)doveadm_cmd_param_bool(cctx, "all", &all);
	if (blocked + known + all > 1) {
		return doveadm_warden_fail(EX_USAGE,
			"--blocked, --known and --all exclude each other");
	}
	*which_r = all ? LIST_ALL : known ? LIST_KNOWN : LIST_BLOCKED;
	return true;
}

static void cmd_warden_list(struct doveadm_cmd_context *cctx)
{
	struct warden_host_info nothing = { .points = 0 };
	list_format_t *format = doveadm_print_is_initialized() ?
		list_record : list_report;
	struct doveadm_warden dw;
	enum list_which which = LIST_BLOCKED;

	if (!list_get_which(cctx, &which) || !doveadm_warden_open(&dw))
		return;
	doveadm_print_init(DOVEADM_PRINT_TYPE_TABLE);
	doveadm_record_headers(format(&dw, "", &nothing));
	if (which != LIST_KNOWN)
		list_print_networks(&dw, format);
	list_print_hosts(&dw, which, format);
	doveadm_warden_close(&dw);
}

struct doveadm_cmd_ver2 doveadm_cmd_warden_list = {
	.name = "warden list",
	.cmd = cmd_warden_list,
	.usage = "[-b|--blocked|-k|--known|-a|--all]",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAM('b', "blocked", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('k', "known", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('a', "all", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAMS_END
};
