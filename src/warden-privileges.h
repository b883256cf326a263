/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_PRIVILEGES_H
#define WARDEN_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "warden-error.h"

/* While still root: let this process grow by so many bytes more than it may
   now. It still has a limit, if it had one. false: it may not be raised, and
   is what it was. */
bool warden_privileges_raise_memory(size_t bytes);

/* Give up root for good: become uid and gid, with no other group, and see
   that there is no way back. keep_net_admin: what changes nftables stays
   allowed, CAP_NET_ADMIN, if root was allowed to, and nothing else. false:
   *error_r says which step failed; the caller has to exit, since it may be
   anything between root and the user. */
bool warden_privileges_drop(uid_t uid, gid_t gid, bool keep_net_admin,
			    struct warden_error *error_r);

#endif
