/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-table.h"
#include "warden-word.h"
#include "warden.h"

#define HOUR_SECS 3600
#define WEEK_SECS (7 * 24 * HOUR_SECS)

struct fixture {
	struct warden_table table;
	struct warden_policy policy;
	void *base;
};

static struct fixture *fixture_create(uint32_t hosts)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	uint32_t geometry[4];
	size_t size = warden_table_size(hosts, geometry);
	struct warden_hosts_header *header;

	f->base = aligned_alloc(64, size);
	assert_non_null(f->base);
	memset(f->base, 0, size);
	header = f->base;
	memcpy(header->file.geometry, geometry, sizeof(geometry));
	header->file.hash_key[0] = 0x1234;
	header->file.hash_key[1] = 0x5678;
	assert_true(warden_table_init(&f->table, f->base, size));
	warden_policy_init_defaults(&f->policy);
	return f;
}

static int setup(void **state)
{
	*state = fixture_create(WARDEN_TABLE_HOSTS_MIN);
	return 0;
}

/* One set a family: every host is in the same one. */
static int setup_one_set(void **state)
{
	*state = fixture_create(2 * WARDEN_SET_WAYS);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->base);
	test_free(f);
	return 0;
}

static bool count(struct fixture *f, const char *host,
		  enum warden_class class, uint64_t now)
{
	struct warden_host h = unit_host(host);

	return warden_table_count(&f->table, &h, &f->policy, true, 1, class,
				  WARDEN_PROTOCOL_IMAP, NULL, now);
}

static struct warden_host_info info(struct fixture *f, const char *host,
				    uint64_t now)
{
	struct warden_host h = unit_host(host);
	struct warden_host_info i;

	(void)warden_table_read(&f->table, &h, &f->policy, now, &i);
	return i;
}

static struct warden_host numbered(uint32_t number)
{
	struct warden_host host = { .key = 0x0a000000 + number,
				    .family = WARDEN_INET };
	return host;
}

/* --- Blocking ------------------------------------------------------------- */

static void test_blocked_at_the_limit_not_before(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 9; i++)
		assert_false(count(f, "192.0.2.1", WARDEN_AUTH_FAILED,
				   UNIT_NOW + (uint64_t)i));
	assert_false(info(f, "192.0.2.1", UNIT_NOW + 9).blocked);
	assert_true(count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW + 9));
	assert_true(info(f, "192.0.2.1", UNIT_NOW + 9).blocked);
	assert_int_equal(info(f, "192.0.2.1", UNIT_NOW + 9).reason,
			 WARDEN_AUTH_FAILED);
	/* the block is begun once */
	assert_false(count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW + 10));
	assert_false(info(f, "192.0.2.2", UNIT_NOW + 9).blocked);
}

static void test_unknown_users_weigh_double(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		assert_false(
			count(f, "192.0.2.1", WARDEN_USER_UNKNOWN, UNIT_NOW));
	assert_true(count(f, "192.0.2.1", WARDEN_USER_UNKNOWN, UNIT_NOW));
}

static void test_one_attempt_a_minute_fills_the_slow_bucket(void **state)
{
	struct fixture *f = *state;
	int attempts = 0;

	while (!count(f, "192.0.2.1", WARDEN_AUTH_FAILED,
		      UNIT_NOW + (uint64_t)attempts * 60000)) {
		attempts++;
		assert_true(attempts < 100);
	}
	assert_uint_in_range(attempts, 29, 33);
}

static void test_block_ends(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	uint64_t end = UNIT_NOW + (uint64_t)f->policy.block_time_secs * 1000;

	for (int i = 0; i < 10; i++)
		(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	assert_int_equal(warden_table_blocked_until(&f->table, &host,
						    UNIT_NOW),
			 UNIT_NOW / 1000 + f->policy.block_time_secs);
	assert_int_not_equal(
		warden_table_blocked_until(&f->table, &host, end - 1), 0);
	assert_int_equal(warden_table_blocked_until(&f->table, &host, end), 0);
	/* and the first mistake afterwards does not block again */
	assert_false(count(f, "192.0.2.1", WARDEN_AUTH_FAILED, end));
	assert_true(info(f, "192.0.2.1", end).points <= 10.0);
}

static uint32_t block_again(struct fixture *f, uint64_t *now)
{
	struct warden_host host = unit_host("192.0.2.1");

	for (int i = 0; i < 10; i++)
		(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, *now);
	return warden_table_blocked_until(&f->table, &host, *now) -
	       (uint32_t)(*now / 1000);
}

static void test_block_is_never_too_short(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	uint64_t begin = UNIT_NOW + 900;

	f->policy.block_time_secs = 1;
	for (int i = 0; i < 10; i++)
		(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, begin);
	assert_int_not_equal(
		warden_table_blocked_until(&f->table, &host, begin + 999), 0);
}

static void test_blocks_double_up_to_the_cap(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW;
	uint32_t expected = f->policy.block_time_secs;

	for (int i = 0; i < 20; i++) {
		uint32_t secs = block_again(f, &now);

		assert_int_equal(secs, expected);
		now += (uint64_t)secs * 1000;
		expected *= 2;
		if (expected > f->policy.block_time_max_secs)
			expected = f->policy.block_time_max_secs;
	}
}

static void test_a_week_of_peace_is_forgiven(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW;

	now += (uint64_t)block_again(f, &now) * 1000;
	now += (uint64_t)block_again(f, &now) * 1000;
	now += (uint64_t)WEEK_SECS * 1000;
	assert_int_equal(block_again(f, &now), f->policy.block_time_secs);
}

static void test_known_host_may_fail_four_times_as_much(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	warden_table_success(&f->table, &host, false, UNIT_NOW);
	for (int i = 0; i < 39; i++)
		assert_false(
			count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW));
	assert_true(count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW));
}

static bool count_user(struct fixture *f, const char *host,
		       enum warden_class class, const char *user, uint64_t now)
{
	struct warden_host h = unit_host(host);

	return warden_table_count(&f->table, &h, &f->policy, true, 1, class,
				  WARDEN_PROTOCOL_IMAP, user, now);
}

static unsigned int users_until_blocked(struct fixture *f, const char *host,
					enum warden_class class)
{
	char user[16];

	for (unsigned int i = 1; i < 1000; i++) {
		(void)snprintf(user, sizeof(user), "user%u", i);
		if (count_user(f, host, class, user, UNIT_NOW))
			return i;
	}
	fail();
	return 0;
}

/* 10 10 20 20 20 20; names that share a bit of the sketch are one. */
static void test_many_names_weigh_more_than_many_tries(void **state)
{
	struct fixture *f = *state;

	assert_uint_in_range(
		users_until_blocked(f, "192.0.2.1", WARDEN_AUTH_FAILED), 6, 7);
	assert_uint_in_range(
		users_until_blocked(f, "192.0.2.2", WARDEN_USER_UNKNOWN), 4, 4);
	for (int i = 0; i < 9; i++) {
		assert_false(count_user(f, "192.0.2.3", WARDEN_AUTH_FAILED,
					"alice", UNIT_NOW));
	}
	assert_true(count_user(f, "192.0.2.3", WARDEN_AUTH_FAILED, "alice",
			       UNIT_NOW));
	assert_int_equal(info(f, "192.0.2.3", UNIT_NOW).names, 1);
}

static void test_names_are_forgotten_after_a_day(void **state)
{
	struct fixture *f = *state;
	uint64_t later = UNIT_NOW + 24 * 3600 * UINT64_C(1000);

	(void)count_user(f, "192.0.2.1", WARDEN_AUTH_FAILED, "alice", UNIT_NOW);
	(void)count_user(f, "192.0.2.1", WARDEN_AUTH_FAILED, "bob", UNIT_NOW);
	assert_int_equal(info(f, "192.0.2.1", UNIT_NOW).names, 2);
	(void)count_user(f, "192.0.2.1", WARDEN_AUTH_FAILED, "carol", later);
	assert_int_equal(info(f, "192.0.2.1", later).names, 1);
	assert_true(info(f, "192.0.2.1", later).points == 10.0);
}

static void log_in_users(struct fixture *f, const char *host,
			 unsigned int users, uint64_t now)
{
	struct warden_host h = unit_host(host);
	char user[16];

	for (unsigned int i = 1; i <= users; i++) {
		(void)snprintf(user, sizeof(user), "user%u", i);
		warden_table_success(&f->table, &h, false, now);
		warden_table_add_user(&f->table, &h, &f->policy, user, now);
	}
}

static void test_many_users_may_fail_more(void **state)
{
	struct fixture *f = *state;
	struct warden_host_info one, many;

	log_in_users(f, "192.0.2.1", 1, UNIT_NOW);
	log_in_users(f, "192.0.2.2", 200, UNIT_NOW);
	one = info(f, "192.0.2.1", UNIT_NOW);
	many = info(f, "192.0.2.2", UNIT_NOW);
	assert_int_equal(one.users, 1);
	assert_int_equal(one.limits.sessions, 10);
	assert_uint_in_range(many.users, 80, 450);
	assert_int_equal(many.limits.sessions, WARDEN_SESSION_LIMIT_MAX);
	/* each of their mistakes weighs less, and no name of theirs is one too
	   many */
	assert_uint_in_range(
		users_until_blocked(f, "192.0.2.2", WARDEN_AUTH_FAILED), 65,
		120);
}

/* They come every day, and one who came once is forgotten. */
static void test_users_are_counted_over_known_time(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW;

	log_in_users(f, "192.0.2.1", 8, now);
	for (unsigned int day = 1; day < 100; day++) {
		now += 86400 * UINT64_C(1000);
		log_in_users(f, "192.0.2.1", 4, now);
		assert_true(info(f, "192.0.2.1", now).users >= 4);
	}
	assert_uint_in_range(info(f, "192.0.2.1", now).users, 4, 5);
}

static void test_shared_host_is_limited_unless_an_admin_blocks_it(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	unsigned int reason = 0;

	log_in_users(f, "192.0.2.1", 10, UNIT_NOW);
	(void)users_until_blocked(f, "192.0.2.1", WARDEN_USER_UNKNOWN);
	assert_true(info(f, "192.0.2.1", UNIT_NOW).limited);
	assert_int_equal(warden_table_block_of(&f->table, &host, &f->policy,
					       UNIT_NOW, &reason),
			 WARDEN_BLOCK_LIMITED);
	assert_int_equal(reason, WARDEN_USER_UNKNOWN);
	assert_true(warden_table_block(&f->table, &host, UINT32_MAX, 1,
				       WARDEN_MANUAL, 0, UNIT_NOW));
	assert_false(info(f, "192.0.2.1", UNIT_NOW).limited);
	assert_int_equal(warden_table_block_of(&f->table, &host, &f->policy,
					       UNIT_NOW, &reason),
			 WARDEN_BLOCK_HOST);
	assert_int_equal(reason, WARDEN_MANUAL);
}

/* At once no more than anybody, over a day as much as a known host. */
static void test_network_of_a_known_host_is_trusted_a_little(void **state)
{
	struct fixture *f = *state;
	struct warden_limits limits;
	struct warden_host near = unit_host("192.0.2.200");
	struct warden_host far = unit_host("192.0.3.1");
	struct warden_host near6 = unit_host("2001:db8:1:2::1");
	struct warden_host far6 = unit_host("2001:db8:2:2::1");

	log_in_users(f, "192.0.2.1", 1, UNIT_NOW);
	log_in_users(f, "2001:db8:1:9::1", 1, UNIT_NOW);
	warden_table_limits(&f->table, &near, &f->policy, UNIT_NOW, &limits);
	assert_int_equal(limits.fast, 100);
	assert_int_equal(limits.slow, 2 * WARDEN_SLOW_LIMIT);
	warden_table_limits(&f->table, &near6, &f->policy, UNIT_NOW, &limits);
	assert_int_equal(limits.slow, 2 * WARDEN_SLOW_LIMIT);
	warden_table_limits(&f->table, &far, &f->policy, UNIT_NOW, &limits);
	assert_int_equal(limits.slow, WARDEN_SLOW_LIMIT);
	warden_table_limits(&f->table, &far6, &f->policy, UNIT_NOW, &limits);
	assert_int_equal(limits.slow, WARDEN_SLOW_LIMIT);
}

static struct warden_host in_48(unsigned int net, unsigned int number)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "2001:db8:%x:%x::1", net, number);
	return unit_host(text);
}

static enum warden_block crowd_of(struct fixture *f,
				  const struct warden_host *host, uint64_t now)
{
	return warden_table_crowd_of(&f->table, host, &f->policy, now);
}

/* Another /64 of one /48 with each try, one a second; those that are let in. */
static unsigned int tries_let_in(struct fixture *f, unsigned int net,
				 unsigned int tries)
{
	unsigned int let_in = 0;

	for (unsigned int i = 1; i <= tries; i++) {
		struct warden_host host = in_48(net, i);
		uint64_t now = UNIT_NOW + i * UINT64_C(1000);

		if (crowd_of(f, &host, now) != WARDEN_BLOCK_NONE)
			continue;
		let_in++;
		(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL, now);
	}
	return let_in;
}

static void test_new_64_for_each_try(void **state)
{
	struct fixture *f = *state;
	uint64_t end = UNIT_NOW + 2000 * UINT64_C(1000);
	struct warden_host host = in_48(1, 2001), known = in_48(1, 7000);
	struct warden_host other = in_48(2, 1);

	assert_uint_in_range(tries_let_in(f, 1, 2000), 50, 100);
	assert_int_equal(crowd_of(f, &host, end - 1000), WARDEN_BLOCK_HOST);
	assert_int_equal(crowd_of(f, &other, end), WARDEN_BLOCK_NONE);
	/* an hour later it is over */
	assert_int_equal(crowd_of(f, &host, end + 3600000), WARDEN_BLOCK_NONE);
	/* who logs in is let in, and then the network may fail more */
	warden_table_success(&f->table, &known, false, UNIT_NOW);
	assert_int_equal(crowd_of(f, &known, end), WARDEN_BLOCK_NONE);
	log_in_users(f, "2001:db8:3:ffff::1", 1, UNIT_NOW);
	assert_uint_in_range(tries_let_in(f, 3, 2000), 200, 350);
	/* and nobody is refused but who guesses */
	host = in_48(3, 2001);
	assert_int_equal(crowd_of(f, &host, end - 1000), WARDEN_BLOCK_LIMITED);
	/* there is no such thing for IPv4: behind a /24 are many */
	for (unsigned int i = 1; i < 250; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "192.0.2.%u", i);
		(void)count(f, text, WARDEN_USER_UNKNOWN, UNIT_NOW);
	}
	host = unit_host("192.0.2.251");
	assert_int_equal(crowd_of(f, &host, UNIT_NOW), WARDEN_BLOCK_NONE);
}

/* A taken-over login process writes what no bucket can be: it must not keep a
   network out for ever, nor anybody whose host is known. */
static void test_crowd_that_a_stranger_wrote(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = in_48(1, 1), known = in_48(1, 2);
	uint64_t hour = 3600 * UINT64_C(1000);

	for (uint64_t tag = 0; tag < 64; tag++) {
		for (unsigned int set = 0; set < WARDEN_NEAR_SETS; set++) {
			for (unsigned int way = 0; way < WARDEN_NEAR_WAYS;
			     way++)
				f->table.near[set].crowds[way] =
					tag % 2 == 0 ? UINT64_MAX - tag :
						       tag << 58 | UNIT_NOW;
		}
		assert_int_equal(crowd_of(f, &host, UNIT_NOW),
				 WARDEN_BLOCK_NONE);
	}
	/* nor is counting kept from it */
	warden_table_success(&f->table, &known, false, UNIT_NOW);
	assert_uint_in_range(tries_let_in(f, 1, 2000), 200, 350);
	assert_int_equal(crowd_of(f, &host, UNIT_NOW + 2 * hour),
			 WARDEN_BLOCK_NONE);
}

static void test_last_events_of_a_host(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_host other = unit_host("192.0.2.2");
	struct warden_event events[3];

	assert_int_equal(
		warden_table_events(&f->table, &host, UNIT_NOW, events, 3), 0);
	warden_table_add_event(&f->table, &host, WARDEN_CLASS_NONE,
			       WARDEN_PROTOCOL_POP3, 0, UNIT_NOW);
	(void)count(f, "192.0.2.2", WARDEN_AUTH_FAILED, UNIT_NOW);
	(void)count(f, "192.0.2.1", WARDEN_USER_UNKNOWN, UNIT_NOW + 5000);
	assert_int_equal(warden_table_events(&f->table, &host, UNIT_NOW + 65000,
					     events, 3),
			 2);
	assert_int_equal(events[0].class, WARDEN_USER_UNKNOWN);
	assert_int_equal(events[0].protocol, WARDEN_PROTOCOL_IMAP);
	assert_int_equal(events[0].points, 20);
	assert_int_equal(events[0].age_secs, 60);
	assert_int_equal(events[1].class, WARDEN_CLASS_NONE);
	assert_int_equal(events[1].protocol, WARDEN_PROTOCOL_POP3);
	assert_int_equal(events[1].age_secs, 65);
	/* bounded: others push them out */
	for (unsigned int i = 0; i < WARDEN_EVENTS; i++) {
		warden_table_add_event(&f->table, &other, WARDEN_IDLE,
				       WARDEN_PROTOCOL_IMAP, UINT32_MAX,
				       UNIT_NOW);
	}
	assert_int_equal(
		warden_table_events(&f->table, &host, UNIT_NOW, events, 3), 0);
	assert_int_equal(
		warden_table_events(&f->table, &other, UNIT_NOW, events, 3), 3);
	assert_int_equal(events[0].points, WARDEN_EVENT_POINTS_MAX);
}

/* One try every ten minutes for a week. */
static void test_patience_is_not_worth_it(void **state)
{
	struct fixture *f = *state;
	unsigned int tested = 0, first = 0;

	for (uint64_t now = UNIT_NOW;
	     now < UNIT_NOW + (uint64_t)WEEK_SECS * 1000; now += 600000) {
		if (info(f, "192.0.2.1", now).blocked)
			continue;
		tested++;
		if (count(f, "192.0.2.1", WARDEN_AUTH_FAILED, now) &&
		    first == 0)
			first = tested;
	}
	assert_uint_in_range(first, 20, 40);
	assert_uint_in_range(tested, 40, 150);
}

static void test_known_time_runs_out(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	uint64_t later =
		UNIT_NOW + (uint64_t)f->policy.known_time_secs * 1000;

	warden_table_success(&f->table, &host, false, UNIT_NOW);
	assert_true(info(f, "192.0.2.1", later - 1).known);
	assert_false(info(f, "192.0.2.1", later).known);
}

static void test_success_clears_points_only_when_told(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	warden_table_success(&f->table, &host, false, UNIT_NOW);
	assert_true(info(f, "192.0.2.1", UNIT_NOW).points == 10.0);
	warden_table_success(&f->table, &host, true, UNIT_NOW);
	assert_true(info(f, "192.0.2.1", UNIT_NOW).points == 0.0);
}

static void test_thirty_idle_sessions_a_minute_are_free(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 30; i++)
		(void)count(f, "192.0.2.1", WARDEN_IDLE, UNIT_NOW);
	assert_true(info(f, "192.0.2.1", UNIT_NOW).points == 0.0);
	(void)count(f, "192.0.2.1", WARDEN_IDLE, UNIT_NOW);
	assert_true(info(f, "192.0.2.1", UNIT_NOW).points == 1.0);
	/* two seconds later one more is free */
	(void)count(f, "192.0.2.1", WARDEN_IDLE, UNIT_NOW + 2000);
	assert_true(info(f, "192.0.2.1", UNIT_NOW + 2000).points < 1.0);
}

static void test_nobody_is_blocked_without_policy(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	for (int i = 0; i < 100; i++) {
		assert_false(warden_table_count(&f->table, &host, &f->policy,
						false, 1, WARDEN_AUTH_FAILED,
						WARDEN_PROTOCOL_IMAP, NULL,
						UNIT_NOW));
	}
	assert_false(info(f, "192.0.2.1", UNIT_NOW).blocked);
}

static void test_unblocked_host_starts_anew(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	uint64_t changed;

	for (int i = 0; i < 10; i++)
		(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	changed = f->table.header->blocks_changed;
	assert_true(warden_table_unblock(&f->table, &host, UNIT_NOW));
	assert_int_equal(f->table.header->blocks_changed, changed + 1);
	assert_int_equal(warden_table_blocked_until(&f->table, &host, UNIT_NOW),
			 0);
	assert_false(count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW));
	assert_int_equal(info(f, "192.0.2.1", UNIT_NOW).offences, 0);
	assert_false(warden_table_unblock(&f->table, &host, UNIT_NOW));
}

static void test_block_without_end(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("2001:db8:1:2::3");

	assert_true(warden_table_block(&f->table, &host, UINT32_MAX, 1,
				       WARDEN_MANUAL, 0, UNIT_NOW));
	assert_int_equal(
		warden_table_blocked_until(&f->table, &host, UNIT_NOW * 2),
		UINT32_MAX);
	assert_int_equal(info(f, "2001:db8:1:2:ffff::", UNIT_NOW).reason,
			 WARDEN_MANUAL);
}

static void test_refusals_are_counted_since_the_block_began(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	warden_table_refused(&f->table, &host);
	assert_int_equal(info(f, "192.0.2.1", UNIT_NOW).refused, 0);
	(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	warden_table_refused(&f->table, &host);
	for (int i = 0; i < 10; i++)
		(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	assert_int_equal(info(f, "192.0.2.1", UNIT_NOW).refused, 0);
	for (int i = 0; i < 3; i++)
		warden_table_refused(&f->table, &host);
	assert_int_equal(info(f, "192.0.2.1", UNIT_NOW).refused, 3);
}

/* --- A record that changes hands ------------------------------------------ */

static struct warden_record *record_of(struct fixture *f, uint64_t key)
{
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		if (f->table.sets[0]->records[i].key == key)
			return &f->table.sets[0]->records[i];
	}
	return NULL;
}

/* Reuse, case 1: the new owner finds the former owner's words. */
static void test_reuse_former_owners_words_read_as_zero(void **state)
{
	struct fixture *f = *state;
	struct warden_host old = numbered(1), new = numbered(2);
	struct warden_record *record;
	struct warden_host_info i;

	(void)warden_table_block(&f->table, &old, UINT32_MAX, 3,
				 WARDEN_AUTH_FAILED, 0, UNIT_NOW);
	warden_table_success(&f->table, &old, false, UNIT_NOW);
	record = record_of(f, old.key);
	assert_non_null(record);
	/* killed right after the claim, before the words are wiped */
	record->key = new.key;
	(void)warden_table_read(&f->table, &new, &f->policy, UNIT_NOW, &i);
	assert_false(i.blocked);
	assert_false(i.known);
	assert_int_equal(i.offences, 0);
	assert_false(warden_table_count(&f->table, &new, &f->policy, true, 1,
					WARDEN_AUTH_FAILED,
					WARDEN_PROTOCOL_IMAP, NULL, UNIT_NOW));
	(void)warden_table_read(&f->table, &new, &f->policy, UNIT_NOW, &i);
	assert_true(i.points == 10.0);
}

/* Reuse, case 2: two claims of one host leave one. */
static void test_reuse_second_record_of_a_host_is_not_used(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = numbered(1);
	struct warden_set *set = f->table.sets[0];
	struct warden_host_info i;
	uint64_t index = 0;
	unsigned int seen = 0;

	/* what a process leaves that is killed between claim and second look */
	set->records[5].key = host.key;
	set->records[2].key = host.key;
	for (int n = 0; n < 10; n++) {
		(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL, UNIT_NOW);
	}
	assert_int_equal(*warden_record_word(&set->records[5], WARDEN_WORD_BLOCK), 0);
	assert_int_not_equal(*warden_record_word(&set->records[2], WARDEN_WORD_BLOCK), 0);
	while (warden_table_next(&f->table, &index, &f->policy, UNIT_NOW, &i))
		seen++;
	assert_int_equal(seen, 1);
}

static void record_copy(struct warden_record *to, struct warden_record *from)
{
	to->key = from->key;
	for (unsigned int i = 0; i < WARDEN_WORDS; i++) {
		*warden_record_word(to, i) = *warden_record_word(from, i);
	}
}

/* Reuse, case 3: the second record comes forward, but not its past. */
static void test_reuse_unblock_reaches_the_second_record(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = numbered(1);
	struct warden_set *set = f->table.sets[0];

	(void)warden_table_block(&f->table, &host, UINT32_MAX, 1,
				 WARDEN_MANUAL, 0, UNIT_NOW);
	assert_int_equal(set->records[0].key, host.key);
	record_copy(&set->records[3], &set->records[0]);
	assert_true(warden_table_unblock(&f->table, &host, UNIT_NOW));
	set->records[0].key = 0;
	assert_int_equal(warden_table_blocked_until(&f->table, &host, UNIT_NOW),
			 0);
}

static uint32_t tag_of(struct warden_record *record)
{
	return (uint32_t)(*warden_record_word(record, WARDEN_WORD_LAST) >> WARDEN_VALUE_BITS);
}

static void count_numbered(struct fixture *f, uint32_t number)
{
	struct warden_host host = numbered(number);

	(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
				 WARDEN_AUTH_FAILED, WARDEN_PROTOCOL_IMAP, NULL,
				 UNIT_NOW);
}

/* Reuse, once more: who updates a record that is taken away under his hands
   writes into another host's. Nobody may read that, not even the former owner
   when he gets the record again; a block written so ends with unblocking. */
static void test_reuse_late_update_counts_for_nobody(void **state)
{
	struct fixture *f = *state;
	struct warden_record *record = &f->table.sets[0]->records[0];
	struct warden_host old = numbered(1), new = numbered(2);
	struct warden_host_info i;
	uint32_t tag;

	count_numbered(f, 1);
	tag = tag_of(record);
	record->key = 0;
	count_numbered(f, 2);
	assert_int_equal(record->key, new.key);
	for (unsigned int w = 0; w < WARDEN_WORDS; w++)
		*warden_record_word(record, w) = warden_word_pack(tag, UINT64_MAX);
	(void)warden_table_read(&f->table, &new, &f->policy, UNIT_NOW, &i);
	assert_false(i.blocked || i.known);
	assert_true(i.points == 0.0 && i.offences == 0 && i.refused == 0);
	assert_false(warden_table_unblock(&f->table, &old, UNIT_NOW));

	/* new is evicted, old comes back */
	for (uint32_t n = 2; n <= WARDEN_SET_WAYS; n++)
		f->table.sets[0]->records[n - 1].key = numbered(n + 100).key;
	count_numbered(f, 1);
	assert_int_equal(record->key, old.key);
	(void)warden_table_read(&f->table, &old, &f->policy, UNIT_NOW, &i);
	assert_false(i.blocked || i.known);
	assert_true(i.points == 10.0 && i.offences == 0 && i.refused == 0);
}

/* Two claims of one host at the same moment: the other one's mark is there
   already, before or after our record, and its owner is killed. */
static void test_reuse_two_claims_leave_one(void **state)
{
	struct fixture *f = *state;
	struct warden_set *set = f->table.sets[0];
	struct warden_host host = numbered(1);
	unsigned int own = 0;
	uint64_t coming;

	count_numbered(f, 1);
	coming = warden_mark_pack(WARDEN_MARK_COMING, tag_of(&set->records[0]),
				  77);
	set->records[0].key = coming;
	set->records[1].key = numbered(2).key;
	set->records[7].key = coming + 1;
	count_numbered(f, 1);
	for (unsigned int n = 0; n < WARDEN_SET_WAYS; n++) {
		own += set->records[n].key == host.key;
		assert_int_not_equal(set->records[n].key, coming);
		assert_int_not_equal(set->records[n].key, coming + 1);
	}
	assert_int_equal(own, 1);
}

/* Killed between the two marks. */
static void test_record_marked_as_leaving_is_still_its_hosts(void **state)
{
	struct fixture *f = *state;
	struct warden_record *record = &f->table.sets[0]->records[0];
	struct warden_host host = numbered(1);
	uint64_t leaving;

	for (int i = 0; i < 10; i++)
		count_numbered(f, 1);
	leaving = warden_mark_pack(WARDEN_MARK_LEAVING, tag_of(record), 5);
	record->key = leaving;
	assert_int_not_equal(
		warden_table_blocked_until(&f->table, &host, UNIT_NOW), 0);
	assert_int_equal(record->key, leaving);
	/* nobody else gets it while something else could go */
	for (uint32_t n = 2; n <= 50; n++)
		count_numbered(f, n);
	assert_int_equal(record->key, leaving);
	warden_table_refused(&f->table, &host);
	assert_int_equal(record->key, host.key);
	assert_int_equal(info(f, "10.0.0.1", UNIT_NOW).refused, 1);
	record->key = leaving;
	assert_true(warden_table_unblock(&f->table, &host, UNIT_NOW));
	assert_int_equal(warden_table_blocked_until(&f->table, &host, UNIT_NOW),
			 0);
}

static void test_record_marked_as_coming_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct warden_record *record = &f->table.sets[0]->records[3];
	const uint64_t coming = warden_mark_pack(WARDEN_MARK_COMING, 0x1234, 5);
	struct warden_host host;

	record->key = coming;
	assert_int_equal(warden_table_expire(&f->table, &f->policy, UNIT_NOW),
			 1);
	assert_int_equal(record->key, 0);
	record->key = coming;
	for (uint32_t n = 1; n <= WARDEN_SET_WAYS; n++) {
		assert_int_equal(record->key, coming);
		host = numbered(n);
		assert_true(warden_table_block(&f->table, &host, UINT32_MAX, 1,
					       WARDEN_MANUAL, 0, UNIT_NOW));
	}
	assert_int_equal(record->key, host.key);
}

static void test_multicast_is_no_host(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("ffff:1:2:3::4");

	assert_false(warden_table_block(&f->table, &host, UINT32_MAX, 1,
					WARDEN_MANUAL, 0, UNIT_NOW));
	assert_false(warden_table_unblock(&f->table, &host, UNIT_NOW));
	for (int i = 0; i < 20; i++) {
		assert_false(warden_table_count(&f->table, &host, &f->policy,
						true, 1, WARDEN_AUTH_FAILED,
						WARDEN_PROTOCOL_IMAP, NULL,
						UNIT_NOW));
	}
	assert_int_equal(warden_table_blocked_until(&f->table, &host, UNIT_NOW),
			 0);
}

static void test_least_valuable_record_makes_room(void **state)
{
	struct fixture *f = *state;
	struct warden_host_info i;
	struct warden_host host;

	for (uint32_t n = 1; n <= WARDEN_SET_WAYS; n++) {
		host = numbered(n);
		(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL,
					 UNIT_NOW + n * UINT64_C(1000));
	}
	host = numbered(1); /* the oldest, but known */
	warden_table_success(&f->table, &host, false, UNIT_NOW);
	host = numbered(2); /* the next, but blocked */
	(void)warden_table_block(&f->table, &host, UINT32_MAX, 1,
				 WARDEN_MANUAL, 0, UNIT_NOW);
	host = numbered(100);
	(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
				 WARDEN_AUTH_FAILED, WARDEN_PROTOCOL_IMAP, NULL,
				 UNIT_NOW + 60000);
	assert_non_null(record_of(f, numbered(1).key));
	assert_non_null(record_of(f, numbered(2).key));
	assert_null(record_of(f, numbered(3).key));
	assert_non_null(record_of(f, numbered(100).key));
	(void)warden_table_read(&f->table, &host, &f->policy, UNIT_NOW + 60000,
				&i);
	assert_true(i.points == 10.0);
	assert_int_equal(f->table.header->evicted, 1);
}

static void test_host_blocked_by_hand_is_never_evicted(void **state)
{
	struct fixture *f = *state;
	struct warden_host host;

	for (uint32_t n = 1; n <= WARDEN_SET_WAYS; n++) {
		host = numbered(n);
		assert_true(warden_table_block(&f->table, &host, UINT32_MAX, 1,
					       WARDEN_MANUAL, 0, UNIT_NOW));
	}
	host = numbered(100);
	assert_false(warden_table_count(&f->table, &host, &f->policy, true, 1,
					WARDEN_AUTH_FAILED,
					WARDEN_PROTOCOL_IMAP, NULL, UNIT_NOW));
	assert_false(warden_table_block(&f->table, &host, UINT32_MAX, 1,
					WARDEN_MANUAL, 0, UNIT_NOW));
	assert_int_equal(f->table.header->set_full, 2);
	assert_int_equal(f->table.header->unwatched, 2);
	for (uint32_t n = 1; n <= WARDEN_SET_WAYS; n++) {
		host = numbered(n);
		assert_int_not_equal(warden_table_blocked_until(
					     &f->table, &host, UNIT_NOW),
				     0);
	}
}

/* Otherwise somebody with many addresses could fill the table with blocks of
   his own, and all others went unwatched. */
static void test_in_a_set_full_of_blocks_the_first_to_end_makes_room(
	void **state)
{
	struct fixture *f = *state;
	const uint32_t end = (uint32_t)(UNIT_NOW / 1000) + HOUR_SECS;
	struct warden_host host;

	for (uint32_t n = 1; n <= WARDEN_SET_WAYS; n++) {
		host = numbered(n);
		assert_true(warden_table_block(
			&f->table, &host, n == 3 ? end - 1 : end, 1,
			n == 1 ? WARDEN_MANUAL : WARDEN_AUTH_FAILED, 0,
			UNIT_NOW));
	}
	host = numbered(100);
	for (int i = 0; i < 10; i++) {
		(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL, UNIT_NOW);
	}
	assert_int_not_equal(
		warden_table_blocked_until(&f->table, &host, UNIT_NOW), 0);
	for (uint32_t n = 1; n <= WARDEN_SET_WAYS; n++) {
		host = numbered(n);
		assert_int_equal(warden_table_blocked_until(&f->table, &host,
							    UNIT_NOW) != 0,
				 n != 3);
	}
	assert_int_equal(f->table.header->set_full, 1);
	assert_int_equal(f->table.header->unwatched, 0);
}

static void test_ipv6_does_not_evict_ipv4(void **state)
{
	struct fixture *f = *state;
	struct warden_host v4 = numbered(1);

	(void)warden_table_count(&f->table, &v4, &f->policy, true, 1,
				 WARDEN_AUTH_FAILED, WARDEN_PROTOCOL_IMAP, NULL,
				 UNIT_NOW);
	for (uint64_t n = 1; n <= 1000; n++) {
		struct warden_host v6 = { .key = UINT64_C(0x20010db8) << 32 | n,
					  .family = WARDEN_INET6 };

		(void)warden_table_count(&f->table, &v6, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL, UNIT_NOW);
	}
	assert_non_null(record_of(f, v4.key));
}

/* --- A full table --------------------------------------------------------- */

#define RESIDENTS 64

/* The n-th host of somebody with 2001:db8::/32. */
static struct warden_host of_a_slash_32(uint32_t n)
{
	struct warden_host host = {
		.key = UINT64_C(0x20010db8) << 32 | n * UINT32_C(2654435761),
		.family = WARDEN_INET6,
	};
	return host;
}

/* A host of the n-th IPv4 /16; after all of them the next of each. */
static struct warden_host of_every_slash_16(uint32_t n)
{
	const uint32_t in_net = (n >> 16) + 1;
	struct warden_host host = { .key = (n & 0xffff) << 16 | in_net,
				    .family = WARDEN_INET };
	return host;
}

static struct warden_host resident(enum warden_family family, uint32_t n)
{
	struct warden_host host = { .key = 0xc0000000 + n, .family = family };

	if (family == WARDEN_INET6)
		host.key |= UINT64_C(0x20010db9) << 32;
	return host;
}

/* Hosts blocked before the attack, every second one by hand. */
static void residents_block(struct fixture *f, enum warden_family family)
{
	for (uint32_t n = 0; n < RESIDENTS; n++) {
		struct warden_host host = resident(family, n);

		assert_true(warden_table_block(
			&f->table, &host,
			(uint32_t)(UNIT_NOW / 1000) + HOUR_SECS, 1,
			n % 2 == 0 ? WARDEN_MANUAL : WARDEN_AUTH_FAILED, 0,
			UNIT_NOW));
	}
}

static unsigned int residents_blocked(struct fixture *f,
				      enum warden_family family, bool by_hand)
{
	unsigned int count = 0;

	for (uint32_t n = by_hand ? 0 : 1; n < RESIDENTS; n += 2) {
		struct warden_host host = resident(family, n);

		count += warden_table_blocked_until(&f->table, &host,
						    UNIT_NOW) != 0;
	}
	return count;
}

static uint64_t blocks_in_table(struct fixture *f, enum warden_family family)
{
	struct warden_host_info i;
	uint64_t index = 0, count = 0;

	while (warden_table_next(&f->table, &index, &f->policy, UNIT_NOW, &i))
		count += i.blocked && i.host.family == family;
	return count;
}

/* One failure of each of 100,000 hosts, then as many blocks. */
static void attack(struct fixture *f, enum warden_family family,
		   struct warden_host (*attacker)(uint32_t n))
{
	const uint64_t room = f->table.set_count[0] * WARDEN_SET_WAYS;
	unsigned int other = family == WARDEN_INET ? 1 : 0;
	size_t size = f->table.set_count[other] * sizeof(struct warden_set);
	void *before = test_malloc(size);
	uint64_t made = 0;

	residents_block(f, WARDEN_INET);
	residents_block(f, WARDEN_INET6);
	memcpy(before, f->table.sets[other], size);
	for (uint32_t n = 0; n < 100000; n++) {
		struct warden_host host = attacker(n);

		(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL,
					 UNIT_NOW + n);
	}
	/* every record is in use, and not one block is gone */
	assert_true(f->table.header->evicted >= 100000 - room);
	assert_int_equal(residents_blocked(f, family, true), RESIDENTS / 2);
	assert_int_equal(residents_blocked(f, family, false), RESIDENTS / 2);
	assert_int_equal(f->table.header->set_full, 0);

	for (uint32_t n = 0; n < 100000; n++) {
		struct warden_host host = attacker(n);
		uint64_t full = f->table.header->set_full;

		assert_true(warden_table_block(
			&f->table, &host,
			(uint32_t)(UNIT_NOW / 1000) + HOUR_SECS, 1,
			WARDEN_AUTH_FAILED, 0, UNIT_NOW));
		made += f->table.header->set_full == full;
	}
	/* each block that did not add to the others took the place of one, in
	   a set that held nothing else */
	assert_int_equal(blocks_in_table(f, family), room);
	assert_int_equal(made + RESIDENTS, room);
	assert_int_equal(residents_blocked(f, family, true), RESIDENTS / 2);
	assert_memory_equal(before, f->table.sets[other], size);
	test_free(before);
}

static void test_full_by_a_slash_32_of_ipv6(void **state)
{
	attack(*state, WARDEN_INET6, of_a_slash_32);
}

static void test_full_by_every_slash_16_of_ipv4(void **state)
{
	attack(*state, WARDEN_INET, of_every_slash_16);
}

/* Nothing but blocks by hand: who comes then cannot be watched, and that is
   counted. */
static void test_full_what_could_not_be_watched_is_counted(void **state)
{
	struct fixture *f = *state;
	struct warden_host host;
	struct warden_host_info i;
	uint64_t refused = 0;

	for (uint32_t n = 0; n < 20000; n++) {
		host = of_a_slash_32(n);
		refused += !warden_table_block(&f->table, &host, UINT32_MAX, 1,
					       WARDEN_MANUAL, 0, UNIT_NOW);
	}
	assert_int_equal(20000 - refused, WARDEN_TABLE_HOSTS_MIN / 2);
	assert_int_equal(f->table.header->unwatched, refused);
	assert_int_equal(f->table.header->set_full, refused);
	for (uint32_t n = 20000; n < 21000; n++) {
		host = of_a_slash_32(n);
		assert_false(warden_table_count(&f->table, &host, &f->policy,
						true, 1, WARDEN_AUTH_FAILED,
						WARDEN_PROTOCOL_IMAP, NULL,
						UNIT_NOW));
		assert_false(warden_table_read(&f->table, &host, &f->policy,
					       UNIT_NOW, &i));
	}
	assert_int_equal(f->table.header->unwatched, refused + 1000);
	/* IPv4 has its own room */
	host = numbered(1);
	assert_true(warden_table_block(&f->table, &host, UINT32_MAX, 1,
				       WARDEN_MANUAL, 0, UNIT_NOW));
}

static void test_expire_frees_what_is_empty_only(void **state)
{
	struct fixture *f = *state;
	struct warden_host failed = unit_host("192.0.2.1");
	struct warden_host known = unit_host("192.0.2.2");
	uint64_t later = UNIT_NOW + UINT64_C(1000) * HOUR_SECS * 48;

	(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	warden_table_success(&f->table, &known, false, UNIT_NOW);
	assert_int_equal(warden_table_expire(&f->table, &f->policy, UNIT_NOW),
			 0);
	assert_int_equal(warden_table_expire(&f->table, &f->policy, later), 1);
	assert_true(info(f, "192.0.2.2", later).known);
	assert_int_equal(info(f, "192.0.2.1", later).last_event, 0);
	(void)failed;
}

/* --- Untrusted bytes ------------------------------------------------------ */

static void test_geometry_that_does_not_fit(void **state)
{
	struct fixture *f = *state;
	struct warden_hosts_header *header = f->base;
	struct warden_table table;
	uint32_t geometry[4];
	size_t size = warden_table_size(WARDEN_TABLE_HOSTS_MIN, geometry);

	assert_true(warden_table_init(&table, f->base, size));
	assert_false(warden_table_init(&table, f->base, size - 1));
	assert_false(warden_table_init(&table, f->base, 16));
	header->file.geometry[WARDEN_GEOMETRY_INET_SETS]++;
	assert_false(warden_table_init(&table, f->base, size));
	header->file.geometry[WARDEN_GEOMETRY_INET_SETS] = UINT32_MAX;
	assert_false(warden_table_init(&table, f->base, size));
	header->file.geometry[WARDEN_GEOMETRY_INET_SETS] = 0;
	assert_false(warden_table_init(&table, f->base, size));
}

static void test_noise_in_every_word(void **state)
{
	struct fixture *f = *state;
	uint32_t geometry[4];
	size_t size = warden_table_size(WARDEN_TABLE_HOSTS_MIN, geometry);
	unsigned char *bytes = f->base;
	unsigned int seed = 20261122;
	struct warden_host_info i;
	struct warden_session session;
	uint64_t index = 0, walked = 0;

	print_message("seed %u\n", seed);
	for (size_t n = sizeof(struct warden_file_header); n < size; n++)
		bytes[n] = (unsigned char)rand_r(&seed);
	while (warden_table_next(&f->table, &index, &f->policy, UNIT_NOW, &i))
		walked++;
	assert_true(walked <= WARDEN_TABLE_HOSTS_MIN);
	for (uint32_t n = 1; n < 2000; n++) {
		struct warden_host host = numbered(n);

		(void)warden_table_count(&f->table, &host, &f->policy, true, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL, UNIT_NOW);
		(void)warden_table_blocked_until(&f->table, &host, UNIT_NOW);
		(void)warden_table_unblock(&f->table, &host, UNIT_NOW);
		(void)warden_table_session_open(&f->table, &host, 10, 0, 1,
						UNIT_NOW, &session);
		warden_table_session_close(&f->table, &session);
	}
	(void)warden_table_expire(&f->table, &f->policy, UNIT_NOW);
}

static void test_key_in_the_wrong_set_is_not_listed(void **state)
{
	struct fixture *f = *state;
	struct warden_host_info i;
	unsigned int seen = 0;
	uint64_t index = 0;

	/* the same foreign key everywhere: only its own set may show it */
	for (uint32_t s = 0; s < f->table.set_count[0]; s++)
		f->table.sets[0][s].records[0].key = 0xc0000201;
	(void)count(f, "192.0.2.1", WARDEN_AUTH_FAILED, UNIT_NOW);
	while (warden_table_next(&f->table, &index, &f->policy, UNIT_NOW, &i))
		seen++;
	assert_int_equal(seen, 1);
}

static unsigned int walk(struct fixture *f, struct warden_host_info *last_r)
{
	unsigned int seen = 0;
	uint64_t index = 0;
	struct warden_host_info i;

	while (warden_table_next(&f->table, &index, &f->policy, UNIT_NOW,
				 &i)) {
		*last_r = i;
		seen++;
	}
	return seen;
}

static void test_automatic_block_is_no_longer_than_the_policy(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_host_info i;

	(void)warden_table_block(&f->table, &host, UINT32_MAX, 1,
				 WARDEN_AUTH_FAILED, 0, UNIT_NOW);
	assert_int_equal(walk(f, &i), 1);
	assert_int_equal(i.blocked_until,
			 UNIT_NOW / 1000 + f->policy.block_time_max_secs);
}

static void test_hosts_of_other_prefixes_are_not_listed(void **state)
{
	struct fixture *f = *state;
	struct warden_host_info i;

	(void)count(f, "192.0.2.77", WARDEN_AUTH_FAILED, UNIT_NOW);
	(void)count(f, "2001:db8:1:2::1", WARDEN_AUTH_FAILED, UNIT_NOW);
	assert_int_equal(walk(f, &i), 2);
	f->policy.ipv4_prefix = 24;
	f->policy.ipv6_prefix = 56;
	assert_int_equal(walk(f, &i), 0);
}

static void test_made_up_keys_around_ipv4_are_not_listed(void **state)
{
	struct fixture *f = *state;
	struct warden_host_info i;
	const uint64_t keys[] = { 1, UINT64_C(0x0064ff9b00000000) };

	for (size_t n = 0; n < 2; n++) {
		struct warden_host host = { .key = keys[n],
					    .family = WARDEN_INET6 };

		(void)warden_table_block(&f->table, &host, UINT32_MAX, 1,
					 WARDEN_MANUAL, 0, UNIT_NOW);
	}
	assert_int_equal(walk(f, &i), 1);
	assert_int_equal(i.host.key, 1);
	f->policy.ipv6_prefix = 48;
	assert_int_equal(walk(f, &i), 0);
}

/* --- Totals --------------------------------------------------------------- */

static void test_totals_of_minute_and_hour(void **state)
{
	struct fixture *f = *state;
	struct warden_table *table = &f->table;
	uint64_t later = UNIT_NOW + 10 * 60 * 1000;

	for (int i = 0; i < 5; i++)
		warden_table_total_add(table, WARDEN_TOTAL_REFUSED_AUTH,
				       UNIT_NOW);
	warden_table_total_add(table, WARDEN_TOTAL_REFUSED_AUTH, later);
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_REFUSED_AUTH,
					    60, UNIT_NOW),
			 5);
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_REFUSED_AUTH,
					    60, later),
			 1);
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_REFUSED_AUTH,
					    3600, later),
			 6);
	/* the ring comes round: what was there is not counted again */
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_REFUSED_AUTH,
					    3600, later + 3700 * 1000),
			 0);
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_SUCCESS, 3600,
					    later),
			 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CASE_ONE_SET(test) \
	cmocka_unit_test_setup_teardown(test, setup_one_set, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_blocked_at_the_limit_not_before),
		CASE(test_unknown_users_weigh_double),
		CASE(test_one_attempt_a_minute_fills_the_slow_bucket),
		CASE(test_block_ends),
		CASE(test_block_is_never_too_short),
		CASE(test_blocks_double_up_to_the_cap),
		CASE(test_a_week_of_peace_is_forgiven),
		CASE(test_known_host_may_fail_four_times_as_much),
		CASE(test_many_names_weigh_more_than_many_tries),
		CASE(test_names_are_forgotten_after_a_day),
		CASE(test_many_users_may_fail_more),
		CASE(test_users_are_counted_over_known_time),
		CASE(test_shared_host_is_limited_unless_an_admin_blocks_it),
		CASE(test_network_of_a_known_host_is_trusted_a_little),
		CASE(test_new_64_for_each_try),
		CASE(test_crowd_that_a_stranger_wrote),
		CASE(test_last_events_of_a_host),
		CASE(test_patience_is_not_worth_it),
		CASE(test_known_time_runs_out),
		CASE(test_success_clears_points_only_when_told),
		CASE(test_thirty_idle_sessions_a_minute_are_free),
		CASE(test_nobody_is_blocked_without_policy),
		CASE(test_unblocked_host_starts_anew),
		CASE(test_block_without_end),
		CASE(test_refusals_are_counted_since_the_block_began),
		CASE_ONE_SET(test_reuse_former_owners_words_read_as_zero),
		CASE_ONE_SET(test_reuse_second_record_of_a_host_is_not_used),
		CASE_ONE_SET(test_reuse_unblock_reaches_the_second_record),
		CASE_ONE_SET(test_reuse_late_update_counts_for_nobody),
		CASE_ONE_SET(test_reuse_two_claims_leave_one),
		CASE_ONE_SET(test_record_marked_as_leaving_is_still_its_hosts),
		CASE_ONE_SET(test_record_marked_as_coming_is_not_lost),
		CASE_ONE_SET(test_multicast_is_no_host),
		CASE_ONE_SET(test_least_valuable_record_makes_room),
		CASE_ONE_SET(test_host_blocked_by_hand_is_never_evicted),
		CASE_ONE_SET(
			test_in_a_set_full_of_blocks_the_first_to_end_makes_room),
		CASE_ONE_SET(test_ipv6_does_not_evict_ipv4),
		CASE(test_full_by_a_slash_32_of_ipv6),
		CASE(test_full_by_every_slash_16_of_ipv4),
		CASE(test_full_what_could_not_be_watched_is_counted),
		CASE(test_expire_frees_what_is_empty_only),
		CASE(test_geometry_that_does_not_fit),
		CASE(test_noise_in_every_word),
		CASE(test_key_in_the_wrong_set_is_not_listed),
		CASE(test_automatic_block_is_no_longer_than_the_policy),
		CASE(test_hosts_of_other_prefixes_are_not_listed),
		CASE(test_made_up_keys_around_ipv4_are_not_listed),
		CASE(test_totals_of_minute_and_hour),
	};
	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
