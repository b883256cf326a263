/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_REPORT_H
#define WARDEN_REPORT_H

#include <stdint.h>

#include "warden-siege.h"
#include "warden-sweep.h"

/* What the service writes into the log: one line for each block that begins
   and one when it ends, never one for each refused connection. Full logs are
   half of the trouble with guessers, so a botnet gets no more than
   WARDEN_REPORT_LINES lines in WARDEN_REPORT_WINDOW_SECS, and then one line
   that counts the rest. Statistics are another matter: for them each block that
   begins or ends is told, at level debug where it gets no line. */

#define WARDEN_REPORT_LINES 20
#define WARDEN_REPORT_WINDOW_SECS 10

enum warden_level {
	WARDEN_LEVEL_DEBUG, /* not for the log, unless somebody asks for it */
	WARDEN_LEVEL_INFO,
	WARDEN_LEVEL_WARNING,
	WARDEN_LEVEL_ERROR,
};

/* A block that began or ended, in figures; or a siege that has ended, with its
   number, what was refused and whether it was enforced, and nothing else. */
struct warden_report_block {
	uint32_t siege;	 /* 0: a block */
	bool began;	 /* else ended */
	bool is_network; /* blocked by an admin, with all hosts in it */
	bool lifted;	 /* ended before its time, by an admin */
	bool enforced;	 /* else only noted: its mode is not enforce */
	bool limited;	 /* many share the host: only guesses are refused */
	const char *net; /* the host or network as text */
	enum warden_class reason;
	uint32_t secs; /* until it ends; 0: it does not, or has ended */
	uint32_t points;
	uint32_t offences;
	uint64_t refused; /* connections */
};

/* line has no newline, and nothing in it comes from a client but addresses
   that we formatted. block: what it is about; NULL: no block. */
typedef void warden_log_t(void *context, enum warden_level level,
			  const char *line,
			  const struct warden_report_block *block);

struct warden_report {
	warden_log_t *log;
	void *context;
	bool in_force;	       /* the policy; else nobody is refused at all */
	uint64_t window_start; /* 0: no line in this window yet */
	uint32_t lines;
	uint64_t held_began, held_ended; /* not logged in this window */
	uint64_t held_sieges;
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
/* The same for a network; there are never many. */
void warden_report_network(struct warden_report *report,
			   const struct warden_blocked_network *network,
			   const struct warden_policy *policy, bool began,
			   uint64_t now, int64_t wall_now);
/* An account is not on guard any more. Who it was stands in the line that auth
   wrote when it began: here only keyed hashes are known. */
void warden_report_siege_end(struct warden_report *report,
			     const struct warden_siege_end *end,
			     const struct warden_policy *policy, uint64_t now);
/* Tell how many lines were held back, when the window is over or, with
   `at_once`, now. */
void warden_report_flush(struct warden_report *report, bool at_once,
			 uint64_t now);

/* 12345 as "12,345". buf has WARDEN_COUNT_STRLEN bytes; returns buf. */
#define WARDEN_COUNT_STRLEN 32
const char *warden_count_format(uint64_t count, char *buf);

#endif
