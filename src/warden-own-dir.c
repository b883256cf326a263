/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-own-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool warden_own_dir_of(const char *path, char *dir_r, size_t size)
{
	const char *end = strrchr(path, '/');
	size_t len;

	if (end == NULL)
		return false;
	len = end == path ? 1 : (size_t)(end - path);
	if (len >= size)
		return false;
	memcpy(dir_r, path, len);
	dir_r[len] = '\0';
	return true;
}

static int dir_open(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool dir_failed(const char *path, const char *what,
		       struct warden_error *error_r)
{
	warden_error_set(error_r, "directory %.300s: %s: %s", path, what,
			 strerror(errno));
	return false;
}

static bool dir_check(int fd, const char *path, uid_t uid,
		      struct warden_error *error_r)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return dir_failed(path, "fstat()", error_r);
	if (st.st_uid != uid) {
		warden_error_set(error_r,
				 "directory %.300s belongs to user %ld, not to "
				 "%ld: change its owner, or name another one",
				 path, (long)st.st_uid, (long)uid);
		return false;
	}
	if ((st.st_mode & 022) != 0) {
		warden_error_set(error_r,
				 "directory %.300s can be written by other "
				 "users (mode %04o): chmod go-w it",
				 path, (unsigned int)st.st_mode & 07777);
		return false;
	}
	return true;
}

/* It was just made by mkdir(), 0700 and empty. Its mode comes last: if we are
   killed before, the next start says whose it is. */
static bool dir_give(int fd, const char *path, uid_t uid, gid_t gid,
		     struct warden_error *error_r)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return dir_failed(path, "fstat()", error_r);
	/* somebody who can write above it may have put another there */
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		warden_error_set(error_r,
				 "directory %.300s was replaced while "
				 "it was made",
				 path);
		return false;
	}
	if (fchown(fd, uid, gid) < 0)
		return dir_failed(path, "cannot change its owner", error_r);
	if (fchmod(fd, 0755) < 0)
		return dir_failed(path, "cannot change its mode", error_r);
	return true;
}

bool warden_own_dir_prepare(const char *path, uid_t uid, gid_t gid,
			    struct warden_error *error_r)
{
	bool made = mkdir(path, 0700) == 0;
	bool ok;
	int fd;

	if (!made && errno != EEXIST)
		return dir_failed(path, "cannot make it", error_r);
	fd = dir_open(path);
	if (fd < 0)
		return dir_failed(path, "cannot open it", error_r);
	ok = (!made || dir_give(fd, path, uid, gid, error_r)) &&
	     dir_check(fd, path, uid, error_r);
	(void)close(fd);
	return ok;
}
