/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "doveadm-top.h"

#include <stdlib.h>

static int host_info_cmp_trouble(const void *a, const void *b)
{
	const struct warden_host_info *info1 = a, *info2 = b;

	if (info1->refused != info2->refused)
		return info1->refused < info2->refused ? 1 : -1;
	if (info1->points < info2->points)
		return 1;
	return info1->points > info2->points ? -1 : 0;
}

static void top_add(struct doveadm_top *top,
		    const struct warden_host_info *info)
{
	struct warden_host_info *last = &top->hosts[DOVEADM_TOP_HOSTS - 1];

	if (info->refused == 0 && info->points < 0.5)
		return;
	if (top->count < DOVEADM_TOP_HOSTS)
		last = &top->hosts[top->count++];
	else if (host_info_cmp_trouble(info, last) >= 0)
		return;
	*last = *info;
	qsort(top->hosts, top->count, sizeof(*info), host_info_cmp_trouble);
}

void doveadm_top_read(const struct doveadm_warden *dw,
		      struct doveadm_top *top_r)
{
	struct warden_host_info info;
	uint64_t index = 0;

	top_r->count = 0;
	while (warden_table_next(dw->table, &index, dw->policy, dw->now,
				 &info))
		top_add(top_r, &info);
}

const char *doveadm_top_line(const struct doveadm_warden *dw,
			     const struct doveadm_top *top, unsigned int line)
{
	const struct warden_host_info *info;

	if (line > top->count || top->count == 0)
		return NULL;
	if (line == 0)
		return t_strdup_printf("%-26s %10s %10s  %s", "Top hosts",
				       "refused", "points",
				       "blocked for, reason");
	info = &top->hosts[line - 1];
	return t_strdup_printf("  %-24s %10"PRIu64" %10.0f  %s",
		doveadm_warden_host(dw, &info->host), info->refused,
		info->points, !info->blocked ? "-" :
		t_strdup_printf("%s, %s",
			doveadm_warden_left(dw, info->blocked_until),
			warden_class_name(info->reason)));
}
