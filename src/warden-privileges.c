/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#define _GNU_SOURCE /* setresuid() and its kin */

#include "warden-privileges.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static bool limit_raise(int resource, rlim_t bytes)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return false;
	if (limit.rlim_cur >= RLIM_INFINITY - bytes)
		return true;
	limit.rlim_cur += bytes;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	return setrlimit(resource, &limit) == 0;
}

bool warden_privileges_raise_memory(size_t bytes)
{
	/* Dovecot sets both */
	bool space = limit_raise(RLIMIT_AS, bytes);
	bool data = limit_raise(RLIMIT_DATA, bytes);

	return space && data;
}

static bool drop_failed(const char *what, struct warden_error *error_r)
{
	warden_error_set(error_r, "cannot give up root: %s: %s", what,
			 strerror(errno));
	return false;
}

static bool ids_are(uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	return getresuid(&ruid, &euid, &suid) == 0 &&
	       getresgid(&rgid, &egid, &sgid) == 0 && ruid == uid &&
	       euid == uid && suid == uid && rgid == gid && egid == gid &&
	       sgid == gid && getgroups(0, NULL) == 0;
}

bool warden_privileges_drop(uid_t uid, gid_t gid, struct warden_error *error_r)
{
	if (uid == 0 || gid == 0) {
		warden_error_set(error_r,
				 "default_internal_user must be neither root "
				 "nor in the group root");
		return false;
	}
	/* the groups first: later we may no longer change them */
	if (setgroups(0, NULL) < 0)
		return drop_failed("setgroups()", error_r);
	if (setresgid(gid, gid, gid) < 0)
		return drop_failed("setresgid()", error_r);
	if (setresuid(uid, uid, uid) < 0)
		return drop_failed("setresuid()", error_r);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return drop_failed("prctl()", error_r);
	if (!ids_are(uid, gid) || setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
	    setresgid((gid_t)-1, 0, (gid_t)-1) == 0) {
		warden_error_set(error_r,
				 "cannot give up root: it can be taken back");
		return false;
	}
	return true;
}
