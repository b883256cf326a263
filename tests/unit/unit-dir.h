/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef UNIT_DIR_H
#define UNIT_DIR_H

/* A directory of its own for each test case, taken away afterwards with all
   that is in it. As cmocka setup and teardown; *state is its path. */

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static inline int unit_dir_setup(void **state)
{
	const size_t size = 4096;
	const char *tmp = getenv("TMPDIR");
	char *path = malloc(size);

	if (path == NULL)
		return -1;
	(void)snprintf(path, size, "%s/warden-unit-XXXXXX",
		       tmp != NULL ? tmp : "/tmp");
	*state = path;
	return mkdtemp(path) == NULL ? -1 : 0;
}

static inline int unit_dir_teardown(void **state)
{
	DIR *dir = opendir(*state);
	struct dirent *entry;

	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
	if (rmdir(*state) != 0)
		return -1;
	free(*state);
	return 0;
}

#endif
