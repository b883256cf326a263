/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_REAPER_H
#define WARDEN_REAPER_H

#include "warden-table.h"

/* Free the sessions of processes that are gone. A login process that is
   killed leaves its sessions behind; they would run out by themselves, this
   only makes it sooner. A call looks at some of them, *cursor_io says where
   the next one goes on, from 0. Returns how many were freed. */
uint32_t warden_reap(struct warden_table *table, uint32_t *cursor_io,
		     uint64_t now);
/* Settle the pending attempts of such processes, and of those that have had
   their time, as warden_pending_fail() would. Returns how many blocks began. */
uint32_t warden_reap_pendings(struct warden_table *table,
			      const struct warden_policy *policy, uint64_t now);

#endif
