/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-fuse.h"

#include "warden-hash.h"
#include "warden-sketch-ring.h"

#define SLOT_SECS WARDEN_TOTAL_SLOT_SECS
/* No more logins than this part of what was usual, and of hosts that fail. */
#define COLLAPSE 4
#define HOUR_SECS 3600
/* How far back it looks: so long that there were so many logins, usually. */
#define LOOK_LOGINS 20
#define LOOK_SECS_MIN 20
#define LOOK_SECS_MAX 120
/* What was blocked while it was about to blow. */
#define LIFT_SECS 300
_Static_assert(LOOK_SECS_MAX / SLOT_SECS + 1 < WARDEN_FUSE_SLOTS, "slots");

static uint32_t slot_of(uint64_t now)
{
	return (uint32_t)(now / 1000 / SLOT_SECS);
}

static _Atomic uint64_t *fuse_words(const struct warden_table *table,
				    bool failed)
{
	return failed ? table->header->known_failed : table->header->logged_in;
}

void warden_fuse_note(struct warden_table *table,
		      const struct warden_host *host, bool failed, uint64_t now)
{
	uint64_t hash = warden_hash_u64(
		table->hash_key, host->key ^ (uint64_t)host->family << 60);

	warden_sketch_ring_add(fuse_words(table, failed), WARDEN_FUSE_SLOTS,
			       slot_of(now), hash);
}

static uint32_t fuse_count(const struct warden_table *table, bool failed,
			   uint32_t secs, uint64_t now)
{
	return warden_sketch_ring_count(fuse_words(table, failed),
					WARDEN_FUSE_SLOTS, slot_of(now),
					secs / SLOT_SECS);
}

static bool nearly_all_fail(const struct warden_table *table, uint32_t secs,
			    uint64_t now)
{
	uint32_t failed = fuse_count(table, true, secs, now);

	return failed >= WARDEN_FUSE_HOSTS &&
	       fuse_count(table, false, secs, now) * COLLAPSE < failed;
}

static uint32_t look_secs(uint64_t hour)
{
	uint64_t secs = hour == 0 ? LOOK_SECS_MAX :
				    (uint64_t)LOOK_LOGINS * HOUR_SECS / hour;

	if (secs < LOOK_SECS_MIN)
		return LOOK_SECS_MIN;
	return secs > LOOK_SECS_MAX ? LOOK_SECS_MAX : (uint32_t)secs;
}

/* hour: logins in it */
static bool logins_collapsed(const struct warden_table *table, uint64_t hour,
			     uint32_t secs, uint64_t now)
{
	uint64_t late =
		warden_table_total(table, WARDEN_TOTAL_SUCCESS, secs, now);

	return hour >= WARDEN_FUSE_LOGINS &&
	       late * COLLAPSE < hour * secs / HOUR_SECS;
}

bool warden_fuse_look(struct warden_fuse *fuse,
		      const struct warden_table *table, uint64_t now)
{
	uint64_t hour =
		warden_table_total(table, WARDEN_TOTAL_SUCCESS, HOUR_SECS, now);
	/* once it is blown, what was usual within the hour fades, and does not
	   matter */
	uint32_t secs = fuse->blown ? LOOK_SECS_MAX : look_secs(hour);
	bool was_blown = fuse->blown;

	if (nearly_all_fail(table, secs, now) &&
	    (fuse->blown || logins_collapsed(table, hour, secs, now))) {
		fuse->blown = true;
		fuse->until = now + WARDEN_FUSE_PEACE_SECS * UINT64_C(1000);
	} else if (now >= fuse->until) {
		fuse->blown = false;
	}
	return fuse->blown != was_blown;
}

uint32_t warden_fuse_lift(struct warden_table *table,
			  const struct warden_policy *policy, uint64_t now)
{
	struct warden_host_info info;
	uint64_t index = 0, since = now / 1000 - LIFT_SECS;
	uint32_t lifted = 0;

	while (warden_table_next(table, &index, policy, now, &info)) {
		if (info.blocked && info.known &&
		    info.reason != WARDEN_MANUAL &&
		    warden_table_block_began(&info, policy) >= since &&
		    warden_table_unblock(table, &info.host, now))
			lifted++;
	}
	return lifted;
}
