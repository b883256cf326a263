/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_GEOIP_H
#define WARDEN_GEOIP_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-error.h"
#include "warden-origins.h"

/* Reads a MaxMind DB file (GeoLite2, DB-IP, IPinfo: countries, cities, AS
   numbers) and makes of it what warden-origins.h wants. Only the service does,
   unprivileged, and nothing else is linked with libmaxminddb.

   It has one loop for everything, so this is done in slices: open, read until
   it is no longer MORE, take, close. First the file is copied into memory (a
   memfd, sealed): one that is cut short while it is mapped would end the
   process with a SIGBUS. The copy is there until the last node was read, or
   until it fails, and takes as much as the file; the runs take 16 bytes each,
   three times that while they grow. libmaxminddb opens the copy by way of
   /proc/self/fd.

   The file is not trusted: whatever is in it, each slice ends, the whole does,
   and the result is a list or an error.

   Of IPv6 the first 64 bits are told apart. A network that has several origins
   within a /64 has the one of its first address. The networks by which these
   files find IPv4 addresses once more have no origin: 2001::/32, 2002::/16, and
   ::/64 with ::/96 and ::ffff:0:0/96 in it. */

/* --- Bounds: beyond them a file is refused -------------------------------- */

/* bytes; GeoLite2-City has some 60 million */
#define WARDEN_GEOIP_SIZE_MAX (UINT64_C(1) << 30)
/* Visits: a tree that leads to the same node on many ways has it visited on
   each. GeoLite2-City has some 5 million. */
#define WARDEN_GEOIP_NODES_MAX UINT64_C(64000000)
/* seconds of processor time, all slices together */
#define WARDEN_GEOIP_CPU_SECS_MAX 120u
/* and WARDEN_ORIGINS_MAX_RUNS of both families, and those of
   warden-geoip-check.h for a single record */

/* Bytes of address space (vsz_limit) that reading takes at most. With less it
   fails, unless the file is smaller. */
#define WARDEN_GEOIP_MEMORY_MAX \
	(WARDEN_GEOIP_SIZE_MAX + UINT64_C(48) * WARDEN_ORIGINS_MAX_RUNS)

/* --- Reading -------------------------------------------------------------- */

enum warden_geoip_result {
	WARDEN_GEOIP_MORE, /* not yet at the end */
	WARDEN_GEOIP_DONE,
	WARDEN_GEOIP_FAILED, /* *error_r says why */
};

struct warden_geoip;

/* Open the file; nothing of it is read yet. It has to be a regular one; a FIFO
   is not waited for. NULL: *error_r names path and reason in one line, as it
   does below. */
struct warden_geoip *warden_geoip_open(const char *path,
				       struct warden_error *error_r);

/* Go on for about so many milliseconds, 0: one step. A step is 64 KiB of
   copying or 64 nodes: tens of microseconds, in a hostile file up to ten
   milliseconds. The one that gives the copy back takes another 15 ms for each
   100 MB, and a slow disk is waited for. After DONE or FAILED it is the same
   again, without work.

   A file that another one takes the place of (rename) is read to its end as it
   was. One that is written to while it is copied is FAILED: try again when it
   has looked the same for some time. */
enum warden_geoip_result warden_geoip_read(struct warden_geoip *geoip,
					   unsigned int msecs,
					   struct warden_error *error_r);

/* What status shows of a file. */
struct warden_geoip_info {
	/* as in the file, "GeoLite2-Country"; printable ASCII, cut */
	char database_type[64];
	uint64_t build_epoch; /* s, wall-clock time; as in the file */
	uint32_t runs;	      /* of both families */
	bool has_countries, has_systems; /* at least one of them */
};

/* After DONE, once: the list becomes the caller's. Not before, and not a second
   time: then it is empty. info_r may be NULL. */
void warden_geoip_take(struct warden_geoip *geoip,
		       struct warden_origins_list *list_r,
		       struct warden_geoip_info *info_r);

/* At any time, also in the middle. *geoip may be NULL and is afterwards. */
void warden_geoip_close(struct warden_geoip **geoip);

/* --- For tests ------------------------------------------------------------ */

struct warden_geoip_bounds {
	uint64_t size;	/* bytes */
	uint64_t nodes; /* visits */
	unsigned int cpu_secs;
};

/* As warden_geoip_open(), with other bounds. */
struct warden_geoip *
warden_geoip_open_within(const char *path,
			 const struct warden_geoip_bounds *bounds,
			 struct warden_error *error_r);

#endif
