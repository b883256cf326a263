/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The rules as numbers. They reach a login process through a shared file, and
   a file can be half written or of another time: nothing is computed from
   them before warden_policy_is_valid() has looked at each. */

#include "warden-policy.h"

#include <string.h>

#define POINTS_COUNT \
	(sizeof(((struct warden_policy *)NULL)->points) / sizeof(uint16_t))

void warden_policy_init_defaults(struct warden_policy *policy_r)
{
	unsigned int i;

	memset(policy_r, 0, sizeof(*policy_r));
	policy_r->mode = WARDEN_MODE_ENFORCE;
	policy_r->session_limit = 10;
	policy_r->session_limit_network = 100;
	policy_r->login_grace_secs = 60;
	policy_r->fail_limit = 100;
	policy_r->fail_window_secs = 10 * 60;
	policy_r->block_time_secs = 30 * 60;
	policy_r->block_time_max_secs = 7 * 24 * 3600;
	policy_r->known_time_secs = 30 * 24 * 3600;
	policy_r->dns_timeout_secs = 2;
	policy_r->siege_networks = 20;
	policy_r->siege_secs = 3600;
	policy_r->siege_learn_secs = 7 * 24 * 3600;
	policy_r->neighbour_factor = 4;
	policy_r->ipv4_prefix = 32;
	policy_r->ipv6_prefix = 64;
	for (i = 0; i < WARDEN_CLASS_COUNT; i++) {
		policy_r->points[i] =
			warden_class_default_points((enum warden_class)i);
	}

	policy_r->exempt_count = 2;
	policy_r->exempt[0].family = WARDEN_INET;
	policy_r->exempt[0].bits = 8;
	policy_r->exempt[0].bytes[0] = 127;
	policy_r->exempt[1].family = WARDEN_INET6;
	policy_r->exempt[1].bits = 128;
	policy_r->exempt[1].bytes[15] = 1;
}

static bool is_in(uint32_t value, uint32_t min, uint32_t max)
{
	return value >= min && value <= max;
}

static bool limits_are_valid(const struct warden_policy *policy)
{
	return policy->mode <= WARDEN_MODE_ENFORCE &&
	       policy->session_limit <= WARDEN_SESSION_LIMIT_MAX &&
	       policy->session_limit_network <= WARDEN_SESSION_LIMIT_MAX &&
	       policy->session_limit_total <= WARDEN_SESSION_TOTAL_MAX &&
	       is_in(policy->login_grace_secs, 1, 180) &&
	       is_in(policy->fail_limit, 1, WARDEN_FAIL_LIMIT_MAX) &&
	       is_in(policy->fail_window_secs, 1, WARDEN_TIME_MAX_SECS) &&
	       is_in(policy->block_time_secs, 1, WARDEN_TIME_MAX_SECS) &&
	       is_in(policy->block_time_max_secs, policy->block_time_secs,
		     WARDEN_TIME_MAX_SECS) &&
	       policy->known_time_secs <= WARDEN_TIME_MAX_SECS &&
	       is_in(policy->ipv4_prefix, 8, 32) &&
	       is_in(policy->ipv6_prefix, 16, 64) &&
	       policy->deny_private <= 1 && policy->only_allowed <= 1 &&
	       is_in(policy->neighbour_factor, 1,
		     WARDEN_NEIGHBOUR_FACTOR_MAX) &&
	       is_in(policy->dns_timeout_secs, 1, WARDEN_DNS_TIMEOUT_MAX_SECS);
}

static bool modes_are_valid(const struct warden_policy *policy)
{
	for (unsigned int i = 0; i < WARDEN_RULES_ROOM; i++) {
		if (policy->rule_modes[i] > WARDEN_MODE_ENFORCE + 1)
			return false;
	}
	return true;
}

static bool siege_is_valid(const struct warden_policy *policy)
{
	return (policy->siege_networks == 0 ||
		is_in(policy->siege_networks, WARDEN_SIEGE_NETWORKS_MIN,
		      WARDEN_SIEGE_NETWORKS_MAX)) &&
	       is_in(policy->siege_secs, 1, WARDEN_SIEGE_TIME_MAX_SECS) &&
	       policy->siege_learn_secs <= WARDEN_TIME_MAX_SECS;
}

static bool points_are_valid(const struct warden_policy *policy)
{
	unsigned int i;

	for (i = 0; i < POINTS_COUNT; i++) {
		uint16_t max = warden_class_is_event(i) ?
			WARDEN_POINTS_MAX : 0;

		if (policy->points[i] > max)
			return false;
	}
	return true;
}

static bool exempt_is_valid(const struct warden_policy *policy)
{
	uint32_t i;

	if (policy->exempt_count > WARDEN_EXEMPT_MAX)
		return false;
	for (i = 0; i < policy->exempt_count; i++) {
		const struct warden_net *net = &policy->exempt[i];

		if (net->family != WARDEN_INET && net->family != WARDEN_INET6)
			return false;
		if (net->bits > warden_net_max_bits(net))
			return false;
	}
	return true;
}

bool warden_policy_is_valid(const struct warden_policy *policy)
{
	return limits_are_valid(policy) && siege_is_valid(policy) &&
	       points_are_valid(policy) && modes_are_valid(policy) &&
	       exempt_is_valid(policy);
}

bool warden_policy_exempts(const struct warden_policy *policy,
			   const struct warden_net *addr)
{
	uint32_t i;

	for (i = 0; i < policy->exempt_count && i < WARDEN_EXEMPT_MAX; i++) {
		if (warden_net_contains(&policy->exempt[i], addr))
			return true;
	}
	return false;
}

void warden_policy_add_country(uint8_t *countries, uint32_t country)
{
	if (country != 0 && country < WARDEN_COUNTRIES)
		countries[country / 8] |= (uint8_t)(1u << country % 8);
}

bool warden_policy_has_country(const uint8_t *countries, uint32_t country)
{
	return country < WARDEN_COUNTRIES &&
	       (countries[country / 8] >> country % 8 & 1) != 0;
}

bool warden_policy_has_countries(const struct warden_policy *policy)
{
	static const uint8_t none[WARDEN_COUNTRY_BYTES];

	return policy->only_allowed != 0 ||
	       memcmp(policy->countries_refused, none, sizeof(none)) != 0;
}

bool warden_policy_refuses_country(const struct warden_policy *policy,
				   uint32_t country)
{
	if (country == 0)
		return false;
	return warden_policy_has_country(policy->countries_refused, country) ||
	       (policy->only_allowed != 0 &&
		!warden_policy_has_country(policy->countries_allowed, country));
}

enum warden_mode warden_policy_rule_mode(const struct warden_policy *policy,
					 unsigned int rule)
{
	uint8_t own = rule < WARDEN_RULES_ROOM ? policy->rule_modes[rule] : 0;

	if (policy->mode == WARDEN_MODE_OFF || own == 0)
		return (enum warden_mode)policy->mode;
	return (enum warden_mode)(own - 1);
}

static bool class_has_mode(const struct warden_policy *policy,
			   unsigned int class, enum warden_mode mode)
{
	return warden_class_is_event(class) &&
	       warden_policy_rule_mode(policy, class) == mode;
}

static bool some_class_has_mode(const struct warden_policy *policy,
				enum warden_mode mode)
{
	for (unsigned int class = 0; class < WARDEN_CLASS_COUNT; class ++) {
		if (class_has_mode(policy, class, mode))
			return true;
	}
	return false;
}

bool warden_policy_class_counts(const struct warden_policy *policy,
				enum warden_class class)
{
	switch (warden_policy_rule_mode(policy, class)) {
	case WARDEN_MODE_OFF:
		break;
	case WARDEN_MODE_OBSERVE:
		return !some_class_has_mode(policy, WARDEN_MODE_ENFORCE);
	case WARDEN_MODE_ENFORCE:
		return true;
	}
	return false;
}

uint32_t warden_policy_points(const struct warden_policy *policy,
			      enum warden_class class)
{
	if ((unsigned int)class >= WARDEN_CLASS_COUNT ||
	    !warden_policy_class_counts(policy, class))
		return 0;
	return policy->points[class];
}

bool warden_policy_is_mixed(const struct warden_policy *policy)
{
	return some_class_has_mode(policy, WARDEN_MODE_OBSERVE) &&
	       some_class_has_mode(policy, WARDEN_MODE_ENFORCE);
}

const char *warden_mode_name(unsigned int mode)
{
	switch (mode) {
	case WARDEN_MODE_OFF:
		return "off";
	case WARDEN_MODE_OBSERVE:
		return "observe";
	case WARDEN_MODE_ENFORCE:
		return "enforce";
	default:
		return "unknown";
	}
}
