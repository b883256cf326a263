/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

/* The boot that CLOCK_BOOTTIME counts from. Where there is no /proc it is all
   zero, and files of another boot are not told apart. */
static void boot_id_read(uint8_t id_r[16])
{
	char text[64];
	unsigned int digits = 0;
	ssize_t size;
	int fd;

	memset(id_r, 0, 16);
	fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = read(fd, text, sizeof(text));
	(void)close(fd);
	for (ssize_t i = 0; i < size && digits < 32; i++) {
		const char *hex = "0123456789abcdef";
		const char *digit =
			text[i] == '\0' ? NULL : strchr(hex, text[i]);

		if (digit == NULL)
			continue;
		id_r[digits / 2] = (uint8_t)(id_r[digits / 2] << 4 |
					     (digit - hex));
		digits++;
	}
}

/* --- Opening -------------------------------------------------------------- */

static enum warden_file_status bad(struct warden_error *error_r,
				   const char *name, const char *what)
{
	warden_error_set(error_r, "%s: %s", name, what);
	return WARDEN_FILE_BAD;
}

static enum warden_file_status system_error(struct warden_error *error_r,
					    const char *name,
					    const char *function)
{
	int saved_errno = errno;

	warden_error_set(error_r, "%s: %s failed: %s", name, function,
			 strerror(saved_errno));
	return saved_errno == ENOENT ? WARDEN_FILE_MISSING : WARDEN_FILE_ERROR;
}

static enum warden_file_status check_stat(int fd, const char *name,
					  size_t *size_r,
					  struct warden_error *error_r)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return system_error(error_r, name, "fstat()");
	if (!S_ISREG(st.st_mode))
		return bad(error_r, name, "not a regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return bad(error_r, name, "owned by another user");
	if ((st.st_mode & 077) != 0)
		return bad(error_r, name, "open to other users");
	if (st.st_size < (off_t)sizeof(struct warden_file_header))
		return bad(error_r, name, "cut short: no header");
	*size_r = (size_t)st.st_size;
	return WARDEN_FILE_OK;
}

enum warden_file_status
warden_file_check_header(const struct warden_file_header *header,
			 const char *name, enum warden_file_kind kind,
			 size_t size, struct warden_error *error_r)
{
	uint8_t boot_id[16];

	if (memcmp(header->magic, WARDEN_MAGIC, sizeof(header->magic)) != 0)
		return bad(error_r, name, "not a file of the warden");
	if (header->layout != WARDEN_LAYOUT) {
		warden_error_set(error_r,
				 "%s: has layout %u, this version uses %u",
				 name, header->layout, WARDEN_LAYOUT);
		return WARDEN_FILE_BAD;
	}
	if (header->kind != (uint32_t)kind)
		return bad(error_r, name, "is another file of the warden");
	if (header->size != size)
		return bad(error_r, name, "cut short or grown");
	if (atomic_load_explicit(&header->retired, memory_order_relaxed) != 0)
		return bad(error_r, name, "retired");
	boot_id_read(boot_id);
	if (memcmp(header->boot_id, boot_id, sizeof(boot_id)) != 0)
		return bad(error_r, name, "of another boot");
	return WARDEN_FILE_OK;
}

static enum warden_file_status map_fd(struct warden_file *file_r, int fd,
				      const char *name,
				      enum warden_file_kind kind, bool writable,
				      struct warden_error *error_r)
{
	enum warden_file_status status;
	size_t size;
	void *base;

	status = check_stat(fd, name, &size, error_r);
	if (status != WARDEN_FILE_OK)
		return status;
	base = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0),
		    MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return system_error(error_r, name, "mmap()");
	status = warden_file_check_header(base, name, kind, size, error_r);
	if (status != WARDEN_FILE_OK) {
		(void)munmap(base, size);
		return status;
	}
	file_r->base = base;
	file_r->size = size;
	return WARDEN_FILE_OK;
}

enum warden_file_status warden_file_open(struct warden_file *file_r, int dir_fd,
					 const char *name,
					 enum warden_file_kind kind,
					 bool writable, int *fd_r,
					 struct warden_error *error_r)
{
	enum warden_file_status status;
	int fd;

	file_r->base = NULL;
	/* O_NONBLOCK: should somebody have put a FIFO here, do not wait */
	fd = openat(dir_fd, name,
		    (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW |
			    O_NONBLOCK);
	if (fd < 0)
		return system_error(error_r, name, "open()");
	status = map_fd(file_r, fd, name, kind, writable, error_r);
	if (status == WARDEN_FILE_OK && fd_r != NULL)
		*fd_r = fd;
	else
		(void)close(fd);
	return status;
}

void warden_file_close(struct warden_file *file)
{
	if (file->base != NULL)
		(void)munmap(file->base, file->size);
	file->base = NULL;
	file->size = 0;
}

/* --- Making one ----------------------------------------------------------- */

static bool header_init(struct warden_file_header *header_r,
			enum warden_file_kind kind, size_t size,
			const uint32_t geometry[4])
{
	memset(header_r, 0, sizeof(*header_r));
	memcpy(header_r->magic, WARDEN_MAGIC, sizeof(header_r->magic));
	header_r->layout = WARDEN_LAYOUT;
	header_r->kind = kind;
	header_r->size = size;
	boot_id_read(header_r->boot_id);
	if (geometry != NULL) {
		memcpy(header_r->geometry, geometry,
		       sizeof(header_r->geometry));
	}
	return getrandom(header_r->hash_key, sizeof(header_r->hash_key),
			 GRND_NONBLOCK) == sizeof(header_r->hash_key);
}

static bool fd_fill(int fd, const char *name,
		    const struct warden_file_header *header,
		    struct warden_error *error_r)
{
	int ret = posix_fallocate(fd, 0, (off_t)header->size);

	if (ret != 0) {
		warden_error_set(error_r,
				 "%s: no room for %llu bytes in memory: %s",
				 name, (unsigned long long)header->size,
				 strerror(ret));
		return false;
	}
	if (pwrite(fd, header, sizeof(*header), 0) !=
	    (ssize_t)sizeof(*header)) {
		(void)system_error(error_r, name, "write()");
		return false;
	}
	return true;
}

static bool temp_link(int dir_fd, const char *temp, const char *name,
		      const struct warden_file_header *header,
		      struct warden_error *error_r)
{
	int fd = openat(dir_fd, temp,
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			0600);
	bool ok;

	if (fd < 0) {
		(void)system_error(error_r, temp, "create");
		return false;
	}
	ok = fd_fill(fd, name, header, error_r);
	(void)close(fd);
	if (ok && linkat(dir_fd, temp, dir_fd, name, 0) < 0 &&
	    errno != EEXIST) {
		(void)system_error(error_r, name, "link()");
		ok = false;
	}
	return ok;
}

bool warden_file_create(int dir_fd, const char *name,
			enum warden_file_kind kind, size_t size,
			const uint32_t geometry[4],
			struct warden_error *error_r)
{
	struct warden_file_header header;
	char temp[64];
	bool ok;

	if (!header_init(&header, kind, size, geometry)) {
		warden_error_set(error_r, "%s: no random numbers yet", name);
		return false;
	}
	/* one name a process: what a killed one left is in nobody's way, and
	   the next of that number takes it off */
	(void)snprintf(temp, sizeof(temp), ".%s.%ld", name, (long)getpid());
	(void)unlinkat(dir_fd, temp, 0);
	ok = temp_link(dir_fd, temp, name, &header, error_r);
	(void)unlinkat(dir_fd, temp, 0);
	return ok;
}

static void mark_retired(int dir_fd, const char *name)
{
	struct warden_file_header *header;
	struct stat st;
	int fd;

	fd = openat(dir_fd, name,
		    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)sizeof(*header)) {
		header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
		if (header != MAP_FAILED) {
			/* whatever else it holds: it had this name, so those
			   who have it mapped look here */
			atomic_store(&header->retired, 1);
			(void)munmap(header, sizeof(*header));
		}
	}
	if (fd >= 0)
		(void)close(fd);
}

void warden_file_retire(int dir_fd, const char *name)
{
	mark_retired(dir_fd, name);
	(void)unlinkat(dir_fd, name, 0);
}

static void predecessor_name(char name_r[64], const char *name)
{
	(void)snprintf(name_r, 64, ".%s.old", name);
}

bool warden_file_succeed(int dir_fd, const char *temp, const char *name,
			 struct warden_error *error_r)
{
	char old[64];

	/* keep the old one within reach until the new one has its name */
	predecessor_name(old, name);
	(void)unlinkat(dir_fd, old, 0);
	if (linkat(dir_fd, name, dir_fd, old, 0) < 0 ||
	    renameat(dir_fd, temp, dir_fd, name) < 0) {
		(void)system_error(error_r, name, "rename()");
		(void)unlinkat(dir_fd, old, 0);
		return false;
	}
	return true;
}

bool warden_file_has_predecessor(int dir_fd, const char *name)
{
	struct stat st, old_st;
	char old[64];

	predecessor_name(old, name);
	if (fstatat(dir_fd, old, &old_st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	/* killed before the rename: two names of one file */
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       st.st_dev != old_st.st_dev || st.st_ino != old_st.st_ino;
}

void warden_file_drop_predecessor(int dir_fd, const char *name)
{
	char old[64];

	predecessor_name(old, name);
	if (warden_file_has_predecessor(dir_fd, name))
		warden_file_retire(dir_fd, old);
	else
		(void)unlinkat(dir_fd, old, 0);
}

int warden_file_fill_holes(int fd, const char *name, size_t size,
			   struct warden_error *error_r)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0 ||
	    (uint64_t)st.st_blocks * 512 >= (uint64_t)size)
		return 0;
	ret = posix_fallocate(fd, 0, (off_t)size);
	if (ret != 0) {
		warden_error_set(error_r,
				 "%s: it has holes, and there is no room to "
				 "fill them: %s",
				 name, strerror(ret));
		return -1;
	}
	warden_error_set(error_r, "%s: it had holes, they are filled", name);
	return 1;
}

/* The name of warden_file_create()'s temporary file, of a process that is not
   in the middle of it. */
static bool is_left_behind(const char *name)
{
	const char *dot = strrchr(name, '.');
	char *end;
	long pid;

	if (name[0] != '.' || dot == name || dot[1] < '1' || dot[1] > '9')
		return false;
	pid = strtol(dot + 1, &end, 10);
	return *end == '\0' && pid <= INT32_MAX &&
	       (pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH));
}

void warden_file_clean(int dir_fd)
{
	/* a descriptor of its own: a directory stream moves its offset */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (is_left_behind(entry->d_name))
			(void)unlinkat(dir_fd, entry->d_name, 0);
	}
	(void)closedir(dir);
}

size_t warden_file_room(int dir_fd)
{
	struct statvfs vfs;

	if (fstatvfs(dir_fd, &vfs) < 0)
		return 0;
	return (size_t)vfs.f_bavail * vfs.f_frsize / 4;
}
