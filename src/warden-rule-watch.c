/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-rule-watch.h"

#include <stdlib.h>
#include <string.h>

#include "warden-stamp.h"

/* A file that a rule names. */
struct named {
	struct named *next;
	struct warden_stamp stamp;
	char path[];
};

struct warden_rule_watch {
	const char *allow_path, *deny_path, *own_deny_file;
	struct warden_stamp allow, deny;
	struct named *named;
	bool settling; /* there is something new, and it may not be all yet */
	bool no_memory; /* for the name of a file: not all are watched */
};

/* --- How files look ------------------------------------------------------- */

static bool watch_has_changed(struct warden_rule_watch *watch)
{
	bool changed = warden_stamp_changes(&watch->allow, watch->allow_path);

	if (warden_stamp_changes(&watch->deny, watch->deny_path))
		changed = true;
	for (struct named *file = watch->named; file != NULL;
	     file = file->next) {
		if (warden_stamp_changes(&file->stamp, file->path))
			changed = true;
	}
	return changed;
}

/* Called before the file is read, so that what changes meanwhile is seen. */
static void watch_named(void *context, const char *path)
{
	struct warden_rule_watch *watch = context;
	size_t size = strlen(path) + 1;
	struct named *file;

	for (file = watch->named; file != NULL; file = file->next) {
		if (strcmp(file->path, path) == 0)
			return;
	}
	file = malloc(sizeof(*file) + size);
	if (file == NULL) {
		watch->no_memory = true;
		return;
	}
	memcpy(file->path, path, size);
	warden_stamp_get(path, &file->stamp);
	file->next = watch->named;
	watch->named = file;
}

static void watch_forget_named(struct warden_rule_watch *watch)
{
	while (watch->named != NULL) {
		struct named *file = watch->named;

		watch->named = file->next;
		free(file);
	}
}

struct warden_rule_watch *
warden_rule_watch_create(const char *allow_path, const char *deny_path,
			 const char *own_deny_file)
{
	struct warden_rule_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->allow_path = allow_path;
	watch->deny_path = deny_path;
	watch->own_deny_file = own_deny_file;
	watch->settling = true;
	(void)watch_has_changed(watch);
	return watch;
}

void warden_rule_watch_free(struct warden_rule_watch **_watch)
{
	struct warden_rule_watch *watch = *_watch;

	if (watch == NULL)
		return;
	*_watch = NULL;
	watch_forget_named(watch);
	free(watch);
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

	watch_forget_named(watch);
	ok = warden_rules_text_read(&source.allow, watch->allow_path,
				    error_r) &&
	     warden_rules_text_read(&source.deny, watch->deny_path, error_r);
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
	if (!watch->settling && !watch->no_memory)
		return WARDEN_RULE_WATCH_SAME;
	watch->no_memory = false;
	ok = watch_compile(watch, image_r, notices_r, error_r);
	if (watch_has_changed(watch)) {
		/* not that, then: the next time */
		warden_rules_image_free(image_r);
		return WARDEN_RULE_WATCH_SAME;
	}
	watch->settling = false;
	return ok ? WARDEN_RULE_WATCH_NEW : WARDEN_RULE_WATCH_BAD;
}
