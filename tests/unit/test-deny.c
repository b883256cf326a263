/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The deny file, and with it the replacing of files: whatever happens to the
   writer, a reader finds the old file or the new one. */

#include <stddef.h>
#include <stdint.h>

#include <sys/file.h>
#include <sys/wait.h>

#include "test-files.h"
#include "unit.h"
#include "warden-deny.h"
#include "warden-replace-file.h"

static struct warden_net net_of(const char *str)
{
	struct warden_net net;
	const char *error;

	assert_true(warden_net_parse(str, &net, &error));
	return net;
}

/* count different addresses */
static struct warden_net *make_nets(size_t count)
{
	struct warden_net *nets = calloc(count, sizeof(*nets));
	char str[32];

	assert_non_null(nets);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(str, sizeof(str), "10.%u.%u.%u",
			       (unsigned int)(i >> 16 & 255),
			       (unsigned int)(i >> 8 & 255),
			       (unsigned int)(i & 255));
		nets[i] = net_of(str);
	}
	return nets;
}

static void assert_whole_lines(const char *data, size_t size)
{
	const char *line, *newline;

	assert_true(size == 0 || data[size - 1] == '\n');
	for (line = data; *line != '\0'; line = newline + 1) {
		newline = strchr(line, '\n');
		assert_non_null(newline);
		assert_true(newline > line);
		assert_true(newline - line + 1 < 2048);
		/* each word of the file is a pattern to libwrap */
		assert_int_equal(strcspn(line, " \t#\r"), strlen(line));
	}
}

static void test_pattern_that_libwrap_ignores(void **state)
{
	struct warden_error error;
	struct warden_net nets[] = {
		net_of("192.0.2.1"), net_of("2001:db8:1:2::/64"),
		net_of("198.51.100.0/24"), net_of("203.0.113.128/25"),
		net_of("2001:db8::5"), net_of("2001:db8:8000::/33"),
	};

	(void)state;
	assert_true(warden_deny_write(test_path("hosts.deny"), nets, 6,
				      &error));
	test_file_expect(test_path("hosts.deny"),
			 "192.0.2.1\n"
			 "[2001:db8:1:2::]/64\n"
			 "198.51.100.0/255.255.255.0\n"
			 "203.0.113.128/255.255.255.128\n"
			 "[2001:db8::5]\n"
			 "[2001:db8:8000::]/33\n");
	assert_int_equal(test_dir_count(false), 1);
}

static void test_no_networks(void **state)
{
	struct warden_error error;
	struct warden_net net = net_of("192.0.2.1");

	(void)state;
	assert_true(warden_deny_write(test_path("f"), &net, 1, &error));
	assert_true(warden_deny_write(test_path("f"), NULL, 0, &error));
	test_file_expect(test_path("f"), "");
}

static void test_too_many_networks(void **state)
{
	struct warden_error error;
	struct warden_net *nets = make_nets(WARDEN_DENY_MAX + 7);
	size_t size, lines = 0;
	char *data;

	(void)state;
	assert_true(warden_deny_write(test_path("f"), nets,
				      WARDEN_DENY_MAX + 7, &error));
	data = test_file_get(test_path("f"), &size);
	assert_whole_lines(data, size);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' ? 1 : 0;
	assert_int_equal(lines, WARDEN_DENY_MAX);
	assert_memory_equal(data, "10.0.0.0\n10.0.0.1\n", 18);
	free(data);
	free(nets);
}

static void test_unreadable_by_others(void **state)
{
	struct warden_error error;
	mode_t old = umask(077);

	(void)state;
	assert_true(warden_deny_write(test_path("f"), NULL, 0, &error));
	(void)umask(old);
	assert_int_equal(test_file_mode(test_path("f")), 0644);
}

static void test_entry_is_no_network(void **state)
{
	struct warden_error error;
	struct warden_net nets[2] = { net_of("192.0.2.1"), };

	(void)state;
	test_file_puts(test_path("f"), "old\n");
	assert_false(warden_deny_write(test_path("f"), nets, 2, &error));
	assert_non_null(strstr(error.text, "entry 1"));
	nets[1] = nets[0];
	nets[1].bits = 33;
	assert_false(warden_deny_write(test_path("f"), nets, 2, &error));
	test_file_expect(test_path("f"), "old\n");
	assert_int_equal(test_dir_count(false), 1);
}

static void test_enospc_at_every_write(void **state)
{
	struct warden_error error;
	struct warden_net *nets = make_nets(WARDEN_DENY_MAX);
	size_t size, full = 0;
	char *data;

	(void)state;
	test_file_puts(test_path("f"), "192.0.2.1\n");
	assert_true(warden_deny_write(test_path("whole"), nets,
				      WARDEN_DENY_MAX, &error));
	data = test_file_get(test_path("whole"), &full);
	free(data);
	/* several buffers, so that a write in the middle fails as well */
	assert_true(full > 3 * 65536);
	for (size = 0; size < full; size += 9973) {
		test_disk_size(size);
		assert_false(warden_deny_write(test_path("f"), nets,
					       WARDEN_DENY_MAX, &error));
		test_disk_size(RLIM_INFINITY);
		assert_non_null(strstr(error.text, test_path("f")));
		assert_non_null(strstr(error.text, strerror(EFBIG)));
		test_file_expect(test_path("f"), "192.0.2.1\n");
		assert_int_equal(test_dir_count(false), 2);
	}
	test_disk_size(full - 1);
	assert_false(warden_deny_write(test_path("f"), nets, WARDEN_DENY_MAX,
				       &error));
	test_disk_size(full);
	assert_true(warden_deny_write(test_path("f"), nets, WARDEN_DENY_MAX,
				      &error));
	test_disk_size(RLIM_INFINITY);
	data = test_file_get(test_path("f"), &size);
	assert_int_equal(size, full);
	assert_whole_lines(data, size);
	free(data);
	free(nets);
}

static void test_writer_was_killed(void **state)
{
	struct warden_replace_file *file;
	struct warden_error error;
	struct warden_net net = net_of("192.0.2.1");
	int status;
	pid_t pid;

	(void)state;
	test_file_puts(test_path("f"), "old\n");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		file = warden_replace_file_begin(test_path("f"), &error);
		for (unsigned int i = 0; file != NULL && i < 100000; i++)
			warden_replace_file_puts(file, "half an addr");
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	test_file_expect(test_path("f"), "old\n");
	assert_int_equal(test_dir_count(false), 2);

	assert_true(warden_deny_write(test_path("f"), &net, 1, &error));
	test_file_expect(test_path("f"), "192.0.2.1\n");
	assert_int_equal(test_dir_count(false), 1);
}

static void test_two_writers_at_once(void **state)
{
	struct warden_replace_file *file;
	struct warden_error error;

	(void)state;
	file = warden_replace_file_begin(test_path("f"), &error);
	assert_non_null(file);
	warden_replace_file_puts(file, "first\n");
	assert_false(warden_deny_write(test_path("f"), NULL, 0, &error));
	assert_non_null(strstr(error.text, "another process"));
	assert_true(warden_replace_file_commit(&file, 0600, true, &error));
	assert_null(file);
	test_file_expect(test_path("f"), "first\n");
	assert_int_equal(test_dir_count(false), 1);
}

/* What a writer that was killed right before its rename left can be opened by
   anybody, and locked for ever. */
static void test_leftover_is_locked_by_a_stranger(void **state)
{
	struct warden_error error;
	struct warden_net net = net_of("192.0.2.1");
	int fd;

	(void)state;
	test_file_puts(test_path("f"), "old\n");
	test_file_puts(test_path(".f.tmp"), "192.0.2.2\n");
	assert_int_equal(chmod(test_path(".f.tmp"), 0644), 0);
	fd = open(test_path(".f.tmp"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_true(warden_deny_write(test_path("f"), &net, 1, &error));
	(void)close(fd);
	test_file_expect(test_path("f"), "192.0.2.1\n");
	assert_int_equal(test_dir_count(false), 1);
}

static void test_leftover_is_another_users(void **state)
{
	struct warden_error error;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	test_file_puts(test_path(".f.tmp"), "");
	assert_int_equal(chmod(test_path(".f.tmp"), 0600), 0);
	assert_int_equal(chown(test_path(".f.tmp"), 4711, 0), 0);
	fd = open(test_path(".f.tmp"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_true(warden_deny_write(test_path("f"), NULL, 0, &error));
	(void)close(fd);
	assert_int_equal(test_dir_count(false), 1);
}

static void test_temporary_taken_away(void **state)
{
	struct warden_replace_file *file;
	struct warden_error error;

	(void)state;
	test_file_puts(test_path("f"), "old\n");
	file = warden_replace_file_begin(test_path("f"), &error);
	assert_non_null(file);
	warden_replace_file_puts(file, "new\n");
	assert_int_equal(unlink(test_path(".f.tmp")), 0);
	test_file_puts(test_path(".f.tmp"), "a stranger's\n");
	assert_false(warden_replace_file_commit(&file, 0600, false, &error));
	assert_null(file);
	test_file_expect(test_path("f"), "old\n");
	test_file_expect(test_path(".f.tmp"), "a stranger's\n");
}

static void test_temporary_is_a_trap(void **state)
{
	struct warden_error error;
	struct warden_net net = net_of("192.0.2.1");

	(void)state;
	test_file_puts(test_path("victim"), "precious\n");
	assert_int_equal(symlink(test_path("victim"), test_path(".f.tmp")), 0);
	assert_true(warden_deny_write(test_path("f"), &net, 1, &error));
	test_file_expect(test_path("victim"), "precious\n");

	assert_int_equal(mkfifo(test_path(".f.tmp"), 0600), 0);
	assert_true(warden_deny_write(test_path("f"), &net, 1, &error));
	assert_int_equal(link(test_path("victim"), test_path(".f.tmp")), 0);
	assert_true(warden_deny_write(test_path("f"), &net, 1, &error));
	test_file_expect(test_path("victim"), "precious\n");
	assert_int_equal(test_dir_count(false), 2);

	assert_int_equal(mkdir(test_path(".f.tmp"), 0700), 0);
	assert_false(warden_deny_write(test_path("f"), NULL, 0, &error));
	test_file_expect(test_path("f"), "192.0.2.1\n");
}

static void test_target_is_a_link(void **state)
{
	struct warden_error error;
	struct stat st;

	(void)state;
	test_file_puts(test_path("victim"), "precious\n");
	assert_int_equal(symlink(test_path("victim"), test_path("f")), 0);
	assert_true(warden_deny_write(test_path("f"), NULL, 0, &error));
	test_file_expect(test_path("victim"), "precious\n");
	assert_int_equal(lstat(test_path("f"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_no_place_to_write(void **state)
{
	struct warden_error error;
	char longest[300];

	(void)state;
	assert_false(warden_deny_write(test_path("missing/f"), NULL, 0,
				       &error));
	assert_non_null(strstr(error.text, strerror(ENOENT)));
	assert_false(warden_deny_write(test_path(""), NULL, 0, &error));
	assert_non_null(strstr(error.text, strerror(EISDIR)));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(warden_deny_write(longest, NULL, 0, &error));
	assert_non_null(strstr(error.text, strerror(ENAMETOOLONG)));

	assert_int_equal(mkdir(test_path("d"), 0700), 0);
	assert_false(warden_deny_write(test_path("d"), NULL, 0, &error));
	assert_non_null(strstr(error.text, "rename"));
	assert_int_equal(test_dir_count(false), 1);
}

/* Two files take turns while it is read: no reader may see a third. */
static void test_reader_in_between(void **state)
{
	struct warden_error error;
	struct warden_net *nets = make_nets(9000);
	size_t size, sizes[2], reads = 0;
	char *data;
	int status;
	pid_t pid;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(warden_deny_write(test_path("f"), nets,
					      i == 0 ? 3 : 9000, &error));
		data = test_file_get(test_path("f"), &sizes[i]);
		free(data);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (unsigned int i = 0; i < 400; i++) {
			if (!warden_deny_write(test_path("f"), nets,
					       i % 2 == 0 ? 3 : 9000, &error))
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		data = test_file_get(test_path("f"), &size);
		assert_non_null(data);
		assert_true(size == sizes[0] || size == sizes[1]);
		assert_whole_lines(data, size);
		free(data);
		reads++;
	}
	assert_int_equal(status, 0);
	assert_true(reads > 0);
	free(nets);
}

#define FILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, test_dir_setup, \
					test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_pattern_that_libwrap_ignores),
		FILE_TEST(test_no_networks),
		FILE_TEST(test_too_many_networks),
		FILE_TEST(test_unreadable_by_others),
		FILE_TEST(test_entry_is_no_network),
		FILE_TEST(test_enospc_at_every_write),
		FILE_TEST(test_writer_was_killed),
		FILE_TEST(test_two_writers_at_once),
		FILE_TEST(test_leftover_is_locked_by_a_stranger),
		FILE_TEST(test_leftover_is_another_users),
		FILE_TEST(test_temporary_taken_away),
		FILE_TEST(test_temporary_is_a_trap),
		FILE_TEST(test_target_is_a_link),
		FILE_TEST(test_no_place_to_write),
		FILE_TEST(test_reader_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
