/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* How much of what happened in the last hour, for `doveadm warden status`. */

#include "warden-table.h"

#define TOTAL_SECS_MAX 3600

uint32_t warden_total_slot(uint64_t now)
{
	return (uint32_t)(now / 1000 / WARDEN_TOTAL_SLOT_SECS);
}

static uint64_t word_pack(uint32_t number, uint32_t count)
{
	return (uint64_t)number << 32 | count;
}

static uint32_t word_count(uint64_t word, uint32_t number)
{
	return word >> 32 == number ? (uint32_t)word : 0;
}

/* One more or one less, in the slot of that moment. */
static void total_change(struct warden_table *table, enum warden_total total,
			 bool more, uint64_t when)
{
	uint32_t number = warden_total_slot(when);
	_Atomic uint64_t *word =
		&table->header->totals[total][number % WARDEN_TOTAL_SLOTS];
	uint64_t present = atomic_load_explicit(word, memory_order_relaxed);

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint32_t count = word_count(present, number);

		if (count == (more ? UINT32_MAX : 0))
			return;
		if (atomic_compare_exchange_weak_explicit(
			    word, &present,
			    word_pack(number, more ? count + 1 : count - 1),
			    memory_order_relaxed, memory_order_relaxed))
			return;
	}
}

void warden_table_total_add(struct warden_table *table, enum warden_total total,
			    uint64_t now)
{
	total_change(table, total, true, now);
}

void warden_table_total_take_back(struct warden_table *table,
				  enum warden_total total, uint64_t then)
{
	total_change(table, total, false, then);
}

uint64_t warden_table_total_of_slot(const struct warden_table *table,
				    enum warden_total total, uint32_t number)
{
	return word_count(
		atomic_load_explicit(
			&table->header
				 ->totals[total][number % WARDEN_TOTAL_SLOTS],
			memory_order_relaxed),
		number);
}

uint64_t warden_table_total(const struct warden_table *table,
			    enum warden_total total, uint32_t secs,
			    uint64_t now)
{
	uint32_t last = warden_total_slot(now), slots;
	uint64_t sum = 0;

	if (secs > TOTAL_SECS_MAX)
		secs = TOTAL_SECS_MAX;
	slots = secs / WARDEN_TOTAL_SLOT_SECS + 1;
	for (uint32_t i = 0; i < slots; i++)
		sum += warden_table_total_of_slot(table, total, last - i);
	return sum;
}
