/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef FUZZ_H
#define FUZZ_H

/* What the fuzz targets share: bytes taken from the input, a directory of
   their own in memory, and a check that ends the program. */

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(what)                                        \
	do {                                                    \
		if (!(what))                                    \
			fuzz_failed(__FILE__, __LINE__, #what); \
	} while (0)

static inline void fuzz_failed(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* The rest of the input. What is not there reads as zero, so that a short
   input is a whole one. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

static inline uint64_t fuzz_take(struct fuzz_input *input, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++) {
		uint8_t byte = 0;

		if (input->size > 0) {
			byte = *input->data++;
			input->size--;
		}
		value = value << 8 | byte;
	}
	return value;
}

static char fuzz_dir[256];

static inline void fuzz_dir_empty_at(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0) {
			fuzz_dir_empty_at(fd, entry->d_name);
			(void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
		}
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static inline void fuzz_dir_empty(const char *path)
{
	fuzz_dir_empty_at(AT_FDCWD, path);
}

static inline void fuzz_dir_remove(void)
{
	fuzz_dir_empty(fuzz_dir);
	(void)rmdir(fuzz_dir);
}

/* In memory if there is such a place: files are written often. */
static inline void fuzz_dir_make(void)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(fuzz_dir, sizeof(fuzz_dir), "%s/warden-fuzz-XXXXXX",
		       tmp);
	FUZZ_CHECK(mkdtemp(fuzz_dir) != NULL);
	FUZZ_CHECK(atexit(fuzz_dir_remove) == 0);
}

static inline void fuzz_path(char *buf, size_t size, const char *name)
{
	(void)snprintf(buf, size, "%s/%s", fuzz_dir, name);
}

static inline void fuzz_file_put(const char *path, const void *data,
				 size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
	FUZZ_CHECK(close(fd) == 0);
}

/* NUL after the last byte; the caller frees. NULL: no such file. */
static inline char *fuzz_file_get(const char *path, size_t *size_r)
{
	FILE *file = fopen(path, "re");
	size_t room = 4096;
	char *data;

	*size_r = 0;
	if (file == NULL)
		return NULL;
	data = malloc(room);
	FUZZ_CHECK(data != NULL);
	while ((*size_r += fread(data + *size_r, 1, room - *size_r - 1,
				 file)) == room - 1) {
		data = realloc(data, room *= 2);
		FUZZ_CHECK(data != NULL);
	}
	data[*size_r] = '\0';
	(void)fclose(file);
	return data;
}

#endif
