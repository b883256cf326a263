/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit-client.h"
#include "unit-dir.h"
#include "unit-random.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden-bucket.h"
#include "warden-layout.h"
#include "warden.h"

#define HOST "192.0.2.1"

/* The service's handle publishes, login's asks, and each conversation with PAM
   has one of its own. */
struct fixture {
	void *dir;
	struct warden *service, *login, *pam;
	struct warden_policy policy;
};

static void publish(struct fixture *f, uint64_t now)
{
	warden_admin_heartbeat(f->service, 1, true, now);
	warden_admin_publish(f->service, &f->policy, now);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct warden_error error;

	if (unit_dir_setup(&f->dir) < 0)
		return -1;
	*state = f;
	f->service = warden_open(f->dir, WARDEN_ROLE_SERVICE,
				 WARDEN_TABLE_HOSTS_MIN, &error);
	f->login = warden_open(f->dir, WARDEN_ROLE_LOGIN, 0, &error);
	f->pam = warden_open(f->dir, WARDEN_ROLE_PAM, 0, &error);
	warden_policy_init_defaults(&f->policy);
	if (f->service == NULL || f->login == NULL || f->pam == NULL)
		return -1;
	publish(f, UNIT_NOW);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	warden_close(&f->service);
	warden_close(&f->login);
	warden_close(&f->pam);
	test_free(f);
	return unit_dir_teardown(&dir);
}

/* Who makes the attempts, and whether he is gone. */
static pid_t own_pid = 1000, dead_pid;

static bool begin(struct fixture *f, struct warden_pending *pending,
		  uint64_t now)
{
	struct warden_net net = unit_net(HOST);

	return warden_pending_begin(f->pam,
				    unit_client_by(&net, WARDEN_PROTOCOL_SSH),
				    WARDEN_AUTH_FAILED, own_pid, now,
				    pending) == WARDEN_ADMITTED;
}

/* Attempts of processes that were never heard of again. */
static void vanish(struct fixture *f, int times, uint64_t now)
{
	struct warden_pending pending;

	for (int i = 0; i < times; i++)
		assert_true(begin(f, &pending, now));
}

static bool guess_imap(struct fixture *f, uint64_t now)
{
	struct warden_net net = unit_net(HOST);

	return warden_count(f->login, unit_client(&net), WARDEN_AUTH_FAILED,
			    NULL, now);
}

static bool is_blocked(struct fixture *f, uint64_t now)
{
	struct warden_net net = unit_net(HOST);

	return warden_check(f->login, unit_client(&net), WARDEN_STAGE_ACCEPT,
			    now) == WARDEN_REFUSED_HOST;
}

static struct warden_host_info info(struct fixture *f, uint64_t now)
{
	struct warden_host host = unit_host(HOST);
	struct warden_host_info i;

	(void)warden_table_read(warden_admin_table(f->service), &host,
				&f->policy, now, &i);
	return i;
}

static uint64_t failures(struct fixture *f, uint64_t now)
{
	return warden_table_total(warden_admin_table(f->service),
				  (enum warden_total)WARDEN_AUTH_FAILED, 60,
				  now);
}

static void the_role_makes_no_file(void **state)
{
	struct warden_error error = { "" };
	char path[4096];

	assert_null(warden_open(*state, WARDEN_ROLE_PAM, 0, &error));
	assert_non_null(strstr(error.text, "policy"));
	(void)snprintf(path, sizeof(path), "%s/none", (const char *)*state);
	assert_null(warden_open(path, WARDEN_ROLE_PAM, 0, &error));
	assert_int_equal(access(path, F_OK), -1);
}

static void what_fails_is_counted_once(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	assert_true(begin(f, &pending, UNIT_NOW));
	assert_false(warden_pending_fail(f->pam, &pending, UNIT_NOW));
	assert_false(warden_pending_fail(f->pam, &pending, UNIT_NOW));
	assert_true(info(f, UNIT_NOW).points > 9.9);
	assert_true(info(f, UNIT_NOW).points < 10.1);
	assert_int_equal(info(f, UNIT_NOW).last_class, WARDEN_AUTH_FAILED);
	assert_int_equal(info(f, UNIT_NOW).last_protocol, WARDEN_PROTOCOL_SSH);
	assert_int_equal(failures(f, UNIT_NOW), 1);
}

static void what_succeeds_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	for (int i = 0; i < 500; i++) {
		assert_true(begin(f, &pending, UNIT_NOW));
		warden_pending_succeed(f->pam, &pending, UNIT_NOW + 5);
	}
	assert_false(is_blocked(f, UNIT_NOW));
	assert_true(info(f, UNIT_NOW).points == 0.0);
	assert_true(info(f, UNIT_NOW).slow_points == 0.0);
	assert_int_equal(info(f, UNIT_NOW).last_class, WARDEN_CLASS_NONE);
	assert_int_equal(failures(f, UNIT_NOW), 0);
}

/* The right password at the last moment is right. */
static void the_attempt_that_reaches_the_limit_may_succeed(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	vanish(f, 9, UNIT_NOW);
	assert_true(begin(f, &pending, UNIT_NOW));
	assert_false(is_blocked(f, UNIT_NOW));
	warden_pending_succeed(f->pam, &pending, UNIT_NOW);
	assert_true(begin(f, &pending, UNIT_NOW));
	assert_false(is_blocked(f, UNIT_NOW));
}

static void the_attempt_that_reaches_the_limit_and_fails_blocks(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	vanish(f, 9, UNIT_NOW);
	assert_true(begin(f, &pending, UNIT_NOW));
	assert_true(warden_pending_fail(f->pam, &pending, UNIT_NOW));
	assert_true(is_blocked(f, UNIT_NOW));
	assert_int_equal(info(f, UNIT_NOW).reason, WARDEN_AUTH_FAILED);
	assert_int_equal(info(f, UNIT_NOW).offences, 1);
}

/* However many there are at once, and nobody lives to tell what became. */
static void no_more_than_the_limit_are_let_in(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	vanish(f, 10, UNIT_NOW);
	assert_false(begin(f, &pending, UNIT_NOW));
	assert_true(pending.host.key == 0);
	assert_true(is_blocked(f, UNIT_NOW));
}

static void after_a_block_a_host_starts_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t later = UNIT_NOW + UINT64_C(1801) * 1000;
	struct warden_pending pending = { 0 };

	f->policy.fail_window_secs = 24 * 3600;
	publish(f, UNIT_NOW);
	vanish(f, 10, UNIT_NOW);
	assert_false(begin(f, &pending, UNIT_NOW));
	publish(f, later);
	assert_false(is_blocked(f, later));
	assert_true(begin(f, &pending, later));
	assert_false(warden_pending_fail(f->pam, &pending, later));
	assert_false(is_blocked(f, later));
}

static void an_older_last_event_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	uint64_t later = UNIT_NOW + UINT64_C(1801) * 1000;
	struct warden_pending pending;

	vanish(f, 10, UNIT_NOW);
	assert_false(begin(f, &pending, UNIT_NOW));
	publish(f, later);
	/* a guesser who has one good password after his block */
	for (int i = 0; i < 8; i++) {
		assert_true(begin(f, &pending, later));
		assert_false(guess_imap(f, later));
		warden_pending_succeed(f->pam, &pending, later);
	}
	assert_false(guess_imap(f, later));
	assert_true(guess_imap(f, later));
}

static void what_others_failed_is_not_washed_away(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	assert_true(begin(f, &pending, UNIT_NOW));
	for (int i = 0; i < 5; i++)
		assert_false(guess_imap(f, UNIT_NOW));
	warden_pending_succeed(f->pam, &pending, UNIT_NOW);
	warden_pending_succeed(f->pam, &pending, UNIT_NOW);
	assert_true(info(f, UNIT_NOW).points > 49.9);
}

#define LIMIT 100
#define WINDOW_SECS 600
#define POINTS 10
#define POINTS_MS (WINDOW_SECS * 1000 / LIMIT * POINTS)
enum { WAITING_MAX = 16 };

struct waiting {
	uint64_t empty_at, now;
	uint64_t added[WAITING_MAX];
	unsigned int count;
};

static bool bucket_begin(struct waiting *w)
{
	uint64_t before = w->empty_at;

	if (w->count == WAITING_MAX ||
	    warden_bucket_reaches(before, w->now, LIMIT, LIMIT, WINDOW_SECS))
		return false;
	w->empty_at = warden_bucket_add(before, w->now, POINTS, LIMIT,
					WINDOW_SECS);
	w->added[w->count++] =
		warden_bucket_added(before, w->empty_at, w->now);
	return true;
}

static void bucket_succeed(struct waiting *w)
{
	unsigned int which;

	if (w->count == 0)
		return;
	which = unit_random_below(w->count);
	w->empty_at = warden_bucket_take_back(w->empty_at, w->now,
					      w->added[which]);
	w->added[which] = w->added[--w->count];
}

/* However they overlap, and whatever drains meanwhile. */
static void nothing_is_left_of_those_that_all_succeed(void **state)
{
	struct waiting w = { .now = UNIT_NOW };

	(void)state;
	unit_random_start();
	for (int i = 0; i < 200000; i++) {
		w.now += unit_random_below(30000);
		if (w.count < 9 && unit_random_below(2) == 0)
			assert_true(bucket_begin(&w));
		else
			bucket_succeed(&w);
		assert_true(w.count > 0 || w.empty_at <= w.now);
	}
}

/* Somebody who has a good password and uses it as he likes between his
   guesses: in no time more than twice the limit and what drains in it. */
static void who_succeeds_between_cannot_fail_without_a_bound(void **state)
{
	unit_random_start();
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct waiting w = { .now = UNIT_NOW };
		uint32_t greed = 1 + unit_random_below(8);
		uint64_t failed = 0;

		for (int i = 0; i < 3000; i++) {
			w.now += unit_random_below(60000);
			if (unit_random_below(8) < greed && bucket_begin(&w)) {
				if (unit_random_below(2) == 0) {
					w.count--;
					failed += POINTS_MS;
				}
			} else {
				bucket_succeed(&w);
			}
			assert_true(failed <=
				    2 * WINDOW_SECS * 1000 + POINTS_MS +
					    (w.now - UNIT_NOW));
		}
	}
}

static void noise_in_a_bucket_is_not_made_worse(void **state)
{
	const uint64_t noise = UINT64_C(1) << 40;

	(void)state;
	assert_int_equal(warden_bucket_added(noise, 1000, 500), 0);
	assert_int_equal(warden_bucket_take_back(0, 1000, 500), 0);
	assert_int_equal(warden_bucket_take_back(1100, 1000, 500), 0);
	assert_int_equal(warden_bucket_take_back(1600, 1000, 500), 1100);
}

static void exempt_hosts_and_silence_count_nothing(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net(HOST);
	struct warden_pending pending;

	for (int i = 0; i < 40; i++) {
		assert_int_equal(
			warden_pending_begin(f->pam, unit_client_at(&net, &net),
					     WARDEN_AUTH_FAILED, own_pid,
					     UNIT_NOW, &pending),
			WARDEN_ADMITTED);
		assert_true(pending.host.key == 0);
	}
	vanish(f, 40, UNIT_NOW + UINT64_C(1000) *
				 (WARDEN_HEARTBEAT_MAX_SECS + 1));
	assert_int_equal(failures(f, UNIT_NOW), 0);
	assert_false(is_blocked(f, UNIT_NOW));
}

static void mode_off_counts_nothing(void **state)
{
	struct fixture *f = *state;

	f->policy.mode = WARDEN_MODE_OFF;
	publish(f, UNIT_NOW);
	vanish(f, 40, UNIT_NOW);
	assert_int_equal(failures(f, UNIT_NOW), 0);
}

static void an_observer_refuses_nobody(void **state)
{
	struct fixture *f = *state;
	struct warden_table *table = warden_admin_table(f->service);

	warden_set_observe(f->pam);
	vanish(f, 12, UNIT_NOW);
	assert_true(is_blocked(f, UNIT_NOW));
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_WOULD_REFUSE,
					    60, UNIT_NOW),
			 2);
	assert_int_equal(warden_table_total(table, WARDEN_TOTAL_REFUSED_AUTH,
					    60, UNIT_NOW),
			 0);
}

/* Its points were never in the table that took the place of the old one. */
static void nothing_is_taken_back_from_another_table(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	vanish(f, 3, UNIT_NOW);
	assert_true(begin(f, &pending, UNIT_NOW));
	pending.hosts_serial++;
	warden_pending_succeed(f->pam, &pending, UNIT_NOW);
	assert_true(info(f, UNIT_NOW).points > 39.9);
	assert_true(pending.host.key == 0);
}

/* --- What the service settles --------------------------------------------- */

static unsigned int asked;

static bool is_dead(pid_t pid, uint32_t start_secs)
{
	(void)start_secs;
	assert_true(pid > 0);
	asked++;
	return pid == dead_pid;
}

static uint32_t settle_gone(struct fixture *f, uint64_t now)
{
	asked = 0;
	return warden_table_pendings_settle(warden_admin_table(f->service),
					    &f->policy, is_dead, now);
}

static unsigned int slots_taken(struct fixture *f)
{
	struct warden_hosts_header *header =
		warden_admin_table(f->service)->header;
	unsigned int count = 0;

	for (int i = 0; i < WARDEN_PENDING_SLOTS; i++)
		count += atomic_load(&header->pendings[i].owner) != 0;
	return count;
}

static void whoever_dies_at_the_limit_is_blocked(void **state)
{
	struct fixture *f = *state;

	dead_pid = 0;
	vanish(f, 10, UNIT_NOW);
	assert_int_equal(settle_gone(f, UNIT_NOW + 200), 0);
	assert_false(is_blocked(f, UNIT_NOW + 200));
	assert_int_equal(slots_taken(f), 10);
	dead_pid = own_pid;
	assert_int_equal(settle_gone(f, UNIT_NOW + 400), 1);
	assert_true(is_blocked(f, UNIT_NOW + 400));
	assert_int_equal(info(f, UNIT_NOW + 400).offences, 1);
	assert_int_equal(slots_taken(f), 0);
	assert_int_equal(settle_gone(f, UNIT_NOW + 600), 0);
}

static void whoever_dies_below_the_limit_is_not_blocked(void **state)
{
	struct fixture *f = *state;

	dead_pid = own_pid;
	vanish(f, 9, UNIT_NOW);
	assert_int_equal(settle_gone(f, UNIT_NOW), 0);
	assert_int_equal(slots_taken(f), 0);
	assert_false(is_blocked(f, UNIT_NOW));
	assert_true(info(f, UNIT_NOW).points > 89.9);
}

/* sshd begins the next attempt as soon as the child of the last one is gone;
   the one under way has the right password. */
static void a_death_beside_an_attempt_under_way_blocks_nobody_yet(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	dead_pid = own_pid;
	vanish(f, 9, UNIT_NOW);
	own_pid++;
	assert_true(begin(f, &pending, UNIT_NOW));
	assert_int_equal(settle_gone(f, UNIT_NOW), 0);
	assert_int_equal(slots_taken(f), 1);
	assert_false(is_blocked(f, UNIT_NOW));
	warden_pending_succeed(f->pam, &pending, UNIT_NOW);
	assert_int_equal(slots_taken(f), 0);
	assert_int_equal(settle_gone(f, UNIT_NOW), 0);
	assert_true(begin(f, &pending, UNIT_NOW));
	dead_pid = own_pid--;
	assert_int_equal(settle_gone(f, UNIT_NOW), 1);
	assert_true(is_blocked(f, UNIT_NOW));
}

static void whoever_says_nothing_has_failed_when_his_time_is_over(void **state)
{
	struct fixture *f = *state;
	uint64_t later = UNIT_NOW + WARDEN_PENDING_MAX_SECS * UINT64_C(1000);

	dead_pid = 0;
	f->policy.fail_window_secs = 24 * 3600;
	publish(f, UNIT_NOW);
	vanish(f, 10, UNIT_NOW);
	assert_int_equal(settle_gone(f, later - 1000), 0);
	assert_int_equal(asked, 10);
	publish(f, later);
	assert_int_equal(settle_gone(f, later), 1);
	assert_int_equal(asked, 0);
	assert_true(is_blocked(f, later));
}

static void an_attempt_that_was_heard_of_is_not_looked_for(void **state)
{
	struct fixture *f = *state;
	struct warden_pending pending;

	for (int i = 0; i < 9; i++) {
		assert_true(begin(f, &pending, UNIT_NOW));
		assert_int_equal(slots_taken(f), 1);
		assert_false(warden_pending_fail(f->pam, &pending, UNIT_NOW));
		assert_int_equal(slots_taken(f), 0);
	}
	assert_int_equal(settle_gone(f, UNIT_NOW), 0);
	assert_int_equal(asked, 0);
}

/* All are taken by others: then it is settled by the next attempt. */
static void without_a_slot_it_is_as_it_was_without_slots(void **state)
{
	struct fixture *f = *state;
	struct warden_hosts_header *header =
		warden_admin_table(f->service)->header;
	struct warden_pending pending;
	uint64_t later = UNIT_NOW + WARDEN_PENDING_MAX_SECS * UINT64_C(1000);

	dead_pid = own_pid;
	for (uint64_t i = 0; i < WARDEN_PENDING_SLOTS; i++) {
		atomic_store(&header->pendings[i].owner,
			     (i + 5) << 32 | UNIT_NOW / 1000);
	}
	assert_true(begin(f, &pending, UNIT_NOW));
	assert_true(pending.owner == 0);
	assert_int_equal(slots_taken(f), WARDEN_PENDING_SLOTS);
	assert_false(warden_pending_fail(f->pam, &pending, UNIT_NOW));
	assert_int_equal(slots_taken(f), WARDEN_PENDING_SLOTS);
	publish(f, later);
	assert_true(begin(f, &pending, later));
	assert_true(pending.owner != 0);
	assert_int_equal(slots_taken(f), WARDEN_PENDING_SLOTS);
}

/* By a login process that is an attacker's. */
static void noise_in_the_slots_blocks_nobody(void **state)
{
	struct fixture *f = *state;
	struct warden_hosts_header *header =
		warden_admin_table(f->service)->header;

	unit_random_start();
	dead_pid = 0;
	vanish(f, 5, UNIT_NOW);
	for (int i = 0; i < WARDEN_PENDING_SLOTS; i++) {
		struct warden_pending_slot *slot = &header->pendings[i];

		atomic_store(&slot->owner,
			     (uint64_t)unit_random_below(UINT32_MAX) << 32 |
				     unit_random_below(UINT32_MAX));
		atomic_store(&slot->key, unit_random_below(2) == 0 ?
						 unit_host(HOST).key :
						 UINT64_MAX);
		atomic_store(&slot->family, unit_random_below(8));
	}
	assert_int_equal(settle_gone(f, UNIT_NOW), 0);
	assert_true(asked <= WARDEN_PENDING_SLOTS);
	assert_false(is_blocked(f, UNIT_NOW));
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_role_makes_no_file,
						unit_dir_setup,
						unit_dir_teardown),
		WITH_FILES(what_fails_is_counted_once),
		WITH_FILES(what_succeeds_leaves_nothing),
		WITH_FILES(the_attempt_that_reaches_the_limit_may_succeed),
		WITH_FILES(the_attempt_that_reaches_the_limit_and_fails_blocks),
		WITH_FILES(no_more_than_the_limit_are_let_in),
		WITH_FILES(after_a_block_a_host_starts_anew),
		WITH_FILES(an_older_last_event_does_not_come_back),
		WITH_FILES(what_others_failed_is_not_washed_away),
		cmocka_unit_test(nothing_is_left_of_those_that_all_succeed),
		cmocka_unit_test(
			who_succeeds_between_cannot_fail_without_a_bound),
		cmocka_unit_test(noise_in_a_bucket_is_not_made_worse),
		WITH_FILES(exempt_hosts_and_silence_count_nothing),
		WITH_FILES(mode_off_counts_nothing),
		WITH_FILES(an_observer_refuses_nobody),
		WITH_FILES(nothing_is_taken_back_from_another_table),
		WITH_FILES(whoever_dies_at_the_limit_is_blocked),
		WITH_FILES(whoever_dies_below_the_limit_is_not_blocked),
		WITH_FILES(
			a_death_beside_an_attempt_under_way_blocks_nobody_yet),
		WITH_FILES(
			whoever_says_nothing_has_failed_when_his_time_is_over),
		WITH_FILES(an_attempt_that_was_heard_of_is_not_looked_for),
		WITH_FILES(without_a_slot_it_is_as_it_was_without_slots),
		WITH_FILES(noise_in_the_slots_blocks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
