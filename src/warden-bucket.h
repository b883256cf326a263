/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_BUCKET_H
#define WARDEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* A leaky bucket in one number: the time in milliseconds when it will be
   empty (virtual scheduling algorithm, ITU-T I.371 annex A). It drains by
   itself, needs no clean-up, and one compare-and-swap adds to it.

   limit points drain in window_secs; both are at least 1. */

/* A bucket never holds more than this many windows: a flood of events must
   not keep a host in it for days. */
#define WARDEN_BUCKET_WINDOWS_MAX 8

/* empty_at after adding points at now. */
uint64_t warden_bucket_add(uint64_t empty_at, uint64_t now, uint32_t points,
			   uint32_t limit, uint32_t window_secs);
/* How long the bucket is kept from being empty by what was added at now to
   one of empty_at, milliseconds. added_at is the empty_at after that. */
uint64_t warden_bucket_added(uint64_t empty_at, uint64_t added_at,
			     uint64_t now);
/* empty_at after taking that back. When all that was added is taken back, in
   whatever order, nothing is left.

   In any time a bucket below its limit has taken at most the limit and what
   drains in that time. Taking back adds to this what was there at the beginning
   of that time and is taken back in it, since it has drained as if it were to
   stay; it was below the limit too. So whoever has attempts wait, to succeed
   later, can fail twice the limit in one go, once, and then no more often than
   everybody else. Leaving in the bucket what has drained of them would be
   stricter; but then a host with two logins under way at every time is blocked
   sooner or later, and has done nothing wrong. */
uint64_t warden_bucket_take_back(uint64_t empty_at, uint64_t now,
				 uint64_t added);
/* Points in it now. A value that no bucket can have (a stranger wrote it) is
   read as a full one of WARDEN_BUCKET_WINDOWS_MAX windows. */
double warden_bucket_points(uint64_t empty_at, uint64_t now, uint32_t limit,
			    uint32_t window_secs);
/* Does it hold at least that many points? What has drained of the newest
   point counts as still there: ten failures of ten points reach a limit of
   100 also when some milliseconds pass between them. */
bool warden_bucket_reaches(uint64_t empty_at, uint64_t now, uint32_t points,
			   uint32_t limit, uint32_t window_secs);

#endif
