/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_REAPER_H
#define WARDEN_REAPER_H

#include "warden-table.h"

/* Free the sessions of processes that are gone. A login process that is
   killed leaves its sessions behind; they would run out by themselves, this
   only makes it sooner. Returns how many were freed. */
uint32_t warden_reap(struct warden_table *table, uint64_t now);

#endif
