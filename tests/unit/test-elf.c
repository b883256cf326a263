/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Programs that somebody made up. Under the sanitizers every byte that is read
   beside them is found. */

#include <elf.h>

#include "unit.h"
#include "warden-elf.h"

#define SIZE 1024
#define DYNAMIC 256
#define STRINGS 512
#define ADDRESS 0x400000

/* A small one: a segment that is loaded, and the dynamic section. */
static void make_program(unsigned char data[SIZE])
{
	static const char strings[] = "\0libc.so.6\0libwrap.so.0\0libpam.so.0";
	Elf64_Ehdr header = {
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr segments[] = {
		{ .p_type = PT_LOAD, .p_vaddr = ADDRESS, .p_filesz = SIZE },
		{ .p_type = PT_DYNAMIC,
		  .p_offset = DYNAMIC,
		  .p_filesz = 6 * sizeof(Elf64_Dyn) },
	};
	const Elf64_Dyn dynamic[] = {
		{ .d_tag = DT_NEEDED, .d_un = { .d_val = 1 } },
		{ .d_tag = DT_NEEDED, .d_un = { .d_val = 11 } },
		{ .d_tag = DT_STRTAB, .d_un = { .d_val = ADDRESS + STRINGS } },
		{ .d_tag = DT_STRSZ, .d_un = { .d_val = sizeof(strings) } },
		{ .d_tag = DT_NULL, .d_un = { .d_val = 0 } },
		/* after the end */
		{ .d_tag = DT_NEEDED, .d_un = { .d_val = 24 } },
	};

	memset(data, 0, SIZE);
	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ?
					  ELFDATA2LSB :
					  ELFDATA2MSB;
	memcpy(data, &header, sizeof(header));
	memcpy(data + sizeof(header), segments, sizeof(segments));
	memcpy(data + DYNAMIC, dynamic, sizeof(dynamic));
	memcpy(data + STRINGS, strings, sizeof(strings));
}

/* In a piece of memory that is no longer than it. */
static int needs(const unsigned char *data, size_t size, const char *library)
{
	struct warden_elf elf = { .data = malloc(size == 0 ? 1 : size),
				  .size = size };
	const char *error = NULL;
	char path[32];
	int ret;

	assert_non_null(elf.data);
	memcpy(elf.data, data, size);
	ret = warden_elf_needs(&elf, library, &error);
	assert_true(ret >= -1 && ret <= 1);
	assert_true((ret == -1) == (error != NULL));
	(void)warden_elf_find_path(&elf, "so.6", path, sizeof(path));
	warden_elf_free(&elf);
	return ret;
}

static void test_library_is_not_seen(void **state)
{
	unsigned char data[SIZE];

	(void)state;
	make_program(data);
	assert_int_equal(needs(data, SIZE, "libwrap.so."), 1);
	assert_int_equal(needs(data, SIZE, "libc.so."), 1);
	assert_int_equal(needs(data, SIZE, "libpam.so."), 0);
	assert_int_equal(needs(data, SIZE, "wrap.so."), 0);
	assert_int_equal(needs(data, SIZE, "libwrap.so.1"), 0);
}

/* The name of a library may only end within the strings. */
static void test_name_runs_out_of_the_strings(void **state)
{
	const size_t size_at =
		DYNAMIC + 3 * sizeof(Elf64_Dyn) + offsetof(Elf64_Dyn, d_un);
	const Elf64_Xword size = 15;
	unsigned char data[SIZE];

	(void)state;
	make_program(data);
	memcpy(data + size_at, &size, sizeof(size));
	assert_int_equal(needs(data, SIZE, "libc.so."), 1);
	assert_int_equal(needs(data, SIZE, "libwrap.so."), 0);
}

static void test_program_that_was_cut(void **state)
{
	unsigned char data[SIZE];

	(void)state;
	make_program(data);
	for (size_t size = 0; size < SIZE; size++) {
		/* the segment that is loaded is then longer than the file */
		assert_int_equal(needs(data, size, "libwrap.so."), -1);
	}
	assert_int_equal(
		needs((const unsigned char *)"#!/bin/sh\n", 10, "libwrap.so."),
		-1);
}

static void test_every_byte_has_every_value(void **state)
{
	unsigned char data[SIZE];

	(void)state;
	make_program(data);
	for (size_t i = 0; i < STRINGS + 64; i++) {
		unsigned char was = data[i];

		for (unsigned int value = 0; value < 256; value++) {
			data[i] = (unsigned char)value;
			(void)needs(data, SIZE, "libwrap.so.");
		}
		data[i] = was;
	}
}

static void test_many_bytes_are_noise(void **state)
{
	uint64_t random = 4711;
	unsigned char data[SIZE];

	(void)state;
	for (int round = 0; round < 50000; round++) {
		make_program(data);
		for (int i = 0; i < 4; i++) {
			random = random * 6364136223846793005u +
				 1442695040888963407u;
			data[(random >> 33) % (STRINGS + 64)] =
				(unsigned char)(random >> 56);
		}
		(void)needs(data, SIZE - (random >> 40) % 8, "libwrap.so.");
	}
}

static void test_path_that_is_none(void **state)
{
	static const char text[] = "x\0sshd-session\0no/sshd-session\0"
				   "/usr/lib/sshd-session.old\0"
				   "/usr/lib/xsshd-session\0"
				   "/usr/lib/ssh/sshd-session\0end";
	unsigned char data[sizeof(text)];
	struct warden_elf elf = { .data = data, .size = sizeof(data) };
	char buf[64];

	(void)state;
	memcpy(data, text, sizeof(text));
	assert_string_equal(
		warden_elf_find_path(&elf, "sshd-session", buf, sizeof(buf)),
		"/usr/lib/ssh/sshd-session");
	assert_null(warden_elf_find_path(&elf, "sshd-session", buf, 10));
	assert_null(warden_elf_find_path(&elf, "sshd-auth", buf, sizeof(buf)));
	/* without its end */
	elf.size = sizeof(text) - sizeof("end") - 1;
	assert_null(
		warden_elf_find_path(&elf, "sshd-session", buf, sizeof(buf)));
}

/* This test: it is linked with cmocka, and reads itself. */
static void test_real_program(void **state)
{
	struct warden_error error;
	const char *wrong = NULL;
	struct warden_elf elf;

	(void)state;
	assert_true(warden_elf_read(&elf, "/proc/self/exe", &error));
	assert_int_equal(warden_elf_needs(&elf, "libcmocka.so.", &wrong), 1);
	assert_int_equal(warden_elf_needs(&elf, "libwrap.so.", &wrong), 0);
	warden_elf_free(&elf);
	assert_false(warden_elf_read(&elf, "/", &error));
	assert_false(warden_elf_read(&elf, "/dev/null", &error));
	assert_false(warden_elf_read(&elf, "/nowhere", &error));
	assert_non_null(strstr(error.text, "/nowhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_library_is_not_seen),
		cmocka_unit_test(test_name_runs_out_of_the_strings),
		cmocka_unit_test(test_program_that_was_cut),
		cmocka_unit_test(test_every_byte_has_every_value),
		cmocka_unit_test(test_many_bytes_are_noise),
		cmocka_unit_test(test_path_that_is_none),
		cmocka_unit_test(test_real_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
