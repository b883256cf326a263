/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* When the deny file is written; how it is written: warden-deny.c. */

#include "warden-denier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "warden-deny.h"

void warden_denier_init(struct warden_denier *denier, const char *path)
{
	memset(denier, 0, sizeof(*denier));
	denier->path = path;
	/* what is there now is of another run */
	denier->dirty = true;
	denier->stale = true;
	denier->claim = WARDEN_CLAIM_INIT;
}

void warden_denier_deinit(struct warden_denier *denier)
{
	free(denier->nets);
	denier->nets = NULL;
	denier->count = 0;
	warden_claim_release(&denier->claim);
}

/* Is nobody taken out? They are in one order, so the old list is in the new one
   with others in between. */
static bool holds_old(const struct warden_denier *denier,
		      const struct warden_net *nets, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count && found < denier->count; i++) {
		if (memcmp(&nets[i], &denier->nets[found], sizeof(*nets)) == 0)
			found++;
	}
	return found == denier->count;
}

void warden_denier_set(struct warden_denier *denier, struct warden_net *nets,
		       size_t count)
{
	if (count > WARDEN_DENY_MAX) {
		struct warden_net *fewer;

		count = WARDEN_DENY_MAX;
		/* a botnet's list may be many times as long */
		fewer = reallocarray(nets, count, sizeof(*nets));
		if (fewer != NULL)
			nets = fewer;
	}
	if (count != denier->count ||
	    (count > 0 &&
	     memcmp(nets, denier->nets, count * sizeof(*nets)) != 0))
		denier->dirty = true;
	if (!holds_old(denier, nets, count))
		denier->stale = true;
	free(denier->nets);
	denier->nets = nets;
	denier->count = count;
}

void warden_denier_look(struct warden_denier *denier)
{
	struct stat st;

	if (denier->path[0] != '\0' && lstat(denier->path, &st) < 0 &&
	    errno == ENOENT)
		denier->dirty = true;
}

static bool denier_write(struct warden_denier *denier,
			 struct warden_error *error_r)
{
	struct warden_error error;

	if (!warden_claim_take(&denier->claim, denier->path, error_r))
		return false;
	if (warden_deny_write(denier->path, denier->nets, denier->count,
			      error_r)) {
		denier->stale = false;
		return true;
	}
	if (denier->stale && warden_deny_write(denier->path, NULL, 0, &error))
		denier->stale = false;
	return false;
}

void warden_denier_tick(struct warden_denier *denier,
			struct warden_report *report, uint64_t now)
{
	struct warden_error error;

	if (!denier->dirty || denier->path[0] == '\0' || now < denier->next)
		return;
	if (denier_write(denier, &error)) {
		denier->dirty = denier->failed = false;
		denier->next = now + WARDEN_DENY_INTERVAL_MSECS;
		return;
	}
	denier->next = now + WARDEN_DENY_RETRY_MSECS;
	if (!denier->failed) {
		warden_report_line(report, WARDEN_LEVEL_ERROR,
				   "the deny file cannot be written: %s",
				   error.text);
	}
	denier->failed = true;
}
