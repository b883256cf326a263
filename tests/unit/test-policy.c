/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A policy is copied out of shared memory: every number outside its range
   must be seen, and nothing may be read past the end before that. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "unit.h"
#include "warden-policy.h"

static void the_defaults_are_valid_and_as_documented(void **state)
{
	struct warden_policy policy;
	unsigned int i;

	(void)state;
	memset(&policy, 0xa5, sizeof(policy));
	warden_policy_init_defaults(&policy);
	assert_true(warden_policy_is_valid(&policy));
	assert_int_equal(policy.mode, WARDEN_MODE_ENFORCE);
	assert_int_equal(policy.session_limit, 10);
	assert_int_equal(policy.session_limit_total, 0);
	assert_int_equal(policy.login_grace_secs, 60);
	assert_int_equal(policy.fail_limit, 100);
	assert_int_equal(policy.fail_window_secs, 600);
	assert_int_equal(policy.block_time_secs, 1800);
	assert_int_equal(policy.block_time_max_secs, 604800);
	assert_int_equal(policy.known_time_secs, 2592000);
	assert_int_equal(policy.dns_timeout_secs, 2);
	assert_int_equal(policy.siege_networks, 20);
	assert_int_equal(policy.siege_secs, 3600);
	assert_int_equal(policy.siege_learn_secs, 604800);
	assert_int_equal(policy.ipv4_prefix, 32);
	assert_int_equal(policy.ipv6_prefix, 64);
	assert_int_equal(policy.deny_private, 0);
	for (i = 0; i < WARDEN_CLASS_COUNT; i++) {
		assert_int_equal(policy.points[i], warden_class_default_points(
			(enum warden_class)i));
	}
	/* the same bytes each time: they are compared and copied as words */
	for (i = policy.exempt_count; i < WARDEN_EXEMPT_MAX; i++)
		assert_int_equal(policy.exempt[i].family, 0);
}

#define FIELD(name) #name, offsetof(struct warden_policy, name)

static const struct {
	const char *name;
	size_t offset;
	uint32_t min, max;
} ranges[] = {
	{ FIELD(mode), 0, 2 },
	{ FIELD(session_limit), 0, 200 },
	{ FIELD(session_limit_network), 0, 200 },
	{ FIELD(session_limit_total), 0, 50000 },
	{ FIELD(login_grace_secs), 1, 180 },
	{ FIELD(fail_limit), 1, 100000 },
	{ FIELD(fail_window_secs), 1, 31622400 },
	{ FIELD(block_time_secs), 1, 604800 }, /* the max's default */
	{ FIELD(block_time_max_secs), 1800, 31622400 },
	{ FIELD(known_time_secs), 0, 31622400 },
	{ FIELD(ipv4_prefix), 8, 32 },
	{ FIELD(ipv6_prefix), 16, 64 },
	{ FIELD(deny_private), 0, 1 },
	{ FIELD(dns_timeout_secs), 1, 10 },
	{ FIELD(siege_networks), 5, 60 },
	{ FIELD(siege_secs), 1, 86400 },
	{ FIELD(siege_learn_secs), 0, 31622400 },
	{ FIELD(exempt_count), 0, 512 },
	{ FIELD(neighbour_factor), 1, 10 },
	{ FIELD(only_allowed), 0, 1 },
};

static bool valid_with(size_t offset, uint32_t value)
{
	struct warden_policy policy;
	unsigned int i;

	warden_policy_init_defaults(&policy);
	for (i = policy.exempt_count; i < WARDEN_EXEMPT_MAX; i++)
		policy.exempt[i].family = WARDEN_INET;
	memcpy((char *)&policy + offset, &value, sizeof(value));
	return warden_policy_is_valid(&policy);
}

static void a_number_outside_its_range_is_seen(void **state)
{
	size_t i, offset = 0;

	(void)state;
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint32_t min = ranges[i].min, max = ranges[i].max;

		/* no field before the points is left out */
		assert_int_equal(ranges[i].offset, offset);
		offset += sizeof(uint32_t);
		if (!valid_with(ranges[i].offset, min) ||
		    !valid_with(ranges[i].offset, max))
			fail_msg("%s: an end of its range is refused",
				 ranges[i].name);
		if (valid_with(ranges[i].offset, max + 1) ||
		    valid_with(ranges[i].offset, UINT32_MAX) ||
		    (min > 0 && valid_with(ranges[i].offset, min - 1)))
			fail_msg("%s: outside of its range is taken",
				 ranges[i].name);
	}
	assert_int_equal(offset, offsetof(struct warden_policy, points));
}

static void a_rule_has_its_own_mode_unless_all_is_off(void **state)
{
	struct warden_policy policy;

	(void)state;
	warden_policy_init_defaults(&policy);
	for (unsigned int i = 0; i < WARDEN_RULES_ROOM; i++) {
		assert_int_equal(warden_policy_rule_mode(&policy, i),
				 WARDEN_MODE_ENFORCE);
		policy.rule_modes[i] = WARDEN_MODE_ENFORCE + 2;
		assert_false(warden_policy_is_valid(&policy));
		policy.rule_modes[i] = WARDEN_MODE_OBSERVE + 1;
		assert_true(warden_policy_is_valid(&policy));
		assert_int_equal(warden_policy_rule_mode(&policy, i),
				 WARDEN_MODE_OBSERVE);
		policy.rule_modes[i] = 0;
	}
	policy.rule_modes[WARDEN_RULE_SESSIONS] = WARDEN_MODE_ENFORCE + 1;
	policy.mode = WARDEN_MODE_OBSERVE;
	assert_int_equal(warden_policy_rule_mode(&policy, WARDEN_RULE_SESSIONS),
			 WARDEN_MODE_ENFORCE);
	assert_int_equal(warden_policy_rule_mode(&policy, WARDEN_IDLE),
			 WARDEN_MODE_OBSERVE);
	policy.mode = WARDEN_MODE_OFF;
	assert_int_equal(warden_policy_rule_mode(&policy, WARDEN_RULE_SESSIONS),
			 WARDEN_MODE_OFF);
	/* noise */
	assert_int_equal(warden_policy_rule_mode(&policy, UINT32_MAX),
			 WARDEN_MODE_OFF);
}

static void what_is_observed_counts_only_where_nothing_is_enforced(void **state)
{
	struct warden_policy policy;

	(void)state;
	warden_policy_init_defaults(&policy);
	assert_false(warden_policy_is_mixed(&policy));
	policy.rule_modes[WARDEN_IDLE] = WARDEN_MODE_OBSERVE + 1;
	assert_true(warden_policy_is_mixed(&policy));
	assert_int_equal(warden_policy_points(&policy, WARDEN_IDLE), 0);
	assert_int_equal(warden_policy_points(&policy, WARDEN_AUTH_FAILED), 10);
	policy.mode = WARDEN_MODE_OBSERVE;
	assert_false(warden_policy_is_mixed(&policy));
	assert_int_equal(warden_policy_points(&policy, WARDEN_IDLE), 1);
	policy.rule_modes[WARDEN_IDLE] = WARDEN_MODE_OFF + 1;
	assert_int_equal(warden_policy_points(&policy, WARDEN_IDLE), 0);
	policy.rule_modes[WARDEN_IDLE] = WARDEN_MODE_ENFORCE + 1;
	assert_true(warden_policy_is_mixed(&policy));
	assert_int_equal(warden_policy_points(&policy, WARDEN_AUTH_FAILED), 0);
}

static void points_out_of_range_are_seen(void **state)
{
	struct warden_policy policy;
	unsigned int i;

	(void)state;
	for (i = 0; i < 16; i++) {
		unsigned int max = warden_class_is_event(i) ? 1000 : 0;

		warden_policy_init_defaults(&policy);
		policy.points[i] = (uint16_t)max;
		assert_true(warden_policy_is_valid(&policy));
		policy.points[i] = (uint16_t)(max + 1);
		assert_false(warden_policy_is_valid(&policy));
		policy.points[i] = UINT16_MAX;
		assert_false(warden_policy_is_valid(&policy));
	}
}

static bool valid_with_exempt(uint32_t at, unsigned int family,
			      unsigned int bits)
{
	struct warden_policy policy;
	uint32_t i;

	warden_policy_init_defaults(&policy);
	policy.exempt_count = WARDEN_EXEMPT_MAX;
	for (i = 0; i < WARDEN_EXEMPT_MAX; i++) {
		policy.exempt[i].family = WARDEN_INET;
		policy.exempt[i].bits = 32;
	}
	policy.exempt[at].family = (uint8_t)family;
	policy.exempt[at].bits = (uint8_t)bits;
	return warden_policy_is_valid(&policy);
}

static void a_bad_exempt_network_is_seen(void **state)
{
	static const uint32_t places[] = { 0, 1, 300, WARDEN_EXEMPT_MAX - 1 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_true(valid_with_exempt(places[i], 4, 0));
		assert_true(valid_with_exempt(places[i], 4, 32));
		assert_false(valid_with_exempt(places[i], 4, 33));
		assert_true(valid_with_exempt(places[i], 6, 0));
		assert_true(valid_with_exempt(places[i], 6, 128));
		assert_false(valid_with_exempt(places[i], 6, 129));
		assert_false(valid_with_exempt(places[i], 0, 0));
		assert_false(valid_with_exempt(places[i], 5, 32));
		assert_false(valid_with_exempt(places[i], 255, 255));
	}
}

static void noise_is_not_valid(void **state)
{
	struct warden_policy policy;
	int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		memset(&policy, byte, sizeof(policy));
		assert_false(warden_policy_is_valid(&policy));
	}
}

static bool exempts(const struct warden_policy *policy, const char *text)
{
	struct warden_net addr;
	const char *error = NULL;

	assert_true(warden_net_parse(text, &addr, &error));
	return warden_policy_exempts(policy, &addr);
}

static void loopback_is_exempt_and_nobody_else(void **state)
{
	struct warden_policy policy;

	(void)state;
	warden_policy_init_defaults(&policy);
	assert_true(exempts(&policy, "127.0.0.1"));
	assert_true(exempts(&policy, "127.255.255.255"));
	assert_true(exempts(&policy, "::ffff:127.0.0.1"));
	assert_true(exempts(&policy, "::1"));
	assert_false(exempts(&policy, "126.255.255.255"));
	assert_false(exempts(&policy, "128.0.0.0"));
	assert_false(exempts(&policy, "::2"));
	assert_false(exempts(&policy, "::"));
	assert_false(exempts(&policy, "192.0.2.1"));
	/* a network is exempt when all of it is */
	assert_true(exempts(&policy, "127.0.0.0/9"));
	assert_false(exempts(&policy, "126.0.0.0/7"));

	policy.exempt_count = 0;
	assert_false(exempts(&policy, "127.0.0.1"));
	assert_false(exempts(&policy, "::1"));
}

static void the_last_exempt_network_counts_and_none_behind_it(void **state)
{
	struct warden_policy policy;

	(void)state;
	warden_policy_init_defaults(&policy);
	memset(policy.exempt, 0, sizeof(policy.exempt));
	policy.exempt[WARDEN_EXEMPT_MAX - 1] = (struct warden_net) {
		.family = WARDEN_INET, .bits = 24, .bytes = { 192, 0, 2 }
	};
	policy.exempt_count = WARDEN_EXEMPT_MAX;
	assert_true(exempts(&policy, "192.0.2.1"));
	policy.exempt_count = WARDEN_EXEMPT_MAX - 1;
	assert_false(exempts(&policy, "192.0.2.1"));
	/* a count that was not looked at reads no byte past the array */
	policy.exempt_count = UINT32_MAX;
	assert_false(exempts(&policy, "192.0.3.1"));
}

static void modes_have_names(void **state)
{
	(void)state;
	assert_string_equal(warden_mode_name(0), "off");
	assert_string_equal(warden_mode_name(1), "observe");
	assert_string_equal(warden_mode_name(2), "enforce");
	assert_string_equal(warden_mode_name(3), "unknown");
	assert_string_equal(warden_mode_name(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_valid_and_as_documented),
		cmocka_unit_test(a_number_outside_its_range_is_seen),
		cmocka_unit_test(a_rule_has_its_own_mode_unless_all_is_off),
		cmocka_unit_test(
			what_is_observed_counts_only_where_nothing_is_enforced),
		cmocka_unit_test(points_out_of_range_are_seen),
		cmocka_unit_test(a_bad_exempt_network_is_seen),
		cmocka_unit_test(noise_is_not_valid),
		cmocka_unit_test(loopback_is_exempt_and_nobody_else),
		cmocka_unit_test(
			the_last_exempt_network_counts_and_none_behind_it),
		cmocka_unit_test(modes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
