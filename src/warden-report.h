/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_REPORT_H
#define WARDEN_REPORT_H

#include <stdint.h>

#include "warden-sweep.h"

/* What the service writes into the log: one line for each block that begins
   and one when it ends, never one for each refused connection. Full logs are
   half of the trouble with guessers, so a botnet gets no more than
   WARDEN_REPORT_LINES lines in WARDEN_REPORT_WINDOW_SECS, and then one line
   that counts the rest. */

#define WARDEN_REPORT_LINES 20
#define WARDEN_REPORT_WINDOW_SECS 10

enum warden_level {
	WARDEN_LEVEL_INFO,
	WARDEN_LEVEL_WARNING,
	WARDEN_LEVEL_ERROR,
};

/* line has no newline, and nothing in it comes from a client but addresses
   that we formatted. */
typedef void warden_log_t(void *context, enum warden_level level,
			  const char *line);

struct warden_report {
	warden_log_t *log;
	void *context;
	bool enforces; /* blocks are refused, not only noted */
	uint64_t window_start; /* 0: no line in this window yet */
	uint32_t lines;
	uint64_t held_began, held_ended; /* not logged in this window */
};

void warden_report_init(struct warden_report *report, warden_log_t *log,
			void *context);
void warden_report_line(struct warden_report *report, enum warden_level level,
			const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A host's block that began or ended. */
void warden_report_change(struct warden_report *report,
			  const struct warden_sweep_change *change,
			  const struct warden_policy *policy, uint64_t now,
			  int64_t wall_now);
/* Tell how many lines were held back, when the window is over or, with
   `at_once`, now. */
void warden_report_flush(struct warden_report *report, bool at_once,
			 uint64_t now);

/* 12345 as "12,345". buf has WARDEN_COUNT_STRLEN bytes; returns buf. */
#define WARDEN_COUNT_STRLEN 32
const char *warden_count_format(uint64_t count, char *buf);

#endif
