/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-fuse.h"

#include "warden-hash.h"
#include "warden-sketch.h"

#define SLOT_MSECS 60000
/* The running slot and those before it. */
#define LOOK_SLOTS 3
/* No more logins than this part of what was usual, and of hosts that fail. */
#define COLLAPSE 4
/* Of the hour's logins, so many in what warden_table_total() tells of. */
#define LOOK_SECS 120
#define HOUR_SECS 3600

static uint32_t slot_of(uint64_t now)
{
	return (uint32_t)(now / SLOT_MSECS);
}

static uint32_t word_bits(uint64_t word, uint32_t slot)
{
	return word >> 32 == slot ? (uint32_t)word : 0;
}

static _Atomic uint64_t *fuse_words(const struct warden_table *table,
				    bool failed)
{
	return failed ? table->header->known_failed : table->header->logged_in;
}

void warden_fuse_note(struct warden_table *table,
		      const struct warden_host *host, bool failed, uint64_t now)
{
	uint32_t slot = slot_of(now);
	_Atomic uint64_t *word =
		&fuse_words(table, failed)[slot % WARDEN_FUSE_SLOTS];
	uint64_t hash = warden_hash_u64(
		table->hash_key, host->key ^ (uint64_t)host->family << 60);
	uint64_t present = atomic_load_explicit(word, memory_order_relaxed);

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint32_t bits = word_bits(present, slot);
		uint32_t next = warden_sketch_add(bits, hash);

		if (next == bits ||
		    atomic_compare_exchange_weak_explicit(
			    word, &present, (uint64_t)slot << 32 | next,
			    memory_order_relaxed, memory_order_relaxed))
			return;
	}
}

static uint32_t fuse_count(const struct warden_table *table, bool failed,
			   uint64_t now)
{
	const _Atomic uint64_t *words = fuse_words(table, failed);
	uint32_t bits = 0;

	for (uint32_t i = 0; i < LOOK_SLOTS; i++) {
		uint32_t slot = slot_of(now) - i;

		bits |= word_bits(
			atomic_load_explicit(&words[slot % WARDEN_FUSE_SLOTS],
					     memory_order_relaxed),
			slot);
	}
	return warden_sketch_count(bits);
}

static bool nearly_all_fail(const struct warden_table *table, uint64_t now)
{
	uint32_t failed = fuse_count(table, true, now);

	return failed >= WARDEN_FUSE_HOSTS &&
	       fuse_count(table, false, now) * COLLAPSE < failed;
}

static bool logins_collapsed(const struct warden_table *table, uint64_t now)
{
	uint64_t hour =
		warden_table_total(table, WARDEN_TOTAL_SUCCESS, HOUR_SECS, now);
	uint64_t late =
		warden_table_total(table, WARDEN_TOTAL_SUCCESS, LOOK_SECS, now);

	return hour >= WARDEN_FUSE_LOGINS &&
	       late * COLLAPSE < hour * LOOK_SECS / HOUR_SECS;
}

bool warden_fuse_look(struct warden_fuse *fuse,
		      const struct warden_table *table, uint64_t now)
{
	bool was_blown = fuse->blown;

	/* once it is blown, what was usual within the hour fades, and does not
	   matter */
	if (nearly_all_fail(table, now) &&
	    (fuse->blown || logins_collapsed(table, now))) {
		fuse->blown = true;
		fuse->until = now + WARDEN_FUSE_PEACE_SECS * UINT64_C(1000);
	} else if (now >= fuse->until) {
		fuse->blown = false;
	}
	return fuse->blown != was_blown;
}
