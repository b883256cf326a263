/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What one verdict costs in a table full of blocked hosts, beside one random
   read of the same memory, by one process and by two at once. Each process
   opens the files as a login process does and asks warden_check().

   Prints a line of JSON for the table, then one for each run. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-private.h"

#define PROCESSES_MAX 2
#define BATCH 4096
/* of single operations: a bucket for each nanosecond, the last for all above */
#define NANOSECONDS 100000
#define FILES 3

/* All that is asked of a run is answered at this moment of warden time. */
#define NOW (UINT64_C(2000000000) * 1000)
#define UNTIL_SECS UINT32_C(2000001000)

enum what {
	HIT,   /* a host that is blocked */
	MISS,  /* one that nothing is known of */
	READ,  /* no verdict: eight bytes of a record */
	TIMER, /* nothing: what it costs to look at the clock */
	WHATS,
};
static const char *const what_names[WHATS] = { "hit", "miss", "read", "timer" };

static struct {
	uint32_t hosts, table_hosts, rounds;
	double secs;
	const char *dir;
} options = {
	.hosts = 1000000, .table_hosts = 1900000, .rounds = 3, .secs = 0.4
};

struct worker {
	uint64_t ops, refused;
	double mean_ns, flow_ns;
	uint64_t seen; /* not to be shown: so that no look is left out */
	uint64_t timed;
	uint64_t histogram[NANOSECONDS];
};
static struct {
	_Atomic unsigned int ready;
	struct worker workers[PROCESSES_MAX];
} * shared;

static uint64_t nanoseconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Ours alone: not what others do on the same processor meanwhile. */
static uint64_t cpu_nanoseconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "verdict: %s: %s\n", what, why);
	exit(1);
}

/* A connection has one verdict. What the processor would do of the next one
   meanwhile does not belong to it. */
#ifdef __SSE2__
static inline void one_at_a_time(void)
{
	__builtin_ia32_lfence();
}
#else
static inline void one_at_a_time(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}
#endif

/* --- Hosts ---------------------------------------------------------------- */

/* xorshift64 (Marsaglia, 2003) */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((random_next(state) >> 32) * limit >> 32);
}

/* Another address for each number below 2^24, without the need for a list: a
   list would be memory to read as well. Half of them are IPv6, each in a /64
   of its own. */
static inline struct warden_net host_number(uint32_t number)
{
	uint32_t scattered =
		(number * UINT32_C(0x9e3779b1)) ^ UINT32_C(0x5bd1e995);
	bool inet6 = number % 2 != 0;
	struct warden_net net = {
		.family = inet6 ? WARDEN_INET6 : WARDEN_INET,
		.bits = inet6 ? 128 : 32,
	};

	if (inet6) {
		net.bytes[0] = 0x2a;
		memcpy(net.bytes + 4, &scattered, sizeof(scattered));
		net.bytes[15] = 1;
	} else {
		memcpy(net.bytes, &scattered, sizeof(scattered));
	}
	return net;
}

/* --- The table ------------------------------------------------------------ */

static struct warden *open_as(enum warden_role role)
{
	struct warden_error error;
	struct warden *warden =
		warden_open(options.dir, role, options.table_hosts, &error);

	if (warden == NULL)
		die(options.dir, error.text);
	return warden;
}

static void publish(struct warden *service)
{
	struct warden_policy policy;

	warden_policy_init_defaults(&policy);
	/* so that every blocked host is refused */
	policy.exempt_count = 0;
	warden_admin_heartbeat(service, getpid(), true, NOW);
	warden_admin_publish(service, &policy, NOW);
}

static bool host_is_blocked(struct warden_table *table, uint32_t number)
{
	struct warden_net net = host_number(number);
	struct warden_host host;

	return warden_host_from_net(&host, &net, 32, 64) &&
	       warden_table_blocked_until(table, &host, NOW) == UNTIL_SECS;
}

static void block_all(struct warden_table *table)
{
	for (uint32_t i = 0; i < options.hosts; i++) {
		struct warden_net net = host_number(i);
		struct warden_host host;

		if (warden_host_from_net(&host, &net, 32, 64)) {
			(void)warden_table_block(table, &host, UNTIL_SECS, 1,
						 WARDEN_AUTH_FAILED, 0, NOW);
		}
	}
}

static uint32_t count_lost(struct warden_table *table)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < options.hosts; i++)
		lost += host_is_blocked(table, i) ? 0 : 1;
	return lost;
}

static uint64_t bytes_of_files(void)
{
	static const char *const names[FILES] = { "policy", "hosts", "auth" };
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < FILES; i++) {
		char path[4096];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", options.dir,
			       names[i]);
		if (stat(path, &st) < 0)
			die(path, strerror(errno));
		bytes += (uint64_t)st.st_blocks * 512;
	}
	return bytes;
}

static void fill(struct warden *service)
{
	struct warden_table *table = warden_admin_table(service);
	uint64_t began = cpu_nanoseconds(), ended;
	uint64_t bytes = bytes_of_files();

	publish(service);
	block_all(table);
	ended = cpu_nanoseconds();
	printf("{\"hosts\": %" PRIu32 ", \"table_hosts\": %" PRIu32
	       ", \"room\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"bytes_per_host\": %.1f, \"lost\": %" PRIu32
	       ", \"insert_ns\": %.1f}\n",
	       options.hosts, options.table_hosts,
	       ((uint64_t)table->set_count[0] + table->set_count[1]) *
		       WARDEN_SET_WAYS,
	       bytes, (double)bytes / options.hosts, count_lost(table),
	       (double)(ended - began) / options.hosts);
}

/* --- One run -------------------------------------------------------------- */

static inline uint64_t read_once(const struct warden_table *table,
				 uint64_t *state)
{
	const struct warden_set *sets = table->sets[*state & 1];
	uint32_t count = table->set_count[*state & 1];
	uint32_t way = *state >> 1 & (WARDEN_SET_WAYS - 1);
	const struct warden_record *record =
		&sets[random_below(state, count)].records[way];

	return atomic_load_explicit(&record->key, memory_order_relaxed);
}

static inline bool verdict_once(struct warden *warden, enum what what,
				uint64_t *state)
{
	uint32_t number = random_below(state, options.hosts);
	struct warden_net net =
		host_number(what == MISS ? number + options.hosts : number);
	struct warden_client client = { .remote = &net,
					.protocol = WARDEN_PROTOCOL_IMAP };

	return warden_check(warden, &client, WARDEN_STAGE_ACCEPT, NOW) !=
	       WARDEN_ADMITTED;
}

/* Returns something of what it saw, so that the look is not left out. */
static inline uint64_t flow(struct warden *warden, enum what what,
			    uint64_t *state)
{
	if (what == TIMER)
		return 0;
	return what == READ ? read_once(&warden->table, state) :
			      verdict_once(warden, what, state);
}

static inline uint64_t once(struct warden *warden, enum what what,
			    uint64_t *state)
{
	uint64_t seen;

	one_at_a_time();
	seen = flow(warden, what, state);
	one_at_a_time();
	return seen;
}

static uint64_t end_of_part(uint64_t now)
{
	return now + (uint64_t)(options.secs / 3 * 1e9);
}

/* The mean: without a look at the clock in between. */
static void run_batches(struct warden *warden, enum what what, uint64_t *state,
			struct worker *worker)
{
	uint64_t began = cpu_nanoseconds();
	uint64_t end = end_of_part(nanoseconds());

	while (nanoseconds() < end) {
		for (unsigned int i = 0; i < BATCH; i++)
			worker->refused += once(warden, what, state);
		worker->ops += BATCH;
	}
	worker->mean_ns =
		(double)(cpu_nanoseconds() - began) / (double)worker->ops;
}

/* One after the other as fast as it goes: the processor overlaps them. */
static void run_flow(struct warden *warden, enum what what, uint64_t *state,
		     struct worker *worker)
{
	uint64_t began = cpu_nanoseconds();
	uint64_t end = end_of_part(nanoseconds());
	uint64_t ops = 0;

	while (nanoseconds() < end) {
		for (unsigned int i = 0; i < BATCH; i++)
			worker->seen += flow(warden, what, state);
		ops += BATCH;
	}
	worker->flow_ns = (double)(cpu_nanoseconds() - began) / (double)ops;
}

/* The spread: each with a look at the clock before and after. */
static void run_singles(struct warden *warden, enum what what, uint64_t *state,
			struct worker *worker)
{
	uint64_t before = nanoseconds(), now;
	uint64_t end = end_of_part(before);

	while (before < end) {
		before = nanoseconds();
		worker->seen += once(warden, what, state);
		now = nanoseconds();
		worker->histogram[now - before < NANOSECONDS ?
					  now - before :
					  NANOSECONDS - 1]++;
		worker->timed++;
	}
}

static void worker_run(enum what what, unsigned int processes,
		       struct worker *worker)
{
	struct warden *warden;
	uint64_t state = nanoseconds() ^ (uint64_t)getpid() << 32;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	warden = open_as(WARDEN_ROLE_LOGIN);
	(void)atomic_fetch_add(&shared->ready, 1);
	/* the other one starts within a moment, or has failed */
	for (unsigned int i = 0;
	     i < 5000 && atomic_load(&shared->ready) < processes; i++)
		(void)usleep(1000);
	run_batches(warden, what, &state, worker);
	run_flow(warden, what, &state, worker);
	run_singles(warden, what, &state, worker);
	warden_close(&warden);
}

static uint64_t quantile(const struct worker *workers, unsigned int processes,
			 double part)
{
	uint64_t timed = 0, below = 0;

	for (unsigned int w = 0; w < processes; w++)
		timed += workers[w].timed;
	for (uint64_t ns = 0; ns < NANOSECONDS; ns++) {
		for (unsigned int w = 0; w < processes; w++)
			below += workers[w].histogram[ns];
		if ((double)below >= part * (double)timed)
			return ns;
	}
	return NANOSECONDS;
}

static void say_run(enum what what, unsigned int processes)
{
	const struct worker *workers = shared->workers;
	uint64_t ops = 0, refused = 0;
	double mean = 0, flow = 0;

	for (unsigned int w = 0; w < processes; w++) {
		ops += workers[w].ops;
		refused += workers[w].refused;
		mean += workers[w].mean_ns / processes;
		flow += workers[w].flow_ns / processes;
	}
	printf("{\"processes\": %u, \"what\": \"%s\", \"mean_ns\": %.1f, "
	       "\"flow_ns\": %.1f, \"p50_ns\": %" PRIu64
	       ", \"p99_ns\": %" PRIu64 ", \"ops\": %" PRIu64,
	       processes, what_names[what], mean, flow,
	       quantile(workers, processes, 0.5),
	       quantile(workers, processes, 0.99), ops);
	if (what == HIT || what == MISS)
		printf(", \"refused\": %.6f", (double)refused / (double)ops);
	printf("}\n");
}

static void run(enum what what, unsigned int processes)
{
	pid_t pids[PROCESSES_MAX];
	int status;

	memset(shared, 0, sizeof(*shared));
	(void)fflush(stdout);
	for (unsigned int i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork", strerror(errno));
		if (pids[i] == 0) {
			worker_run(what, processes, &shared->workers[i]);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < processes; i++) {
		if (waitpid(pids[i], &status, 0) < 0 || status != 0)
			die("a worker", "has failed");
	}
	say_run(what, processes);
}

/* --- The command line ----------------------------------------------------- */

static void help(void)
{
	printf("Usage: verdict [OPTION]... DIRECTORY\n"
	       "Fill a table with blocked hosts, half of them IPv4, and ask "
	       "for them. DIRECTORY\nis made if it is missing, belongs on "
	       "tmpfs, and must not be in use.\n\n"
	       "  --hosts=N        blocked hosts (default: 1000000)\n"
	       "  --table-hosts=N  room, as warden_table_hosts (default: "
	       "1900000)\n"
	       "  --rounds=N       of all runs (default: 3)\n"
	       "  --secs=S         of one run (default: 0.4)\n");
	exit(0);
}

static double parse_number(const char *text, double max)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number >= 0 && number <= max))
		die(text, "not a number in range");
	return number;
}

static void options_parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "hosts", required_argument, NULL, 'H' },
		{ "table-hosts", required_argument, NULL, 'T' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "secs", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (option == 'H')
			/* as many again are the misses */
			options.hosts = (uint32_t)parse_number(optarg, 1 << 23);
		else if (option == 'T')
			options.table_hosts = (uint32_t)parse_number(
				optarg, WARDEN_TABLE_HOSTS_MAX);
		else if (option == 'r')
			options.rounds = (uint32_t)parse_number(optarg, 1000);
		else if (option == 's')
			options.secs = parse_number(optarg, 3600);
		else if (option == 'h')
			help();
		else
			exit(2);
	}
	if (optind != argc - 1 || options.hosts == 0 ||
	    options.table_hosts < WARDEN_TABLE_HOSTS_MIN) {
		fprintf(stderr, "verdict: see --help\n");
		exit(2);
	}
	options.dir = argv[optind];
}

int main(int argc, char **argv)
{
	struct warden *service;

	options_parse(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap", strerror(errno));
	service = open_as(WARDEN_ROLE_SERVICE);
	fill(service);
	for (uint32_t round = 0; round < options.rounds; round++) {
		for (unsigned int n = 1; n <= PROCESSES_MAX; n++) {
			for (int what = 0; what < WHATS; what++)
				run((enum what)what, n);
		}
	}
	warden_close(&service);
	return 0;
}
