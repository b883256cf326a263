/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_OWN_DIR_H
#define WARDEN_OWN_DIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "warden-error.h"

/* The directory that the service writes its files in after it has given up
   root: owned by its user, written by nobody else. As root.

   One that is missing is made, 0755. One that is there is only looked at: if
   it is another user's, changing its owner would be the wrong answer to a
   mistyped setting (warden_hosts_deny_file = /etc/x). A symbolic link in its
   place is refused. false: *error_r says what is wrong with it. */
bool warden_own_dir_prepare(const char *path, uid_t uid, gid_t gid,
			    struct warden_error *error_r);

/* The directory of a file's absolute path. false: it does not fit. */
bool warden_own_dir_of(const char *path, char *dir_r, size_t size);

#endif
