/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ELF_H
#define WARDEN_ELF_H

#include <stdbool.h>
#include <stddef.h>

#include "warden-error.h"

/* Which libraries a program asks for, elf(5): the DT_NEEDED entries of its
   dynamic section. Those that a library of it asks for are not followed. Every
   byte is taken for one that somebody made up. */

struct warden_elf {
	unsigned char *data;
	size_t size;
};

/* Read a whole program. false: *error_r names the path. */
bool warden_elf_read(struct warden_elf *elf_r, const char *path,
		     struct warden_error *error_r);
void warden_elf_free(struct warden_elf *elf);

/* Does it ask for a library whose name begins so, such as "libwrap.so."? 1, 0;
   -1: it is no program that can be read or is linked statically, *error_r is a
   static text. */
int warden_elf_needs(const struct warden_elf *elf, const char *library,
		     const char **error_r);
/* An absolute path in it that ends with "/" and this name, compiled in as a
   string. NULL: there is none, or no room. */
const char *warden_elf_find_path(const struct warden_elf *elf, const char *name,
				 char *buf, size_t size);
/* The number, not 0, that stands behind this text somewhere in it. */
bool warden_elf_find_number(const struct warden_elf *elf, const char *text,
			    unsigned int *number_r);

#endif
