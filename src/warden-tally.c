/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-tally.h"

/* What is older is in no slot any more. */
#define TALLY_SLOTS_MAX (WARDEN_TOTAL_SLOTS - 2)

void warden_tally_init(struct warden_tally *tally, uint64_t now)
{
	tally->next = warden_total_slot(now);
}

void warden_tally_tick(struct warden_tally *tally,
		       const struct warden_table *table, uint64_t now,
		       warden_tally_told_t *told, void *context)
{
	uint32_t end = warden_total_slot(now) - 1;
	uint32_t number, total;

	/* the clock of the machine only goes on; this one is a parameter */
	if (end <= tally->next || warden_total_slot(now) == 0)
		return;
	if (end - tally->next > TALLY_SLOTS_MAX)
		tally->next = end - TALLY_SLOTS_MAX;
	for (total = 0; total < WARDEN_TOTALS; total++) {
		uint64_t count = 0;

		for (number = tally->next; number < end; number++)
			count += warden_table_total_of_slot(table, total,
							    number);
		if (count > 0)
			told(context, total, count);
	}
	tally->next = end;
}

const char *warden_tally_refusal(enum warden_total total)
{
	static const char *const names[WARDEN_TOTALS] = {
		[WARDEN_TOTAL_REFUSED_BLOCKED] = "blocked",
		[WARDEN_TOTAL_REFUSED_SESSIONS] = "sessions",
		[WARDEN_TOTAL_REFUSED_AUTH] = "auth",
		[WARDEN_TOTAL_REFUSED_RULES] = "rules",
		[WARDEN_TOTAL_WOULD_REFUSE] = "observed",
		[WARDEN_TOTAL_REFUSED_SIEGE] = "siege",
		[WARDEN_TOTAL_REFUSED_COUNTRY] = "country",
	};

	return total < WARDEN_TOTALS ? names[total] : NULL;
}

bool warden_tally_is_refusal(enum warden_total total)
{
	return total != WARDEN_TOTAL_WOULD_REFUSE &&
	       warden_tally_refusal(total) != NULL;
}

const char *warden_tally_failure(enum warden_total total)
{
	if (total == WARDEN_TOTAL_EXCUSED)
		return "excused";
	return warden_class_is_event(total) ? warden_class_name(total) : NULL;
}
