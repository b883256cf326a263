/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Where a client comes from, and who else comes from there. */

#include "unit-guard.h"
#include "warden-layout.h"
#include "warden-neighbours.h"
#include "warden-origins.h"

#define BOT_AS 64500
#define HOME_AS 64501

static uint32_t country(const char *letters)
{
	return warden_country_parse(letters, strlen(letters));
}

/* 10/8 is AS64500 in XA, 11/8 AS64501 in XB, 2001:db8::/32 AS64500 in XA. */
static void publish_origins(struct unit_guard *guard)
{
	const uint32_t bots = warden_origin_pack(country("XA"), BOT_AS);
	const uint32_t home = warden_origin_pack(country("XB"), HOME_AS);
	struct warden_origins_list list = { .inet = { .count = 0 } };
	void *image;
	size_t size;

	assert_true(warden_origin_runs_add(&list.inet, 10u << 24, bots));
	assert_true(warden_origin_runs_add(&list.inet, 11u << 24, home));
	assert_true(warden_origin_runs_add(&list.inet, 12u << 24, 0));
	assert_true(warden_origin_runs_add(&list.inet6,
					   UINT64_C(0x20010db800000000), bots));
	assert_true(warden_origin_runs_add(&list.inet6,
					   UINT64_C(0x20010db900000000), 0));
	size = warden_origins_image_size(&list);
	image = test_malloc(size);
	warden_origins_image_write(&list, image);
	assert_int_equal(
		warden_admin_publish_origins(guard->service, image, size),
		WARDEN_ADMIN_ROOM_ENOUGH);
	test_free(image);
	warden_origins_list_free(&list);
}

static int setup(void **state)
{
	if (unit_guard_setup(state) < 0)
		return -1;
	publish_origins(*state);
	return 0;
}

static void publish(struct unit_guard *guard)
{
	warden_admin_publish(guard->service, &guard->policy, UNIT_NOW);
}

/* count hosts, the first 10.0.0.1, or others by step and base. */
static void block_hosts(struct unit_guard *guard, uint32_t first, uint32_t step,
			unsigned int count, enum warden_class reason)
{
	struct warden_host host = { .family = WARDEN_INET };

	for (unsigned int i = 0; i < count; i++) {
		host.key = first + i * step;
		assert_true(warden_table_block(
			warden_admin_table(guard->service), &host,
			(uint32_t)(UNIT_NOW / 1000) + 600, 1, reason, 0,
			UNIT_NOW));
	}
}

static void make_known(struct unit_guard *guard, uint32_t first, uint32_t step,
		       unsigned int count)
{
	struct warden_host host = { .family = WARDEN_INET };

	for (unsigned int i = 0; i < count; i++) {
		host.key = first + i * step;
		warden_table_set_known(warden_admin_table(guard->service),
				       &host, (uint32_t)(UNIT_NOW / 1000) - 60,
				       1, UNIT_NOW);
	}
}

#define IPV4(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define NEXT_NETWORK 256 /* a host in each /24 */

static void look(struct unit_guard *guard, struct warden_neighbourhoods *list_r)
{
	struct warden_neighbours *neighbours = warden_neighbours_create();

	assert_non_null(neighbours);
	warden_neighbours_count(neighbours, guard->service, &guard->policy,
				UNIT_NOW, list_r);
	warden_neighbours_free(&neighbours);
}

/* What is published, as one text: "AS64500=10x2 ..." */
static const char *looks_like(struct unit_guard *guard)
{
	static char text[1024];
	struct warden_neighbourhoods list;
	size_t len = 0;

	look(guard, &list);
	warden_admin_publish_neighbourhoods(guard->service, &list);
	text[0] = '\0';
	for (uint32_t i = 0; i < list.count && len < sizeof(text); i++) {
		char name[WARDEN_NEIGHBOURHOOD_STRLEN];

		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s=%ux%u",
			i == 0 ? "" : " ",
			warden_neighbourhood_format(list.list[i].key, name),
			list.list[i].blocked, list.list[i].factor);
	}
	return text;
}

/* Points of one wrong password from there. */
static uint32_t weight_of(struct unit_guard *guard, const char *addr)
{
	const struct warden_password password = { .user = "nobody" };
	struct warden_net net = unit_net(addr);
	struct warden_host host = unit_host(addr);
	struct warden_host_info before, after;

	(void)warden_table_read(warden_admin_table(guard->service), &host,
				&guard->policy, UNIT_NOW, &before);
	(void)warden_password_failed(guard->auth, unit_client(&net),
				     WARDEN_AUTH_FAILED, &password, UNIT_NOW);
	(void)warden_table_read(warden_admin_table(guard->service), &host,
				&guard->policy, UNIT_NOW, &after);
	return (uint32_t)(after.points - before.points + 0.5);
}

static enum warden_refusal check(struct unit_guard *guard, const char *addr,
				 enum warden_protocol protocol,
				 enum warden_stage stage)
{
	struct warden_net net = unit_net(addr);

	return warden_check(guard->login, unit_client_by(&net, protocol), stage,
			    UNIT_NOW);
}

static enum warden_refusal connect_from(struct unit_guard *guard,
					const char *addr)
{
	return check(guard, addr, WARDEN_PROTOCOL_IMAP, WARDEN_STAGE_ACCEPT);
}

/* --- Neighbourhoods ------------------------------------------------------- */

static void two_blocked_hosts_are_no_neighbourhood(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 2, WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "");
	assert_int_equal(weight_of(guard, "10.0.0.9"), 10);
}

static void three_blocked_hosts_of_a_network_weigh_on_the_fourth(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 3, WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "10.0.0.0/24=3x2");
	assert_int_equal(weight_of(guard, "10.0.0.9"), 20);
	assert_int_equal(weight_of(guard, "10.0.1.9"), 10);
}

static void ten_blocked_hosts_of_an_as_weigh_on_all_of_it(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), NEXT_NETWORK, 10,
		    WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "AS64500=10x2");
	assert_int_equal(weight_of(guard, "10.99.0.1"), 20);
	assert_int_equal(weight_of(guard, "2001:db8:7::1"), 20);
	assert_int_equal(weight_of(guard, "11.0.0.1"), 10);
}

static void more_blocked_hosts_weigh_more_up_to_the_factor(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), NEXT_NETWORK, 55,
		    WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "AS64500=55x4 country XA=55x2");
	assert_int_equal(weight_of(guard, "10.99.0.1"), 40);
	guard->policy.neighbour_factor = 3;
	publish(guard);
	assert_string_equal(looks_like(guard), "AS64500=55x3 country XA=55x2");
	assert_int_equal(weight_of(guard, "10.99.0.2"), 30);
}

static void a_factor_of_one_is_off(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 40, WARDEN_AUTH_FAILED);
	assert_string_not_equal(looks_like(guard), "");
	guard->policy.neighbour_factor = 1;
	publish(guard);
	/* what a service of before has published does not count either */
	assert_int_equal(weight_of(guard, "10.0.0.99"), 10);
	assert_string_equal(looks_like(guard), "");
}

static void who_is_known_does_not_suffer_from_neighbours(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), NEXT_NETWORK, 40,
		    WARDEN_AUTH_FAILED);
	make_known(guard, IPV4(10, 77, 0, 1), 1, 1);
	assert_string_equal(looks_like(guard), "AS64500=40x4");
	assert_int_equal(weight_of(guard, "10.77.0.1"), 10);
	/* nor who is next door to one that is known */
	assert_int_equal(weight_of(guard, "10.77.0.2"), 10);
	assert_int_equal(weight_of(guard, "10.78.0.1"), 40);
}

static void where_the_users_are_nothing_weighs_more(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(11, 0, 0, 1), NEXT_NETWORK, 60,
		    WARDEN_AUTH_FAILED);
	make_known(guard, IPV4(11, 200, 0, 1), NEXT_NETWORK, 59);
	assert_string_equal(looks_like(guard), "AS64501=60x4 country XB=60x2");
	make_known(guard, IPV4(11, 201, 0, 1), NEXT_NETWORK, 1);
	assert_string_equal(looks_like(guard), "");
}

static void blocks_by_hand_are_nobodys_fault(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 40, WARDEN_MANUAL);
	assert_string_equal(looks_like(guard), "");
}

static void exempt_hosts_are_not_counted(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 40, WARDEN_AUTH_FAILED);
	guard->policy.exempt[guard->policy.exempt_count++] =
		unit_net("10.0.0.0/8");
	assert_string_equal(looks_like(guard), "");
}

static void when_the_blocks_end_it_is_over(void **state)
{
	struct unit_guard *guard = *state;
	struct warden_host host = { .family = WARDEN_INET };

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 3, WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "10.0.0.0/24=3x2");
	host.key = IPV4(10, 0, 0, 2);
	assert_true(warden_table_unblock(warden_admin_table(guard->service),
					 &host, UNIT_NOW));
	assert_string_equal(looks_like(guard), "");
	assert_int_equal(weight_of(guard, "10.0.0.9"), 10);
}

static void networks_are_told_without_a_database(void **state)
{
	struct unit_guard *guard = *state;

	assert_int_equal(warden_admin_publish_origins(guard->service, NULL, 0),
			 WARDEN_ADMIN_ROOM_ENOUGH);
	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 12, WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "10.0.0.0/24=12x4");
}

/* More than can be published: those with most blocked hosts are. */
static void the_worst_neighbourhoods_are_published(void **state)
{
	struct unit_guard *guard = *state;
	struct warden_neighbourhoods list;
	const struct warden_neighbourhood *found;
	struct warden_net net = unit_net("10.200.0.1");

	for (uint32_t i = 0; i < WARDEN_NEIGHBOURHOODS_MAX + 20; i++) {
		block_hosts(guard, IPV4(10, 0, 0, 1) + i * NEXT_NETWORK, 1, 3,
			    WARDEN_AUTH_FAILED);
	}
	block_hosts(guard, IPV4(10, 200, 0, 1), 1, 24, WARDEN_AUTH_FAILED);
	look(guard, &list);
	assert_int_equal(list.count, WARDEN_NEIGHBOURHOODS_MAX);
	for (uint32_t i = 1; i < list.count; i++)
		assert_true(list.list[i - 1].key < list.list[i].key);
	found = warden_neighbourhoods_find(&list, &net, 0);
	assert_non_null(found);
	assert_int_equal(found->blocked, 24);
}

static void noise_in_the_list_finds_nothing_outside(void **state)
{
	struct warden_neighbourhoods list;
	struct warden_net net = unit_net("10.0.0.1");

	(void)state;
	memset(&list, 0xff, sizeof(list));
	assert_null(warden_neighbourhoods_find(&list, &net, UINT32_MAX));
}

/* --- Countries ------------------------------------------------------------ */

static void a_refused_country_is_refused_before_any_password(void **state)
{
	struct unit_guard *guard = *state;

	warden_policy_add_country(guard->policy.countries_refused,
				  country("XA"));
	publish(guard);
	assert_int_equal(connect_from(guard, "10.1.2.3"),
			 WARDEN_REFUSED_COUNTRY);
	assert_int_equal(check(guard, "10.1.2.3", WARDEN_PROTOCOL_SMTP,
			       WARDEN_STAGE_AUTH),
			 WARDEN_REFUSED_COUNTRY);
	assert_int_equal(connect_from(guard, "2001:db8::1"),
			 WARDEN_REFUSED_COUNTRY);
	assert_int_equal(connect_from(guard, "11.1.2.3"), WARDEN_ADMITTED);
	assert_int_equal(warden_table_total(warden_admin_table(guard->service),
					    WARDEN_TOTAL_REFUSED_COUNTRY, 60,
					    UNIT_NOW),
			 3);
}

static void all_but_the_allowed_countries_are_refused(void **state)
{
	struct unit_guard *guard = *state;

	warden_policy_add_country(guard->policy.countries_allowed,
				  country("XB"));
	guard->policy.only_allowed = 1;
	publish(guard);
	assert_int_equal(connect_from(guard, "10.1.2.3"),
			 WARDEN_REFUSED_COUNTRY);
	assert_int_equal(connect_from(guard, "11.1.2.3"), WARDEN_ADMITTED);
}

static void an_address_without_a_country_is_let_in(void **state)
{
	struct unit_guard *guard = *state;

	guard->policy.only_allowed = 1;
	publish(guard);
	assert_int_equal(connect_from(guard, "192.168.1.1"), WARDEN_ADMITTED);
	assert_int_equal(connect_from(guard, "11.1.2.3"),
			 WARDEN_REFUSED_COUNTRY);
	/* without a database nobody has one */
	assert_int_equal(warden_admin_publish_origins(guard->service, NULL, 0),
			 WARDEN_ADMIN_ROOM_ENOUGH);
	assert_int_equal(connect_from(guard, "11.1.2.3"), WARDEN_ADMITTED);
}

static void who_is_exempt_may_come_from_anywhere(void **state)
{
	struct unit_guard *guard = *state;

	warden_policy_add_country(guard->policy.countries_refused,
				  country("XA"));
	guard->policy.exempt[guard->policy.exempt_count++] =
		unit_net("10.5.0.0/16");
	publish(guard);
	assert_int_equal(connect_from(guard, "10.5.2.3"), WARDEN_ADMITTED);
	assert_int_equal(connect_from(guard, "10.6.2.3"),
			 WARDEN_REFUSED_COUNTRY);
}

static void sshd_is_open_to_an_admin_on_a_journey(void **state)
{
	struct unit_guard *guard = *state;
	struct warden_net net = unit_net("10.1.2.3");
	struct warden_error error;
	struct warden *pam;

	warden_policy_add_country(guard->policy.countries_refused,
				  country("XA"));
	publish(guard);
	pam = warden_open(guard->dir, WARDEN_ROLE_PAM, 0, &error);
	assert_non_null(pam);
	/* whatever the service is called */
	for (int protocol = 0; protocol < WARDEN_PROTOCOL_COUNT; protocol++) {
		assert_int_equal(warden_check(pam,
					      unit_client_by(&net, protocol),
					      WARDEN_STAGE_AUTH, UNIT_NOW),
				 WARDEN_ADMITTED);
	}
	warden_close(&pam);
}

/* Who has one network is not his whole AS. */
static void blocked_hosts_of_one_network_are_three_in_its_as(void **state)
{
	struct unit_guard *guard = *state;

	block_hosts(guard, IPV4(10, 0, 0, 1), 1, 60, WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "10.0.0.0/24=60x4");
	block_hosts(guard, IPV4(10, 0, 1, 1), 1, 60, WARDEN_AUTH_FAILED);
	block_hosts(guard, IPV4(10, 0, 2, 1), 1, 60, WARDEN_AUTH_FAILED);
	block_hosts(guard, IPV4(10, 0, 3, 1), 1, 1, WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard),
			    "10.0.0.0/24=60x4 10.0.1.0/24=60x4 "
			    "10.0.2.0/24=60x4 AS64500=10x2");
}

/* A user who errs twice and then logs in with a new password gets back what it
   cost him, and not a part of it. */
static void what_errors_cost_is_forgiven_with_its_weight(void **state)
{
	struct unit_guard *guard = *state;
	struct warden_password password = { .user = "alice" };
	struct warden_net net = unit_net("10.99.0.1");
	struct warden_host host = unit_host("10.99.0.1");
	struct warden_host_info info;

	block_hosts(guard, IPV4(10, 0, 0, 1), NEXT_NETWORK, 10,
		    WARDEN_AUTH_FAILED);
	assert_string_equal(looks_like(guard), "AS64500=10x2");
	password.secret = warden_secret(guard->auth, "wrong");
	(void)warden_password_failed(guard->auth, unit_client(&net),
				     WARDEN_AUTH_FAILED, &password, UNIT_NOW);
	password.user = "bob";
	(void)warden_password_failed(guard->auth, unit_client(&net),
				     WARDEN_AUTH_FAILED, &password, UNIT_NOW);
	password.secret = warden_secret(guard->auth, "right");
	warden_password_worked(guard->auth, unit_client(&net), &password,
			       UNIT_NOW);
	assert_true(warden_table_read(warden_admin_table(guard->service), &host,
				      &guard->policy, UNIT_NOW, &info));
	/* alice's are left */
	assert_int_equal((int)(info.points + 0.5), 20);
}

static void a_country_can_be_observed(void **state)
{
	struct unit_guard *guard = *state;
	uint32_t refused, logged_in;

	warden_policy_add_country(guard->policy.countries_refused,
				  country("XA"));
	guard->policy.rule_modes[WARDEN_RULE_COUNTRY] = WARDEN_MODE_OBSERVE + 1;
	publish(guard);
	assert_int_equal(connect_from(guard, "10.1.2.3"), WARDEN_ADMITTED);
	warden_table_observed(warden_admin_table(guard->service),
			      WARDEN_RULE_COUNTRY, UNIT_NOW, &refused,
			      &logged_in);
	assert_int_equal(refused, 1);
}

#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, setup, unit_guard_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(two_blocked_hosts_are_no_neighbourhood),
		CASE(three_blocked_hosts_of_a_network_weigh_on_the_fourth),
		CASE(ten_blocked_hosts_of_an_as_weigh_on_all_of_it),
		CASE(more_blocked_hosts_weigh_more_up_to_the_factor),
		CASE(a_factor_of_one_is_off),
		CASE(who_is_known_does_not_suffer_from_neighbours),
		CASE(where_the_users_are_nothing_weighs_more),
		CASE(blocks_by_hand_are_nobodys_fault),
		CASE(exempt_hosts_are_not_counted),
		CASE(when_the_blocks_end_it_is_over),
		CASE(networks_are_told_without_a_database),
		CASE(blocked_hosts_of_one_network_are_three_in_its_as),
		CASE(what_errors_cost_is_forgiven_with_its_weight),
		CASE(the_worst_neighbourhoods_are_published),
		CASE(noise_in_the_list_finds_nothing_outside),
		CASE(a_refused_country_is_refused_before_any_password),
		CASE(all_but_the_allowed_countries_are_refused),
		CASE(an_address_without_a_country_is_let_in),
		CASE(who_is_exempt_may_come_from_anywhere),
		CASE(sshd_is_open_to_an_admin_on_a_journey),
		CASE(a_country_can_be_observed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
