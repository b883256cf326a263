/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SAVER_H
#define WARDEN_SAVER_H

#include "warden-admin.h"
#include "warden-report.h"

/* What survives a reboot: from the table into the state file and back. The
   form of the file: warden-state.h. */

#define WARDEN_SAVE_INTERVAL_MSECS 30000

struct warden_saver {
	char path[544];	 /* "" = nothing is saved */
	uint64_t digest; /* of what is in the file */
	bool written;
	bool failed;	/* and that was logged */
	uint64_t tried; /* when */
};

void warden_saver_init(struct warden_saver *saver, const char *state_dir);

/* Put into the table what the file knows and the table does not, once in the
   life of a table: later the table knows better, for instance what an admin
   has unblocked. A damaged file is logged and set aside as "state.bad". */
void warden_saver_load(struct warden_saver *saver, struct warden *warden,
		       const struct warden_policy *policy,
		       struct warden_report *report, uint64_t now,
		       int64_t wall_now);

/* Write the file if something has changed and WARDEN_SAVE_INTERVAL_MSECS have
   passed, or at once. Errors are logged once until a write succeeds. */
void warden_saver_save(struct warden_saver *saver, struct warden *warden,
		       const struct warden_policy *policy,
		       struct warden_report *report, bool at_once, uint64_t now,
		       int64_t wall_now);

#endif
