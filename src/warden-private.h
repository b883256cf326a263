/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_PRIVATE_H
#define WARDEN_PRIVATE_H

#include "warden-file.h"
#include "warden-memory.h"
#include "warden-rulebook.h"
#include "warden-siege.h"
#include "warden-suspects.h"
#include "warden-table.h"
#include "warden.h"

/* The handle, for warden*.c alone. */
struct warden {
	enum warden_role role;
	struct warden_file policy_file, hosts_file, auth_file, rules_file,
		origins_file;
	int policy_fd; /* for flock(); -1 = not kept */
	int hosts_fd;  /* the service: to give it its blocks back; or -1 */
	bool observe;  /* refuse nobody, whatever the policy says */
	uint32_t hosts_serial;		       /* when it was opened */
	struct warden_file_header hosts_header; /* the same */

	struct warden_policy_file *shared_policy;
	struct warden_table table;
	struct warden_suspects suspects; /* .file NULL: not opened */
	struct warden_memory memory;	 /* the same */
	struct warden_siege siege;	 /* the same */
	uint32_t siege_began; /* by the last failed password; 0: none */
	struct warden_shelf rulebook; /* see warden-rulebook.h */
	struct warden_shelf origins;  /* images of warden-origins.h */

	/* private copies of what was published last; generation 0: nothing */
	struct warden_policy policy, defaults;
	struct warden_networks networks;
	struct warden_named named;
	struct warden_neighbourhoods neighbourhoods;
	uint32_t policy_generation, networks_generation, named_generation,
		neighbourhoods_generation;
};

/* The copies are up to date after this. */
void warden_refresh(struct warden *warden);

/* Seconds since the service was heard; UINT32_MAX: never. */
uint32_t warden_heartbeat_age(const struct warden *warden, uint64_t now);

/* Is the fuse blown? See warden-fuse.h. */
bool warden_fuse_is_blown(const struct warden *warden, uint64_t now);

/* Where the address comes from, see warden-origins.h; 0: it is not known. */
uint32_t warden_origin(const struct warden *warden,
		       const struct warden_net *addr);

/* The blocked network that the address is in, or NULL. */
const struct warden_blocked_network *
warden_network_find(const struct warden *warden, const struct warden_net *addr,
		    uint64_t now);

#endif
