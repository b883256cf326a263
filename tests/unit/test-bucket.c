/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-bucket.h"

#define LIMIT 100
#define WINDOW_SECS 600

static void test_fills_and_drains(void **state)
{
	uint64_t bucket = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		bucket = warden_bucket_add(bucket, UNIT_NOW, 10, LIMIT,
					   WINDOW_SECS);
	}
	assert_true(warden_bucket_points(bucket, UNIT_NOW, LIMIT,
					 WINDOW_SECS) == 50.0);
	/* half the window drains half a limit */
	assert_true(warden_bucket_points(bucket,
					 UNIT_NOW + WINDOW_SECS * 500, LIMIT,
					 WINDOW_SECS) == 0.0);
	assert_true(warden_bucket_points(bucket, UNIT_NOW + 60000, LIMIT,
					 WINDOW_SECS) == 40.0);
}

static void test_one_before_the_limit_and_at_it(void **state)
{
	uint64_t bucket = 0;

	(void)state;
	for (int i = 0; i < 9; i++) {
		bucket = warden_bucket_add(bucket, UNIT_NOW + (uint64_t)i, 10,
					   LIMIT, WINDOW_SECS);
	}
	assert_false(warden_bucket_reaches(bucket, UNIT_NOW + 9, LIMIT, LIMIT,
					   WINDOW_SECS));
	bucket = warden_bucket_add(bucket, UNIT_NOW + 9, 10, LIMIT,
				   WINDOW_SECS);
	assert_true(warden_bucket_reaches(bucket, UNIT_NOW + 9, LIMIT, LIMIT,
					  WINDOW_SECS));
	/* the tenth point takes six seconds to drain */
	assert_false(warden_bucket_reaches(bucket, UNIT_NOW + 6009, LIMIT,
					   LIMIT, WINDOW_SECS));
}

static void test_noise_is_a_full_bucket_and_no_more(void **state)
{
	const double max = (double)LIMIT * WARDEN_BUCKET_WINDOWS_MAX;

	(void)state;
	assert_true(warden_bucket_points(UINT64_MAX, UNIT_NOW, LIMIT,
					 WINDOW_SECS) == max);
	assert_int_equal(warden_bucket_add(UINT64_MAX, UNIT_NOW, 1000, LIMIT,
					   WINDOW_SECS),
			 UNIT_NOW + UINT64_C(1000) * WINDOW_SECS *
					    WARDEN_BUCKET_WINDOWS_MAX);
	assert_true(warden_bucket_points(0, UNIT_NOW, LIMIT, WINDOW_SECS) ==
		    0.0);
}

static void test_largest_settings_do_not_overflow(void **state)
{
	const uint32_t year_secs = 366 * 24 * 3600;
	uint64_t bucket = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t fuller = warden_bucket_add(bucket, UNIT_NOW, 1000, 1,
						    year_secs);

		assert_true(fuller >= bucket);
		bucket = fuller;
	}
	assert_true(bucket <= UNIT_NOW + UINT64_C(1000) * year_secs *
						 WARDEN_BUCKET_WINDOWS_MAX);
	/* the limit times the factor of a known host is within the bound */
	assert_true(warden_bucket_reaches(bucket, UNIT_NOW, 4, 1, year_secs));
}

static void test_many_small_points_add_up(void **state)
{
	uint64_t bucket = 0;

	(void)state;
	/* 100000 points in a minute: less than a millisecond each */
	for (int i = 0; i < 100000; i++)
		bucket = warden_bucket_add(bucket, UNIT_NOW, 1, 100000, 60);
	assert_true(warden_bucket_reaches(bucket, UNIT_NOW, 100000, 100000,
					  60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_and_drains),
		cmocka_unit_test(test_one_before_the_limit_and_at_it),
		cmocka_unit_test(test_noise_is_a_full_bucket_and_no_more),
		cmocka_unit_test(test_many_small_points_add_up),
		cmocka_unit_test(test_largest_settings_do_not_overflow),
	};
	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
