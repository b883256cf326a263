/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#define _GNU_SOURCE /* fallocate() */

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit-dir.h"
#include "unit-client.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-layout.h"
#include "warden.h"

#define HOSTS WARDEN_TABLE_HOSTS_MIN

static struct warden *open_as(void **state, enum warden_role role)
{
	struct warden_error error;
	struct warden *warden = warden_open(*state, role, HOSTS, &error);

	if (warden == NULL)
		print_message("%s\n", error.text);
	return warden;
}

static void open_fails(void **state, enum warden_role role, const char *why)
{
	struct warden_error error = { "" };

	assert_null(warden_open(*state, role, HOSTS, &error));
	if (strstr(error.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, why);
	assert_null(strchr(error.text, '\n'));
}

static int file_fd(void **state, const char *name, int flags)
{
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", (const char *)*state, name);
	fd = open(path, flags, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void file_write(void **state, const char *name, off_t offset,
		       const void *data, size_t size)
{
	int fd = file_fd(state, name, O_WRONLY);

	assert_int_equal(pwrite(fd, data, size, offset), (ssize_t)size);
	assert_int_equal(close(fd), 0);
}

static void file_truncate(void **state, const char *name, off_t size)
{
	int fd = file_fd(state, name, O_WRONLY);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(close(fd), 0);
}

/* --- Making --------------------------------------------------------------- */

static void test_every_role_but_admin_makes_what_is_missing(void **state)
{
	struct warden *warden;
	struct stat st;
	int fd;

	open_fails(state, WARDEN_ROLE_ADMIN, "policy");
	warden = open_as(state, WARDEN_ROLE_LOGIN);
	assert_non_null(warden);
	warden_close(&warden);
	assert_null(warden);

	fd = file_fd(state, "hosts", O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* has all its blocks, and only the one name */
	assert_true((off_t)st.st_blocks * 512 >= st.st_size);
	assert_int_equal(st.st_nlink, 1);

	warden = open_as(state, WARDEN_ROLE_ADMIN);
	assert_non_null(warden);
	warden_close(&warden);
}

static void test_directory_missing_and_parent_too(void **state)
{
	struct warden_error error = { "" };
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/a/b", (const char *)*state);
	assert_null(warden_open(path, WARDEN_ROLE_LOGIN, HOSTS, &error));
	assert_non_null(strstr(error.text, path));
}

/* Many at once: all of them end up in the same file. */
static void test_all_who_create_at_once_share_one_file(void **state)
{
	const struct warden_net net = unit_net("192.0.2.1");
	enum { CHILDREN = 12 };
	struct warden_host_info info;
	struct warden_host host = unit_host("192.0.2.1");
	struct warden_policy policy;
	struct warden *warden;
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		if (fork() == 0) {
			warden = open_as(state, WARDEN_ROLE_LOGIN);
			if (warden == NULL)
				_exit(1);
			(void)warden_count(warden, unit_client(&net),
					   WARDEN_CLEARTEXT_REFUSED, NULL,
					   UNIT_NOW);
			_exit(0);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	warden = open_as(state, WARDEN_ROLE_ADMIN);
	assert_non_null(warden);
	warden_policy_init_defaults(&policy);
	assert_true(warden_table_read(warden_admin_table(warden), &host,
				      &policy, UNIT_NOW, &info));
	assert_int_equal((int)info.points,
			 CHILDREN * policy.points[WARDEN_CLEARTEXT_REFUSED]);
	warden_close(&warden);
}

/* --- Bad files: each named, changed by nobody but the service ------------- */

static void make_files(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_AUTH);

	assert_non_null(warden);
	warden_close(&warden);
}

static void service_mends(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_SERVICE);

	assert_non_null(warden);
	warden_close(&warden);
	warden = open_as(state, WARDEN_ROLE_AUTH);
	assert_non_null(warden);
	warden_close(&warden);
}

static const char *const names[] = { "policy", "hosts", "auth" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static void test_empty_file(void **state)
{
	for (size_t i = 0; i < NAMES; i++) {
		make_files(state);
		file_truncate(state, names[i], 0);
		open_fails(state, WARDEN_ROLE_AUTH, names[i]);
		open_fails(state, WARDEN_ROLE_AUTH, "cut short");
		service_mends(state);
	}
}

static void test_file_cut_short_or_grown(void **state)
{
	for (size_t i = 0; i < NAMES; i++) {
		make_files(state);
		file_truncate(state, names[i], 4096);
		open_fails(state, WARDEN_ROLE_AUTH, "cut short or grown");
		service_mends(state);
		file_truncate(state, names[i], 64 * 1024 * 1024);
		open_fails(state, WARDEN_ROLE_AUTH, "cut short or grown");
		service_mends(state);
	}
}

static void test_noise(void **state)
{
	unsigned char noise[4096];
	unsigned int seed = 1;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)rand_r(&seed);
	for (size_t i = 0; i < NAMES; i++) {
		make_files(state);
		file_write(state, names[i], 0, noise, sizeof(noise));
		open_fails(state, WARDEN_ROLE_AUTH, "not a file of the warden");
		service_mends(state);
	}
}

static void test_another_layout(void **state)
{
	const uint32_t layout = WARDEN_LAYOUT + 1;
	char says[32];

	(void)snprintf(says, sizeof(says), "has layout %u", layout);
	for (size_t i = 0; i < NAMES; i++) {
		make_files(state);
		file_write(state, names[i],
			   offsetof(struct warden_file_header, layout),
			   &layout, sizeof(layout));
		open_fails(state, WARDEN_ROLE_AUTH, says);
		service_mends(state);
	}
}

static void test_another_boot(void **state)
{
	const uint8_t boot_id[16] = { 1, 2, 3 };

	make_files(state);
	file_write(state, "hosts",
		   offsetof(struct warden_file_header, boot_id), boot_id,
		   sizeof(boot_id));
	open_fails(state, WARDEN_ROLE_LOGIN, "of another boot");
	service_mends(state);
}

static void test_geometry_is_noise(void **state)
{
	const uint32_t geometry[4] = { 7, UINT32_MAX, 0, 1 };

	make_files(state);
	file_write(state, "hosts",
		   offsetof(struct warden_file_header, geometry), geometry,
		   sizeof(geometry));
	open_fails(state, WARDEN_ROLE_LOGIN, "geometry");
	service_mends(state);
}

static void test_files_changed_round(void **state)
{
	char from[4096], to[4096];

	make_files(state);
	(void)snprintf(from, sizeof(from), "%s/auth", (char *)*state);
	(void)snprintf(to, sizeof(to), "%s/hosts", (char *)*state);
	assert_int_equal(rename(from, to), 0);
	open_fails(state, WARDEN_ROLE_LOGIN, "another file");
	service_mends(state);
}

static void test_fifo_does_not_block(void **state)
{
	char path[4096];

	make_files(state);
	(void)snprintf(path, sizeof(path), "%s/policy", (char *)*state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	open_fails(state, WARDEN_ROLE_AUTH, "policy");
	service_mends(state);
}

static void test_symlink_is_not_followed(void **state)
{
	char path[4096];

	make_files(state);
	(void)snprintf(path, sizeof(path), "%s/policy", (char *)*state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("hosts", path), 0);
	open_fails(state, WARDEN_ROLE_AUTH, "policy");
}

static void test_open_to_others(void **state)
{
	int fd;

	make_files(state);
	fd = file_fd(state, "policy", O_RDONLY);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(close(fd), 0);
	open_fails(state, WARDEN_ROLE_AUTH, "open to other users");
	service_mends(state);
}

/* --- Another in its place ------------------------------------------------- */

static void test_retired_table_is_noticed(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_LOGIN);
	const uint32_t layout = WARDEN_LAYOUT + 1;

	assert_non_null(warden);
	assert_false(warden_is_retired(warden));
	file_write(state, "hosts", offsetof(struct warden_file_header, layout),
		   &layout, sizeof(layout));
	service_mends(state);
	assert_true(warden_is_retired(warden));
	warden_close(&warden);
}

static void test_noise_over_a_mapped_file_is_noticed(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_AUTH);
	unsigned char noise[64] = { 0xff, 0 };

	assert_non_null(warden);
	file_write(state, "hosts", 0, noise, sizeof(noise));
	service_mends(state);
	assert_true(warden_is_retired(warden));
	warden_close(&warden);
}

/* What a taken-over login process can do to the header of `hosts`. */
static void test_changed_header_is_put_back(void **state)
{
	struct warden *service = open_as(state, WARDEN_ROLE_SERVICE);
	struct warden *auth = open_as(state, WARDEN_ROLE_AUTH);
	struct warden_file_header *header;
	struct warden_error error = { "" };

	assert_non_null(service);
	assert_non_null(auth);
	assert_false(warden_admin_mend(service, &error));
	header = &warden_admin_table(auth)->header->file;
	header->retired = 1;
	header->hash_key[0]++;
	header->geometry[0] = 0;
	header->magic[0] = 'X';
	/* nobody who has it open believes that */
	assert_false(warden_is_retired(auth));
	open_fails(state, WARDEN_ROLE_LOGIN, "hosts");
	assert_true(warden_admin_mend(service, &error));
	assert_non_null(strstr(error.text, "header"));
	assert_false(warden_admin_mend(service, &error));
	make_files(state);
	warden_close(&service);
	warden_close(&auth);
}

/* A login process that never stops writing the header while a service starts:
   what that service then puts back must be a header that others can use. */
static void test_header_that_changes_all_the_time_is_not_kept(void **state)
{
	for (int i = 0; i < 200; i++) {
		struct warden *auth = open_as(state, WARDEN_ROLE_AUTH);
		volatile char *magic;
		struct warden_error error;
		struct warden *service, *login;
		pid_t pid;

		assert_non_null(auth);
		magic = warden_admin_table(auth)->header->file.magic;
		pid = fork();
		assert_true(pid >= 0);
		while (pid == 0)
			*magic ^= 'D' ^ 'X';
		service = open_as(state, WARDEN_ROLE_SERVICE);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_non_null(service);
		(void)warden_admin_mend(service, &error);
		login = open_as(state, WARDEN_ROLE_LOGIN);
		assert_non_null(login);
		warden_close(&login);
		warden_close(&service);
		warden_close(&auth);
	}
}

static void test_holes_are_filled(void **state)
{
	struct warden *service = open_as(state, WARDEN_ROLE_SERVICE);
	struct warden_error error = { "" };
	struct stat st;
	int fd = file_fd(state, "hosts", O_RDWR);

	assert_non_null(service);
	/* what madvise(MADV_REMOVE) does to a mapping */
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   1024 * 1024, 256 * 1024),
			 0);
	assert_true(warden_admin_mend(service, &error));
	assert_non_null(strstr(error.text, "holes"));
	assert_int_equal(fstat(fd, &st), 0);
	assert_true((off_t)st.st_blocks * 512 >= st.st_size);
	assert_false(warden_admin_mend(service, &error));
	assert_int_equal(close(fd), 0);
	warden_close(&service);
}

static void leave_behind(void **state, const char *name)
{
	int fd = file_fd(state, name, O_CREAT | O_WRONLY);

	assert_int_equal(close(fd), 0);
}

static void assert_missing(void **state, const char *name)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	if (access(path, F_OK) == 0)
		fail_msg("%s is still there", name);
}

static void temp_name(char name_r[64], const char *file, pid_t pid)
{
	(void)snprintf(name_r, 64, ".%s.%ld", file, (long)pid);
}

static void test_what_killed_creators_left_is_taken_away(void **state)
{
	static const char *const files[] = { "hosts", "policy", ".hosts.new" };
	char name[64];
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		temp_name(name, files[i], child);
		leave_behind(state, name);
		/* of one before us that had our number */
		temp_name(name, files[i], getpid());
		leave_behind(state, name);
	}
	leave_behind(state, ".hosts.new");
	service_mends(state);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		temp_name(name, files[i], child);
		assert_missing(state, name);
		temp_name(name, files[i], getpid());
		assert_missing(state, name);
	}
	assert_missing(state, ".hosts.new");
}

static void test_file_of_a_living_creator_is_left_alone(void **state)
{
	char path[4096], name[64];

	temp_name(name, "hosts", getppid());
	leave_behind(state, name);
	service_mends(state);
	(void)snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	assert_int_equal(access(path, F_OK), 0);
}

/* A service was killed after the new table had got its name, and before it had
   said so. */
static void test_next_service_tells_of_the_new_table(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_LOGIN);
	char from[4096], to[4096];

	assert_non_null(warden);
	(void)snprintf(from, sizeof(from), "%s/hosts", (char *)*state);
	(void)snprintf(to, sizeof(to), "%s/.hosts.old", (char *)*state);
	assert_int_equal(rename(from, to), 0);
	make_files(state);
	assert_false(warden_is_retired(warden));
	service_mends(state);
	assert_true(warden_is_retired(warden));
	assert_missing(state, ".hosts.old");
	warden_close(&warden);
}

/* And one before that: nothing has changed, nobody has to restart. */
static void test_second_name_of_the_table_is_taken_away(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_LOGIN);
	char from[4096], to[4096];

	assert_non_null(warden);
	(void)snprintf(from, sizeof(from), "%s/hosts", (char *)*state);
	(void)snprintf(to, sizeof(to), "%s/.hosts.old", (char *)*state);
	assert_int_equal(link(from, to), 0);
	service_mends(state);
	assert_false(warden_is_retired(warden));
	assert_missing(state, ".hosts.old");
	warden_close(&warden);
}

static void test_more_room_keeps_blocks_and_known_hosts(void **state)
{
	const struct warden_host blocked = unit_host("192.0.2.1");
	const struct warden_host known = unit_host("2001:db8::1");
	uint64_t now = warden_clock_now();
	struct warden_error error;
	struct warden_policy policy;
	struct warden_host_info info;
	struct warden *warden = open_as(state, WARDEN_ROLE_LOGIN), *larger;

	assert_non_null(warden);
	(void)warden_table_block(warden_admin_table(warden), &blocked,
				 UINT32_MAX, 3, WARDEN_USER_UNKNOWN, 0, now);
	warden_table_success(warden_admin_table(warden), &known, false, now);
	larger = warden_open(*state, WARDEN_ROLE_SERVICE, 4 * HOSTS, &error);
	assert_non_null(larger);
	assert_true(warden_is_retired(warden));
	warden_policy_init_defaults(&policy);
	assert_true(warden_table_read(warden_admin_table(larger), &blocked,
				      &policy, now, &info));
	assert_true(info.blocked);
	assert_int_equal(info.offences, 3);
	assert_int_equal(info.reason, WARDEN_USER_UNKNOWN);
	assert_true(warden_table_read(warden_admin_table(larger), &known,
				      &policy, now, &info));
	assert_true(info.known);
	warden_close(&warden);
	warden_close(&larger);
}

static void test_login_cannot_write_the_policy(void **state)
{
	struct warden *warden = open_as(state, WARDEN_ROLE_LOGIN);
	struct warden_policy policy;
	int status;

	assert_non_null(warden);
	warden_policy_init_defaults(&policy);
	if (fork() == 0) {
		/* a taken-over login process tries; the mapping says no */
		(void)signal(SIGSEGV, SIG_DFL);
		warden_admin_publish(warden, &policy, UNIT_NOW);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	assert_null(warden_policy(warden, UNIT_NOW));
	warden_close(&warden);
}

#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, unit_dir_setup, unit_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_every_role_but_admin_makes_what_is_missing),
		CASE(test_directory_missing_and_parent_too),
		CASE(test_all_who_create_at_once_share_one_file),
		CASE(test_empty_file),
		CASE(test_file_cut_short_or_grown),
		CASE(test_noise),
		CASE(test_another_layout),
		CASE(test_another_boot),
		CASE(test_geometry_is_noise),
		CASE(test_files_changed_round),
		CASE(test_fifo_does_not_block),
		CASE(test_symlink_is_not_followed),
		CASE(test_open_to_others),
		CASE(test_retired_table_is_noticed),
		CASE(test_noise_over_a_mapped_file_is_noticed),
		CASE(test_changed_header_is_put_back),
		CASE(test_header_that_changes_all_the_time_is_not_kept),
		CASE(test_holes_are_filled),
		CASE(test_what_killed_creators_left_is_taken_away),
		CASE(test_file_of_a_living_creator_is_left_alone),
		CASE(test_next_service_tells_of_the_new_table),
		CASE(test_second_name_of_the_table_is_taken_away),
		CASE(test_more_room_keeps_blocks_and_known_hosts),
		CASE(test_login_cannot_write_the_policy),
	};
	return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
