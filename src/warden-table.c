/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The hosts: find and claim a record, count on it, block and unblock. The
   contract with other processes is in warden-table.h; sessions and totals
   are in files of their own. */

#include "warden-table.h"

#include <string.h>

#include "warden-bucket.h"
#include "warden-hash.h"
#include "warden-word.h"

#define CLAIM_TRIES 4
#define IDLE_WINDOW_SECS 60

/* Where a host belongs in the table, worked out once for each call. */
struct table_place {
	struct warden_set *set;
	uint64_t key;
	uint32_t tag;
};

static uint32_t family_index(unsigned int family)
{
	return family == WARDEN_INET6 ? 1 : 0;
}

static uint32_t tag_of(uint64_t hash)
{
	return hash & ((1U << WARDEN_TAG_BITS) - 1);
}

static uint32_t set_of(uint64_t hash, uint32_t set_count)
{
	return (uint32_t)((hash >> 32) * set_count >> 32);
}

static struct table_place place_of(const struct warden_table *table,
				   const struct warden_host *host)
{
	uint32_t family = family_index(host->family);
	uint64_t hash = warden_hash_u64(table->hash_key, host->key);
	struct table_place place = {
		.set = &table->sets[family][set_of(hash,
						   table->set_count[family])],
		.key = host->key,
		.tag = tag_of(hash),
	};
	return place;
}

static uint64_t record_key(const struct warden_record *record)
{
	return atomic_load_explicit(&record->key, memory_order_acquire);
}

static struct warden_record *place_find(const struct table_place *place)
{
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		if (record_key(&place->set->records[i]) == place->key)
			return &place->set->records[i];
	}
	return NULL;
}

static void counter_add(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- Updating a word ------------------------------------------------------ */

/* Makes the next value of a word from the present one. UPDATE_NONE: leave it
   as it is. */
#define UPDATE_NONE UINT64_MAX
typedef uint64_t word_next_t(uint64_t value, const void *context);

/* Replace the word's value unless the record goes to another host meanwhile.
   Returns what was written; UPDATE_NONE: nothing, or nothing that counts. */
static uint64_t word_update(struct warden_table *table,
			    struct warden_record *record,
			    const struct table_place *place,
			    enum warden_word word, word_next_t *next,
			    const void *context)
{
	_Atomic uint64_t *shared = &record->words[word];

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint64_t raw, value;

		/* the word before the key: were it the other way round, the
		   word could be the next owner's without our noticing */
		raw = atomic_load_explicit(shared, memory_order_acquire);
		if (record_key(record) != place->key)
			return UPDATE_NONE;
		value = next(warden_word_value(raw, place->tag), context);
		if (value == UPDATE_NONE)
			return UPDATE_NONE;
		if (!atomic_compare_exchange_strong_explicit(
			    shared, &raw, warden_word_pack(place->tag, value),
			    memory_order_seq_cst, memory_order_relaxed))
			continue;
		/* evicted between our look at the key and this? Then the word
		   stands in a stranger's record, where it reads as zero */
		if (atomic_load(&record->key) != place->key)
			return UPDATE_NONE;
		return value;
	}
	counter_add(&table->header->contended);
	return UPDATE_NONE;
}

static uint64_t next_constant(uint64_t value, const void *context)
{
	(void)value;
	return *(const uint64_t *)context;
}

static void word_set(struct warden_table *table, struct warden_record *record,
		     const struct table_place *place, enum warden_word word,
		     uint64_t value)
{
	(void)word_update(table, record, place, word, next_constant, &value);
}

/* --- Claiming a record ---------------------------------------------------- */

static bool block_holds(const struct warden_block_word *block,
			uint32_t now_secs)
{
	return block->until_secs > now_secs;
}

static bool offences_count(const struct warden_block_word *block,
			   uint32_t now_secs)
{
	return block->offences > 0 &&
	       (uint64_t)block->until_secs + WARDEN_PEACE_SECS > now_secs;
}

/* What a record is worth; the least valuable one makes room. Among equals it
   is the one with the oldest event; among blocked ones that with the fewest
   offences, whose block ends first. RECORD_KEEP: blocked by hand. */
#define RECORD_KEEP UINT64_MAX
enum { RANK_EMPTY, RANK_POINTS, RANK_KNOWN, RANK_OFFENDER, RANK_BLOCKED };
#define RANK_SHIFT 40

static uint64_t blocked_value(const struct warden_block_word *block)
{
	if (block->reason == WARDEN_MANUAL)
		return RECORD_KEEP;
	return (uint64_t)RANK_BLOCKED << RANK_SHIFT |
	       (uint64_t)block->offences << 32 | block->until_secs;
}

static uint64_t record_value(const struct warden_record *record, uint32_t tag,
			     uint64_t block_value, uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_block_word block = warden_block_word_unpack(block_value);
	uint64_t last = warden_word_load(record, WARDEN_WORD_LAST, tag);
	uint64_t rank = RANK_EMPTY;

	if (block_holds(&block, now_secs))
		return blocked_value(&block);
	if (offences_count(&block, now_secs))
		rank = RANK_OFFENDER;
	else if (warden_word_load(record, WARDEN_WORD_KNOWN, tag) != 0)
		rank = RANK_KNOWN;
	else if (warden_word_load(record, WARDEN_WORD_FAST, tag) > now ||
		 warden_word_load(record, WARDEN_WORD_SLOW, tag) > now ||
		 warden_word_load(record, WARDEN_WORD_IDLE, tag) > now)
		rank = RANK_POINTS;
	return rank << RANK_SHIFT | warden_last_word_unpack(last).secs;
}

/* A record, and what was seen in it. */
struct table_victim {
	struct warden_record *record;
	uint64_t key;
	uint32_t tag;
	uint64_t block; /* value of its word */
	uint64_t value;
};

/* The block counts whosever it is. A block of another host than the key's means
   that the record is changing hands just now, and goes back if its old owner
   was blocked in that moment (record_take): whoever took it away meanwhile
   would lose that block for good. */
static void victim_look(const struct warden_table *table,
			struct table_victim *victim, uint64_t now)
{
	uint64_t raw;

	victim->key = record_key(victim->record);
	if (victim->key == 0)
		return;
	victim->tag = tag_of(warden_hash_u64(table->hash_key, victim->key));
	raw = atomic_load(&victim->record->words[WARDEN_WORD_BLOCK]);
	victim->block = warden_word_value(raw, victim->tag);
	victim->value = record_value(victim->record, victim->tag,
				     raw & WARDEN_VALUE_MASK, now);
}

static bool set_find_victim(const struct warden_table *table,
			    struct warden_set *set, uint64_t now,
			    struct table_victim *victim_r)
{
	victim_r->value = RECORD_KEEP;
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		struct table_victim found = { .record = &set->records[i] };

		victim_look(table, &found, now);
		if (found.key == 0 || found.value < victim_r->value)
			*victim_r = found;
		if (found.key == 0)
			break;
	}
	return victim_r->value != RECORD_KEEP;
}

/* Give the record to a new owner (key 0: to nobody). Its old owner may have
   been blocked after it was looked at: then it gets its record back, because
   a block that nobody weighed must not be lost. */
static bool record_take(struct table_victim *victim, uint64_t key,
			uint64_t now)
{
	struct warden_record *record = victim->record;
	uint64_t expected = victim->key, present;
	struct warden_block_word block;

	if (!atomic_compare_exchange_strong_explicit(&record->key, &expected,
						     key, memory_order_seq_cst,
						     memory_order_relaxed))
		return false;
	if (victim->key == 0)
		return true;
	present = warden_word_value(
		atomic_load(&record->words[WARDEN_WORD_BLOCK]), victim->tag);
	block = warden_block_word_unpack(present);
	if (present == victim->block ||
	    !block_holds(&block, (uint32_t)(now / 1000)))
		return true;
	expected = key;
	if (!atomic_compare_exchange_strong(&record->key, &expected,
					    victim->key) &&
	    expected == 0) {
		/* another process, with the same host, has given it up */
		(void)atomic_compare_exchange_strong(&record->key, &expected,
						     victim->key);
	}
	return false;
}

/* The former owner's words read as zero already, all but once in 2^23 times.
   Wiped, they do so also for the next owner but one, who may be the former
   owner again: it must not find its old points. */
static void record_wipe(struct warden_record *record,
			const struct table_place *place)
{
	for (unsigned int i = 0; i < WARDEN_WORDS; i++) {
		uint64_t raw = atomic_load(&record->words[i]);

		/* after the word, as in word_update(): the record may be the
		   next owner's already, whose words these then are */
		if (atomic_load(&record->key) != place->key)
			return;
		if (raw >> WARDEN_VALUE_BITS != place->tag) {
			(void)atomic_compare_exchange_strong(&record->words[i],
							     &raw, 0);
		}
	}
}

/* We hold a record; does somebody hold an earlier one for the same host? Then
   theirs is the one, and ours is given back. */
static struct warden_record *claim_settle(const struct table_place *place,
					  struct warden_record *record)
{
	struct warden_record *first;
	uint64_t expected = place->key;

	/* our claim before our look: of two who do this one sees the other */
	atomic_thread_fence(memory_order_seq_cst);
	first = place_find(place);
	if (first == NULL || first == record)
		return first;
	if (first < record) {
		(void)atomic_compare_exchange_strong_explicit(
			&record->key, &expected, 0, memory_order_acq_rel,
			memory_order_relaxed);
	}
	return first;
}

/* The host's record, claimed if it has none. NULL: its set is full of hosts
   that were blocked by hand, or others were always faster. */
static struct warden_record *place_claim(struct warden_table *table,
					 const struct table_place *place,
					 uint64_t now)
{
	for (int i = 0; i < CLAIM_TRIES; i++) {
		struct warden_record *record = place_find(place);
		struct table_victim victim = { .record = NULL };

		if (record != NULL)
			return record;
		if (!set_find_victim(table, place->set, now, &victim)) {
			counter_add(&table->header->set_full);
			return NULL;
		}
		if (victim.key != 0 &&
		    victim.value >> RANK_SHIFT == RANK_BLOCKED)
			counter_add(&table->header->set_full);
		if (!record_take(&victim, place->key, now))
			continue;
		if (victim.key != 0)
			counter_add(&table->header->evicted);
		record_wipe(victim.record, place);
		record = claim_settle(place, victim.record);
		if (record != NULL)
			return record;
	}
	counter_add(&table->header->contended);
	return NULL;
}

/* --- Counting ------------------------------------------------------------- */

struct bucket_add {
	uint64_t now;
	uint32_t points, limit, window_secs;
};

static uint64_t next_bucket(uint64_t empty_at, const void *context)
{
	const struct bucket_add *add = context;

	return warden_bucket_add(empty_at, add->now, add->points, add->limit,
				 add->window_secs);
}

/* A session of class idle: free while the bucket of free ones has room. */
static uint64_t next_idle(uint64_t empty_at, const void *context)
{
	uint64_t now = *(const uint64_t *)context;

	if (warden_bucket_reaches(empty_at, now, WARDEN_IDLE_FREE_PER_MINUTE,
				  WARDEN_IDLE_FREE_PER_MINUTE,
				  IDLE_WINDOW_SECS))
		return UPDATE_NONE;
	return warden_bucket_add(empty_at, now, 1, WARDEN_IDLE_FREE_PER_MINUTE,
				 IDLE_WINDOW_SECS);
}

static bool is_known(uint32_t login_secs, const struct warden_policy *policy,
		     uint32_t now_secs)
{
	return login_secs != 0 &&
	       (uint64_t)login_secs + policy->known_time_secs > now_secs;
}

static bool record_is_known(const struct warden_record *record, uint32_t tag,
			    const struct warden_policy *policy,
			    uint32_t now_secs)
{
	return is_known(warden_known_word_unpack(warden_word_load(
				record, WARDEN_WORD_KNOWN, tag)),
			policy, now_secs);
}

struct block_begin {
	const struct warden_policy *policy;
	uint64_t now;
	enum warden_class reason;
};

static uint32_t block_secs(const struct warden_policy *policy,
			   unsigned int offences)
{
	uint64_t secs = (uint64_t)policy->block_time_secs << (offences - 1);

	return secs > policy->block_time_max_secs ?
		       policy->block_time_max_secs :
		       (uint32_t)secs;
}

static uint64_t next_block(uint64_t value, const void *context)
{
	const struct block_begin *begin = context;
	struct warden_block_word block = warden_block_word_unpack(value);
	uint32_t now_secs = (uint32_t)(begin->now / 1000);

	if (block_holds(&block, now_secs))
		return UPDATE_NONE;
	if (!offences_count(&block, now_secs))
		block.offences = 0;
	if (block.offences < WARDEN_OFFENCES_MAX)
		block.offences++;
	block.reason = begin->reason;
	/* from the end of the second that has begun: never too short */
	block.until_secs = (uint32_t)((begin->now + 999) / 1000) +
			   block_secs(begin->policy, block.offences);
	return warden_block_word_pack(&block);
}

/* Write the host's block. Its record may be evicted under our hands, and then
   the block would be in nobody's: claim again. Returns false if next declined,
   or no record was to be had. */
static bool place_block(struct warden_table *table,
			const struct table_place *place, word_next_t *next,
			const void *context, uint64_t refused, uint64_t now)
{
	for (int i = 0; i < CLAIM_TRIES; i++) {
		struct warden_record *record = place_claim(table, place, now);

		if (record == NULL)
			return false;
		if (word_update(table, record, place, WARDEN_WORD_BLOCK, next,
				context) != UPDATE_NONE) {
			word_set(table, record, place, WARDEN_WORD_REFUSED,
				 refused);
			counter_add(&table->header->blocks_changed);
			return true;
		}
		if (record_key(record) == place->key)
			return false;
	}
	return false;
}

/* After a block the host starts anew: what filled its buckets before the
   block ended must not block it again at its first mistake. */
static void forget_before_block_end(struct warden_table *table,
				    struct warden_record *record,
				    const struct table_place *place,
				    uint32_t now_secs)
{
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place->tag));
	struct warden_last_word last = warden_last_word_unpack(
		warden_word_load(record, WARDEN_WORD_LAST, place->tag));

	if (block.until_secs == 0 || block_holds(&block, now_secs) ||
	    last.secs >= block.until_secs)
		return;
	word_set(table, record, place, WARDEN_WORD_FAST, 0);
	word_set(table, record, place, WARDEN_WORD_SLOW, 0);
	word_set(table, record, place, WARDEN_WORD_IDLE, 0);
}

/* Add to both buckets. Returns true if one has reached its limit. */
static bool add_points(struct warden_table *table,
		       struct warden_record *record,
		       const struct table_place *place,
		       const struct warden_policy *policy, uint32_t points,
		       uint64_t now)
{
	bool known = record_is_known(record, place->tag, policy,
				     (uint32_t)(now / 1000));
	struct bucket_add fast = { now, points, policy->fail_limit,
				   policy->fail_window_secs };
	struct bucket_add slow = { now, points, WARDEN_SLOW_LIMIT,
				   WARDEN_SLOW_WINDOW_SECS };
	uint32_t limit =
		policy->fail_limit * (known ? WARDEN_KNOWN_FACTOR : 1);
	uint64_t fast_at, slow_at;

	fast_at = word_update(table, record, place, WARDEN_WORD_FAST,
			      next_bucket, &fast);
	slow_at = word_update(table, record, place, WARDEN_WORD_SLOW,
			      next_bucket, &slow);
	if (fast_at != UPDATE_NONE &&
	    warden_bucket_reaches(fast_at, now, limit, policy->fail_limit,
				  policy->fail_window_secs))
		return true;
	return !known && slow_at != UPDATE_NONE &&
	       warden_bucket_reaches(slow_at, now, WARDEN_SLOW_LIMIT,
				     WARDEN_SLOW_LIMIT,
				     WARDEN_SLOW_WINDOW_SECS);
}

bool warden_table_count(struct warden_table *table,
			const struct warden_host *host,
			const struct warden_policy *policy, bool may_block,
			enum warden_class class, enum warden_protocol protocol,
			uint64_t now)
{
	struct table_place place = place_of(table, host);
	struct warden_record *record = place_claim(table, &place, now);
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_last_word last = { now_secs, class, protocol };
	struct block_begin begin = { policy, now, class };
	uint32_t points = policy->points[class];

	if (record == NULL)
		return false;
	forget_before_block_end(table, record, &place, now_secs);
	word_set(table, record, &place, WARDEN_WORD_LAST,
		 warden_last_word_pack(&last));
	if (class == WARDEN_IDLE &&
	    word_update(table, record, &place, WARDEN_WORD_IDLE, next_idle,
			&now) != UPDATE_NONE)
		points = 0;
	if (points == 0 ||
	    !add_points(table, record, &place, policy, points, now) ||
	    !may_block)
		return false;
	return place_block(table, &place, next_block, &begin, 0, now);
}

void warden_table_success(struct warden_table *table,
			  const struct warden_host *host, bool clear_points,
			  uint64_t now)
{
	struct table_place place = place_of(table, host);
	struct warden_record *record = place_claim(table, &place, now);

	if (record == NULL)
		return;
	word_set(table, record, &place, WARDEN_WORD_KNOWN,
		 warden_known_word_pack((uint32_t)(now / 1000)));
	if (clear_points) {
		word_set(table, record, &place, WARDEN_WORD_FAST, 0);
		word_set(table, record, &place, WARDEN_WORD_SLOW, 0);
	}
}

static uint64_t next_plus_one(uint64_t value, const void *context)
{
	(void)context;
	return value < WARDEN_VALUE_MASK ? value + 1 : UPDATE_NONE;
}

void warden_table_refused(struct warden_table *table,
			  const struct warden_host *host)
{
	struct table_place place = place_of(table, host);
	struct warden_record *record = place_find(&place);

	if (record != NULL) {
		(void)word_update(table, record, &place, WARDEN_WORD_REFUSED,
				  next_plus_one, NULL);
	}
}

/* --- Blocking by hand, unblocking, restoring ------------------------------ */

bool warden_table_block(struct warden_table *table,
			const struct warden_host *host, uint32_t until_secs,
			unsigned int offences, enum warden_class reason,
			uint64_t refused, uint64_t now)
{
	struct table_place place = place_of(table, host);
	struct warden_block_word block = {
		.until_secs = until_secs,
		.offences = (uint8_t)(offences > WARDEN_OFFENCES_MAX ?
					      WARDEN_OFFENCES_MAX :
					      offences),
		.reason = reason,
	};
	uint64_t value = warden_block_word_pack(&block);
	struct warden_last_word last = { (uint32_t)(now / 1000), reason,
					 WARDEN_PROTOCOL_UNKNOWN };
	struct warden_record *record;

	if (!place_block(table, &place, next_constant, &value, refused, now))
		return false;
	record = reason == WARDEN_MANUAL ? place_find(&place) : NULL;
	if (record != NULL) {
		word_set(table, record, &place, WARDEN_WORD_LAST,
			 warden_last_word_pack(&last));
	}
	return true;
}

static bool record_unblock(struct warden_table *table,
			   struct warden_record *record,
			   const struct table_place *place, uint64_t now)
{
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place->tag));

	/* the points first: were the block gone before them, the next failure
	   would find a full bucket and block again */
	word_set(table, record, place, WARDEN_WORD_FAST, 0);
	word_set(table, record, place, WARDEN_WORD_SLOW, 0);
	word_set(table, record, place, WARDEN_WORD_IDLE, 0);
	word_set(table, record, place, WARDEN_WORD_BLOCK, 0);
	return block_holds(&block, (uint32_t)(now / 1000));
}

bool warden_table_unblock(struct warden_table *table,
			  const struct warden_host *host, uint64_t now)
{
	struct table_place place = place_of(table, host);
	bool blocked = false;

	/* every record of the set: a second one that a killed process left
	   would come forward when the first is evicted */
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		struct warden_record *record = &place.set->records[i];

		if (record_key(record) == place.key &&
		    record_unblock(table, record, &place, now))
			blocked = true;
	}
	if (blocked)
		counter_add(&table->header->blocks_changed);
	return blocked;
}

void warden_table_set_known(struct warden_table *table,
			    const struct warden_host *host,
			    uint32_t last_login_secs, uint64_t now)
{
	struct table_place place = place_of(table, host);
	struct warden_record *record = place_claim(table, &place, now);

	if (record != NULL) {
		word_set(table, record, &place, WARDEN_WORD_KNOWN,
			 warden_known_word_pack(last_login_secs));
	}
}

/* --- Reading -------------------------------------------------------------- */

uint32_t warden_table_blocked_until(const struct warden_table *table,
				    const struct warden_host *host,
				    uint64_t now)
{
	struct table_place place = place_of(table, host);
	const struct warden_record *record = place_find(&place);
	struct warden_block_word block;

	if (record == NULL)
		return 0;
	block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place.tag));
	return block_holds(&block, (uint32_t)(now / 1000)) ? block.until_secs :
							      0;
}

/* No automatic block is longer than the policy has it; a stranger may have
   written that one, and it must not get into the deny file and onto the disk
   as one without an end. */
static uint32_t block_end(const struct warden_block_word *block,
			  const struct warden_policy *policy,
			  uint32_t now_secs)
{
	uint64_t latest = (uint64_t)now_secs + policy->block_time_max_secs;

	if (block->reason == WARDEN_MANUAL || block->until_secs <= latest)
		return block->until_secs;
	return (uint32_t)latest;
}

static void record_read(const struct warden_record *record, uint32_t tag,
			const struct warden_policy *policy, uint64_t now,
			struct warden_host_info *info)
{
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, tag));
	struct warden_last_word last = warden_last_word_unpack(
		warden_word_load(record, WARDEN_WORD_LAST, tag));

	info->points = warden_bucket_points(
		warden_word_load(record, WARDEN_WORD_FAST, tag), now,
		policy->fail_limit, policy->fail_window_secs);
	info->slow_points = warden_bucket_points(
		warden_word_load(record, WARDEN_WORD_SLOW, tag), now,
		WARDEN_SLOW_LIMIT, WARDEN_SLOW_WINDOW_SECS);
	info->blocked_until = block_end(&block, policy, now_secs);
	info->blocked = block_holds(&block, now_secs);
	info->reason = block.reason;
	info->offences = info->blocked || offences_count(&block, now_secs) ?
				 block.offences :
				 0;
	info->refused = warden_word_load(record, WARDEN_WORD_REFUSED, tag);
	info->last_login = warden_known_word_unpack(
		warden_word_load(record, WARDEN_WORD_KNOWN, tag));
	info->known = is_known(info->last_login, policy, now_secs);
	info->last_event = last.secs;
	info->last_class = last.class;
	info->last_protocol = last.protocol;
}

bool warden_table_read(const struct warden_table *table,
		       const struct warden_host *host,
		       const struct warden_policy *policy, uint64_t now,
		       struct warden_host_info *info_r)
{
	struct table_place place = place_of(table, host);
	const struct warden_record *record = place_find(&place);

	memset(info_r, 0, sizeof(*info_r));
	info_r->host = *host;
	info_r->sessions = warden_table_sessions(table, host, now);
	if (record == NULL)
		return info_r->sessions > 0;
	record_read(record, place.tag, policy, now, info_r);
	return true;
}

static bool info_is_empty(const struct warden_host_info *info)
{
	return info->points <= 0 && info->slow_points <= 0 &&
	       !info->blocked && info->offences == 0 && !info->known;
}

/* Could a client have this host? Not if the policy's prefixes were others
   when it was counted, nor if a stranger made its key up. */
static bool host_is_possible(const struct warden_host *host,
			     const struct warden_policy *policy)
{
	struct warden_net net;
	struct warden_host again;

	warden_host_to_net(host, policy->ipv4_prefix, policy->ipv6_prefix,
			   &net);
	return !warden_net_is_around_ipv4(&net) &&
	       warden_host_from_net(&again, &net, policy->ipv4_prefix,
				    policy->ipv6_prefix) &&
	       again.key == host->key && again.family == host->family;
}

/* The host whose record this is; false: none, or one that a search would not
   find here (a second record, or a stranger's key in the wrong set). */
static bool record_host(const struct warden_table *table, uint32_t family,
			const struct warden_record *record,
			const struct warden_policy *policy,
			struct warden_host *host_r, uint32_t *tag_r)
{
	struct table_place place;

	host_r->family = family == 0 ? WARDEN_INET : WARDEN_INET6;
	host_r->key = record_key(record);
	if (host_r->key == 0 || (family == 0 && host_r->key > UINT32_MAX) ||
	    !host_is_possible(host_r, policy))
		return false;
	place = place_of(table, host_r);
	*tag_r = place.tag;
	return place_find(&place) == record;
}

static const struct warden_record *
table_record(const struct warden_table *table, uint64_t index,
	     uint32_t *family_r)
{
	uint64_t inet = (uint64_t)table->set_count[0] * WARDEN_SET_WAYS;
	uint64_t inet6 = (uint64_t)table->set_count[1] * WARDEN_SET_WAYS;

	*family_r = index < inet ? 0 : 1;
	if (index >= inet)
		index -= inet;
	if (*family_r == 1 && index >= inet6)
		return NULL;
	return &table->sets[*family_r][index / WARDEN_SET_WAYS]
			.records[index % WARDEN_SET_WAYS];
}

bool warden_table_next(const struct warden_table *table, uint64_t *index_io,
		       const struct warden_policy *policy, uint64_t now,
		       struct warden_host_info *info_r)
{
	uint32_t family, tag;
	const struct warden_record *record;

	while ((record = table_record(table, *index_io, &family)) != NULL) {
		++*index_io;
		memset(info_r, 0, sizeof(*info_r));
		if (!record_host(table, family, record, policy, &info_r->host,
				 &tag))
			continue;
		record_read(record, tag, policy, now, info_r);
		if (!info_is_empty(info_r))
			return true;
	}
	return false;
}

uint64_t warden_table_expire(struct warden_table *table,
			     const struct warden_policy *policy, uint64_t now)
{
	uint64_t freed = 0;
	uint32_t family;
	const struct warden_record *record;

	for (uint64_t i = 0;
	     (record = table_record(table, i, &family)) != NULL; i++) {
		struct warden_host_info info = { .points = 0 };
		struct table_victim victim = {
			.record = (struct warden_record *)record,
		};

		if (record_key(record) == 0)
			continue;
		victim_look(table, &victim, now);
		record_read(record, victim.tag, policy, now, &info);
		if (info_is_empty(&info) && record_take(&victim, 0, now))
			freed++;
	}
	return freed;
}

/* --- Opening -------------------------------------------------------------- */

static size_t geometry_size(const uint32_t geometry[4])
{
	return sizeof(struct warden_hosts_header) +
	       ((size_t)geometry[WARDEN_GEOMETRY_INET_SETS] +
		geometry[WARDEN_GEOMETRY_INET6_SETS]) *
		       sizeof(struct warden_set) +
	       (size_t)geometry[WARDEN_GEOMETRY_SESSION_BUCKETS] *
		       sizeof(struct warden_session_bucket);
}

size_t warden_table_size(uint32_t hosts, uint32_t geometry_r[4])
{
	uint32_t half = hosts / 2 + hosts % 2;
	uint32_t sets = half / WARDEN_SET_WAYS + (half % WARDEN_SET_WAYS != 0);

	memset(geometry_r, 0, 4 * sizeof(geometry_r[0]));
	geometry_r[WARDEN_GEOMETRY_INET_SETS] = sets;
	geometry_r[WARDEN_GEOMETRY_INET6_SETS] = sets;
	geometry_r[WARDEN_GEOMETRY_SESSION_BUCKETS] = WARDEN_SESSION_BUCKETS;
	return geometry_size(geometry_r);
}

static bool geometry_is_valid(const uint32_t geometry[4])
{
	const uint32_t max = WARDEN_TABLE_HOSTS_MAX / WARDEN_SET_WAYS;
	uint32_t inet = geometry[WARDEN_GEOMETRY_INET_SETS];
	uint32_t inet6 = geometry[WARDEN_GEOMETRY_INET6_SETS];

	return inet >= 1 && inet <= max && inet6 >= 1 && inet6 <= max &&
	       geometry[WARDEN_GEOMETRY_SESSION_BUCKETS] ==
		       WARDEN_SESSION_BUCKETS;
}

bool warden_table_init(struct warden_table *table_r, void *base, size_t size)
{
	struct warden_hosts_header *header = base;
	uint32_t geometry[4];

	if (size < sizeof(*header))
		return false;
	/* once: a login process may write there between two looks */
	for (unsigned int i = 0; i < 4; i++) {
		geometry[i] = __atomic_load_n(&header->file.geometry[i],
					      __ATOMIC_RELAXED);
	}
	if (!geometry_is_valid(geometry) || geometry_size(geometry) != size)
		return false;

	memset(table_r, 0, sizeof(*table_r));
	table_r->header = header;
	table_r->set_count[0] = geometry[WARDEN_GEOMETRY_INET_SETS];
	table_r->set_count[1] = geometry[WARDEN_GEOMETRY_INET6_SETS];
	table_r->bucket_count = geometry[WARDEN_GEOMETRY_SESSION_BUCKETS];
	memcpy(table_r->hash_key, header->file.hash_key,
	       sizeof(table_r->hash_key));
	table_r->sets[0] = (struct warden_set *)(header + 1);
	table_r->sets[1] = table_r->sets[0] + table_r->set_count[0];
	table_r->buckets =
		(struct warden_session_bucket *)(table_r->sets[1] +
						 table_r->set_count[1]);
	return true;
}

bool warden_table_has_header(const struct warden_table *table,
			     const struct warden_file_header *copy)
{
	return copy->geometry[WARDEN_GEOMETRY_INET_SETS] ==
		       table->set_count[0] &&
	       copy->geometry[WARDEN_GEOMETRY_INET6_SETS] ==
		       table->set_count[1] &&
	       copy->geometry[WARDEN_GEOMETRY_SESSION_BUCKETS] ==
		       table->bucket_count &&
	       memcmp(copy->hash_key, table->hash_key,
		      sizeof(table->hash_key)) == 0;
}
