/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The network that a host is in, its /24 or /48: has somebody logged in from
   there, and how much have the unknown hosts of a /48 failed together. This is
   not in records, and stays when those of its hosts make room. */

#include "warden-table-private.h"

#include "warden-bucket.h"

/* --- Known networks ------------------------------------------------------- */

/* Where the network of a host belongs: /24, or /48. */
struct near_place {
	struct warden_near_set *set;
	uint32_t tag; /* not 0 */
};

static struct near_place near_place_of(const struct warden_table *table,
				       const struct table_place *place)
{
	const struct warden_host host = {
		.family = place->family == 0 ? WARDEN_INET : WARDEN_INET6,
		.key = place->key,
	};
	uint64_t hash = warden_hash_u64(
		table->hash_key, warden_host_network(&host) |
					 (uint64_t)(2 + place->family) << 56);
	struct near_place near = {
		.set = &table->near[hash % WARDEN_NEAR_SETS],
		.tag = (uint32_t)(hash >> 32) | 1,
	};
	return near;
}

bool table_near_is_known(const struct warden_table *table,
			 const struct table_place *place,
			 const struct warden_policy *policy, uint32_t now_secs)
{
	struct near_place near = near_place_of(table, place);

	for (unsigned int i = 0; i < WARDEN_NEAR_WAYS; i++) {
		uint64_t word = atomic_load_explicit(&near.set->words[i],
						     memory_order_relaxed);

		if (word >> 32 == near.tag)
			return table_is_known((uint32_t)word, policy, now_secs);
	}
	return false;
}

/* One compare-and-swap: if another login comes in between, that one is as
   good. */
void table_near_set_known(struct warden_table *table,
			  const struct table_place *place, uint32_t login_secs)
{
	struct near_place near = near_place_of(table, place);
	_Atomic uint64_t *oldest = &near.set->words[0];
	uint64_t seen = UINT64_MAX;

	for (unsigned int i = 0; i < WARDEN_NEAR_WAYS; i++) {
		uint64_t word = atomic_load_explicit(&near.set->words[i],
						     memory_order_relaxed);

		if (word >> 32 == near.tag) {
			oldest = &near.set->words[i];
			seen = word;
			break;
		}
		if (seen == UINT64_MAX || (uint32_t)word < (uint32_t)seen) {
			oldest = &near.set->words[i];
			seen = word;
		}
	}
	if (seen >> 32 == near.tag && (uint32_t)seen >= login_secs)
		return;
	(void)atomic_compare_exchange_strong(
		oldest, &seen, (uint64_t)near.tag << 32 | login_secs);
}

/* --- Crowds --------------------------------------------------------------- */

/* What the /48 may: so many points drain in that time, and refuse. */
struct crowd_limit {
	uint32_t points, window_secs;
	bool near;
};

static struct crowd_limit crowd_limit_of(const struct warden_table *table,
					 const struct table_place *place,
					 const struct warden_policy *policy,
					 uint32_t now_secs)
{
	struct crowd_limit limit = {
		.points = policy->fail_limit,
		.window_secs = policy->fail_window_secs * WARDEN_CROWD_WINDOWS,
		.near = table_near_is_known(table, place, policy, now_secs),
	};

	limit.points *=
		limit.near ? WARDEN_CROWD_NEAR_FACTOR : WARDEN_CROWD_FACTOR;
	return limit;
}

#define CROWD_TIME_MASK ((UINT64_C(1) << WARDEN_CROWD_TIME_BITS) - 1)

static uint64_t crowd_tag(const struct near_place *near)
{
	return near->tag >> 10 | 1;
}

/* The word of the network, or the one that it may have. */
static _Atomic uint64_t *crowd_find(const struct near_place *near)
{
	_Atomic uint64_t *emptiest = &near->set->crowds[0];
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < WARDEN_NEAR_WAYS; i++) {
		uint64_t word = atomic_load_explicit(&near->set->crowds[i],
						     memory_order_relaxed);

		if (word >> WARDEN_CROWD_TIME_BITS == crowd_tag(near))
			return &near->set->crowds[i];
		if ((word & CROWD_TIME_MASK) < least) {
			least = word & CROWD_TIME_MASK;
			emptiest = &near->set->crowds[i];
		}
	}
	return emptiest;
}

/* Later than a bucket can be is what a stranger wrote, and would not drain. */
static uint64_t crowd_empty_at(uint64_t word, const struct near_place *near,
			       const struct crowd_limit *limit, uint64_t now)
{
	uint64_t most =
		(uint64_t)limit->window_secs * 1000 * WARDEN_BUCKET_WINDOWS_MAX;
	uint64_t empty_at = word & CROWD_TIME_MASK;

	return word >> WARDEN_CROWD_TIME_BITS == crowd_tag(near) &&
			       empty_at <= now + most ?
		       empty_at :
		       0;
}

void table_crowd_add(struct warden_table *table,
		     const struct table_place *place,
		     const struct warden_policy *policy, uint32_t points,
		     uint64_t now)
{
	struct near_place near = near_place_of(table, place);
	struct crowd_limit limit =
		crowd_limit_of(table, place, policy, (uint32_t)(now / 1000));
	_Atomic uint64_t *word = crowd_find(&near);
	uint64_t present = atomic_load_explicit(word, memory_order_relaxed);

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint64_t next = warden_bucket_add(
			crowd_empty_at(present, &near, &limit, now), now,
			points, limit.points, limit.window_secs);

		if (atomic_compare_exchange_weak_explicit(
			    word, &present,
			    crowd_tag(&near) << WARDEN_CROWD_TIME_BITS |
				    (next & CROWD_TIME_MASK),
			    memory_order_relaxed, memory_order_relaxed))
			return;
	}
	table_counter_add(&table->header->contended);
}

static enum warden_block crowd_block(const struct warden_table *table,
				     const struct table_place *place,
				     const struct warden_policy *policy,
				     uint64_t now)
{
	struct near_place near = near_place_of(table, place);
	uint64_t word =
		atomic_load_explicit(crowd_find(&near), memory_order_relaxed);
	struct crowd_limit limit;

	/* most networks: one line of memory has told it */
	if ((word & CROWD_TIME_MASK) <= now)
		return WARDEN_BLOCK_NONE;
	limit = crowd_limit_of(table, place, policy, (uint32_t)(now / 1000));
	if (!warden_bucket_reaches(crowd_empty_at(word, &near, &limit, now),
				   now, limit.points, limit.points,
				   limit.window_secs))
		return WARDEN_BLOCK_NONE;
	return limit.near ? WARDEN_BLOCK_LIMITED : WARDEN_BLOCK_HOST;
}

enum warden_block warden_table_crowd_of(const struct warden_table *table,
					const struct warden_host *host,
					const struct warden_policy *policy,
					uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	const struct warden_record *record;
	enum warden_block block;

	if (place.family != 1)
		return WARDEN_BLOCK_NONE;
	block = crowd_block(table, &place, policy, now);
	if (block == WARDEN_BLOCK_NONE)
		return block;
	record = table_place_find(&place);
	return record != NULL &&
			       table_record_is_known(record, place.tag, policy,
						     (uint32_t)(now / 1000)) ?
		       WARDEN_BLOCK_NONE :
		       block;
}
