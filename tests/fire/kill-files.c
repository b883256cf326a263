/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Making the shared files, and putting others in their place, killed wherever
   that can leave something: around each system call, and after each
   instruction that changed a shared byte. Whoever comes next finds the files
   whole, or makes them; the next service finds nothing left behind that it
   does not take away; and a process that ran all the time works on the files
   that all others work on, or is told that they are not any more. */

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "fire-main.h"
#include "stepper.h"
#include "unit-client.h"
#include "unit-dir.h"
#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-private.h"
#include "warden.h"

#define HOSTS (2 * WARDEN_SET_WAYS)
#define MORE_HOSTS (4 * HOSTS)
#define STRETCHES_MAX 64
#define CHANGES_MAX 512
/* A stretch is over when so many instructions have changed nothing. */
#define QUIET_STEPS_MAX 3000
#define TEST_SECS_MAX 120
/* The headers, totals and hosts of a small `hosts`, and all of `policy`. */
#define LOOK_BYTES 49152

/* One kind of death. */
struct files_case {
	/* what is there before; NULL: nothing */
	void (*prepare)(void **dir);
	/* the operation: open as this, with this room */
	enum warden_role role;
	uint32_t hosts;
	/* the room that the next service wants */
	uint32_t next_hosts;
	/* blocks and known hosts live through it */
	bool keeps_hosts;
};

struct files_run {
	const struct files_case *kind;
	void *dir;
	struct warden *running; /* or NULL */
	unsigned int calls, stretches[STRETCHES_MAX], stretch_count;
	/* within a stretch, by instruction */
	unsigned long changes[CHANGES_MAX];
	unsigned int change_count, all_changes;
	unsigned long kills;
};

static struct warden *open_as(void *dir, enum warden_role role, uint32_t hosts)
{
	struct warden_error error;

	return warden_open(dir, role, hosts, &error);
}

static void run_operation(void *context)
{
	const struct files_run *run = context;

	(void)open_as(run->dir, run->kind->role, run->kind->hosts);
}

/* --- What is there -------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t word = 0;

	for (size_t at = 0; at < size; at += sizeof(word)) {
		size_t left = size - at;

		memcpy(&word, bytes + at,
		       left < sizeof(word) ? left : sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

static uint64_t file_look(int dir_fd, const char *name)
{
	static unsigned char bytes[LOOK_BYTES];
	uint64_t hash = mix(1, name, strlen(name));
	struct stat st;
	ssize_t size;
	int fd = openat(dir_fd, name, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return hash;
	hash = mix(hash, &st.st_ino, sizeof(st.st_ino));
	hash = mix(hash, &st.st_size, sizeof(st.st_size));
	hash = mix(hash, &st.st_nlink, sizeof(st.st_nlink));
	hash = mix(hash, &st.st_blocks, sizeof(st.st_blocks));
	/* nobody opens one whose name is not there yet or is gone */
	size = name[0] == '.' ? 0 : pread(fd, bytes, sizeof(bytes), 0);
	(void)close(fd);
	return size <= 0 ? hash : mix(hash, bytes, (size_t)size);
}

/* One number for all names, and all bytes that matter. */
static uint64_t dir_look(const void *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	uint64_t sum = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			sum += file_look(dirfd(dir), entry->d_name);
	}
	(void)closedir(dir);
	return sum;
}

/* Only the three files, each with one name and all its blocks. */
static bool dir_is_clean(const void *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct stat st;
	bool clean = true;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (strchr(entry->d_name, '.') != NULL ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 ||
		    st.st_nlink != 1 ||
		    (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size) {
			print_message("# left behind: %s\n", entry->d_name);
			clean = false;
		}
	}
	(void)closedir(dir);
	return clean;
}

/* --- What must hold ------------------------------------------------------- */

static struct warden_host host_by_hand(void)
{
	return unit_host("192.0.2.1");
}

static struct warden_host host_blocked(void)
{
	return unit_host("192.0.2.2");
}

static struct warden_host host_known(void)
{
	return unit_host("2001:db8::1");
}

static struct warden_host_info host_read(struct warden *warden,
					 struct warden_host host)
{
	struct warden_host_info info;

	(void)warden_table_read(warden_admin_table(warden), &host,
				&warden->defaults, warden_clock_now(), &info);
	return info;
}

static bool hosts_are_kept(struct warden *warden)
{
	struct warden_host_info by_hand = host_read(warden, host_by_hand());
	struct warden_host_info blocked = host_read(warden, host_blocked());
	struct warden_host_info known = host_read(warden, host_known());

	return by_hand.blocked &&
	       by_hand.blocked_until == WARDEN_FOREVER_SECS &&
	       by_hand.reason == WARDEN_MANUAL && !by_hand.known &&
	       blocked.blocked && blocked.offences == 3 &&
	       blocked.reason == WARDEN_USER_UNKNOWN && !blocked.known &&
	       known.known && !known.blocked;
}

/* Do both work on the same hosts and the same policy? */
static bool work_together(struct warden *one, struct warden *other)
{
	const struct warden_net net = unit_net("192.0.2.77");
	uint64_t now = warden_clock_now();
	struct warden_host host = unit_host("192.0.2.77");
	double before = host_read(other, host).points;

	(void)warden_count(one, unit_client(&net), WARDEN_AUTH_FAILED, NULL,
			   now);
	return host_read(other, host).points > before + 5.0 &&
	       (warden_policy(one, now) == NULL) ==
		       (warden_policy(other, now) == NULL);
}

static const char *check_with_service(struct files_run *run,
				      struct warden *service,
				      struct warden *login)
{
	struct warden_policy policy;
	struct warden *next;
	const char *violation = NULL;

	if (!dir_is_clean(run->dir))
		return "something is left behind";
	if (run->kind->keeps_hosts && !hosts_are_kept(service))
		return "the service has lost hosts";
	warden_policy_init_defaults(&policy);
	warden_admin_publish(service, &policy, warden_clock_now());
	warden_admin_heartbeat(service, getpid(), true, warden_clock_now());
	if (run->running != NULL && !warden_is_retired(run->running) &&
	    !work_together(run->running, service))
		return "who ran all the time works alone, and is not told";
	if (login != NULL && !warden_is_retired(login) &&
	    !work_together(login, service))
		return "who came after the kill works alone, and is not told";
	next = open_as(run->dir, WARDEN_ROLE_AUTH, HOSTS);
	if (next == NULL || warden_is_retired(next) ||
	    !work_together(next, service))
		violation = "who comes after the service does not get on";
	warden_close(&next);
	return violation;
}

static const char *check(struct files_run *run)
{
	struct warden *login = NULL, *service;
	const char *violation;

	/* a bad file nobody but the service may replace */
	if (run->kind->prepare == NULL || run->kind->keeps_hosts) {
		login = open_as(run->dir, WARDEN_ROLE_LOGIN, HOSTS);
		if (login == NULL)
			return "a login process cannot open the files";
		if (run->kind->keeps_hosts && !hosts_are_kept(login)) {
			warden_close(&login);
			return "a login process misses hosts";
		}
	}
	service = open_as(run->dir, WARDEN_ROLE_SERVICE, run->kind->next_hosts);
	violation = service == NULL ? "the next service cannot open the files" :
				      check_with_service(run, service, login);
	warden_close(&service);
	warden_close(&login);
	return violation;
}

/* --- A run ---------------------------------------------------------------- */

static void run_begin(struct files_run *run, struct stepper *stepper)
{
	assert_int_equal(unit_dir_setup(&run->dir), 0);
	run->running = NULL;
	if (run->kind->prepare != NULL) {
		struct warden *service =
			open_as(run->dir, WARDEN_ROLE_SERVICE, HOSTS);

		warden_close(&service);
		run->running = open_as(run->dir, WARDEN_ROLE_LOGIN, HOSTS);
		assert_non_null(run->running);
		run->kind->prepare(&run->dir);
	}
	assert_true(stepper_start(stepper, run_operation, run));
}

static void run_end(struct files_run *run, struct stepper *stepper)
{
	const char *violation;

	stepper_kill(stepper);
	violation = check(run);
	if (violation != NULL) {
		fail_msg("killed after step %lu, kill %lu: %s", stepper->steps,
			 run->kills, violation);
	}
	warden_close(&run->running);
	assert_int_equal(unit_dir_teardown(&run->dir), 0);
	run->kills++;
}

/* Killed before and after each system call, one after another. */
static void kill_at_calls(struct files_run *run)
{
	enum stepper_state state = STEPPER_RUNNING;
	struct stepper stepper;

	for (unsigned int calls = 0; state == STEPPER_RUNNING; calls++) {
		run_begin(run, &stepper);
		for (unsigned int i = 0; i < calls && state == STEPPER_RUNNING;
		     i++)
			state = stepper_next_call(&stepper);
		run_end(run, &stepper);
		run->calls = calls;
	}
	assert_int_equal(state, STEPPER_ENDED);
}

/* A mapped byte that changes between two system calls. */
static void find_stretches(struct files_run *run)
{
	enum stepper_state state = STEPPER_RUNNING;
	struct stepper stepper;
	uint64_t present;

	run_begin(run, &stepper);
	present = dir_look(run->dir);
	for (unsigned int calls = 0; state == STEPPER_RUNNING; calls++) {
		uint64_t look = dir_look(run->dir);

		/* each call stops twice: before it, and after it */
		if (look != present && calls % 2 == 1) {
			assert_true(run->stretch_count < STRETCHES_MAX);
			run->stretches[run->stretch_count++] = calls - 1;
		}
		present = look;
		state = stepper_next_call(&stepper);
	}
	run_end(run, &stepper);
}

static void run_to_stretch(struct files_run *run, struct stepper *stepper,
			   unsigned int calls)
{
	run_begin(run, stepper);
	for (unsigned int i = 0; i < calls; i++)
		assert_int_equal(stepper_next_call(stepper), STEPPER_RUNNING);
	stepper->steps = 0;
}

/* Which of its instructions change anything. */
static void find_changes(struct files_run *run, unsigned int calls)
{
	enum stepper_state state = STEPPER_RUNNING;
	unsigned long last = 0;
	struct stepper stepper;
	uint64_t look, present;

	run->change_count = 0;
	run_to_stretch(run, &stepper, calls);
	present = dir_look(run->dir);
	while (state == STEPPER_RUNNING &&
	       stepper.steps - last < QUIET_STEPS_MAX) {
		state = stepper_step(&stepper);
		look = dir_look(run->dir);
		if (look == present)
			continue;
		present = look;
		last = stepper.steps;
		assert_true(run->change_count < CHANGES_MAX);
		run->changes[run->change_count++] = last;
	}
	run_end(run, &stepper);
	assert_true(run->change_count > 0);
	run->all_changes += run->change_count;
}

static void kill_in_stretch(struct files_run *run, unsigned int calls)
{
	find_changes(run, calls);
	for (unsigned int i = 0; i < run->change_count; i++) {
		enum stepper_state state = STEPPER_RUNNING;
		struct stepper stepper;

		run_to_stretch(run, &stepper, calls);
		while (state == STEPPER_RUNNING &&
		       stepper.steps < run->changes[i])
			state = stepper_step(&stepper);
		run_end(run, &stepper);
	}
}

static void survives(const struct files_case *kind, unsigned int changes_min)
{
	struct files_run run = { .kind = kind };
	struct timespec begin, end;

	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	(void)alarm(TEST_SECS_MAX);
	kill_at_calls(&run);
	find_stretches(&run);
	for (unsigned int i = 0; i < run.stretch_count; i++)
		kill_in_stretch(&run, run.stretches[i]);
	(void)alarm(0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	print_message(
		"# %u calls, %u changes between them, %lu kills, %.1f s\n",
		run.calls / 2, run.all_changes, run.kills,
		(double)(end.tv_sec - begin.tv_sec) +
			(double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	assert_true(run.all_changes >= changes_min);
}

/* --- Cases ---------------------------------------------------------------- */

static void prepare_hosts(void **dir)
{
	struct warden *service = open_as(*dir, WARDEN_ROLE_SERVICE, HOSTS);
	struct warden_table *table = warden_admin_table(service);
	struct warden_host by_hand = host_by_hand(), blocked = host_blocked(),
			   known = host_known();
	uint64_t now = warden_clock_now();

	assert_true(warden_table_block(table, &by_hand, WARDEN_FOREVER_SECS, 1,
				       WARDEN_MANUAL, 0, now));
	assert_true(warden_table_block(table, &blocked,
				       (uint32_t)(now / 1000) + 3600, 3,
				       WARDEN_USER_UNKNOWN, 5, now));
	warden_table_success(table, &known, false, now);
	warden_close(&service);
}

static void spoil(void **dir, const char *name)
{
	const uint32_t layout = WARDEN_LAYOUT + 1;
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", (const char *)*dir, name);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &layout, sizeof(layout),
				offsetof(struct warden_file_header, layout)),
			 (ssize_t)sizeof(layout));
	assert_int_equal(close(fd), 0);
}

static void prepare_bad_hosts(void **dir)
{
	spoil(dir, "hosts");
}

static void prepare_bad_policy(void **dir)
{
	spoil(dir, "policy");
}

static void test_killed_while_a_login_process_makes_the_files(void **state)
{
	const struct files_case kind = { NULL, WARDEN_ROLE_LOGIN, HOSTS, HOSTS,
					 false };

	(void)state;
	survives(&kind, 0);
}

static void test_killed_while_the_service_makes_the_files(void **state)
{
	const struct files_case kind = { NULL, WARDEN_ROLE_SERVICE, HOSTS,
					 HOSTS, false };

	(void)state;
	survives(&kind, 0);
}

static void test_killed_while_it_makes_more_room(void **state)
{
	const struct files_case kind = { prepare_hosts, WARDEN_ROLE_SERVICE,
					 MORE_HOSTS, MORE_HOSTS, true };

	(void)state;
	survives(&kind, 0);
}

/* And then the setting is put back. */
static void test_killed_while_it_makes_more_room_than_the_next(void **state)
{
	const struct files_case kind = { prepare_hosts, WARDEN_ROLE_SERVICE,
					 MORE_HOSTS, HOSTS, true };

	(void)state;
	survives(&kind, 0);
}

static void test_killed_while_it_replaces_bad_hosts(void **state)
{
	const struct files_case kind = { prepare_bad_hosts, WARDEN_ROLE_SERVICE,
					 HOSTS, HOSTS, false };

	(void)state;
	survives(&kind, 0);
}

static void test_killed_while_it_replaces_a_bad_policy(void **state)
{
	const struct files_case kind = { prepare_bad_policy,
					 WARDEN_ROLE_SERVICE, HOSTS, HOSTS,
					 false };

	(void)state;
	survives(&kind, 0);
}

/* -------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_killed_while_a_login_process_makes_the_files),
		cmocka_unit_test(test_killed_while_the_service_makes_the_files),
		cmocka_unit_test(test_killed_while_it_makes_more_room),
		cmocka_unit_test(
			test_killed_while_it_makes_more_room_than_the_next),
		cmocka_unit_test(test_killed_while_it_replaces_bad_hosts),
		cmocka_unit_test(test_killed_while_it_replaces_a_bad_policy),
	};

	return fire_run("kill-files", tests);
}
