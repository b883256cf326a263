/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit-dir.h"
#include "unit-client.h"
#include "unit.h"
#include "warden-clock.h"
#include "warden-claim.h"
#include "warden-keeper.h"
#include "warden-outlet.h"
#include "warden-private.h"
#include "warden-reaper.h"
#include "warden-saver.h"

#define WALL_NOW INT64_C(1795323967)
#define LINES_MAX 256
/* so many that no 200 of them fill a set, whatever the hash key */
#define TABLE_HOSTS 32768
#define DAY_SECS 86400

struct fixture {
	void *table_dir, *dir; /* the shared files; ours */
	char deny[512], state[512];
	struct warden *warden;
	struct warden_keeper *keeper;
	struct warden_settings settings;
	uint64_t now;
	int64_t wall_now;
	char lines[LINES_MAX][256];
	enum warden_level levels[LINES_MAX];
	size_t line_count;
	/* blocks that began or ended, as statistics are told of them */
	size_t began_told, ended_told;
	struct warden_report_block last; /* net is not kept */
};

static void log_line(void *context, enum warden_level level, const char *line,
		     const struct warden_report_block *block)
{
	struct fixture *f = context;

	if (block != NULL && block->siege != 0) {
		f->last = *block;
	} else if (block != NULL) {
		assert_non_null(strstr(line, block->net));
		f->last = *block;
		f->last.net = NULL;
		if (block->began)
			f->began_told++;
		else
			f->ended_told++;
	}
	/* not in the log */
	if (level == WARDEN_LEVEL_DEBUG)
		return;
	assert_true(f->line_count < LINES_MAX);
	(void)snprintf(f->lines[f->line_count], sizeof(f->lines[0]), "%s",
		       line);
	f->levels[f->line_count++] = level;
}

static void start(struct fixture *f, const char *settings_error)
{
	struct warden_error error;

	f->warden = warden_open(f->table_dir, WARDEN_ROLE_SERVICE, TABLE_HOSTS,
				&error);
	assert_non_null(f->warden);
	f->keeper = warden_keeper_create(f->warden, &f->settings,
					 settings_error, getpid(), log_line, f);
	assert_non_null(f->keeper);
}

static void shut_down(struct fixture *f)
{
	warden_keeper_free(&f->keeper);
	warden_close(&f->warden);
	f->line_count = 0;
}

static void restart(struct fixture *f)
{
	shut_down(f);
	start(f, NULL);
}

/* The shared files are gone, and warden time has started anew. */
static void reboot(struct fixture *f, int64_t away_secs)
{
	static const char *const names[] = { "policy", "hosts", "auth" };
	char path[512];

	shut_down(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s",
			       (char *)f->table_dir, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	f->now = (WARDEN_CLOCK_BASE_SECS + UINT64_C(20)) * 1000;
	f->wall_now += away_secs;
	start(f, NULL);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL || unit_dir_setup(&f->table_dir) < 0 ||
	    unit_dir_setup(&f->dir) < 0)
		return -1;
	*state = f;
	f->now = UNIT_NOW;
	f->wall_now = WALL_NOW;
	(void)snprintf(f->deny, sizeof(f->deny), "%s/hosts.deny",
		       (char *)f->dir);
	(void)snprintf(f->state, sizeof(f->state), "%s/state", (char *)f->dir);
	warden_settings_init_defaults(&f->settings);
	f->settings.hosts_allow[0] = '\0';
	f->settings.hosts_deny[0] = '\0';
	(void)snprintf(f->settings.hosts_deny_file,
		       sizeof(f->settings.hosts_deny_file), "%s", f->deny);
	(void)snprintf(f->settings.state_dir, sizeof(f->settings.state_dir),
		       "%s", (char *)f->dir);
	/* documentation networks, which the tests use, may count as private */
	f->settings.policy.deny_private = 1;
	start(f, NULL);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *table_dir = f->table_dir, *dir = f->dir;

	shut_down(f);
	free(f);
	return unit_dir_teardown(&table_dir) == 0 &&
			       unit_dir_teardown(&dir) == 0
		       ? 0
		       : -1;
}

/* --- Helpers -------------------------------------------------------------- */

static void tick_after(struct fixture *f, uint64_t msecs)
{
	f->now += msecs;
	f->wall_now += (int64_t)(msecs / 1000);
	warden_keeper_tick(f->keeper, f->now, f->wall_now);
}

static void tick(struct fixture *f)
{
	tick_after(f, WARDEN_KEEPER_TICK_MSECS);
}

static uint32_t now_secs(const struct fixture *f)
{
	return (uint32_t)(f->now / 1000);
}

static void block_until(struct fixture *f, const char *text, uint32_t until,
			unsigned int offences, enum warden_class reason)
{
	struct warden_host host = unit_host(text);

	assert_true(warden_table_block(warden_admin_table(f->warden), &host,
				       until, offences, reason, 0, f->now));
}

static void block(struct fixture *f, const char *text, uint32_t secs,
		  unsigned int offences)
{
	block_until(f, text, now_secs(f) + secs, offences, WARDEN_AUTH_FAILED);
}

static void unblock(struct fixture *f, const char *text)
{
	struct warden_host host = unit_host(text);

	assert_true(warden_table_unblock(warden_admin_table(f->warden), &host,
					 f->now));
}

static struct warden_host_info info_of(struct fixture *f, const char *text)
{
	struct warden_host host = unit_host(text);
	struct warden_host_info info;

	(void)warden_table_read(warden_admin_table(f->warden), &host,
				&f->settings.policy, f->now, &info);
	return info;
}

static size_t lines_with(const struct fixture *f, const char *part)
{
	size_t count = 0;

	for (size_t i = 0; i < f->line_count; i++)
		count += strstr(f->lines[i], part) != NULL;
	return count;
}

static size_t lines_of(const struct fixture *f, enum warden_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < f->line_count; i++)
		count += f->levels[i] == level;
	return count;
}

static char *file_read(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "r");
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	return text;
}

static bool file_has(const char *path, const char *part)
{
	return strstr(file_read(path), part) != NULL;
}

static ino_t file_inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* --- Rules ---------------------------------------------------------------- */

static void test_rules_are_in_force_after_the_first_tick(void **state)
{
	struct fixture *f = *state;
	const struct warden_policy *policy;

	f->settings.policy.fail_limit = 77;
	restart(f);
	assert_null(warden_policy(f->warden, f->now));
	tick(f);
	policy = warden_policy(f->warden, f->now);
	assert_non_null(policy);
	assert_int_equal(policy->fail_limit, 77);
}

static void test_rules_end_when_nobody_ticks(void **state)
{
	struct fixture *f = *state;
	uint64_t limit = UINT64_C(1000) * WARDEN_HEARTBEAT_MAX_SECS;

	tick(f);
	assert_non_null(warden_policy(f->warden, f->now + limit));
	assert_null(warden_policy(f->warden, f->now + limit + 1000));
	tick_after(f, limit + 1000);
	assert_non_null(warden_policy(f->warden, f->now));
}

static void test_wrong_settings_leave_the_former_rules(void **state)
{
	struct fixture *f = *state;

	f->settings.policy.fail_limit = 77;
	restart(f);
	tick(f);
	block(f, "192.0.2.1", 600, 1);
	shut_down(f);
	f->settings.policy.fail_limit = 1;
	start(f, "warden_mode: 'x' is no mode");
	tick(f);
	assert_int_equal(warden_policy(f->warden, f->now)->fail_limit, 77);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	assert_int_equal(lines_with(f, "'x' is no mode"), 1);
	/* and go on doing so */
	tick_after(f, UINT64_C(1000) * (WARDEN_HEARTBEAT_MAX_SECS + 1));
	assert_non_null(warden_policy(f->warden, f->now));
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
}

static void test_wrong_settings_and_none_before_refuse_nobody(void **state)
{
	struct fixture *f = *state;

	shut_down(f);
	start(f, "warden_mode: 'x' is no mode");
	tick(f);
	assert_null(warden_policy(f->warden, f->now));
	assert_int_equal(lines_with(f, "(nobody is refused)"), 1);
	block(f, "192.0.2.1", 600, 1);
	tick(f);
	assert_false(file_has(f->deny, "192.0.2.1"));
	assert_int_equal(lines_with(f, "would block 192.0.2.1 until"), 1);
}

/* --- Deny file ------------------------------------------------------------ */

static void test_block_is_in_the_deny_file_at_the_next_tick(void **state)
{
	struct fixture *f = *state;

	tick(f);
	assert_false(file_has(f->deny, "192.0.2.1"));
	block(f, "192.0.2.1", 600, 1);
	block(f, "2001:db8:1:2::", 600, 1);
	tick(f);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	assert_true(file_has(f->deny, "[2001:db8:1:2::]/64\n"));
}

static void test_end_of_block_is_logged_once_and_leaves_the_file(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	tick(f);
	block(f, "192.0.2.1", 60, 1);
	tick(f);
	assert_int_equal(lines_with(f, "blocked 192.0.2.1 until "), 1);
	assert_int_equal(lines_with(f, "last auth_failed, "), 1);
	for (int i = 0; i < 1234; i++)
		warden_table_refused(warden_admin_table(f->warden), &host);
	tick_after(f, 58000);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	for (int i = 0; i < 20; i++)
		tick(f);
	assert_false(file_has(f->deny, "192.0.2.1"));
	assert_int_equal(lines_with(f, "block of 192.0.2.1 has ended: refused "
				       "1,234 connections"),
			 1);
	assert_int_equal(lines_with(f, "192.0.2.1"), 2);
}

static void test_deny_file_is_not_written_within_the_interval(void **state)
{
	struct fixture *f = *state;

	tick(f);
	block(f, "192.0.2.1", 600, 1);
	tick(f);
	block(f, "192.0.2.2", 600, 1);
	tick_after(f, WARDEN_DENY_INTERVAL_MSECS - 1);
	assert_false(file_has(f->deny, "192.0.2.2"));
	tick_after(f, 1);
	assert_true(file_has(f->deny, "192.0.2.2\n"));
}

static void deny_one(struct warden_outlet *outlet, const char *text)
{
	const struct warden_denied denied = {
		.net = unit_net(text),
		.until_secs = UINT32_MAX,
	};

	assert_true(warden_outlet_deny_file.set(outlet, &denied, 1));
}

static void test_deny_file_keeps_no_interval_of_its_own(void **state)
{
	const struct warden_outlet_type *type = &warden_outlet_deny_file;
	struct fixture *f = *state;
	struct warden_settings settings;
	struct warden_outlet *outlet;
	struct warden_report report;

	warden_report_init(&report, log_line, f);
	warden_settings_init_defaults(&settings);
	(void)snprintf(settings.hosts_deny_file,
		       sizeof(settings.hosts_deny_file), "%s", f->deny);
	outlet = type->create(&settings);
	assert_non_null(outlet);
	deny_one(outlet, "192.0.2.1");
	type->tick(outlet, &report, false, f->now);
	deny_one(outlet, "192.0.2.2");
	f->now += WARDEN_DENY_INTERVAL_MSECS - 1;
	type->tick(outlet, &report, false, f->now);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	type->tick(outlet, &report, false, f->now + 1);
	assert_false(file_has(f->deny, "192.0.2.1\n"));
	assert_true(file_has(f->deny, "192.0.2.2\n"));
	type->free(outlet);
}

static void test_deny_file_is_not_written_without_a_change(void **state)
{
	struct fixture *f = *state;
	char other[600];
	ino_t inode;

	tick(f);
	block(f, "192.0.2.1", 6000, 1);
	tick(f);
	inode = file_inode(f->deny);
	/* keeps the inode from being used again */
	(void)snprintf(other, sizeof(other), "%s.kept", f->deny);
	assert_int_equal(link(f->deny, other), 0);
	for (int i = 0; i < 200; i++)
		tick_after(f, 1000);
	assert_true(file_inode(f->deny) == inode);
}

static void test_removed_deny_file_comes_back(void **state)
{
	struct fixture *f = *state;

	tick(f);
	block(f, "192.0.2.1", 6000, 1);
	tick(f);
	assert_int_equal(unlink(f->deny), 0);
	tick_after(f, WARDEN_KEEPER_TIDY_MSECS);
	tick(f);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
}

#ifndef __SANITIZE_ADDRESS__ /* it needs all address space there is */
#define EATEN_SIZE (80 * 1024)
static void *eaten[4096];
static size_t eaten_count;

/* The process may grow by this; 0: as it likes. */
static void memory_limit(rlim_t bytes)
{
	struct rlimit limit;
	unsigned long pages = 0;
	FILE *file;

	/* its own memory would be limited as well */
	if (getenv("WARDEN_TEST_VALGRIND") != NULL)
		skip();
	file = fopen("/proc/self/statm", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	(void)fclose(file);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	if (bytes > 0)
		limit.rlim_cur = pages * (rlim_t)getpagesize() + bytes;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* There is enough to write a file, but not for one entry for each of many
   hosts, wherever malloc() keeps what it has. */
static void memory_eat(void)
{
	memory_limit(4 * EATEN_SIZE);
	while (eaten_count < sizeof(eaten) / sizeof(eaten[0]) &&
	       (eaten[eaten_count] = malloc(EATEN_SIZE)) != NULL)
		eaten_count++;
	assert_uint_in_range(eaten_count, 2,
			     sizeof(eaten) / sizeof(eaten[0]) - 1);
	free(eaten[--eaten_count]);
	free(eaten[--eaten_count]);
}

static void memory_give_back(void)
{
	while (eaten_count > 0)
		free(eaten[--eaten_count]);
	memory_limit(0);
}

static void block_many(struct fixture *f, uint32_t count)
{
	struct warden_host host = unit_host("198.18.0.0");

	for (uint32_t i = 0; i < count; i++) {
		host.key++;
		(void)warden_table_block(warden_admin_table(f->warden), &host,
					 now_secs(f) + 600, 1,
					 WARDEN_AUTH_FAILED, 0, f->now);
	}
}

static void test_block_stays_in_the_deny_file_without_memory(void **state)
{
	struct fixture *f = *state;

	tick(f);
	block(f, "192.0.2.1", 600, 1);
	tick(f);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	block_many(f, 8000);
	memory_eat();
	for (int i = 0; i < 20; i++)
		tick(f);
	memory_give_back();
	assert_int_equal(file_read(f->deny)[0], '\0');
	assert_int_equal(lines_with(f, "out of memory: while"), 1);
	/* and it is tried again, though nothing has changed since */
	tick_after(f, WARDEN_KEEPER_RETRY_MSECS);
	assert_true(file_has(f->deny, "198.18."));
	assert_int_equal(lines_with(f, "out of memory: while"), 1);
}

static void test_deny_list_without_memory_is_not_tried_again(void **state)
{
	struct fixture *f = *state;

	tick(f);
	/* the walks have their memory now, the list for the file needs its */
	block_many(f, 8000);
	for (int i = 0; i < 4; i++)
		tick_after(f, WARDEN_KEEPER_SWEEP_MSECS);
	assert_true(file_has(f->deny, "198.18."));
	block(f, "192.0.2.1", 600, 1);
	memory_eat();
	for (int i = 0; i < 20; i++)
		tick(f);
	memory_give_back();
	assert_int_equal(file_read(f->deny)[0], '\0');
	assert_int_equal(lines_with(f, "out of memory: while"), 1);
	tick_after(f, WARDEN_KEEPER_RETRY_MSECS);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
}

static void test_promised_memory_does_not_suffice(void **state)
{
	struct fixture *f = *state;
	/* that is there already */
	size_t mapped = TABLE_HOSTS / WARDEN_SET_WAYS *
		sizeof(struct warden_set);
	size_t memory = warden_keeper_memory(TABLE_HOSTS);

	assert_true(memory > mapped);
	tick(f);
	memory_limit(memory - mapped);
	block_many(f, TABLE_HOSTS);
	for (int i = 0; i < 4; i++)
		tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	memory_limit(0);
	assert_int_equal(lines_with(f, "out of memory"), 0);
	assert_true(file_has(f->deny, "198.18."));
}
#endif

static void test_deny_file_fault_is_logged_once_until_it_works(void **state)
{
	struct fixture *f = *state;

	/* a directory cannot be replaced by a file, not even by root */
	assert_int_equal(mkdir(f->deny, 0700), 0);
	for (int i = 0; i < 40; i++)
		tick(f);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	assert_int_equal(rmdir(f->deny), 0);
	block(f, "192.0.2.1", 6000, 1);
	tick_after(f, WARDEN_DENY_RETRY_MSECS);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	assert_int_equal(unlink(f->deny), 0);
	assert_int_equal(mkdir(f->deny, 0700), 0);
	block(f, "192.0.2.2", 6000, 1);
	for (int i = 0; i < 40; i++)
		tick(f);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 2);
	assert_int_equal(rmdir(f->deny), 0);
}

/* An empty file still fits on a full disk. */
static void disk_is_full(bool full)
{
	struct rlimit limit;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static uint32_t faults_of(struct fixture *f)
{
	struct warden_health health;

	warden_admin_health(f->warden, f->now, &health);
	return health.faults;
}

static void test_full_disk_keeps_a_forgiven_host_denied(void **state)
{
	struct fixture *f = *state;

	block(f, "192.0.2.1", 6000, 1);
	block(f, "192.0.2.2", 6000, 1);
	tick(f);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	disk_is_full(true);
	f->now += 2000;
	block(f, "192.0.2.3", 6000, 1);
	tick_after(f, WARDEN_DENY_RETRY_MSECS);
	/* nobody has to be taken out yet */
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	assert_false(file_has(f->deny, "192.0.2.3\n"));
	assert_int_equal(faults_of(f), WARDEN_FAULT_DENY_FILE);
	unblock(f, "192.0.2.1");
	tick_after(f, WARDEN_DENY_RETRY_MSECS);
	assert_false(file_has(f->deny, "192.0.2"));
	for (int i = 0; i < 20; i++)
		tick(f);
	disk_is_full(false);
	assert_int_equal(lines_with(f, "the deny file cannot be written"), 1);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->deny, "192.0.2.3\n"));
	assert_true(file_has(f->deny, "192.0.2.2\n"));
	assert_false(file_has(f->deny, "192.0.2.1\n"));
	assert_int_equal(faults_of(f), 0);
}

/* Two Dovecots with one warden_state_dir: who came second writes neither file,
   says so once, and goes on where the first one ends. */
static void test_second_dovecot_writes_the_files_of_the_first(void **state)
{
	struct fixture *f = *state, *first;
	void *first_state;

	assert_int_equal(setup(&first_state), 0);
	first = first_state;
	warden_keeper_free(&first->keeper);
	first->settings = f->settings;
	first->keeper = warden_keeper_create(first->warden, &first->settings,
					     NULL, getpid(), log_line, first);
	block(first, "192.0.2.1", 6000, 1);
	tick(first);
	tick_after(first, WARDEN_SAVE_INTERVAL_MSECS);
	block(f, "192.0.2.2", 6000, 1);
	for (int i = 0; i < 5; i++)
		tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	assert_false(file_has(f->deny, "192.0.2.2\n"));
	assert_false(file_has(f->state, "192.0.2.2"));
	assert_int_equal(lines_with(f, "another Dovecot keeps"), 2);
	assert_int_equal(faults_of(f),
			 WARDEN_FAULT_DENY_FILE | WARDEN_FAULT_STATE);
	assert_int_equal(faults_of(first), 0);
	/* nor does its end empty the file of the first */
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	warden_keeper_shutdown(first->keeper, first->now, first->wall_now);
	warden_keeper_free(&first->keeper);
	assert_int_equal(teardown(&first_state), 0);
	for (int i = 0; i < WARDEN_CLAIM_FREE_TIMES; i++)
		tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->deny, "192.0.2.2\n"));
	assert_true(file_has(f->state, "192.0.2.2"));
	assert_int_equal(faults_of(f), 0);
}

/* A damaged state is gone from its place: `status` still tells. */
static void test_lost_state_is_forgotten(void **state)
{
	struct fixture *f = *state;

	file_write(f->state, "dovecot-warden state 0\nsaved 1\nend 0\n");
	tick(f);
	assert_int_equal(lines_with(f, "of another version"), 1);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_int_equal(faults_of(f), WARDEN_FAULT_STATE_LOST);
	restart(f);
	tick(f);
	assert_int_equal(faults_of(f), 0);
}

static void test_no_deny_file_is_wanted(void **state)
{
	struct fixture *f = *state;

	f->settings.hosts_deny_file[0] = '\0';
	restart(f);
	block(f, "192.0.2.1", 600, 1);
	tick(f);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	assert_int_equal(access(f->deny, F_OK), -1);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 0);
}

static void test_deny_file_of_a_mode_that_refuses_nobody(void **state)
{
	static const enum warden_mode modes[] = { WARDEN_MODE_OFF,
						  WARDEN_MODE_OBSERVE };
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		file_write(f->deny, "192.0.2.9\n");
		f->settings.policy.mode = modes[i];
		restart(f);
		tick(f);
		block(f, i == 0 ? "192.0.2.1" : "192.0.2.2", 600, 1);
		tick(f);
		assert_false(file_has(f->deny, "192.0.2"));
	}
	assert_int_equal(lines_with(f, "would block 192.0.2.2 until"), 1);
}

static void test_mode_off_tells_of_blocks(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("198.51.100.0/24");
	struct warden_error error;

	f->settings.policy.mode = WARDEN_MODE_OFF;
	restart(f);
	tick(f);
	block_until(f, "192.0.2.1", now_secs(f) + 2, 0, WARDEN_MANUAL);
	assert_true(warden_admin_network_block(f->warden, &net,
					       now_secs(f) + 600, f->now,
					       &error));
	tick(f);
	tick_after(f, 3000);
	assert_int_equal(lines_with(f, "would block 192.0.2.1 until"), 1);
	assert_int_equal(lines_with(f, "would block network 198.51"), 1);
	assert_int_equal(lines_with(f, "would have refused 0"), 1);
	assert_int_equal(lines_with(f, "blocked 1"), 0);
	assert_int_equal(lines_with(f, "blocked network"), 0);
}

static void test_exempt_host_is_in_the_deny_file(void **state)
{
	struct fixture *f = *state;
	struct warden_error error;

	assert_true(warden_settings_add_exempt(&f->settings, "test",
					       "192.0.2.0/28", &error));
	restart(f);
	block(f, "192.0.2.1", 600, 1);
	block(f, "192.0.2.99", 600, 1);
	tick(f);
	assert_false(file_has(f->deny, "192.0.2.1\n"));
	assert_true(file_has(f->deny, "192.0.2.99\n"));
}

static void test_blocked_network_begins_and_ends(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("198.51.100.0/24");
	struct warden_error error;

	tick(f);
	assert_true(warden_admin_network_block(f->warden, &net, now_secs(f) + 2,
					       f->now, &error));
	tick(f);
	assert_true(file_has(f->deny, "198.51.100.0/255.255.255.0\n"));
	assert_int_equal(lines_with(f, "blocked network 198.51.100.0/24"), 1);
	tick_after(f, 2000);
	assert_false(file_has(f->deny, "198.51.100"));
	assert_int_equal(warden_admin_networks(f->warden)->count, 0);
	assert_int_equal(lines_with(f, "network 198.51.100.0/24 has ended"), 1);
	assert_int_equal(f->began_told, 1);
	assert_true(f->last.is_network && !f->last.began);
}

static void test_shutdown_leaves_a_denial_behind(void **state)
{
	struct fixture *f = *state;

	block(f, "192.0.2.1", 600, 1);
	tick(f);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	assert_false(file_has(f->deny, "192.0.2.1"));
	assert_true(file_has(f->state, "host 192.0.2.1 block="));
	restart(f);
	tick(f);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
}

static void test_keeper_that_never_worked_touches_files(void **state)
{
	struct fixture *f = *state;

	/* waiting for another keeper's lock when Dovecot stopped */
	file_write(f->deny, "192.0.2.9\n");
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	assert_true(file_has(f->deny, "192.0.2.9\n"));
	assert_int_equal(access(f->state, F_OK), -1);
}

/* --- State ---------------------------------------------------------------- */

static void test_reboot_forgets_blocks_offences_or_known(void **state)
{
	struct fixture *f = *state;
	struct warden_host known = unit_host("192.0.2.3");
	struct warden_net net = unit_net("198.51.100.0/24");
	struct warden_error error;

	tick(f);
	block(f, "192.0.2.1", 3600, 3);
	block(f, "2001:db8::1", 60, 1);
	warden_table_success(warden_admin_table(f->warden), &known, true,
			     f->now - UINT64_C(1000) * DAY_SECS);
	assert_true(warden_admin_network_block(f->warden, &net,
					       WARDEN_FOREVER_SECS, f->now,
					       &error));
	tick(f);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, 600);
	tick(f);
	assert_true(info_of(f, "192.0.2.1").blocked);
	assert_uint_in_range(info_of(f, "192.0.2.1").blocked_until,
			     now_secs(f) + 2998, now_secs(f) + 3001);
	assert_int_equal(info_of(f, "192.0.2.1").offences, 3);
	assert_int_equal(info_of(f, "192.0.2.1").reason, WARDEN_AUTH_FAILED);
	/* over, but the next one is to be longer */
	assert_false(info_of(f, "2001:db8::1").blocked);
	assert_int_equal(info_of(f, "2001:db8::1").offences, 1);
	assert_true(info_of(f, "192.0.2.3").known);
	assert_uint_in_range(now_secs(f) - info_of(f, "192.0.2.3").last_login,
			     DAY_SECS + 598, DAY_SECS + 603);
	assert_int_equal(warden_admin_networks(f->warden)->count, 1);
	assert_int_equal(
		warden_admin_networks(f->warden)->networks[0].until_secs,
		WARDEN_FOREVER_SECS);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	assert_int_equal(lines_with(f, "1 blocked hosts, 1 known hosts and 1 "
				       "blocked networks"),
			 1);
	/* they were logged when they began */
	assert_int_equal(lines_with(f, "blocked 192.0.2.1"), 0);
}

static struct warden *open_auth(struct fixture *f)
{
	struct warden_error error;
	struct warden *auth =
		warden_open(f->table_dir, WARDEN_ROLE_AUTH, 0, &error);

	assert_non_null(auth);
	return auth;
}

/* A guess from each of so many networks as it takes. */
static bool besieged(struct fixture *f, struct warden *auth, const char *user)
{
	char text[WARDEN_NET_STRLEN];
	uint32_t id;
	bool began = false;

	for (int n = 0; n < 20; n++) {
		struct warden_host host;

		(void)snprintf(text, sizeof(text), "198.18.%d.1", n);
		host = unit_host(text);
		began = warden_siege_failed(&auth->siege, &host, user,
					    &f->settings.policy, f->now, &id);
	}
	return began;
}

/* From where a user logs in, and since when that is known. */
static void test_reboot_forgets_homes(void **state)
{
	struct fixture *f = *state;
	struct warden_host home = unit_host("192.0.2.1");
	struct warden_host stranger = unit_host("203.0.113.1");
	struct warden *auth;

	tick(f);
	auth = open_auth(f);
	warden_siege_logged_in(&auth->siege, &home, "alice",
			       &f->settings.policy,
			       f->now - 8 * UINT64_C(1000) * DAY_SECS);
	warden_siege_logged_in(&auth->siege, &home, "new", &f->settings.policy,
			       f->now);
	warden_close(&auth);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	assert_false(file_has(f->state, "alice"));
	assert_true(file_has(f->state, "\nkey "));
	reboot(f, 600);
	auth = open_auth(f);
	/* until the service is there nobody is known */
	assert_false(besieged(f, auth, "alice"));
	tick(f);
	assert_true(besieged(f, auth, "alice"));
	assert_false(besieged(f, auth, "new"));
	assert_false(warden_siege_refuses(&auth->siege, &home, "alice",
					  &f->settings.policy, f->now));
	assert_true(warden_siege_refuses(&auth->siege, &stranger, "alice",
					 &f->settings.policy, f->now));
	assert_int_equal(lines_with(f, "no place"), 0);
	warden_close(&auth);
	/* once in the life of the file: what is forgotten does not come back */
	shut_down(f);
	start(f, NULL);
	auth = open_auth(f);
	memset(auth->siege.file->homes, 0, sizeof(auth->siege.file->homes));
	tick(f);
	assert_false(warden_siege_refuses(&auth->siege, &stranger, "alice",
					  &f->settings.policy, f->now));
	warden_close(&auth);
}

static void test_block_that_ended_before_the_save_is_forgiven(void **state)
{
	struct fixture *f = *state;

	block(f, "192.0.2.1", 60, 2);
	tick(f);
	tick_after(f, UINT64_C(1000) * DAY_SECS);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, DAY_SECS);
	tick(f);
	assert_int_equal(info_of(f, "192.0.2.1").offences, 2);
	assert_false(info_of(f, "192.0.2.1").blocked);
	/* but after a week of peace it is */
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, WARDEN_PEACE_SECS);
	tick(f);
	assert_int_equal(info_of(f, "192.0.2.1").offences, 0);
}

static void test_login_of_the_future_makes_known_for_longer(void **state)
{
	struct fixture *f = *state;
	struct warden_host known = unit_host("192.0.2.3");

	tick(f);
	warden_table_success(warden_admin_table(f->warden), &known, true,
			     f->now);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, -10 * DAY_SECS);
	tick(f);
	assert_true(info_of(f, "192.0.2.3").known);
	assert_true(info_of(f, "192.0.2.3").last_login <= now_secs(f));
}

static void test_clock_behind_at_boot_revives_a_block(void **state)
{
	struct fixture *f = *state;

	tick(f);
	block(f, "192.0.2.1", 60, 1);
	block(f, "192.0.2.2", 600, 1);
	tick_after(f, 120000);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, -3600);
	tick(f);
	tick_after(f, 1000);
	assert_false(info_of(f, "192.0.2.1").blocked);
	assert_int_equal(info_of(f, "192.0.2.1").offences, 1);
	assert_false(file_has(f->deny, "192.0.2.1"));
	/* and this one lasts no longer than it did */
	assert_uint_in_range(info_of(f, "192.0.2.2").blocked_until,
			     now_secs(f) + 470, now_secs(f) + 481);
	assert_int_equal(lines_with(f, "the clock is behind"), 1);
}

static void test_restored_block_is_longer_than_a_new_one(void **state)
{
	struct fixture *f = *state;
	char text[512];

	f->settings.policy.block_time_secs = 1800;
	f->settings.policy.block_time_max_secs = 100000;
	restart(f);
	(void)snprintf(text, sizeof(text),
		       "dovecot-warden state 1\nsaved 1\n"
		       "host 192.0.2.1 block=forever reason=idle\n"
		       "host 192.0.2.2 block=forever offences=1 reason=idle\n"
		       "host 192.0.2.3 block=forever offences=3 reason=idle\n"
		       "host 192.0.2.4 block=forever offences=15 reason=idle\n"
		       "host 192.0.2.5 block=forever reason=manual\n"
		       "host 192.0.2.6 block=%lld offences=1 reason=idle\n"
		       "end 6\n",
		       (long long)f->wall_now + 77);
	file_write(f->state, text);
	tick_after(f, 0);
	assert_int_equal(info_of(f, "192.0.2.1").blocked_until,
			 now_secs(f) + 1800);
	assert_int_equal(info_of(f, "192.0.2.2").blocked_until,
			 now_secs(f) + 1800);
	assert_int_equal(info_of(f, "192.0.2.3").blocked_until,
			 now_secs(f) + 4 * 1800);
	assert_int_equal(info_of(f, "192.0.2.4").blocked_until,
			 now_secs(f) + 100000);
	assert_int_equal(info_of(f, "192.0.2.5").blocked_until,
			 WARDEN_FOREVER_SECS);
	assert_int_equal(info_of(f, "192.0.2.6").blocked_until,
			 now_secs(f) + 77);
}

static void test_strangers_block_without_end_is_saved(void **state)
{
	struct fixture *f = *state;

	tick(f);
	block_until(f, "192.0.2.1", WARDEN_FOREVER_SECS, 1,
		    WARDEN_AUTH_FAILED);
	block_until(f, "192.0.2.2", WARDEN_FOREVER_SECS, 0, WARDEN_MANUAL);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->state, "host 192.0.2.1 block="));
	assert_false(file_has(f->state, "host 192.0.2.1 block=forever"));
	assert_true(file_has(f->state, "host 192.0.2.2 block=forever"));
}

static void test_refusals_before_the_reboot_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	tick(f);
	block(f, "192.0.2.1", 1800, 1);
	for (int i = 0; i < 17; i++)
		warden_table_refused(warden_admin_table(f->warden), &host);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, 60);
	tick(f);
	assert_int_equal(info_of(f, "192.0.2.1").refused, 17);
}

static void test_clock_that_was_set_leaves_wrong_times_in_the_file(void **state)
{
	struct fixture *f = *state;
	char saved[64];

	/* no battery: it is 1970 until the network is there */
	f->wall_now = 20;
	block(f, "192.0.2.1", 1800, 1);
	tick(f);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	(void)snprintf(saved, sizeof(saved), "\nsaved %lld\n",
		       (long long)f->wall_now);
	assert_true(file_has(f->state, saved));
	/* a little, as it is corrected all the time, is not worth a write */
	f->wall_now += WARDEN_SAVE_CLOCK_SECS;
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->state, saved));
	f->wall_now = WALL_NOW;
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	(void)snprintf(saved, sizeof(saved), "\nsaved %lld\n",
		       (long long)f->wall_now);
	assert_true(file_has(f->state, saved));
	assert_true(file_has(f->state, "block=17953"));
}

static void test_typo_in_the_settings_erases_the_state(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.0/24");
	struct warden_host host;
	struct warden_host_info info;
	struct warden_error error;

	f->settings.policy.ipv4_prefix = 24;
	restart(f);
	assert_true(warden_host_from_net(&host, &net, 24, 64));
	tick(f);
	assert_true(warden_table_block(warden_admin_table(f->warden), &host,
				       WARDEN_FOREVER_SECS, 0, WARDEN_MANUAL,
				       0, f->now));
	net = unit_net("198.51.100.0/24");
	assert_true(warden_admin_network_block(f->warden, &net,
					       WARDEN_FOREVER_SECS, f->now,
					       &error));
	tick(f);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, 60);
	/* twice: the first one has left a heartbeat behind */
	for (int i = 0; i < 2; i++) {
		shut_down(f);
		start(f, "warden_fail_limt: unknown setting");
		tick(f);
		tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
		tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
		warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
		assert_true(file_has(f->state, "host 192.0.2.0/24 "));
		assert_true(file_has(f->state, "network 198.51.100.0/24 "));
		assert_int_equal(lines_with(f, "found no place"), 0);
	}
	restart(f);
	tick(f);
	assert_true(warden_table_read(warden_admin_table(f->warden), &host,
				      &f->settings.policy, f->now, &info));
	assert_true(info.blocked);
	assert_int_equal(warden_admin_networks(f->warden)->count, 1);
}

static void test_entries_without_a_place_are_lost(void **state)
{
	struct fixture *f = *state;
	static const char text[] =
		"dovecot-warden state 1\nsaved 1\n"
		"host 192.0.2.0/24 block=forever reason=manual\n"
		"host 192.0.2.1 block=forever reason=manual\n"
		"end 2\n";
	char bak[600];

	(void)snprintf(bak, sizeof(bak), "%s.bak", f->state);
	file_write(bak, "an older one\n");
	file_write(f->state, text);
	tick(f);
	assert_int_equal(lines_with(f, "1 entries of "), 1);
	assert_int_equal(lines_with(f, "kept as "), 1);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->state, "host 192.0.2.1 block=forever"));
	assert_false(file_has(f->state, "192.0.2.0/24"));
	assert_string_equal(file_read(bak), text);
}

static void test_clock_that_was_set_moves_a_block(void **state)
{
	struct fixture *f = *state;
	uint32_t until;

	block(f, "192.0.2.1", 3600, 2);
	until = now_secs(f) + 3600;
	tick(f);
	f->wall_now -= 400 * (int64_t)DAY_SECS;
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	f->wall_now += 800 * (int64_t)DAY_SECS;
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_int_equal(info_of(f, "192.0.2.1").blocked_until, until);
	assert_true(file_has(f->deny, "192.0.2.1\n"));
	/* what is saved now is by the present clock */
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, 0);
	tick(f);
	assert_uint_in_range(info_of(f, "192.0.2.1").blocked_until,
			     now_secs(f) + 3530, now_secs(f) + 3545);
}

static void test_clock_of_1970_at_boot_blocks_for_decades(void **state)
{
	struct fixture *f = *state;

	f->settings.policy.block_time_max_secs = 7200;
	restart(f);
	block(f, "192.0.2.1", 3600, 1);
	tick(f);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	reboot(f, 60 - f->wall_now);
	tick(f);
	assert_true(info_of(f, "192.0.2.1").blocked);
	assert_true(info_of(f, "192.0.2.1").blocked_until <=
		    now_secs(f) + f->settings.policy.block_time_max_secs);
}

static void test_unblocked_host_comes_back_from_the_state(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	block(f, "192.0.2.1", 3600, 1);
	tick(f);
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	shut_down(f);
	start(f, NULL);
	/* by doveadm, while no service is there */
	assert_true(warden_table_unblock(warden_admin_table(f->warden), &host,
					 f->now));
	tick(f);
	assert_false(info_of(f, "192.0.2.1").blocked);
}

static void test_unblock_is_lost_when_killed(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");

	tick(f);
	block(f, "192.0.2.1", 3600, 1);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->state, "host 192.0.2.1 block="));
	assert_true(warden_table_unblock(warden_admin_table(f->warden), &host,
					 f->now));
	tick(f);
	assert_false(file_has(f->state, "192.0.2.1"));
	assert_int_equal(lines_with(f, "192.0.2.1 was lifted early"), 1);
}

/* A stranger who can write the table can feign an unblock at each tick. */
static void test_each_of_many_unblocks_is_a_save(void **state)
{
	struct fixture *f = *state;
	char kept[32][600];
	unsigned int saves = 0;
	ino_t inode = 0;

	tick(f);
	for (unsigned int i = 0; i < 40; i++) {
		block(f, "192.0.2.1", 600, 1);
		tick(f);
		unblock(f, "192.0.2.1");
		/* and there is always something new to save */
		block(f, "192.0.2.2", 600 + i, 1);
		tick(f);
		if (access(f->state, F_OK) < 0 ||
		    file_inode(f->state) == inode)
			continue;
		inode = file_inode(f->state);
		assert_true(saves < 32);
		/* keeps the inode from being used again */
		(void)snprintf(kept[saves], sizeof(kept[0]), "%s.%u", f->state,
			       saves);
		assert_int_equal(link(f->state, kept[saves++]), 0);
	}
	/* twenty seconds */
	assert_uint_in_range(saves, 4, 5);
	/* the last one is not forgotten */
	block(f, "192.0.2.3", 600, 1);
	tick(f);
	unblock(f, "192.0.2.2");
	tick(f);
	tick_after(f, WARDEN_SAVE_EARLY_MSECS);
	assert_false(file_has(f->state, "192.0.2.2"));
	assert_true(file_has(f->state, "192.0.2.3"));
}

static void test_state_is_saved_only_when_due_and_changed(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	char other[600];
	ino_t inode;

	tick(f);
	block(f, "192.0.2.1", 36000, 1);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS - 1);
	assert_int_equal(access(f->state, F_OK), -1);
	tick_after(f, 1);
	assert_true(file_has(f->state, "host 192.0.2.1 block="));
	inode = file_inode(f->state);
	(void)snprintf(other, sizeof(other), "%s.kept", f->state);
	assert_int_equal(link(f->state, other), 0);
	/* refusals are not worth a write */
	warden_table_refused(warden_admin_table(f->warden), &host);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_inode(f->state) == inode);
	block(f, "192.0.2.1", 36000, 2);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_inode(f->state) != inode);
	assert_true(file_has(f->state, "offences=2"));
}

static void test_damaged_state_stops_the_service(void **state)
{
	struct fixture *f = *state;
	char bad[600];

	file_write(f->state, "dovecot-warden state 1\nhost 192.0.2.1 blo");
	tick(f);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	(void)snprintf(bad, sizeof(bad), "%s.bad", f->state);
	assert_true(file_has(bad, "192.0.2.1"));
	assert_int_equal(access(f->state, F_OK), -1);
	assert_non_null(warden_policy(f->warden, f->now));
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->state, "end 0\n"));
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
}

static void test_state_fault_is_logged_once_until_it_works(void **state)
{
	struct fixture *f = *state;

	tick(f);
	assert_int_equal(mkdir(f->state, 0700), 0);
	for (int i = 0; i < 5; i++)
		tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	assert_int_equal(rmdir(f->state), 0);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_true(file_has(f->state, "end 0\n"));
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	/* it worked: the next fault is news again */
	assert_int_equal(unlink(f->state), 0);
	assert_int_equal(mkdir(f->state, 0700), 0);
	block(f, "192.0.2.1", 6000, 1);
	tick_after(f, WARDEN_SAVE_INTERVAL_MSECS);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 2);
	assert_int_equal(rmdir(f->state), 0);
}

/* --- Log ------------------------------------------------------------------ */

static void test_length_in_the_log_is_a_moment_too_short(void **state)
{
	struct fixture *f = *state;
	uint32_t start;

	tick(f);
	start = now_secs(f);
	for (uint32_t late = 0; late <= 2; late++) {
		f->line_count = 0;
		block_until(f, "192.0.2.1", start + 1800, 1, WARDEN_IDLE);
		block_until(f, "192.0.2.2", start + 600, 0, WARDEN_MANUAL);
		block_until(f, "192.0.2.3", start + 7 * DAY_SECS, 0,
			    WARDEN_MANUAL);
		block_until(f, "192.0.2.4", start + 1800 - 10, 1, WARDEN_IDLE);
		tick(f);
		assert_int_equal(lines_with(f, "(30 min)"), 1);
		assert_int_equal(lines_with(f, "(10 min)"), 1);
		assert_int_equal(lines_with(f, "(7 days)"), 1);
		assert_int_equal(lines_with(f, "(29 min)"), 1);
		for (int i = 1; i <= 4; i++) {
			char host[32];

			(void)snprintf(host, sizeof(host), "192.0.2.%d", i);
			unblock(f, host);
		}
		tick(f);
		/* the next second */
		f->now = (f->now / 1000 + 1) * 1000;
	}
}

static void test_mended_table_floods_the_log(void **state)
{
	struct fixture *f = *state;
	struct warden_hosts_header *header;

	tick(f);
	header = warden_admin_table(f->warden)->header;
	for (int i = 0; i < 100; i++) {
		header->file.magic[0] = 'X';
		tick(f);
		assert_int_equal(header->file.magic[0], 'D');
	}
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	tick_after(f, 60000);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 1);
	header->file.magic[0] = 'X';
	tick(f);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_ERROR), 2);
}

static void test_botnet_floods_the_log(void **state)
{
	struct fixture *f = *state;
	char host[32];

	tick(f);
	for (int i = 1; i <= 200; i++) {
		(void)snprintf(host, sizeof(host), "192.0.2.%d", i);
		block(f, host, 6000, 1);
		if (i % 10 == 0)
			tick(f);
	}
	assert_int_equal(lines_with(f, "blocked 192.0.2."),
			 WARDEN_REPORT_LINES);
	tick_after(f, UINT64_C(1000) * WARDEN_REPORT_WINDOW_SECS);
	assert_int_equal(lines_with(f, "and 180 more blocks that began and 0 "
				       "that ended"),
			 1);
	/* and one line again for what comes now */
	block(f, "203.0.113.1", 6000, 1);
	tick(f);
	assert_int_equal(lines_with(f, "blocked 203.0.113.1 until"), 1);
}

static void test_block_without_a_line_is_not_told(void **state)
{
	struct fixture *f = *state;
	char host[32];

	tick(f);
	for (int i = 1; i <= 100; i++) {
		(void)snprintf(host, sizeof(host), "192.0.2.%d", i);
		block(f, host, 60, 1);
	}
	tick(f);
	assert_int_equal(f->began_told, 100);
	assert_int_equal(f->ended_told, 0);
	tick_after(f, 61000);
	assert_int_equal(f->began_told, 100);
	assert_int_equal(f->ended_told, 100);
	assert_int_equal(lines_with(f, "192.0.2."), 2 * WARDEN_REPORT_LINES);
}

static void test_figures_of_a_block_are_told(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	const struct warden_report_block *told = &f->last;

	tick(f);
	block_until(f, "192.0.2.1", now_secs(f) + 1800, 3, WARDEN_USER_UNKNOWN);
	tick(f);
	assert_true(told->began && told->enforced);
	assert_false(told->is_network);
	assert_int_equal(told->reason, WARDEN_USER_UNKNOWN);
	assert_int_equal(told->secs, 1800);
	assert_int_equal(told->offences, 3);

	warden_table_refused(warden_admin_table(f->warden), &host);
	tick_after(f, 1801000);
	assert_false(told->began || told->lifted);
	assert_int_equal(told->reason, WARDEN_USER_UNKNOWN);
	assert_int_equal(told->refused, 1);

	block_until(f, "192.0.2.2", WARDEN_FOREVER_SECS, 0, WARDEN_MANUAL);
	tick(f);
	assert_int_equal(f->last.reason, WARDEN_MANUAL);
	assert_int_equal(f->last.secs, 0);
	unblock(f, "192.0.2.2");
	tick(f);
	assert_true(!told->began && told->lifted);
}

static void test_counts_are_easy_to_read(void **state)
{
	char buf[WARDEN_COUNT_STRLEN];

	(void)state;
	assert_string_equal(warden_count_format(0, buf), "0");
	assert_string_equal(warden_count_format(999, buf), "999");
	assert_string_equal(warden_count_format(1000, buf), "1,000");
	assert_string_equal(warden_count_format(UINT64_MAX, buf),
			    "18,446,744,073,709,551,615");
}

static void test_table_fault_is_logged_more_than_once(void **state)
{
	struct fixture *f = *state;

	tick(f);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_WARNING), 0);
	atomic_fetch_add(&warden_admin_table(f->warden)->header->set_full, 1);
	for (int i = 0; i < 5; i++)
		tick_after(f, WARDEN_KEEPER_TIDY_MSECS);
	assert_int_equal(lines_of(f, WARDEN_LEVEL_WARNING), 1);
	assert_int_equal(lines_with(f, "warden_table_hosts"), 1);
}

/* --- Sessions ------------------------------------------------------------- */

static void test_session_of_a_dead_process_counts_on(void **state)
{
	struct fixture *f = *state;
	struct warden_net net = unit_net("192.0.2.1");
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_session dead, alive;
	pid_t pid;

	tick(f);
	pid = fork();
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(warden_session_open(f->warden, unit_client(&net), pid,
					     f->now, &dead),
			 WARDEN_ADMITTED);
	assert_int_equal(warden_session_open(f->warden, unit_client(&net),
					     getpid(), f->now, &alive),
			 WARDEN_ADMITTED);
	tick_after(f, WARDEN_KEEPER_TIDY_MSECS);
	assert_int_equal(warden_table_sessions(warden_admin_table(f->warden),
					       &host, f->now),
			 1);
	warden_session_close(f->warden, &alive);
	assert_int_equal(warden_table_sessions(warden_admin_table(f->warden),
					       &host, f->now),
			 0);
}

static void test_session_of_a_number_used_again_counts_on(void **state)
{
	struct fixture *f = *state;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_session session;
	/* a moment before this process was started: the boot */
	uint64_t boot = UINT64_C(1000) * WARDEN_CLOCK_BASE_SECS;
	uint32_t cursor = 0;

	assert_int_equal(
		warden_table_session_open(warden_admin_table(f->warden), &host,
					  0, 0, getpid(), boot, &session),
		1);
	assert_int_equal(warden_reap(warden_admin_table(f->warden), &cursor,
				     boot + 1000),
			 1);
}

/* --- Host names ------------------------------------------------------------ */

#define ADDRESS "192.0.2.1"
#define DNS_MSECS (UINT64_C(1000) * f->settings.policy.dns_timeout_secs)

static void allow_write(struct fixture *f, const char *text)
{
	file_write(f->settings.hosts_allow, text);
	/* once it is seen to be another, once to be the same as before */
	for (int i = 0; i < 3; i++)
		tick(f);
}

static void start_with_names(struct fixture *f)
{
	(void)snprintf(f->settings.hosts_allow, sizeof(f->settings.hosts_allow),
		       "%s/hosts.allow", (char *)f->dir);
	file_write(f->settings.hosts_allow, "sshd: .good.example\n");
	restart(f);
	tick(f);
}

static bool name_is_wanted(struct fixture *f)
{
	struct warden_net addr, expected = unit_net(ADDRESS);

	if (!warden_keeper_next_name(f->keeper, &addr))
		return false;
	assert_true(warden_net_equals(&addr, &expected));
	return true;
}

static void name_is(struct fixture *f, const char *name)
{
	struct warden_net net = unit_net(ADDRESS);
	struct warden_client client = {
		.remote = &net,
		.name_state = WARDEN_RULES_NAME_GIVEN,
		.name = name,
	};

	warden_keeper_name_found(f->keeper, &client, f->now);
}

/* As pam_warden sees it. */
static bool sshd_refuses(struct fixture *f)
{
	struct warden_net net = unit_net(ADDRESS);
	struct warden_error error;
	struct warden *pam =
		warden_open(f->table_dir, WARDEN_ROLE_PAM, 0, &error);
	enum warden_refusal refusal;

	assert_non_null(pam);
	refusal = warden_check(pam, unit_client_by(&net, WARDEN_PROTOCOL_SSH),
			       WARDEN_STAGE_AUTH, f->now);
	warden_close(&pam);
	return refusal != WARDEN_ADMITTED;
}

static void test_name_that_is_meant_keeps_a_host_out_of_the_file(void **state)
{
	struct fixture *f = *state;

	start_with_names(f);
	assert_false(name_is_wanted(f));
	block(f, ADDRESS, 6000, 1);
	tick(f);
	assert_true(sshd_refuses(f));
	assert_true(name_is_wanted(f));
	assert_false(name_is_wanted(f));
	assert_int_equal(warden_keeper_name_msecs(f->keeper, f->now),
			 DNS_MSECS);
	name_is(f, "a.good.example");
	/* not at the next tick: at once */
	assert_false(sshd_refuses(f));
	tick_after(f, DNS_MSECS);
	tick(f);
	assert_false(file_has(f->deny, ADDRESS));
	/* a rule that is gone means nobody */
	allow_write(f, "sshd: .bad.example\n");
	assert_true(sshd_refuses(f));
	assert_true(name_is_wanted(f));
	name_is(f, "a.good.example");
	tick(f);
	tick(f);
	assert_true(file_has(f->deny, ADDRESS "\n"));
	assert_true(sshd_refuses(f));
	allow_write(f, "sshd: .good.example\n");
	assert_true(name_is_wanted(f));
	name_is(f, "a.good.example");
	tick(f);
	tick(f);
	assert_false(file_has(f->deny, ADDRESS));
	allow_write(f, "");
	assert_true(file_has(f->deny, ADDRESS "\n"));
	assert_true(sshd_refuses(f));
	assert_false(name_is_wanted(f));
}

static void test_name_that_never_comes_delays_the_file_so_long(void **state)
{
	struct fixture *f = *state;
	uint64_t end;

	start_with_names(f);
	block(f, ADDRESS, 6000, 1);
	tick(f);
	end = f->now + DNS_MSECS;
	assert_true(name_is_wanted(f));
	while (f->now < end) {
		assert_false(file_has(f->deny, ADDRESS));
		tick(f);
	}
	assert_true(file_has(f->deny, ADDRESS "\n"));
	assert_false(name_is_wanted(f));
	/* late */
	name_is(f, "a.good.example");
	tick(f);
	assert_false(file_has(f->deny, ADDRESS));
}

static void test_nobody_is_meant_by_name_when_the_service_ends(void **state)
{
	struct fixture *f = *state;

	start_with_names(f);
	block(f, ADDRESS, 6000, 1);
	tick(f);
	name_is(f, "a.good.example");
	assert_false(sshd_refuses(f));
	warden_keeper_shutdown(f->keeper, f->now, f->wall_now);
	assert_true(sshd_refuses(f));
	restart(f);
	tick(f);
	name_is(f, "a.good.example");
	assert_false(sshd_refuses(f));
	/* this one is killed; what comes cannot read the rules */
	shut_down(f);
	start(f, "no such setting");
	tick(f);
	assert_true(sshd_refuses(f));
}

static void test_names_are_nobodys_business_when_the_guard_is_off(void **state)
{
	struct fixture *f = *state;

	f->settings.policy.mode = WARDEN_MODE_OFF;
	start_with_names(f);
	block(f, ADDRESS, 6000, 1);
	tick(f);
	assert_false(name_is_wanted(f));
}

/* An account on guard is counted for status, and the line when it ends has no
   name in it. */
static void test_end_of_a_siege_is_logged_twice_or_not(void **state)
{
	struct fixture *f = *state;
	struct warden_host home = unit_host("192.0.2.1");
	struct warden_siege siege;
	struct warden_health health;
	struct warden *auth;
	struct warden_error error;
	char text[WARDEN_NET_STRLEN];
	uint32_t id = 0;

	f->settings.policy.siege_learn_secs = 0;
	restart(f);
	tick(f);
	auth = warden_open(f->table_dir, WARDEN_ROLE_AUTH, 0, &error);
	assert_non_null(auth);
	assert_true(warden_siege_init(&siege, auth->auth_file.base,
				      sizeof(struct warden_auth_file)));
	warden_siege_logged_in(&siege, &home, "alice", &f->settings.policy,
			       f->now);
	for (int n = 0; n < 21; n++) {
		struct warden_host host;

		(void)snprintf(text, sizeof(text), "198.18.%d.1", n);
		host = unit_host(text);
		(void)warden_siege_failed(&siege, &host, "alice",
					  &f->settings.policy, f->now, &id);
		warden_siege_refused(&siege, &host, "alice",
				     &f->settings.policy, f->now);
	}
	tick_after(f, WARDEN_KEEPER_TIDY_MSECS);
	warden_admin_health(f->warden, f->now, &health);
	assert_int_equal(health.accounts_on_guard, 1);
	assert_int_equal(lines_with(f, "siege"), 0);
	restart(f);
	tick(f);
	tick_after(f, 3600 * 1000);
	tick_after(f, WARDEN_KEEPER_TIDY_MSECS);
	(void)snprintf(text, sizeof(text), "siege %08x has ended: refused 21",
		       id);
	assert_int_equal(lines_with(f, text), 1);
	assert_int_equal(lines_with(f, "alice"), 0);
	assert_int_equal(f->last.siege, id);
	assert_int_equal(f->last.refused, 21);
	warden_admin_health(f->warden, f->now, &health);
	assert_int_equal(health.accounts_on_guard, 0);
	warden_close(&auth);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rules_are_in_force_after_the_first_tick),
		TEST(test_rules_end_when_nobody_ticks),
		TEST(test_wrong_settings_leave_the_former_rules),
		TEST(test_wrong_settings_and_none_before_refuse_nobody),
		TEST(test_block_is_in_the_deny_file_at_the_next_tick),
		TEST(test_end_of_block_is_logged_once_and_leaves_the_file),
		TEST(test_deny_file_is_not_written_within_the_interval),
		TEST(test_deny_file_keeps_no_interval_of_its_own),
		TEST(test_deny_file_is_not_written_without_a_change),
		TEST(test_removed_deny_file_comes_back),
#ifndef __SANITIZE_ADDRESS__
		TEST(test_block_stays_in_the_deny_file_without_memory),
		TEST(test_deny_list_without_memory_is_not_tried_again),
		TEST(test_promised_memory_does_not_suffice),
#endif
		TEST(test_deny_file_fault_is_logged_once_until_it_works),
		TEST(test_full_disk_keeps_a_forgiven_host_denied),
		TEST(test_second_dovecot_writes_the_files_of_the_first),
		TEST(test_lost_state_is_forgotten),
		TEST(test_no_deny_file_is_wanted),
		TEST(test_deny_file_of_a_mode_that_refuses_nobody),
		TEST(test_mode_off_tells_of_blocks),
		TEST(test_exempt_host_is_in_the_deny_file),
		TEST(test_blocked_network_begins_and_ends),
		TEST(test_shutdown_leaves_a_denial_behind),
		TEST(test_keeper_that_never_worked_touches_files),
		TEST(test_reboot_forgets_blocks_offences_or_known),
		TEST(test_reboot_forgets_homes),
		TEST(test_block_that_ended_before_the_save_is_forgiven),
		TEST(test_login_of_the_future_makes_known_for_longer),
		TEST(test_clock_behind_at_boot_revives_a_block),
		TEST(test_restored_block_is_longer_than_a_new_one),
		TEST(test_strangers_block_without_end_is_saved),
		TEST(test_refusals_before_the_reboot_are_forgotten),
		TEST(test_clock_that_was_set_leaves_wrong_times_in_the_file),
		TEST(test_typo_in_the_settings_erases_the_state),
		TEST(test_entries_without_a_place_are_lost),
		TEST(test_clock_that_was_set_moves_a_block),
		TEST(test_clock_of_1970_at_boot_blocks_for_decades),
		TEST(test_unblocked_host_comes_back_from_the_state),
		TEST(test_unblock_is_lost_when_killed),
		TEST(test_each_of_many_unblocks_is_a_save),
		TEST(test_state_is_saved_only_when_due_and_changed),
		TEST(test_damaged_state_stops_the_service),
		TEST(test_state_fault_is_logged_once_until_it_works),
		TEST(test_length_in_the_log_is_a_moment_too_short),
		TEST(test_mended_table_floods_the_log),
		TEST(test_botnet_floods_the_log),
		TEST(test_block_without_a_line_is_not_told),
		TEST(test_figures_of_a_block_are_told),
		TEST(test_counts_are_easy_to_read),
		TEST(test_table_fault_is_logged_more_than_once),
		TEST(test_session_of_a_dead_process_counts_on),
		TEST(test_session_of_a_number_used_again_counts_on),
		TEST(test_name_that_is_meant_keeps_a_host_out_of_the_file),
		TEST(test_name_that_never_comes_delays_the_file_so_long),
		TEST(test_nobody_is_meant_by_name_when_the_service_ends),
		TEST(test_names_are_nobodys_business_when_the_guard_is_off),
		TEST(test_end_of_a_siege_is_logged_twice_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
