/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef FIRE_WORLD_H
#define FIRE_WORLD_H

#include "unit-client.h"
#include "unit-dir.h"
#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-private.h"
#include "warden.h"

/* A small world in real shared files: one set of hosts a family, each host in
   another state, sessions, a policy and a blocked network. And what must hold
   in it at any time, whatever process was killed in whatever moment. */

/* Some moment of warden time with the seconds full. */
#define WORLD_NOW UNIT_NOW

enum world_host {
	WORLD_SUBJECT, /* whom the operation is about */
	WORLD_BY_HAND, /* blocked by an admin, for ever */
	WORLD_BLOCKED, /* blocked for an hour, second offence, three refusals */
	WORLD_KNOWN,   /* known, and has failed once */
	WORLD_POINTS,
	WORLD_OFFENDER, /* its block has ended */
	WORLD_WEAKEST,	/* points, and the oldest event: makes room first */
	WORLD_FILLER1,	/* these two only when the set is to be full */
	WORLD_FILLER2,
	WORLD_INET6, /* in another set: known and blocked */
	WORLD_HOSTS,
};

/* The handles of one process. */
struct world_process {
	struct warden *admin, *auth;
};

/* What readers are told. */
struct world_view {
	struct warden_host_info hosts[WORLD_HOSTS];
	struct warden_policy policy;
	struct warden_networks networks;
	struct warden_named named;
};

/* All shared bytes. */
#define WORLD_FILES 3
struct world_bytes {
	unsigned char *files[WORLD_FILES];
};

/* A page of them. */
#define WORLD_PAGES_MAX 64
struct world_page {
	int file;
	size_t offset, size;
};

struct world {
	void *dir;		      /* of unit_dir_setup() */
	struct world_process process; /* keeps the files mapped */
	unsigned char *live[WORLD_FILES];
	size_t sizes[WORLD_FILES];
	/* that the operation writes to */
	struct world_page pages[WORLD_PAGES_MAX];
	unsigned int page_count;
	/* where the process that was protected last has the files */
	const unsigned char *protected[4];

	/* as the operation finds the world and as it leaves it */
	struct world_view before, after;
	int evicted; /* enum world_host of who makes room, or -1 */
	/* the operation empties buckets before it adds to them */
	bool clears_points;
	/* it takes the block only from who has no points any more */
	bool points_before_block;

	char violation[256]; /* "": none */
};

/* As cmocka setup and teardown. */
int world_setup(void **state);
int world_teardown(void **state);

struct warden_host world_host(enum world_host host);
struct warden_net world_net(enum world_host host);

bool world_process_open(const struct world *world,
			struct world_process *process_r);
void world_process_close(struct world_process *process);

void world_bytes_create(const struct world *world, struct world_bytes *bytes_r);
void world_bytes_free(struct world_bytes *bytes);
void world_bytes_save(const struct world *world, struct world_bytes *bytes);
void world_bytes_restore(struct world *world, const struct world_bytes *bytes);

/* To compare all bytes after each instruction would take too long. So the pages
   that the operation writes to are found out, a process is kept from writing
   to any other, and it is enough to compare these. At first they are those
   that differ from the bytes given. */
void world_pages_find(struct world *world, const struct world_bytes *bytes);
bool world_pages_equal(const struct world *world,
		       const struct world_bytes *bytes);
void world_pages_protect(struct world *world,
			 const struct world_process *process);
/* A process protected so could not write to this address. false: the address
   is in no shared file. */
bool world_pages_add(struct world *world, const void *address);

/* As a process sees it that opens the files now. */
bool world_look(struct world *world, struct world_view *view_r);

/* Is this what the operation found, what it leaves, or each word of it one of
   both? And does another process get on with it? operation_lives: a process
   is in the middle of it, and holds what locks it holds. The shared bytes are
   others afterwards. false: world->violation says what is wrong. */
bool world_check(struct world *world, bool operation_lives);
/* Is it exactly what the operation leaves? */
bool world_check_done(struct world *world);

#endif
