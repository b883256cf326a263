/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-limits.h"

/* A known host has this many times the points. One that only has a known host
   in its network has no more at once, for a guesser may be in every network,
   but as much over a day. */
#define KNOWN_FAST WARDEN_KNOWN_FACTOR
#define KNOWN_SLOW 2

/* That many users double what drains. In ten minutes all of an office can come
   to work after a change of passwords; in a day a guesser among them can try
   as often as all of them err. */
#define FAST_USERS 50
#define SLOW_USERS 600
/* And this many do so once more, and with them it grows by the square: a webmail
   of thousands is no place where one guesser stands out. */
#define SLOW_SQUARE_USERS 750

/* Each offence halves the slow bucket, down to this: who comes back after a
   block and goes on slowly gets ever less. */
#define SLOW_MIN 30

#define SHARED_USERS 4
/* Sessions: as many again for each so many users. */
#define SESSION_USERS 4
/* No host has more than this part of the total. */
#define SESSION_SHARE 4
/* A network from which somebody logged in has so many times as many. */
#define NEAR_SESSIONS 4
#define GRACE_MIN_SECS 5

#define NAMES_FREE 2
/* So many above what is free, and it does not matter any more whether a name is
   new: counting is not exact there. */
#define NAMES_MANY 8

static uint32_t fast_drain(uint32_t points, uint64_t users)
{
	return (uint32_t)(points * (FAST_USERS + users) / FAST_USERS);
}

static uint32_t slow_drain(uint64_t users)
{
	const uint64_t points = WARDEN_SLOW_LIMIT;

	return (uint32_t)(points + points * users / SLOW_USERS +
			  points * users * users /
				  (SLOW_SQUARE_USERS * SLOW_SQUARE_USERS));
}

static uint32_t slow_limit(const struct warden_standing *standing)
{
	uint32_t limit = WARDEN_SLOW_LIMIT *
			 (standing->known || standing->near ? KNOWN_SLOW : 1);

	limit >>= standing->offences < 8 ? standing->offences : 8;
	return limit < SLOW_MIN ? SLOW_MIN : limit;
}

static uint32_t session_limit(const struct warden_policy *policy,
			      uint32_t users)
{
	uint64_t limit = policy->session_limit;
	uint32_t share = policy->session_limit_total / SESSION_SHARE;

	limit += limit * (users / SESSION_USERS);
	/* no host may have them all, and a limit of 0 is none */
	if (policy->session_limit_total != 0 && (limit == 0 || limit > share))
		limit = share == 0 ? 1 : share;
	return limit > WARDEN_SESSION_LIMIT_MAX ? WARDEN_SESSION_LIMIT_MAX :
						  (uint32_t)limit;
}

static uint32_t network_session_limit(const struct warden_policy *policy,
				      const struct warden_standing *standing)
{
	uint32_t limit = policy->session_limit_network;

	if (standing->known)
		return 0;
	if (standing->near)
		limit *= NEAR_SESSIONS;
	return limit > WARDEN_SESSION_LIMIT_MAX ? WARDEN_SESSION_LIMIT_MAX :
						  limit;
}

void warden_limits_get(struct warden_limits *limits_r,
		       const struct warden_policy *policy,
		       const struct warden_standing *standing)
{
	uint32_t users = standing->known ? standing->users : 0;
	uint32_t more = users > 1 ? users - 1 : 0;

	*limits_r = (struct warden_limits){
		.fast = policy->fail_limit * (standing->known ? KNOWN_FAST : 1),
		.slow = slow_limit(standing),
		.fast_drain = fast_drain(policy->fail_limit, more),
		.slow_drain = slow_drain(more),
		.sessions = session_limit(policy, users),
		.network_sessions = network_session_limit(policy, standing),
		.names = NAMES_FREE + 2 * users,
		.shared = users >= SHARED_USERS,
		.known = standing->known,
		.near = standing->near,
	};
}

uint32_t warden_limits_total(uint32_t limit, const struct warden_limits *limits)
{
	if (limits->known)
		return limit;
	return limit - limit / (limits->near ? 8 : 4);
}

uint32_t warden_limits_grace(const struct warden_policy *policy,
			     uint32_t sessions)
{
	uint32_t limit = policy->session_limit_total;
	uint32_t grace = policy->login_grace_secs, divisor = 1;

	if (limit == 0)
		return grace;
	if (sessions >= limit - limit / 16)
		divisor = 8;
	else if (sessions >= limit - limit / 8)
		divisor = 4;
	else if (sessions > limit - limit / 4)
		divisor = 2;
	if (grace / divisor >= GRACE_MIN_SECS)
		return grace / divisor;
	return grace < GRACE_MIN_SECS ? grace : GRACE_MIN_SECS;
}

bool warden_limits_trawls(const struct warden_limits *limits, uint32_t names,
			  bool is_new)
{
	return names > limits->names &&
	       (is_new || names >= limits->names + NAMES_MANY);
}
