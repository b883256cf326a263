/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_REPLACE_FILE_H
#define WARDEN_REPLACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "warden-error.h"

/* Replace a file as a whole: whoever opens path reads the old bytes or the new
   ones, never a part and never a mixture, also after a kill or a full disk.

   begin, any number of writes, commit. Nobody has to look at the result of a
   write: the first error is kept, and commit tells it.

   The bytes go to .NAME.tmp beside the file. There is one such name per file,
   so a writer that was killed leaves at most one behind, and the next writer
   takes its place. While it is written it is locked and 0600: a second writer
   is told so, and no other user can open it to hold the lock. One with
   another mode or owner is nobody's: it has all its bytes, but its writer was
   killed before the rename. */

struct warden_replace_file;

/* NULL: *error_r says why. A symbolic link at path is replaced, not
   followed. */
struct warden_replace_file *
warden_replace_file_begin(const char *path, struct warden_error *error_r);

/* Give the new file this owner; without it, it is the caller's. */
void warden_replace_file_set_owner(struct warden_replace_file *file, uid_t uid,
				   gid_t gid);
void warden_replace_file_write(struct warden_replace_file *file,
			       const void *data, size_t size);
void warden_replace_file_puts(struct warden_replace_file *file,
			      const char *str);

/* sync: have the bytes and the name on disk before returning. false: *error_r
   says why and the old file is still there. One exception: a directory that
   cannot be synced; the new file is then in place, but may be lost with the
   power. Frees *file either way. */
bool warden_replace_file_commit(struct warden_replace_file **file, mode_t mode,
				bool sync, struct warden_error *error_r);
/* Leave everything as it was. */
void warden_replace_file_abort(struct warden_replace_file **file);

#endif
