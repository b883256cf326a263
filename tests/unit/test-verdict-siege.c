/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* One user under siege, as auth asks and counts: what makes a siege, who is
   refused, and what it costs whom. */

#include "unit-client.h"
#include "unit-dir.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden.h"

#define NETWORKS 20
#define DAY (24 * 3600 * UINT64_C(1000))
#define LONG_AGO (UNIT_NOW - 8 * DAY)
#define STRANGER "203.0.113.1"
#define HOME "192.0.2.1"

struct fixture {
	void *dir;
	struct warden *service, *auth;
	struct warden_policy policy;
};

static void publish(struct fixture *f, uint64_t now)
{
	warden_admin_heartbeat(f->service, 1, true, now);
	warden_admin_publish(f->service, &f->policy, now);
}

static void work(struct fixture *f, const char *host, const char *user,
		 const char *password, uint64_t now)
{
	struct warden_net net = unit_net(host);
	struct warden_password tried = { user,
					 warden_secret(f->auth, password) };

	warden_password_worked(f->auth, unit_client(&net), &tried, now);
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
	f->auth = warden_open(f->dir, WARDEN_ROLE_AUTH, 0, &error);
	if (f->service == NULL || f->auth == NULL)
		return -1;
	warden_policy_init_defaults(&f->policy);
	publish(f, LONG_AGO);
	work(f, HOME, "alice", "alice-secret", LONG_AGO);
	work(f, HOME, "bob", "bob-secret", LONG_AGO);
	publish(f, UNIT_NOW);
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

static bool fail_as(struct fixture *f, enum warden_class class,
		    const char *host, const char *user, const char *password)
{
	struct warden_net net = unit_net(host);
	struct warden_password tried = {
		user, password == NULL ? 0 : warden_secret(f->auth, password)
	};
	uint32_t siege;
	bool enforced;

	(void)warden_password_failed(f->auth, unit_client(&net), class, &tried,
				     UNIT_NOW);
	return warden_siege_began(f->auth, &siege, &enforced);
}

static enum warden_refusal ask(struct fixture *f, const char *host,
			       const char *user, const char *password)
{
	struct warden_net net = unit_net(host);
	struct warden_password tried = {
		user, password == NULL ? 0 : warden_secret(f->auth, password)
	};

	return warden_check_password(f->auth, unit_client(&net), &tried,
				     UNIT_NOW);
}

static const char *bot(unsigned int n)
{
	static char address[WARDEN_NET_STRLEN];

	(void)snprintf(address, sizeof(address), "60.%u.%u.7", n / 256,
		       n % 256);
	return address;
}

/* Returns how many sieges began. password NULL: auth does not see it, else each
   host has one of its own. */
static unsigned int besiege_as(struct fixture *f, enum warden_class class,
			       const char *user, bool seen)
{
	unsigned int began = 0;
	char password[16];

	for (unsigned int n = 0; n < NETWORKS; n++) {
		(void)snprintf(password, sizeof(password), "guess-%u", n);
		began +=
			fail_as(f, class, bot(n), user, seen ? password : NULL);
	}
	return began;
}

static unsigned int besiege(struct fixture *f, const char *user)
{
	return besiege_as(f, WARDEN_AUTH_FAILED, user, true);
}

static uint64_t total(struct fixture *f, enum warden_total total)
{
	return warden_table_total(warden_admin_table(f->service), total, 60,
				  UNIT_NOW);
}

static struct warden_host_info info_of(struct fixture *f, const char *host)
{
	struct warden_host h = unit_host(host);
	struct warden_host_info info;

	(void)warden_table_read(warden_admin_table(f->service), &h, &f->policy,
				UNIT_NOW, &info);
	return info;
}

static void test_strangers_are_refused_whatever_their_password(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(besiege(f, "alice"), 1);
	assert_int_equal(ask(f, STRANGER, "alice", "guess"),
			 WARDEN_REFUSED_SIEGE);
	/* it would be the guess that hits */
	assert_int_equal(ask(f, STRANGER, "alice", "alice-secret"),
			 WARDEN_REFUSED_SIEGE);
	assert_int_equal(ask(f, STRANGER, "alice", NULL), WARDEN_REFUSED_SIEGE);
	assert_int_equal(ask(f, HOME, "alice", "alice-secret"),
			 WARDEN_ADMITTED);
	assert_int_equal(ask(f, "192.0.2.77", "alice", NULL), WARDEN_ADMITTED);
	assert_int_equal(ask(f, STRANGER, "bob", "bob-secret"),
			 WARDEN_ADMITTED);
	assert_int_equal(ask(f, STRANGER, NULL, "guess"), WARDEN_ADMITTED);
}

static void test_refused_stranger_is_not_blocked(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host(STRANGER);
	struct warden_net net = unit_net(STRANGER);
	struct warden_event event;

	(void)besiege(f, "alice");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ask(f, STRANGER, "alice", "alice-secret"),
				 WARDEN_REFUSED_SIEGE);
	}
	assert_true(info_of(f, STRANGER).points == 0.0);
	assert_int_equal(info_of(f, STRANGER).refused, 0);
	assert_false(info_of(f, STRANGER).blocked);
	assert_int_equal(warden_check(f->auth, unit_client(&net),
				      WARDEN_STAGE_ACCEPT, UNIT_NOW),
			 WARDEN_ADMITTED);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_SIEGE), 100);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_AUTH), 0);
	/* but `why` tells */
	assert_int_equal(warden_table_events(warden_admin_table(f->service),
					     &host, UNIT_NOW, &event, 1),
			 1);
	assert_int_equal(event.class, WARDEN_ACCOUNT_ON_GUARD);
	assert_int_equal(event.protocol, WARDEN_PROTOCOL_IMAP);
	assert_int_equal(event.points, 0);
}

static void test_what_is_no_guess_makes_no_siege(void **state)
{
	struct fixture *f = *state;

	/* unknown, by the database and by us */
	assert_int_equal(besiege_as(f, WARDEN_USER_UNKNOWN, "alice", true), 0);
	assert_int_equal(besiege(f, "nobody"), 0);
	/* an old password, which devices everywhere go on with */
	for (unsigned int n = 0; n < 3 * NETWORKS; n++) {
		assert_false(fail_as(f, WARDEN_AUTH_FAILED, bot(n), "alice",
				     "alice-secret"));
	}
	/* the same again */
	for (unsigned int n = 0; n < NETWORKS - 1; n++) {
		for (int again = 0; again < 3; again++) {
			assert_false(fail_as(f, WARDEN_AUTH_FAILED, bot(n),
					     "alice", "typo"));
		}
	}
	assert_int_equal(ask(f, STRANGER, "alice", NULL), WARDEN_ADMITTED);
}

static void test_challenge_mechanisms_count_too(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(besiege_as(f, WARDEN_AUTH_FAILED, "alice", false), 1);
	assert_int_equal(ask(f, STRANGER, "alice", NULL), WARDEN_REFUSED_SIEGE);
}

static void test_exempt_client_is_neither_counted_nor_refused(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net(STRANGER), local = net;
	struct warden_password tried = { "alice", 0 };

	(void)besiege(f, "alice");
	assert_int_equal(ask(f, "127.0.0.1", "alice", "alice-secret"),
			 WARDEN_ADMITTED);
	assert_int_equal(warden_check_password(f->auth,
					       unit_client_at(&net, &local),
					       &tried, UNIT_NOW),
			 WARDEN_ADMITTED);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_SIEGE), 0);
	/* whoever comes by webmail alone is never learned, and never on
	   guard */
	work(f, "127.0.0.1", "carol", "carol-secret", LONG_AGO);
	assert_int_equal(besiege(f, "carol"), 0);
}

static void test_observe_refuses_nobody_and_counts(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net(STRANGER);
	uint32_t siege, refused, logged_in;
	bool enforced = true;

	f->policy.mode = WARDEN_MODE_OBSERVE;
	publish(f, UNIT_NOW);
	(void)besiege(f, "alice");
	(void)warden_siege_began(f->auth, &siege, &enforced);
	assert_false(enforced);
	assert_int_equal(ask(f, STRANGER, "alice", NULL), WARDEN_ADMITTED);
	assert_int_equal(total(f, WARDEN_TOTAL_WOULD_REFUSE), 1);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_SIEGE), 0);
	warden_success(f->auth, unit_client(&net), "alice", UNIT_NOW);
	warden_table_observed(warden_admin_table(f->service), WARDEN_RULE_SIEGE,
			      UNIT_NOW, &refused, &logged_in);
	assert_int_equal(refused, 1);
	assert_int_equal(logged_in, 1);
}

static void test_off_puts_nobody_on_guard(void **state)
{
	struct fixture *f = *state;

	f->policy.mode = WARDEN_MODE_OFF;
	publish(f, UNIT_NOW);
	assert_int_equal(besiege(f, "alice"), 0);
	f->policy.mode = WARDEN_MODE_ENFORCE;
	f->policy.siege_networks = 0;
	publish(f, UNIT_NOW);
	assert_int_equal(besiege(f, "alice"), 0);
	assert_int_equal(ask(f, STRANGER, "alice", NULL), WARDEN_ADMITTED);
}

static void test_silent_service_binds_nobody(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net(STRANGER);
	struct warden_password tried = { "alice", 0 };

	(void)besiege(f, "alice");
	assert_int_equal(warden_check_password(f->auth, unit_client(&net),
					       &tried,
					       UNIT_NOW + 121 * UINT64_C(1000)),
			 WARDEN_ADMITTED);
}

/* The user database is out of order, and everybody seems to guess. */
static void test_blown_fuse_begins_no_siege(void **state)
{
	struct fixture *f = *state;

	warden_admin_set_fuse(f->service, (uint32_t)(UNIT_NOW / 1000) + 60);
	assert_int_equal(besiege(f, "alice"), 0);
}

/* A client that hosts.allow may mean by its name is looked up before it is
   refused. */
static void test_name_that_may_exempt_is_asked_for(void **state)
{
	struct fixture *f = *state;
	static const char allow[] = "imap: .example.com\n";
	struct warden_rules_source source = {
		.allow = { "allow", allow, strlen(allow) },
		.deny = { "deny", "", 0 },
	};
	struct warden_rules_image image;
	struct warden_error error;
	struct warden_net net = unit_net(STRANGER);
	struct warden_client client = *unit_client(&net);
	struct warden_password tried = { "alice", 0 };

	assert_true(warden_rules_compile(&source, &image, NULL, &error));
	assert_true(
		warden_admin_publish_rules(f->service, image.data, image.size));
	warden_rules_image_free(&image);
	assert_false(
		warden_name_matters_for(f->auth, &client, &tried, UNIT_NOW));
	(void)besiege(f, "alice");
	assert_true(
		warden_name_matters_for(f->auth, &client, &tried, UNIT_NOW));
	client.name_state = WARDEN_RULES_NAME_GIVEN;
	client.name = "mail.example.com";
	assert_int_equal(
		warden_check_password(f->auth, &client, &tried, UNIT_NOW),
		WARDEN_ADMITTED);
	client.name = "mail.example.org";
	assert_int_equal(
		warden_check_password(f->auth, &client, &tried, UNIT_NOW),
		WARDEN_REFUSED_SIEGE);
}

/* What auth knows is in the file and not in the process. */
static void test_restart_of_auth_ends_no_siege(void **state)
{
	struct fixture *f = *state;
	struct warden_error error;

	(void)besiege(f, "alice");
	warden_close(&f->auth);
	f->auth = warden_open(f->dir, WARDEN_ROLE_AUTH, 0, &error);
	assert_non_null(f->auth);
	assert_int_equal(ask(f, STRANGER, "alice", NULL), WARDEN_REFUSED_SIEGE);
	assert_int_equal(ask(f, HOME, "alice", NULL), WARDEN_ADMITTED);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_strangers_are_refused_whatever_their_password),
		CASE(test_refused_stranger_is_not_blocked),
		CASE(test_what_is_no_guess_makes_no_siege),
		CASE(test_challenge_mechanisms_count_too),
		CASE(test_exempt_client_is_neither_counted_nor_refused),
		CASE(test_observe_refuses_nobody_and_counts),
		CASE(test_off_puts_nobody_on_guard),
		CASE(test_silent_service_binds_nobody),
		CASE(test_blown_fuse_begins_no_siege),
		CASE(test_name_that_may_exempt_is_asked_for),
		CASE(test_restart_of_auth_ends_no_siege),
	};

	return cmocka_run_group_tests_name("verdict-siege", tests, NULL, NULL);
}
