/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit-dir.h"
#include "unit-client.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden-layout.h"
#include "warden.h"

/* The service's handle publishes, auth's counts, login's asks: three mappings
   of the same files, as in life. */
struct fixture {
	void *dir;
	struct warden *service, *auth, *login;
	struct warden_policy policy;
};

/* A key of the test's own: which of a few hosts are told apart depends on it. */
static bool fix_key(const char *dir)
{
	struct warden_error error;
	struct warden *service = warden_open(dir, WARDEN_ROLE_SERVICE,
					     WARDEN_TABLE_HOSTS_MIN, &error);

	if (service == NULL)
		return false;
	warden_admin_table(service)->header->file.hash_key[0] = 1;
	warden_admin_table(service)->header->file.hash_key[1] = 2;
	warden_close(&service);
	return true;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct warden_error error;

	if (unit_dir_setup(&f->dir) < 0)
		return -1;
	*state = f;
	if (!fix_key(f->dir))
		return -1;
	f->service = warden_open(f->dir, WARDEN_ROLE_SERVICE,
				 WARDEN_TABLE_HOSTS_MIN, &error);
	f->auth = warden_open(f->dir, WARDEN_ROLE_AUTH, 0, &error);
	f->login = warden_open(f->dir, WARDEN_ROLE_LOGIN, 0, &error);
	warden_policy_init_defaults(&f->policy);
	return f->service != NULL && f->auth != NULL && f->login != NULL ? 0 :
									   -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	warden_close(&f->service);
	warden_close(&f->auth);
	warden_close(&f->login);
	test_free(f);
	return unit_dir_teardown(&dir);
}

static void publish(struct fixture *f, uint64_t now)
{
	warden_admin_heartbeat(f->service, 1, true, now);
	warden_admin_publish(f->service, &f->policy, now);
}

static bool count_as(struct fixture *f, const char *host,
		     enum warden_class class, const char *user, uint64_t now)
{
	struct warden_net net = unit_net(host);

	return warden_count(f->auth, unit_client(&net), class, user, now);
}

static void guess(struct fixture *f, const char *host, int times, uint64_t now)
{
	for (int i = 0; i < times; i++)
		(void)count_as(f, host, WARDEN_AUTH_FAILED, "alice", now);
}

static enum warden_refusal check(struct fixture *f, const char *host,
				 uint64_t now)
{
	struct warden_net net = unit_net(host);

	return warden_check(f->login, unit_client(&net), WARDEN_STAGE_ACCEPT,
			    now);
}

static uint64_t total(struct fixture *f, enum warden_total total, uint64_t now)
{
	return warden_table_total(warden_admin_table(f->service), total, 60,
				  now);
}

static double points(struct fixture *f, const char *host, uint64_t now)
{
	struct warden_host h = unit_host(host);
	struct warden_host_info info;

	(void)warden_table_read(warden_admin_table(f->service), &h, &f->policy,
				now, &info);
	return info.points;
}

static void test_guesser_is_refused(void **state)
{
	struct fixture *f = *state;

	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 9, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	guess(f, "192.0.2.1", 1, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_REFUSED_HOST);
	assert_int_equal(check(f, "192.0.2.2", UNIT_NOW), WARDEN_ADMITTED);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_BLOCKED, UNIT_NOW), 1);
	assert_int_equal(total(f, (enum warden_total)WARDEN_AUTH_FAILED,
			       UNIT_NOW),
			 10);
}

static void test_one_slash_64_is_one_host(void **state)
{
	struct fixture *f = *state;

	publish(f, UNIT_NOW);
	guess(f, "2001:db8:1:2::1", 5, UNIT_NOW);
	guess(f, "2001:db8:1:2:ffff::9", 5, UNIT_NOW);
	assert_int_equal(check(f, "2001:db8:1:2:abcd::", UNIT_NOW),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(check(f, "2001:db8:1:3::1", UNIT_NOW),
			 WARDEN_ADMITTED);
}

static void test_ipv4_inside_ipv6_is_the_ipv4_host(void **state)
{
	struct fixture *f = *state;

	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	assert_int_equal(check(f, "::ffff:192.0.2.1", UNIT_NOW),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(check(f, "64:ff9b::192.0.2.1", UNIT_NOW),
			 WARDEN_REFUSED_HOST);
}

static void test_nobody_is_refused_before_a_policy_is_published(void **state)
{
	struct fixture *f = *state;

	guess(f, "192.0.2.1", 100, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) > 0);
	/* it was counted: with a policy the next failure blocks */
	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 1, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_REFUSED_HOST);
}

static void test_policy_of_a_silent_service_binds_nobody(void **state)
{
	struct fixture *f = *state;
	uint64_t later = UNIT_NOW +
			 (WARDEN_HEARTBEAT_MAX_SECS + 1) * UINT64_C(1000);

	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", later - 2000),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(check(f, "192.0.2.1", later), WARDEN_ADMITTED);
	warden_admin_heartbeat(f->service, 1, false, later);
	assert_int_equal(check(f, "192.0.2.1", later), WARDEN_REFUSED_HOST);
}

static void test_exempt_network_is_neither_counted_nor_refused(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("127.0.0.1");

	publish(f, UNIT_NOW);
	guess(f, "127.0.0.1", 100, UNIT_NOW);
	assert_true(points(f, "127.0.0.1", UNIT_NOW) == 0.0);
	/* what a taken-over login process writes does not count either */
	(void)warden_table_block(warden_admin_table(f->service), &host,
				 UINT32_MAX, 1, WARDEN_AUTH_FAILED, 0, UNIT_NOW);
	assert_int_equal(check(f, "127.0.0.1", UNIT_NOW), WARDEN_ADMITTED);
}

static void test_the_machine_itself_is_exempt(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");

	publish(f, UNIT_NOW);
	for (int i = 0; i < 100; i++) {
		assert_false(warden_count(f->auth, unit_client_at(&net, &net),
					  WARDEN_AUTH_FAILED, NULL, UNIT_NOW));
	}
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	assert_int_equal(warden_check(f->login, unit_client_at(&net, &net),
				      WARDEN_STAGE_ACCEPT, UNIT_NOW),
			 WARDEN_ADMITTED);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_REFUSED_HOST);
}

static void test_observe_refuses_nobody_and_counts(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_session session;

	f->policy.mode = WARDEN_MODE_OBSERVE;
	f->policy.session_limit = 1;
	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	assert_int_equal(total(f, WARDEN_TOTAL_WOULD_REFUSE, UNIT_NOW), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(warden_session_open(f->login,
						     unit_client(&net), 1,
						     UNIT_NOW, &session),
				 WARDEN_ADMITTED);
		assert_int_not_equal(session.slot, 0);
	}
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_BLOCKED, UNIT_NOW), 0);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_SESSIONS, UNIT_NOW), 0);
}

static void observed(struct fixture *f, unsigned int rule, uint64_t now,
		     uint32_t refused, uint32_t logged_in)
{
	uint32_t refused_seen, logged_in_seen;

	warden_table_observed(warden_admin_table(f->service), rule, now,
			      &refused_seen, &logged_in_seen);
	assert_int_equal(refused_seen, refused);
	assert_int_equal(logged_in_seen, logged_in);
}

/* Three hosts guess, and one of them was somebody who then got it right. */
static void test_observe_measures_itself(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_net other = unit_net("192.0.2.9");
	struct warden_session session;
	uint64_t later = UNIT_NOW + 3700 * UINT64_C(1000);

	f->policy.mode = WARDEN_MODE_OBSERVE;
	f->policy.session_limit = 1;
	publish(f, UNIT_NOW);
	for (int i = 1; i <= 3; i++) {
		char host[32];

		(void)snprintf(host, sizeof(host), "192.0.2.%d", i);
		guess(f, host, 10, UNIT_NOW);
		for (int n = 0; n < 5; n++)
			(void)check(f, host, UNIT_NOW);
	}
	observed(f, WARDEN_AUTH_FAILED, UNIT_NOW, 3, 0);
	warden_success(f->auth, unit_client(&net), "alice", UNIT_NOW);
	warden_success(f->auth, unit_client(&net), "alice", UNIT_NOW);
	/* and one that nothing would have kept out */
	warden_success(f->auth, unit_client(&other), "bob", UNIT_NOW);
	observed(f, WARDEN_AUTH_FAILED, UNIT_NOW, 3, 1);
	observed(f, WARDEN_RULE_SESSIONS, UNIT_NOW, 0, 0);
	for (int n = 0; n < 3; n++) {
		(void)warden_session_open(f->login, unit_client(&other), 1,
					  UNIT_NOW, &session);
	}
	observed(f, WARDEN_RULE_SESSIONS, UNIT_NOW, 1, 0);
	observed(f, WARDEN_AUTH_FAILED, later + 600000, 0, 0);
	/* more than an hour later it has nothing to do with it */
	warden_admin_heartbeat(f->service, 1, false, later);
	warden_success(f->auth, unit_client(&other), "bob", later);
	observed(f, WARDEN_RULE_SESSIONS, later, 1, 0);
}

static void block_network(struct fixture *f, const char *text,
			  uint32_t until_secs)
{
	struct warden_net net = unit_net(text);
	struct warden_error error = { "" };

	if (!warden_admin_network_block(f->service, &net, until_secs, UNIT_NOW,
					&error))
		fail_msg("%s", error.text);
}

static void set_rule_mode(struct fixture *f, unsigned int rule,
			  enum warden_mode mode)
{
	f->policy.rule_modes[rule] = (uint8_t)(mode + 1);
	publish(f, UNIT_NOW);
}

static void err(struct fixture *f, const char *host, enum warden_class class,
		unsigned int times)
{
	struct warden_net net = unit_net(host);

	for (unsigned int i = 0; i < times; i++)
		(void)warden_count(f->auth, unit_client(&net), class, NULL,
				   UNIT_NOW);
}

/* What a class under observation would have done is told, and does not bring
   the host nearer to a block. */
static void test_one_class_is_only_observed(void **state)
{
	struct fixture *f = *state;

	set_rule_mode(f, WARDEN_PROTOCOL_ERROR, WARDEN_MODE_OBSERVE);
	err(f, "192.0.2.1", WARDEN_PROTOCOL_ERROR, 30);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 0.0);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	observed(f, WARDEN_PROTOCOL_ERROR, UNIT_NOW, 1, 0);
	guess(f, "192.0.2.1", 9, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	guess(f, "192.0.2.1", 1, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_REFUSED_HOST);
	observed(f, WARDEN_AUTH_FAILED, UNIT_NOW, 0, 0);
	/* with what is enforced it would have been too much */
	guess(f, "192.0.2.2", 5, UNIT_NOW);
	err(f, "192.0.2.2", WARDEN_PROTOCOL_ERROR, 5);
	observed(f, WARDEN_PROTOCOL_ERROR, UNIT_NOW, 2, 0);
	assert_int_equal(check(f, "192.0.2.2", UNIT_NOW), WARDEN_ADMITTED);
}

static void test_one_class_is_enforced_while_the_rest_is_observed(void **state)
{
	struct fixture *f = *state;

	f->policy.mode = WARDEN_MODE_OBSERVE;
	set_rule_mode(f, WARDEN_USER_UNKNOWN, WARDEN_MODE_ENFORCE);
	guess(f, "192.0.2.1", 30, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	observed(f, WARDEN_AUTH_FAILED, UNIT_NOW, 1, 0);
	err(f, "192.0.2.1", WARDEN_USER_UNKNOWN, 5);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_REFUSED_HOST);
}

static void test_a_class_that_is_off_costs_nothing(void **state)
{
	struct fixture *f = *state;

	set_rule_mode(f, WARDEN_PROTOCOL_ERROR, WARDEN_MODE_OFF);
	err(f, "192.0.2.1", WARDEN_PROTOCOL_ERROR, 30);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 0.0);
	observed(f, WARDEN_PROTOCOL_ERROR, UNIT_NOW, 0, 0);
	assert_int_equal(
		total(f, (enum warden_total)WARDEN_PROTOCOL_ERROR, UNIT_NOW),
		30);
}

static void test_sessions_are_only_observed(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_session session;

	f->policy.session_limit = 1;
	set_rule_mode(f, WARDEN_RULE_SESSIONS, WARDEN_MODE_OBSERVE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(warden_session_open(f->login,
						     unit_client(&net), 1,
						     UNIT_NOW, &session),
				 WARDEN_ADMITTED);
		assert_int_not_equal(session.slot, 0);
	}
	observed(f, WARDEN_RULE_SESSIONS, UNIT_NOW, 1, 0);
	set_rule_mode(f, WARDEN_RULE_SESSIONS, WARDEN_MODE_OFF);
	assert_int_equal(warden_session_open(f->login, unit_client(&net), 1,
					     UNIT_NOW, &session),
			 WARDEN_ADMITTED);
	/* and the guard is on for the rest */
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_REFUSED_HOST);
}

/* What is only observed does not hide what is enforced behind it. */
static void test_what_is_enforced_decides(void **state)
{
	struct fixture *f = *state;

	guess(f, "192.0.2.1", 10, UNIT_NOW);
	set_rule_mode(f, WARDEN_AUTH_FAILED, WARDEN_MODE_OBSERVE);
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	block_network(f, "192.0.2.0/24", UINT32_MAX);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW),
			 WARDEN_REFUSED_NETWORK);
}

/* One user of a /24 logged in: then it has more room, and he is not counted. */
static void test_unknown_hosts_of_a_network_share_a_limit(void **state)
{
	struct fixture *f = *state;
	struct warden_net known = unit_net("192.0.2.250");
	struct warden_session session;
	char host[32];
	int let_in = 0;

	f->policy.session_limit_network = 20;
	publish(f, UNIT_NOW);
	for (int i = 1; i <= 30; i++) {
		struct warden_net net;

		(void)snprintf(host, sizeof(host), "192.0.2.%d", i);
		net = unit_net(host);
		if (warden_session_open(f->login, unit_client(&net), 1,
					UNIT_NOW, &session) == WARDEN_ADMITTED)
			let_in++;
	}
	assert_int_equal(let_in, 20);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_SESSIONS, UNIT_NOW), 10);
	warden_success(f->auth, unit_client(&known), "alice", UNIT_NOW);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(warden_session_open(f->login,
						     unit_client(&known), 1,
						     UNIT_NOW, &session),
				 WARDEN_ADMITTED);
		assert_int_equal(session.network_slot, 0);
	}
	for (int i = 101; i <= 200; i++) {
		struct warden_net net;

		(void)snprintf(host, sizeof(host), "192.0.2.%d", i);
		net = unit_net(host);
		if (warden_session_open(f->login, unit_client(&net), 1,
					UNIT_NOW, &session) == WARDEN_ADMITTED)
			let_in++;
	}
	assert_int_equal(let_in, 80);
}

/* Nothing else is known of such a host; it stays in the table for an hour. */
static void test_observed_host_that_did_nothing(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_table *table = warden_admin_table(f->service);
	struct warden_session session;
	uint64_t later = UNIT_NOW + 1800 * UINT64_C(1000);

	f->policy.mode = WARDEN_MODE_OBSERVE;
	f->policy.session_limit = 1;
	publish(f, UNIT_NOW);
	for (int n = 0; n < 3; n++) {
		(void)warden_session_open(f->login, unit_client(&net), 1,
					  UNIT_NOW, &session);
	}
	assert_int_equal(warden_table_expire(table, &f->policy, later), 0);
	warden_admin_heartbeat(f->service, 1, false, later);
	warden_success(f->auth, unit_client(&net), "alice", later);
	observed(f, WARDEN_RULE_SESSIONS, later, 1, 1);
	/* what a stranger wrote does not keep a record for ever */
	f->policy.known_time_secs = 60;
	later += 3700 * UINT64_C(1000);
	assert_int_equal(warden_table_expire(table, &f->policy, later), 1);
}

static void test_off_counts_nothing(void **state)
{
	struct fixture *f = *state;

	f->policy.mode = WARDEN_MODE_OFF;
	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 100, UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 0.0);
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	assert_int_equal(total(f, (enum warden_total)WARDEN_AUTH_FAILED,
			       UNIT_NOW),
			 0);
}

static void test_sessions_over_the_limit_are_refused(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_session sessions[2], more;

	f->policy.session_limit = 2;
	publish(f, UNIT_NOW);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(warden_session_open(f->login,
						     unit_client(&net), 1,
						     UNIT_NOW, &sessions[i]),
				 WARDEN_ADMITTED);
	}
	assert_int_equal(warden_session_open(f->login, unit_client(&net), 1,
					     UNIT_NOW, &more),
			 WARDEN_REFUSED_SESSIONS);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_SESSIONS, UNIT_NOW), 1);
	warden_session_close(f->login, &sessions[0]);
	assert_int_equal(warden_session_open(f->login, unit_client(&net), 1,
					     UNIT_NOW, &more),
			 WARDEN_ADMITTED);
}

static void test_the_same_user_washes_his_host_clean(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");

	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 5, UNIT_NOW);
	warden_success(f->auth, unit_client(&net), "alice", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 0.0);
}

static void test_another_user_does_not(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");

	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 5, UNIT_NOW);
	warden_success(f->auth, unit_client(&net), "mallory", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 50.0);
	/* nor does one of two who failed */
	(void)count_as(f, "192.0.2.1", WARDEN_AUTH_FAILED, "mallory",
		       UNIT_NOW);
	warden_success(f->auth, unit_client(&net), "mallory", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 60.0);
}

static void test_unknown_user_is_nobody_who_logs_in(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");

	publish(f, UNIT_NOW);
	(void)count_as(f, "192.0.2.1", WARDEN_USER_UNKNOWN, "alice",
		       UNIT_NOW);
	warden_success(f->auth, unit_client(&net), "alice", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 20.0);
}

/* --- Sessions of all hosts ------------------------------------------------- */

/* As many of that network as are let in, each from another host; they stay. */
static unsigned int hold(struct fixture *f, const char *network,
			 unsigned int tries)
{
	struct warden_session session;
	unsigned int held = 0;
	char text[32];

	for (unsigned int i = 1; i <= tries; i++) {
		struct warden_net net;

		(void)snprintf(text, sizeof(text), "%s.%u", network, i);
		net = unit_net(text);
		held += warden_session_open(f->login, unit_client(&net), 1,
					    UNIT_NOW,
					    &session) == WARDEN_ADMITTED;
	}
	return held;
}

static unsigned int hold_one_host(struct fixture *f, const char *host,
				  unsigned int tries)
{
	struct warden_net net = unit_net(host);
	struct warden_session session;
	unsigned int held = 0;

	for (unsigned int i = 0; i < tries; i++) {
		held += warden_session_open(f->login, unit_client(&net), 1,
					    UNIT_NOW,
					    &session) == WARDEN_ADMITTED;
	}
	return held;
}

/* Two hundred hosts that say nothing, and one that is known. */
static void test_slow_loris_leaves_room_for_known_hosts(void **state)
{
	struct fixture *f = *state;
	struct warden_net known = unit_net("198.51.100.1");

	f->policy.session_limit_total = 80;
	publish(f, UNIT_NOW);
	warden_success(f->auth, unit_client(&known), "alice", UNIT_NOW);
	assert_int_equal(hold(f, "192.0.2", 200), 60);
	/* of its network there is half of the rest, and then it is alone */
	assert_int_equal(hold_one_host(f, "198.51.100.2", 20), 10);
	assert_int_equal(hold_one_host(f, "198.51.100.3", 20), 0);
	assert_int_equal(hold_one_host(f, "198.51.100.1", 20), 10);
	assert_int_equal(warden_table_sessions_total(
				 warden_admin_table(f->service), UNIT_NOW),
			 80);
}

static void test_no_host_has_all_sessions(void **state)
{
	struct fixture *f = *state;

	f->policy.session_limit = 0;
	f->policy.session_limit_total = 40;
	publish(f, UNIT_NOW);
	assert_int_equal(hold_one_host(f, "192.0.2.1", 100), 10);
}

/* What nobody closes is gone when its time is over, at the next tick. */
static void test_lost_sessions_do_not_use_up_the_total(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("203.0.113.1");
	uint64_t later = UNIT_NOW + WARDEN_SESSION_MAX_SECS * UINT64_C(1000);
	struct warden_session session;

	f->policy.session_limit_total = 40;
	publish(f, UNIT_NOW);
	assert_int_equal(hold(f, "192.0.2", 100), 30);
	warden_admin_count_sessions(f->service, UNIT_NOW);
	assert_int_equal(hold(f, "203.0.113", 100), 0);
	warden_admin_heartbeat(f->service, 1, false, later);
	warden_admin_count_sessions(f->service, later);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(warden_session_open(f->login,
						     unit_client(&net), 1,
						     later, &session),
				 WARDEN_ADMITTED);
		warden_session_close(f->login, &session);
	}
}

/* The limit is set while nobody has counted for long. */
static void test_new_total_knows_what_was_lost(void **state)
{
	struct fixture *f = *state;
	uint64_t later = UNIT_NOW + WARDEN_SESSION_MAX_SECS * UINT64_C(1000);
	struct warden_net net = unit_net("203.0.113.1");
	struct warden_session session;

	f->policy.session_limit_network = 0;
	publish(f, UNIT_NOW);
	assert_int_equal(hold(f, "192.0.2", 200), 200);
	f->policy.session_limit_total = 40;
	publish(f, later);
	assert_int_equal(warden_session_open(f->login, unit_client(&net), 1,
					     later, &session),
			 WARDEN_ADMITTED);
}

static void test_grace_gets_shorter_step_by_step(void **state)
{
	struct fixture *f = *state;
	static const struct {
		unsigned int sessions;
		uint32_t grace;
	} steps[] = { { 0, 60 },  { 60, 60 }, { 61, 30 },
		      { 70, 15 }, { 75, 7 },  { 1000, 7 } };

	f->policy.session_limit_total = 80;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(
			warden_limits_grace(&f->policy, steps[i].sessions),
			steps[i].grace);
	}
	f->policy.session_limit_total = 0;
	assert_int_equal(warden_limits_grace(&f->policy, 1000), 60);
	f->policy.session_limit_total = 1;
	f->policy.login_grace_secs = 1;
	assert_int_equal(warden_limits_grace(&f->policy, 1), 1);
	publish(f, UNIT_NOW);
	assert_int_equal(warden_login_grace(f->login, &f->policy), 1);
}

/* --- Passwords ------------------------------------------------------------ */

static bool fail_with(struct fixture *f, const char *host, const char *user,
		      const char *password, uint64_t now)
{
	struct warden_net net = unit_net(host);
	struct warden_password tried = { user,
					 warden_secret(f->auth, password) };

	return warden_password_failed(f->auth, unit_client(&net),
				      WARDEN_AUTH_FAILED, &tried, now);
}

static void work_with(struct fixture *f, const char *host, const char *user,
		      const char *password, uint64_t now)
{
	struct warden_net net = unit_net(host);
	struct warden_password tried = { user,
					 warden_secret(f->auth, password) };

	warden_password_worked(f->auth, unit_client(&net), &tried, now);
}

static enum warden_refusal ask_with_at(struct fixture *f, const char *host,
				       const char *user, const char *password,
				       uint64_t now)
{
	struct warden_net net = unit_net(host);
	struct warden_password tried = {
		user, password == NULL ? 0 : warden_secret(f->auth, password)
	};

	return warden_check_password(f->auth, unit_client(&net), &tried, now);
}

static enum warden_refusal ask_with(struct fixture *f, const char *host,
				    const char *user, const char *password)
{
	return ask_with_at(f, host, user, password, UNIT_NOW);
}

static void test_same_wrong_password_counts_once(void **state)
{
	struct fixture *f = *state;

	publish(f, UNIT_NOW);
	for (int i = 0; i < 100; i++)
		(void)fail_with(f, "192.0.2.1", "alice", "old", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 10.0);
	(void)fail_with(f, "192.0.2.1", "alice", "other", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 20.0);
	assert_int_equal(total(f, WARDEN_TOTAL_EXCUSED, UNIT_NOW), 99);
	/* login processes know no passwords */
	assert_true(warden_secret(f->login, "old") == 0);
}

static void test_password_that_used_to_work_is_free(void **state)
{
	struct fixture *f = *state;

	publish(f, UNIT_NOW);
	work_with(f, "192.0.2.9", "alice", "old", UNIT_NOW);
	(void)fail_with(f, "192.0.2.1", "alice", "old", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 0.0);
	/* but not for somebody else */
	(void)fail_with(f, "192.0.2.1", "bob", "old", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 10.0);
}

/* Alice mistypes her new password, among others who do. */
static void test_new_password_forgives_its_own_mistakes(void **state)
{
	struct fixture *f = *state;

	publish(f, UNIT_NOW);
	(void)fail_with(f, "192.0.2.1", "bob", "guess", UNIT_NOW);
	(void)fail_with(f, "192.0.2.1", "alice", "mew", UNIT_NOW);
	(void)fail_with(f, "192.0.2.1", "alice", "nww", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 30.0);
	work_with(f, "192.0.2.1", "alice", "new", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 10.0);
	/* with one that is known nothing goes: it may be another device that
	   logs in while somebody guesses */
	(void)fail_with(f, "192.0.2.1", "alice", "guess", UNIT_NOW);
	work_with(f, "192.0.2.1", "alice", "new", UNIT_NOW);
	assert_true(points(f, "192.0.2.1", UNIT_NOW) == 20.0);
}

/* An office of ten, and a guesser in it. */
static void test_limited_host_may_use_what_worked(void **state)
{
	struct fixture *f = *state;
	char text[32];

	publish(f, UNIT_NOW);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(text, sizeof(text), "user%d", i);
		work_with(f, "192.0.2.1", text, text, UNIT_NOW);
	}
	for (int i = 0; i < 60; i++) {
		(void)snprintf(text, sizeof(text), "guess%d", i);
		(void)fail_with(f, "192.0.2.1", "user3", text, UNIT_NOW);
	}
	assert_int_equal(check(f, "192.0.2.1", UNIT_NOW), WARDEN_ADMITTED);
	assert_int_equal(ask_with(f, "192.0.2.1", "user3", "user3"),
			 WARDEN_ADMITTED);
	assert_int_equal(ask_with(f, "192.0.2.1", "user3", "guess99"),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(ask_with(f, "192.0.2.1", "stranger", "stranger"),
			 WARDEN_REFUSED_HOST);
	/* a mechanism that does not send it: who was there, and did not fail */
	assert_int_equal(ask_with(f, "192.0.2.1", "user4", NULL),
			 WARDEN_ADMITTED);
	assert_int_equal(ask_with(f, "192.0.2.1", "user3", NULL),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(ask_with(f, "192.0.2.1", "stranger", NULL),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(ask_with(f, "192.0.2.1", NULL, "user3"),
			 WARDEN_REFUSED_HOST);
}

/* Mechanisms that do not send the password: a guesser has one try a day at each
   user of his office, and each of them is himself again once he got in. */
static void test_guesser_in_an_office_with_hidden_passwords(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_password user0 = { "user0", 0 };
	uint64_t end = UNIT_NOW + (24 * 60 - 1) * UINT64_C(60000);
	unsigned int tested = 0;
	char text[32];

	f->policy.block_time_secs = f->policy.block_time_max_secs;
	publish(f, UNIT_NOW);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(text, sizeof(text), "user%d", i);
		work_with(f, "192.0.2.1", text, text, UNIT_NOW);
	}
	for (int i = 0; i < 60; i++) {
		(void)snprintf(text, sizeof(text), "guess%d", i);
		(void)fail_with(f, "192.0.2.1", "user3", text, UNIT_NOW);
	}
	for (uint64_t now = UNIT_NOW; now <= end; now += 60000) {
		struct warden_password tried = { text, 0 };

		(void)snprintf(text, sizeof(text), "user%d",
			       (int)(now / 60000 % 20));
		warden_admin_heartbeat(f->service, 1, false, now);
		if (ask_with_at(f, "192.0.2.1", text, NULL, now) !=
		    WARDEN_ADMITTED)
			continue;
		tested++;
		(void)warden_password_failed(f->auth, unit_client(&net),
					     WARDEN_AUTH_FAILED, &tried, now);
	}
	assert_int_equal(tested, 19);
	assert_int_equal(ask_with_at(f, "192.0.2.1", "user0", NULL, end),
			 WARDEN_REFUSED_HOST);
	warden_password_worked(f->auth, unit_client(&net), &user0, end);
	assert_int_equal(ask_with_at(f, "192.0.2.1", "user0", NULL, end),
			 WARDEN_ADMITTED);
}

/* A provider's /48, with customers and with a guesser who has many /64 there:
   a customer in a new /64 is no guesser. */
static void test_neighbour_of_a_guesser_with_many_64(void **state)
{
	struct fixture *f = *state;
	char text[64];

	publish(f, UNIT_NOW);
	work_with(f, "2001:db8:1:ffff::1", "alice", "secret", UNIT_NOW);
	for (unsigned int i = 1; i <= 300; i++) {
		(void)snprintf(text, sizeof(text), "2001:db8:1:%x::1", i);
		(void)fail_with(f, text, "alice", text, UNIT_NOW);
	}
	assert_int_equal(check(f, "2001:db8:1:1000::1", UNIT_NOW),
			 WARDEN_ADMITTED);
	assert_int_equal(ask_with(f, "2001:db8:1:1000::1", "alice", "secret"),
			 WARDEN_ADMITTED);
	assert_int_equal(ask_with(f, "2001:db8:1:1000::1", "alice", "guess"),
			 WARDEN_REFUSED_NETWORK);
	/* one who has the whole /48 to himself */
	for (unsigned int i = 1; i <= 300; i++) {
		(void)snprintf(text, sizeof(text), "2001:db8:2:%x::1", i);
		(void)fail_with(f, text, "alice", text, UNIT_NOW);
	}
	assert_int_equal(check(f, "2001:db8:2:1000::1", UNIT_NOW),
			 WARDEN_REFUSED_NETWORK);
}

/* --- Networks ------------------------------------------------------------- */

static void test_blocked_network(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("198.51.100.0/24");
	struct warden_error error;
	unsigned int removed;

	publish(f, UNIT_NOW);
	block_network(f, "198.51.100.0/24", UINT32_MAX);
	assert_int_equal(check(f, "198.51.100.77", UNIT_NOW),
			 WARDEN_REFUSED_NETWORK);
	assert_int_equal(check(f, "198.51.101.77", UNIT_NOW),
			 WARDEN_ADMITTED);
	assert_true(warden_admin_network_unblock(f->service, &net, &removed,
						 UNIT_NOW, &error));
	assert_int_equal(removed, 1);
	assert_int_equal(check(f, "198.51.100.77", UNIT_NOW), WARDEN_ADMITTED);
	assert_true(warden_admin_network_unblock(f->service, &net, &removed,
						 UNIT_NOW, &error));
	assert_int_equal(removed, 0);
}

static void test_blocked_network_ends(void **state)
{
	struct fixture *f = *state;
	struct warden_error error;

	publish(f, UNIT_NOW);
	block_network(f, "2001:db8::/32", (uint32_t)(UNIT_NOW / 1000) + 10);
	assert_int_equal(check(f, "2001:db8:9::1", UNIT_NOW + 9999),
			 WARDEN_REFUSED_NETWORK);
	assert_int_equal(check(f, "2001:db8:9::1", UNIT_NOW + 10000),
			 WARDEN_ADMITTED);
	assert_false(warden_admin_networks_expire(f->service, UNIT_NOW + 9999,
						  &error));
	assert_true(warden_admin_networks_expire(f->service, UNIT_NOW + 10000,
						 &error));
	assert_int_equal(warden_admin_networks(f->service)->count, 0);
}

static void test_too_many_networks(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("203.0.113.0/24");
	struct warden_error error = { "" };
	char text[WARDEN_NET_STRLEN];

	for (int i = 0; i < WARDEN_NETWORKS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		block_network(f, text, UINT32_MAX);
	}
	assert_false(warden_admin_network_block(f->service, &net, UINT32_MAX,
						UNIT_NOW, &error));
	assert_non_null(strstr(error.text, "256"));
	assert_int_equal(warden_admin_networks(f->service)->count,
			 WARDEN_NETWORKS_MAX);
	/* the same one again needs no room */
	block_network(f, "10.7.0.0/16", UINT32_MAX);
}

static void test_health_tells_service_and_room(void **state)
{
	struct fixture *f = *state;
	struct warden_health health;

	warden_admin_health(f->service, UNIT_NOW, &health);
	assert_int_equal(health.heartbeat_age_secs, UINT32_MAX);
	publish(f, UNIT_NOW);
	guess(f, "192.0.2.1", 10, UNIT_NOW);
	warden_admin_health(f->service, UNIT_NOW + 5000, &health);
	assert_int_equal(health.heartbeat_age_secs, 5);
	assert_int_equal(health.service_pid, 1);
	assert_int_equal(health.room, WARDEN_TABLE_HOSTS_MIN);
	assert_int_equal(health.used, 1);
	assert_int_equal(health.blocked, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_guesser_is_refused),
		CASE(test_one_slash_64_is_one_host),
		CASE(test_ipv4_inside_ipv6_is_the_ipv4_host),
		CASE(test_nobody_is_refused_before_a_policy_is_published),
		CASE(test_policy_of_a_silent_service_binds_nobody),
		CASE(test_exempt_network_is_neither_counted_nor_refused),
		CASE(test_the_machine_itself_is_exempt),
		CASE(test_observe_refuses_nobody_and_counts),
		CASE(test_observe_measures_itself),
		CASE(test_observed_host_that_did_nothing),
		CASE(test_new_total_knows_what_was_lost),
		CASE(test_guesser_in_an_office_with_hidden_passwords),
		CASE(test_neighbour_of_a_guesser_with_many_64),
		CASE(test_one_class_is_only_observed),
		CASE(test_one_class_is_enforced_while_the_rest_is_observed),
		CASE(test_a_class_that_is_off_costs_nothing),
		CASE(test_sessions_are_only_observed),
		CASE(test_what_is_enforced_decides),
		CASE(test_unknown_hosts_of_a_network_share_a_limit),
		CASE(test_off_counts_nothing),
		CASE(test_sessions_over_the_limit_are_refused),
		CASE(test_the_same_user_washes_his_host_clean),
		CASE(test_another_user_does_not),
		CASE(test_unknown_user_is_nobody_who_logs_in),
		CASE(test_slow_loris_leaves_room_for_known_hosts),
		CASE(test_no_host_has_all_sessions),
		CASE(test_lost_sessions_do_not_use_up_the_total),
		CASE(test_grace_gets_shorter_step_by_step),
		CASE(test_same_wrong_password_counts_once),
		CASE(test_password_that_used_to_work_is_free),
		CASE(test_new_password_forgives_its_own_mistakes),
		CASE(test_limited_host_may_use_what_worked),
		CASE(test_blocked_network),
		CASE(test_blocked_network_ends),
		CASE(test_too_many_networks),
		CASE(test_health_tells_service_and_room),
	};
	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
