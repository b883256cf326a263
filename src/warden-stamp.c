/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-stamp.h"

#include <errno.h>

void warden_stamp_get(const char *path, struct warden_stamp *stamp_r)
{
	struct stat st;

	*stamp_r = (struct warden_stamp){ .error = 0 };
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

static bool stamp_equals(const struct warden_stamp *a,
			 const struct warden_stamp *b)
{
	return a->error == b->error && a->dev == b->dev && a->ino == b->ino &&
	       a->size == b->size && time_equals(&a->mtime, &b->mtime) &&
	       time_equals(&a->ctime, &b->ctime);
}

bool warden_stamp_changes(struct warden_stamp *stamp, const char *path)
{
	struct warden_stamp before = *stamp;

	warden_stamp_get(path, stamp);
	return !stamp_equals(stamp, &before);
}
