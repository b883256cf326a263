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
/* empty_at after taking back what was added at `then`: so much of it as has not
   drained since. Of what others added nothing goes with it: the bucket holds at
   least what it would hold if nothing had been added then. (Unless it was full
   to the WARDEN_BUCKET_WINDOWS_MAX meanwhile, far above every limit.) */
uint64_t warden_bucket_take_back(uint64_t empty_at, uint64_t now,
				 uint64_t then, uint64_t added);
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
