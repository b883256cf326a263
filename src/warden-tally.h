/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_TALLY_H
#define WARDEN_TALLY_H

#include "warden-table.h"

/* What the totals of the table grew by, for statistics that somebody else
   keeps: each slot of them (WARDEN_TOTAL_SLOT_SECS) is told once, when it is
   over and so is the one after it. An attempt that PAM has begun counts as a
   failure until its password was right; by then it has been taken back. */

struct warden_tally {
	uint32_t next; /* the number of the slot that is told next */
};

/* Never 0. */
typedef void warden_tally_told_t(void *context, enum warden_total total,
				 uint64_t count);

/* What was counted before `now` is not told: another process has done it. */
void warden_tally_init(struct warden_tally *tally, uint64_t now);
/* The slots that can be told by now, as one number for each total. */
void warden_tally_tick(struct warden_tally *tally,
		       const struct warden_table *table, uint64_t now,
		       warden_tally_told_t *told, void *context);

/* Why a session was refused: "blocked", "sessions", "auth", "rules", "siege",
   "country", or "observed" if it only would have been. NULL: the total counts something
   else. */
const char *warden_tally_refusal(enum warden_total total);
/* Was somebody turned away, and not only observed? */
bool warden_tally_is_refusal(enum warden_total total);
/* What failed: the class, or "excused" if a wrong password was no guess. NULL:
   the total counts something else. */
const char *warden_tally_failure(enum warden_total total);

#endif
