/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The log lines about blocks, and the bound on their number. */

#include "warden-report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "warden-clock.h"

void warden_report_init(struct warden_report *report, warden_log_t *log,
			void *context)
{
	memset(report, 0, sizeof(*report));
	report->log = log;
	report->context = context;
}

static void
report_vline(struct warden_report *report, enum warden_level level,
	     const struct warden_report_block *block, const char *fmt,
	     va_list args) __attribute__((format(printf, 4, 0)));

static void
report_vline(struct warden_report *report, enum warden_level level,
	     const struct warden_report_block *block, const char *fmt,
	     va_list args)
{
	char line[1024];

	(void)vsnprintf(line, sizeof(line), fmt, args);
	report->log(report->context, level, line, block);
}

void warden_report_line(struct warden_report *report, enum warden_level level,
			const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_vline(report, level, NULL, fmt, args);
	va_end(args);
}

static void
report_block(struct warden_report *report, enum warden_level level,
	     const struct warden_report_block *block, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void
report_block(struct warden_report *report, enum warden_level level,
	     const struct warden_report_block *block, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_vline(report, level, block, fmt, args);
	va_end(args);
}

const char *warden_count_format(uint64_t count, char *buf)
{
	char digits[24];
	size_t len, out = 0;

	len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
	return buf;
}

/* A block is seen a moment after it began: of 30 minutes 29:59 are left. */
#define SEEN_LATE_SECS 2

static uint32_t whole_minutes(uint32_t left_secs)
{
	uint32_t secs = (left_secs + SEEN_LATE_SECS) / 60 * 60;

	return secs > left_secs ? secs : left_secs;
}

/* Take one of the window's lines; false: they are used up. */
static bool report_take_line(struct warden_report *report, uint64_t now)
{
	warden_report_flush(report, false, now);
	if (report->window_start == 0) {
		report->window_start = now;
		report->lines = 0;
	}
	return ++report->lines <= WARDEN_REPORT_LINES;
}

/* 0: the block has no end, or is over. */
static uint32_t block_secs(uint32_t until_secs, uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000);

	if (until_secs == WARDEN_FOREVER_SECS || until_secs <= now_secs)
		return 0;
	return whole_minutes(until_secs - now_secs);
}

/* "forever" or "until 2026-11-22T05:06:07+01:00 (30 min)" */
#define UNTIL_STRLEN (2 * WARDEN_CLOCK_STRLEN + 10)
static const char *until_format(uint32_t until_secs, uint32_t secs,
				uint64_t now, int64_t wall_now, char *buf)
{
	char until[WARDEN_CLOCK_STRLEN], length[WARDEN_CLOCK_STRLEN];

	if (until_secs == WARDEN_FOREVER_SECS)
		return "forever";
	(void)warden_clock_format(warden_clock_to_wall(until_secs, now,
						       wall_now),
				  until);
	if (secs == 0) {
		(void)snprintf(buf, UNTIL_STRLEN, "until %s", until);
	} else {
		(void)snprintf(buf, UNTIL_STRLEN, "until %s (%s)", until,
			       warden_duration_format(secs, length));
	}
	return buf;
}

static const char *block_verb(const struct warden_report_block *block)
{
	if (block->limited)
		return block->enforced ? "limited" : "would limit";
	return block->enforced ? "blocked" : "would block";
}

static void report_began(struct warden_report *report, enum warden_level level,
			 const struct warden_report_block *block,
			 const char *until)
{
	if (block->reason == WARDEN_MANUAL) {
		report_block(report, level, block, "%s %s %s: by an admin",
			     block_verb(block), block->net, until);
		return;
	}
	report_block(report, level, block,
		     "%s %s %s: last %s, %u points, offence %u",
		     block_verb(block), block->net, until,
		     warden_class_name(block->reason), block->points,
		     block->offences);
}

static void report_ended(struct warden_report *report, enum warden_level level,
			 const struct warden_report_block *block)
{
	char refused[WARDEN_COUNT_STRLEN];

	report_block(report, level, block,
		     "block of %s %s: %s %s connections", block->net,
		     block->lifted ? "was lifted early" : "has ended",
		     block->enforced ? "refused" : "would have refused",
		     warden_count_format(block->refused, refused));
}

static uint32_t whole_points(double points)
{
	return points < 1e9 ? (uint32_t)(points + 0.5) : 1000000000;
}

static bool report_enforces(const struct warden_report *report,
			    const struct warden_policy *policy,
			    unsigned int rule)
{
	return report->in_force &&
	       warden_policy_rule_mode(policy, rule) == WARDEN_MODE_ENFORCE;
}

void warden_report_change(struct warden_report *report,
			  const struct warden_sweep_change *change,
			  const struct warden_policy *policy, uint64_t now,
			  int64_t wall_now)
{
	const struct warden_host_info *info = &change->info;
	enum warden_level level = WARDEN_LEVEL_INFO;
	char host[WARDEN_NET_STRLEN], until[UNTIL_STRLEN];
	struct warden_report_block block = {
		.began = change->began,
		.lifted = !change->began && info->blocked_until > now / 1000,
		.enforced = report_enforces(report, policy, info->reason),
		.limited = info->limited,
		.net = host,
		.reason = info->reason,
		.points = whole_points(info->points),
		.offences = info->offences,
		.refused = info->refused,
	};
	struct warden_net net;

	warden_host_to_net(&info->host, policy->ipv4_prefix,
			   policy->ipv6_prefix, &net);
	(void)warden_net_format(&net, host);
	if (!report_take_line(report, now)) {
		level = WARDEN_LEVEL_DEBUG;
		if (change->began)
			report->held_began++;
		else
			report->held_ended++;
	}
	if (!change->began) {
		report_ended(report, level, &block);
		return;
	}
	block.secs = block_secs(info->blocked_until, now);
	report_began(report, level, &block,
		     until_format(info->blocked_until, block.secs, now,
				  wall_now, until));
}

void warden_report_network(struct warden_report *report,
			   const struct warden_blocked_network *network,
			   const struct warden_policy *policy, bool began,
			   uint64_t now, int64_t wall_now)
{
	char net[WARDEN_NET_STRLEN], until[UNTIL_STRLEN];
	struct warden_report_block block = {
		.began = began,
		.is_network = true,
		.lifted = !began && network->until_secs > now / 1000,
		.enforced = report_enforces(report, policy, WARDEN_MANUAL),
		.net = warden_net_format(&network->net, net),
		.reason = WARDEN_MANUAL,
	};

	if (!began) {
		report_block(report, WARDEN_LEVEL_INFO, &block,
			     "block of network %s has ended", net);
		return;
	}
	block.secs = block_secs(network->until_secs, now);
	report_block(report, WARDEN_LEVEL_INFO, &block,
		     "%s network %s %s: by an admin", block_verb(&block),
		     net,
		     until_format(network->until_secs, 0, now, wall_now,
				  until));
}

void warden_report_siege_end(struct warden_report *report,
			     const struct warden_siege_end *end,
			     const struct warden_policy *policy, uint64_t now)
{
	enum warden_level level = WARDEN_LEVEL_INFO;
	char refused[WARDEN_COUNT_STRLEN];
	const struct warden_report_block block = {
		.siege = end->id,
		.enforced = report_enforces(report, policy, WARDEN_RULE_SIEGE),
		.refused = end->refused,
	};

	if (!report_take_line(report, now)) {
		level = WARDEN_LEVEL_DEBUG;
		report->held_sieges++;
	}
	report_block(report, level, &block,
		     "siege %08x has ended: %s %s attempts at that account",
		     end->id, block.enforced ? "refused" : "would have refused",
		     warden_count_format(end->refused, refused));
}

static void report_held_sieges(struct warden_report *report)
{
	char ended[WARDEN_COUNT_STRLEN];

	if (report->held_sieges == 0)
		return;
	warden_report_line(report, WARDEN_LEVEL_INFO,
			   "and %s more sieges that ended, not logged one by "
			   "one",
			   warden_count_format(report->held_sieges, ended));
	report->held_sieges = 0;
}

void warden_report_flush(struct warden_report *report, bool at_once,
			 uint64_t now)
{
	char began[WARDEN_COUNT_STRLEN], ended[WARDEN_COUNT_STRLEN];

	if (report->window_start == 0 ||
	    (!at_once && now - report->window_start <
				 UINT64_C(1000) * WARDEN_REPORT_WINDOW_SECS))
		return;
	report->window_start = 0;
	report_held_sieges(report);
	if (report->held_began == 0 && report->held_ended == 0)
		return;
	warden_report_line(report, WARDEN_LEVEL_INFO,
			   "and %s more blocks that began and %s that ended, "
			   "not logged one by one: see doveadm warden list",
			   warden_count_format(report->held_began, began),
			   warden_count_format(report->held_ended, ended));
	report->held_began = report->held_ended = 0;
}
