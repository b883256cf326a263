/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A program or a module that somebody made up, as `doveadm warden status` reads
   it, as root. No byte beside it is read, nothing goes on for ever, and what it
   says of it stands in it. */

#define _GNU_SOURCE /* memmem() */

#include "fuzz.h"
#include "warden-elf.h"

static const char *const libraries[] = { "libwrap.so.", "libc.so.6", "l", "" };
static const char *const names[] = { "sshd-session", "b", "" };
static const char *const marks[] = { "layout ", "1" };
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static char path[320];

static bool has(const struct warden_elf *elf, const char *text, size_t len)
{
	return len == 0 || memmem(elf->data, elf->size, text, len) != NULL;
}

static void check_needs(const struct warden_elf *elf)
{
	bool readable = false;

	for (size_t i = 0; i < COUNT_OF(libraries); i++) {
		const char *error = NULL;
		int ret = warden_elf_needs(elf, libraries[i], &error);

		FUZZ_CHECK(ret >= -1 && ret <= 1);
		FUZZ_CHECK((ret == -1) == (error != NULL));
		FUZZ_CHECK(ret != 1 ||
			   has(elf, libraries[i], strlen(libraries[i])));
		/* whether it is a program does not depend on the question */
		FUZZ_CHECK(i == 0 || readable == (ret != -1));
		readable = ret != -1;
	}
}

static void check_paths(const struct warden_elf *elf)
{
	char buf[64];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *found =
			warden_elf_find_path(elf, names[i], buf, sizeof(buf));
		size_t len, name_len = strlen(names[i]);

		if (found == NULL)
			continue;
		len = strnlen(buf, sizeof(buf));
		FUZZ_CHECK(found == buf && len < sizeof(buf));
		FUZZ_CHECK(buf[0] == '/' && len > name_len);
		FUZZ_CHECK(buf[len - name_len - 1] == '/');
		FUZZ_CHECK(strcmp(buf + len - name_len, names[i]) == 0);
		FUZZ_CHECK(has(elf, buf, len + 1));
	}
}

static void check_numbers(const struct warden_elf *elf)
{
	for (size_t i = 0; i < COUNT_OF(marks); i++) {
		unsigned int number = 0;

		if (!warden_elf_find_number(elf, marks[i], &number))
			continue;
		FUZZ_CHECK(number > 0);
		FUZZ_CHECK(has(elf, marks[i], strlen(marks[i])));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct warden_error error = { .text = "" };
	struct warden_elf elf;

	if (path[0] == '\0') {
		fuzz_dir_make();
		fuzz_path(path, sizeof(path), "program");
	}
	fuzz_file_put(path, data, size);
	FUZZ_CHECK(warden_elf_read(&elf, path, &error));
	FUZZ_CHECK(elf.size == size && memcmp(elf.data, data, size) == 0);
	/* in a piece of memory that is no longer than it */
	free(elf.data);
	elf.data = malloc(size);
	FUZZ_CHECK(elf.data != NULL || size == 0);
	if (size > 0)
		memcpy(elf.data, data, size);
	check_needs(&elf);
	check_paths(&elf);
	check_numbers(&elf);
	warden_elf_free(&elf);
	return 0;
}
