/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The only place where a clock is read or a time is parsed or printed, so that
   the rest can be tested at any moment that a test likes. */

#include "warden-clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 3339 has years of four digits: what is printed is from 1000 to 9999, a
   day less at either end, so that no local time leaves these years. */
#define RFC3339_MIN INT64_C(-30610137600)
#define RFC3339_MAX INT64_C(253402214399)

uint64_t warden_clock_now(void)
{
	struct timespec ts;

	/* cannot fail on a Linux that Dovecot runs on; the start of warden
	   time would be the harmless answer: no block has ended by then */
	if (clock_gettime(CLOCK_BOOTTIME, &ts) < 0)
		memset(&ts, 0, sizeof(ts));
	return ((uint64_t)ts.tv_sec + WARDEN_CLOCK_BASE_SECS) * 1000 +
		(uint64_t)ts.tv_nsec / 1000000;
}

int64_t warden_clock_wall(uint64_t now)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		memset(&ts, 0, sizeof(ts));
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 -
		(int64_t)(now % 1000)) / 1000;
}

int64_t warden_clock_to_wall(uint32_t secs, uint64_t now, int64_t wall_now)
{
	int64_t diff, wall;

	if (secs == WARDEN_FOREVER_SECS)
		return WARDEN_WALL_FOREVER;
	/* now / 1000 is below 2^54 */
	diff = (int64_t)secs - (int64_t)(now / 1000);
	if (__builtin_add_overflow(wall_now, diff, &wall))
		wall = diff < 0 ? INT64_MIN : INT64_MAX;
	return wall == WARDEN_WALL_FOREVER ? WARDEN_WALL_FOREVER - 1 : wall;
}

uint32_t warden_clock_from_wall(int64_t wall, uint64_t now, int64_t wall_now)
{
	int64_t diff, secs;

	if (wall == WARDEN_WALL_FOREVER)
		return WARDEN_FOREVER_SECS;
	if (__builtin_sub_overflow(wall, wall_now, &diff))
		return wall < wall_now ? 0 : WARDEN_FOREVER_SECS - 1;
	if (__builtin_add_overflow((int64_t)(now / 1000), diff, &secs))
		return WARDEN_FOREVER_SECS - 1;
	if (secs < 0)
		return 0;
	if (secs >= WARDEN_FOREVER_SECS)
		return WARDEN_FOREVER_SECS - 1;
	return (uint32_t)secs;
}

const char *warden_clock_format(int64_t wall, char *buf)
{
	char date[WARDEN_CLOCK_STRLEN / 2];
	struct tm tm;
	time_t t;
	int offset_mins = 0;

	if (wall == WARDEN_WALL_FOREVER) {
		(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "forever");
		return buf;
	}
	if (wall < RFC3339_MIN)
		wall = RFC3339_MIN;
	if (wall > RFC3339_MAX)
		wall = RFC3339_MAX;

	/* an offset has no seconds, but some old local times had: the time is
	   printed for the offset that is printed */
	t = (time_t)wall;
	if (localtime_r(&t, &tm) != NULL)
		offset_mins = (int)(tm.tm_gmtoff / 60);
	t += (time_t)offset_mins * 60;
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		date[0] = '\0';
	(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "%s%c%02u:%02u", date,
		       offset_mins < 0 ? '-' : '+',
		       (unsigned int)abs(offset_mins) / 60 % 100,
		       (unsigned int)abs(offset_mins) % 60);
	return buf;
}

/* Any beginning of one of these is that unit, as in Dovecot; the first that
   fits counts, so "m" is minutes and "ms" milliseconds. */
static const struct {
	const char *name;
	uint32_t msecs;
} units[] = {
	{ "secs", 1000 },
	{ "seconds", 1000 },
	{ "mins", 60 * 1000 },
	{ "minutes", 60 * 1000 },
	{ "msecs", 1 },
	{ "mseconds", 1 },
	{ "millisecs", 1 },
	{ "milliseconds", 1 },
	{ "hours", 3600 * 1000 },
	{ "days", 24 * 3600 * 1000 },
	{ "weeks", 7 * 24 * 3600 * 1000 },
};

/* 0: there is no such unit */
static uint32_t unit_find(const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strncasecmp(name, units[i].name, len) == 0)
			return units[i].msecs;
	}
	return 0;
}

bool warden_duration_parse(const char *str, uint32_t *secs_r,
			   const char **error_r)
{
	uint64_t num = 0, msecs;
	uint32_t unit = 1000;
	const char *p;

	for (p = str; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(num, 10, &num) ||
		    __builtin_add_overflow(num, (uint64_t)(*p - '0'), &num))
			num = UINT64_MAX; /* stays so */
	}
	if (p == str) {
		*error_r = "not a time such as \"30 min\" or \"1 week\"";
		return false;
	}
	while (*p == ' ')
		p++;
	if (*p != '\0')
		unit = unit_find(p);
	if (unit == 0) {
		*error_r = "its unit is none of s, min, h, d and w";
		return false;
	}
	/* WARDEN_FOREVER_SECS is not a duration */
	if (__builtin_mul_overflow(num, unit, &msecs) ||
	    msecs > (uint64_t)(WARDEN_FOREVER_SECS - 1) * 1000) {
		*error_r = "too long a time";
		return false;
	}
	*secs_r = (uint32_t)((msecs + 999) / 1000);
	return true;
}

const char *warden_duration_format(uint32_t secs, char *buf)
{
	const uint32_t day = 24 * 3600;

	if (secs == WARDEN_FOREVER_SECS)
		(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "forever");
	else if (secs < 60)
		(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "%u s", secs);
	else if (secs < 3600)
		(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "%u min", secs / 60);
	else if (secs < day)
		(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "%u h", secs / 3600);
	else {
		(void)snprintf(buf, WARDEN_CLOCK_STRLEN, "%u day%s",
			       secs / day, secs / day == 1 ? "" : "s");
	}
	return buf;
}
