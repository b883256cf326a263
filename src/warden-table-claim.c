/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* How a record changes hands: which host makes room for another, and the steps
   from the key of the one to the key of the other, see warden-table.h. */

#include "warden-table-private.h"

#include <string.h>

/* --- Which host makes room ------------------------------------------------ */

/* What a record is worth; the least valuable one makes room. Among equals it
   is the one with the oldest event; among blocked ones that with the fewest
   offences, whose block ends first. RECORD_KEEP: blocked by hand. */
#define RECORD_KEEP UINT64_MAX
enum {
	RANK_EMPTY,
	RANK_POINTS,
	RANK_KNOWN,
	RANK_OFFENDER,
	RANK_COMING, /* somebody makes it ready; or did, and was killed */
	RANK_BLOCKED,
};
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

	if (table_block_holds(&block, now_secs))
		return blocked_value(&block);
	if (table_offences_count(&block, now_secs))
		rank = RANK_OFFENDER;
	else if (warden_word_load(record, WARDEN_WORD_KNOWN, tag) != 0)
		rank = RANK_KNOWN;
	else if (warden_word_load(record, WARDEN_WORD_FAST, tag) > now ||
		 warden_word_load(record, WARDEN_WORD_SLOW, tag) > now ||
		 warden_word_load(record, WARDEN_WORD_IDLE, tag) > now ||
		 table_record_is_observed(record, tag, now))
		rank = RANK_POINTS;
	return rank << RANK_SHIFT | warden_last_word_unpack(last).secs;
}

void table_victim_look(const struct warden_table *table,
		       struct table_victim *victim, uint64_t now)
{
	uint64_t key = table_record_key(victim->record);

	victim->key = key;
	victim->value = 0;
	if (key == 0)
		return;
	if (warden_mark_is(key, WARDEN_MARK_COMING)) {
		victim->value = (uint64_t)RANK_COMING << RANK_SHIFT;
		return;
	}
	victim->tag = warden_key_is_mark(key) ? warden_mark_tag(key) :
						table_key_tag(table, key);
	victim->block = atomic_load(
		warden_record_word(victim->record, WARDEN_WORD_BLOCK));
	victim->value = record_value(
		victim->record, victim->tag,
		warden_word_value(victim->block, victim->tag), now);
}

static bool victim_is_blocked(const struct table_victim *victim)
{
	return victim->value >> RANK_SHIFT >= RANK_BLOCKED;
}

/* All that decides whether a set is full of blocks. */
struct set_image {
	uint64_t keys[WARDEN_SET_WAYS];
	uint64_t blocks[WARDEN_SET_WAYS];
};

static void set_find_least(const struct warden_table *table,
			   struct warden_set *set, uint64_t now,
			   struct table_victim *victim_r,
			   struct set_image *image_r)
{
	memset(image_r, 0, sizeof(*image_r));
	victim_r->value = RECORD_KEEP;
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		struct table_victim found = { .record = &set->records[i] };

		table_victim_look(table, &found, now);
		image_r->keys[i] = found.key;
		image_r->blocks[i] = found.block;
		if (found.key == 0 || found.value < victim_r->value)
			*victim_r = found;
		if (found.key == 0)
			break;
	}
}

/* false: no record may be taken. A block may have begun in one record and ended
   in another while we went by, and then the set was never full of them: it was
   if it looks the same twice. If it never does, *victim_r has no record. */
static bool set_find_victim(const struct warden_table *table,
			    struct warden_set *set, uint64_t now,
			    struct table_victim *victim_r)
{
	struct set_image before, image;

	set_find_least(table, set, now, victim_r, &image);
	for (int i = 0; i < TABLE_CLAIM_TRIES && victim_is_blocked(victim_r);
	     i++) {
		before = image;
		set_find_least(table, set, now, victim_r, &image);
		if (memcmp(&before, &image, sizeof(image)) == 0)
			return victim_r->value != RECORD_KEEP;
	}
	if (victim_is_blocked(victim_r))
		victim_r->record = NULL;
	return true;
}

/* --- Taking a record away ------------------------------------------------- */

uint64_t table_record_await(const struct warden_record *record, uint64_t key)
{
	uint64_t mark = key;

	for (int i = 0;
	     i < WARDEN_CAS_TRIES && key == mark && warden_key_is_mark(mark);
	     i++)
		key = table_record_key(record);
	return key;
}

/* Was the host of the record blocked since we looked? */
static bool victim_has_new_block(const struct table_victim *victim,
				 uint64_t now)
{
	uint64_t raw = atomic_load(
		warden_record_word(victim->record, WARDEN_WORD_BLOCK));
	struct warden_block_word block =
		warden_block_word_unpack(warden_word_value(raw, victim->tag));

	return raw != victim->block &&
	       table_block_holds(&block, (uint32_t)(now / 1000));
}

/* Take the record away from its host, for one with that tag. Returns the mark
   that is its key now; 0: it was not to be had. The order is what keeps a block
   that begins meanwhile: we mark the record and look at its block, who blocks
   writes the block and looks for the mark. One of the two sees the other, and
   either takes the mark away again. */
static uint64_t record_take(struct warden_table *table,
			    const struct table_victim *victim, uint32_t tag,
			    uint64_t now)
{
	struct warden_record *record = victim->record;
	uint64_t number = atomic_fetch_add_explicit(&table->header->marks, 1,
						    memory_order_relaxed);
	uint64_t leaving =
		warden_mark_pack(WARDEN_MARK_LEAVING, victim->tag, number);
	uint64_t coming = warden_mark_pack(WARDEN_MARK_COMING, tag, number);
	uint64_t from = victim->key;

	if (table_key_is_host(from) ||
	    warden_mark_is(from, WARDEN_MARK_LEAVING)) {
		if (!table_key_replace(record, from, leaving))
			return 0;
		if (victim_has_new_block(victim, now)) {
			if (table_key_is_host(from))
				(void)table_key_replace(record, leaving, from);
			return 0;
		}
		from = leaving;
	}
	return table_key_replace(record, from, coming) ? coming : 0;
}

/* Empty a record that we have marked. A block that has not ended stays: it
   reads as zero for the new owner, and a wipe that comes late, after others
   have taken the record over, must not end one that began meanwhile. */
static void record_wipe(struct warden_record *record, uint64_t mark,
			uint64_t now)
{
	for (unsigned int i = 0; i < WARDEN_WORDS; i++) {
		_Atomic uint64_t *word = warden_record_word(record, i);
		uint64_t raw = atomic_load(word);
		struct warden_block_word block =
			warden_block_word_unpack(raw & WARDEN_VALUE_MASK);

		/* after the word, as in table_word_update() */
		if (atomic_load(&record->key) != mark)
			return;
		if (raw == 0 ||
		    (i == WARDEN_WORD_BLOCK &&
		     table_block_holds(&block, (uint32_t)(now / 1000))))
			continue;
		(void)atomic_compare_exchange_strong(word, &raw, 0);
	}
}

bool table_victim_free(struct warden_table *table,
		       const struct table_victim *victim, uint64_t now)
{
	uint64_t mark = record_take(table, victim, victim->tag, now);

	if (mark == 0)
		return false;
	record_wipe(victim->record, mark, now);
	return table_key_replace(victim->record, mark, 0);
}

/* --- Claiming one --------------------------------------------------------- */

/* Does the other record leave the host to us? Not if it is the host's; if
   somebody makes it ready for the same host, the earlier one in the set goes
   on and the later one gives way. */
static bool record_gives_way(struct warden_record *other, bool is_earlier,
			     const struct table_place *place)
{
	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint64_t key = atomic_load(&other->key);

		if (table_place_owns(place, key))
			return false;
		if (!warden_mark_is_of(key, WARDEN_MARK_COMING, place->tag))
			return true;
		/* let it finish; but it may have been killed */
		if (is_earlier && i < WARDEN_CAS_TRIES - 1)
			continue;
		if (table_key_replace(other, key, 0))
			return true;
	}
	return false;
}

/* Give the record that we have marked to the host, unless it has or gets
   another one. Of two who do this at once, at least one sees the other's
   mark, because each looks after it has set its own. */
static bool claim_settle(const struct table_place *place,
			 struct warden_record *record, uint64_t mark)
{
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		struct warden_record *other = &place->set->records[i];

		if (other != record &&
		    !record_gives_way(other, other < record, place)) {
			(void)table_key_replace(record, mark, 0);
			return false;
		}
	}
	return table_key_replace(record, mark, place->key);
}

static bool claim_victim(struct warden_table *table,
			 const struct table_place *place,
			 const struct table_victim *victim, uint64_t now)
{
	bool coming = warden_mark_is(victim->key, WARDEN_MARK_COMING);
	uint64_t mark;

	if (coming &&
	    table_record_await(victim->record, victim->key) != victim->key)
		return false;
	mark = record_take(table, victim, place->tag, now);
	if (mark == 0)
		return false;
	if (victim_is_blocked(victim))
		table_counter_add(&table->header->set_full);
	if (victim->key != 0 && !coming)
		table_counter_add(&table->header->evicted);
	record_wipe(victim->record, mark, now);
	return claim_settle(place, victim->record, mark);
}

struct warden_record *table_place_claim(struct warden_table *table,
					const struct table_place *place,
					uint64_t now)
{
	if (!table_key_is_host(place->key))
		return NULL;
	for (int i = 0; i < TABLE_CLAIM_TRIES; i++) {
		struct warden_record *record = table_place_find(place);
		struct table_victim victim = { .record = NULL };

		if (record != NULL) {
			if (table_record_keep(record, place))
				return record;
			continue;
		}
		if (!set_find_victim(table, place->set, now, &victim)) {
			table_counter_add(&table->header->set_full);
			table_counter_add(&table->header->unwatched);
			return NULL;
		}
		if (victim.record != NULL &&
		    claim_victim(table, place, &victim, now))
			return victim.record;
	}
	table_counter_add(&table->header->contended);
	table_counter_add(&table->header->unwatched);
	return NULL;
}
