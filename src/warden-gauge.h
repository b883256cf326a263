/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_GAUGE_H
#define WARDEN_GAUGE_H

#include "warden-table.h"

/* What the totals of the table grew by since somebody looked last; unlike a
   tally (warden-tally.h) at once, to the moment. */

struct warden_gauge {
	uint32_t slot;		      /* of the last look */
	uint64_t seen[WARDEN_TOTALS]; /* in that slot, by then */
};

void warden_gauge_init(struct warden_gauge *gauge,
		       const struct warden_table *table, uint64_t now);
/* What was taken back since then is not less than nothing. After more than an
   hour: that of the last hour. */
void warden_gauge_look(struct warden_gauge *gauge,
		       const struct warden_table *table, uint64_t now,
		       uint64_t grown_r[WARDEN_TOTALS]);

#endif
