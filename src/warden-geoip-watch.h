/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_GEOIP_WATCH_H
#define WARDEN_GEOIP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-error.h"
#include "warden-origins.h"

/* The files of warden_geoip_country and warden_geoip_asn, as they are and as
   they change. Both are read anew when one of them has changed and then looked
   the same for a while: the tools that fetch them rename a whole file, but `cp`
   does not. It is read a piece at a time, so that the service goes on with its
   work. */

/* It looked the same in so many looks: two seconds of ticks. */
#define WARDEN_GEOIP_WATCH_SETTLED 8
/* About so much of each look is spent on reading. */
#define WARDEN_GEOIP_WATCH_SLICE_MSECS 40

struct warden_geoip_watch;

/* The paths are the caller's and outlive it; "" = there is none, and both may
   be the same. NULL: no memory. */
struct warden_geoip_watch *warden_geoip_watch_create(const char *country_path,
						     const char *asn_path);
void warden_geoip_watch_free(struct warden_geoip_watch **watch);

enum warden_geoip_watch_result {
	WARDEN_GEOIP_WATCH_SAME, /* there is nothing to do */
	/* There is an image, to be published; size 0: nothing is known. The
	   caller frees it. */
	WARDEN_GEOIP_WATCH_NEW,
	/* *error_r says what is wrong with one of the files; what was known of
	   it stays. It is tried again, and the same is not said twice. NEW
	   follows if the other one is good. */
	WARDEN_GEOIP_WATCH_BAD,
};

/* At each tick. before: the image that is in force, or NULL: what a bad file
   said once is taken from there. */
enum warden_geoip_watch_result
warden_geoip_watch_look(struct warden_geoip_watch *watch, const void *before,
			size_t before_size, void **image_r, size_t *size_r,
			struct warden_error *error_r);

/* What the last image was made of, for the log: paths, kinds and dates. ""
   before the first one. */
const char *warden_geoip_watch_about(const struct warden_geoip_watch *watch);
/* Could a file not be used when it was read last? */
bool warden_geoip_watch_failed(const struct warden_geoip_watch *watch);

/* Memory that reading them may take, bytes. */
size_t warden_geoip_watch_memory(const char *country_path,
				 const char *asn_path);

#endif
