/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_TABLE_PRIVATE_H
#define WARDEN_TABLE_PRIVATE_H

#include "warden-hash.h"
#include "warden-table.h"
#include "warden-word.h"
#include "warden.h"

/* What the files of the hosts share, for warden-table*.c alone; sessions,
   totals and the attempts under way need none of it. Inline is what the verdict
   on a client needs. Which access may race with which is in warden-table.h. */

/* Of one of the counters in the header. */
static inline void table_counter_add(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- The record of a host ------------------------------------------------- */

/* Where a host belongs in the table, worked out once for each call. */
struct table_place {
	struct warden_set *set;
	uint64_t key;
	uint32_t tag;
	uint32_t family; /* index */
};

static inline uint32_t table_family_index(unsigned int family)
{
	return family == WARDEN_INET6 ? 1 : 0;
}

static inline uint32_t table_tag_of(uint64_t hash)
{
	return hash & ((1U << WARDEN_TAG_BITS) - 1);
}

static inline uint32_t table_set_of(uint64_t hash, uint32_t set_count)
{
	return (uint32_t)((hash >> 32) * set_count >> 32);
}

static inline struct table_place
table_place_of(const struct warden_table *table, const struct warden_host *host)
{
	uint32_t family = table_family_index(host->family);
	uint64_t hash = warden_hash_u64(table->hash_key, host->key);
	struct table_place place = {
		.set = &table->sets[family][table_set_of(
			hash, table->set_count[family])],
		.key = host->key,
		.tag = table_tag_of(hash),
		.family = family,
	};
	return place;
}

static inline uint64_t table_record_key(const struct warden_record *record)
{
	return atomic_load_explicit(&record->key, memory_order_acquire);
}

/* Can a host have this key? Not 0, and no mark. */
static inline bool table_key_is_host(uint64_t key)
{
	return key != 0 && !warden_key_is_mark(key);
}

/* Is a record with this key the host's? While it is leaving it still is. */
static inline bool table_place_owns(const struct table_place *place,
				    uint64_t key)
{
	return key == place->key ||
	       warden_mark_is_of(key, WARDEN_MARK_LEAVING, place->tag);
}

/* As table_place_find(), for a set in which a record changes hands:
   warden-table-record.c. */
struct warden_record *table_place_find_leaving(const struct table_place *place);

/* The hot path: keys and blocks are fetched at once, and marks are rare. */
static inline struct warden_record *
table_place_find(const struct table_place *place)
{
	__builtin_prefetch(place->set->records);
	__builtin_prefetch(place->set->words[WARDEN_WORD_BLOCK]);
	__builtin_prefetch(place->set->words[WARDEN_WORD_REFUSED]);
	if (!table_key_is_host(place->key))
		return NULL;
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		uint64_t key = table_record_key(&place->set->records[i]);

		if (key == place->key)
			return &place->set->records[i];
		if (__builtin_expect(warden_key_is_mark(key), 0))
			return table_place_find_leaving(place);
	}
	return NULL;
}

static inline bool table_key_replace(struct warden_record *record,
				     uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(&record->key, &from, to);
}

static inline uint32_t table_key_tag(const struct warden_table *table,
				     uint64_t key)
{
	return table_tag_of(warden_hash_u64(table->hash_key, key));
}

/* --- Who has it: warden-table-claim.c ------------------------------------- */

/* So often it is tried again when others were faster. */
#define TABLE_CLAIM_TRIES 8

/* The host's record, claimed if it has none. NULL: its set is full of hosts
   that were blocked by hand, or others were always faster. */
struct warden_record *table_place_claim(struct warden_table *table,
					const struct table_place *place,
					uint64_t now);

/* A record, and what was seen in it. */
struct table_victim {
	struct warden_record *record;
	uint64_t key;
	uint32_t tag;	/* of the host whose record it is */
	uint64_t block; /* the whole word */
	uint64_t value;
};

/* victim->record is given; its key 0: it is free, and nothing else is set. */
void table_victim_look(const struct warden_table *table,
		       struct table_victim *victim, uint64_t now);
/* Make the record a free one. false: it has changed since, or was blocked. */
bool table_victim_free(struct warden_table *table,
		       const struct table_victim *victim, uint64_t now);

/* Give whoever has marked the record a moment to finish. Returns its key; the
   same mark again: nobody works on it any more, or he has to wait for us. */
uint64_t table_record_await(const struct warden_record *record, uint64_t key);

/* --- Its words: warden-table-record.c ------------------------------------- */

/* Before and after a change of a word: is the record still the host's? If
   somebody is about to take it away, take it back: it is in use. */
bool table_record_keep(struct warden_record *record,
		       const struct table_place *place);

/* Makes the next value of a word from the present one. TABLE_UPDATE_NONE: leave
   it as it is. TABLE_UPDATE_LOST: the record is another host's meanwhile. */
#define TABLE_UPDATE_NONE UINT64_MAX
#define TABLE_UPDATE_LOST (UINT64_MAX - 1)
typedef uint64_t table_word_next_t(uint64_t value, const void *context);

static inline bool table_is_updated(uint64_t value)
{
	return value <= WARDEN_VALUE_MASK;
}

/* Replace the word's value unless the record goes to another host meanwhile.
   Returns what was written; TABLE_UPDATE_NONE: nothing; TABLE_UPDATE_LOST:
   nothing that counts. */
uint64_t table_word_update(struct warden_table *table,
			   struct warden_record *record,
			   const struct table_place *place,
			   enum warden_word word, table_word_next_t *next,
			   const void *context);

/* A table_word_next_t: the uint64_t that context points to, whatever it was. */
uint64_t table_next_constant(uint64_t value, const void *context);

void table_word_set(struct warden_table *table, struct warden_record *record,
		    const struct table_place *place, enum warden_word word,
		    uint64_t value);

/* --- What they say -------------------------------------------------------- */

static inline bool table_block_holds(const struct warden_block_word *block,
				     uint32_t now_secs)
{
	return block->until_secs > now_secs;
}

static inline bool table_offences_count(const struct warden_block_word *block,
					uint32_t now_secs)
{
	return block->offences > 0 &&
	       (uint64_t)block->until_secs + WARDEN_PEACE_SECS > now_secs;
}

/* Has that login made known whoever it came from? */
static inline bool table_is_known(uint32_t login_secs,
				  const struct warden_policy *policy,
				  uint32_t now_secs)
{
	return login_secs != 0 &&
	       (uint64_t)login_secs + policy->known_time_secs > now_secs;
}

static inline bool table_record_is_known(const struct warden_record *record,
					 uint32_t tag,
					 const struct warden_policy *policy,
					 uint32_t now_secs)
{
	return table_is_known(
		warden_known_word_unpack(
			warden_word_load(record, WARDEN_WORD_KNOWN, tag))
			.login_secs,
		policy, now_secs);
}

/* --- Blocks: warden-table-block.c ----------------------------------------- */

/* The host has gone over a limit. Returns true if that began a block; false: it
   was blocked, or no record was to be had. */
bool table_place_begin_block(struct warden_table *table,
			     const struct table_place *place,
			     const struct warden_policy *policy,
			     enum warden_class reason, uint64_t now);

/* --- What it may do: warden-table.c --------------------------------------- */

/* As warden_table_limits(), of a host that has a record. */
void table_record_limits(const struct warden_table *table,
			 const struct warden_record *record,
			 const struct table_place *place,
			 const struct warden_policy *policy, uint32_t now_secs,
			 struct warden_limits *limits_r);

/* --- Who logs in from there: warden-table-users.c ------------------------- */

/* Different users that logged in, about. */
uint32_t table_record_users(const struct warden_record *record, uint32_t tag);
/* Note that the user failed from there. Is that one name too many? */
bool table_record_add_name(struct warden_table *table,
			   struct warden_record *record,
			   const struct table_place *place,
			   const struct warden_limits *limits, const char *user,
			   uint64_t now);
/* Different names that failed today, about. */
uint32_t table_record_names(const struct warden_record *record, uint32_t tag,
			    uint64_t now);

/* --- Its network: warden-table-near.c ------------------------------------- */

/* Has somebody logged in from there, within warden_known_time? */
bool table_near_is_known(const struct warden_table *table,
			 const struct table_place *place,
			 const struct warden_policy *policy, uint32_t now_secs);
void table_near_set_known(struct warden_table *table,
			  const struct table_place *place, uint32_t login_secs);
/* IPv6 alone: the /48 has failed so much more. */
void table_crowd_add(struct warden_table *table,
		     const struct table_place *place,
		     const struct warden_policy *policy, uint32_t points,
		     uint64_t now);

/* --- What it did last: warden-table-event.c ------------------------------- */

void table_event_add(struct warden_table *table,
		     const struct table_place *place, unsigned int class,
		     unsigned int protocol, uint32_t points, uint64_t now);

/* --- Observe mode: warden-table-observe.c --------------------------------- */

/* Would the host have been refused within the hour, were it not for observe
   mode; or is there anything in its buckets of what is observed? */
bool table_record_is_observed(const struct warden_record *record, uint32_t tag,
			      uint64_t now);
/* As warden_table_observe(). */
void table_record_observe(struct warden_table *table,
			  struct warden_record *record,
			  const struct table_place *place, unsigned int rule,
			  uint64_t now);

#endif
