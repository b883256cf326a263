/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Nobody unlinks the lock file: who has it open and who makes the next one
   would both have a lock. It is not open for writing, or its file system could
   not be made read-only while Dovecot runs. */

#include "warden-claim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool claim_name(char name_r[PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	int ret = snprintf(name_r, PATH_MAX, "%.*s.%s.lock", (int)(name - path),
			   path, name);

	return ret > 0 && ret < PATH_MAX;
}

/* An admin may have removed the directory and made it anew. */
static bool claim_holds(const struct warden_claim *claim)
{
	struct stat st;

	return claim->fd != -1 && fstat(claim->fd, &st) == 0 && st.st_nlink > 0;
}

static bool claim_refused(struct warden_claim *claim, const char *path,
			  struct warden_error *error_r)
{
	warden_claim_release(claim);
	warden_error_set(error_r,
			 "another Dovecot keeps %s: each needs files of its "
			 "own, see warden_state_dir and warden_hosts_deny_file",
			 path);
	return false;
}

bool warden_claim_take(struct warden_claim *claim, const char *path,
		       struct warden_error *error_r)
{
	char name[PATH_MAX];

	if (claim_holds(claim))
		return true;
	warden_claim_release(claim);
	if (!claim_name(name, path))
		return true;
	claim->fd = open(
		name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		0600);
	if (claim->fd == -1)
		return true;
	if (flock(claim->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return true;
		claim->times_left = WARDEN_CLAIM_FREE_TIMES;
		return claim_refused(claim, path, error_r);
	}
	if (claim->times_left > 0)
		claim->times_left--;
	return claim->times_left == 0 || claim_refused(claim, path, error_r);
}

void warden_claim_release(struct warden_claim *claim)
{
	if (claim->fd != -1)
		(void)close(claim->fd);
	claim->fd = -1;
}
