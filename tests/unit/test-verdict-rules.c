/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The rules of hosts.allow and hosts.deny as part of the verdict, and the part
   that the client's name has in it. */

#include "unit-guard.h"

static void publish_rules(struct unit_guard *f, const char *allow,
			  const char *deny)
{
	struct warden_rules_source source = {
		.allow = { "allow", allow, strlen(allow) },
		.deny = { "deny", deny, strlen(deny) },
	};
	struct warden_rules_image image;
	struct warden_error error;

	if (!warden_rules_compile(&source, &image, NULL, &error))
		fail_msg("%s", error.text);
	assert_true(
		warden_admin_publish_rules(f->service, image.data, image.size));
	warden_rules_image_free(&image);
}

/* A client of IMAP at 192.0.2.1. name NULL: nobody has looked it up. */
struct named {
	struct warden_net net;
	struct warden_client client;
};

static const struct warden_client *named(struct named *named_r,
					 const char *name)
{
	named_r->net = unit_net("192.0.2.1");
	named_r->client = *unit_client(&named_r->net);
	named_r->client.name = name;
	if (name != NULL)
		named_r->client.name_state = WARDEN_RULES_NAME_GIVEN;
	return &named_r->client;
}

static enum warden_refusal check(struct unit_guard *f, const char *name)
{
	struct named client;

	return warden_check(f->login, named(&client, name), WARDEN_STAGE_ACCEPT,
			    UNIT_NOW);
}

static bool matters(struct unit_guard *f, enum warden_stage stage,
		    const char *name)
{
	struct named client;

	return warden_name_matters(f->login, named(&client, name), stage,
				   UNIT_NOW);
}

static bool may_exempt(struct unit_guard *f, const char *name)
{
	struct named client;

	return warden_name_may_exempt(f->auth, named(&client, name), UNIT_NOW);
}

static bool guess(struct unit_guard *f, const char *name, int times)
{
	struct named client;
	bool began = false;

	for (int i = 0; i < times; i++) {
		began = warden_count(f->auth, named(&client, name),
				     WARDEN_AUTH_FAILED, "alice", UNIT_NOW) ||
			began;
	}
	return began;
}

static void test_no_rule_needs_no_name(void **state)
{
	struct unit_guard *f = *state;

	assert_false(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_false(may_exempt(f, NULL));
	publish_rules(f, "imap: 192.0.2.0/24\n", "ALL: ALL\n");
	assert_false(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_false(matters(f, WARDEN_STAGE_AUTH, NULL));
	assert_false(may_exempt(f, NULL));
}

static void test_name_in_hosts_deny(void **state)
{
	struct unit_guard *f = *state;

	publish_rules(f, "", "imap: .bad.example\n");
	assert_true(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_true(matters(f, WARDEN_STAGE_SESSION, NULL));
	/* auth does not ask the rules, only whether hosts.allow exempts */
	assert_false(matters(f, WARDEN_STAGE_AUTH, NULL));
	assert_false(may_exempt(f, NULL));
	/* it was looked up */
	assert_false(matters(f, WARDEN_STAGE_ACCEPT, "host.bad.example"));
	assert_int_equal(check(f, NULL), WARDEN_ADMITTED);
	assert_int_equal(check(f, "host.bad.example"), WARDEN_REFUSED_RULE);
	assert_int_equal(check(f, "host.good.example"), WARDEN_ADMITTED);
}

static void test_who_is_refused_anyway_needs_no_name(void **state)
{
	struct unit_guard *f = *state;

	publish_rules(f, "", "imap: .bad.example\n");
	assert_true(guess(f, NULL, 10));
	assert_false(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	publish_rules(f, "", "imap: 192.0.2.1\nimap: .bad.example\n");
	assert_false(matters(f, WARDEN_STAGE_ACCEPT, NULL));
}

static void test_name_in_hosts_allow_exempts(void **state)
{
	struct unit_guard *f = *state;

	publish_rules(f, "imap: .good.example\n", "");
	assert_true(may_exempt(f, NULL));
	assert_true(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_false(guess(f, "host.good.example", 20));
	assert_false(matters(f, WARDEN_STAGE_AUTH, NULL));
	assert_true(guess(f, "host.bad.example", 10));
	/* now it would help to have the right one */
	assert_true(matters(f, WARDEN_STAGE_AUTH, NULL));
	assert_true(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_int_equal(check(f, NULL), WARDEN_REFUSED_HOST);
	assert_int_equal(check(f, "host.bad.example"), WARDEN_REFUSED_HOST);
	assert_int_equal(check(f, "host.good.example"), WARDEN_ADMITTED);
}

static void test_who_is_exempt_still_has_to_obey_rules(void **state)
{
	struct unit_guard *f = *state;

	f->policy.exempt[0] = unit_net("192.0.2.0/24");
	warden_admin_publish(f->service, &f->policy, UNIT_NOW);
	publish_rules(f, "imap: .good.example\n", "imap: .bad.example\n");
	assert_false(may_exempt(f, NULL));
	assert_true(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_int_equal(check(f, "host.bad.example"), WARDEN_REFUSED_RULE);
}

static void test_nothing_in_force_needs_no_name(void **state)
{
	struct unit_guard *f = *state;

	publish_rules(f, "imap: .good.example\n", "imap: .bad.example\n");
	f->policy.mode = WARDEN_MODE_OFF;
	warden_admin_publish(f->service, &f->policy, UNIT_NOW);
	assert_false(matters(f, WARDEN_STAGE_ACCEPT, NULL));
	assert_false(may_exempt(f, NULL));
}

static void test_waiting_sessions_are_limited(void **state)
{
	struct unit_guard *f = *state;
	struct warden_session sessions[3];
	struct named client;

	publish_rules(f, "", "imap: .bad.example\n");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			warden_session_wait(f->login, named(&client, NULL), 1,
					    UNIT_NOW, &sessions[i]),
			i < 2 ? WARDEN_ADMITTED : WARDEN_REFUSED_SESSIONS);
	}
	warden_session_close(f->login, &sessions[0]);
	assert_int_equal(warden_session_wait(f->login, named(&client, NULL), 1,
					     UNIT_NOW, &sessions[0]),
			 WARDEN_ADMITTED);
	warden_session_close(f->login, &sessions[0]);
	warden_session_close(f->login, &sessions[1]);
	/* whom hosts.allow means is not counted, as soon as that is known */
	publish_rules(f, "imap: .good.example\n", "");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			warden_session_open(f->login,
					    named(&client, "a.good.example"), 1,
					    UNIT_NOW, &sessions[i]),
			WARDEN_ADMITTED);
		warden_session_close(f->login, &sessions[i]);
	}
}

/* --- Names that the service has found -------------------------------------- */

static void name_add(struct warden_named *named, const char *address,
		     uint32_t protocols)
{
	named->hosts[named->count++] = (struct warden_named_host){
		.addr = unit_net(address),
		.protocols = protocols,
	};
}

static void publish_named(struct unit_guard *f, const char *address,
			  uint32_t protocols)
{
	struct warden_named named = { .count = 0 };

	name_add(&named, "198.51.100.1", UINT32_MAX);
	name_add(&named, address, protocols);
	warden_admin_publish_named(f->service, &named);
}

static enum warden_refusal check_by(struct unit_guard *f,
				    enum warden_protocol protocol)
{
	struct warden_net net = unit_net("192.0.2.1");

	return warden_check(f->login, unit_client_by(&net, protocol),
			    WARDEN_STAGE_AUTH, UNIT_NOW);
}

#define FOR_SSH (UINT32_C(1) << WARDEN_PROTOCOL_SSH)
#define FOR_IMAP (UINT32_C(1) << WARDEN_PROTOCOL_IMAP)

static void test_published_name_exempts_for_its_service(void **state)
{
	struct unit_guard *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	const struct warden_client *client =
		unit_client_by(&net, WARDEN_PROTOCOL_SSH);
	struct warden_client asked = *client;

	publish_rules(f,
		      "sshd: .good.example\n"
		      "imap, vsftpd: .other.example\n",
		      "");
	assert_true(guess(f, NULL, 10));
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
	publish_named(f, "192.0.2.1", FOR_SSH);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_ADMITTED);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_IMAP),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_FTP), WARDEN_REFUSED_HOST);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_OTHER),
			 WARDEN_REFUSED_HOST);
	/* nor is anything of it counted */
	assert_false(warden_name_may_exempt(f->auth, client, UNIT_NOW));
	assert_false(warden_count(f->auth, client, WARDEN_AUTH_FAILED, "alice",
				  UNIT_NOW));
	assert_int_equal(
		warden_table_total(warden_admin_table(f->service),
				   (enum warden_total)WARDEN_AUTH_FAILED, 60,
				   UNIT_NOW),
		10);
	/* who has asked himself knows better */
	asked.name_state = WARDEN_RULES_NAME_UNKNOWN;
	assert_int_equal(
		warden_check(f->login, &asked, WARDEN_STAGE_AUTH, UNIT_NOW),
		WARDEN_REFUSED_HOST);
	publish_named(f, "192.0.2.2", FOR_SSH);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
}

static void test_published_name_ends_with_its_rule(void **state)
{
	struct unit_guard *f = *state;

	publish_rules(f, "sshd, imap: .good.example\n", "");
	assert_true(guess(f, NULL, 10));
	publish_named(f, "192.0.2.1", FOR_SSH | FOR_IMAP);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_ADMITTED);
	/* others, and who they mean by name is not known yet */
	publish_rules(f, "sshd: .bad.example\n", "");
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
	/* a list that says too much */
	publish_named(f, "192.0.2.1", FOR_SSH | FOR_IMAP);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_IMAP),
			 WARDEN_REFUSED_HOST);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_ADMITTED);
	publish_rules(f, "", "");
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
}

static void test_published_noise_exempts_nobody(void **state)
{
	struct unit_guard *f = *state;
	static struct warden_named named;

	publish_rules(f, "sshd: .good.example\n", "");
	assert_true(guess(f, NULL, 10));
	memset(&named, 0xff, sizeof(named));
	warden_admin_publish_named(f->service, &named);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
	for (uint32_t count = WARDEN_NAMED_MAX - 1;
	     count < WARDEN_NAMED_MAX + 3; count++) {
		named.count = count;
		warden_admin_publish_named(f->service, &named);
		assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH),
				 WARDEN_REFUSED_HOST);
	}
	/* behind the end there is nobody */
	memset(&named, 0, sizeof(named));
	name_add(&named, "192.0.2.1", FOR_SSH);
	named.count = 0;
	warden_admin_publish_named(f->service, &named);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
	/* a network is no address */
	name_add(&named, "192.0.2.0/24", FOR_SSH);
	warden_admin_publish_named(f->service, &named);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_REFUSED_HOST);
	/* the last place is one */
	memset(&named, 0, sizeof(named));
	named.count = WARDEN_NAMED_MAX - 1;
	name_add(&named, "192.0.2.1", FOR_SSH);
	warden_admin_publish_named(f->service, &named);
	assert_int_equal(check_by(f, WARDEN_PROTOCOL_SSH), WARDEN_ADMITTED);
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, unit_guard_setup, \
					unit_guard_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_rule_needs_no_name),
		TEST(test_name_in_hosts_deny),
		TEST(test_who_is_refused_anyway_needs_no_name),
		TEST(test_name_in_hosts_allow_exempts),
		TEST(test_who_is_exempt_still_has_to_obey_rules),
		TEST(test_nothing_in_force_needs_no_name),
		TEST(test_waiting_sessions_are_limited),
		TEST(test_published_name_exempts_for_its_service),
		TEST(test_published_name_ends_with_its_rule),
		TEST(test_published_noise_exempts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
