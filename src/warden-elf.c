/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#define _GNU_SOURCE /* memmem() */

#include "warden-elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More is no daemon. */
#define ELF_SIZE_MAX (64u * 1024 * 1024)
#define ELF_NUMBER_MAX 1000000

/* --- The file ------------------------------------------------------------- */

static bool elf_fail(const char *path, int why, struct warden_error *error_r)
{
	warden_error_set(error_r, "%s cannot be read: %s", path, strerror(why));
	return false;
}

static bool elf_read_fd(struct warden_elf *elf_r, int fd, const char *path,
			struct warden_error *error_r)
{
	struct stat st;
	ssize_t ret = 1;
	size_t room;

	if (fstat(fd, &st) < 0)
		return elf_fail(path, errno, error_r);
	if (!S_ISREG(st.st_mode))
		return elf_fail(path, EINVAL, error_r);
	if (st.st_size > (off_t)ELF_SIZE_MAX)
		return elf_fail(path, EFBIG, error_r);
	room = (size_t)st.st_size;
	elf_r->data = malloc(room + 1);
	if (elf_r->data == NULL)
		return elf_fail(path, ENOMEM, error_r);
	while (elf_r->size < room && ret > 0) {
		ret = read(fd, elf_r->data + elf_r->size, room - elf_r->size);
		if (ret < 0 && errno == EINTR)
			ret = 1;
		else if (ret < 0)
			return elf_fail(path, errno, error_r);
		else
			elf_r->size += (size_t)ret;
	}
	return true;
}

bool warden_elf_read(struct warden_elf *elf_r, const char *path,
		     struct warden_error *error_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok;

	memset(elf_r, 0, sizeof(*elf_r));
	if (fd == -1)
		return elf_fail(path, errno, error_r);
	ok = elf_read_fd(elf_r, fd, path, error_r);
	(void)close(fd);
	if (!ok)
		warden_elf_free(elf_r);
	return ok;
}

void warden_elf_free(struct warden_elf *elf)
{
	free(elf->data);
	memset(elf, 0, sizeof(*elf));
}

/* --- Numbers -------------------------------------------------------------- */

/* A program, and what its first bytes say of all others. */
struct elf_view {
	const unsigned char *data;
	size_t size;
	bool wide;  /* 64 bits */
	bool large; /* the most significant byte comes first */
};

/* Where something is in the file. */
struct elf_part {
	uint64_t offset, size;
};

static bool part_is_inside(const struct elf_view *view, uint64_t offset,
			   uint64_t size)
{
	return offset <= view->size && size <= view->size - offset;
}

/* 0 where there are no such bytes. */
static uint64_t get(const struct elf_view *view, uint64_t offset,
		    unsigned int bytes)
{
	uint64_t num = 0;

	if (!part_is_inside(view, offset, bytes))
		return 0;
	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int at = view->large ? i : bytes - 1 - i;

		num = num << 8 | view->data[offset + at];
	}
	return num;
}

/* Two fields of the same meaning in programs of 32 and of 64 bits. */
#define GET(view, offset, type, field)                                      \
	((view)->wide ? get(view, (offset) + offsetof(Elf64_##type, field), \
			    sizeof(((Elf64_##type *)NULL)->field)) :        \
			get(view, (offset) + offsetof(Elf32_##type, field), \
			    sizeof(((Elf32_##type *)NULL)->field)))
#define SIZE_OF(view, type) \
	((view)->wide ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

static bool view_open(struct elf_view *view_r, const struct warden_elf *elf)
{
	const unsigned char *ident = elf->data;

	memset(view_r, 0, sizeof(*view_r));
	if (elf->size < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0 ||
	    (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
	    (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB))
		return false;
	view_r->data = elf->data;
	view_r->size = elf->size;
	view_r->wide = ident[EI_CLASS] == ELFCLASS64;
	view_r->large = ident[EI_DATA] == ELFDATA2MSB;
	return part_is_inside(view_r, 0, SIZE_OF(view_r, Ehdr));
}

/* --- Segments ------------------------------------------------------------- */

/* Where the header of the next segment is, from *index_io on; 0: no more. */
static uint64_t next_segment(const struct elf_view *view, uint64_t *index_io)
{
	uint64_t start = GET(view, 0, Ehdr, e_phoff);
	uint64_t count = GET(view, 0, Ehdr, e_phnum);
	uint64_t size = GET(view, 0, Ehdr, e_phentsize);

	if (*index_io >= count || size < SIZE_OF(view, Phdr) || start == 0 ||
	    start > view->size ||
	    !part_is_inside(view, start + *index_io * size, size))
		return 0;
	return start + (*index_io)++ * size;
}

static bool find_dynamic(const struct elf_view *view, struct elf_part *part_r)
{
	uint64_t index = 0, header;

	while ((header = next_segment(view, &index)) != 0) {
		if (GET(view, header, Phdr, p_type) != PT_DYNAMIC)
			continue;
		part_r->offset = GET(view, header, Phdr, p_offset);
		part_r->size = GET(view, header, Phdr, p_filesz);
		return part_is_inside(view, part_r->offset, part_r->size);
	}
	return false;
}

/* What is at an address once the program runs. */
static bool find_address(const struct elf_view *view, uint64_t address,
			 uint64_t *offset_r)
{
	uint64_t index = 0, header;

	while ((header = next_segment(view, &index)) != 0) {
		uint64_t start = GET(view, header, Phdr, p_vaddr);
		uint64_t offset = GET(view, header, Phdr, p_offset);
		uint64_t size = GET(view, header, Phdr, p_filesz);

		if (GET(view, header, Phdr, p_type) != PT_LOAD ||
		    !part_is_inside(view, offset, size) || address < start ||
		    address - start >= size)
			continue;
		*offset_r = offset + (address - start);
		return true;
	}
	return false;
}

/* --- The dynamic section -------------------------------------------------- */

/* The first value of this kind from *offset_io on. */
static bool next_dynamic(const struct elf_view *view,
			 const struct elf_part *dynamic, uint64_t tag,
			 uint64_t *offset_io, uint64_t *value_r)
{
	const uint64_t size = SIZE_OF(view, Dyn);
	const uint64_t end = dynamic->offset + dynamic->size;

	while (*offset_io <= end && end - *offset_io >= size) {
		uint64_t found = GET(view, *offset_io, Dyn, d_tag);

		if (found == DT_NULL)
			return false;
		*value_r = GET(view, *offset_io, Dyn, d_un);
		*offset_io += size;
		if (found == tag)
			return true;
	}
	return false;
}

static bool first_dynamic(const struct elf_view *view,
			  const struct elf_part *dynamic, uint64_t tag,
			  uint64_t *value_r)
{
	uint64_t from = dynamic->offset;

	return next_dynamic(view, dynamic, tag, &from, value_r);
}

static bool find_strings(const struct elf_view *view,
			 const struct elf_part *dynamic,
			 struct elf_part *strings_r)
{
	uint64_t address;

	return first_dynamic(view, dynamic, DT_STRTAB, &address) &&
	       first_dynamic(view, dynamic, DT_STRSZ, &strings_r->size) &&
	       find_address(view, address, &strings_r->offset) &&
	       part_is_inside(view, strings_r->offset, strings_r->size);
}

int warden_elf_needs(const struct warden_elf *elf, const char *library,
		     const char **error_r)
{
	const size_t len = strlen(library);
	struct elf_part dynamic, strings;
	struct elf_view view;
	uint64_t from, name;

	if (!view_open(&view, elf)) {
		*error_r = "it is no program that can be read";
		return -1;
	}
	if (!find_dynamic(&view, &dynamic) ||
	    !find_strings(&view, &dynamic, &strings)) {
		*error_r = "it is linked statically, or damaged";
		return -1;
	}
	from = dynamic.offset;
	while (next_dynamic(&view, &dynamic, DT_NEEDED, &from, &name)) {
		if (name <= strings.size && strings.size - name > len &&
		    memcmp(view.data + strings.offset + name, library, len) ==
			    0)
			return 1;
	}
	return 0;
}

/* --- Strings in it -------------------------------------------------------- */

static bool is_path_char(unsigned char c)
{
	return c > ' ' && c < 0x7f;
}

const char *warden_elf_find_path(const struct warden_elf *elf, const char *name,
				 char *buf, size_t size)
{
	/* with its NUL */
	const size_t len = strlen(name) + 1;
	const unsigned char *data = elf->data, *at = data;
	const unsigned char *end = data + elf->size;

	while (at != NULL && at < end) {
		const unsigned char *found =
			memmem(at, (size_t)(end - at), name, len);
		const unsigned char *start = found;

		if (found == NULL)
			return NULL;
		while (start > data && is_path_char(start[-1]))
			start--;
		if (start < found && *start == '/' && found[-1] == '/' &&
		    (size_t)(found - start) + len <= size) {
			memcpy(buf, start, (size_t)(found - start) + len);
			return buf;
		}
		at = found + len;
	}
	return NULL;
}

bool warden_elf_find_number(const struct warden_elf *elf, const char *text,
			    unsigned int *number_r)
{
	const size_t len = strlen(text);
	const unsigned char *at = elf->data, *end = at + elf->size;

	while (at != NULL && at < end) {
		at = memmem(at, (size_t)(end - at), text, len);
		if (at == NULL)
			return false;
		at += len;
		if (at == end || *at < '1' || *at > '9')
			continue;
		*number_r = 0;
		for (; at < end && *at >= '0' && *at <= '9' &&
		       *number_r < ELF_NUMBER_MAX;
		     at++)
			*number_r = *number_r * 10 + (*at - '0');
		return true;
	}
	return false;
}
