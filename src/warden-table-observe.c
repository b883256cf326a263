/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Observe mode: which rule would have refused whom within the hour, and who of
   those logged in. A word in the host's record says the first; how many there
   are is counted in sketches. */

#include "warden-table-private.h"

#include "warden-bucket.h"
#include "warden-sketch-ring.h"

#define OBSERVED_SECS 3600
#define OBSERVED_RULE_BITS 9
#define OBSERVED_RULE_MASK (WARDEN_RULES_ROOM - 1)

/* Would it have been refused within the hour, were it not for observe mode? */
static bool record_was_observed(const struct warden_record *record,
				uint32_t tag, uint64_t now)
{
	uint64_t value = warden_word_load(record, WARDEN_WORD_OBSERVED, tag);
	/* another process may be a moment ahead; what is to come is a
	   stranger's */
	uint64_t age = now / 1000 + 1 - (value >> OBSERVED_RULE_BITS);

	return value != 0 && age <= OBSERVED_SECS;
}

bool table_record_is_observed(const struct warden_record *record, uint32_t tag,
			      uint64_t now)
{
	const uint64_t longest = (uint64_t)WARDEN_SLOW_WINDOW_SECS * 1000 *
				 WARDEN_BUCKET_WINDOWS_MAX;
	uint64_t empty_at =
		warden_word_load(record, WARDEN_WORD_OBSERVED_SLOW, tag);

	/* as a rule what is in the other one is in this one for longer */
	return record_was_observed(record, tag, now) ||
	       (empty_at > now && empty_at - now <= longest);
}

static uint32_t observed_slot(uint64_t now)
{
	return (uint32_t)(now / 1000 / WARDEN_OBSERVED_SLOT_SECS);
}

static void observed_add(struct warden_table *table,
			 const struct table_place *place, unsigned int rule,
			 bool logged_in, uint64_t now)
{
	uint64_t hash = warden_hash_u64(
		table->hash_key, place->key ^ (uint64_t)(4 + place->family)
						      << 56);

	warden_sketch_ring_add(table->header->observed[logged_in ? 1 : 0][rule],
			       WARDEN_OBSERVED_SLOTS, observed_slot(now), hash);
}

void table_record_observe(struct warden_table *table,
			  struct warden_record *record,
			  const struct table_place *place, unsigned int rule,
			  uint64_t now)
{
	table_word_set(table, record, place, WARDEN_WORD_OBSERVED,
		       now / 1000 << OBSERVED_RULE_BITS | rule);
	observed_add(table, place, rule, false, now);
}

void warden_table_observe(struct warden_table *table,
			  const struct warden_host *host, unsigned int rule,
			  uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_claim(table, &place, now);

	if (record != NULL) {
		table_record_observe(table, record, &place,
				     rule & OBSERVED_RULE_MASK, now);
	}
}

void warden_table_observe_login(struct warden_table *table,
				const struct warden_host *host, uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	const struct warden_record *record = table_place_find(&place);
	uint64_t value;

	if (record == NULL || !record_was_observed(record, place.tag, now))
		return;
	value = warden_word_load(record, WARDEN_WORD_OBSERVED, place.tag);
	observed_add(table, &place, value & OBSERVED_RULE_MASK, true, now);
}

static uint32_t observed_count(const _Atomic uint64_t *words, uint64_t now)
{
	return warden_sketch_ring_count(
		words, WARDEN_OBSERVED_SLOTS, observed_slot(now),
		OBSERVED_SECS / WARDEN_OBSERVED_SLOT_SECS);
}

void warden_table_observed(const struct warden_table *table, unsigned int rule,
			   uint64_t now, uint32_t *refused_r,
			   uint32_t *logged_in_r)
{
	rule &= OBSERVED_RULE_MASK;
	*refused_r = observed_count(table->header->observed[0][rule], now);
	*logged_in_r = observed_count(table->header->observed[1][rule], now);
}
