/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit-dir.h"
#include "unit.h"
#include "warden-sweep.h"

struct fixture {
	void *dir;
	struct warden *warden;
	struct warden_sweep *sweep;
	struct warden_policy policy;
	const struct warden_sweep_change *changes;
	size_t count;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct warden_error error;

	if (unit_dir_setup(&f->dir) < 0)
		return -1;
	*state = f;
	f->warden = warden_open(f->dir, WARDEN_ROLE_SERVICE,
				WARDEN_TABLE_HOSTS_MIN, &error);
	f->sweep = warden_sweep_create();
	warden_policy_init_defaults(&f->policy);
	return f->warden != NULL && f->sweep != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	warden_sweep_free(&f->sweep);
	warden_close(&f->warden);
	test_free(f);
	return unit_dir_teardown(&dir);
}

static void block(struct fixture *f, const char *host, uint32_t secs,
		  uint64_t now)
{
	struct warden_host h = unit_host(host);

	assert_true(warden_table_block(warden_admin_table(f->warden), &h,
				       (uint32_t)(now / 1000) + secs, 1,
				       WARDEN_MANUAL, 0, now));
}

static void run(struct fixture *f, uint64_t now)
{
	assert_true(warden_sweep_run(f->sweep, f->warden, &f->policy, now,
				     &f->changes, &f->count));
}

static void test_first_walk_reports_nothing(void **state)
{
	struct fixture *f = *state;

	block(f, "192.0.2.1", 60, UNIT_NOW);
	run(f, UNIT_NOW);
	assert_int_equal(f->count, 0);
	assert_int_equal(warden_sweep_next_end(f->sweep),
			 UNIT_NOW / 1000 + 60);
}

static void test_begin_and_end_are_reported_once(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	run(f, UNIT_NOW);
	assert_int_equal(warden_sweep_next_end(f->sweep), UINT32_MAX);
	block(f, "192.0.2.1", 60, UNIT_NOW);
	run(f, UNIT_NOW);
	assert_int_equal(f->count, 1);
	assert_true(f->changes[0].began);
	run(f, UNIT_NOW + 1000);
	assert_int_equal(f->count, 0);
	for (int i = 0; i < 7; i++)
		warden_table_refused(warden_admin_table(f->warden), &host);
	run(f, UNIT_NOW + 60000);
	assert_int_equal(f->count, 1);
	assert_false(f->changes[0].began);
	assert_int_equal(f->changes[0].info.refused, 7);
	run(f, UNIT_NOW + 61000);
	assert_int_equal(f->count, 0);
}

static void test_many_hosts_of_both_families(void **state)
{
	struct fixture *f = *state;
	char text[WARDEN_NET_STRLEN];
	size_t began = 0;

	run(f, UNIT_NOW);
	for (int i = 1; i <= 100; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.%d", i);
		block(f, text, 60 + (uint32_t)i % 2 * 60, UNIT_NOW);
		(void)snprintf(text, sizeof(text), "2001:db8:%d::1", i);
		block(f, text, 120, UNIT_NOW);
	}
	run(f, UNIT_NOW);
	for (size_t i = 0; i < f->count; i++)
		began += f->changes[i].began;
	assert_int_equal(began, 200);
	run(f, UNIT_NOW + 60000);
	assert_int_equal(f->count, 50);
	run(f, UNIT_NOW + 120000);
	assert_int_equal(f->count, 150);
}

static size_t deny_list(struct fixture *f, struct warden_denied **denied)
{
	size_t count;

	assert_int_equal(warden_sweep_deny_list(f->sweep, f->warden,
						&f->policy, UNIT_NOW, denied,
						&count),
			 0);
	return count;
}

static void test_deny_list_is_newest_first(void **state)
{
	struct fixture *f = *state;
	struct warden_net wanted = unit_net("192.0.2.3");
	struct warden_denied *denied;

	block(f, "192.0.2.1", 600, UNIT_NOW - 5000);
	block(f, "192.0.2.3", 600, UNIT_NOW - 1000);
	block(f, "192.0.2.2", 600, UNIT_NOW - 3000);
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 3);
	assert_true(warden_net_equals(&denied[0].net, &wanted));
	wanted = unit_net("192.0.2.1");
	assert_true(warden_net_equals(&denied[2].net, &wanted));
	free(denied);
}

static void test_exempt_hosts_stay_out_of_the_deny_list(void **state)
{
	struct fixture *f = *state;
	struct warden_denied *denied;
	struct warden_error error;
	struct warden_net holds_exempt = unit_net("192.0.0.0/16");

	f->policy.exempt[f->policy.exempt_count++] =
		unit_net("192.0.2.128/25");
	block(f, "192.0.2.200", 600, UNIT_NOW);
	block(f, "127.0.0.1", 600, UNIT_NOW);
	block(f, "192.0.2.1", 600, UNIT_NOW);
	/* as a whole it would deny the exempt ones inside */
	assert_true(warden_admin_network_block(f->warden, &holds_exempt,
					       UINT32_MAX, UNIT_NOW, &error));
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 1);
	free(denied);
}

static void test_private_hosts_only_if_wanted(void **state)
{
	struct fixture *f = *state;
	struct warden_denied *denied;

	block(f, "10.1.2.3", 600, UNIT_NOW);
	block(f, "fd00:1::1", 600, UNIT_NOW);
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 0);
	free(denied);
	f->policy.deny_private = 1;
	assert_int_equal(deny_list(f, &denied), 2);
	free(denied);
}

static void test_wide_network_around_private_ones(void **state)
{
	struct fixture *f = *state;
	struct warden_net wide = unit_net("172.0.0.0/8");
	struct warden_denied *denied;
	struct warden_error error;

	assert_true(warden_admin_network_block(f->warden, &wide, UINT32_MAX,
					       UNIT_NOW, &error));
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 0);
	free(denied);
}

static void test_networks_come_first(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("198.51.100.0/24");
	struct warden_denied *denied;
	struct warden_error error;

	block(f, "192.0.2.1", 600, UNIT_NOW);
	assert_true(warden_admin_network_block(f->warden, &net, UINT32_MAX,
					       UNIT_NOW, &error));
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 2);
	assert_true(warden_net_equals(&denied[0].net, &net));
	free(denied);
}

/* The file has room for so many lines, and a stranger who can write the table
   can make up as many hosts. */
static void test_event_to_come_does_not_get_ahead_of_networks(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("2001:db8:f::/48");
	struct warden_denied *denied;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_error error;

	block(f, "192.0.2.1", 600, UNIT_NOW);
	/* a login process whose clock says so */
	(void)warden_table_count(warden_admin_table(f->warden), &host,
				 &f->policy, false, WARDEN_AUTH_FAILED,
				 WARDEN_PROTOCOL_IMAP,
				 UINT64_C(1000) * UINT32_MAX);
	assert_true(warden_admin_network_block(f->warden, &net, UINT32_MAX,
					       UNIT_NOW, &error));
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 2);
	assert_true(warden_net_equals(&denied[0].net, &net));
	free(denied);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_first_walk_reports_nothing),
		CASE(test_begin_and_end_are_reported_once),
		CASE(test_many_hosts_of_both_families),
		CASE(test_deny_list_is_newest_first),
		CASE(test_exempt_hosts_stay_out_of_the_deny_list),
		CASE(test_private_hosts_only_if_wanted),
		CASE(test_wide_network_around_private_ones),
		CASE(test_networks_come_first),
		CASE(test_event_to_come_does_not_get_ahead_of_networks),
	};
	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
