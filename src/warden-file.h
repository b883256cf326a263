/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_FILE_H
#define WARDEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-error.h"
#include "warden-layout.h"

/* A shared file: made with all its room, found by name, checked, mapped.

   A file gets its name by link() when it is complete, so whoever finds one
   finds all of it, and of several processes that make it at once one wins and
   the others use that one. Its blocks are allocated when it is made: in a
   sparse file on a full tmpfs the first write to a hole is a SIGBUS, and an
   attacker can choose when. */

struct warden_file {
	void *base; /* NULL = not mapped */
	size_t size;
};

enum warden_file_status {
	WARDEN_FILE_OK,
	WARDEN_FILE_MISSING, /* no such file */
	WARDEN_FILE_BAD,     /* cut short, noise, another version or boot */
	WARDEN_FILE_ERROR,   /* the system said no */
};

/* Open name in the directory and map it. writable: also for writing. If fd_r
   is not NULL, the descriptor is kept open and given to the caller. On
   anything but WARDEN_FILE_OK *error_r says what is wrong. */
enum warden_file_status warden_file_open(struct warden_file *file_r, int dir_fd,
					 const char *name,
					 enum warden_file_kind kind,
					 bool writable, int *fd_r,
					 struct warden_error *error_r);
void warden_file_close(struct warden_file *file);

/* Is this the header of such a file, of that size and of this boot? */
enum warden_file_status
warden_file_check_header(const struct warden_file_header *header,
			 const char *name, enum warden_file_kind kind,
			 size_t size, struct warden_error *error_r);

/* Make it, 0600, unless it is there: then that is the one, and this succeeds
   too. geometry may be NULL. */
bool warden_file_create(int dir_fd, const char *name,
			enum warden_file_kind kind, size_t size,
			const uint32_t geometry[4],
			struct warden_error *error_r);

/* Mark the file of that name as retired, whatever it holds, and take its name
   away. Only the service, alone. */
void warden_file_retire(int dir_fd, const char *name);
/* The file called temp takes the place of the one called name in one moment:
   nobody finds the name free and makes another. The old one stays within reach
   as the predecessor, until all who have it mapped have been told; then drop
   it. false: nothing has changed. */
bool warden_file_succeed(int dir_fd, const char *temp, const char *name,
			 struct warden_error *error_r);
/* Is there one still? Whoever put the new file there was killed before all were
   told. */
bool warden_file_has_predecessor(int dir_fd, const char *name);
/* Retire it. Also after a succession that did not take place. */
void warden_file_drop_predecessor(int dir_fd, const char *name);

/* Somebody who has it mapped may have punched holes into it (madvise(2),
   MADV_REMOVE), and the next write there needs memory that may be gone. Give
   it all its blocks again. 0: it had them; 1: it has them now; -1: there is no
   room, *error_r says so. */
int warden_file_fill_holes(int fd, const char *name, size_t size,
			   struct warden_error *error_r);

/* Take away what creators left that were killed. Only the service, alone. */
void warden_file_clean(int dir_fd);

/* Bytes that a file in this directory may take: a quarter of what is free. */
size_t warden_file_room(int dir_fd);

#endif
