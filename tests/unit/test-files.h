/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef TEST_FILES_H
#define TEST_FILES_H

/* What the tests of files share: a directory that goes away again, whole files
   in and out, a disk that is full after so many bytes. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char test_dir[] = "/tmp/warden-test-XXXXXX";
static char test_paths[4][512];

/* A path in the directory of the test; the last four that were asked for stay
   valid. */
static inline const char *test_path(const char *name)
{
	static unsigned int next;
	char *path = test_paths[next++ % 4];

	(void)snprintf(path, sizeof(test_paths[0]), "%s/%s", test_dir, name);
	return path;
}

static inline int test_dir_setup(void **state)
{
	(void)state;
	strcpy(test_dir + sizeof(test_dir) - 7, "XXXXXX");
	return mkdtemp(test_dir) == NULL ? -1 : 0;
}

/* How many names are in the directory; remove: and take them away. */
static inline unsigned int test_dir_count(bool remove_them)
{
	DIR *dir = opendir(test_dir);
	struct dirent *entry;
	unsigned int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		count++;
		if (remove_them)
			(void)remove(test_path(entry->d_name));
	}
	(void)closedir(dir);
	return count;
}

static inline int test_dir_teardown(void **state)
{
	(void)state;
	(void)test_dir_count(true);
	return rmdir(test_dir);
}

static inline void test_file_put(const char *path, const void *data,
				 size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static inline void test_file_puts(const char *path, const char *str)
{
	test_file_put(path, str, strlen(str));
}

/* With a NUL after the last byte; the caller frees. NULL: no such file. */
static inline char *test_file_get(const char *path, size_t *size_r)
{
	FILE *file = fopen(path, "r");
	struct stat st;
	char *data;

	*size_r = 0;
	if (file == NULL)
		return NULL;
	assert_int_equal(fstat(fileno(file), &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	*size_r = fread(data, 1, (size_t)st.st_size, file);
	data[*size_r] = '\0';
	(void)fclose(file);
	return data;
}

static inline void test_file_expect(const char *path, const char *expected)
{
	size_t size;
	char *data = test_file_get(path, &size);

	assert_non_null(data);
	assert_string_equal(data, expected);
	assert_int_equal(size, strlen(expected));
	free(data);
}

static inline mode_t test_file_mode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* From now on no file can grow beyond this, as if the disk were full.
   RLIM_INFINITY: the end of it. */
static inline void test_disk_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
