/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef SERVICE_NAMES_H
#define SERVICE_NAMES_H

#include "warden-keeper.h"

/* The names that the keeper wants (warden-keeper.h), looked up through
   Dovecot's dns-client. */

/* Settings have been read. Nothing is connected before a name is wanted. */
void service_names_init(struct warden_keeper *keeper);
/* After each tick. */
void service_names_tick(void);
/* Before the keeper ends. Also without an init before it. */
void service_names_deinit(void);

#endif
