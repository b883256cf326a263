/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* When the deny file is written; how it is written: warden-deny.c. It is
   written when the list has changed, not more often than every
   WARDEN_DENY_INTERVAL_MSECS, and tried again after an error.

   The service empties it whenever it ends, and fills it again within a
   fraction of a second when it starts. It is also emptied when somebody has to
   be taken out and the shorter list cannot be written: on a full disk there is
   still room for an empty file. */

#include "warden-outlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "warden-claim.h"
#include "warden-deny.h"

struct deny_file {
	struct warden_outlet outlet;
	const char *path; /* of the settings */
	struct warden_net *nets;
	size_t count;
	bool dirty;    /* the file is not what it should be */
	bool stale;    /* it may name somebody who is not to be in it */
	bool failed;   /* and that was logged */
	uint64_t next; /* not before */
	struct warden_claim claim;
};

static struct deny_file *deny_file_of(struct warden_outlet *outlet)
{
	return (struct deny_file *)(void *)outlet;
}

static bool deny_file_is_wanted(const struct warden_settings *settings)
{
	return settings->hosts_deny_file[0] != '\0';
}

static struct warden_outlet *
deny_file_create(const struct warden_settings *settings)
{
	struct deny_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->path = settings->hosts_deny_file;
	/* what is there now is of another run */
	file->dirty = true;
	file->stale = true;
	file->claim = WARDEN_CLAIM_INIT;
	/* gcc takes the address of the first member for a leak */
	return (void *)file;
}

static void deny_file_free(struct warden_outlet *outlet)
{
	struct deny_file *file = deny_file_of(outlet);

	free(file->nets);
	warden_claim_release(&file->claim);
	free(file);
}

/* Is nobody taken out? They are in one order, so the old list is in the new one
   with others in between. */
static bool holds_old(const struct deny_file *file,
		      const struct warden_denied *denied, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count && found < file->count; i++) {
		if (warden_net_equals(&denied[i].net, &file->nets[found]))
			found++;
	}
	return found == file->count;
}

static bool deny_file_set(struct warden_outlet *outlet,
			  const struct warden_denied *denied, size_t count)
{
	struct deny_file *file = deny_file_of(outlet);
	struct warden_net *nets;

	if (count > WARDEN_DENY_MAX)
		count = WARDEN_DENY_MAX;
	/* one more: none at all is no lack of memory */
	nets = calloc(count + 1, sizeof(*nets));
	if (nets == NULL)
		count = 0;
	if (!holds_old(file, denied, count))
		file->stale = file->dirty = true;
	if (count != file->count)
		file->dirty = true;
	for (size_t i = 0; nets != NULL && i < count; i++) {
		nets[i] = denied[i].net;
		if (!file->dirty &&
		    !warden_net_equals(&nets[i], &file->nets[i]))
			file->dirty = true;
	}
	free(file->nets);
	file->nets = nets;
	file->count = count;
	return nets != NULL;
}

/* Somebody may have removed it. */
static void deny_file_look(struct warden_outlet *outlet)
{
	struct deny_file *file = deny_file_of(outlet);
	struct stat st;

	if (lstat(file->path, &st) < 0 && errno == ENOENT)
		file->dirty = true;
}

static bool deny_file_write(struct deny_file *file,
			    struct warden_error *error_r)
{
	struct warden_error error;

	if (!warden_claim_take(&file->claim, file->path, error_r))
		return false;
	if (warden_deny_write(file->path, file->nets, file->count, error_r)) {
		file->stale = false;
		return true;
	}
	if (file->stale && warden_deny_write(file->path, NULL, 0, &error))
		file->stale = false;
	return false;
}

static void deny_file_tick(struct warden_outlet *outlet,
			   struct warden_report *report, bool at_once,
			   uint64_t now)
{
	struct deny_file *file = deny_file_of(outlet);
	struct warden_error error;

	if (!file->dirty || (now < file->next && !at_once))
		return;
	if (deny_file_write(file, &error)) {
		file->dirty = file->failed = false;
		file->next = now + WARDEN_DENY_INTERVAL_MSECS;
		return;
	}
	file->next = now + WARDEN_DENY_RETRY_MSECS;
	if (!file->failed) {
		warden_report_line(report, WARDEN_LEVEL_ERROR,
				   "the deny file cannot be written: %s",
				   error.text);
	}
	file->failed = true;
}

static uint32_t deny_file_faults(const struct warden_outlet *outlet)
{
	const struct deny_file *file = (const void *)outlet;

	return file->failed ? WARDEN_FAULT_DENY_FILE : 0;
}

const struct warden_outlet_type warden_outlet_deny_file = {
	.is_wanted = deny_file_is_wanted,
	.create = deny_file_create,
	.free = deny_file_free,
	.set = deny_file_set,
	.look = deny_file_look,
	.tick = deny_file_tick,
	.faults = deny_file_faults,
};
