/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit-dir.h"
#include "unit.h"
#include "warden-sweep.h"

/* so many that no 300 of them fill a set, whatever the hash key */
#define TABLE_HOSTS 32768

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
	f->warden =
		warden_open(f->dir, WARDEN_ROLE_SERVICE, TABLE_HOSTS, &error);
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
				 &f->policy, false, 1, WARDEN_AUTH_FAILED,
				 WARDEN_PROTOCOL_IMAP, NULL,
				 UINT64_C(1000) * UINT32_MAX);
	assert_true(warden_admin_network_block(f->warden, &net, UINT32_MAX,
					       UNIT_NOW, &error));
	run(f, UNIT_NOW);
	assert_int_equal(deny_list(f, &denied), 2);
	assert_true(warden_net_equals(&denied[0].net, &net));
	free(denied);
}

/* --- Host names ------------------------------------------------------------ */

/* what the policy has by default */
#define DNS_MSECS (UINT64_C(1000) * f->policy.dns_timeout_secs)

static void rules(struct fixture *f, const char *allow, uint64_t now)
{
	struct warden_rules_source source = {
		.allow = { "allow", allow, strlen(allow) },
		.deny = { "deny", "", 0 },
	};
	struct warden_rules_image image;
	struct warden_error error;

	assert_true(warden_rules_compile(&source, &image, NULL, &error));
	assert_true(
		warden_admin_publish_rules(f->warden, image.data, image.size));
	warden_rules_image_free(&image);
	warden_sweep_names_forget(f->sweep, &f->policy, now);
}

static void walk(struct fixture *f, uint64_t now)
{
	run(f, now);
	warden_sweep_names_queue(f->sweep, &f->policy, now);
}

/* The address whose name is wanted next; "": none. */
static const char *next(struct fixture *f)
{
	static char text[WARDEN_NET_STRLEN];
	struct warden_net addr;

	return warden_sweep_name_next(f->sweep, &addr) ?
		       warden_net_format(&addr, text) :
		       "";
}

/* name NULL: it was looked up, and there is none. */
static bool answer(struct fixture *f, const char *address, const char *name,
		   uint64_t now)
{
	struct warden_net net = unit_net(address);
	const struct warden_client client = {
		.remote = &net,
		.name_state = name == NULL ? WARDEN_RULES_NAME_UNKNOWN :
					     WARDEN_RULES_NAME_GIVEN,
		.name = name,
	};

	return warden_sweep_name_found(f->sweep, f->warden, &client, &f->policy,
				       now);
}

static size_t denied_at(struct fixture *f, uint64_t now)
{
	struct warden_denied *denied;
	size_t count;

	assert_int_equal(warden_sweep_deny_list(f->sweep, f->warden, &f->policy,
						now, &denied, &count),
			 0);
	free(denied);
	return count;
}

static uint32_t named_for(struct fixture *f, const char *address)
{
	const struct warden_named *named = warden_sweep_named(f->sweep);
	struct warden_net net = unit_net(address);

	for (uint32_t i = 0; i < named->count; i++) {
		if (warden_net_equals(&named->hosts[i].addr, &net))
			return named->hosts[i].protocols;
	}
	return 0;
}

static void test_without_names_in_the_rules_nobody_waits(void **state)
{
	struct fixture *f = *state;

	block(f, "192.0.2.1", 600, UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_string_equal(next(f), "");
	assert_int_equal(denied_at(f, UNIT_NOW), 1);
	rules(f, "sshd: 192.0.2.7\nALL: ALL\n", UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_string_equal(next(f), "");
	assert_int_equal(denied_at(f, UNIT_NOW), 1);
	assert_true(warden_sweep_wait_ends(f->sweep) == UINT64_MAX);
}

static void test_who_is_meant_by_name_is_in_no_outlet(void **state)
{
	struct fixture *f = *state;

	rules(f, "sshd: .good.example\n", UNIT_NOW);
	block(f, "192.0.2.1", 600, UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_int_equal(denied_at(f, UNIT_NOW), 0);
	assert_string_equal(next(f), "192.0.2.1");
	assert_string_equal(next(f), "");
	/* the outlets had nobody and will have nobody */
	assert_false(answer(f, "192.0.2.1", "a.good.example", UNIT_NOW + 500));
	walk(f, UNIT_NOW + DNS_MSECS);
	assert_int_equal(denied_at(f, UNIT_NOW + DNS_MSECS), 0);
	assert_true(warden_sweep_wait_ends(f->sweep) == UINT64_MAX);
	assert_int_equal(named_for(f, "192.0.2.1"),
			 UINT32_C(1) << WARDEN_PROTOCOL_SSH);
	assert_string_equal(next(f), "");
}

static void test_who_is_not_meant_by_name_waits_for_the_answer(void **state)
{
	struct fixture *f = *state;

	rules(f, "sshd: .good.example\n", UNIT_NOW);
	block(f, "192.0.2.1", 600, UNIT_NOW);
	block(f, "192.0.2.2", 600, UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_int_equal(denied_at(f, UNIT_NOW), 0);
	assert_true(answer(f, "192.0.2.1", "a.bad.example", UNIT_NOW + 500));
	assert_true(answer(f, "192.0.2.2", NULL, UNIT_NOW + 500));
	assert_int_equal(denied_at(f, UNIT_NOW + 500), 2);
	assert_int_equal(warden_sweep_named(f->sweep)->count, 0);
}

static void test_who_gets_no_answer_waits_so_long(void **state)
{
	struct fixture *f = *state;
	uint64_t end = UNIT_NOW + DNS_MSECS;

	rules(f, "sshd: .good.example\n", UNIT_NOW);
	block(f, "192.0.2.1", 600, UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_true(warden_sweep_wait_ends(f->sweep) == end);
	walk(f, end - 1);
	assert_int_equal(denied_at(f, end - 1), 0);
	assert_int_equal(denied_at(f, end), 1);
	walk(f, end);
	assert_true(warden_sweep_wait_ends(f->sweep) == UINT64_MAX);
	/* better late than never */
	assert_true(answer(f, "192.0.2.1", "a.good.example", end + 5000));
	assert_int_equal(denied_at(f, end + 5000), 0);
}

static void test_answer_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW;

	rules(f, "sshd: .good.example\n", now);
	block(f, "192.0.2.1", 6000, now);
	walk(f, now);
	assert_string_equal(next(f), "192.0.2.1");
	(void)answer(f, "192.0.2.1", "a.good.example", now);
	now += WARDEN_SWEEP_NAME_AGAIN_MSECS;
	walk(f, now - 1);
	assert_string_equal(next(f), "");
	walk(f, now);
	assert_string_equal(next(f), "192.0.2.1");
	/* until there is another answer the last one holds */
	walk(f, now + DNS_MSECS);
	assert_string_equal(next(f), "");
	assert_int_equal(denied_at(f, now + DNS_MSECS), 0);
	assert_true(answer(f, "192.0.2.1", "a.bad.example", now + DNS_MSECS));
	assert_int_equal(denied_at(f, now + DNS_MSECS), 1);
	assert_int_equal(warden_sweep_named(f->sweep)->count, 0);
	/* that one too, and nobody waits for it */
	now += DNS_MSECS + WARDEN_SWEEP_NAME_AGAIN_MSECS;
	walk(f, now);
	assert_string_equal(next(f), "192.0.2.1");
	assert_int_equal(denied_at(f, now), 1);
}

static void test_other_rules_ask_again(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW;

	rules(f, "sshd: .good.example\n", now);
	block(f, "192.0.2.1", 6000, now);
	block(f, "192.0.2.2", 6000, now);
	walk(f, now);
	(void)answer(f, "192.0.2.1", "a.good.example", now);
	(void)answer(f, "192.0.2.2", "a.bad.example", now);
	now += 10000;
	rules(f, "sshd, imap: .good.example\n", now);
	assert_int_equal(warden_sweep_named(f->sweep)->count, 0);
	walk(f, now);
	/* who is out stays out meanwhile, who is in stays in */
	assert_int_equal(denied_at(f, now), 1);
	assert_string_equal(next(f), "192.0.2.1");
	assert_string_equal(next(f), "192.0.2.2");
	(void)answer(f, "192.0.2.1", "a.good.example", now);
	assert_int_equal(named_for(f, "192.0.2.1"),
			 (UINT32_C(1) << WARDEN_PROTOCOL_SSH) |
				 (UINT32_C(1) << WARDEN_PROTOCOL_IMAP));
	rules(f, "sshd: 192.0.2.7\n", now);
	walk(f, now);
	assert_int_equal(denied_at(f, now), 2);
	assert_string_equal(next(f), "");
	/* to a question that nobody asks any more */
	assert_false(answer(f, "192.0.2.1", "a.good.example", now));
	assert_int_equal(warden_sweep_named(f->sweep)->count, 0);
	assert_int_equal(denied_at(f, now), 2);
}

static void test_block_is_over(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW;

	rules(f, "sshd: .good.example\n", now);
	block(f, "192.0.2.1", 60, now);
	block(f, "192.0.2.2", 60, now);
	walk(f, now);
	assert_string_equal(next(f), "192.0.2.1");
	assert_string_equal(next(f), "192.0.2.2");
	(void)answer(f, "192.0.2.1", "a.good.example", now);
	now += 61000;
	walk(f, now);
	/* who does it again is known */
	assert_true(named_for(f, "192.0.2.1") != 0);
	block(f, "192.0.2.1", 60, now);
	walk(f, now);
	assert_string_equal(next(f), "");
	assert_int_equal(denied_at(f, now + DNS_MSECS), 0);
	now += 61000;
	walk(f, now);
	assert_false(answer(f, "192.0.2.2", "b.good.example", now));
	assert_int_equal(named_for(f, "192.0.2.2"), 0);
	walk(f, UNIT_NOW + WARDEN_SWEEP_NAME_END_MSECS - 1);
	assert_true(named_for(f, "192.0.2.1") != 0);
	walk(f, UNIT_NOW + WARDEN_SWEEP_NAME_END_MSECS);
	assert_int_equal(warden_sweep_named(f->sweep)->count, 0);
}

static void test_only_whole_addresses_have_names(void **state)
{
	struct fixture *f = *state;

	rules(f, "sshd: .good.example\n", UNIT_NOW);
	block(f, "2001:db8::1", 600, UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_string_equal(next(f), "");
	assert_int_equal(denied_at(f, UNIT_NOW), 1);
	f->policy.ipv4_prefix = 24;
	block(f, "192.0.2.0", 600, UNIT_NOW);
	walk(f, UNIT_NOW);
	assert_string_equal(next(f), "");
	assert_int_equal(denied_at(f, UNIT_NOW), 2);
}

static void test_network_around_a_name_that_is_meant(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.0/24");
	struct warden_error error;

	rules(f, "sshd: .good.example\n", UNIT_NOW);
	block(f, "192.0.2.1", 600, UNIT_NOW);
	assert_true(warden_admin_network_block(f->warden, &net, UINT32_MAX,
					       UNIT_NOW, &error));
	walk(f, UNIT_NOW);
	assert_int_equal(denied_at(f, UNIT_NOW), 1);
	(void)answer(f, "192.0.2.1", "a.good.example", UNIT_NOW);
	assert_int_equal(denied_at(f, UNIT_NOW), 0);
}

static void block_many(struct fixture *f, unsigned int first,
		       unsigned int count, uint64_t now)
{
	char text[WARDEN_NET_STRLEN];

	for (unsigned int i = first; i < first + count; i++) {
		(void)snprintf(text, sizeof(text), "198.18.%u.%u", i / 250,
			       i % 250 + 1);
		block(f, text, 60000, now);
	}
}

static void test_so_many_at_once_and_the_newest_first(void **state)
{
	struct fixture *f = *state;
	unsigned int count = 0;
	uint64_t now = UNIT_NOW;

	rules(f, "sshd: .good.example\n", now);
	block_many(f, 0, 3 * WARDEN_SWEEP_NAMES_MAX, now);
	walk(f, now);
	/* nothing is added to a list that is not empty */
	warden_sweep_names_queue(f->sweep, &f->policy, now);
	while (next(f)[0] != '\0')
		count++;
	assert_int_equal(count, WARDEN_SWEEP_NAMES_MAX);
	now += 250;
	block(f, "203.0.113.1", 600, now);
	walk(f, now);
	assert_string_equal(next(f), "203.0.113.1");
	for (count = 1; next(f)[0] != '\0'; count++)
		;
	assert_int_equal(count, WARDEN_SWEEP_NAMES_MAX);
	/* the rest without another walk, and then none is left */
	for (count = 0;; count++) {
		warden_sweep_names_queue(f->sweep, &f->policy, now);
		if (next(f)[0] == '\0')
			break;
	}
	assert_int_equal(count, WARDEN_SWEEP_NAMES_MAX + 1);
	walk(f, now);
	assert_string_equal(next(f), "");
}

static void test_more_are_meant_than_can_be_published(void **state)
{
	struct fixture *f = *state;
	char text[WARDEN_NET_STRLEN];
	const unsigned int count = WARDEN_NAMED_MAX + 20;

	rules(f, "sshd: .good.example\n", UNIT_NOW);
	block_many(f, 0, count, UNIT_NOW);
	walk(f, UNIT_NOW);
	for (unsigned int i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "198.18.%u.%u", i / 250,
			       i % 250 + 1);
		(void)answer(f, text, "a.good.example", UNIT_NOW + i);
		(void)answer(f, text, "a.good.example", UNIT_NOW + i);
		assert_true(named_for(f, text) != 0);
	}
	assert_int_equal(warden_sweep_named(f->sweep)->count, WARDEN_NAMED_MAX);
	assert_int_equal(named_for(f, "198.18.0.1"), 0);
	assert_true(named_for(f, "198.18.0.21") != 0);
	/* that is no reason to deny anybody */
	assert_int_equal(denied_at(f, UNIT_NOW + DNS_MSECS), 0);
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
		CASE(test_without_names_in_the_rules_nobody_waits),
		CASE(test_who_is_meant_by_name_is_in_no_outlet),
		CASE(test_who_is_not_meant_by_name_waits_for_the_answer),
		CASE(test_who_gets_no_answer_waits_so_long),
		CASE(test_answer_is_asked_for_again),
		CASE(test_other_rules_ask_again),
		CASE(test_block_is_over),
		CASE(test_only_whole_addresses_have_names),
		CASE(test_network_around_a_name_that_is_meant),
		CASE(test_so_many_at_once_and_the_newest_first),
		CASE(test_more_are_meant_than_can_be_published),
	};
	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
