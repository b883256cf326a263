/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Blocking a host, for how long, and unblocking it. Its record may be taken
   away under our hands: what keeps its block then is in warden-table.h. */

#include "warden-table-private.h"

/* --- Writing a block ------------------------------------------------------ */

struct block_write {
	table_word_next_t *next;
	const void *context;
	bool again;
};

static uint64_t next_block_write(uint64_t value, const void *context)
{
	const struct block_write *write = context;
	uint64_t next = write->next(value, write->context);

	return write->again && table_is_updated(next) ?
		       next | WARDEN_BLOCK_AGAIN :
		       next;
}

/* Write the host's block. Its record may be evicted under our hands, and then
   the block would be in nobody's: claim again. Returns false if next declined,
   or no record was to be had.

   The block that came too late stands in a stranger's record, and the stranger
   may be about to replace just that word. If we get this record back at once
   and write the same word, he replaces the block that is in force. So the second
   write of a block is another word than the first. */
static bool place_block(struct warden_table *table,
			const struct table_place *place,
			table_word_next_t *next, const void *context,
			uint64_t refused, uint64_t now)
{
	struct block_write write = { next, context, false };

	for (int i = 0; i < TABLE_CLAIM_TRIES; i++) {
		struct warden_record *record =
			table_place_claim(table, place, now);
		uint64_t written;

		if (record == NULL)
			return false;
		write.again = i % 2 != 0;
		written = table_word_update(table, record, place,
					    WARDEN_WORD_BLOCK, next_block_write,
					    &write);
		if (written == TABLE_UPDATE_LOST)
			continue;
		if (written == TABLE_UPDATE_NONE)
			return false;
		table_word_set(table, record, place, WARDEN_WORD_REFUSED,
			       refused);
		table_counter_add(&table->header->blocks_changed);
		return true;
	}
	table_counter_add(&table->header->unwatched);
	return false;
}

/* --- After too many points ------------------------------------------------ */

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

uint32_t warden_table_block_began(const struct warden_host_info *info,
				  const struct warden_policy *policy)
{
	uint32_t secs =
		block_secs(policy, info->offences == 0 ? 1 : info->offences);

	return info->blocked_until > secs ? info->blocked_until - secs : 0;
}

static uint64_t next_block(uint64_t value, const void *context)
{
	const struct block_begin *begin = context;
	struct warden_block_word block = warden_block_word_unpack(value);
	uint32_t now_secs = (uint32_t)(begin->now / 1000);

	if (table_block_holds(&block, now_secs))
		return TABLE_UPDATE_NONE;
	if (!table_offences_count(&block, now_secs))
		block.offences = 0;
	if (block.offences < WARDEN_OFFENCES_MAX)
		block.offences++;
	block.reason = begin->reason;
	/* from the end of the second that has begun: never too short */
	block.until_secs = (uint32_t)((begin->now + 999) / 1000) +
			   block_secs(begin->policy, block.offences);
	return warden_block_word_pack(&block);
}

bool table_place_begin_block(struct warden_table *table,
			     const struct table_place *place,
			     const struct warden_policy *policy,
			     enum warden_class reason, uint64_t now)
{
	struct block_begin begin = { policy, now, reason };

	return place_block(table, place, next_block, &begin, 0, now);
}

/* --- By hand, or from the state file -------------------------------------- */

bool warden_table_block(struct warden_table *table,
			const struct warden_host *host, uint32_t until_secs,
			unsigned int offences, enum warden_class reason,
			uint64_t refused, uint64_t now)
{
	struct table_place place = table_place_of(table, host);
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

	if (!place_block(table, &place, table_next_constant, &value, refused,
			 now))
		return false;
	record = reason == WARDEN_MANUAL ? table_place_find(&place) : NULL;
	if (record != NULL) {
		table_word_set(table, record, &place, WARDEN_WORD_LAST,
			       warden_last_word_pack(&last));
	}
	return true;
}

/* --- Unblocking ----------------------------------------------------------- */

static bool record_unblock(struct warden_table *table,
			   struct warden_record *record,
			   const struct table_place *place, uint64_t now)
{
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place->tag));

	/* the points first: were the block gone before them, the next failure
	   would find a full bucket and block again */
	table_word_set(table, record, place, WARDEN_WORD_FAST, 0);
	table_word_set(table, record, place, WARDEN_WORD_SLOW, 0);
	table_word_set(table, record, place, WARDEN_WORD_IDLE, 0);
	table_word_set(table, record, place, WARDEN_WORD_BLOCK, 0);
	return table_block_holds(&block, (uint32_t)(now / 1000));
}

/* A block in a record that is no longer its host's: it was written too late, or
   the record was taken away from a set full of blocks. Were the host to get
   that record again, it would be blocked again. */
static void record_clear_late_block(const struct warden_table *table,
				    struct warden_record *record,
				    const struct table_place *place)
{
	_Atomic uint64_t *word = warden_record_word(record, WARDEN_WORD_BLOCK);
	uint64_t raw = atomic_load(word);
	uint64_t key = table_record_key(record);

	if (warden_word_value(raw, place->tag) == 0 ||
	    (table_key_is_host(key) && table_key_tag(table, key) == place->tag))
		return;
	(void)atomic_compare_exchange_strong(word, &raw, 0);
}

/* Until the host has no block there, for the record may change hands under
   this. */
static bool record_forget(struct warden_table *table,
			  struct warden_record *record,
			  const struct table_place *place, uint64_t now)
{
	bool blocked = false;

	for (int i = 0; i < TABLE_CLAIM_TRIES; i++) {
		if (!table_record_keep(record, place))
			record_clear_late_block(table, record, place);
		else if (record_unblock(table, record, place, now))
			blocked = true;
		if (warden_word_load(record, WARDEN_WORD_BLOCK, place->tag) ==
		    0)
			break;
	}
	return blocked;
}

bool warden_table_unblock(struct warden_table *table,
			  const struct warden_host *host, uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	bool blocked = false;

	if (!table_key_is_host(place.key))
		return false;
	/* every record of the set: what a stranger or a late update left there
	   could come forward when the first is evicted */
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		if (record_forget(table, &place.set->records[i], &place, now))
			blocked = true;
	}
	if (blocked)
		table_counter_add(&table->header->blocks_changed);
	return blocked;
}
