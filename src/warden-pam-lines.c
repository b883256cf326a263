/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A mistake in a file of /etc/pam.d shuts everybody out. So nothing in it is
   understood that need not be: our lines are known by the comment above them,
   and go in where no other line can be torn apart, at the very beginning. */

#define _GNU_SOURCE /* memmem() */

#include "warden-pam-lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-replace-file.h"

/* more is no file of PAM's */
#define FILE_ROOM (256 * 1024)
#define MODULE "pam_warden.so"
/* Fedora's files begin with it */
#define FIRST_LINE "#%PAM"
#define COMMENT "# dovecot-warden: refuses the hosts that it has blocked " \
	"(doveadm warden setup --pam)\n"
#define BLOCK COMMENT WARDEN_PAM_LINE_AUTH "\n" WARDEN_PAM_LINE_ACCOUNT "\n"
#define BLOCK_LINES 2

struct pam_file {
	char path[PATH_MAX];
	struct warden_replace_file *replace;
	struct warden_error *error_r;
	char *data;
	size_t size;
	struct stat st;
	/* what add put in; to = 0: nothing */
	size_t from, to;
	unsigned int block_lines;
	unsigned int stray_line; /* one of ours elsewhere; 0: none */
};

/* --- What is in it -------------------------------------------------------- */

static size_t line_end(const struct pam_file *file, size_t from)
{
	const char *newline = memchr(file->data + from, '\n',
				     file->size - from);

	return newline == NULL ? file->size :
				 (size_t)(newline - file->data) + 1;
}

static bool line_is_ours(const struct pam_file *file, size_t from, size_t to)
{
	const char *line = file->data + from;
	size_t size = to - from;

	while (size > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		size--;
	}
	return size > 0 && *line != '#' &&
	       memmem(line, size, MODULE, strlen(MODULE)) != NULL;
}

static bool line_is_comment(const struct pam_file *file, size_t from, size_t to)
{
	return to - from == strlen(COMMENT) &&
	       memcmp(file->data + from, COMMENT, to - from) == 0;
}

static void file_parse(struct pam_file *file)
{
	unsigned int number = 1;
	size_t from, to;

	for (from = 0; from < file->size; from = to, number++) {
		to = line_end(file, from);
		if (file->to == 0 && line_is_comment(file, from, to)) {
			file->from = from;
			file->to = to;
		} else if (!line_is_ours(file, from, to)) {
			continue;
		} else if (file->to == from && from != 0 &&
			   file->block_lines < BLOCK_LINES) {
			file->block_lines++;
			file->to = to;
		} else if (file->stray_line == 0) {
			file->stray_line = number;
		}
	}
}

static size_t insert_at(const struct pam_file *file)
{
	size_t end = line_end(file, 0);

	/* a line that goes on is not to be cut from the next one */
	if (file->size < strlen(FIRST_LINE) ||
	    memcmp(file->data, FIRST_LINE, strlen(FIRST_LINE)) != 0 ||
	    file->data[end - 1] != '\n' || file->data[end - 2] == '\\')
		return 0;
	return end;
}

/* --- Reading and writing it ----------------------------------------------- */

static bool fail(struct pam_file *file, const char *what, int why)
{
	warden_error_set(file->error_r, "%s %s: %s", file->path, what,
			 strerror(why));
	return false;
}

static bool file_read_fd(struct pam_file *file, int fd)
{
	ssize_t ret;

	if (fstat(fd, &file->st) != 0)
		return fail(file, "cannot be read", errno);
	if (!S_ISREG(file->st.st_mode))
		return fail(file, "cannot be read", EINVAL);
	file->data = malloc(FILE_ROOM);
	if (file->data == NULL)
		return fail(file, "cannot be read", ENOMEM);
	while ((ret = read(fd, file->data + file->size,
			   FILE_ROOM - file->size)) > 0)
		file->size += (size_t)ret;
	if (ret < 0)
		return fail(file, "cannot be read", errno);
	if (file->size == FILE_ROOM)
		return fail(file, "cannot be read", EFBIG);
	return true;
}

/* Locked against others of ours, then read. */
static bool file_open(struct pam_file *file, const char *path,
		      struct warden_error *error_r)
{
	bool success;
	int fd;

	file->error_r = error_r;
	if (realpath(path, file->path) == NULL) {
		warden_error_set(error_r, "%s cannot be changed: %s", path,
				 strerror(errno));
		return false;
	}
	file->replace = warden_replace_file_begin(file->path, error_r);
	if (file->replace == NULL)
		return false;
	fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	success = fd != -1 ? file_read_fd(file, fd) :
			     fail(file, "cannot be read", errno);
	if (fd != -1)
		(void)close(fd);
	if (!success)
		return false;
	file_parse(file);
	if (file->stray_line == 0)
		return true;
	warden_error_set(error_r, "%s:%u: a line with " MODULE " that is not "
			 "from here, take it out by hand", file->path,
			 file->stray_line);
	return false;
}

static enum warden_pam_lines_result
file_close(struct pam_file *file, enum warden_pam_lines_result result)
{
	if (file->replace != NULL)
		warden_replace_file_abort(&file->replace);
	free(file->data);
	return result;
}

/* Without the bytes from `from` to `to`, and with text instead. */
static enum warden_pam_lines_result
file_write(struct pam_file *file, size_t from, size_t to, const char *text)
{
	warden_replace_file_set_owner(file->replace, file->st.st_uid,
				      file->st.st_gid);
	warden_replace_file_write(file->replace, file->data, from);
	warden_replace_file_puts(file->replace, text);
	warden_replace_file_write(file->replace, file->data + to,
				  file->size - to);
	return file_close(file,
			  warden_replace_file_commit(&file->replace,
						     file->st.st_mode & 07777,
						     true, file->error_r) ?
				  WARDEN_PAM_LINES_CHANGED :
				  WARDEN_PAM_LINES_ERROR);
}

enum warden_pam_lines_result
warden_pam_lines_add(const char *path, struct warden_error *error_r)
{
	struct pam_file file = { .data = NULL };

	if (!file_open(&file, path, error_r))
		return file_close(&file, WARDEN_PAM_LINES_ERROR);
	if (file.block_lines == BLOCK_LINES)
		return file_close(&file, WARDEN_PAM_LINES_UNCHANGED);
	if (file.to != 0)
		return file_write(&file, file.from, file.to, BLOCK);
	return file_write(&file, insert_at(&file), insert_at(&file), BLOCK);
}

enum warden_pam_lines_result
warden_pam_lines_remove(const char *path, struct warden_error *error_r)
{
	struct pam_file file = { .data = NULL };

	if (!file_open(&file, path, error_r))
		return file_close(&file, WARDEN_PAM_LINES_ERROR);
	if (file.to == 0)
		return file_close(&file, WARDEN_PAM_LINES_UNCHANGED);
	return file_write(&file, file.from, file.to, "");
}
