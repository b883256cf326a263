/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-hash.h"
#include "warden-sketch.h"

/* Different hashes under a key of this number. */
static uint32_t count_of(uint64_t number, uint64_t different,
			 unsigned int times)
{
	const uint64_t key[2] = { number, 1 };
	uint32_t bits = 0;

	for (unsigned int time = 0; time < times; time++) {
		for (uint64_t i = 0; i < different; i++) {
			bits = warden_sketch_add(bits, warden_hash_u64(key, i));
		}
	}
	return warden_sketch_count(bits);
}

static void test_empty_and_full(void **state)
{
	(void)state;
	assert_int_equal(warden_sketch_count(0), 0);
	assert_int_equal(warden_sketch_count(UINT32_MAX), WARDEN_SKETCH_MAX);
	for (uint64_t hash = 0; hash < 32; hash++) {
		assert_int_equal(warden_sketch_add(UINT32_MAX, hash),
				 UINT32_MAX);
	}
	for (uint32_t bits = 1; bits != 0; bits = bits << 1 | bits) {
		assert_true(warden_sketch_count(bits) >
			    warden_sketch_count(bits >> 1));
		if (bits == UINT32_MAX)
			break;
	}
}

static void test_the_same_again_changes_nothing(void **state)
{
	static const uint64_t sizes[] = { 1, 3, 10, 100, 1000 };

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(count_of(7, sizes[i], 1),
				 count_of(7, sizes[i], 50));
	}
}

/* On average right, also for many. */
static void test_estimates(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 5, 8, 20, 100, 500 };

	(void)state;
	for (unsigned int i = 0; i < 7; i++) {
		uint64_t sum = 0;

		for (uint64_t key = 0; key < 200; key++)
			sum += count_of(key, sizes[i], 1);
		assert_uint_in_range((sum + 100) / 200, sizes[i] - sizes[i] / 5,
				     sizes[i] + sizes[i] / 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_and_full),
		cmocka_unit_test(test_the_same_again_changes_nothing),
		cmocka_unit_test(test_estimates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
