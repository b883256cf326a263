/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Many workers on one table that is far too small for them: they count, block,
   unblock, evict, expire and open sessions as fast as they can. Each owns some
   hosts, which only it changes, and keeps a model of what must be true of
   them. What is put on a host says whose it is (see key_now() and key_until()),
   so that it is recognised when it turns up on another.

   Workers are processes on shared memory, as in Dovecot, or threads, which
   ThreadSanitizer can look at. The time is passed in and made up. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "warden-bucket.h"
#include "warden-table.h"
#include "warden-word.h"
#include "warden.h"

#define WORKERS_MAX 16
#define KEYS_MAX 1024
#define OWN_SESSIONS_MAX 12
#define LOST_SESSIONS_MAX 64
#define SHARED_LIMIT 5
#define ROUND_OPS 1000000
#define SAY_MAX 20

/* A round lasts this long in made-up time; one tick is TICK_MS, so that the
   rest of a time by TICK_MS can say whose it is. */
#define TICK_MS 1024
#define ROUND_TICKS 8000
#define ROUND_BEGIN ((uint64_t)TICK_MS * 1000000)
#define BLOCK_SECS_BASE 1000000
#define BLOCK_SECS_STEP 10000 /* more than a round lasts */
#define PROGRESS_STEP 32
#define TWICE_LOOKS 4
#define LATER_SECS 3 /* a tick, and rounding */

enum violation {
	LOST_BLOCK,
	FOREIGN_BLOCK,
	FOREIGN_OFFENCES,
	FOREIGN_POINTS,
	FOREIGN_LOGIN,
	CLAIMED_TWICE,
	MARK_LEFT,
	NOT_LISTED,
	NOT_FREED,
	SESSIONS_OVER,
	SESSIONS_LOST,
	OVER_LIMIT,
	OTHER_FAMILY,
	WORKER_DIED,
	VIOLATIONS,
};
static const char *const violation_names[VIOLATIONS] = {
	"lost blocks",		"foreign blocks",  "foreign offences",
	"foreign points",	"foreign logins",  "hosts claimed twice",
	"marks left",		"blocks unlisted", "records not freed",
	"too many sessions",	"sessions lost",   "sessions over the limit",
	"other family's bytes", "workers died",
};

struct config {
	const char *name;
	unsigned int sets;	   /* of one family */
	unsigned int own_per_set;  /* hosts that may be blocked */
	unsigned int open_per_set; /* hosts that everybody counts on */
	unsigned int session_buckets;
	enum warden_family family;
	unsigned int kills; /* a second */
	unsigned int share; /* of the operations, in percent */
};

/* With 7 hosts that may be blocked there is always a record that could go,
   so that no block may be lost; with 16 there is not. */
static const struct config configs[] = {
	{ "one set", 1, 7, 12, 1, WARDEN_INET, 0, 25 },
	{ "four sets", 4, 7, 9, 1, WARDEN_INET6, 0, 25 },
	{ "more blocks than room", 2, 16, 8, 1, WARDEN_INET6, 0, 15 },
	{ "forty sets", 40, 6, 6, 16, WARDEN_INET, 0, 15 },
	{ "killed workers", 2, 7, 10, 1, WARDEN_INET6, 200, 20 },
};
#define CONFIGS (sizeof(configs) / sizeof(configs[0]))

struct options {
	uint64_t seed, ops;
	unsigned int workers, hosts, secs;
	bool threads;
	const char *only;
};

struct key {
	struct warden_host host;
	uint32_t id, set, tag;
	unsigned int owner; /* worker; WORKERS_MAX = everybody */
	bool by_hand;
};

/* What its owner knows of a host. */
struct model {
	_Atomic bool uncertain; /* killed while it changed the host */
	bool blocked, login_uncertain;
	uint32_t until, offences, reason, login;
	uint64_t empty_at; /* of the bucket, if no event was lost */
	struct warden_session sessions[OWN_SESSIONS_MAX];
	uint32_t session_starts[OWN_SESSIONS_MAX];
	/* sessions that nobody will close, and for each if it surely is there */
	uint32_t lost_starts[LOST_SESSIONS_MAX];
};

struct worker {
	unsigned int number;
	uint64_t ops;
	_Atomic uint64_t progress, tick;
	uint64_t random;
	struct warden_session shared_session;
	unsigned int own[KEYS_MAX], own_count; /* keys */
	pid_t pid;
	pthread_t thread;
};

struct shared {
	_Atomic uint64_t violations[VIOLATIONS];
	_Atomic uint64_t said, blocks, gave_up, restarts;
	_Atomic int shared_sessions;
	_Atomic uint64_t tick;
	struct worker workers[WORKERS_MAX];
	struct model models[KEYS_MAX];
};

/* One at a time; forked workers have it as it was when they began. */
static struct options options = { .workers = 4 };
static const struct config *config;
static struct shared *shared;
static struct warden_table table;
static void *table_base;
static size_t table_size;
static struct warden_policy policy;
static struct key keys[KEYS_MAX];
static unsigned int key_count;
static const struct warden_host shared_host = { 0x7f000001, WARDEN_INET };

/* --- Help ----------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "stress: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *map_shared(size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED)
		die("mmap");
	return base;
}

static void __attribute__((format(printf, 3, 4)))
violate(enum violation kind, const struct key *key, const char *fmt, ...)
{
	char text[256];
	va_list args;

	atomic_fetch_add(&shared->violations[kind], 1);
	if (atomic_fetch_add(&shared->said, 1) >= SAY_MAX)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr,
		"%s: host %" PRIu32 " in set %" PRIu32
		", process %d, tick %" PRIu64 ": %s\n",
		violation_names[kind], key == NULL ? 0 : key->id,
		key == NULL ? 0 : key->set, (int)getpid(),
		(uint64_t)atomic_load(&shared->tick), text);
}

/* --- Made-up time --------------------------------------------------------- */

/* Time goes on only when every worker has seen the present tick. So what one
   does with a time that it took a while ago is never late by more than a tick,
   however seldom it is given the processor. */
static void time_go_on(void)
{
	uint64_t tick = atomic_load(&shared->tick);

	for (unsigned int i = 0; i < options.workers; i++) {
		if (atomic_load(&shared->workers[i].tick) < tick)
			return;
	}
	if (tick < ROUND_TICKS)
		(void)atomic_compare_exchange_strong(&shared->tick, &tick,
						     tick + 1);
}

static uint64_t round_time(void)
{
	return ROUND_BEGIN + atomic_load(&shared->tick) * TICK_MS;
}

/* Points are put on a host at times with this rest by TICK_MS only, and a
   point lasts TICK_MS: so has its bucket's end. */
static uint64_t key_now(const struct key *key)
{
	return round_time() + key->id;
}

static uint32_t key_block_secs(const struct key *key)
{
	return BLOCK_SECS_BASE + key->id * BLOCK_SECS_STEP;
}

static bool key_has_until(const struct key *key, uint32_t until)
{
	const uint32_t begin = ROUND_BEGIN / 1000;

	return (until - begin - BLOCK_SECS_BASE) / BLOCK_SECS_STEP == key->id;
}

static bool key_has_points(double points)
{
	/* at the host's own time it is a whole number */
	double rest = points - (double)(uint64_t)(points + 0.5);

	return rest < 1e-6 && rest > -1e-6;
}

/* --- Looking -------------------------------------------------------------- */

/* What must be true of a host that others may be changing just now. */
static void check_any(const struct key *key)
{
	uint64_t now = key_now(key);
	struct warden_host_info info;

	(void)warden_table_read(&table, &key->host, &policy, now, &info);
	if (info.blocked && (key->owner == WORKERS_MAX ||
			     !key_has_until(key, info.blocked_until)))
		violate(FOREIGN_BLOCK, key, "until %" PRIu32,
			info.blocked_until);
	if (key->owner == WORKERS_MAX && info.offences != 0)
		violate(FOREIGN_OFFENCES, key, "%u", info.offences);
	if (!key_has_points(info.points))
		violate(FOREIGN_POINTS, key, "%f", info.points);
}

/* Is one host in two records at the same time? What moves from one to the other
   while we look is not in both at several looks in turn. */
static void check_twice(const struct key *key)
{
	const struct warden_set *set =
		&table.sets[key->host.family == WARDEN_INET6][key->set];
	unsigned int first = WARDEN_SET_WAYS;

	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		unsigned int looks = 0;

		if (atomic_load(&set->records[i].key) != key->host.key)
			continue;
		if (first == WARDEN_SET_WAYS) {
			first = i;
			continue;
		}
		while (looks < TWICE_LOOKS &&
		       atomic_load(&set->records[first].key) == key->host.key &&
		       atomic_load(&set->records[i].key) == key->host.key)
			looks++;
		if (looks == TWICE_LOOKS)
			violate(CLAIMED_TWICE, key, "records %u and %u", first,
				i);
	}
}

static bool blocks_may_go(const struct key *key)
{
	return config->own_per_set >= WARDEN_SET_WAYS && !key->by_hand;
}

static void check_block(const struct key *key, const struct model *model,
			const struct warden_host_info *info)
{
	if (model->blocked && !info->blocked && !blocks_may_go(key))
		violate(LOST_BLOCK, key, "until %" PRIu32, model->until);
	if (info->blocked &&
	    (!model->blocked || info->blocked_until != model->until))
		violate(FOREIGN_BLOCK, key,
			"until %" PRIu32 " and not %" PRIu32,
			info->blocked_until, model->until);
	if (info->offences != (model->blocked ? model->offences : 0) &&
	    (info->offences != 0 || !blocks_may_go(key)))
		violate(FOREIGN_OFFENCES, key, "%u and not %" PRIu32,
			info->offences, model->offences);
	if (info->blocked && info->reason != model->reason)
		violate(FOREIGN_BLOCK, key, "reason %u", info->reason);
}

static uint32_t own_sessions(const struct model *model, uint32_t now_secs,
			     uint32_t *lost_r)
{
	uint32_t count = 0;

	*lost_r = 0;
	for (unsigned int i = 0; i < OWN_SESSIONS_MAX; i++) {
		uint32_t age = now_secs - model->session_starts[i];

		if (model->sessions[i].slot == 0)
			continue;
		/* for others it may already be later */
		if (age + LATER_SECS <= WARDEN_SESSION_MAX_SECS)
			count++;
		else if (age <= WARDEN_SESSION_MAX_SECS)
			++*lost_r;
	}
	for (unsigned int i = 0; i < LOST_SESSIONS_MAX; i++) {
		if (model->lost_starts[i] != 0 &&
		    now_secs - model->lost_starts[i] <= WARDEN_SESSION_MAX_SECS)
			++*lost_r;
	}
	return count;
}

/* By its owner: nobody else changes it meanwhile. */
static void check_own(const struct key *key)
{
	const struct model *model = &shared->models[key->id];
	uint64_t now = key_now(key);
	uint32_t lost,
		open = own_sessions(model, (uint32_t)(now / 1000), &lost);
	struct warden_host_info info;

	(void)warden_table_read(&table, &key->host, &policy, now, &info);
	check_block(key, model, &info);
	if (!key_has_points(info.points) ||
	    info.points > warden_bucket_points(model->empty_at, now,
					       policy.fail_limit,
					       policy.fail_window_secs) +
				  0.5)
		violate(FOREIGN_POINTS, key, "%f", info.points);
	if (info.last_login != 0 && info.last_login != model->login &&
	    !model->login_uncertain)
		violate(FOREIGN_LOGIN, key, "%" PRIu32 " and not %" PRIu32,
			info.last_login, model->login);
	if (info.sessions > open + lost)
		violate(SESSIONS_OVER, key, "%" PRIu32 " of %" PRIu32,
			info.sessions, open + lost);
	if (info.sessions < open)
		violate(SESSIONS_LOST, key, "%" PRIu32 " of %" PRIu32,
			info.sessions, open);
}

/* --- Changing ------------------------------------------------------------- */

static void model_clear(struct model *model)
{
	model->blocked = false;
	model->offences = 0;
	model->empty_at = 0;
}

static void own_unblock(const struct key *key, struct model *model)
{
	bool was = warden_table_unblock(&table, &key->host, key_now(key));

	if (!was && model->blocked && !blocks_may_go(key))
		violate(LOST_BLOCK, key, "until %" PRIu32, model->until);
	model_clear(model);
}

static void own_blocked(const struct key *key, struct model *model, bool done,
			uint32_t until, uint32_t offences, uint32_t reason)
{
	if (!done) {
		/* a host that is known may offend more; or the block may have been written into a record that was lost */
		atomic_fetch_add_explicit(&shared->gave_up, model->login == 0,
					  memory_order_relaxed);
		(void)warden_table_unblock(&table, &key->host, key_now(key));
		model_clear(model);
		return;
	}
	atomic_fetch_add_explicit(&shared->blocks, 1, memory_order_relaxed);
	model->blocked = true;
	model->until = until;
	model->offences = offences;
	model->reason = reason;
	check_own(key);
}

static void own_block(const struct key *key, struct model *model,
		      uint64_t random)
{
	uint64_t now = key_now(key);
	uint32_t until = (uint32_t)(now / 1000) + key_block_secs(key);
	uint32_t offences = 1 + random % WARDEN_OFFENCES_MAX;
	enum warden_class reason =
		key->by_hand ? WARDEN_MANUAL : WARDEN_TLS_FAILED;

	own_blocked(key, model,
		    warden_table_block(&table, &key->host, until, offences,
				       reason, 0, now),
		    until, offences, reason);
}

/* An event that is worth a block. */
static void own_offend(const struct key *key, struct model *model)
{
	struct warden_policy own = policy;
	uint64_t now = key_now(key);
	bool done;

	if (key->by_hand || model->blocked)
		return;
	own.block_time_secs = own.block_time_max_secs = key_block_secs(key);
	done = warden_table_count(&table, &key->host, &own, true, 1,
				  WARDEN_USER_UNKNOWN, WARDEN_PROTOCOL_IMAP,
				  NULL, now);
	model->empty_at = UINT64_MAX / 2;
	own_blocked(key, model, done,
		    (uint32_t)((now + 999) / 1000) + key_block_secs(key), 1,
		    WARDEN_USER_UNKNOWN);
}

static void own_count(const struct key *key, struct model *model)
{
	uint64_t now = key_now(key);

	model->empty_at = warden_bucket_add(
		model->empty_at, now, policy.points[WARDEN_AUTH_FAILED],
		policy.fail_limit, policy.fail_window_secs);
	(void)warden_table_count(&table, &key->host, &policy, false, 1,
				 WARDEN_AUTH_FAILED, WARDEN_PROTOCOL_IMAP, NULL,
				 now);
}

static void own_login(const struct key *key, struct model *model)
{
	uint64_t now = key_now(key);

	model->login = (uint32_t)(now / 1000);
	model->login_uncertain = false;
	warden_table_success(&table, &key->host, false, now);
}

static void own_session_lost(struct model *model, uint32_t start_secs,
			     uint32_t now_secs)
{
	for (unsigned int i = 0; i < LOST_SESSIONS_MAX; i++) {
		uint32_t *lost = &model->lost_starts[i];

		if (*lost == 0 || now_secs - *lost > WARDEN_SESSION_MAX_SECS) {
			*lost = start_secs;
			return;
		}
	}
}

static bool session_is_lost(pid_t pid, uint32_t start_secs)
{
	(void)start_secs;
	return pid == 2;
}

/* Those that are never closed have pid 2, as if their process was killed. */
static void own_session(const struct key *key, struct model *model,
			uint64_t random)
{
	unsigned int i = random % OWN_SESSIONS_MAX;
	bool lose = random >> 32 & 1;
	uint64_t now = round_time();
	uint32_t now_secs = (uint32_t)(now / 1000), lost;
	struct warden_session session;

	if (model->sessions[i].slot != 0) {
		session = model->sessions[i];
		model->sessions[i].slot = 0;
		warden_table_session_close(&table, &session);
		return;
	}
	(void)own_sessions(model, now_secs, &lost);
	/* the rest is for worker_settle() */
	if (lose && lost >= LOST_SESSIONS_MAX / 2)
		return;
	if (warden_table_session_open(&table, &key->host, 0, 0, lose ? 2 : 1,
				      now, &session) != 1)
		return;
	if (lose) {
		own_session_lost(model, now_secs, now_secs);
		return;
	}
	model->session_starts[i] = now_secs;
	model->sessions[i] = session;
}

/* All workers open sessions of one host. */
static void shared_session(struct worker *worker)
{
	uint64_t now = round_time();

	if (config->kills > 0)
		return;
	if (worker->shared_session.slot != 0) {
		atomic_fetch_sub(&shared->shared_sessions, 1);
		warden_table_session_close(&table, &worker->shared_session);
		return;
	}
	if (warden_table_session_open(&table, &shared_host, SHARED_LIMIT, 0, 1,
				      now, &worker->shared_session) == 1 &&
	    atomic_fetch_add(&shared->shared_sessions, 1) >= SHARED_LIMIT)
		violate(OVER_LIMIT, NULL, "more than %d", SHARED_LIMIT);
}

static void own_change(const struct key *key, uint64_t random)
{
	struct model *model = &shared->models[key->id];

	atomic_store(&model->uncertain, true);
	switch (random >> 56 & 15) {
	case 0:
	case 1:
		own_count(key, model);
		break;
	case 2:
	case 3:
		own_login(key, model);
		break;
	case 4:
	case 5:
		own_session(key, model, random & UINT64_C(0x1ffffffff));
		break;
	case 6:
		warden_table_refused(&table, &key->host);
		break;
	case 7:
	case 8:
	case 9:
		own_offend(key, model);
		break;
	default:
		if (model->blocked)
			own_unblock(key, model);
		else
			own_block(key, model, random >> 8 & 255);
	}
	atomic_store(&model->uncertain, false);
}

/* --- A worker ------------------------------------------------------------- */

static void rare_operation(struct worker *worker, uint64_t random)
{
	struct warden_host_info info;
	uint64_t index = 0;
	uint32_t cursor = (uint32_t)random;

	switch (random >> 32 & 7) {
	case 0:
		(void)warden_table_expire(&table, &policy, round_time());
		break;
	case 1:
		(void)warden_table_sessions_reap(&table, session_is_lost,
						 &cursor, round_time());
		break;
	case 2:
		for (int i = 0; i < WARDEN_SET_WAYS &&
				warden_table_next(&table, &index, &policy,
						  round_time(), &info);
		     i++)
			;
		break;
	default:
		shared_session(worker);
	}
}

static void open_operation(const struct key *key, uint64_t random)
{
	if ((random & 7) == 0) {
		check_any(key);
	} else if ((random & 7) == 1) {
		(void)warden_table_blocked_until(&table, &key->host,
						 key_now(key));
	} else {
		(void)warden_table_count(&table, &key->host, &policy, false, 1,
					 WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL,
					 key_now(key));
		check_twice(key);
	}
}

static void operation(struct worker *worker)
{
	uint64_t random = next_random(&worker->random);
	const struct key *key = &keys[(random >> 32) * key_count >> 32];

	/* one's own more often: they are few */
	if ((random & 0x300) == 0 && worker->own_count > 0)
		key = &keys[worker->own[(random >> 32) * worker->own_count >>
					32]];
	if ((random & 255) == 0) {
		rare_operation(worker, next_random(&worker->random));
	} else if (key->owner == worker->number) {
		if ((random >> 10 & 7) == 0)
			check_own(key);
		else
			own_change(key, next_random(&worker->random));
	} else if (key->owner == WORKERS_MAX) {
		open_operation(key, random >> 8);
	} else {
		/* somebody else's: look only */
		check_any(key);
	}
}

/* After a kill: what the worker was about is not known, so it is undone. */
static void worker_settle(const struct worker *worker)
{
	for (unsigned int i = 0; i < key_count; i++) {
		struct model *model = &shared->models[keys[i].id];
		uint32_t now_secs = (uint32_t)(key_now(&keys[i]) / 1000);

		if (keys[i].owner != worker->number ||
		    !atomic_load(&model->uncertain))
			continue;
		(void)warden_table_unblock(&table, &keys[i].host,
					   key_now(&keys[i]));
		model_clear(model);
		model->login_uncertain = true;
		/* one that it opened, and one that it closed */
		own_session_lost(model, now_secs, now_secs);
		own_session_lost(model, now_secs, now_secs);
		atomic_store(&model->uncertain, false);
	}
}

static void *worker_run(void *context)
{
	struct worker *worker = context;

	worker_settle(worker);
	for (uint64_t n = atomic_load(&worker->progress); n < worker->ops;
	     n++) {
		atomic_store_explicit(&worker->tick, atomic_load(&shared->tick),
				      memory_order_release);
		operation(worker);
		if (n % PROGRESS_STEP == 0) {
			atomic_store(&worker->progress, n);
			time_go_on();
		}
	}
	if (worker->shared_session.slot != 0)
		shared_session(worker);
	atomic_store(&worker->progress, worker->ops);
	atomic_store(&worker->tick, UINT64_MAX);
	return NULL;
}

/* --- A round -------------------------------------------------------------- */

static void policy_make(void)
{
	warden_policy_init_defaults(&policy);
	policy.fail_limit = 1000;
	policy.fail_window_secs = TICK_MS * policy.fail_limit / 1000;
	policy.block_time_max_secs = WARDEN_TIME_MAX_SECS;
	policy.points[WARDEN_AUTH_FAILED] = 10;
	policy.points[WARDEN_USER_UNKNOWN] = WARDEN_POINTS_MAX;
}

static void table_make(uint64_t *random)
{
	uint32_t geometry[4];
	size_t size =
		warden_table_size(2 * config->sets * WARDEN_SET_WAYS, geometry);
	struct warden_hosts_header *header;

	if (size != table_size) {
		if (table_base != NULL)
			(void)munmap(table_base, table_size);
		table_base = map_shared(size);
		table_size = size;
	}
	memset(table_base, 0, size);
	header = table_base;
	memcpy(header->file.geometry, geometry, sizeof(geometry));
	header->file.hash_key[0] = next_random(random);
	header->file.hash_key[1] = next_random(random);
	if (!warden_table_init(&table, table_base, size))
		die("table");
	table.bucket_count = config->session_buckets;
}

static unsigned int family_of(enum warden_family family)
{
	return family == WARDEN_INET6 ? 1 : 0;
}

static struct warden_record *record_number(struct warden_set *sets,
					   unsigned int number)
{
	return &sets[number / WARDEN_SET_WAYS]
			.records[number % WARDEN_SET_WAYS];
}

/* Where does the table put the host, and under which tag? */
static void key_probe(struct key *key)
{
	struct warden_set *sets = table.sets[family_of(key->host.family)];

	warden_table_success(&table, &key->host, false, ROUND_BEGIN);
	for (unsigned int i = 0; i < config->sets * WARDEN_SET_WAYS; i++) {
		struct warden_record *record = record_number(sets, i);

		if (record->key == 0)
			continue;
		key->set = i / WARDEN_SET_WAYS;
		key->tag = (uint32_t)(*warden_record_word(record,
							  WARDEN_WORD_KNOWN) >>
				      WARDEN_VALUE_BITS);
	}
	memset(sets, 0, config->sets * sizeof(*sets));
}

/* Once in 2^23 times two hosts of a set have the same tag and read each
   other's words: known, and not looked for here. */
static bool key_is_wanted(const struct key *key)
{
	unsigned int in_set = 0;

	for (unsigned int i = 0; i < key_count; i++) {
		if (keys[i].tag == key->tag)
			return false;
		in_set += keys[i].set == key->set;
	}
	return in_set < config->own_per_set + config->open_per_set;
}

static unsigned int keys_in_set(uint32_t set)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < key_count; i++)
		count += keys[i].set == set;
	return count;
}

static void keys_make(uint64_t *random)
{
	unsigned int wanted =
		config->sets * (config->own_per_set + config->open_per_set);

	for (key_count = 0; key_count < wanted;) {
		struct key *key = &keys[key_count];
		uint64_t bits = next_random(random);
		unsigned int in_set;

		key->host.family = (uint8_t)config->family;
		key->host.key = config->family == WARDEN_INET ?
					(bits & 0xdfffffff) | 1 :
					UINT64_C(1) << 61 | bits >> 3;
		key_probe(key);
		if (!key_is_wanted(key))
			continue;
		in_set = keys_in_set(key->set);
		key->id = key_count++;
		key->owner = in_set < config->own_per_set ?
				     in_set % options.workers :
				     WORKERS_MAX;
		key->by_hand = in_set < 4 && in_set % 2 == 0;
	}
}

/* Something in the other family's half, which nobody works on. */
static void other_family_fill(uint64_t *random)
{
	bool inet6 = config->family == WARDEN_INET;

	for (unsigned int i = 0; i < config->sets * WARDEN_SET_WAYS; i++) {
		struct warden_host host = {
			.key = (uint32_t)next_random(random) | 1,
			.family = inet6 ? WARDEN_INET6 : WARDEN_INET,
		};

		if (inet6)
			host.key |= UINT64_C(0x20010db8) << 32;
		warden_table_success(&table, &host, false, ROUND_BEGIN);
		(void)warden_table_block(&table, &host, UINT32_MAX, 1,
					 WARDEN_TLS_FAILED, 0, ROUND_BEGIN);
	}
}

static void check_set(const struct warden_set *set)
{
	uint64_t owner[WARDEN_SET_WAYS];

	for (unsigned int i = 0; i < WARDEN_SET_WAYS; i++) {
		uint64_t key = set->records[i].key;

		owner[i] = UINT64_MAX;
		if (warden_key_is_mark(key) && config->kills == 0)
			violate(MARK_LEFT, NULL, "%" PRIx64, key);
		for (unsigned int k = 0; k < key_count && key != 0; k++) {
			if (keys[k].host.key == key ||
			    warden_mark_is_of(key, WARDEN_MARK_LEAVING,
					      keys[k].tag))
				owner[i] = keys[k].id;
		}
		for (unsigned int j = 0; j < i; j++) {
			if (owner[i] != UINT64_MAX && owner[i] == owner[j])
				violate(CLAIMED_TWICE, &keys[owner[i]],
					"records %u and %u", j, i);
		}
	}
}

static void check_listed(void)
{
	struct warden_host_info info;
	uint64_t index = 0, listed = 0, blocked = 0;

	while (warden_table_next(&table, &index, &policy, round_time(), &info))
		listed += info.blocked && info.host.family == config->family;
	for (unsigned int i = 0; i < key_count; i++) {
		(void)warden_table_read(&table, &keys[i].host, &policy,
					round_time(), &info);
		blocked += info.blocked;
	}
	/* a killed worker may leave a mark where a host's key was */
	if (config->kills == 0 ? listed != blocked : listed > blocked)
		violate(NOT_LISTED, NULL, "%" PRIu64 " of %" PRIu64, listed,
			blocked);
}

/* Two years later everything is over. */
static void check_freed(void)
{
	struct warden_set *sets = table.sets[family_of(config->family)];
	uint64_t later = round_time() + UINT64_C(64000000) * 1000;

	for (unsigned int i = 0; i < key_count; i++) {
		if (keys[i].by_hand)
			(void)warden_table_unblock(&table, &keys[i].host,
						   round_time());
	}
	(void)warden_table_expire(&table, &policy, later);
	for (unsigned int i = 0; i < config->sets * WARDEN_SET_WAYS; i++) {
		uint64_t key = record_number(sets, i)->key;

		if (key != 0)
			violate(NOT_FREED, NULL, "record %u: %" PRIx64, i, key);
	}
	if (warden_table_sessions_total(&table, later) != 0)
		violate(SESSIONS_OVER, NULL, "after two years");
}

static void check_quiet(const void *other_before, size_t other_size)
{
	unsigned int family = family_of(config->family);

	for (unsigned int i = 0; i < options.workers; i++)
		worker_settle(&shared->workers[i]);
	for (unsigned int i = 0; i < config->sets; i++)
		check_set(&table.sets[family][i]);
	for (unsigned int i = 0; i < key_count; i++) {
		check_any(&keys[i]);
		if (keys[i].owner != WORKERS_MAX)
			check_own(&keys[i]);
	}
	check_listed();
	if (memcmp(other_before, table.sets[1 - family], other_size) != 0)
		violate(OTHER_FAMILY, NULL, "changed");
	check_freed();
}

static void worker_fork(struct worker *worker)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		/* whoever ends the test ends its workers */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)worker_run(worker);
		_exit(0);
	}
	worker->pid = pid;
}

static bool worker_has_ended(struct worker *worker)
{
	int status;
	pid_t ended;

	if (worker->pid == 0)
		return true;
	ended = waitpid(worker->pid, &status, WNOHANG);
	if (ended < 0 && errno != EINTR)
		die("waitpid");
	if (ended <= 0)
		return false;
	worker->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		atomic_fetch_add(&shared->restarts, 1);
		worker_fork(worker);
		return false;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		violate(WORKER_DIED, NULL, "status %d", status);
	atomic_store(&worker->tick, UINT64_MAX);
	return true;
}

static void processes_run(uint64_t *random)
{
	unsigned int left = options.workers;

	for (unsigned int i = 0; i < options.workers; i++)
		worker_fork(&shared->workers[i]);
	while (left > 0) {
		struct worker *worker =
			&shared->workers[next_random(random) % options.workers];
		unsigned int rate = config->kills > 0 ? config->kills : 1000;

		(void)usleep(1000000 / rate);
		if (config->kills > 0 && worker->pid != 0)
			(void)kill(worker->pid, SIGKILL);
		left = 0;
		for (unsigned int i = 0; i < options.workers; i++)
			left += !worker_has_ended(&shared->workers[i]);
	}
}

static void threads_run(void)
{
	for (unsigned int i = 0; i < options.workers; i++) {
		struct worker *worker = &shared->workers[i];

		errno = pthread_create(&worker->thread, NULL, worker_run,
				       worker);
		if (errno != 0)
			die("pthread_create");
	}
	for (unsigned int i = 0; i < options.workers; i++)
		(void)pthread_join(shared->workers[i].thread, NULL);
}

static void round_run(uint64_t *random, uint64_t ops)
{
	size_t half = config->sets * sizeof(struct warden_set);
	void *other = malloc(half);

	if (other == NULL)
		die("malloc");
	memset(shared->models, 0, sizeof(shared->models));
	memset(shared->workers, 0, sizeof(shared->workers));
	atomic_store(&shared->shared_sessions, 0);
	atomic_store(&shared->tick, 0);
	table_make(random);
	keys_make(random);
	other_family_fill(random);
	memcpy(other, table.sets[1 - family_of(config->family)], half);
	for (unsigned int i = 0; i < options.workers; i++) {
		struct worker *worker = &shared->workers[i];

		worker->number = i;
		worker->ops = ops / options.workers + 1;
		worker->random = next_random(random);
		for (unsigned int k = 0; k < key_count; k++) {
			if (keys[k].owner == i)
				worker->own[worker->own_count++] = k;
		}
	}
	if (options.threads)
		threads_run();
	else
		processes_run(random);
	check_quiet(other, half);
	free(other);
}

/* --- All of it ------------------------------------------------------------ */

static uint64_t violations_sum(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < VIOLATIONS; i++)
		sum += atomic_load(&shared->violations[i]);
	return sum;
}

/* Returns the operations done. */
static uint64_t config_run(uint64_t ops, double secs)
{
	uint64_t random = options.seed ^ (uint64_t)(config - configs) << 56;
	uint64_t done = 0, evicted = 0, contended = 0;
	double begin = seconds(), spent;

	atomic_store(&shared->blocks, 0);
	atomic_store(&shared->gave_up, 0);
	atomic_store(&shared->restarts, 0);
	while (secs > 0 ? seconds() - begin < secs : done < ops) {
		uint64_t left = secs > 0 ? ROUND_OPS : ops - done;
		uint64_t now = left < ROUND_OPS ? left : ROUND_OPS;

		round_run(&random, now);
		done += now;
		evicted += table.header->evicted;
		contended += table.header->contended;
	}
	spent = seconds() - begin;
	printf("%-22s %11" PRIu64 " operations, %9.0f/s; %" PRIu64
	       " evictions, %" PRIu64 " blocks (%" PRIu64 " given up), %" PRIu64
	       " contended, %" PRIu64 " kills; violations so far %" PRIu64 "\n",
	       config->name, done, (double)done / spent, evicted,
	       (uint64_t)shared->blocks, (uint64_t)shared->gave_up, contended,
	       (uint64_t)shared->restarts, violations_sum());
	(void)fflush(stdout);
	return done;
}

static void all_run(void)
{
	uint64_t done = 0;
	double begin = seconds();
	struct config changed;

	for (unsigned int i = 0; i < CONFIGS; i++) {
		changed = configs[i];
		if (options.only != NULL &&
		    strcmp(options.only, configs[i].name) != 0)
			continue;
		/* a thread cannot be killed alone */
		if (options.threads && configs[i].kills > 0)
			continue;
		config = &configs[i];
		if (options.hosts > 0) {
			changed.sets = options.hosts / WARDEN_SET_WAYS;
			config = &changed;
		}
		done += config_run(options.only != NULL ?
					   options.ops :
					   options.ops * configs[i].share / 100,
				   options.secs * configs[i].share / 100.0);
	}
	printf("seed %" PRIu64 ": %" PRIu64 " operations by %u %s, %.0f/s\n",
	       options.seed, done, options.workers,
	       options.threads ? "threads" : "processes",
	       (double)done / (seconds() - begin));
}

static int result_say(void)
{
	for (unsigned int i = 0; i < VIOLATIONS; i++)
		printf("%s%" PRIu64 " %s", i == 0 ? "violations: " : ", ",
		       (uint64_t)shared->violations[i], violation_names[i]);
	printf("\n");
	return violations_sum() == 0 ? 0 : 1;
}

static uint64_t parse_number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || number > max) {
		fprintf(stderr, "stress: %s: not a number up to %" PRIu64 "\n",
			text, max);
		exit(2);
	}
	return number;
}

static void help(void)
{
	printf("Usage: stress [OPTION]...\n"
	       "Work on a table of hosts that is far too small, with many "
	       "workers at once,\nand count what went wrong.\n\n"
	       "  --processes=N  N processes on shared memory (default: 4)\n"
	       "  --threads=N    N threads instead\n"
	       "  --ops=N        operations altogether (default: 4000000)\n"
	       "  --secs=N       as many as go into N seconds instead\n"
	       "  --seed=N       default: drawn, and printed\n"
	       "  --hosts=N      records of a family, instead of each "
	       "configuration's own\n"
	       "  --only=NAME    one configuration of:\n");
	for (unsigned int i = 0; i < CONFIGS; i++)
		printf("                   %s\n", configs[i].name);
	printf("\nEnds with 1 if anything went wrong.\n");
	exit(0);
}

static void options_parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "processes", required_argument, NULL, 'p' },
		{ "threads", required_argument, NULL, 't' },
		{ "ops", required_argument, NULL, 'o' },
		{ "secs", required_argument, NULL, 'S' },
		{ "seed", required_argument, NULL, 's' },
		{ "hosts", required_argument, NULL, 'H' },
		{ "only", required_argument, NULL, 'O' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	options.ops = 4000000;
	options.seed = (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (option) {
		case 'p':
		case 't':
			options.threads = option == 't';
			options.workers =
				(unsigned int)parse_number(optarg, WORKERS_MAX);
			break;
		case 'o':
			options.ops = parse_number(optarg, UINT64_MAX / 100);
			break;
		case 'S':
			options.secs =
				(unsigned int)parse_number(optarg, 10000000);
			break;
		case 's':
			options.seed = parse_number(optarg, UINT64_MAX);
			break;
		case 'H':
			/* at most 24 host keys a set */
			options.hosts = (unsigned int)parse_number(
				optarg, KEYS_MAX / 24 * WARDEN_SET_WAYS);
			break;
		case 'O':
			options.only = optarg;
			break;
		case 'h':
			help();
			break;
		default:
			exit(2);
		}
	}
	if (options.workers == 0 || optind < argc ||
	    (options.hosts != 0 && options.hosts < WARDEN_SET_WAYS)) {
		fprintf(stderr, "stress: see --help\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	options_parse(argc, argv);
	shared = map_shared(sizeof(*shared));
	policy_make();
	printf("seed %" PRIu64 "\n", options.seed);
	(void)fflush(stdout);
	all_run();
	return result_say();
}
