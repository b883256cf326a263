/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Three files of the warden are read by others at any moment or must survive a
   power cut: the deny file, the state file and /etc/hosts.deny. The care that
   this takes is here, once. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-replace-file.h"

/* Another writer may come and go between two looks at the name. */
#define TEMP_TRIES 8

struct warden_replace_file {
	char path[PATH_MAX];
	const char *name;	  /* points into path */
	char temp[NAME_MAX + 8];
	int dir_fd;
	int fd;
	bool set_owner;
	uid_t uid;
	gid_t gid;
	const char *failed_call; /* NULL = all is well */
	int failed_errno;
	size_t used;
	char buffer[65536];
};

static void keep_error(struct warden_replace_file *file, const char *call)
{
	if (file->failed_call != NULL)
		return;
	file->failed_errno = errno;
	file->failed_call = call;
}

static void tell_error(const struct warden_replace_file *file,
		       struct warden_error *error_r)
{
	if (file->failed_errno == EBUSY &&
	    strcmp(file->failed_call, "rename") == 0) {
		warden_error_set(error_r,
			"%s cannot be replaced: it is a mount point of its "
			"own (a single file mounted over another); mount the "
			"whole directory instead", file->path);
		return;
	}
	if (file->failed_errno == EWOULDBLOCK) {
		warden_error_set(error_r,
			"%s is being replaced by another process", file->path);
		return;
	}
	warden_error_set(error_r, "replacing %s: %s failed: %s", file->path,
			 file->failed_call, strerror(file->failed_errno));
}

static bool set_names(struct warden_replace_file *file, const char *path)
{
	const char *slash;

	if (strlen(path) >= sizeof(file->path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(file->path, path, strlen(path) + 1);
	slash = strrchr(file->path, '/');
	file->name = slash == NULL ? file->path : slash + 1;
	if (*file->name == '\0') {
		errno = EISDIR;
		return false;
	}
	if (strlen(file->name) + strlen(".") + strlen(".tmp") > NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	(void)snprintf(file->temp, sizeof(file->temp), ".%.*s.tmp",
		       NAME_MAX - 5, file->name);
	return true;
}

static bool open_directory(struct warden_replace_file *file)
{
	char dir[PATH_MAX];
	size_t len = (size_t)(file->name - file->path);

	if (len == 0) {
		dir[0] = '.';
		len = 1;
	} else {
		memcpy(dir, file->path, len);
	}
	dir[len] = '\0';
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return file->dir_fd != -1;
}

/* Is fd still the file that has the temporary name? */
static bool temp_is(const struct warden_replace_file *file, int fd)
{
	struct stat by_fd, by_name;

	return fstat(fd, &by_fd) == 0 &&
		fstatat(file->dir_fd, file->temp, &by_name,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		by_fd.st_dev == by_name.st_dev &&
		by_fd.st_ino == by_name.st_ino;
}

/* Could a writer be at work on it? Until its last moment the file is 0600 and
   ours, so that nobody else can open it and hold the lock for ever. A writer
   that was killed in that moment leaves one that others can lock. */
static bool is_being_written(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(st.st_mode & 07777) == 0600 && st.st_uid == geteuid();
}

/* Take away what a killed writer left. A living one holds the lock. What
   cannot be opened, a symbolic link or another user's file, is no writer's
   that we would have to wait for. */
static bool remove_leftover(struct warden_replace_file *file)
{
	int fd, ret, saved_errno;

	fd = openat(file->dir_fd, file->temp,
		    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			return true;
		return unlinkat(file->dir_fd, file->temp, 0) == 0 ||
			errno == ENOENT;
	}
	ret = is_being_written(fd) ? flock(fd, LOCK_EX | LOCK_NB) : 0;
	if (ret == 0 && temp_is(file, fd))
		ret = unlinkat(file->dir_fd, file->temp, 0);
	saved_errno = errno;
	(void)close(fd);
	errno = saved_errno;
	return ret == 0;
}

/* Whoever removes or renames the temporary file holds the lock of that very
   file, so between a lock that was had in time and commit it stays ours. */
static bool create_temp(struct warden_replace_file *file)
{
	for (unsigned int i = 0; i < TEMP_TRIES; i++) {
		file->fd = openat(file->dir_fd, file->temp,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				  O_CLOEXEC, 0600);
		if (file->fd != -1) {
			if (flock(file->fd, LOCK_EX | LOCK_NB) == 0 &&
			    temp_is(file, file->fd))
				return true;
			(void)close(file->fd);
			file->fd = -1;
		} else if (errno != EEXIST || !remove_leftover(file)) {
			return false;
		}
	}
	errno = EWOULDBLOCK;
	return false;
}

static void destroy(struct warden_replace_file **_file)
{
	struct warden_replace_file *file = *_file;

	*_file = NULL;
	if (file->fd != -1)
		(void)close(file->fd);
	if (file->dir_fd != -1)
		(void)close(file->dir_fd);
	free(file);
}

struct warden_replace_file *
warden_replace_file_begin(const char *path, struct warden_error *error_r)
{
	struct warden_replace_file *file;

	file = malloc(sizeof(*file));
	if (file == NULL) {
		warden_error_set(error_r, "replacing %s: no memory", path);
		return NULL;
	}
	/* the buffer needs no clearing */
	memset(file, 0, offsetof(struct warden_replace_file, buffer));
	file->dir_fd = file->fd = -1;
	file->name = file->path;

	if (!set_names(file, path)) {
		warden_error_set(error_r, "replacing %s: %s", path,
				 strerror(errno));
		destroy(&file);
		return NULL;
	}
	if (!open_directory(file))
		keep_error(file, "opening its directory");
	else if (!create_temp(file))
		keep_error(file, "creating a file beside it");
	if (file->failed_call != NULL) {
		tell_error(file, error_r);
		destroy(&file);
	}
	return file;
}

void warden_replace_file_set_owner(struct warden_replace_file *file, uid_t uid,
				   gid_t gid)
{
	file->set_owner = true;
	file->uid = uid;
	file->gid = gid;
}

static void flush_buffer(struct warden_replace_file *file)
{
	size_t done = 0;
	ssize_t ret;

	while (done < file->used && file->failed_call == NULL) {
		ret = write(file->fd, file->buffer + done, file->used - done);
		if (ret > 0)
			done += (size_t)ret;
		else if (ret == 0 || errno != EINTR)
			keep_error(file, "write");
	}
	file->used = 0;
}

void warden_replace_file_write(struct warden_replace_file *file,
			       const void *data, size_t size)
{
	const char *next = data;
	size_t part;

	while (size > 0 && file->failed_call == NULL) {
		part = sizeof(file->buffer) - file->used;
		if (part > size)
			part = size;
		memcpy(file->buffer + file->used, next, part);
		file->used += part;
		next += part;
		size -= part;
		if (file->used == sizeof(file->buffer))
			flush_buffer(file);
	}
}

void warden_replace_file_puts(struct warden_replace_file *file, const char *str)
{
	warden_replace_file_write(file, str, strlen(str));
}

/* Everything that may fail while the old file is still in place. The mode
   comes after the owner, because a change of owner may take bits away. */
static void finish_temp(struct warden_replace_file *file, mode_t mode,
			bool sync)
{
	flush_buffer(file);
	if (file->failed_call != NULL)
		return;
	if (file->set_owner && fchown(file->fd, file->uid, file->gid) != 0)
		keep_error(file, "fchown");
	else if (fchmod(file->fd, mode) != 0)
		keep_error(file, "fchmod");
	else if (sync && fsync(file->fd) != 0)
		keep_error(file, "fsync");
	else if (!temp_is(file, file->fd)) {
		errno = ESTALE;
		keep_error(file, "looking for what was written");
	} else if (renameat(file->dir_fd, file->temp, file->dir_fd,
			    file->name) != 0)
		keep_error(file, "rename");
}

bool warden_replace_file_commit(struct warden_replace_file **_file, mode_t mode,
				bool sync, struct warden_error *error_r)
{
	struct warden_replace_file *file = *_file;
	bool ret = true;

	finish_temp(file, mode, sync);
	if (file->failed_call != NULL) {
		tell_error(file, error_r);
		warden_replace_file_abort(_file);
		return false;
	}
	if (sync && fsync(file->dir_fd) != 0) {
		keep_error(file, "fsync of its directory");
		tell_error(file, error_r);
		ret = false;
	}
	destroy(_file);
	return ret;
}

void warden_replace_file_abort(struct warden_replace_file **_file)
{
	struct warden_replace_file *file = *_file;

	if (temp_is(file, file->fd))
		(void)unlinkat(file->dir_fd, file->temp, 0);
	destroy(_file);
}
