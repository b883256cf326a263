/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_CLOCK_H
#define WARDEN_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* The time that the shared files are written in.

   Warden time is CLOCK_BOOTTIME plus WARDEN_CLOCK_BASE: it does not jump when
   somebody sets the clock, goes on while the machine sleeps, is the same in
   every process, and still has numbers for what happened before the boot (a
   host known for three weeks on a machine that is up for an hour). Logic
   never reads it: `now` is a parameter, in milliseconds unless its name ends
   in _secs, so that a test decides what time it is.

   On disk and on the terminal time is wall-clock time (CLOCK_REALTIME). */

/* seconds; 2^30, 34 years, so that 41 bits of milliseconds last another 35 */
#define WARDEN_CLOCK_BASE_SECS (UINT32_C(1) << 30)

/* Later than every time: a block without an end. */
#define WARDEN_FOREVER_SECS UINT32_MAX

/* The present warden time in milliseconds. Any process, any thread. */
uint64_t warden_clock_now(void);

/* The wall-clock second in which the running second of warden time began, so
   that the same warden time is the same text in every process and at every
   moment of that second. now is warden_clock_now(). */
int64_t warden_clock_wall(uint64_t now);

/* Convert seconds of warden time to wall-clock time and back, given one
   reading of both clocks. A time that does not fit is set to the nearest
   that does. WARDEN_FOREVER_SECS and WARDEN_WALL_FOREVER stand for another. */
#define WARDEN_WALL_FOREVER INT64_MAX
int64_t warden_clock_to_wall(uint32_t secs, uint64_t now, int64_t wall_now);
uint32_t warden_clock_from_wall(int64_t wall, uint64_t now, int64_t wall_now);

/* RFC 3339, local time with its offset: 2026-11-22T05:06:07+01:00, and
   "forever" for WARDEN_WALL_FOREVER. buf has WARDEN_CLOCK_STRLEN bytes. */
#define WARDEN_CLOCK_STRLEN 40
const char *warden_clock_format(int64_t wall, char *buf);

/* "30 min", "1 week", "90", "2h", "500 ms": Dovecot's time settings, a plain
   number is seconds. Units: ms(ecs), s(ecs), min(s), h(ours), d(ays),
   w(eeks) and what Dovecot takes as their spelling. The result is rounded up
   to seconds. Returns false and a static text on anything else. */
bool warden_duration_parse(const char *str, uint32_t *secs_r,
			   const char **error_r);
/* "45 s", "29 min", "3 h", "6 days": short, rounded down.
   buf has WARDEN_CLOCK_STRLEN bytes. */
const char *warden_duration_format(uint32_t secs, char *buf);

#endif
