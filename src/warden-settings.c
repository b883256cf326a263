/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* From the text that an admin wrote to numbers that are known to be good. A
   typo must never weaken the guard in silence, nor stop mail: each mistake is
   an error that names the setting, the value and what would be right, and
   the caller goes on with what it had. */

#include "warden-settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "warden-clock.h"
#include "warden-table.h"

#define PREFIX "warden_"
#define NAME_MAX_LEN 48
#define SEPARATORS " \t,"

/* Separators in a client list of hosts_access(5), what begins another field
   or another kind of pattern there, and what continues a line. */
#define PATH_BAD_CHARS " ,:@\\*?[]#%\""

struct setting {
	bool (*set)(const struct setting *setting, const char *name,
		    const char *value, struct warden_settings *settings,
		    struct warden_error *error_r);
	/* of a uint32_t in struct warden_settings, and its range */
	size_t offset;
	uint32_t min, max;
};

enum {
	SETTING_MODE,
	SETTING_SESSION_LIMIT,
	SETTING_SESSION_LIMIT_NETWORK,
	SETTING_SESSION_LIMIT_TOTAL,
	SETTING_LOGIN_GRACE,
	SETTING_FAIL_LIMIT,
	SETTING_FAIL_WINDOW,
	SETTING_POINTS,
	SETTING_RULE_MODES,
	SETTING_BLOCK_TIME,
	SETTING_BLOCK_TIME_MAX,
	SETTING_KNOWN_TIME,
	SETTING_SIEGE_NETWORKS,
	SETTING_SIEGE_TIME,
	SETTING_SIEGE_LEARN,
	SETTING_EXEMPT_NETWORKS,
	SETTING_IPV4_PREFIX,
	SETTING_IPV6_PREFIX,
	SETTING_DENY_PRIVATE,
	SETTING_HOSTS_DENY_FILE,
	SETTING_HOSTS_ALLOW,
	SETTING_HOSTS_DENY,
	SETTING_DNS_TIMEOUT,
	SETTING_STATE_DIR,
	SETTING_TABLE_HOSTS,
	SETTING_NFTABLES,
	SETTING_GEOIP_COUNTRY,
	SETTING_GEOIP_ASN,
	SETTING_COUNTRIES_ALLOWED,
	SETTING_COUNTRIES_REFUSED,
	SETTING_NEIGHBOUR_FACTOR,

	SETTING_COUNT,
};

const struct warden_setting_info warden_setting_infos[] = {
	[SETTING_MODE] = { "warden_mode", "enforce",
			   "enforce; observe: do everything but refuse; or off" },
	[SETTING_SESSION_LIMIT] = { "warden_session_limit", "10",
				    "unauthenticated sessions at once per host; 0 = no limit" },
	[SETTING_SESSION_LIMIT_NETWORK] = { "warden_session_limit_network",
					    "100",
					    "the same of all hosts of a network "
					    "(/24, /48) that are not known; "
					    "0 = no limit" },
	[SETTING_SESSION_LIMIT_TOTAL] = { "warden_session_limit_total", "0",
					  "the same of all hosts, the last quarter for known ones; "
					  "0 = no limit" },
	[SETTING_LOGIN_GRACE] = { "warden_login_grace", "60 s",
				  "an unauthenticated session ends after this; 1 s to 180 s" },
	[SETTING_FAIL_LIMIT] = { "warden_fail_limit", "100",
				 "points in a host's bucket that block it" },
	[SETTING_FAIL_WINDOW] = { "warden_fail_window", "10 min",
				  "time in which a full bucket drains" },
	[SETTING_POINTS] = { "warden_points",
			     "auth_failed=10 user_unknown=20 user_abandoned=20 "
			     "auth_cancelled=10 protocol_error=10 tls_failed=2 idle=1 "
			     "cleartext_refused=2",
			     "points by class; classes not given keep their default" },
	[SETTING_RULE_MODES] = { "warden_rule_modes", "",
				 "modes of single rules, as in: "
				 "sessions=observe idle=off" },
	[SETTING_BLOCK_TIME] = { "warden_block_time", "30 min",
				 "length of a first block" },
	[SETTING_BLOCK_TIME_MAX] = { "warden_block_time_max", "1 week",
				     "cap of the doubling" },
	[SETTING_KNOWN_TIME] = { "warden_known_time", "30 days",
				 "how long a login makes a host known; 0 = not at all" },
	[SETTING_SIEGE_NETWORKS] = { "warden_siege_networks", "20",
				     "networks from which a user fails within "
				     "warden_siege_time, and then may only try from "
				     "where he logged in before; 0 = off" },
	[SETTING_SIEGE_TIME] = { "warden_siege_time", "1 hour",
				 "so long they count, and so long it lasts after "
				 "the last" },
	[SETTING_SIEGE_LEARN] = { "warden_siege_learn", "1 week",
				  "not before a user's first login is so long ago" },
	[SETTING_EXEMPT_NETWORKS] = { "warden_exempt_networks",
				      "127.0.0.0/8 ::1",
				      "never limited, blocked or written to the deny file; "
				      "a value replaces the default" },
	[SETTING_IPV4_PREFIX] = { "warden_ipv4_prefix", "32",
				  "bits of an IPv4 address that make one host; 8 to 32" },
	[SETTING_IPV6_PREFIX] = { "warden_ipv6_prefix", "64",
				  "bits of an IPv6 address that make one host; 16 to 64" },
	[SETTING_DENY_PRIVATE] = { "warden_deny_private", "no",
				   "yes: private networks go into the deny file as well" },
	[SETTING_HOSTS_DENY_FILE] = { "warden_hosts_deny_file",
				      "/var/lib/dovecot/warden/hosts.deny",
				      "the deny file that the warden owns; empty = none" },
	[SETTING_HOSTS_ALLOW] = { "warden_hosts_allow", "/etc/hosts.allow",
				  "rules of hosts_access(5) that let clients in; empty = none" },
	[SETTING_HOSTS_DENY] = { "warden_hosts_deny", "/etc/hosts.deny",
				 "rules of hosts_access(5) that refuse clients; empty = none" },
	[SETTING_DNS_TIMEOUT] = { "warden_dns_timeout", "2 s",
				  "a client whose name a rule needs waits for it; "
				  "1 s to 10 s" },
	[SETTING_STATE_DIR] = { "warden_state_dir", "/var/lib/dovecot/warden",
				"directory of what survives a reboot" },
	[SETTING_TABLE_HOSTS] = { "warden_table_hosts", "131072",
				  "room in the table of hosts; "
				  "takes effect when Dovecot starts" },
	[SETTING_NFTABLES] = { "warden_nftables", "",
			       "family, table and name of what nftables drops, "
			       "as in: inet filter warden; empty = none" },
	[SETTING_GEOIP_COUNTRY] = { "warden_geoip_country", "",
				    "MaxMind DB file that tells countries; "
				    "empty = none" },
	[SETTING_GEOIP_ASN] = { "warden_geoip_asn", "",
				"MaxMind DB file that tells autonomous systems; "
				"empty = none" },
	[SETTING_COUNTRIES_ALLOWED] = { "warden_countries_allowed", "",
					"refuse clients of all other countries, "
					"as in: DE AT; empty = of none" },
	[SETTING_COUNTRIES_REFUSED] = { "warden_countries_refused", "",
					"refuse clients of these countries" },
	[SETTING_NEIGHBOUR_FACTOR] = { "warden_neighbour_factor", "4",
				       "what unknown hosts do weighs up to so many "
				       "times as much where many hosts of their "
				       "network, AS or country are blocked; "
				       "1 to 10" },
	[SETTING_COUNT] = { NULL, NULL, NULL },
};

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Cut off the first of several words. The word ends at *len_r. */
static const char *next_word(const char *str, size_t *len_r)
{
	str += strspn(str, SEPARATORS);
	*len_r = strcspn(str, SEPARATORS);
	return *len_r == 0 ? NULL : str;
}

static bool parse_number(const char *str, uint32_t *num_r)
{
	size_t i, len = strspn(str, "0123456789");
	uint32_t num = 0;

	/* nine digits fit and are more than any setting takes */
	if (len == 0 || len > 9 || str[len] != '\0')
		return false;
	for (i = 0; i < len; i++)
		num = num * 10 + (uint32_t)(str[i] - '0');
	*num_r = num;
	return true;
}

static uint32_t *
setting_field(const struct setting *setting, struct warden_settings *settings)
{
	return (uint32_t *)(void *)((char *)settings + setting->offset);
}

static bool set_number(const struct setting *setting, const char *name,
		       const char *value, struct warden_settings *settings,
		       struct warden_error *error_r)
{
	uint32_t num;

	if (!parse_number(value, &num) || num < setting->min ||
	    num > setting->max) {
		warden_error_set(error_r,
				 "%s: '%.100s' is not a number from %u to %u",
				 name, value, setting->min, setting->max);
		return false;
	}
	*setting_field(setting, settings) = num;
	return true;
}

/* 0, or a number of the range. */
static bool set_number_or_off(const struct setting *setting, const char *name,
			      const char *value,
			      struct warden_settings *settings,
			      struct warden_error *error_r)
{
	uint32_t num;

	if (!parse_number(value, &num) ||
	    (num != 0 && (num < setting->min || num > setting->max))) {
		warden_error_set(error_r,
				 "%s: '%.100s' is not a number from %u to %u, "
				 "or 0",
				 name, value, setting->min, setting->max);
		return false;
	}
	*setting_field(setting, settings) = num;
	return true;
}

static bool set_time(const struct setting *setting, const char *name,
		     const char *value, struct warden_settings *settings,
		     struct warden_error *error_r)
{
	const char *error;
	uint32_t secs;

	if (!warden_duration_parse(value, &secs, &error)) {
		warden_error_set(error_r, "%s: '%.100s': %s", name, value,
				 error);
		return false;
	}
	if (secs < setting->min || secs > setting->max) {
		char min[WARDEN_CLOCK_STRLEN], max[WARDEN_CLOCK_STRLEN];

		warden_error_set(error_r,
				 "%s: '%.100s' is not a time from %s to %s",
				 name, value,
				 warden_duration_format(setting->min, min),
				 warden_duration_format(setting->max, max));
		return false;
	}
	*setting_field(setting, settings) = secs;
	return true;
}

static bool set_bool(const struct setting *setting, const char *name,
		     const char *value, struct warden_settings *settings,
		     struct warden_error *error_r)
{
	bool yes = strcasecmp(value, "yes") == 0;

	if (!yes && strcasecmp(value, "no") != 0) {
		warden_error_set(error_r, "%s: '%.100s' is not yes or no",
				 name, value);
		return false;
	}
	*setting_field(setting, settings) = yes ? 1 : 0;
	return true;
}

static bool parse_mode(const char *name, const char *value, uint32_t *mode_r,
		       struct warden_error *error_r)
{
	for (uint32_t mode = 0; mode <= WARDEN_MODE_ENFORCE; mode++) {
		if (strcmp(value, warden_mode_name(mode)) == 0) {
			*mode_r = mode;
			return true;
		}
	}
	warden_error_set(error_r,
			 "%s: '%.100s' is not enforce, observe or off",
			 name, value);
	return false;
}

static bool set_mode(const struct setting *setting, const char *name,
		     const char *value, struct warden_settings *settings,
		     struct warden_error *error_r)
{
	return parse_mode(name, value, setting_field(setting, settings),
			  error_r);
}

/* "key=value", as much of it as is one word. buf has NAME_MAX_LEN bytes and
   then the key; returns the value, which is in buf too. NULL: an error; what is
   the form that is expected. */
static const char *split_pair(const char *name, const char *word, size_t len,
			      const char *what, char *buf,
			      struct warden_error *error_r)
{
	const char *equals = memchr(word, '=', len);

	if (len >= NAME_MAX_LEN || equals == NULL) {
		warden_error_set(error_r, "%s: '%.*s' is not %s", name,
				 len < 100 ? (int)len : 100, word, what);
		return NULL;
	}
	memcpy(buf, word, len);
	buf[len] = '\0';
	buf[equals - word] = '\0';
	return buf + (equals - word) + 1;
}

/* Returns the class, or WARDEN_CLASS_NONE after an error. */
static enum warden_class parse_points(const char *name, const char *word,
				      size_t len, uint32_t *points_r,
				      struct warden_error *error_r)
{
	char buf[NAME_MAX_LEN];
	const char *number =
		split_pair(name, word, len, "class=points", buf, error_r);
	int shown = len < 100 ? (int)len : 100;
	enum warden_class class;

	if (number == NULL)
		return WARDEN_CLASS_NONE;
	class = warden_class_find(buf);
	if (!warden_class_is_event(class)) {
		warden_error_set(error_r,
				 "%s: '%s' is not a class (they are: %s)",
				 name, buf,
				 "auth_failed user_unknown user_abandoned "
				 "auth_cancelled protocol_error tls_failed "
				 "idle cleartext_refused");
		return WARDEN_CLASS_NONE;
	}
	if (!parse_number(number, points_r) || *points_r > WARDEN_POINTS_MAX) {
		warden_error_set(error_r,
				 "%s: '%s' in '%.*s' is not a number "
				 "from 0 to %d", name, number, shown, word,
				 WARDEN_POINTS_MAX);
		return WARDEN_CLASS_NONE;
	}
	return class;
}

static bool set_points(const struct setting *setting, const char *name,
		       const char *value, struct warden_settings *settings,
		       struct warden_error *error_r)
{
	uint16_t *points = settings->policy.points;
	bool given[WARDEN_CLASS_COUNT] = { false };
	unsigned int i;
	uint32_t num;
	size_t len;

	(void)setting;
	for (i = 0; i < WARDEN_CLASS_COUNT; i++)
		points[i] = warden_class_default_points((enum warden_class)i);
	while ((value = next_word(value, &len)) != NULL) {
		enum warden_class class =
			parse_points(name, value, len, &num, error_r);

		if (class == WARDEN_CLASS_NONE)
			return false;
		if (given[class]) {
			warden_error_set(error_r,
					 "%s: '%s' is given more than once",
					 name, warden_class_name(class));
			return false;
		}
		given[class] = true;
		points[class] = (uint16_t)num;
		value += len;
	}
	return true;
}

/* Returns the rule, or WARDEN_RULE_NONE after an error. */
static enum warden_rule parse_rule_mode(const char *name, const char *word,
					size_t len, uint32_t *mode_r,
					struct warden_error *error_r)
{
	char buf[NAME_MAX_LEN];
	const char *mode =
		split_pair(name, word, len, "rule=mode", buf, error_r);
	enum warden_rule rule;

	if (mode == NULL)
		return WARDEN_RULE_NONE;
	rule = warden_rule_find(buf);
	if (rule == WARDEN_RULE_NONE) {
		warden_error_set(error_r,
				 "%s: '%s' is not a rule (they are: sessions "
				 "hosts.deny crowded siege country, and the "
				 "classes of "
				 "warden_points)",
				 name, buf);
	} else if (!parse_mode(name, mode, mode_r, error_r)) {
		rule = WARDEN_RULE_NONE;
	}
	return rule;
}

static bool set_rule_modes(const struct setting *setting, const char *name,
			   const char *value, struct warden_settings *settings,
			   struct warden_error *error_r)
{
	uint8_t *modes = settings->policy.rule_modes;
	size_t len;

	(void)setting;
	memset(modes, 0, sizeof(settings->policy.rule_modes));
	while ((value = next_word(value, &len)) != NULL) {
		uint32_t mode;
		enum warden_rule rule =
			parse_rule_mode(name, value, len, &mode, error_r);

		if (rule == WARDEN_RULE_NONE)
			return false;
		if (modes[rule] != 0) {
			warden_error_set(error_r,
					 "%s: '%s' is given more than once",
					 name, warden_rule_name(rule));
			return false;
		}
		modes[rule] = (uint8_t)(mode + 1);
		value += len;
	}
	return true;
}

static bool add_network(struct warden_policy *policy, const char *name,
			const char *word, size_t len,
			struct warden_error *error_r)
{
	char buf[WARDEN_NET_STRLEN];
	struct warden_net net;
	const char *error = "not an IPv4 or IPv6 address";
	bool ok = false;

	if (len < sizeof(buf)) {
		memcpy(buf, word, len);
		buf[len] = '\0';
		ok = warden_net_parse(buf, &net, &error);
	}
	if (!ok) {
		warden_error_set(error_r, "%s: '%.*s': %s; write networks as "
				 "192.0.2.0/24 or 2001:db8::/32", name,
				 len < 100 ? (int)len : 100, word, error);
		return false;
	}
	if (warden_policy_exempts(policy, &net))
		return true; /* inside of one that is there */
	if (policy->exempt_count >= WARDEN_EXEMPT_MAX) {
		warden_error_set(error_r, "%s: no room for '%s': at most %d "
				 "networks can be exempt", name, buf,
				 WARDEN_EXEMPT_MAX);
		return false;
	}
	policy->exempt[policy->exempt_count++] = net;
	return true;
}

static bool add_networks(struct warden_policy *policy, const char *name,
			 const char *networks, struct warden_error *error_r)
{
	size_t len;

	while ((networks = next_word(networks, &len)) != NULL) {
		if (!add_network(policy, name, networks, len, error_r))
			return false;
		networks += len;
	}
	return true;
}

static bool set_exempt(const struct setting *setting,
		       const char *name, const char *value,
		       struct warden_settings *settings,
		       struct warden_error *error_r)
{
	struct warden_policy *policy = &settings->policy;

	(void)setting;
	memset(policy->exempt, 0, sizeof(policy->exempt));
	policy->exempt_count = 0;
	return add_networks(policy, name, value, error_r);
}

/* The path is written into files of others, and files are made beside it. */
static bool path_is_good(const char *name, const char *path, size_t size,
			 struct warden_error *error_r)
{
	const char *p, *wrong = NULL;

	if (*path != '/')
		wrong = "is not an absolute path";
	else if (strlen(path) >= size)
		wrong = "is too long a path";
	else if (path[1] == '\0')
		wrong = "is the root directory";
	for (p = path; wrong == NULL && *p != '\0'; p++) {
		if (is_control(*p) || strchr(PATH_BAD_CHARS, *p) != NULL) {
			wrong = "has a blank or one of , : @ \\ * ? [ ] # % \" "
				"in it, which hosts.deny would misread";
		}
	}
	if (wrong != NULL) {
		warden_error_set(error_r, "%s: '%.100s' %s", name, path,
				 wrong);
		return false;
	}
	return true;
}

/* Of a file, or empty: none. The field is as large as hosts_deny_file. */
static bool set_file(const struct setting *setting, const char *name,
		     const char *value, struct warden_settings *settings,
		     struct warden_error *error_r)
{
	const size_t size = sizeof(settings->hosts_deny_file);
	char *field = (char *)settings + setting->offset;
	size_t len = strlen(value);

	if (len > 0 && !path_is_good(name, value, size, error_r))
		return false;
	if (len > 0 && value[len - 1] == '/') {
		warden_error_set(error_r, "%s: '%.100s' is a directory, "
				 "not a file", name, value);
		return false;
	}
	memset(field, 0, size);
	(void)snprintf(field, size, "%s", value);
	return true;
}

static bool set_state_dir(const struct setting *setting,
			  const char *name, const char *value,
			  struct warden_settings *settings,
			  struct warden_error *error_r)
{
	size_t len = strlen(value);

	(void)setting;
	while (len > 1 && value[len - 1] == '/')
		len--;
	/* never that one: the service gives its directory to another user */
	if (len == 1 && value[0] == '/')
		value = "/";
	if (!path_is_good(name, value, sizeof(settings->state_dir), error_r))
		return false;
	memset(settings->state_dir, 0, sizeof(settings->state_dir));
	memcpy(settings->state_dir, value, len);
	return true;
}

static bool set_nftables(const struct setting *setting, const char *name,
			 const char *value, struct warden_settings *settings,
			 struct warden_error *error_r)
{
	const char *error;

	(void)setting;
	if (warden_nft_names_parse(value, &settings->nftables, &error))
		return true;
	warden_error_set(error_r, "%s: '%.100s': %s", name, value, error);
	return false;
}

/* "DE AT": two letters each. The field is a set of the policy. */
static bool add_countries(const char *name, const char *value,
			  uint8_t *countries, struct warden_error *error_r)
{
	size_t len;

	memset(countries, 0, WARDEN_COUNTRY_BYTES);
	while ((value = next_word(value, &len)) != NULL) {
		uint32_t country = warden_country_parse(value, len);

		if (country == 0) {
			warden_error_set(error_r,
					 "%s: '%.*s' is not a country; they "
					 "have two letters, as DE",
					 name, len < 100 ? (int)len : 100,
					 value);
			return false;
		}
		warden_policy_add_country(countries, country);
		value += len;
	}
	return true;
}

static bool set_countries_allowed(const struct setting *setting,
				  const char *name, const char *value,
				  struct warden_settings *settings,
				  struct warden_error *error_r)
{
	struct warden_policy *policy = &settings->policy;
	size_t len;

	(void)setting;
	policy->only_allowed = next_word(value, &len) == NULL ? 0 : 1;
	return add_countries(name, value, policy->countries_allowed, error_r);
}

static bool set_countries_refused(const struct setting *setting,
				  const char *name, const char *value,
				  struct warden_settings *settings,
				  struct warden_error *error_r)
{
	(void)setting;
	return add_countries(name, value, settings->policy.countries_refused,
			     error_r);
}

#define FIELD(name) offsetof(struct warden_settings, name)

static const struct setting settings_table[SETTING_COUNT] = {
	[SETTING_MODE] = { set_mode, FIELD(policy.mode), WARDEN_MODE_OFF,
			   WARDEN_MODE_ENFORCE },
	[SETTING_SESSION_LIMIT] = { set_number, FIELD(policy.session_limit), 0,
				    WARDEN_SESSION_LIMIT_MAX },
	[SETTING_SESSION_LIMIT_NETWORK] = { set_number,
					    FIELD(policy.session_limit_network),
					    0, WARDEN_SESSION_LIMIT_MAX },
	[SETTING_SESSION_LIMIT_TOTAL] = { set_number,
					  FIELD(policy.session_limit_total), 0,
					  WARDEN_SESSION_TOTAL_MAX },
	[SETTING_LOGIN_GRACE] = { set_time, FIELD(policy.login_grace_secs), 1,
				  180 },
	[SETTING_FAIL_LIMIT] = { set_number, FIELD(policy.fail_limit), 1,
				 WARDEN_FAIL_LIMIT_MAX },
	[SETTING_FAIL_WINDOW] = { set_time, FIELD(policy.fail_window_secs), 1,
				  WARDEN_TIME_MAX_SECS },
	[SETTING_POINTS] = { set_points, 0, 0, 0 },
	[SETTING_RULE_MODES] = { set_rule_modes, 0, 0, 0 },
	[SETTING_BLOCK_TIME] = { set_time, FIELD(policy.block_time_secs), 1,
				 WARDEN_TIME_MAX_SECS },
	[SETTING_BLOCK_TIME_MAX] = { set_time,
				     FIELD(policy.block_time_max_secs), 1,
				     WARDEN_TIME_MAX_SECS },
	[SETTING_KNOWN_TIME] = { set_time, FIELD(policy.known_time_secs), 0,
				 WARDEN_TIME_MAX_SECS },
	[SETTING_SIEGE_NETWORKS] = { set_number_or_off,
				     FIELD(policy.siege_networks),
				     WARDEN_SIEGE_NETWORKS_MIN,
				     WARDEN_SIEGE_NETWORKS_MAX },
	[SETTING_SIEGE_TIME] = { set_time, FIELD(policy.siege_secs), 1,
				 WARDEN_SIEGE_TIME_MAX_SECS },
	[SETTING_SIEGE_LEARN] = { set_time, FIELD(policy.siege_learn_secs), 0,
				  WARDEN_TIME_MAX_SECS },
	[SETTING_EXEMPT_NETWORKS] = { set_exempt, 0, 0, 0 },
	[SETTING_IPV4_PREFIX] = { set_number, FIELD(policy.ipv4_prefix), 8,
				  32 },
	[SETTING_IPV6_PREFIX] = { set_number, FIELD(policy.ipv6_prefix), 16,
				  64 },
	[SETTING_DENY_PRIVATE] = { set_bool, FIELD(policy.deny_private), 0, 1 },
	[SETTING_HOSTS_DENY_FILE] = { set_file, FIELD(hosts_deny_file), 0, 0 },
	[SETTING_HOSTS_ALLOW] = { set_file, FIELD(hosts_allow), 0, 0 },
	[SETTING_HOSTS_DENY] = { set_file, FIELD(hosts_deny), 0, 0 },
	[SETTING_DNS_TIMEOUT] = { set_time, FIELD(policy.dns_timeout_secs), 1,
				  WARDEN_DNS_TIMEOUT_MAX_SECS },
	[SETTING_STATE_DIR] = { set_state_dir, 0, 0, 0 },
	[SETTING_TABLE_HOSTS] = { set_number, FIELD(table_hosts),
				  WARDEN_TABLE_HOSTS_MIN,
				  WARDEN_TABLE_HOSTS_MAX },
	[SETTING_NFTABLES] = { set_nftables, 0, 0, 0 },
	[SETTING_GEOIP_COUNTRY] = { set_file, FIELD(geoip_country), 0, 0 },
	[SETTING_GEOIP_ASN] = { set_file, FIELD(geoip_asn), 0, 0 },
	[SETTING_COUNTRIES_ALLOWED] = { set_countries_allowed, 0, 0, 0 },
	[SETTING_COUNTRIES_REFUSED] = { set_countries_refused, 0, 0, 0 },
	[SETTING_NEIGHBOUR_FACTOR] = { set_number,
				       FIELD(policy.neighbour_factor), 1,
				       WARDEN_NEIGHBOUR_FACTOR_MAX },
};

/* How many letters must be put in, taken out or changed to get from a to b
   (Levenshtein); both are shorter than NAME_MAX_LEN. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_LEN];
	size_t i, j, b_len = strlen(b);

	for (j = 0; j <= b_len; j++)
		row[j] = (unsigned int)j;
	for (i = 0; a[i] != '\0'; i++) {
		unsigned int diagonal = row[0]++;

		for (j = 1; j <= b_len; j++) {
			unsigned int above = row[j];
			unsigned int best = diagonal +
				(a[i] == b[j - 1] ? 0 : 1);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[b_len];
}

/* The name that was probably meant, or NULL. */
static const char *near_name(const char *name)
{
	unsigned int best_distance = 3;
	const char *best = NULL;
	int i;

	if (strlen(name) >= NAME_MAX_LEN)
		return NULL;
	for (i = 0; i < SETTING_COUNT; i++) {
		unsigned int distance =
			edit_distance(name, warden_setting_infos[i].name);

		if (distance < best_distance) {
			best_distance = distance;
			best = warden_setting_infos[i].name;
		}
	}
	return best;
}

static void
set_unknown_error(const char *name, struct warden_error *error_r)
{
	const char *meant = near_name(name);

	if (meant == NULL) {
		warden_error_set(error_r, "%.100s: there is no such setting",
				 name);
	} else {
		warden_error_set(error_r, "%.100s: there is no such setting; "
				 "did you mean %s?", name, meant);
	}
}

void warden_settings_init_defaults(struct warden_settings *settings_r)
{
	memset(settings_r, 0, sizeof(*settings_r));
	warden_policy_init_defaults(&settings_r->policy);
	(void)snprintf(settings_r->hosts_deny_file,
		       sizeof(settings_r->hosts_deny_file), "%s",
		       "/var/lib/dovecot/warden/hosts.deny");
	(void)snprintf(settings_r->hosts_allow, sizeof(settings_r->hosts_allow),
		       "/etc/hosts.allow");
	(void)snprintf(settings_r->hosts_deny, sizeof(settings_r->hosts_deny),
		       "/etc/hosts.deny");
	(void)snprintf(settings_r->state_dir, sizeof(settings_r->state_dir),
		       "%s", "/var/lib/dovecot/warden");
	settings_r->table_hosts = WARDEN_TABLE_HOSTS_DEFAULT;
}

bool warden_settings_set(struct warden_settings *settings, const char *name,
			 const char *value, struct warden_error *error_r)
{
	struct warden_settings changed = *settings;
	int i;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return true;
	for (i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings_table[i];

		if (strcmp(name, warden_setting_infos[i].name) != 0)
			continue;
		if (!setting->set(setting, name, value, &changed, error_r))
			return false;
		*settings = changed;
		return true;
	}
	set_unknown_error(name, error_r);
	return false;
}

void warden_settings_take(struct warden_settings *settings, const char *name,
			  const char *value, bool *ok_io,
			  struct warden_error *error_r)
{
	struct warden_error error;

	if (warden_settings_set(settings, name, value, &error))
		return;
	if (strcmp(name,
		   warden_setting_infos[SETTING_HOSTS_DENY_FILE].name) == 0)
		settings->hosts_deny_file[0] = '\0';
	else if (strcmp(name, warden_setting_infos[SETTING_STATE_DIR].name) == 0)
		settings->state_dir[0] = '\0';
	if (*ok_io)
		*error_r = error;
	*ok_io = false;
}

/* A rule that nobody can tell whom it is about would be none. */
static bool check_countries(const struct warden_settings *settings,
			    struct warden_error *error_r)
{
	const struct warden_policy *policy = &settings->policy;
	char letters[3];

	if (warden_policy_has_countries(policy) &&
	    settings->geoip_country[0] == '\0') {
		warden_error_set(error_r,
				 "warden_countries_%s: needs a database, set "
				 "warden_geoip_country",
				 policy->only_allowed != 0 ? "allowed" :
							     "refused");
		return false;
	}
	for (uint32_t country = 1; country < WARDEN_COUNTRIES; country++) {
		if (warden_policy_has_country(policy->countries_allowed,
					      country) &&
		    warden_policy_has_country(policy->countries_refused,
					      country)) {
			warden_error_set(
				error_r,
				"warden_countries_refused: %s is in "
				"warden_countries_allowed as well",
				warden_country_format(country, letters));
			return false;
		}
	}
	return true;
}

static bool check_block_times(const struct warden_settings *settings,
			      struct warden_error *error_r)
{
	char time[WARDEN_CLOCK_STRLEN], max[WARDEN_CLOCK_STRLEN];
	const struct warden_policy *policy = &settings->policy;

	if (policy->block_time_max_secs >= policy->block_time_secs)
		return true;
	warden_error_set(error_r, "warden_block_time_max: '%s' (%u s) is less "
			 "than warden_block_time, '%s' (%u s); "
			 "it must be at least as long",
			 warden_duration_format(policy->block_time_max_secs,
						max),
			 policy->block_time_max_secs,
			 warden_duration_format(policy->block_time_secs, time),
			 policy->block_time_secs);
	return false;
}

bool warden_settings_check(const struct warden_settings *settings,
			   struct warden_error *error_r)
{
	return check_block_times(settings, error_r) &&
	       check_countries(settings, error_r);
}

/* After warden_exempt_networks was set: that replaces what is there. */
bool warden_settings_add_exempt(struct warden_settings *settings,
				const char *name, const char *networks,
				struct warden_error *error_r)
{
	struct warden_policy changed = settings->policy;

	if (!add_networks(&changed, name, networks, error_r))
		return false;
	settings->policy = changed;
	return true;
}
