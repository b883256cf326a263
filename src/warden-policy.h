/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_POLICY_H
#define WARDEN_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-class.h"
#include "warden-origins.h"
#include "warden-rule.h"

/* The rules in force, as the service publishes them and every login and auth
   process reads them. Fixed width, no pointer: this is also their form in the
   shared `policy` file, so a change here is a new WARDEN_LAYOUT. */

enum warden_mode {
	WARDEN_MODE_OFF = 0,	 /* neither count nor refuse */
	WARDEN_MODE_OBSERVE = 1, /* everything but refuse */
	WARDEN_MODE_ENFORCE = 2,
};

#define WARDEN_EXEMPT_MAX 512	       /* networks */
#define WARDEN_SESSION_LIMIT_MAX 200   /* sessions of one host */
#define WARDEN_SESSION_TOTAL_MAX 50000 /* of all hosts */
#define WARDEN_FAIL_LIMIT_MAX 100000   /* points */
#define WARDEN_POINTS_MAX 1000	       /* of one event */
#define WARDEN_TIME_MAX_SECS (366u * 24 * 3600)
#define WARDEN_DNS_TIMEOUT_MAX_SECS 10 /* a client waits so long, ungreeted */
/* Networks of which so many within siege_secs put an account on guard. With
   fewer a traveller who errs would do it. */
#define WARDEN_SIEGE_NETWORKS_MIN 5
#define WARDEN_SIEGE_NETWORKS_MAX 60
#define WARDEN_SIEGE_TIME_MAX_SECS (24u * 3600)
#define WARDEN_NEIGHBOUR_FACTOR_MAX 10
/* A set of countries, see warden-origins.h: a bit for each. */
#define WARDEN_COUNTRY_BYTES 88

/* Hosts that are not known also have a slow bucket: without it one attempt a
   minute would never be seen. */
#define WARDEN_SLOW_LIMIT 300
#define WARDEN_SLOW_WINDOW_SECS (24u * 3600)
/* A known host may fail this many times as much; see warden-limits.h. */
#define WARDEN_KNOWN_FACTOR 4
/* All hosts of an IPv6 /48 together that are not known may fail this many times
   as much as one, and if somebody logged in from the network, more; in so many
   windows of one. */
#define WARDEN_CROWD_FACTOR 5
#define WARDEN_CROWD_WINDOWS 6
#define WARDEN_CROWD_NEAR_FACTOR 20
/* An event that is about one user name too many weighs this many times as
   much. */
#define WARDEN_TRAWL_FACTOR 2
/* Blocks double when they follow within this time of peace. */
#define WARDEN_PEACE_SECS (7u * 24 * 3600)

struct warden_policy {
	uint32_t mode;		      /* enum warden_mode */
	uint32_t session_limit;	      /* per host; 0 = no limit */
	/* per network (/24, /48), of hosts that are not known; 0 = no limit */
	uint32_t session_limit_network;
	uint32_t session_limit_total; /* of all hosts; 0 = no limit */
	uint32_t login_grace_secs;    /* 1..180 */
	uint32_t fail_limit;	      /* points that block */
	uint32_t fail_window_secs;    /* a full bucket drains in this time */
	uint32_t block_time_secs;     /* first block */
	uint32_t block_time_max_secs; /* cap of the doubling */
	uint32_t known_time_secs;     /* how long a login makes a host known */
	uint32_t ipv4_prefix;	      /* 8..32 */
	uint32_t ipv6_prefix;	      /* 16..64 */
	uint32_t deny_private;	      /* private networks into the deny file */
	uint32_t dns_timeout_secs;    /* 1.. */
	uint32_t siege_networks;      /* see warden-siege.h; 0 = off */
	uint32_t siege_secs;	      /* within this time; 1.. */
	uint32_t siege_learn_secs;    /* not before this since a first login */
	uint32_t exempt_count;
	/* what a host does weighs at most so many times as much for what others
	   of its neighbourhood did, see warden-neighbours.h; 1 = it does not
	   matter */
	uint32_t neighbour_factor;
	uint32_t only_allowed; /* 1: refuse those not in countries_allowed */
	uint16_t points[16];   /* by enum warden_class */
	/* 0: as `mode`; else enum warden_mode + 1 */
	uint8_t rule_modes[WARDEN_RULES_ROOM];
	uint8_t countries_allowed[WARDEN_COUNTRY_BYTES];
	uint8_t countries_refused[WARDEN_COUNTRY_BYTES];
	struct warden_net exempt[WARDEN_EXEMPT_MAX];
};

_Static_assert(sizeof(struct warden_net) == 24, "layout of shared memory");
_Static_assert(sizeof(struct warden_policy) == 304 + 24 * WARDEN_EXEMPT_MAX,
	       "layout of shared memory");
_Static_assert(WARDEN_COUNTRIES <= 8 * WARDEN_COUNTRY_BYTES, "layout");
_Static_assert(WARDEN_CLASS_COUNT <= 16, "layout of shared memory");

void warden_policy_init_defaults(struct warden_policy *policy_r);

/* Is every number inside its range? A reader checks what it copied out of
   shared memory before it believes it. */
bool warden_policy_is_valid(const struct warden_policy *policy);

/* Is the address in an exempt network? Linear: at most WARDEN_EXEMPT_MAX. */
bool warden_policy_exempts(const struct warden_policy *policy,
			   const struct warden_net *addr);

/* Of sets of countries. */
void warden_policy_add_country(uint8_t *countries, uint32_t country);
bool warden_policy_has_country(const uint8_t *countries, uint32_t country);
/* Do the rules say anything of countries? */
bool warden_policy_has_countries(const struct warden_policy *policy);
/* Is a client from there refused? Never if it is not known from where (0). */
bool warden_policy_refuses_country(const struct warden_policy *policy,
				   uint32_t country);

/* What is done about it where the rule decides. Off if `mode` is off. */
enum warden_mode warden_policy_rule_mode(const struct warden_policy *policy,
					 unsigned int rule);
/* Does an event of this class bring its host nearer to a block? If classes
   have different modes, only those that are enforced do, and what the others
   would do is counted apart. If none is enforced, all do, and nobody is
   refused for it. */
bool warden_policy_class_counts(const struct warden_policy *policy,
				enum warden_class class);
/* Points of an event of the class, 0 if it does not count. */
uint32_t warden_policy_points(const struct warden_policy *policy,
			      enum warden_class class);
/* Have classes different modes? */
bool warden_policy_is_mixed(const struct warden_policy *policy);

const char *warden_mode_name(unsigned int mode);

#endif
