/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Times at the edges of what their types hold, and Dovecot's spellings. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"
#include "warden-clock.h"

/* two hours after a boot, on a day in 2026 */
#define NOW ((WARDEN_CLOCK_BASE_SECS + UINT64_C(7200)) * 1000 + 999)
#define NOW_SECS (WARDEN_CLOCK_BASE_SECS + 7200)
#define WALL_NOW INT64_C(1795323967)

static void now_is_after_the_base_and_never_goes_back(void **state)
{
	uint64_t before = warden_clock_now(), after = warden_clock_now();

	(void)state;
	assert_true(before >= (uint64_t)WARDEN_CLOCK_BASE_SECS * 1000);
	assert_true(after >= before);
	/* seconds of it fit 32 bits and milliseconds 41 */
	assert_true(after / 1000 < WARDEN_FOREVER_SECS);
	assert_true(after < UINT64_C(1) << 41);
}

static int64_t wall_msecs(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &ts), 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Late in a second of warden time the wall clock has often gone on to its next
   one. */
static void wall_second_depends_on_the_moment(void **state)
{
	(void)state;
	for (int64_t late = 0; late < 1000; late++) {
		int64_t before = wall_msecs(), wall, after;

		wall = warden_clock_wall((uint64_t)NOW_SECS * 1000 +
					 (uint64_t)late);
		after = wall_msecs();
		assert_true(wall >= (before - late) / 1000);
		assert_true(wall <= (after - late) / 1000);
	}
}

static void wall_time_and_back_is_the_same_second(void **state)
{
	static const uint32_t secs[] = {
		0, 1, NOW_SECS - 2592000, NOW_SECS - 7201, NOW_SECS - 1,
		NOW_SECS, NOW_SECS + 1, NOW_SECS + 604800,
		WARDEN_FOREVER_SECS - 1,
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(secs) / sizeof(secs[0]); i++) {
		int64_t wall = warden_clock_to_wall(secs[i], NOW, WALL_NOW);

		assert_true(wall == WALL_NOW + secs[i] - (int64_t)NOW_SECS);
		assert_int_equal(warden_clock_from_wall(wall, NOW, WALL_NOW),
				 secs[i]);
	}
}

/* What was saved before a reboot holds after it: the clock counts from 0. */
static void a_time_before_the_boot_is_still_a_time(void **state)
{
	uint64_t boot = (uint64_t)WARDEN_CLOCK_BASE_SECS * 1000;
	const int64_t month = 2592000;

	(void)state;
	assert_int_equal(
		warden_clock_from_wall(WALL_NOW - month, boot, WALL_NOW),
		WARDEN_CLOCK_BASE_SECS - month);
}

static void forever_stays_forever(void **state)
{
	(void)state;
	assert_true(warden_clock_to_wall(WARDEN_FOREVER_SECS, NOW, WALL_NOW) ==
		    WARDEN_WALL_FOREVER);
	assert_int_equal(
		warden_clock_from_wall(WARDEN_WALL_FOREVER, NOW, WALL_NOW),
		WARDEN_FOREVER_SECS);
}

static void times_that_do_not_fit_are_the_nearest(void **state)
{
	const uint32_t last = WARDEN_FOREVER_SECS - 1;

	(void)state;
	assert_int_equal(warden_clock_from_wall(INT64_MAX - 1, NOW, WALL_NOW),
			 last);
	assert_int_equal(warden_clock_from_wall(INT64_MAX - 1, NOW, INT64_MIN),
			 last);
	assert_int_equal(warden_clock_from_wall(0, UINT64_MAX, INT64_MIN),
			 last);
	assert_int_equal(warden_clock_from_wall(INT64_MAX - 1, UINT64_MAX, 0),
			 last);
	assert_int_equal(warden_clock_from_wall(WALL_NOW + UINT32_MAX, NOW,
						WALL_NOW), last);
	/* the second that would read as forever */
	assert_int_equal(warden_clock_from_wall(
		WALL_NOW + WARDEN_FOREVER_SECS - (int64_t)NOW_SECS, NOW,
		WALL_NOW), last);
	assert_int_equal(warden_clock_from_wall(INT64_MIN, NOW, WALL_NOW), 0);
	assert_int_equal(warden_clock_from_wall(INT64_MIN, NOW, INT64_MAX), 0);
	assert_int_equal(warden_clock_from_wall(WALL_NOW - NOW_SECS - 1, NOW,
						WALL_NOW), 0);

	assert_true(warden_clock_to_wall(last, NOW, INT64_MAX) ==
		    WARDEN_WALL_FOREVER - 1);
	assert_true(warden_clock_to_wall(NOW_SECS, NOW, INT64_MAX) ==
		    WARDEN_WALL_FOREVER - 1);
	assert_true(warden_clock_to_wall(0, NOW, INT64_MIN) == INT64_MIN);
	assert_true(warden_clock_to_wall(0, UINT64_MAX, INT64_MIN) ==
		    INT64_MIN);
}

static void set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static void assert_formats(int64_t wall, const char *expected)
{
	char buf[WARDEN_CLOCK_STRLEN];

	assert_ptr_equal(warden_clock_format(wall, buf), buf);
	assert_string_equal(buf, expected);
}

/* Zones in POSIX notation: no test depends on the machine's zone files. */
static void format_is_rfc3339_with_the_local_offset(void **state)
{
	(void)state;
	set_zone("UTC0");
	assert_formats(WALL_NOW, "2026-11-22T05:06:07+00:00");
	assert_formats(0, "1970-01-01T00:00:00+00:00");
	assert_formats(-1, "1969-12-31T23:59:59+00:00");
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_formats(WALL_NOW, "2026-11-22T06:06:07+01:00");
	assert_formats(WALL_NOW - 12960000, "2026-06-25T07:06:07+02:00");
	set_zone("NST3:30");
	assert_formats(WALL_NOW, "2026-11-22T01:36:07-03:30");
	set_zone("XXX0:15");
	assert_formats(WALL_NOW, "2026-11-22T04:51:07-00:15");
	/* Amsterdam before 1937: 19 minutes and 32 seconds */
	set_zone("AMT-0:19:32");
	assert_formats(WALL_NOW, "2026-11-22T05:25:07+00:19");
	set_zone("UTC0");
}

static void format_of_any_number_is_a_date(void **state)
{
	static const char *const zones[] = { "UTC0", "AAA-14", "BBB12" };
	char buf[WARDEN_CLOCK_STRLEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		set_zone(zones[i]);
		assert_int_equal(strlen(warden_clock_format(
			INT64_MIN, buf)), 25);
		assert_memory_equal(buf, "1000-01-", 8);
		assert_int_equal(strlen(warden_clock_format(
			INT64_MAX - 1, buf)), 25);
		assert_memory_equal(buf, "9999-12-", 8);
	}
	set_zone("UTC0");
	assert_formats(WARDEN_WALL_FOREVER, "forever");
}

static void assert_duration(const char *str, uint32_t expected)
{
	const char *error = NULL;
	uint32_t secs = 12345;

	if (!warden_duration_parse(str, &secs, &error))
		fail_msg("'%s': %s", str, error);
	if (secs != expected)
		fail_msg("'%s' is %u s, not %u s", str, secs, expected);
}

static void durations_have_dovecots_units(void **state)
{
	(void)state;
	assert_duration("0", 0);
	assert_duration("90", 90);
	assert_duration("007", 7);
	assert_duration("1s", 1);
	assert_duration("60 s", 60);
	assert_duration("60   secs", 60);
	assert_duration("1 sec", 1);
	assert_duration("2 seconds", 2);
	assert_duration("2 SECONDS", 2);
	assert_duration("30 min", 1800);
	assert_duration("30m", 1800);
	assert_duration("30 mins", 1800);
	assert_duration("30 Minutes", 1800);
	assert_duration("2h", 7200);
	assert_duration("2 hours", 7200);
	assert_duration("1 hour", 3600);
	assert_duration("30 days", 30 * 86400);
	assert_duration("1d", 86400);
	assert_duration("1 week", 604800);
	assert_duration("2 w", 2 * 604800);
}

static void milliseconds_are_rounded_up(void **state)
{
	(void)state;
	assert_duration("500 ms", 1);
	assert_duration("500ms", 1);
	assert_duration("0 ms", 0);
	assert_duration("1 msecs", 1);
	assert_duration("1000 milliseconds", 1);
	assert_duration("1001 millisecs", 2);
	assert_duration("1999 msec", 2);
}

static void a_bad_duration_is_refused(void **state)
{
	static const char *const texts[] = {
		"", " ", "s", "min", "-1", "+1", "-1 s", " 1 s", "1 s ",
		"1\ts", "1 s\n", "1.5 h", "1,5 h", "1e3", "0x10", "1 month",
		"1 year", "1 y", "1 fortnight", "1 ss", "1 minn", "1 hrs",
		"1 h 30 min", "1:30", "forever", "30 min.", "1 \xc2\xb5s",
		"4294967295", "4294967296", "4294967295 s", "71582789 min",
		"7102 weeks", "18446744073709551615", "18446744073709551616",
		"18446744073709551617 ms", "99999999999999999999999999 s",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *error = NULL;
		uint32_t secs = 12345;

		if (warden_duration_parse(texts[i], &secs, &error))
			fail_msg("'%s' was taken for %u s", texts[i], secs);
		assert_non_null(error);
		assert_int_equal(secs, 12345);
	}
}

static void the_longest_duration_is_taken(void **state)
{
	(void)state;
	assert_duration("4294967294", UINT32_MAX - 1);
	assert_duration("4294967294000 ms", UINT32_MAX - 1);
	assert_duration("7101 weeks", 7101u * 604800u);
}

static void assert_duration_formats(uint32_t secs, const char *expected)
{
	char buf[WARDEN_CLOCK_STRLEN];

	assert_ptr_equal(warden_duration_format(secs, buf), buf);
	assert_string_equal(buf, expected);
}

static void durations_are_short_and_rounded_down(void **state)
{
	(void)state;
	assert_duration_formats(0, "0 s");
	assert_duration_formats(45, "45 s");
	assert_duration_formats(59, "59 s");
	assert_duration_formats(60, "1 min");
	assert_duration_formats(1799, "29 min");
	assert_duration_formats(3599, "59 min");
	assert_duration_formats(3600, "1 h");
	assert_duration_formats(86399, "23 h");
	assert_duration_formats(86400, "1 day");
	assert_duration_formats(172799, "1 day");
	assert_duration_formats(604799, "6 days");
	assert_duration_formats(UINT32_MAX - 1, "49710 days");
	assert_duration_formats(WARDEN_FOREVER_SECS, "forever");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(now_is_after_the_base_and_never_goes_back),
		cmocka_unit_test(wall_second_depends_on_the_moment),
		cmocka_unit_test(wall_time_and_back_is_the_same_second),
		cmocka_unit_test(a_time_before_the_boot_is_still_a_time),
		cmocka_unit_test(forever_stays_forever),
		cmocka_unit_test(times_that_do_not_fit_are_the_nearest),
		cmocka_unit_test(format_is_rfc3339_with_the_local_offset),
		cmocka_unit_test(format_of_any_number_is_a_date),
		cmocka_unit_test(durations_have_dovecots_units),
		cmocka_unit_test(milliseconds_are_rounded_up),
		cmocka_unit_test(a_bad_duration_is_refused),
		cmocka_unit_test(the_longest_duration_is_taken),
		cmocka_unit_test(durations_are_short_and_rounded_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
