/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#define _GNU_SOURCE /* setresuid() and its kin */

#include "warden-privileges.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

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

/* The capabilities of a process are two words each. glibc leaves the two calls
   to libcap. */
struct capabilities {
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

static struct __user_cap_header_struct capability_header(void)
{
	return (struct __user_cap_header_struct){
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
}

static bool capabilities_get(struct capabilities *caps_r)
{
	struct __user_cap_header_struct header = capability_header();

	return syscall(SYS_capget, &header, caps_r->words) == 0;
}

/* Those of them that are left after setresuid(). */
static bool capabilities_reduce(bool net_admin)
{
	struct __user_cap_header_struct header = capability_header();
	const uint32_t wanted = net_admin ? CAP_TO_MASK(CAP_NET_ADMIN) : 0;
	struct capabilities caps;

	if (!capabilities_get(&caps))
		return false;
	caps.words[0].permitted &= wanted;
	caps.words[0].effective = caps.words[0].permitted;
	caps.words[0].inheritable = 0;
	memset(&caps.words[1], 0, sizeof(caps.words[1]));
	return syscall(SYS_capset, &header, caps.words) == 0;
}

static bool capabilities_are_few(bool net_admin)
{
	const uint32_t allowed = net_admin ? CAP_TO_MASK(CAP_NET_ADMIN) : 0;
	struct capabilities caps;

	return capabilities_get(&caps) &&
	       (caps.words[0].permitted & ~allowed) == 0 &&
	       (caps.words[0].effective & ~allowed) == 0 &&
	       caps.words[0].inheritable == 0 && caps.words[1].permitted == 0 &&
	       caps.words[1].effective == 0 && caps.words[1].inheritable == 0;
}

bool warden_privileges_drop(uid_t uid, gid_t gid, bool keep_net_admin,
			    struct warden_error *error_r)
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
	if (keep_net_admin && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return drop_failed("prctl()", error_r);
	if (setresuid(uid, uid, uid) < 0)
		return drop_failed("setresuid()", error_r);
	if (!capabilities_reduce(keep_net_admin))
		return drop_failed("capset()", error_r);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return drop_failed("prctl()", error_r);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return drop_failed("prctl()", error_r);
	if (!ids_are(uid, gid) || !capabilities_are_few(keep_net_admin) ||
	    setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
	    setresgid((gid_t)-1, 0, (gid_t)-1) == 0) {
		warden_error_set(error_r,
				 "cannot give up root: it can be taken back");
		return false;
	}
	return true;
}
