/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The disk is full: ENOSPC at the n-th call of the service that takes room on
   it, for every n, through its real writers. Once as a disk that has room again
   at the next call, once as one that stays full until somebody mends it.

   The work is done by a thread whose calls the kernel lets us answer
   (seccomp_unotify(2)); where it cannot, the test is skipped. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit-dir.h"
#include "unit.h"
#include "warden-keeper.h"
#include "warden-saver.h"
#include "warden-state.h"

#define WALL_NOW INT64_C(1795323967)
#define TABLE_HOSTS 1024
#define ROUNDS_MAX 1000

/* --- Calls that can be answered ------------------------------------------- */

static const unsigned int room_calls[] = {
	__NR_write,    __NR_pwrite64,  __NR_fallocate, __NR_fsync,
	__NR_linkat,   __NR_renameat2, __NR_mkdirat,
#ifdef __NR_renameat
	__NR_renameat,
#endif
#ifdef __NR_link
	__NR_link,
#endif
#ifdef __NR_rename
	__NR_rename,
#endif
#ifdef __NR_mkdir
	__NR_mkdir,
#endif
};

#define ROOM_CALLS (sizeof(room_calls) / sizeof(room_calls[0]))
#define SECCOMP_OFFSET(member) \
	(unsigned int)offsetof(struct seccomp_data, member)
/* the low half of an argument */
#define SECCOMP_ARG(n)                    \
	(SECCOMP_OFFSET(args) + 8 * (n) + \
	 (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0))

static int listen_to_calls(void)
{
	struct sock_filter code[2 * ROOM_CALLS + 8];
	struct sock_fprog program = { .filter = code };
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 SECCOMP_OFFSET(nr));
	for (size_t i = 0; i < ROOM_CALLS; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, room_calls[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	/* openat(), if it may make a file */
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						 __NR_openat, 0, 3);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 SECCOMP_ARG(2));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						 O_CREAT, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						 SECCOMP_RET_USER_NOTIF);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						 SECCOMP_RET_ALLOW);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* What the worker tells us: a write() of so many bytes to nowhere. */
enum mark {
	MARK_MENDED = 0x6d656e64,
	MARK_DONE = 0x646f6e65,
};

static void mark(enum mark what)
{
	(void)syscall(__NR_write, -1, NULL, (size_t)what);
}

/* --- One round ------------------------------------------------------------ */

struct round {
	char table_dir[256], dir[256], deny[300], state[300];
	unsigned int n;
	bool stays_full;
	unsigned int calls; /* before it was mended */

	_Atomic int listener; /* 0: not yet */
	uint64_t now;
	unsigned int deny_lines, state_lines, other_lines;
	bool opened; /* in spite of the full disk */
	bool works;  /* after it was mended */
	uint32_t faults, faults_after;
};

static void log_line(void *context, enum warden_level level, const char *line,
		     const struct warden_report_block *block)
{
	struct round *round = context;

	(void)block;
	if (level != WARDEN_LEVEL_ERROR && level != WARDEN_LEVEL_WARNING)
		return;
	if (strstr(line, "the deny file cannot be written") != NULL)
		round->deny_lines++;
	else if (strstr(line, "the state is not saved") != NULL)
		round->state_lines++;
	else
		round->other_lines++;
}

struct service {
	struct warden *warden;
	struct warden_keeper *keeper;
};

static bool service_open(struct round *round, struct service *service)
{
	struct warden_settings settings;
	struct warden_error error;

	warden_settings_init_defaults(&settings);
	settings.hosts_allow[0] = '\0';
	settings.hosts_deny[0] = '\0';
	settings.policy.deny_private = 1;
	(void)snprintf(settings.hosts_deny_file,
		       sizeof(settings.hosts_deny_file), "%s", round->deny);
	(void)snprintf(settings.state_dir, sizeof(settings.state_dir), "%s",
		       round->dir);
	service->warden = warden_open(round->table_dir, WARDEN_ROLE_SERVICE,
				      TABLE_HOSTS, &error);
	if (service->warden == NULL)
		return false;
	service->keeper = warden_keeper_create(service->warden, &settings, NULL,
					       getpid(), log_line, round);
	return service->keeper != NULL;
}

static void service_close(struct service *service)
{
	warden_keeper_free(&service->keeper);
	warden_close(&service->warden);
}

static void service_block(struct round *round, struct service *service,
			  const char *text)
{
	struct warden_host host = unit_host(text);

	(void)warden_table_block(warden_admin_table(service->warden), &host,
				 (uint32_t)(round->now / 1000) + 6000, 1,
				 WARDEN_AUTH_FAILED, 0, round->now);
}

/* Long enough for everything to be tried again. */
static void service_work(struct round *round, struct service *service)
{
	for (int i = 0; i < 3; i++) {
		warden_keeper_tick(service->keeper, round->now,
				   WALL_NOW + (int64_t)(round->now / 1000));
		round->now += WARDEN_KEEPER_TICK_MSECS;
	}
	round->now += WARDEN_SAVE_INTERVAL_MSECS;
	warden_keeper_tick(service->keeper, round->now,
			   WALL_NOW + (int64_t)(round->now / 1000));
}

static uint32_t service_faults(struct round *round, struct service *service)
{
	struct warden_health health;

	warden_admin_health(service->warden, round->now, &health);
	return health.faults;
}

/* Nothing is asserted in here: cmocka cannot leave another thread. */
static void *worker(void *context)
{
	struct round *round = context;
	struct service service = { NULL, NULL };
	int fd = listen_to_calls();

	atomic_store(&round->listener, fd > 0 ? fd : -1);
	if (fd < 0)
		return NULL;
	round->opened = service_open(round, &service);
	if (round->opened) {
		service_block(round, &service, "192.0.2.1");
		service_work(round, &service);
		service_block(round, &service, "192.0.2.2");
		service_work(round, &service);
		round->faults = service_faults(round, &service);
	}
	mark(MARK_MENDED);
	round->works = round->opened || service_open(round, &service);
	if (round->works) {
		service_block(round, &service, "192.0.2.1");
		service_block(round, &service, "192.0.2.2");
		service_work(round, &service);
		round->faults_after = service_faults(round, &service);
	}
	service_close(&service);
	mark(MARK_DONE);
	return NULL;
}

/* --- Looking at what is there --------------------------------------------- */

static void file_put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void file_get(const char *path, char *text_r, size_t size)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text_r[fread(text_r, 1, size - 1, file)] = '\0';
	(void)fclose(file);
}

/* Of the old file or of a new one: whole lines. Returns how many. */
static size_t deny_count(const struct round *round, bool old_too)
{
	char text[512], *rest = text, *line;
	size_t count = 0;

	file_get(round->deny, text, sizeof(text));
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		bool old = strcmp(line, "203.0.113.9") == 0;

		if ((!old || !old_too) && strcmp(line, "192.0.2.1") != 0 &&
		    strcmp(line, "192.0.2.2") != 0 &&
		    strcmp(line, "192.0.2.9") != 0)
			fail_msg("round %u: '%s' is denied", round->n, line);
		count++;
	}
	if (line == NULL || *line != '\0')
		fail_msg("round %u: the last line is not whole", round->n);
	return count;
}

static size_t state_count(const struct round *round)
{
	struct warden_state_entry *entries;
	struct warden_error error;
	int64_t saved;
	size_t count;

	if (warden_state_read(round->state, &saved, &entries, &count, &error) !=
	    1)
		fail_msg("round %u: %s", round->n, error.text);
	free(entries);
	return count;
}

static void assert_only_names(const struct round *round, const char *path,
			      const char *names)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	char name[300];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		(void)snprintf(name, sizeof(name), " %s ", entry->d_name);
		if (strstr(names, name) == NULL)
			fail_msg("round %u: left behind: %s", round->n,
				 entry->d_name);
	}
	(void)closedir(dir);
}

static void assert_mended(const struct round *round)
{
	assert_true(round->works);
	assert_int_equal(round->faults_after, 0);
	assert_int_equal(deny_count(round, false), 3);
	assert_int_equal(state_count(round), 3);
	assert_only_names(round, round->dir,
			  " . .. state .state.lock hosts.deny "
			  ".hosts.deny.lock ");
	assert_only_names(round, round->table_dir,
			  " . .. policy hosts auth rules origins ");
	assert_uint_in_range(round->deny_lines, 0, 1);
	assert_uint_in_range(round->state_lines, 0, 1);
	assert_int_equal(round->other_lines, 0);
	if (!round->stays_full || !round->opened)
		return;
	assert_int_equal((round->faults & WARDEN_FAULT_DENY_FILE) != 0,
			 round->deny_lines);
	assert_int_equal((round->faults & WARDEN_FAULT_STATE) != 0,
			 round->state_lines);
}

/* --- Answering ------------------------------------------------------------ */

static void answer(int listener, uint64_t id, int error)
{
	struct seccomp_notif_resp resp = {
		.id = id,
		.error = -error,
		.flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
	};

	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
}

static void supervise(struct round *round, int listener)
{
	struct seccomp_notif notif;
	bool mended = false, fails;

	for (;;) {
		memset(&notif, 0, sizeof(notif));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
			assert_int_equal(errno, EINTR);
			continue;
		}
		if (notif.data.nr == __NR_write &&
		    (int)notif.data.args[0] < 0) {
			if (notif.data.args[2] == MARK_MENDED) {
				mended = true;
				(void)deny_count(round, true);
				assert_uint_in_range(state_count(round), 1, 3);
			}
			answer(listener, notif.id, EBADF);
			if (notif.data.args[2] == MARK_DONE)
				return;
			continue;
		}
		fails = !mended &&
			(round->calls == round->n ||
			 (round->stays_full && round->calls > round->n));
		round->calls += !mended;
		answer(listener, notif.id, fails ? ENOSPC : 0);
	}
}

/* As after a reboot: no tables, a state, and a deny file that was not emptied
   since its writer was killed. false: the kernel cannot do this. */
static bool run_round(struct round *round)
{
	void *table_dir = NULL, *dir = NULL;
	pthread_t thread;
	char text[256];
	int listener;

	assert_int_equal(unit_dir_setup(&table_dir), 0);
	assert_int_equal(unit_dir_setup(&dir), 0);
	round->now = UNIT_NOW;
	(void)snprintf(round->table_dir, sizeof(round->table_dir), "%s",
		       (char *)table_dir);
	(void)snprintf(round->dir, sizeof(round->dir), "%s", (char *)dir);
	(void)snprintf(round->deny, sizeof(round->deny), "%s/hosts.deny",
		       round->dir);
	(void)snprintf(round->state, sizeof(round->state), "%s/state",
		       round->dir);
	file_put(round->deny, "203.0.113.9\n");
	(void)snprintf(text, sizeof(text),
		       "dovecot-warden state 1\nsaved %lld\nhost 192.0.2.9 "
		       "block=%lld offences=3 reason=auth_failed\nend 1\n",
		       (long long)(WALL_NOW + (int64_t)(UNIT_NOW / 1000)) - 60,
		       (long long)(WALL_NOW + (int64_t)(UNIT_NOW / 1000)) +
			       6000);
	file_put(round->state, text);
	assert_int_equal(pthread_create(&thread, NULL, worker, round), 0);
	while ((listener = atomic_load(&round->listener)) == 0)
		(void)usleep(100);
	if (listener > 0)
		supervise(round, listener);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (listener > 0) {
		(void)close(listener);
		assert_mended(round);
	}
	assert_int_equal(unit_dir_teardown(&table_dir), 0);
	assert_int_equal(unit_dir_teardown(&dir), 0);
	return listener > 0;
}

static void enospc_at_every_call(bool stays_full)
{
	unsigned int n, unopened = 0, deny_lines = 0, state_lines = 0;

	for (n = 0; n < ROUNDS_MAX; n++) {
		struct round round = { .n = n, .stays_full = stays_full };

		if (!run_round(&round))
			skip();
		unopened += !round.opened;
		deny_lines += round.deny_lines;
		state_lines += round.state_lines;
		if (round.calls <= n)
			break;
	}
	printf("%u calls failed: %u times no table, %u no deny file, %u no "
	       "state\n",
	       n, unopened, deny_lines, state_lines);
	assert_true(n < ROUNDS_MAX);
	assert_true(unopened > 0 && deny_lines > 0 && state_lines > 0);
}

static void test_enospc_at_the_nth_call(void **state)
{
	(void)state;
	enospc_at_every_call(false);
}

static void test_enospc_from_the_nth_call_on(void **state)
{
	(void)state;
	enospc_at_every_call(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enospc_at_the_nth_call),
		cmocka_unit_test(test_enospc_from_the_nth_call_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
