/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include <pthread.h>
#include <unistd.h>

#include "unit.h"
#include "warden-table.h"
#include "warden.h"

#define LIMIT 10
#define PID 4711

struct fixture {
	struct warden_table table;
	void *base;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	uint32_t geometry[4];
	size_t size = warden_table_size(WARDEN_TABLE_HOSTS_MIN, geometry);
	struct warden_hosts_header *header;

	f->base = aligned_alloc(64, size);
	if (f->base == NULL)
		return -1;
	memset(f->base, 0, size);
	header = f->base;
	memcpy(header->file.geometry, geometry, sizeof(geometry));
	header->file.hash_key[0] = 1;
	*state = f;
	return warden_table_init(&f->table, f->base, size) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->base);
	test_free(f);
	return 0;
}

static bool dead_is_4711(pid_t pid, uint32_t start_secs)
{
	assert_int_equal(start_secs, UNIT_NOW / 1000);
	return pid == PID;
}

static int open_one(struct fixture *f, const char *host, uint64_t now,
		    struct warden_session *session_r)
{
	struct warden_host h = unit_host(host);

	return warden_table_session_open(&f->table, &h, LIMIT, 0, PID, now,
					 session_r);
}

static int open_in_network(struct fixture *f, const char *host, uint32_t limit,
			   struct warden_session *session_r)
{
	struct warden_host h = unit_host(host);

	return warden_table_session_open(&f->table, &h, 0, limit, PID, UNIT_NOW,
					 session_r);
}

static uint32_t sessions(struct fixture *f, const char *host, uint64_t now)
{
	struct warden_host h = unit_host(host);

	return warden_table_sessions(&f->table, &h, now);
}

static void test_limit_is_reached_and_released(void **state)
{
	struct fixture *f = *state;
	struct warden_session held[LIMIT], more;

	for (int i = 0; i < LIMIT; i++)
		assert_int_equal(open_one(f, "192.0.2.1", UNIT_NOW, &held[i]),
				 1);
	assert_int_equal(open_one(f, "192.0.2.1", UNIT_NOW, &more), 0);
	assert_int_equal(more.slot, 0);
	assert_int_equal(sessions(f, "192.0.2.1", UNIT_NOW), LIMIT);
	assert_int_equal(open_one(f, "192.0.2.2", UNIT_NOW, &more), 1);
	warden_table_session_close(&f->table, &held[3]);
	assert_int_equal(held[3].slot, 0);
	assert_int_equal(open_one(f, "192.0.2.1", UNIT_NOW, &more), 1);
}

static void network_holds(struct fixture *f, const char *const hosts[3],
			  const char *outside)
{
	struct warden_session held[3], more;

	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(open_in_network(f, hosts[i], 3, &held[i]), 1);
	assert_int_equal(open_in_network(f, hosts[0], 3, &more), 0);
	assert_int_equal(more.slot, 0);
	assert_int_equal(more.network_slot, 0);
	/* what was refused left nothing */
	assert_int_equal(sessions(f, hosts[0], UNIT_NOW), 1);
	assert_int_equal(open_in_network(f, outside, 3, &more), 1);
	/* whoever is not counted there is not refused for it */
	assert_int_equal(open_in_network(f, hosts[0], 0, &more), 1);
	assert_int_equal(more.network_slot, 0);
	warden_table_session_close(&f->table, &held[1]);
	assert_int_equal(open_in_network(f, hosts[2], 3, &more), 1);
	assert_int_equal(open_in_network(f, hosts[1], 3, &more), 0);
}

static void test_hosts_of_a_network_have_a_limit_together(void **state)
{
	static const char *const inet[] = { "192.0.2.1", "192.0.2.2",
					    "192.0.2.255" };
	static const char *const inet6[] = { "2001:db8:1::1", "2001:db8:1:2::1",
					     "2001:db8:1:ffff::1" };

	network_holds(*state, inet, "192.0.3.1");
	network_holds(*state, inet6, "2001:db8:2::1");
	/* all of them as sessions of hosts, once */
	assert_int_equal(warden_table_sessions_total(
				 &((struct fixture *)*state)->table, UNIT_NOW),
			 2 * 5);
}

static void test_sessions_of_networks_are_reaped_too(void **state)
{
	struct fixture *f = *state;
	struct warden_session session, more;
	uint32_t cursor = 0;

	assert_int_equal(open_in_network(f, "192.0.2.1", 1, &session), 1);
	assert_int_equal(open_in_network(f, "192.0.2.2", 1, &more), 0);
	assert_int_equal(warden_table_sessions_reap(&f->table, dead_is_4711,
						    &cursor, UNIT_NOW),
			 2);
	assert_int_equal(open_in_network(f, "192.0.2.2", 1, &more), 1);
}

static void test_closing_twice_frees_one(void **state)
{
	struct fixture *f = *state;
	struct warden_session first, second, copy;

	(void)open_one(f, "192.0.2.1", UNIT_NOW, &first);
	copy = first;
	warden_table_session_close(&f->table, &first);
	(void)open_one(f, "192.0.2.1", UNIT_NOW + 1000, &second);
	warden_table_session_close(&f->table, &first);
	warden_table_session_close(&f->table, &copy);
	assert_int_equal(sessions(f, "192.0.2.1", UNIT_NOW + 1000), 1);
}

static void test_leaked_sessions_stop_counting(void **state)
{
	struct fixture *f = *state;
	struct warden_session session;
	uint64_t later =
		UNIT_NOW + (WARDEN_SESSION_MAX_SECS + 1) * UINT64_C(1000);

	for (int i = 0; i < LIMIT; i++)
		(void)open_one(f, "192.0.2.1", UNIT_NOW, &session);
	assert_int_equal(open_one(f, "192.0.2.1", later - 2000, &session), 0);
	assert_int_equal(open_one(f, "192.0.2.1", later, &session), 1);
	assert_int_equal(sessions(f, "192.0.2.1", later), 1);
}

static void test_same_number_of_both_families_is_two_hosts(void **state)
{
	struct fixture *f = *state;
	struct warden_host v4 = { .key = 0xc0000201, .family = WARDEN_INET };
	struct warden_host v6 = { .key = 0xc0000201, .family = WARDEN_INET6 };
	struct warden_session session;

	(void)warden_table_session_open(&f->table, &v4, 0, 0, PID, UNIT_NOW,
					&session);
	assert_int_equal(warden_table_sessions(&f->table, &v6, UNIT_NOW), 0);
	assert_int_equal(warden_table_sessions_total(&f->table, UNIT_NOW), 1);
}

static void test_full_bucket_lets_in_uncounted(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_session session;

	for (int i = 0; i < WARDEN_SESSION_BUCKET_SLOTS; i++) {
		assert_int_equal(warden_table_session_open(&f->table, &host, 0,
							   0, PID, UNIT_NOW,
							   &session),
				 1);
	}
	assert_int_equal(warden_table_session_open(&f->table, &host, 0, 0, PID,
						   UNIT_NOW, &session),
			 -1);
	assert_int_equal(session.slot, 0);
	assert_int_equal(f->table.header->bucket_full, 1);
}

static void test_sessions_of_dead_processes_are_reaped(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_session session;
	uint32_t cursor = 0;

	(void)open_one(f, "192.0.2.1", UNIT_NOW, &session);
	(void)warden_table_session_open(&f->table, &host, 0, 0, PID + 1,
					UNIT_NOW, &session);
	assert_int_equal(warden_table_sessions_reap(&f->table, dead_is_4711,
						    &cursor, UNIT_NOW),
			 1);
	assert_int_equal(sessions(f, "192.0.2.1", UNIT_NOW), 1);
}

static bool dead_is_everybody(pid_t pid, uint32_t start_secs)
{
	(void)pid;
	(void)start_secs;
	return true;
}

static void test_owner_not_written_yet_is_not_reaped(void **state)
{
	struct fixture *f = *state;
	struct warden_session session;
	struct warden_session_bucket *bucket;
	uint32_t cursor = 4711;

	(void)open_one(f, "192.0.2.1", UNIT_NOW, &session);
	bucket = &f->table.buckets[session.bucket];
	/* what stands there is the owner of an earlier session */
	bucket->owners[session.index] = (uint64_t)PID << 32 | 1;
	assert_int_equal(warden_table_sessions_reap(&f->table,
						    dead_is_everybody,
						    &cursor, UNIT_NOW),
			 0);
}

static unsigned int times_asked;

static bool dead_is_nobody(pid_t pid, uint32_t start_secs)
{
	(void)pid;
	(void)start_secs;
	times_asked++;
	return false;
}

/* A stranger names a process for every slot: each call asks for some, and all
   have their turn. */
static void test_reaping_a_table_full_of_lies_is_bounded(void **state)
{
	struct fixture *f = *state;
	const unsigned int slots =
		WARDEN_SESSION_BUCKETS * WARDEN_SESSION_BUCKET_SLOTS;
	const uint64_t start = UNIT_NOW / 1000;
	uint32_t cursor = UINT32_MAX;

	for (unsigned int i = 0; i < slots; i++) {
		struct warden_session_bucket *bucket =
			&f->table.buckets[i / WARDEN_SESSION_BUCKET_SLOTS];

		bucket->slots[i % WARDEN_SESSION_BUCKET_SLOTS] =
			UINT64_C(7) << 32 | start;
		bucket->owners[i % WARDEN_SESSION_BUCKET_SLOTS] =
			UINT64_C(1) << 32 | start;
	}
	times_asked = 0;
	(void)warden_table_sessions_reap(&f->table, dead_is_nobody, &cursor,
					 UNIT_NOW);
	assert_int_equal(times_asked, WARDEN_SESSION_REAP_MAX);
	times_asked = 0;
	for (unsigned int i = 0; i < slots / WARDEN_SESSION_REAP_MAX; i++) {
		(void)warden_table_sessions_reap(
			&f->table,
			i == 0 ? dead_is_nobody : dead_is_everybody, &cursor,
			UNIT_NOW);
	}
	(void)warden_table_sessions_reap(&f->table, dead_is_everybody, &cursor,
					 UNIT_NOW);
	assert_int_equal(warden_table_sessions_total(&f->table, UNIT_NOW), 0);
}

static void test_session_from_the_future_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct warden_session session;

	(void)open_one(f, "192.0.2.1", UNIT_NOW + 100000, &session);
	assert_int_equal(sessions(f, "192.0.2.1", UNIT_NOW), 0);
}

static void test_handle_with_bad_indexes(void **state)
{
	struct fixture *f = *state;
	struct warden_session session = { .slot = 1,
					  .bucket = UINT32_MAX,
					  .index = UINT32_MAX };

	warden_table_session_close(&f->table, &session);
	assert_int_equal(session.slot, 0);
}

/* --- Many at once --------------------------------------------------------- */

#define THREADS 8
#define ROUNDS 2000

static _Atomic int race_holding, race_most;

static void *race_open_and_close(void *context)
{
	struct fixture *f = context;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_session session;

	for (int i = 0; i < ROUNDS; i++) {
		int holding;

		if (warden_table_session_open(&f->table, &host, 3, 0, PID,
					      UNIT_NOW, &session) != 1)
			continue;
		holding = atomic_fetch_add(&race_holding, 1) + 1;
		if (holding > atomic_load(&race_most))
			atomic_store(&race_most, holding);
		atomic_fetch_sub(&race_holding, 1);
		warden_table_session_close(&f->table, &session);
	}
	return NULL;
}

static void test_racing_processes_never_exceed_the_limit(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
						race_open_and_close, f),
				 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_uint_in_range(atomic_load(&race_most), 1, 3);
	assert_int_equal(sessions(f, "192.0.2.1", UNIT_NOW), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_limit_is_reached_and_released),
		CASE(test_hosts_of_a_network_have_a_limit_together),
		CASE(test_sessions_of_networks_are_reaped_too),
		CASE(test_closing_twice_frees_one),
		CASE(test_leaked_sessions_stop_counting),
		CASE(test_same_number_of_both_families_is_two_hosts),
		CASE(test_full_bucket_lets_in_uncounted),
		CASE(test_sessions_of_dead_processes_are_reaped),
		CASE(test_owner_not_written_yet_is_not_reaped),
		CASE(test_reaping_a_table_full_of_lies_is_bounded),
		CASE(test_session_from_the_future_is_not_there),
		CASE(test_handle_with_bad_indexes),
		CASE(test_racing_processes_never_exceed_the_limit),
	};
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
