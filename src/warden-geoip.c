/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* copying -> opening -> inet -> inet6 -> done, each step small. */

#define _GNU_SOURCE /* memfd_create() */

#include "warden-geoip.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "warden-geoip-check.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#	define MFD_NOEXEC_SEAL 0x0008u
#endif

#define PIECE_SIZE (64u * 1024)
#define NODES_PER_STEP 64
/* so that the reason has room behind it */
#define PATH_SHOWN 256

#define IPV4_START 96 /* bits that are 0 before an IPv4 address */
#define IPV6_BITS 128
/* no offset: files are not that large */
#define NOWHERE UINT32_MAX
#define CACHE_BITS 12

enum geoip_state {
	GEOIP_COPYING,
	GEOIP_OPENING,
	GEOIP_INET,
	GEOIP_INET6,
	GEOIP_DONE,
	GEOIP_FAILED,
};

/* A branch of the tree: what is there, and the addresses that lead to it. */
struct branch {
	uint64_t first; /* as in struct warden_origin_run */
	uint32_t node;	/* of MMDB_RECORD_TYPE_SEARCH_NODE */
	uint32_t data;	/* of MMDB_RECORD_TYPE_DATA: offset */
	uint8_t type;	/* MMDB_RECORD_TYPE_ */
	uint8_t depth;	/* how many bits of first are known */
};

/* Most neighbours are of few origins. */
struct cached {
	uint32_t data;
	uint32_t origin;
};

struct warden_geoip {
	char *path;
	struct warden_geoip_bounds bounds;
	enum geoip_state state;
	struct warden_error error; /* of GEOIP_FAILED */
	uint64_t cpu_usecs;

	/* copying */
	int fd, copy_fd;
	struct stat before;
	uint64_t copied;

	/* walking: what is still to be visited, the next one last. Two branches
	   a level, of which one is gone into. */
	MMDB_s mmdb;
	bool mmdb_is_open;
	uint64_t nodes;
	struct branch branches[64 + 2];
	unsigned int branch_count;
	struct cached cache[1u << CACHE_BITS];

	struct warden_origins_list list;
	struct warden_geoip_info info;
	unsigned char piece[WARDEN_GEOIP_TAIL_MAX];
};
_Static_assert(PIECE_SIZE <= WARDEN_GEOIP_TAIL_MAX, "piece[] has both");

/* --- The end of it -------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* What is needed until the last node was read. */
static void release(struct warden_geoip *geoip)
{
	close_fd(&geoip->fd);
	close_fd(&geoip->copy_fd);
	if (geoip->mmdb_is_open)
		MMDB_close(&geoip->mmdb);
	geoip->mmdb_is_open = false;
}

static void set_error(struct warden_error *error_r, const char *path,
		      const char *why)
{
	warden_error_set(error_r, "%.*s: %s", PATH_SHOWN, path, why);
}

/* false, for the caller to return. */
__attribute__((format(printf, 2, 3))) static bool
fail(struct warden_geoip *geoip, const char *fmt, ...)
{
	char why[sizeof(geoip->error.text)];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	set_error(&geoip->error, geoip->path, why);
	geoip->state = GEOIP_FAILED;
	release(geoip);
	warden_origins_list_free(&geoip->list);
	return false;
}

static bool fail_damaged(struct warden_geoip *geoip, const char *where)
{
	return fail(geoip, "damaged (%s)", where);
}

void warden_geoip_close(struct warden_geoip **geoip)
{
	if (*geoip == NULL)
		return;
	release(*geoip);
	warden_origins_list_free(&(*geoip)->list);
	free((*geoip)->path);
	free(*geoip);
	*geoip = NULL;
}

/* --- Opening the file ----------------------------------------------------- */

static int make_memfd(void)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("warden-geoip", flags | MFD_NOEXEC_SEAL);

	/* a kernel that does not know it; some refuse without it */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("warden-geoip", flags);
	return fd;
}

static bool open_copy(struct warden_geoip *geoip)
{
	const struct stat *st = &geoip->before;

	if (fstat(geoip->fd, &geoip->before) < 0)
		return fail(geoip, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st->st_mode))
		return fail(geoip, "not a regular file");
	if (st->st_size == 0)
		return fail(geoip, "not a MaxMind DB (it is empty)");
	if ((uint64_t)st->st_size > geoip->bounds.size) {
		return fail(geoip,
			    "too large: it has %llu bytes, of at most %llu",
			    (unsigned long long)st->st_size,
			    (unsigned long long)geoip->bounds.size);
	}
	geoip->copy_fd = make_memfd();
	if (geoip->copy_fd < 0) {
		return fail(geoip, "cannot be copied into memory: %s",
			    strerror(errno));
	}
	return true;
}

struct warden_geoip *
warden_geoip_open_within(const char *path,
			 const struct warden_geoip_bounds *bounds,
			 struct warden_error *error_r)
{
	struct warden_geoip *geoip = calloc(1, sizeof(*geoip));
	char *copy = strdup(path);

	if (geoip == NULL || copy == NULL) {
		set_error(error_r, path, "no memory");
		free(geoip);
		free(copy);
		return NULL;
	}
	geoip->path = copy;
	geoip->bounds = *bounds;
	geoip->copy_fd = -1;
	for (size_t i = 0; i < 1u << CACHE_BITS; i++)
		geoip->cache[i].data = NOWHERE;
	geoip->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (geoip->fd < 0)
		(void)fail(geoip, "cannot be opened: %s", strerror(errno));
	else
		(void)open_copy(geoip);
	if (geoip->state == GEOIP_FAILED) {
		*error_r = geoip->error;
		warden_geoip_close(&geoip);
	}
	return geoip;
}

struct warden_geoip *warden_geoip_open(const char *path,
				       struct warden_error *error_r)
{
	static const struct warden_geoip_bounds bounds = {
		.size = WARDEN_GEOIP_SIZE_MAX,
		.nodes = WARDEN_GEOIP_NODES_MAX,
		.cpu_secs = WARDEN_GEOIP_CPU_SECS_MAX,
	};

	return warden_geoip_open_within(path, &bounds, error_r);
}

/* --- Copying -------------------------------------------------------------- */

static bool fail_changed(struct warden_geoip *geoip)
{
	return fail(geoip, "it changed while it was read");
}

/* All of it is there: what it was, or a mixture? */
static bool seal_copy(struct warden_geoip *geoip)
{
	const struct stat *before = &geoip->before;
	struct stat now;

	if (fstat(geoip->fd, &now) < 0)
		return fail(geoip, "cannot be read: %s", strerror(errno));
	if (now.st_ino != before->st_ino || now.st_size != before->st_size ||
	    now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		return fail_changed(geoip);
	if (fcntl(geoip->copy_fd, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return fail(geoip, "its copy in memory cannot be sealed: %s",
			    strerror(errno));
	close_fd(&geoip->fd);
	geoip->state = GEOIP_OPENING;
	return true;
}

static bool copy_step(struct warden_geoip *geoip)
{
	const uint64_t left = (uint64_t)geoip->before.st_size - geoip->copied;
	ssize_t size, written;

	if (left == 0)
		return seal_copy(geoip);
	size = read(geoip->fd, geoip->piece,
		    left < PIECE_SIZE ? (size_t)left : PIECE_SIZE);
	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (size < 0)
		return fail(geoip, "cannot be read: %s", strerror(errno));
	if (size == 0)
		return fail_changed(geoip);
	written = pwrite(geoip->copy_fd, geoip->piece, (size_t)size,
			 (off_t)geoip->copied);
	if (written != size) {
		return fail(geoip, "no room for its copy in memory%s%s",
			    written < 0 ? ": " : "",
			    written < 0 ? strerror(errno) : "");
	}
	geoip->copied += (uint64_t)size;
	return true;
}

/* --- What a record says --------------------------------------------------- */

/* false: it has nothing there. The record was checked. */
static bool find_value(struct warden_geoip *geoip, uint32_t data,
		       const char *const *keys, MMDB_entry_data_s *value_r)
{
	MMDB_entry_s record = { .mmdb = &geoip->mmdb, .offset = data };

	return MMDB_aget_value(&record, value_r, keys) == MMDB_SUCCESS &&
	       value_r->has_data;
}

static uint32_t read_country(struct warden_geoip *geoip, uint32_t data)
{
	static const char *const places[][3] = {
		/* GeoLite2, DB-IP: a map. Registered: where the network is not
		   in one country, as with satellites */
		{ "country", "iso_code", NULL },
		{ "registered_country", "iso_code", NULL },
		/* IPinfo: country is a name there, in older ones the
		   letters */
		{ "country_code", NULL },
		{ "country", NULL },
	};
	MMDB_entry_data_s value;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint32_t country = 0;

		if (find_value(geoip, data, places[i], &value) &&
		    value.type == MMDB_DATA_TYPE_UTF8_STRING)
			country = warden_country_parse(value.utf8_string,
						       value.data_size);
		if (country != 0)
			return country;
	}
	return 0;
}

/* "AS15169"; 0: it is none */
static uint64_t parse_system(const char *text, size_t len)
{
	uint64_t number = 0;

	/* 2^32 - 1 has ten digits */
	if (len < 3 || len > 12 || text[0] != 'A' || text[1] != 'S')
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	return number;
}

static uint64_t system_of_value(const MMDB_entry_data_s *value)
{
	switch (value->type) {
	case MMDB_DATA_TYPE_UINT16:
		return value->uint16;
	case MMDB_DATA_TYPE_UINT32:
		return value->uint32;
	case MMDB_DATA_TYPE_UINT64:
		return value->uint64;
	case MMDB_DATA_TYPE_UTF8_STRING:
		return parse_system(value->utf8_string, value->data_size);
	default:
		return 0;
	}
}

static uint64_t read_system(struct warden_geoip *geoip, uint32_t data)
{
	static const char *const places[][2] = {
		{ "autonomous_system_number", NULL }, /* GeoLite2, DB-IP */
		{ "asn", NULL },		      /* IPinfo */
	};
	MMDB_entry_data_s value;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (find_value(geoip, data, places[i], &value))
			return system_of_value(&value);
	}
	return 0;
}

static bool read_origin(struct warden_geoip *geoip, uint32_t data,
			uint32_t *origin_r)
{
	const struct warden_geoip_section section = {
		.data = geoip->mmdb.data_section,
		.size = geoip->mmdb.data_section_size,
	};
	/* the upper bits of the product depend on all those of data */
	struct cached *cached =
		&geoip->cache[data * UINT32_C(2654435769) >> (32 - CACHE_BITS)];

	if (cached->data != data) {
		if (!warden_geoip_check_value(&section, data))
			return fail_damaged(geoip, "a record");
		cached->origin = warden_origin_pack(read_country(geoip, data),
						    read_system(geoip, data));
		cached->data = data;
	}
	*origin_r = cached->origin;
	if (warden_origin_country(*origin_r) != 0)
		geoip->info.has_countries = true;
	if (warden_origin_as(*origin_r) != 0)
		geoip->info.has_systems = true;
	return true;
}

/* --- Adding runs ---------------------------------------------------------- */

static bool add_run(struct warden_geoip *geoip, uint64_t first, uint32_t origin)
{
	struct warden_origins_list *list = &geoip->list;
	struct warden_origin_runs *runs =
		geoip->state == GEOIP_INET ? &list->inet : &list->inet6;

	if (warden_origin_runs_add(runs, first, origin) &&
	    list->inet.count + list->inet6.count <= WARDEN_ORIGINS_MAX_RUNS)
		return true;
	if (list->inet.count + list->inet6.count >= WARDEN_ORIGINS_MAX_RUNS)
		return fail(geoip, "has more than %u networks",
			    WARDEN_ORIGINS_MAX_RUNS);
	return fail(geoip, "no memory for what is in it");
}

/* IPv4 once more, by a network of IPv6. Ascending. */
static const struct alias {
	uint64_t first, last;
} aliases[] = {
	{ 0, 0 },
	{ UINT64_C(0x2001000000000000), UINT64_C(0x20010000ffffffff) },
	{ UINT64_C(0x2002000000000000), UINT64_C(0x2002ffffffffffff) },
};
#define ALIAS_COUNT (sizeof(aliases) / sizeof(aliases[0]))

static uint64_t branch_last(const struct branch *branch)
{
	return branch->depth >= 64 ?
		       branch->first :
		       branch->first | UINT64_MAX >> branch->depth;
}

static bool is_alias(const struct branch *branch)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		if (branch->first >= aliases[i].first &&
		    branch_last(branch) <= aliases[i].last)
			return true;
	}
	return false;
}

/* A branch of IPv6 that has aliases in it has its origin around them. */
static bool add_around_aliases(struct warden_geoip *geoip,
			       const struct branch *branch, uint32_t origin)
{
	const uint64_t last = branch_last(branch);

	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		if (aliases[i].first < branch->first || aliases[i].last > last)
			continue;
		if (!add_run(geoip, aliases[i].first, 0))
			return false;
		if (aliases[i].last < last &&
		    !add_run(geoip, aliases[i].last + 1, origin))
			return false;
	}
	return true;
}

static bool add_branch(struct warden_geoip *geoip, const struct branch *branch,
		       uint32_t origin)
{
	return add_run(geoip, branch->first, origin) &&
	       (origin == 0 || geoip->state == GEOIP_INET ||
		add_around_aliases(geoip, branch, origin));
}

/* --- The tree ------------------------------------------------------------- */

static struct branch branch_of(uint64_t record, uint8_t type,
			       const MMDB_entry_s *entry)
{
	struct branch branch = {
		.node = (uint32_t)record,
		.data = entry->offset,
		.type = type,
	};

	return branch;
}

/* first and depth of the two are not set. */
static bool read_node(struct warden_geoip *geoip, uint32_t node,
		      struct branch *left_r, struct branch *right_r)
{
	MMDB_search_node_s found;

	if (geoip->nodes >= geoip->bounds.nodes) {
		return fail(geoip,
			    "damaged, or too large (%llu nodes were visited)",
			    (unsigned long long)geoip->nodes);
	}
	geoip->nodes++;
	if (MMDB_read_node(&geoip->mmdb, node, &found) != MMDB_SUCCESS)
		return fail_damaged(geoip, "its search tree");
	*left_r = branch_of(found.left_record, found.left_record_type,
			    &found.left_record_entry);
	*right_r = branch_of(found.right_record, found.right_record_type,
			     &found.right_record_entry);
	return true;
}

/* Of two branches the left one, down to where there is none, or to so many
   bits. */
static bool go_left(struct warden_geoip *geoip, struct branch *branch,
		    uint8_t depth)
{
	struct branch right;

	while (branch->type == MMDB_RECORD_TYPE_SEARCH_NODE &&
	       branch->depth < depth) {
		const uint64_t first = branch->first;
		const uint8_t bits = branch->depth;

		if (!read_node(geoip, branch->node, branch, &right))
			return false;
		branch->first = first;
		branch->depth = bits + 1;
	}
	return true;
}

static bool visit_node(struct warden_geoip *geoip, const struct branch *branch,
		       uint8_t bits)
{
	struct branch left, right;

	if (!read_node(geoip, branch->node, &left, &right))
		return false;
	left.depth = right.depth = branch->depth + 1;
	left.first = branch->first;
	right.first = branch->first | UINT64_C(1) << (bits - left.depth);
	/* each level leaves one branch behind */
	geoip->branches[geoip->branch_count++] = right;
	geoip->branches[geoip->branch_count++] = left;
	return true;
}

static bool visit(struct warden_geoip *geoip, struct branch *branch)
{
	const bool is_inet = geoip->state == GEOIP_INET;
	const uint8_t bits = is_inet ? 32 : 64;
	uint32_t origin = 0;

	if (!is_inet && is_alias(branch))
		return add_run(geoip, branch->first, 0);
	if (branch->type == MMDB_RECORD_TYPE_SEARCH_NODE &&
	    branch->depth < bits)
		return visit_node(geoip, branch, bits);
	/* what is finer; of IPv4 there is nothing */
	if (!go_left(geoip, branch, is_inet ? bits : IPV6_BITS))
		return false;
	switch (branch->type) {
	case MMDB_RECORD_TYPE_EMPTY:
		return add_run(geoip, branch->first, 0);
	case MMDB_RECORD_TYPE_DATA:
		return read_origin(geoip, branch->data, &origin) &&
		       add_branch(geoip, branch, origin);
	default:
		return fail_damaged(geoip, "its search tree");
	}
}

static void start_walk(struct warden_geoip *geoip, enum geoip_state family)
{
	struct branch root = { .type = MMDB_RECORD_TYPE_SEARCH_NODE };

	geoip->state = family;
	if (family == GEOIP_INET && geoip->mmdb.metadata.ip_version == 6 &&
	    !go_left(geoip, &root, IPV4_START))
		return;
	root.depth = 0;
	geoip->branches[0] = root;
	geoip->branch_count = 1;
}

static bool finish(struct warden_geoip *geoip)
{
	struct warden_geoip_info *info = &geoip->info;

	if (!info->has_countries && !info->has_systems) {
		return fail(geoip,
			    "has neither countries nor autonomous systems");
	}
	info->runs =
		(uint32_t)(geoip->list.inet.count + geoip->list.inet6.count);
	release(geoip);
	geoip->state = GEOIP_DONE;
	return true;
}

static bool walk_step(struct warden_geoip *geoip)
{
	for (int i = 0; i < NODES_PER_STEP && geoip->branch_count > 0; i++) {
		struct branch branch = geoip->branches[--geoip->branch_count];

		if (!visit(geoip, &branch))
			return false;
	}
	if (geoip->branch_count > 0)
		return true;
	if (geoip->state == GEOIP_INET6 || geoip->mmdb.metadata.ip_version == 4)
		return finish(geoip);
	start_walk(geoip, GEOIP_INET6);
	return geoip->state != GEOIP_FAILED;
}

/* --- Opening the database ------------------------------------------------- */

static bool fail_no_database(struct warden_geoip *geoip, const char *why)
{
	return fail(geoip, "not a MaxMind DB (%s)", why);
}

static void read_info(struct warden_geoip *geoip)
{
	const char *type = geoip->mmdb.metadata.database_type;
	struct warden_geoip_info *info = &geoip->info;

	for (size_t i = 0;
	     i < sizeof(info->database_type) - 1 && type[i] != '\0'; i++) {
		bool is_shown = type[i] >= ' ' && type[i] <= '~';

		info->database_type[i] = is_shown ? type[i] : '?';
	}
	info->build_epoch = geoip->mmdb.metadata.build_epoch;
}

/* What libmaxminddb will look at first is looked at before. */
static bool check_copy(struct warden_geoip *geoip)
{
	const uint64_t size = geoip->copied;
	const size_t tail = size < WARDEN_GEOIP_TAIL_MAX ?
				    (size_t)size :
				    WARDEN_GEOIP_TAIL_MAX;
	const char *why;

	if (pread(geoip->copy_fd, geoip->piece, tail, (off_t)(size - tail)) !=
	    (ssize_t)tail)
		return fail(geoip, "its copy in memory cannot be read");
	why = warden_geoip_check_tail(geoip->piece, tail, size);
	return why == NULL || fail_no_database(geoip, why);
}

static bool open_step(struct warden_geoip *geoip)
{
	char path[64];
	int status;

	if (!check_copy(geoip))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", geoip->copy_fd);
	status = MMDB_open(path, MMDB_MODE_MMAP, &geoip->mmdb);
	if (status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR ||
	    status == MMDB_OUT_OF_MEMORY_ERROR)
		return fail(geoip, "its copy, %s, cannot be mapped: %s", path,
			    strerror(errno));
	if (status != MMDB_SUCCESS)
		return fail_no_database(geoip, MMDB_strerror(status));
	geoip->mmdb_is_open = true;
	close_fd(&geoip->copy_fd);
	read_info(geoip);
	start_walk(geoip, GEOIP_INET);
	return true;
}

/* --- Slices --------------------------------------------------------------- */

/* false: DONE or FAILED */
static bool step(struct warden_geoip *geoip)
{
	switch (geoip->state) {
	case GEOIP_COPYING:
		return copy_step(geoip);
	case GEOIP_OPENING:
		return open_step(geoip);
	case GEOIP_INET:
	case GEOIP_INET6:
		return walk_step(geoip) && geoip->state != GEOIP_DONE;
	case GEOIP_DONE:
	case GEOIP_FAILED:
		break;
	}
	return false;
}

static uint64_t clock_usecs(clockid_t clock)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void read_slice(struct warden_geoip *geoip, uint64_t usecs)
{
	const uint64_t max = (uint64_t)geoip->bounds.cpu_secs * 1000000;
	const uint64_t cpu = clock_usecs(CLOCK_THREAD_CPUTIME_ID);
	const uint64_t start = clock_usecs(CLOCK_MONOTONIC);

	if (geoip->cpu_usecs >= max) {
		(void)fail(geoip, "takes more than %u s of processor time",
			   geoip->bounds.cpu_secs);
		return;
	}
	if (usecs > max - geoip->cpu_usecs)
		usecs = max - geoip->cpu_usecs;
	while (step(geoip) && clock_usecs(CLOCK_MONOTONIC) - start < usecs)
		;
	geoip->cpu_usecs += clock_usecs(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

enum warden_geoip_result warden_geoip_read(struct warden_geoip *geoip,
					   unsigned int msecs,
					   struct warden_error *error_r)
{
	if (geoip->state != GEOIP_DONE && geoip->state != GEOIP_FAILED)
		read_slice(geoip, (uint64_t)msecs * 1000);
	if (geoip->state == GEOIP_DONE)
		return WARDEN_GEOIP_DONE;
	if (geoip->state != GEOIP_FAILED)
		return WARDEN_GEOIP_MORE;
	*error_r = geoip->error;
	return WARDEN_GEOIP_FAILED;
}

void warden_geoip_take(struct warden_geoip *geoip,
		       struct warden_origins_list *list_r,
		       struct warden_geoip_info *info_r)
{
	static const struct warden_origins_list nothing;

	*list_r = nothing;
	if (info_r != NULL)
		*info_r = geoip->info;
	if (geoip->state != GEOIP_DONE)
		return;
	*list_r = geoip->list;
	geoip->list = nothing;
}
