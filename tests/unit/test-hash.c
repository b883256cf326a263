/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-hash.h"

/* Key 00 01 .. 0f, input 00 01 02 ..: the example in the SipHash paper,
   appendix A, and values of its authors' test program for other lengths. */
static const uint64_t paper_key[2] = { UINT64_C(0x0706050403020100),
				       UINT64_C(0x0f0e0d0c0b0a0908) };

static void test_paper_vectors(void **state)
{
	const struct {
		size_t size;
		uint64_t hash;
	} vectors[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
	};
	unsigned char input[16];

	(void)state;
	for (unsigned int i = 0; i < sizeof(input); i++)
		input[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		assert_int_equal(warden_hash(paper_key, input, vectors[i].size),
				 vectors[i].hash);
	}
}

static void test_number_is_hashed_like_its_bytes(void **state)
{
	const uint64_t numbers[] = { 0, 1, UINT64_C(0xc0000201), UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(warden_hash_u64(paper_key, numbers[i]),
				 warden_hash(paper_key, &numbers[i], 8));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paper_vectors),
		cmocka_unit_test(test_number_is_hashed_like_its_bytes),
	};
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
