/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_STAMP_H
#define WARDEN_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* How a file looked, to see whether it is another one by now: by stat(2), since
   whoever replaces a file by another tells no inotify(7) watch of the first. */
struct warden_stamp {
	int error; /* of stat(); 0: there is a file */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* An empty path is a file that is not there. */
void warden_stamp_get(const char *path, struct warden_stamp *stamp_r);
/* Does it look otherwise than it did? Now it is how it looks. */
bool warden_stamp_changes(struct warden_stamp *stamp, const char *path);

#endif
