/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_FILTER_H
#define AUTH_FILTER_H

/* Debug events reach nobody unless a filter asks for them. This asks, and does
   not change what is logged. One .c file for each way that Dovecot's versions
   have. */

struct event_filter;

/* Ask for the events that match ours, and take over the reference to it. */
void auth_filter_start(struct event_filter *ours);
/* When any event is created, before it is sent. */
void auth_filter_keep(void);
void auth_filter_stop(void);

#endif
