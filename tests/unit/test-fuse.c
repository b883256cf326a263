/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The fuse, as login processes, auth and the service have it. */

#include "unit-client.h"
#include "unit-dir.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden-fuse.h"

#define TABLE_HOSTS WARDEN_TABLE_HOSTS_MIN

struct fixture {
	void *dir;
	struct warden *service, *auth;
	struct warden_policy policy;
	struct warden_fuse fuse;
	uint64_t now;
	enum warden_class class; /* how all fail */
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct warden_error error;

	if (unit_dir_setup(&f->dir) < 0)
		return -1;
	*state = f;
	f->now = UNIT_NOW;
	f->class = WARDEN_USER_UNKNOWN;
	f->service =
		warden_open(f->dir, WARDEN_ROLE_SERVICE, TABLE_HOSTS, &error);
	f->auth = warden_open(f->dir, WARDEN_ROLE_AUTH, 0, &error);
	if (f->service == NULL || f->auth == NULL)
		return -1;
	warden_policy_init_defaults(&f->policy);
	warden_admin_publish(f->service, &f->policy, f->now);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	warden_close(&f->service);
	warden_close(&f->auth);
	test_free(f);
	return unit_dir_teardown(&dir);
}

/* What the keeper does at each tick. Returns whether something changed. */
static bool tick(struct fixture *f)
{
	bool changed;

	warden_admin_heartbeat(f->service, 1, false, f->now);
	changed = warden_fuse_look(&f->fuse, warden_admin_table(f->service),
				   f->now);
	warden_admin_set_fuse(f->service,
			      f->fuse.blown ? (uint32_t)(f->fuse.until / 1000) :
					      0);
	return changed;
}

static struct warden_net host_net(unsigned int number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "192.0.%u.%u", 2 + number / 200,
		       1 + number % 200);
	return unit_net(text);
}

static void log_in(struct fixture *f, unsigned int number)
{
	struct warden_net net = host_net(number);

	warden_success(f->auth, unit_client(&net), "user", f->now);
}

/* Returns whether it was blocked for it. */
static bool fail_once(struct fixture *f, unsigned int number)
{
	struct warden_net net = host_net(number);

	return warden_count(f->auth, unit_client(&net), f->class,
			    f->class == WARDEN_TLS_FAILED ? NULL : "user",
			    f->now);
}

static void fail_until_blocked(struct fixture *f, unsigned int number)
{
	bool blocked = false;

	for (int i = 0; i < 100 && !blocked; i++)
		blocked = fail_once(f, number);
	assert_true(blocked);
}

/* An hour in which these many hosts log in every five minutes. */
static void an_hour(struct fixture *f, unsigned int hosts)
{
	for (unsigned int minute = 0; minute < 60; minute++) {
		for (unsigned int i = minute % 5; i < hosts; i += 5)
			log_in(f, i);
		assert_false(tick(f));
		f->now += 60000;
	}
}

static void test_database_forgets_everybody(void **state)
{
	struct fixture *f = *state;
	bool blown = false;

	an_hour(f, 100);
	/* every device tries again once a minute, for twenty minutes */
	for (unsigned int second = 0; second < 1200; second++) {
		for (unsigned int i = second % 60; i < 100; i += 60)
			assert_false(fail_once(f, i));
		blown = tick(f) || blown;
		f->now += 1000;
	}
	assert_true(blown && f->fuse.blown);
	/* a stranger is counted, and blocked as soon as it is over */
	for (unsigned int i = 0; i < 10; i++)
		assert_false(fail_once(f, 300));
	for (unsigned int minute = 0; minute < 10; minute++) {
		for (unsigned int i = 0; i < 100; i++)
			log_in(f, i);
		(void)tick(f);
		f->now += 60000;
	}
	assert_false(f->fuse.blown);
	assert_true(fail_once(f, 300));
}

/* An office whose devices all fail at once is blocked before anybody can know
   why; and somebody else for good reason, long before. */
static void test_blocks_of_the_first_seconds_are_lifted(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = host_net(0);
	struct warden_host office, guesser;
	struct warden_table *table = warden_admin_table(f->service);

	assert_true(warden_host_from_net(&office, &net, 32, 64));
	an_hour(f, 100);
	net = host_net(7);
	assert_true(warden_host_from_net(&guesser, &net, 32, 64));
	fail_until_blocked(f, 7);
	f->now += 400000;
	assert_false(tick(f));
	for (unsigned int i = 0; i < 100; i++)
		log_in(f, i);
	f->now += 10000;
	fail_until_blocked(f, 0);
	for (unsigned int second = 0; second < 180 && !f->fuse.blown;
	     second++) {
		for (unsigned int i = second % 60; i < 100; i += 60)
			(void)fail_once(f, i);
		assert_true(warden_table_blocked_until(table, &office, f->now) >
			    0);
		(void)tick(f);
		f->now += 1000;
	}
	assert_true(f->fuse.blown);
	assert_int_equal(warden_fuse_lift(table, &f->policy, f->now), 1);
	assert_int_equal(warden_table_blocked_until(table, &office, f->now), 0);
	assert_true(warden_table_blocked_until(table, &guesser, f->now) > 0);
}

/* Of devices that do not say why they end the handshake, for a day. */
static void test_certificate_expires(void **state)
{
	struct fixture *f = *state;

	an_hour(f, 100);
	f->class = WARDEN_TLS_FAILED;
	for (unsigned int minute = 0; minute < 24 * 60; minute++) {
		for (unsigned int i = 0; i < 100; i++)
			assert_false(fail_once(f, i));
		(void)tick(f);
		f->now += 60000;
	}
	assert_true(f->fuse.blown);
}

/* Many guessers and no fault: the others go on logging in. */
static void test_guessers_do_not_blow_it(void **state)
{
	struct fixture *f = *state;
	bool blocked = false;

	an_hour(f, 100);
	for (unsigned int minute = 0; minute < 30; minute++) {
		for (unsigned int i = minute % 5; i < 100; i += 5)
			log_in(f, i);
		/* a fifth of the known hosts are taken over */
		for (unsigned int i = 0; i < 100; i += 5) {
			for (unsigned int n = 0; n < 30; n++)
				blocked = fail_once(f, i) || blocked;
		}
		assert_false(tick(f));
		f->now += 60000;
	}
	assert_true(blocked);
}

/* At night nobody logs in, and that is no collapse. */
static void test_quiet_server_has_no_fuse(void **state)
{
	struct fixture *f = *state;
	bool blocked = false;

	an_hour(f, 8);
	for (unsigned int n = 0; n < 30; n++) {
		for (unsigned int i = 0; i < 8; i++)
			blocked = fail_once(f, i) || blocked;
		assert_false(tick(f));
		f->now += 10000;
	}
	assert_true(blocked);
}

/* A value that the service cannot have written. */
static void test_fuse_of_next_year_is_none(void **state)
{
	struct fixture *f = *state;
	struct warden_health health;

	warden_admin_set_fuse(f->service, (uint32_t)(f->now / 1000) + 10);
	warden_admin_health(f->service, f->now, &health);
	assert_true(health.fuse_blown);
	warden_admin_set_fuse(f->service, UINT32_MAX);
	warden_admin_health(f->service, f->now, &health);
	assert_false(health.fuse_blown);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_database_forgets_everybody),
		CASE(test_blocks_of_the_first_seconds_are_lifted),
		CASE(test_certificate_expires),
		CASE(test_guessers_do_not_blow_it),
		CASE(test_quiet_server_has_no_fuse),
		CASE(test_fuse_of_next_year_is_none),
	};

	return cmocka_run_group_tests_name("fuse", tests, NULL, NULL);
}
