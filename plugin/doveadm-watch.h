/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_WATCH_H
#define DOVEADM_WATCH_H

#include "doveadm-warden.h"

/* `doveadm warden status --watch`: redrawn every second on a terminal, else a
   line every second. Returns when the user has seen enough, or when nobody
   reads it any more. */
void doveadm_watch(struct doveadm_warden *dw);

#endif
