/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-origins-size.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-origins.h"
#include "warden-replace-file.h"

#define NAME "origins.size"
#define DIGITS_MAX 12

static bool hint_path(const char *state_dir, char path[PATH_MAX])
{
	return *state_dir != '\0' &&
	       snprintf(path, PATH_MAX, "%s/" NAME, state_dir) < PATH_MAX;
}

size_t warden_origins_size_read(const char *state_dir)
{
	char path[PATH_MAX], text[DIGITS_MAX + 1] = "";
	struct stat st;
	unsigned long long size;
	ssize_t len = -1;
	int fd;

	if (!hint_path(state_dir, path))
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		len = read(fd, text, DIGITS_MAX);
	(void)close(fd);
	if (len <= 0)
		return 0;
	size = strtoull(text, NULL, 10);
	return size > WARDEN_ORIGINS_IMAGE_MAX ? 0 : (size_t)size;
}

bool warden_origins_size_write(const char *state_dir, size_t size,
			       struct warden_error *error_r)
{
	struct warden_replace_file *file;
	char path[PATH_MAX], text[32];

	if (!hint_path(state_dir, path))
		return true;
	file = warden_replace_file_begin(path, error_r);
	if (file == NULL)
		return false;
	(void)snprintf(text, sizeof(text), "%zu\n", size);
	warden_replace_file_puts(file, text);
	return warden_replace_file_commit(&file, 0600, false, error_r);
}
