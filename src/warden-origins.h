/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ORIGINS_H
#define WARDEN_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-address.h"

/* Where addresses come from: country and autonomous system (AS, RFC 1930), by
   the MaxMind DB files that an admin has. Only the service reads these
   (warden-geoip.h). What it finds is put into an image in the shared file
   `origins`, and every process finds an address there by itself: a new host
   has its country before its first password is checked, without a wait.

   An origin is a number: as:22 country:10. 0: nothing is known. No AS number
   of 2^22 or more has ever been assigned; one that is counts as not known. */

#define WARDEN_COUNTRY_BITS 10
/* "AA" is 1, "ZZ" 676: two letters as in ISO 3166-1, and XK, EU and the like
   as databases have them. */
#define WARDEN_COUNTRIES 677
#define WARDEN_AS_MAX ((1u << 22) - 1)

/* Two letters in either case; 0: these are none. */
uint32_t warden_country_parse(const char *letters, size_t len);
/* buf has 3 bytes; returns buf, "" for 0 and what is none. */
const char *warden_country_format(uint32_t country, char *buf);

uint32_t warden_origin_pack(uint32_t country, uint64_t as);
uint32_t warden_origin_country(uint32_t origin);
uint32_t warden_origin_as(uint32_t origin);

/* --- Putting them together: the service ----------------------------------- */

/* From this address on, up to that of the next run: the origin. IPv4: the
   address; IPv6: the first 64 bits of it, what is finer has no origin of its
   own. */
struct warden_origin_run {
	uint64_t first;
	uint32_t origin;
};

/* Of one family, ascending; neighbours differ. Before the first one: 0. Zeroed
   = empty. */
struct warden_origin_runs {
	struct warden_origin_run *runs;
	size_t count, room;
};

/* All that is known. Zeroed = nothing. */
struct warden_origins_list {
	struct warden_origin_runs inet, inet6;
};

/* What can be published; the largest databases of 2026 have a third of it. */
#define WARDEN_ORIGINS_MAX_RUNS 4000000u /* of both families */

/* first is not before that of the call before. false: no memory, or more than
   WARDEN_ORIGINS_MAX_RUNS; the runs stay as they are. */
bool warden_origin_runs_add(struct warden_origin_runs *runs, uint64_t first,
			    uint32_t origin);
/* The country of countries and the AS of systems, each of the other one where
   it has none. Either may be empty, or the same. false: as above. */
bool warden_origins_list_join(struct warden_origins_list *list_r,
			      const struct warden_origins_list *countries,
			      const struct warden_origins_list *systems);
/* What an image has, as it lies there: only the countries, only the AS, or
   both. Nothing if it is no image. false: as above. */
bool warden_origins_list_read(struct warden_origins_list *list_r,
			      const void *image, size_t size, bool countries,
			      bool systems);
void warden_origins_list_free(struct warden_origins_list *list);

/* All IPv6, of which a run takes most; room for a head. */
#define WARDEN_ORIGINS_IMAGE_MAX (64 + 12 * (size_t)WARDEN_ORIGINS_MAX_RUNS)
size_t warden_origins_image_size(const struct warden_origins_list *list);
/* image has so many bytes and is aligned to 8. */
void warden_origins_image_write(const struct warden_origins_list *list,
				void *image);

/* --- Asking --------------------------------------------------------------- */

/* What an image has of this address: an origin. The image is aligned to 8, and
   not trusted, neither now nor later: noise gives noise. size 0, or no image
   of ours: 0. */
uint32_t warden_origins_find(const void *image, size_t size,
			     const struct warden_net *addr);

#endif
