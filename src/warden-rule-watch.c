/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-rule-watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How a file looked. */
struct stamp {
	int error; /* of stat(); 0: there is a file */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* A longer path is not watched. */
#define PATH_SIZE 1024

struct watched {
	char path[PATH_SIZE];
	struct stamp stamp;
};

enum { ALLOW, DENY, NAMED }; /* NAMED and on: files that rules name */

struct warden_rule_watch {
	const char *own_deny_file;
	struct watched files[NAMED + WARDEN_RULES_MAX_FILES];
	size_t count;
	bool settling; /* there is something new, and it may not be all yet */
};

/* --- How files look ------------------------------------------------------- */

static void stamp_get(const char *path, struct stamp *stamp_r)
{
	struct stat st;

	*stamp_r = (struct stamp){ .error = 0 };
	if (*path == '\0' || stat(path, &st) < 0) {
		stamp_r->error = *path == '\0' ? ENOENT : errno;
		return;
	}
	stamp_r->dev = st.st_dev;
	stamp_r->ino = st.st_ino;
	stamp_r->size = st.st_size;
	stamp_r->mtime = st.st_mtim;
	stamp_r->ctime = st.st_ctim;
}

static bool time_equals(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool stamp_equals(const struct stamp *a, const struct stamp *b)
{
	return a->error == b->error && a->dev == b->dev && a->ino == b->ino &&
	       a->size == b->size && time_equals(&a->mtime, &b->mtime) &&
	       time_equals(&a->ctime, &b->ctime);
}

static bool watch_has_changed(struct warden_rule_watch *watch)
{
	bool changed = false;

	for (size_t i = 0; i < watch->count; i++) {
		struct watched *file = &watch->files[i];
		struct stamp stamp;

		stamp_get(file->path, &stamp);
		if (!stamp_equals(&stamp, &file->stamp))
			changed = true;
		file->stamp = stamp;
	}
	return changed;
}

static void watch_add(struct warden_rule_watch *watch, const char *path)
{
	struct watched *file = &watch->files[watch->count];

	if (watch->count == sizeof(watch->files) / sizeof(watch->files[0]) ||
	    strlen(path) >= sizeof(file->path))
		return;
	(void)snprintf(file->path, sizeof(file->path), "%s", path);
	stamp_get(path, &file->stamp);
	watch->count++;
}

/* Called before the file is read, so that what changes meanwhile is seen. */
static void watch_named(void *context, const char *path)
{
	struct warden_rule_watch *watch = context;

	for (size_t i = NAMED; i < watch->count; i++) {
		if (strcmp(watch->files[i].path, path) == 0)
			return;
	}
	watch_add(watch, path);
}

struct warden_rule_watch *
warden_rule_watch_create(const char *allow_path, const char *deny_path,
			 const char *own_deny_file)
{
	struct warden_rule_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->own_deny_file = own_deny_file;
	watch->settling = true;
	/* settings have shorter paths */
	watch_add(watch, allow_path);
	watch_add(watch, deny_path);
	return watch;
}

void warden_rule_watch_free(struct warden_rule_watch **_watch)
{
	free(*_watch);
	*_watch = NULL;
}

/* --- Reading them --------------------------------------------------------- */

static bool watch_compile(struct warden_rule_watch *watch,
			  struct warden_rules_image *image_r,
			  struct warden_rules_notices *notices_r,
			  struct warden_error *error_r)
{
	struct warden_rules_source source = {
		.own_deny_file = watch->own_deny_file,
		.named = watch_named,
		.context = watch,
	};
	bool ok;

	watch->count = NAMED;
	ok = warden_rules_text_read(&source.allow, watch->files[ALLOW].path,
				    error_r) &&
	     warden_rules_text_read(&source.deny, watch->files[DENY].path,
				    error_r);
	if (ok && (source.allow.data != NULL || source.deny.data != NULL))
		ok = warden_rules_compile(&source, image_r, notices_r, error_r);
	warden_rules_text_free(&source.allow);
	warden_rules_text_free(&source.deny);
	return ok;
}

enum warden_rule_watch_result
warden_rule_watch_look(struct warden_rule_watch *watch,
		       struct warden_rules_image *image_r,
		       struct warden_rules_notices *notices_r,
		       struct warden_error *error_r)
{
	bool ok;

	*image_r = (struct warden_rules_image){ .data = NULL };
	notices_r->count = notices_r->more = 0;
	if (watch_has_changed(watch)) {
		watch->settling = true;
		return WARDEN_RULE_WATCH_SAME;
	}
	if (!watch->settling)
		return WARDEN_RULE_WATCH_SAME;
	ok = watch_compile(watch, image_r, notices_r, error_r);
	if (watch_has_changed(watch)) {
		/* not that, then: the next time */
		warden_rules_image_free(image_r);
		return WARDEN_RULE_WATCH_SAME;
	}
	watch->settling = false;
	return ok ? WARDEN_RULE_WATCH_NEW : WARDEN_RULE_WATCH_BAD;
}
