/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The record of a host: is it still the host's, and how one of its words is
   replaced while others do the same. */

#include "warden-table-private.h"

struct warden_record *table_place_find_leaving(const struct table_place *place)
{
	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		if (table_place_owns(place,
				     table_record_key(&place->set->records[i])))
			return &place->set->records[i];
	}
	return NULL;
}

bool table_record_keep(struct warden_record *record,
		       const struct table_place *place)
{
	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint64_t key = atomic_load(&record->key);

		if (key == place->key)
			return true;
		if (!table_place_owns(place, key))
			return false;
		if (table_key_replace(record, key, place->key))
			return true;
	}
	return false;
}

uint64_t table_word_update(struct warden_table *table,
			   struct warden_record *record,
			   const struct table_place *place,
			   enum warden_word word, table_word_next_t *next,
			   const void *context)
{
	_Atomic uint64_t *shared = warden_record_word(record, word);

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint64_t raw, value;

		/* the word before the key: were it the other way round, the
		   word could be the next owner's without our noticing */
		raw = atomic_load_explicit(shared, memory_order_acquire);
		if (!table_record_keep(record, place))
			return TABLE_UPDATE_LOST;
		value = next(warden_word_value(raw, place->tag), context);
		if (value == TABLE_UPDATE_NONE)
			return TABLE_UPDATE_NONE;
		if (!atomic_compare_exchange_strong_explicit(
			    shared, &raw, warden_word_pack(place->tag, value),
			    memory_order_seq_cst, memory_order_relaxed))
			continue;
		/* evicted between our look at the key and this? Then the word
		   stands in a stranger's record, where it reads as zero. If
		   not, whoever evicts from now on sees the word */
		return table_record_keep(record, place) ? value :
							  TABLE_UPDATE_LOST;
	}
	table_counter_add(&table->header->contended);
	return TABLE_UPDATE_NONE;
}

uint64_t table_next_constant(uint64_t value, const void *context)
{
	(void)value;
	return *(const uint64_t *)context;
}

void table_word_set(struct warden_table *table, struct warden_record *record,
		    const struct table_place *place, enum warden_word word,
		    uint64_t value)
{
	(void)table_word_update(table, record, place, word, table_next_constant,
				&value);
}
