/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What an admin may write, and the one line that a mistake gets. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "warden-settings.h"

static struct warden_settings settings;

static int init_settings(void **state)
{
	(void)state;
	warden_settings_init_defaults(&settings);
	return 0;
}

static void set(const char *name, const char *value)
{
	struct warden_error error = { "" };

	if (!warden_settings_set(&settings, name, value, &error))
		fail_msg("%s = %s: %s", name, value, error.text);
	/* a call that succeeds leaves it alone */
	assert_string_equal(error.text, "");
	assert_true(warden_policy_is_valid(&settings.policy) ||
		    strncmp(name, "warden_block_time", 17) == 0);
}

/* Refused; nothing changed; one line, which has each of the parts. */
static void assert_refused(const char *name, const char *value,
			   const char *part, const char *part2)
{
	struct warden_settings before = settings;
	struct warden_error error = { "" };

	if (warden_settings_set(&settings, name, value, &error))
		fail_msg("%s = '%s' was taken", name, value);
	assert_memory_equal(&settings, &before, sizeof(settings));
	assert_null(strchr(error.text, '\n'));
	if (strstr(error.text, name) == NULL ||
	    strstr(error.text, part) == NULL ||
	    strstr(error.text, part2) == NULL)
		fail_msg("'%s' does not say '%s', '%s' and '%s'", error.text,
			 name, part, part2);
}

static void every_default_text_is_the_default(void **state)
{
	const struct warden_setting_info *info = warden_setting_infos;
	struct warden_settings defaults = settings;

	(void)state;
	for (; info->name != NULL; info++) {
		set(info->name, info->default_value);
		if (memcmp(&settings, &defaults, sizeof(settings)) != 0)
			fail_msg("%s: '%s' is not its default", info->name,
				 info->default_value);
	}
}

static void every_setting_is_listed_once_with_a_meaning(void **state)
{
	static const char *const names[] = {
		"warden_mode",
		"warden_session_limit",
		"warden_session_limit_network",
		"warden_session_limit_total",
		"warden_login_grace",
		"warden_fail_limit",
		"warden_fail_window",
		"warden_points",
		"warden_rule_modes",
		"warden_block_time",
		"warden_block_time_max",
		"warden_known_time",
		"warden_siege_networks",
		"warden_siege_time",
		"warden_siege_learn",
		"warden_exempt_networks",
		"warden_ipv4_prefix",
		"warden_ipv6_prefix",
		"warden_deny_private",
		"warden_hosts_deny_file",
		"warden_hosts_allow",
		"warden_hosts_deny",
		"warden_dns_timeout",
		"warden_state_dir",
		"warden_table_hosts",
		"warden_nftables",
		"warden_geoip_country",
		"warden_geoip_asn",
		"warden_countries_allowed",
		"warden_countries_refused",
		"warden_neighbour_factor",
	};
	size_t i, count = sizeof(names) / sizeof(names[0]);

	(void)state;
	for (i = 0; i < count; i++) {
		assert_string_equal(warden_setting_infos[i].name, names[i]);
		assert_null(strchr(warden_setting_infos[i].meaning, '\n'));
		assert_true(strlen(warden_setting_infos[i].meaning) > 10);
	}
	assert_null(warden_setting_infos[count].name);
}

static void numbers_reach_their_field(void **state)
{
	struct warden_settings expected = settings;

	(void)state;
	set("warden_session_limit", "3");
	expected.policy.session_limit = 3;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_fail_limit", "50");
	expected.policy.fail_limit = 50;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_ipv4_prefix", "24");
	expected.policy.ipv4_prefix = 24;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_ipv6_prefix", "48");
	expected.policy.ipv6_prefix = 48;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_table_hosts", "1000000");
	expected.table_hosts = 1000000;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_deny_private", "yes");
	expected.policy.deny_private = 1;
	assert_memory_equal(&settings, &expected, sizeof(settings));
}

static void times_reach_their_field(void **state)
{
	struct warden_settings expected = settings;

	(void)state;
	set("warden_login_grace", "90");
	expected.policy.login_grace_secs = 90;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_fail_window", "1 hour");
	expected.policy.fail_window_secs = 3600;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_block_time", "5 s");
	expected.policy.block_time_secs = 5;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_block_time_max", "2 days");
	expected.policy.block_time_max_secs = 172800;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_known_time", "0");
	expected.policy.known_time_secs = 0;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_dns_timeout", "5 s");
	expected.policy.dns_timeout_secs = 5;
	assert_memory_equal(&settings, &expected, sizeof(settings));
}

static void modes_are_read(void **state)
{
	(void)state;
	set("warden_mode", "observe");
	assert_int_equal(settings.policy.mode, WARDEN_MODE_OBSERVE);
	set("warden_mode", "off");
	assert_int_equal(settings.policy.mode, WARDEN_MODE_OFF);
	set("warden_mode", "enforce");
	assert_int_equal(settings.policy.mode, WARDEN_MODE_ENFORCE);
	assert_refused("warden_mode", "", "''", "enforce, observe or off");
	assert_refused("warden_mode", "on", "'on'", "enforce");
	assert_refused("warden_mode", "Observe", "'Observe'", "observe");
	assert_refused("warden_mode", "unknown", "'unknown'", "observe");
}

/* What else is wrong: test-nft-script. */
static void bad_nftables_are_refused_by_name(void **state)
{
	(void)state;
	set("warden_nftables", "inet filter warden");
	assert_string_equal(settings.nftables.family, "inet");
	assert_string_equal(settings.nftables.table, "filter");
	assert_string_equal(settings.nftables.name, "warden");
	assert_refused("warden_nftables", "yes", "'yes'", "inet filter warden");
	assert_refused("warden_nftables", "arp filter warden", "'arp filter",
		       "inet, ip or ip6");
	set("warden_nftables", "");
	assert_string_equal(settings.nftables.family, "");
}

static const struct {
	const char *name;
	uint32_t min, max;
} number_ranges[] = {
	{ "warden_session_limit", 0, 200 },
	{ "warden_session_limit_total", 0, 50000 },
	{ "warden_fail_limit", 1, 100000 },
	{ "warden_ipv4_prefix", 8, 32 },
	{ "warden_ipv6_prefix", 16, 64 },
	{ "warden_table_hosts", 1024, 16777216 },
	{ "warden_login_grace", 1, 180 },
	{ "warden_fail_window", 1, 31622400 },
	{ "warden_block_time", 1, 31622400 },
	{ "warden_block_time_max", 1, 31622400 },
	{ "warden_known_time", 0, 31622400 },
	{ "warden_dns_timeout", 1, 10 },
	{ "warden_siege_networks", 5, 60 },
	{ "warden_siege_time", 1, 86400 },
	{ "warden_siege_learn", 0, 31622400 },
};

static void numbers_and_times_end_at_their_range(void **state)
{
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(number_ranges) / sizeof(number_ranges[0]);
	     i++) {
		const char *name = number_ranges[i].name;

		(void)snprintf(text, sizeof(text), "%u", number_ranges[i].min);
		set(name, text);
		(void)snprintf(text, sizeof(text), "%u", number_ranges[i].max);
		set(name, text);
		(void)snprintf(text, sizeof(text), "%u",
			       number_ranges[i].max + 1);
		assert_refused(name, text, text, " to ");
		if (number_ranges[i].min > 0) {
			(void)snprintf(text, sizeof(text), "%u",
				       number_ranges[i].min - 1);
			assert_refused(name, text, text, "from ");
		}
	}
}

static void a_bad_number_is_refused_by_name(void **state)
{
	static const char *const texts[] = {
		"", "ten", "-1", "+10", "10 ", " 10", "1 0", "0x10", "10x",
		"4294967306", "18446744073709551626",
		"00000000000000000000010", "99999999999999999999999999",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_refused("warden_session_limit", texts[i], texts[i],
			       "a number from 0 to 200");
	}
}

static void a_bad_time_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused("warden_login_grace", "0", "'0'", "1 s to 3 min");
	assert_refused("warden_login_grace", "4 min", "'4 min'",
		       "1 s to 3 min");
	assert_refused("warden_block_time", "2 years", "'2 years'", "unit");
	assert_refused("warden_block_time", "367 days", "'367 days'",
		       "1 s to 366 days");
	assert_refused("warden_block_time", "forever", "'forever'", "time");
	assert_refused("warden_block_time", "", "''", "time");
}

static void only_yes_and_no_are_booleans(void **state)
{
	(void)state;
	set("warden_deny_private", "YES");
	assert_int_equal(settings.policy.deny_private, 1);
	set("warden_deny_private", "no");
	assert_int_equal(settings.policy.deny_private, 0);
	assert_refused("warden_deny_private", "", "''", "yes or no");
	assert_refused("warden_deny_private", "1", "'1'", "yes or no");
	assert_refused("warden_deny_private", "true", "'true'", "yes or no");
	assert_refused("warden_deny_private", "yess", "'yess'", "yes or no");
}

static void points_that_are_not_given_keep_their_default(void **state)
{
	struct warden_settings expected = settings;

	(void)state;
	set("warden_points", "auth_failed=15 idle=0");
	expected.policy.points[WARDEN_AUTH_FAILED] = 15;
	expected.policy.points[WARDEN_IDLE] = 0;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	/* the default, not what an earlier value made of it */
	set("warden_points", "  tls_failed=1000 ,\tuser_unknown=1 ");
	expected.policy.points[WARDEN_AUTH_FAILED] = 10;
	expected.policy.points[WARDEN_IDLE] = 1;
	expected.policy.points[WARDEN_TLS_FAILED] = 1000;
	expected.policy.points[WARDEN_USER_UNKNOWN] = 1;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	set("warden_points", "");
	expected.policy.points[WARDEN_TLS_FAILED] = 2;
	expected.policy.points[WARDEN_USER_UNKNOWN] = 20;
	assert_memory_equal(&settings, &expected, sizeof(settings));
}

static void bad_points_are_refused_by_name(void **state)
{
	unsigned int i;

	(void)state;
	assert_refused("warden_points", "auth_fail=10", "'auth_fail'",
		       "auth_failed");
	assert_refused("warden_points", "idle=1 bogus=2", "'bogus'", "idle");
	assert_refused("warden_points", "none=1", "'none'", "class");
	assert_refused("warden_points", "manual=1", "'manual'", "class");
	assert_refused("warden_points", "=1", "''", "class");
	assert_refused("warden_points", "auth_failed", "'auth_failed'",
		       "class=points");
	assert_refused("warden_points", "auth_failed = 10", "'auth_failed'",
		       "class=points");
	assert_refused("warden_points", "auth_failed=", "auth_failed=",
		       "0 to 1000");
	assert_refused("warden_points", "auth_failed=ten", "'ten'",
		       "0 to 1000");
	assert_refused("warden_points", "auth_failed=-1", "'-1'",
		       "auth_failed=-1");
	assert_refused("warden_points", "auth_failed=1001", "'1001'",
		       "0 to 1000");
	assert_refused("warden_points", "auth_failed=1=2", "'1=2'",
		       "0 to 1000");
	assert_refused("warden_points", "idle=1 idle=2", "'idle'",
		       "more than once");
	assert_refused("warden_points",
		       "auth_failed_and_a_name_that_is_longer_than_any=10",
		       "auth_failed_and_a_name", "class=points");
	/* the error lists every class that there is */
	for (i = 0; i < WARDEN_CLASS_COUNT; i++) {
		if (warden_class_is_event(i)) {
			assert_refused("warden_points", "x=1", "'x'",
				       warden_class_name(i));
		}
	}
}

static void rules_have_modes_of_their_own(void **state)
{
	struct warden_settings expected = settings;

	(void)state;
	set("warden_rule_modes",
	    "sessions=observe hosts.deny=off, idle=enforce");
	expected.policy.rule_modes[WARDEN_RULE_SESSIONS] = 2;
	expected.policy.rule_modes[WARDEN_RULE_HOSTS_DENY] = 1;
	expected.policy.rule_modes[WARDEN_IDLE] = 3;
	assert_memory_equal(&settings, &expected, sizeof(settings));
	/* not what an earlier value made of it */
	set("warden_rule_modes", "crowded=off");
	memset(expected.policy.rule_modes, 0,
	       sizeof(expected.policy.rule_modes));
	expected.policy.rule_modes[WARDEN_RULE_CROWDED] = 1;
	assert_memory_equal(&settings, &expected, sizeof(settings));
}

static void bad_rule_modes_are_refused_by_name(void **state)
{
	(void)state;
	assert_refused("warden_rule_modes", "session=off", "'session'",
		       "sessions");
	assert_refused("warden_rule_modes", "manual=off", "'manual'",
		       "not a rule");
	assert_refused("warden_rule_modes", "none=off", "'none'", "not a rule");
	assert_refused("warden_rule_modes", "=off", "''", "not a rule");
	assert_refused("warden_rule_modes", "idle=on", "'on'",
		       "enforce, observe or off");
	assert_refused("warden_rule_modes", "idle=", "''",
		       "enforce, observe or off");
	assert_refused("warden_rule_modes", "observe", "'observe'",
		       "rule=mode");
	assert_refused("warden_rule_modes", "idle=off idle=off", "'idle'",
		       "more than once");
	/* the error lists every rule that is no class */
	for (unsigned int i = WARDEN_RULE_SESSIONS; i < WARDEN_RULE_COUNT; i++)
		assert_refused("warden_rule_modes", "x=off", "'x'",
			       warden_rule_name(i));
}

static bool exempts(const char *text)
{
	struct warden_net addr;
	const char *error = NULL;

	assert_true(warden_net_parse(text, &addr, &error));
	return warden_policy_exempts(&settings.policy, &addr);
}

static void exempt_networks_replace_the_default(void **state)
{
	(void)state;
	set("warden_exempt_networks",
	    "127.0.0.1/32, 192.0.2.0/24\t2001:db8::/32");
	assert_int_equal(settings.policy.exempt_count, 3);
	assert_true(exempts("127.0.0.1"));
	assert_false(exempts("127.0.0.2"));
	assert_false(exempts("::1"));
	assert_true(exempts("192.0.2.200"));
	assert_true(exempts("2001:db8:1::1"));
	set("warden_exempt_networks", "");
	assert_int_equal(settings.policy.exempt_count, 0);
	assert_false(exempts("127.0.0.1"));
}

static void bad_networks_are_refused_by_name(void **state)
{
	(void)state;
	assert_refused("warden_exempt_networks", "192.0.2.0/33",
		       "'192.0.2.0/33'", "0 to 32");
	assert_refused("warden_exempt_networks", "192.0.2.1 mail.example.com",
		       "'mail.example.com'", "192.0.2.0/24");
	assert_refused("warden_exempt_networks", "192.0.2", "'192.0.2'",
		       "not an IPv4 or IPv6 address");
	assert_refused("warden_exempt_networks", "fe80::1%lo", "'fe80::1%lo'",
		       "not an IPv4 or IPv6 address");
	assert_refused("warden_exempt_networks", "::1;::2", "'::1;::2'",
		       "2001:db8::/32");
}

static void trusted_networks_are_added(void **state)
{
	struct warden_error error = { "" };

	(void)state;
	assert_true(warden_settings_add_exempt(&settings,
		"login_trusted_networks", " 10.0.0.0/8,[2001:db8::]/32  ::1",
		&error));
	/* ::1 was there */
	assert_int_equal(settings.policy.exempt_count, 4);
	assert_true(exempts("127.0.0.1"));
	assert_true(exempts("10.1.2.3"));
	assert_true(exempts("2001:db8::1"));
	assert_true(warden_settings_add_exempt(&settings, "x", "", &error));
	assert_true(warden_settings_add_exempt(&settings, "x", " , ", &error));
	assert_int_equal(settings.policy.exempt_count, 4);
	assert_true(warden_policy_is_valid(&settings.policy));
}

static void garbage_in_trusted_networks_adds_nothing(void **state)
{
	struct warden_settings before = settings;
	struct warden_error error = { "" };

	(void)state;
	assert_false(warden_settings_add_exempt(&settings,
		"login_trusted_networks", "10.0.0.0/8 garbage\n", &error));
	assert_memory_equal(&settings, &before, sizeof(settings));
	assert_non_null(strstr(error.text, "login_trusted_networks"));
	assert_non_null(strstr(error.text, "'garbage?'"));
}

static void too_many_networks_are_refused_by_name(void **state)
{
	char *text = malloc(WARDEN_EXEMPT_MAX * 32 + 64), *p = text;
	struct warden_settings before = settings;
	struct warden_error error = { "" };
	unsigned int i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < WARDEN_EXEMPT_MAX - 2; i++)
		p += sprintf(p, "10.%u.%u.1 ", i / 256, i % 256);
	assert_true(warden_settings_add_exempt(&settings, "networks", text,
					       &error));
	assert_int_equal(settings.policy.exempt_count, WARDEN_EXEMPT_MAX);
	assert_true(warden_policy_is_valid(&settings.policy));
	/* once more: they are all there already */
	assert_true(warden_settings_add_exempt(&settings, "networks", text,
					       &error));

	settings = before;
	(void)sprintf(p, "192.0.2.1");
	assert_false(warden_settings_add_exempt(&settings, "networks", text,
						&error));
	assert_memory_equal(&settings, &before, sizeof(settings));
	assert_non_null(strstr(error.text, "networks: "));
	assert_non_null(strstr(error.text, "'192.0.2.1'"));
	assert_non_null(strstr(error.text, "at most 512"));
	free(text);
}

static void paths_are_kept(void **state)
{
	char path[sizeof(settings.state_dir) + 1];

	(void)state;
	set("warden_hosts_deny_file", "/srv/warden-1/deny_file.txt");
	assert_string_equal(settings.hosts_deny_file,
			    "/srv/warden-1/deny_file.txt");
	set("warden_hosts_deny_file", "");
	assert_string_equal(settings.hosts_deny_file, "");
	set("warden_state_dir", "/srv/warden///");
	assert_string_equal(settings.state_dir, "/srv/warden");

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 2] = '\0';
	set("warden_state_dir", path);
	assert_string_equal(settings.state_dir, path);
	set("warden_hosts_deny_file", path);
	assert_string_equal(settings.hosts_deny_file, path);
	path[sizeof(path) - 2] = 'a';
	path[sizeof(path) - 1] = '\0';
	assert_refused("warden_state_dir", path, "/aaa", "too long");
	assert_refused("warden_hosts_deny_file", path, "/aaa", "too long");
}

static void bad_paths_are_refused_by_name(void **state)
{
	static const char bad[] = " \t\r\n\f\v\x01\x7f,:@\\*?[]#%\"";
	char path[] = "/var/xy", shown[] = "/var/xy";
	size_t i;

	(void)state;
	assert_refused("warden_state_dir", "", "''", "absolute");
	assert_refused("warden_state_dir", "warden", "'warden'", "absolute");
	assert_refused("warden_state_dir", "./warden", "'./warden'",
		       "absolute");
	assert_refused("warden_state_dir", "~/warden", "'~/warden'",
		       "absolute");
	assert_refused("warden_state_dir", "/", "'/'", "root");
	assert_refused("warden_state_dir", "///", "'/'", "root");
	assert_refused("warden_hosts_deny_file", "deny", "'deny'", "absolute");
	assert_refused("warden_hosts_deny_file", "/", "'/'", "root");
	assert_refused("warden_hosts_deny_file", "/var/", "'/var/'",
		       "directory");
	for (i = 0; bad[i] != '\0'; i++) {
		path[5] = bad[i];
		shown[5] = bad[i];
		if (bad[i] < ' ' || bad[i] == 0x7f)
			shown[5] = '?';
		assert_refused("warden_hosts_deny_file", path, shown,
			       "misread");
		assert_refused("warden_state_dir", path, shown, "misread");
		assert_refused("warden_hosts_allow", path, shown, "misread");
	}
}

static void an_unknown_name_is_refused_and_a_near_one_told(void **state)
{
	(void)state;
	assert_refused("warden_sesion_limit", "10", "no such setting",
		       "did you mean warden_session_limit?");
	assert_refused("warden_blocktime", "10", "no such setting",
		       "did you mean warden_block_time?");
	assert_refused("warden_block_time_mx", "10", "no such setting",
		       "did you mean warden_block_time_max?");
	assert_refused("warden_Mode", "off", "no such setting",
		       "did you mean warden_mode?");
	assert_refused("warden_", "", "no such setting", "");
	assert_refused("warden_geoip_county", "", "no such setting",
		       "did you mean warden_geoip_country?");
}

static void countries_are_sets_of_two_letters(void **state)
{
	const struct warden_policy *policy = &settings.policy;

	(void)state;
	set("warden_countries_refused", "xa, XB xb");
	assert_true(warden_policy_has_countries(policy));
	assert_true(warden_policy_refuses_country(
		policy, warden_country_parse("XB", 2)));
	assert_false(warden_policy_refuses_country(
		policy, warden_country_parse("DE", 2)));
	assert_false(warden_policy_refuses_country(policy, 0));
	set("warden_countries_refused", "");
	assert_false(warden_policy_has_countries(policy));
	set("warden_countries_allowed", "DE");
	assert_true(warden_policy_refuses_country(
		policy, warden_country_parse("XB", 2)));
	assert_false(warden_policy_refuses_country(
		policy, warden_country_parse("DE", 2)));
	assert_refused("warden_countries_allowed", "DE Germany", "'Germany'",
		       "two letters");
}

static void rules_about_countries_need_a_database(void **state)
{
	struct warden_error error = { "" };

	(void)state;
	set("warden_countries_refused", "XA");
	assert_false(warden_settings_check(&settings, &error));
	assert_non_null(strstr(error.text, "set warden_geoip_country"));
	set("warden_geoip_country", "/usr/share/GeoIP/country.mmdb");
	assert_true(warden_settings_check(&settings, &error));
	set("warden_countries_allowed", "DE XA");
	assert_false(warden_settings_check(&settings, &error));
	assert_non_null(
		strstr(error.text, "XA is in warden_countries_allowed"));
}

static void a_far_name_gets_no_advice(void **state)
{
	char name[2000];
	struct warden_error error = { "" };

	(void)state;
	assert_false(warden_settings_set(&settings, "warden_colour", "red",
					 &error));
	assert_null(strstr(error.text, "did you mean"));

	memset(name, 'x', sizeof(name));
	memcpy(name, "warden_", 7);
	name[sizeof(name) - 1] = '\0';
	assert_false(warden_settings_set(&settings, name, "1", &error));
	assert_null(strstr(error.text, "did you mean"));
	assert_non_null(strstr(error.text, "no such setting"));
	name[47] = '\0'; /* the longest that is compared, and one more */
	assert_false(warden_settings_set(&settings, name, "1", &error));
	name[47] = 'x';
	name[48] = '\0';
	assert_false(warden_settings_set(&settings, name, "1", &error));
}

static void names_of_others_are_ignored(void **state)
{
	struct warden_settings before = settings;

	(void)state;
	set("sieve", "~/.dovecot.sieve");
	set("wardenmode", "off");
	set("Warden_mode", "off");
	set("", "");
	assert_memory_equal(&settings, &before, sizeof(settings));
}

static void a_huge_value_gets_one_short_line(void **state)
{
	const struct warden_setting_info *info = warden_setting_infos;
	size_t len = 100000;
	char *value = malloc(len + 1);

	(void)state;
	assert_non_null(value);
	memset(value, '\n', len);
	value[0] = 'x';
	value[len] = '\0';
	for (; info->name != NULL; info++)
		assert_refused(info->name, value, "'x?", "?'");
	free(value);
}

static void a_cap_below_the_first_block_is_an_error(void **state)
{
	struct warden_error error = { "" };

	(void)state;
	assert_true(warden_settings_check(&settings, &error));
	set("warden_block_time", "1 week");
	assert_true(warden_settings_check(&settings, &error));
	assert_string_equal(error.text, "");
	set("warden_block_time", "604801");
	assert_false(warden_settings_check(&settings, &error));
	assert_non_null(strstr(error.text, "warden_block_time_max"));
	assert_non_null(strstr(error.text, "604800 s"));
	assert_non_null(strstr(error.text, "604801 s"));
	set("warden_block_time_max", "604801");
	assert_true(warden_settings_check(&settings, &error));
}

static void one_of_many_keeps_the_first_error(void **state)
{
	struct warden_error error = { "" };
	bool ok = true;

	(void)state;
	warden_settings_take(&settings, "warden_fail_limit", "20", &ok, &error);
	assert_true(ok);
	assert_string_equal(error.text, "");
	warden_settings_take(&settings, "warden_mode", "of", &ok, &error);
	assert_false(ok);
	warden_settings_take(&settings, "warden_block_time", "soon", &ok,
			     &error);
	warden_settings_take(&settings, "warden_session_limit", "3", &ok,
			     &error);
	assert_false(ok);
	assert_non_null(strstr(error.text, "warden_mode"));
	assert_int_equal(settings.policy.fail_limit, 20);
	assert_int_equal(settings.policy.session_limit, 3);
	assert_int_equal(settings.policy.mode, WARDEN_MODE_ENFORCE);
}

static void a_bad_path_leaves_none(void **state)
{
	struct warden_error error;
	bool ok = true;

	(void)state;
	warden_settings_take(&settings, "warden_state_dir", "relative", &ok,
			     &error);
	assert_string_equal(settings.state_dir, "");
	assert_string_not_equal(settings.hosts_deny_file, "");
	warden_settings_take(&settings, "warden_hosts_deny_file", "/a b", &ok,
			     &error);
	assert_string_equal(settings.hosts_deny_file, "");
	assert_false(ok);
	assert_non_null(strstr(error.text, "warden_state_dir"));
}

#define TEST(name) cmocka_unit_test_setup(name, init_settings)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_default_text_is_the_default),
		TEST(every_setting_is_listed_once_with_a_meaning),
		TEST(numbers_reach_their_field),
		TEST(times_reach_their_field),
		TEST(modes_are_read),
		TEST(numbers_and_times_end_at_their_range),
		TEST(a_bad_number_is_refused_by_name),
		TEST(a_bad_time_is_refused_by_name),
		TEST(only_yes_and_no_are_booleans),
		TEST(points_that_are_not_given_keep_their_default),
		TEST(bad_points_are_refused_by_name),
		TEST(rules_have_modes_of_their_own),
		TEST(bad_rule_modes_are_refused_by_name),
		TEST(exempt_networks_replace_the_default),
		TEST(bad_networks_are_refused_by_name),
		TEST(trusted_networks_are_added),
		TEST(garbage_in_trusted_networks_adds_nothing),
		TEST(too_many_networks_are_refused_by_name),
		TEST(bad_nftables_are_refused_by_name),
		TEST(paths_are_kept),
		TEST(bad_paths_are_refused_by_name),
		TEST(an_unknown_name_is_refused_and_a_near_one_told),
		TEST(a_far_name_gets_no_advice),
		TEST(countries_are_sets_of_two_letters),
		TEST(rules_about_countries_need_a_database),
		TEST(names_of_others_are_ignored),
		TEST(a_huge_value_gets_one_short_line),
		TEST(a_cap_below_the_first_block_is_an_error),
		TEST(one_of_many_keeps_the_first_error),
		TEST(a_bad_path_leaves_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
