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

static bool begin(struct fixture *f, struct warden_pending *pending,
		  uint64_t now)
{
	struct warden_net net = unit_net(HOST);

	return warden_pending_begin(
		       f->pam, unit_client_by(&net, WARDEN_PROTOCOL_SSH),
		       WARDEN_AUTH_FAILED, now, pending) == WARDEN_ADMITTED;
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
	warden_pending_succeed(f->pam, &pending, UNIT_NOW + 30000);
	assert_true(info(f, UNIT_NOW + 30000).points >= 45.0);
}

/* Whatever is added meanwhile and however long it takes: with an attempt that
   is taken back there is never less in the bucket than without it. */
static void a_bucket_never_holds_less_for_it(void **state)
{
	const uint32_t limit = 100, window_secs = 600;

	(void)state;
	unit_random_start();
	for (int round = 0; round < 20000; round++) {
		uint64_t now = UNIT_NOW, with = 0, without = 0, added, then;

		for (uint32_t n = unit_random_below(4); n > 0; n--)
			with = warden_bucket_add(with, now, 10, limit,
						 window_secs);
		without = with;
		now += unit_random_below(200000);
		then = now;
		with = warden_bucket_add(with, now, 20, limit, window_secs);
		added = warden_bucket_added(without, with, now);
		for (uint32_t n = unit_random_below(6); n > 0; n--) {
			now += unit_random_below(60000);
			with = warden_bucket_add(with, now, 10, limit,
						 window_secs);
			without = warden_bucket_add(without, now, 10, limit,
						    window_secs);
		}
		now += unit_random_below(200000);
		with = warden_bucket_take_back(with, now, then, added);
		assert_true(warden_bucket_points(with, now, limit,
						 window_secs) >=
			    warden_bucket_points(without, now, limit,
						 window_secs));
	}
}

static void noise_in_a_bucket_is_not_made_worse(void **state)
{
	const uint64_t noise = UINT64_C(1) << 40;

	(void)state;
	assert_int_equal(warden_bucket_added(noise, 1000, 500), 0);
	assert_int_equal(warden_bucket_take_back(0, 1000, 900, 500), 0);
	assert_int_equal(warden_bucket_take_back(1100, 1000, 900, 500), 0);
	assert_int_equal(warden_bucket_take_back(1500, 1000, 900, 500), 1100);
	assert_int_equal(warden_bucket_take_back(1500, 1000, 2000, 100), 1400);
}

static void exempt_hosts_and_silence_count_nothing(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net(HOST);
	struct warden_pending pending;

	for (int i = 0; i < 40; i++) {
		assert_int_equal(
			warden_pending_begin(f->pam, unit_client_at(&net, &net),
					     WARDEN_AUTH_FAILED, UNIT_NOW,
					     &pending),
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
		cmocka_unit_test(a_bucket_never_holds_less_for_it),
		cmocka_unit_test(noise_in_a_bucket_is_not_made_worse),
		WITH_FILES(exempt_hosts_and_silence_count_nothing),
		WITH_FILES(mode_off_counts_nothing),
		WITH_FILES(an_observer_refuses_nobody),
		WITH_FILES(nothing_is_taken_back_from_another_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
