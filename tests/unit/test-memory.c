/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-memory.h"

#define DAY_MSECS (24 * 3600 * UINT64_C(1000))
#define KNOWN_SECS (30U * 24 * 3600)

static struct warden_auth_file file;

static int setup(void **state)
{
	static struct warden_memory memory;

	memset(&file, 0, sizeof(file));
	file.file.hash_key[0] = 42;
	*state = &memory;
	return warden_memory_init(&memory, &file, sizeof(file)) ? 0 : -1;
}

static bool wrong(void **state, const char *host, const char *user,
		  const char *password, uint64_t now)
{
	struct warden_host h = unit_host(host);

	return warden_memory_add_wrong(
		*state, &h, user, warden_memory_secret(*state, password), now);
}

static bool works(void **state, const char *host, const char *user,
		  const char *password, uint64_t now)
{
	struct warden_host h = unit_host(host);

	return warden_memory_add_worked(*state, &h, user,
					warden_memory_secret(*state, password),
					KNOWN_SECS, now);
}

static bool worked(void **state, const char *user, const char *password,
		   uint64_t now)
{
	return warden_memory_worked(*state, user,
				    warden_memory_secret(*state, password),
				    KNOWN_SECS, now);
}

static void test_wrong_size(void **state)
{
	struct warden_memory memory;

	(void)state;
	assert_false(warden_memory_init(&memory, &file, sizeof(file) - 8));
}

static void test_same_wrong_password(void **state)
{
	assert_false(wrong(state, "192.0.2.1", "alice", "old", UNIT_NOW));
	assert_true(wrong(state, "192.0.2.1", "alice", "old", UNIT_NOW + 1));
	assert_false(wrong(state, "192.0.2.1", "alice", "other", UNIT_NOW));
	assert_false(wrong(state, "192.0.2.1", "bob", "old", UNIT_NOW));
	assert_false(wrong(state, "192.0.2.2", "alice", "old", UNIT_NOW));
	assert_false(wrong(state, "2001:db8::1", "alice", "old", UNIT_NOW));
}

/* Every two days for a month, and then not for a week. */
static void test_forgotten_when_it_was_not_tried_for_a_week(void **state)
{
	uint64_t now = UNIT_NOW;

	assert_false(wrong(state, "192.0.2.1", "alice", "old", now));
	for (int i = 0; i < 15; i++) {
		now += 2 * DAY_MSECS;
		assert_true(wrong(state, "192.0.2.1", "alice", "old", now));
	}
	now += 7 * DAY_MSECS + 64000;
	assert_false(wrong(state, "192.0.2.1", "alice", "old", now));
}

static void test_password_that_worked(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_host other = unit_host("192.0.2.2");

	assert_false(worked(state, "alice", "right", UNIT_NOW));
	assert_true(works(state, "192.0.2.1", "alice", "right", UNIT_NOW));
	assert_false(works(state, "192.0.2.1", "alice", "right", UNIT_NOW));
	/* it is the user's, wherever he is */
	assert_false(works(state, "192.0.2.2", "alice", "right", UNIT_NOW));
	assert_true(worked(state, "alice", "right", UNIT_NOW));
	assert_false(worked(state, "alice", "wrong", UNIT_NOW));
	assert_false(worked(state, "bob", "right", UNIT_NOW));
	assert_true(warden_memory_was_here(*state, &host, "alice", KNOWN_SECS,
					   UNIT_NOW));
	assert_false(warden_memory_was_here(*state, &host, "bob", KNOWN_SECS,
					    UNIT_NOW));
	/* a wrong one does not take its place */
	(void)wrong(state, "192.0.2.1", "alice", "wrong", UNIT_NOW);
	assert_true(worked(state, "alice", "right", UNIT_NOW + 29 * DAY_MSECS));
	assert_false(
		worked(state, "alice", "right", UNIT_NOW + 30 * DAY_MSECS));
	assert_false(warden_memory_was_here(*state, &other, "alice", KNOWN_SECS,
					    UNIT_NOW + 30 * DAY_MSECS));
}

/* Mechanisms that do not send it. */
static void test_password_that_nobody_saw(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");

	for (int i = 0; i < 2; i++) {
		assert_false(warden_memory_add_wrong(*state, &host, "alice", 0,
						     UNIT_NOW));
		assert_false(warden_memory_add_worked(*state, &host, "alice", 0,
						      KNOWN_SECS, UNIT_NOW));
		assert_false(warden_memory_worked(*state, "alice", 0,
						  KNOWN_SECS, UNIT_NOW));
	}
	assert_true(warden_memory_was_here(*state, &host, "alice", KNOWN_SECS,
					   UNIT_NOW));
}

static void test_cost_is_bounded_and_ends(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");

	warden_memory_add_cost(*state, &host, "alice", 10, UNIT_NOW);
	warden_memory_add_cost(*state, &host, "alice", 20, UNIT_NOW);
	assert_int_equal(warden_memory_cost(*state, &host, "alice", UNIT_NOW),
			 30);
	assert_int_equal(warden_memory_cost(*state, &host, "bob", UNIT_NOW), 0);
	warden_memory_add_cost(*state, &host, "alice", UINT32_MAX / 2,
			       UNIT_NOW);
	assert_int_equal(warden_memory_cost(*state, &host, "alice", UNIT_NOW),
			 WARDEN_MEMORY_COST_MAX);
	assert_int_equal(warden_memory_cost(*state, &host, "alice",
					    UNIT_NOW + 3700 * UINT64_C(1000)),
			 0);
	warden_memory_clear_cost(*state, &host, "alice");
	assert_int_equal(warden_memory_cost(*state, &host, "alice", UNIT_NOW),
			 0);
}

/* A flood of wrong passwords takes nothing from what worked. */
static void test_flood_of_wrong_passwords(void **state)
{
	char password[32];

	assert_true(works(state, "192.0.2.1", "alice", "right", UNIT_NOW));
	for (unsigned int i = 0; i < 300000; i++) {
		(void)snprintf(password, sizeof(password), "wrong-%u", i);
		(void)wrong(state, "192.0.2.9", "alice", password, UNIT_NOW);
	}
	assert_true(worked(state, "alice", "right", UNIT_NOW));
}

/* Only 16 bits of a password are in there: of so many, some are taken for one
   that is remembered, and only some. */
static void test_digest_has_sixteen_bits(void **state)
{
	char password[32];
	unsigned int found = 0;

	assert_true(works(state, "192.0.2.1", "alice", "right", UNIT_NOW));
	for (unsigned int i = 0; i < 20U * 65536; i++) {
		(void)snprintf(password, sizeof(password), "%u", i);
		found += worked(state, "alice", password, UNIT_NOW);
	}
	assert_uint_in_range(found, 4, 45);
}

static void test_noise_does_no_harm(void **state)
{
	struct warden_host host = unit_host("192.0.2.1");

	memset(file.worked, 0xa5, sizeof(file.worked));
	memset(file.wrong, 0xff, sizeof(file.wrong));
	assert_true(warden_memory_cost(*state, &host, "alice", UNIT_NOW) <=
		    WARDEN_MEMORY_COST_MAX);
	(void)wrong(state, "192.0.2.1", "alice", "old", UNIT_NOW);
	assert_true(wrong(state, "192.0.2.1", "alice", "old", UNIT_NOW));
	(void)works(state, "192.0.2.1", "alice", "right", UNIT_NOW);
	assert_true(worked(state, "alice", "right", UNIT_NOW));
}

#define CASE(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_wrong_size),
		CASE(test_same_wrong_password),
		CASE(test_forgotten_when_it_was_not_tried_for_a_week),
		CASE(test_password_that_worked),
		CASE(test_password_that_nobody_saw),
		CASE(test_cost_is_bounded_and_ends),
		CASE(test_flood_of_wrong_passwords),
		CASE(test_digest_has_sixteen_bits),
		CASE(test_noise_does_no_harm),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
