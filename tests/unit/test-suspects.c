/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-suspects.h"

#define WINDOW_SECS 600

static struct warden_auth_file file;

static int setup(void **state)
{
	static struct warden_suspects suspects;

	memset(&file, 0, sizeof(file));
	file.file.hash_key[0] = 42;
	*state = &suspects;
	return warden_suspects_init(&suspects, &file, sizeof(file)) ? 0 : -1;
}

static void test_wrong_size(void **state)
{
	struct warden_suspects suspects;

	(void)state;
	assert_false(
		warden_suspects_init(&suspects, &file, sizeof(file) - 8));
}

static void test_only_the_one_who_failed(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");

	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	assert_false(warden_suspects_clear(*state, &host, "bob", WINDOW_SECS,
					   UNIT_NOW));
	assert_false(warden_suspects_clear(*state, &host, NULL, WINDOW_SECS,
					   UNIT_NOW));
	assert_true(warden_suspects_clear(*state, &host, "alice", WINDOW_SECS,
					  UNIT_NOW));
	/* forgotten with it */
	assert_false(warden_suspects_clear(*state, &host, "alice", WINDOW_SECS,
					   UNIT_NOW));
}

static void test_second_user_spoils_it_for_both(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");

	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	warden_suspects_failed(*state, &host, "bob", WINDOW_SECS,
			       UNIT_NOW);
	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	assert_false(warden_suspects_clear(*state, &host, "alice", WINDOW_SECS,
					   UNIT_NOW));
	assert_false(warden_suspects_clear(*state, &host, "bob", WINDOW_SECS,
					   UNIT_NOW));
}

static void test_out_of_the_window(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");

	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	assert_false(warden_suspects_clear(*state, &host, "alice", WINDOW_SECS,
					   UNIT_NOW + 700 * 1000));
}

static void test_second_user_of_last_week_spoils_nothing(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");
	uint64_t later = UNIT_NOW + UINT64_C(5) * 24 * 3600 * 1000;

	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS, UNIT_NOW);
	warden_suspects_failed(*state, &host, NULL, WINDOW_SECS, UNIT_NOW);
	warden_suspects_failed(*state, &host, "bob", WINDOW_SECS, later);
	assert_true(warden_suspects_clear(*state, &host, "bob", WINDOW_SECS,
					  later));
}

static void test_hosts_are_apart(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_host other = unit_host("192.0.2.2");

	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	assert_false(warden_suspects_clear(*state, &other, "alice",
					   WINDOW_SECS, UNIT_NOW));
}

static void test_full_of_hosts_forgets_the_oldest(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_host other = { .family = WARDEN_INET };

	warden_suspects_failed(*state, &host, "alice", WINDOW_SECS,
			       UNIT_NOW);
	for (uint32_t n = 1; n < 200000; n++) {
		other.key = 0x0a000000 + n;
		warden_suspects_failed(*state, &other, "bob", WINDOW_SECS,
				       UNIT_NOW + 20000);
	}
	assert_false(warden_suspects_clear(*state, &host, "alice", WINDOW_SECS,
					   UNIT_NOW + 20000));
	assert_true(warden_suspects_clear(*state, &other, "bob", WINDOW_SECS,
					  UNIT_NOW + 20000));
}

static void test_noise_clears_nobody(void **state)
{
	struct warden_host host = { .family = WARDEN_INET };
	unsigned char *bytes = (unsigned char *)file.suspects;
	unsigned int seed = 7, cleared = 0;

	for (size_t i = 0; i < sizeof(file.suspects); i++)
		bytes[i] = (unsigned char)rand_r(&seed);
	for (uint32_t n = 1; n < 10000; n++) {
		host.key = n;
		cleared += warden_suspects_clear(*state, &host, "alice",
						 WINDOW_SECS, UNIT_NOW);
	}
	assert_int_equal(cleared, 0);
}

#define CASE(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_wrong_size),
		CASE(test_only_the_one_who_failed),
		CASE(test_second_user_spoils_it_for_both),
		CASE(test_out_of_the_window),
		CASE(test_second_user_of_last_week_spoils_nothing),
		CASE(test_hosts_are_apart),
		CASE(test_full_of_hosts_forgets_the_oldest),
		CASE(test_noise_clears_nobody),
	};
	return cmocka_run_group_tests_name("suspects", tests, NULL, NULL);
}
