/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-gauge.h"

#define GAUGE_SLOTS_MAX (3600 / WARDEN_TOTAL_SLOT_SECS)

void warden_gauge_init(struct warden_gauge *gauge,
		       const struct warden_table *table, uint64_t now)
{
	uint32_t total;

	gauge->slot = warden_total_slot(now);
	for (total = 0; total < WARDEN_TOTALS; total++)
		gauge->seen[total] =
			warden_table_total_of_slot(table, total, gauge->slot);
}

void warden_gauge_look(struct warden_gauge *gauge,
		       const struct warden_table *table, uint64_t now,
		       uint64_t grown_r[WARDEN_TOTALS])
{
	uint32_t slot = warden_total_slot(now), first = gauge->slot;
	uint32_t total, number;

	if (slot < first)
		first = slot;
	else if (slot - first > GAUGE_SLOTS_MAX)
		first = slot - GAUGE_SLOTS_MAX;
	for (total = 0; total < WARDEN_TOTALS; total++) {
		uint64_t sum = 0, last = 0;
		uint64_t seen = first == gauge->slot ? gauge->seen[total] : 0;

		for (number = first; number <= slot; number++) {
			last = warden_table_total_of_slot(table, total, number);
			sum += last;
		}
		grown_r[total] = sum > seen ? sum - seen : 0;
		gauge->seen[total] = last;
	}
	gauge->slot = slot;
}
