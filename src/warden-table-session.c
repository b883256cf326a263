/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The live unauthenticated sessions of a host, and of its network. A session is
   one word for each, so that it is opened and closed by one compare-and-swap,
   and its start time makes it disappear by itself when its process did not
   close it. */

#include "warden-hash.h"
#include "warden-table.h"
#include "warden.h"

/* A start later than this is not a session: a stranger wrote it. */
#define START_AHEAD_MAX_SECS 2

struct session_place {
	struct warden_session_bucket *bucket;
	uint32_t bucket_index;
	uint32_t tag;
};

/* half: 0 for hosts, 1 for networks. */
static struct session_place place_in(const struct warden_table *table,
				     uint32_t half, uint64_t key)
{
	uint64_t hash = warden_hash_u64(table->hash_key, key);
	uint32_t index = half * table->bucket_count +
			 (uint32_t)((hash >> 32) * table->bucket_count >> 32);
	struct session_place place = {
		.bucket = &table->buckets[index],
		.bucket_index = index,
		.tag = (uint32_t)hash,
	};
	return place;
}

static struct session_place place_of(const struct warden_table *table,
				     const struct warden_host *host)
{
	/* a /64 and an IPv4 address may have the same number */
	return place_in(table, 0, host->key ^ ((uint64_t)host->family << 56));
}

static struct session_place place_of_network(const struct warden_table *table,
					     const struct warden_host *host)
{
	return place_in(table, 1,
			warden_host_network(host) ^
				((uint64_t)host->family << 56));
}

static uint64_t slot_pack(uint32_t high, uint32_t start_secs)
{
	return (uint64_t)high << 32 | start_secs;
}

static bool slot_is_live(uint64_t slot, uint32_t now_secs)
{
	uint32_t start = (uint32_t)slot;

	if (slot == 0)
		return false;
	if (start > now_secs)
		return start - now_secs <= START_AHEAD_MAX_SECS;
	return now_secs - start < WARDEN_SESSION_MAX_SECS;
}

static uint64_t slot_load(const _Atomic uint64_t *slot)
{
	return atomic_load(slot);
}

static bool slot_replace(_Atomic uint64_t *slot, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(slot, &from, to);
}

static uint32_t place_count(const struct session_place *place,
			    uint32_t now_secs)
{
	uint32_t count = 0;

	for (unsigned int i = 0; i < WARDEN_SESSION_BUCKET_SLOTS; i++) {
		uint64_t slot = slot_load(&place->bucket->slots[i]);

		if (slot >> 32 == place->tag && slot_is_live(slot, now_secs))
			count++;
	}
	return count;
}

/* Take the first slot that is free or has run out. Returns its index, or -1:
   there is none. */
static int place_take(const struct session_place *place, uint64_t session,
		      uint32_t now_secs)
{
	for (int i = 0; i < WARDEN_SESSION_BUCKET_SLOTS; i++) {
		_Atomic uint64_t *slot = &place->bucket->slots[i];
		uint64_t present = slot_load(slot);

		if (!slot_is_live(present, now_secs) &&
		    slot_replace(slot, present, session))
			return i;
	}
	return -1;
}

/* 1: *slot_r is claimed, at *index_r; 0: there are limit already; -1: the bucket
   is full. */
static int place_open(struct warden_table *table,
		      const struct session_place *place, uint32_t limit,
		      pid_t pid, uint32_t now_secs, uint64_t *slot_r,
		      uint32_t *index_r)
{
	uint64_t slot = slot_pack(place->tag, now_secs);
	int index;

	if (limit != 0 && place_count(place, now_secs) >= limit)
		return 0;
	index = place_take(place, slot, now_secs);
	if (index < 0) {
		atomic_fetch_add_explicit(&table->header->bucket_full, 1,
					  memory_order_relaxed);
		return -1;
	}
	/* others may have counted at the same time as we did: look again, now
	   that all of us can be seen; all of this is in one order for all
	   (memory_order_seq_cst) */
	if (limit != 0 && place_count(place, now_secs) > limit) {
		(void)slot_replace(&place->bucket->slots[index], slot, 0);
		return 0;
	}
	atomic_store_explicit(&place->bucket->owners[index],
			      slot_pack((uint32_t)pid, now_secs),
			      memory_order_release);
	*slot_r = slot;
	*index_r = (uint32_t)index;
	return 1;
}

/* Zeroes *slot. */
static void place_close(struct warden_table *table, uint64_t *slot,
			uint32_t bucket_index, uint32_t index)
{
	if (*slot != 0 && bucket_index < 2 * table->bucket_count &&
	    index < WARDEN_SESSION_BUCKET_SLOTS) {
		struct warden_session_bucket *bucket =
			&table->buckets[bucket_index];

		/* the owner first: the next session here may be of the same
		   host and second, and must not seem to be ours when we are
		   gone */
		if (slot_load(&bucket->slots[index]) == *slot)
			atomic_store(&bucket->owners[index], 0);
		(void)slot_replace(&bucket->slots[index], *slot, 0);
	}
	*slot = 0;
}

int warden_table_session_open(struct warden_table *table,
			      const struct warden_host *host, uint32_t limit,
			      uint32_t network_limit, pid_t pid, uint64_t now,
			      struct warden_session *session_r)
{
	struct session_place place = place_of(table, host);
	struct session_place network = place_of_network(table, host);
	uint32_t now_secs = (uint32_t)(now / 1000);
	int ret;

	*session_r = (struct warden_session){
		.bucket = place.bucket_index,
		.network_bucket = network.bucket_index,
	};
	ret = place_open(table, &place, limit, pid, now_secs, &session_r->slot,
			 &session_r->index);
	if (ret > 0) {
		atomic_fetch_add_explicit(&table->header->sessions_open, 1,
					  memory_order_relaxed);
	}
	if (ret == 0 || network_limit == 0)
		return ret;
	if (place_open(table, &network, network_limit, pid, now_secs,
		       &session_r->network_slot,
		       &session_r->network_index) != 0)
		return ret;
	warden_table_session_close(table, session_r);
	return 0;
}

void warden_table_session_close(struct warden_table *table,
				struct warden_session *session)
{
	if (session->slot != 0) {
		atomic_fetch_sub_explicit(&table->header->sessions_open, 1,
					  memory_order_relaxed);
	}
	place_close(table, &session->slot, session->bucket, session->index);
	place_close(table, &session->network_slot, session->network_bucket,
		    session->network_index);
	*session = (struct warden_session){ 0 };
}

uint32_t warden_table_sessions(const struct warden_table *table,
			       const struct warden_host *host, uint64_t now)
{
	struct session_place place = place_of(table, host);

	return place_count(&place, (uint32_t)(now / 1000));
}

uint32_t warden_table_sessions_total(const struct warden_table *table,
				     uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000), count = 0;

	for (uint32_t b = 0; b < table->bucket_count; b++) {
		for (unsigned int i = 0; i < WARDEN_SESSION_BUCKET_SLOTS;
		     i++) {
			if (slot_is_live(slot_load(&table->buckets[b].slots[i]),
					 now_secs))
				count++;
		}
	}
	return count;
}

static bool bucket_reap_slot(struct warden_session_bucket *bucket,
			     unsigned int index,
			     bool (*is_dead)(pid_t pid, uint32_t start_secs),
			     uint32_t now_secs, uint32_t *asked)
{
	uint64_t slot = slot_load(&bucket->slots[index]);
	uint64_t owner = slot_load(&bucket->owners[index]);
	uint32_t pid = (uint32_t)(owner >> 32);

	if (slot == 0)
		return false;
	if (!slot_is_live(slot, now_secs))
		return slot_replace(&bucket->slots[index], slot, 0);
	/* the owner is written after the slot: until then it is the one
	   before, whose start is another */
	if ((uint32_t)owner != (uint32_t)slot || pid == 0 || pid > INT32_MAX)
		return false;
	++*asked;
	if (!is_dead((pid_t)pid, (uint32_t)slot))
		return false;
	/* the owner first, as in warden_table_session_close() */
	return slot_replace(&bucket->owners[index], owner, 0) &&
	       slot_replace(&bucket->slots[index], slot, 0);
}

uint32_t warden_table_sessions_reap(struct warden_table *table,
				    bool (*is_dead)(pid_t pid,
						    uint32_t start_secs),
				    uint32_t *cursor_io, uint64_t now)
{
	const uint32_t slots =
		2 * table->bucket_count * WARDEN_SESSION_BUCKET_SLOTS;
	uint32_t now_secs = (uint32_t)(now / 1000), asked = 0, freed = 0;
	uint32_t cursor = *cursor_io;

	for (uint32_t n = 0; n < slots && asked < WARDEN_SESSION_REAP_MAX;
	     n++) {
		cursor = cursor + 1 < slots ? cursor + 1 : 0;
		if (bucket_reap_slot(
			    &table->buckets[cursor /
					    WARDEN_SESSION_BUCKET_SLOTS],
			    cursor % WARDEN_SESSION_BUCKET_SLOTS, is_dead,
			    now_secs, &asked))
			freed++;
	}
	*cursor_io = cursor;
	return freed;
}
