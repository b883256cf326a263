/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SAVER_H
#define WARDEN_SAVER_H

#include "warden-admin.h"
#include "warden-claim.h"
#include "warden-report.h"

/* What survives a reboot: from the table into the state file and back. The
   form of the file: warden-state.h. */

#define WARDEN_SAVE_INTERVAL_MSECS 30000
/* What an admin has taken back is saved at once, but not more often than
   this: a stranger who can write the table can make it look so at each tick,
   and a save of a large table is work for the disk. */
#define WARDEN_SAVE_EARLY_MSECS 5000
/* A clock that was set by more than this makes the times in the file wrong. */
#define WARDEN_SAVE_CLOCK_SECS 60

struct warden_saver {
	char path[544];	 /* "" = nothing is saved */
	uint64_t digest; /* of what is in the file */
	int64_t offset;	 /* seconds from warden time to the wall clock there */
	bool written;
	bool failed;	/* and that was logged */
	bool lost;	/* what was in the file; it is set aside */
	bool wanted;	/* early */
	uint64_t tried; /* when */
	uint64_t early; /* when it was last done early; 0 = never */
	struct warden_claim claim;
};

void warden_saver_init(struct warden_saver *saver, const char *state_dir);
void warden_saver_deinit(struct warden_saver *saver);

/* Put into the table what the file knows and the table does not, once in the
   life of a table: later the table knows better, for instance what an admin
   has unblocked. networks: the blocked networks too, once in the life of the
   file `policy`. A damaged file is logged and set aside as "state.bad"; one
   with entries that found no place is kept as "state.bak".

   The wall clock at boot may be far behind, on machines without a battery in
   1970. Then it is taken to be when the file was saved, so that no block that
   has ended begins anew. */
void warden_saver_load(struct warden_saver *saver, struct warden *warden,
		       const struct warden_policy *policy, bool networks,
		       struct warden_report *report, uint64_t now,
		       int64_t wall_now);

/* What is in the file must not come back: save soon. */
void warden_saver_want(struct warden_saver *saver);

/* Write the file if something has changed and it is time to, or at once. Errors
   are logged once until a write succeeds. */
void warden_saver_save(struct warden_saver *saver, struct warden *warden,
		       const struct warden_policy *policy,
		       struct warden_report *report, bool at_once, uint64_t now,
		       int64_t wall_now);

#endif
