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

void warden_report_line(struct warden_report *report, enum warden_level level,
			const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	report->log(report->context, level, line);
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

static void report_began(struct warden_report *report,
			 const struct warden_host_info *info, const char *host,
			 uint64_t now, int64_t wall_now)
{
	const char *verb = report->enforces ? "blocked" : "would block";
	char until[WARDEN_CLOCK_STRLEN], length[WARDEN_CLOCK_STRLEN];
	char times[64] = "";
	uint32_t now_secs = (uint32_t)(now / 1000);

	(void)warden_clock_format(warden_clock_to_wall(info->blocked_until, now,
						       wall_now),
				  until);
	if (info->blocked_until != WARDEN_FOREVER_SECS &&
	    info->blocked_until > now_secs) {
		(void)snprintf(times, sizeof(times), " (%s)",
			       warden_duration_format(
				       whole_minutes(info->blocked_until -
						     now_secs),
				       length));
	}
	if (info->reason == WARDEN_MANUAL) {
		warden_report_line(report, WARDEN_LEVEL_INFO,
				   "%s %s until %s%s: by an admin", verb, host,
				   until, times);
		return;
	}
	warden_report_line(report, WARDEN_LEVEL_INFO,
			   "%s %s until %s%s: last %s, %.0f points, offence %u",
			   verb, host, until, times,
			   warden_class_name(info->reason), info->points,
			   info->offences);
}

static void report_ended(struct warden_report *report,
			 const struct warden_host_info *info, const char *host,
			 uint64_t now)
{
	char refused[WARDEN_COUNT_STRLEN];
	bool early = info->blocked_until > (uint32_t)(now / 1000);

	warden_report_line(report, WARDEN_LEVEL_INFO,
			   "block of %s %s: %s %s connections", host,
			   early ? "was lifted early" : "has ended",
			   report->enforces ? "refused" : "would have refused",
			   warden_count_format(info->refused, refused));
}

void warden_report_change(struct warden_report *report,
			  const struct warden_sweep_change *change,
			  const struct warden_policy *policy, uint64_t now,
			  int64_t wall_now)
{
	const struct warden_host_info *info = &change->info;
	struct warden_net net;
	char host[WARDEN_NET_STRLEN];

	if (!report_take_line(report, now)) {
		if (change->began)
			report->held_began++;
		else
			report->held_ended++;
		return;
	}
	warden_host_to_net(&info->host, policy->ipv4_prefix,
			   policy->ipv6_prefix, &net);
	(void)warden_net_format(&net, host);
	if (change->began)
		report_began(report, info, host, now, wall_now);
	else
		report_ended(report, info, host, now);
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
	if (report->held_began == 0 && report->held_ended == 0)
		return;
	warden_report_line(report, WARDEN_LEVEL_INFO,
			   "and %s more blocks that began and %s that ended, "
			   "not logged one by one: see doveadm warden list",
			   warden_count_format(report->held_began, began),
			   warden_count_format(report->held_ended, ended));
	report->held_began = report->held_ended = 0;
}
