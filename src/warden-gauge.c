/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-gauge.h"

#define GAUGE_SLOTS_MAX (3600 / WARDEN_TOTAL_SLOT_SECS)

static uint32_t slot_number(uint64_t now)
{
	return (uint32_t)(now / 1000 / WARDEN_TOTAL_SLOT_SECS);
}

static uint64_t slot_count(const struct warden_table *table,
			   enum warden_total total, uint32_t number)
{
	/* the slot of this moment, and none before it */
	return warden_table_total(table, total, 0,
				  (uint64_t)number * WARDEN_TOTAL_SLOT_SECS *
					  1000);
}

void warden_gauge_init(struct warden_gauge *gauge,
		       const struct warden_table *table, uint64_t now)
{
	uint32_t total;

	gauge->slot = slot_number(now);
	for (total = 0; total < WARDEN_TOTALS; total++)
		gauge->seen[total] = slot_count(table, total, gauge->slot);
}

void warden_gauge_look(struct warden_gauge *gauge,
		       const struct warden_table *table, uint64_t now,
		       uint64_t grown_r[WARDEN_TOTALS])
{
	uint32_t slot = slot_number(now), first = gauge->slot;
	uint32_t total, number;

	if (slot < first)
		first = slot;
	else if (slot - first > GAUGE_SLOTS_MAX)
		first = slot - GAUGE_SLOTS_MAX;
	for (total = 0; total < WARDEN_TOTALS; total++) {
		uint64_t sum = 0, last = 0;
		uint64_t seen = first == gauge->slot ? gauge->seen[total] : 0;

		for (number = first; number <= slot; number++) {
			last = slot_count(table, total, number);
			sum += last;
		}
		grown_r[total] = sum > seen ? sum - seen : 0;
		gauge->seen[total] = last;
	}
	gauge->slot = slot;
}
