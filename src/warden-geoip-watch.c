/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-geoip-watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "warden-geoip.h"
#include "warden-stamp.h"

enum part_of { COUNTRY, ASN, PARTS };

/* A file that could not be used may be as good as ever, and memory or
   descriptors were missing: it is tried again, at first after a minute of ticks,
   and less and less often. */
#define RETRY_LOOKS_MIN 240
#define RETRY_LOOKS_MAX (RETRY_LOOKS_MIN * 64)

struct part {
	const char *path;
	struct warden_stamp stamp;
	struct warden_origins_list list;
	bool failed;
	struct warden_error
		told; /* the last that was said of it; "": nothing */
};

struct warden_geoip_watch {
	struct part parts[PARTS];
	unsigned int looks_left; /* until it is read; 0: it has been */
	/* which one is being read; PARTS: none */
	unsigned int reading;
	struct warden_geoip *geoip; /* NULL: not begun */
	unsigned int retry_looks;   /* of the next time */
	bool publish;		    /* all of them were read */
	bool taken;		    /* at least one of them is new */
	char about[1400];
};

struct warden_geoip_watch *warden_geoip_watch_create(const char *country_path,
						     const char *asn_path)
{
	struct warden_geoip_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->parts[COUNTRY].path = country_path;
	/* one file may tell both */
	watch->parts[ASN].path =
		strcmp(country_path, asn_path) == 0 ? "" : asn_path;
	watch->reading = PARTS;
	/* the first time at once, or nearly */
	watch->looks_left = 1;
	watch->retry_looks = RETRY_LOOKS_MIN;
	for (unsigned int i = 0; i < PARTS; i++)
		warden_stamp_get(watch->parts[i].path, &watch->parts[i].stamp);
	return watch;
}

static void watch_stop_reading(struct warden_geoip_watch *watch)
{
	warden_geoip_close(&watch->geoip);
	for (unsigned int i = 0; i < PARTS; i++)
		warden_origins_list_free(&watch->parts[i].list);
	watch->reading = PARTS;
	watch->publish = watch->taken = false;
}

bool warden_geoip_watch_failed(const struct warden_geoip_watch *watch)
{
	return watch->parts[COUNTRY].failed || watch->parts[ASN].failed;
}

/* The round is over. */
static void watch_rest(struct warden_geoip_watch *watch)
{
	watch_stop_reading(watch);
	if (!warden_geoip_watch_failed(watch)) {
		watch->retry_looks = RETRY_LOOKS_MIN;
		return;
	}
	watch->looks_left = watch->retry_looks;
	if (watch->retry_looks < RETRY_LOOKS_MAX)
		watch->retry_looks *= 2;
}

void warden_geoip_watch_free(struct warden_geoip_watch **_watch)
{
	struct warden_geoip_watch *watch = *_watch;

	if (watch == NULL)
		return;
	*_watch = NULL;
	watch_stop_reading(watch);
	free(watch);
}

static bool watch_has_changed(struct warden_geoip_watch *watch)
{
	bool changed = false;

	for (unsigned int i = 0; i < PARTS; i++) {
		if (warden_stamp_changes(&watch->parts[i].stamp,
					 watch->parts[i].path))
			changed = true;
	}
	return changed;
}

/* Begin to read when the files have settled. */
static void watch_settle(struct warden_geoip_watch *watch)
{
	if (watch_has_changed(watch)) {
		watch_stop_reading(watch);
		watch->looks_left = WARDEN_GEOIP_WATCH_SETTLED;
		watch->retry_looks = RETRY_LOOKS_MIN;
		return;
	}
	if (watch->looks_left == 0)
		return;
	watch->looks_left--;
	if (watch->looks_left == 0) {
		watch->reading = 0;
		watch->about[0] = '\0';
	}
}

/* What was known stays known: of a bad file what is in force has its part. */
static bool part_fail(struct warden_geoip_watch *watch, struct part *part,
		      const void *before, size_t before_size)
{
	warden_origins_list_free(&part->list);
	return warden_origins_list_read(
		&part->list, before, before_size,
		part == &watch->parts[COUNTRY] ||
			watch->parts[COUNTRY].path[0] == '\0',
		part == &watch->parts[ASN] ||
			watch->parts[ASN].path[0] == '\0');
}

/* "/x/y.mmdb (GeoLite2-Country, 2026-11-20)" */
static void part_take(struct warden_geoip_watch *watch, struct part *part)
{
	struct warden_geoip_info info;
	size_t len = strlen(watch->about);
	struct tm tm = { .tm_mday = 0 };
	char date[16] = "";
	time_t built;

	warden_geoip_take(watch->geoip, &part->list, &info);
	built = (time_t)info.build_epoch;
	if (gmtime_r(&built, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%d", &tm) == 0)
		date[0] = '\0';
	(void)snprintf(watch->about + len, sizeof(watch->about) - len,
		       "%s%s (%s, %s)", len == 0 ? "" : " and ", part->path,
		       info.database_type, date);
}

/* A slice of one file. false: it cannot be used, and *error_r says why. */
static bool part_read(struct warden_geoip_watch *watch, struct part *part,
		      bool *done_r, struct warden_error *error_r)
{
	enum warden_geoip_result result = WARDEN_GEOIP_FAILED;

	*done_r = true;
	if (part->path[0] == '\0')
		return true;
	if (watch->geoip == NULL)
		watch->geoip = warden_geoip_open(part->path, error_r);
	if (watch->geoip != NULL) {
		result = warden_geoip_read(
			watch->geoip, WARDEN_GEOIP_WATCH_SLICE_MSECS, error_r);
	}
	if (result == WARDEN_GEOIP_MORE) {
		*done_r = false;
		return true;
	}
	if (result == WARDEN_GEOIP_DONE) {
		part_take(watch, part);
		watch->taken = true;
	}
	warden_geoip_close(&watch->geoip);
	return result == WARDEN_GEOIP_DONE;
}

/* The same, of whichever is due. false: there is something to be told, *error_r,
   and it is not what was said of that file before. */
static bool watch_read(struct warden_geoip_watch *watch, const void *before,
		       size_t before_size, struct warden_error *error_r)
{
	struct part *part = &watch->parts[watch->reading];
	bool done, ok = part_read(watch, part, &done, error_r), is_told;

	if (!done)
		return true;
	part->failed = !ok;
	watch->reading++;
	watch->publish = watch->reading == PARTS;
	if (ok) {
		part->told.text[0] = '\0';
		return true;
	}
	if (!part_fail(watch, part, before, before_size)) {
		/* without what was known of it there is nothing to publish */
		watch_rest(watch);
	}
	is_told = strcmp(part->told.text, error_r->text) == 0;
	part->told = *error_r;
	return is_told;
}

/* Only of one file, or of both. A file that tells both of which only the
   country was asked for tells both. */
static bool watch_join(struct warden_geoip_watch *watch, void **image_r,
		       size_t *size_r)
{
	struct warden_origins_list list;

	*image_r = NULL;
	*size_r = 0;
	if (!warden_origins_list_join(&list, &watch->parts[COUNTRY].list,
				      &watch->parts[ASN].list))
		return false;
	*size_r = warden_origins_image_size(&list);
	if (*size_r > 0)
		*image_r = malloc(*size_r);
	if (*image_r != NULL)
		warden_origins_image_write(&list, *image_r);
	warden_origins_list_free(&list);
	return *size_r == 0 || *image_r != NULL;
}

/* All of them were read. */
static enum warden_geoip_watch_result
watch_finish(struct warden_geoip_watch *watch, void **image_r, size_t *size_r,
	     struct warden_error *error_r)
{
	bool joined;

	if (!watch->taken && warden_geoip_watch_failed(watch)) {
		/* what is in force is all that there is */
		watch_rest(watch);
		return WARDEN_GEOIP_WATCH_SAME;
	}
	joined = watch_join(watch, image_r, size_r);
	if (!joined)
		watch->parts[COUNTRY].failed = true;
	watch_rest(watch);
	if (joined)
		return WARDEN_GEOIP_WATCH_NEW;
	warden_error_set(error_r, "out of memory for the databases of "
				  "warden_geoip_country and warden_geoip_asn");
	return WARDEN_GEOIP_WATCH_BAD;
}

enum warden_geoip_watch_result
warden_geoip_watch_look(struct warden_geoip_watch *watch, const void *before,
			size_t before_size, void **image_r, size_t *size_r,
			struct warden_error *error_r)
{
	watch_settle(watch);
	if (watch->reading < PARTS) {
		return watch_read(watch, before, before_size, error_r) ?
			       WARDEN_GEOIP_WATCH_SAME :
			       WARDEN_GEOIP_WATCH_BAD;
	}
	if (!watch->publish)
		return WARDEN_GEOIP_WATCH_SAME;
	return watch_finish(watch, image_r, size_r, error_r);
}

const char *warden_geoip_watch_about(const struct warden_geoip_watch *watch)
{
	return watch->about;
}

/* Of a file a copy, and for each node of it, of six bytes or more, a run twice;
   an array that grows is there twice, too. */
size_t warden_geoip_watch_memory(const char *country_path, const char *asn_path)
{
	const char *const paths[PARTS] = { country_path, asn_path };
	size_t size = 0;

	for (unsigned int i = 0; i < PARTS; i++) {
		struct stat st;

		if (paths[i][0] != '\0' && stat(paths[i], &st) == 0 &&
		    S_ISREG(st.st_mode) && st.st_size > 0 &&
		    st.st_size <= (off_t)WARDEN_GEOIP_SIZE_MAX)
			size += (size_t)st.st_size;
	}
	return size + size / 6 * 4 * sizeof(struct warden_origin_run);
}
