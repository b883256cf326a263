/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Files that rules are in. What is no file, or grows without end, is not read:
   a rule may name anything. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-rules-private.h"

/* NULL: errno */
static char *read_regular(int fd, size_t *size_r)
{
	struct stat st;
	ssize_t ret;
	size_t room;
	char *data;

	if (fstat(fd, &st) != 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	if (st.st_size > (off_t)WARDEN_RULES_MAX_FILE_SIZE) {
		errno = EFBIG;
		return NULL;
	}
	room = (size_t)st.st_size;
	data = malloc(room + 1);
	for (*size_r = 0; data != NULL && *size_r < room;) {
		ret = read(fd, data + *size_r, room - *size_r);
		if (ret == 0)
			break;
		if (ret > 0) {
			*size_r += (size_t)ret;
		} else if (errno != EINTR) {
			free(data);
			return NULL;
		}
	}
	return data;
}

char *rules_file_read(const char *path, size_t *size_r)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char *data;
	int why;

	if (fd == -1)
		return NULL;
	data = read_regular(fd, size_r);
	why = errno;
	(void)close(fd);
	errno = why;
	return data;
}

bool warden_rules_text_read(struct warden_rules_text *text_r, const char *path,
			    struct warden_error *error_r)
{
	memset(text_r, 0, sizeof(*text_r));
	text_r->path = path;
	if (path[0] == '\0')
		return true;
	text_r->data = rules_file_read(path, &text_r->size);
	if (text_r->data != NULL || errno == ENOENT)
		return true;
	warden_error_set(error_r, "%.200s cannot be read: %s", path,
			 strerror(errno));
	return false;
}

void warden_rules_text_free(struct warden_rules_text *text)
{
	free((void *)text->data);
	memset(text, 0, sizeof(*text));
}
