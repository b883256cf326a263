/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-bucket.h"

/* Rounded up: with a large limit and a short window a point would otherwise
   take no time at all, and a host could fail for ever. */
static uint64_t bucket_ms(uint64_t points, uint32_t limit,
			  uint32_t window_secs)
{
	return (points * window_secs * 1000 + limit - 1) / limit;
}

/* How long until it is empty; 0 = it is. */
static uint64_t bucket_left(uint64_t empty_at, uint64_t now,
			    uint32_t window_secs)
{
	uint64_t max =
		(uint64_t)window_secs * 1000 * WARDEN_BUCKET_WINDOWS_MAX;

	if (empty_at <= now)
		return 0;
	return empty_at - now > max ? max : empty_at - now;
}

uint64_t warden_bucket_add(uint64_t empty_at, uint64_t now, uint32_t points,
			   uint32_t limit, uint32_t window_secs)
{
	uint64_t left = bucket_left(empty_at, now, window_secs) +
			bucket_ms(points, limit, window_secs);

	return now + bucket_left(now + left, now, window_secs);
}

uint64_t warden_bucket_added(uint64_t empty_at, uint64_t added_at, uint64_t now)
{
	uint64_t from = empty_at > now ? empty_at : now;

	/* less: what was there is nothing that a bucket can hold */
	return added_at > from ? added_at - from : 0;
}

uint64_t warden_bucket_take_back(uint64_t empty_at, uint64_t now,
				 uint64_t added)
{
	if (empty_at <= now || empty_at - now <= added)
		return 0;
	return empty_at - added;
}

double warden_bucket_points(uint64_t empty_at, uint64_t now, uint32_t limit,
			    uint32_t window_secs)
{
	return (double)bucket_left(empty_at, now, window_secs) * limit /
	       ((double)window_secs * 1000);
}

bool warden_bucket_reaches(uint64_t empty_at, uint64_t now, uint32_t points,
			   uint32_t limit, uint32_t window_secs)
{
	if (points == 0)
		return true;
	return bucket_left(empty_at, now, window_secs) >
	       bucket_ms(points - 1, limit, window_secs);
}
