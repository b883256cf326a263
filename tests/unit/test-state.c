/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The state file after full disks, lost power, editors and strangers. What is
   random prints its seed; WARDEN_TEST_SEED repeats it. WARDEN_TEST_ENTRIES
   sets the size of the large file. */

#include <stddef.h>
#include <stdint.h>

#include "test-files.h"
#include "unit-random.h"
#include "unit.h"
#include "warden-clock.h"
#include "warden-layout.h"
#include "warden-state.h"

static const char good_file[] =
	"dovecot-warden state 1\n"
	"saved 1769995000\n"
	"host 192.0.2.1 block=1770000000 offences=2 reason=auth_failed "
	"refused=17 login=1769990000\n"
	"host 2001:db8:1:2::/64 login=1769990001 users=3\n"
	"host 192.0.2.9\n"
	"network 198.51.100.0/24 since=1769990000 block=forever\n"
	"key 0123456789abcdef fedcba9876543210\n"
	"home 8123456789000abc 0000000000012345 since=1769900000 "
	"login=1769990000\n"
	"end 6\n";

#define SAVED INT64_C(1769995000)

static struct warden_net net_of(const char *str)
{
	struct warden_net net;
	const char *error;

	assert_true(warden_net_parse(str, &net, &error));
	return net;
}

static int64_t random_time(void)
{
	return unit_random_below(3) == 0 ? 0 :
		1 + (int64_t)unit_random_below(2000000000);
}

static void random_host(struct warden_state_entry *entry)
{
	char str[64];

	if (unit_random_below(2) == 0) {
		(void)snprintf(str, sizeof(str), "%u.%u.%u.%u",
			       unit_random_below(256), unit_random_below(256),
			       unit_random_below(256), unit_random_below(256));
	} else {
		(void)snprintf(str, sizeof(str), "%x:%x:%x:%x::/64",
			       1 + unit_random_below(65535),
			       unit_random_below(65536),
			       unit_random_below(65536),
			       1 + unit_random_below(65535));
	}
	entry->net = net_of(str);
	entry->blocked_until = random_time();
	entry->last_login = random_time();
	entry->refused = unit_random_below(2) == 0 ? unit_random_below(1000) :
		(uint64_t)unit_random_below(UINT32_MAX) << 32 | 7;
	entry->users = (uint16_t)unit_random_below(UINT16_MAX + 1);
	entry->offences = (uint8_t)unit_random_below(WARDEN_OFFENCES_MAX + 1);
	entry->reason = (uint8_t)unit_random_below(WARDEN_CLASS_COUNT);
}

static void random_home(struct warden_state_entry *entry)
{
	entry->kind = unit_random_below(9) == 0 ? WARDEN_STATE_KEY :
						  WARDEN_STATE_HOME;
	entry->hash[0] = (uint64_t)unit_random_below(UINT32_MAX) << 32 |
			 unit_random_below(UINT32_MAX);
	entry->hash[1] = unit_random_below(UINT32_MAX);
	if (entry->kind == WARDEN_STATE_HOME) {
		entry->since = random_time();
		entry->last_login = random_time();
	}
}

static struct warden_state_entry *random_entries(size_t count)
{
	struct warden_state_entry *entries = calloc(count, sizeof(*entries));

	assert_non_null(entries);
	for (size_t i = 0; i < count; i++) {
		random_host(&entries[i]);
		if (unit_random_below(8) != 0)
			continue;
		memset(&entries[i], 0, sizeof(entries[i]));
		if (unit_random_below(2) == 0) {
			random_home(&entries[i]);
			continue;
		}
		entries[i].kind = WARDEN_STATE_NETWORK;
		entries[i].net = net_of("198.51.0.0/16");
		entries[i].net.bytes[1] = (uint8_t)unit_random_below(256);
		entries[i].since = random_time();
		entries[i].blocked_until = unit_random_below(2) == 0 ?
			WARDEN_WALL_FOREVER : random_time();
	}
	return entries;
}

static void assert_entries_equal(const struct warden_state_entry *a,
				 const struct warden_state_entry *b,
				 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(warden_net_equals(&a[i].net, &b[i].net));
		assert_int_equal(a[i].kind, b[i].kind);
		assert_true(a[i].blocked_until == b[i].blocked_until);
		assert_true(a[i].since == b[i].since);
		assert_true(a[i].last_login == b[i].last_login);
		assert_true(a[i].refused == b[i].refused);
		assert_int_equal(a[i].users, b[i].users);
		assert_int_equal(a[i].offences, b[i].offences);
		assert_int_equal(a[i].reason, b[i].reason);
		assert_memory_equal(a[i].hash, b[i].hash, sizeof(a[i].hash));
	}
}

/* What is in the file comes back, and nothing else. */
static void assert_reads(const struct warden_state_entry *expected,
			 size_t expected_count)
{
	struct warden_state_entry *entries;
	struct warden_error error = { "" };
	int64_t saved;
	size_t count;

	if (warden_state_read(test_path("state"), &saved, &entries, &count,
			      &error) != 1)
		fail_msg("%s", error.text);
	assert_true(saved == SAVED);
	assert_int_equal(count, expected_count);
	assert_entries_equal(entries, expected, count);
	free(entries);
}

/* The bytes are refused, with a message that begins like this after the
   path. */
static void assert_damaged(const char *data, size_t size, const char *where)
{
	static struct warden_state_entry untouched;
	struct warden_state_entry *entries = &untouched;
	struct warden_error error = { "" };
	const char *path = test_path("state");
	int64_t saved = 88;
	size_t count = 77;

	test_file_put(path, data, size);
	if (warden_state_read(path, &saved, &entries, &count, &error) != -1)
		fail_msg("taken for good: %.*s", (int)size, data);
	assert_ptr_equal(entries, &untouched);
	assert_int_equal(count, 77);
	assert_true(saved == 88);
	assert_memory_equal(error.text, path, strlen(path));
	if (strncmp(error.text + strlen(path), where, strlen(where)) != 0)
		fail_msg("'%s' does not say '%s'", error.text, where);
}

static void test_what_was_written_is_not_read(void **state)
{
	struct warden_state_entry *entries;
	struct warden_error error;

	(void)state;
	for (size_t round = 0; round < 40; round++) {
		entries = random_entries(round * round + 1);
		assert_true(warden_state_write(test_path("state"), SAVED,
					       entries, round * round, &error));
		assert_reads(entries, round * round);
		free(entries);
	}
	assert_int_equal(test_dir_count(false), 1);
}

static void test_format_changed(void **state)
{
	struct warden_state_entry entries[6];
	struct warden_error error;

	(void)state;
	memset(entries, 0, sizeof(entries));
	entries[0].net = net_of("192.0.2.1");
	entries[0].blocked_until = 1770000000;
	entries[0].offences = 2;
	entries[0].reason = WARDEN_AUTH_FAILED;
	entries[0].refused = 17;
	entries[0].last_login = 1769990000;
	entries[1].net = net_of("2001:db8:1:2::/64");
	entries[1].last_login = 1769990001;
	entries[1].users = 3;
	entries[2].net = net_of("192.0.2.9");
	entries[3].net = net_of("198.51.100.0/24");
	entries[3].kind = WARDEN_STATE_NETWORK;
	entries[3].since = 1769990000;
	entries[3].blocked_until = WARDEN_WALL_FOREVER;
	entries[4].kind = WARDEN_STATE_KEY;
	entries[4].hash[0] = UINT64_C(0x0123456789abcdef);
	entries[4].hash[1] = UINT64_C(0xfedcba9876543210);
	entries[5].kind = WARDEN_STATE_HOME;
	entries[5].hash[0] = UINT64_C(0x8123456789000abc);
	entries[5].hash[1] = 0x12345;
	entries[5].since = 1769900000;
	entries[5].last_login = 1769990000;

	test_file_puts(test_path("state"), good_file);
	assert_reads(entries, 6);
	assert_true(warden_state_write(test_path("state"), SAVED, entries, 6,
				       &error));
	test_file_expect(test_path("state"), good_file);
}

static void test_readable_by_others(void **state)
{
	struct warden_error error;
	mode_t old = umask(0);

	(void)state;
	test_file_puts(test_path("state"), "");
	assert_int_equal(test_file_mode(test_path("state")), 0666);
	assert_true(warden_state_write(test_path("state"), SAVED, NULL, 0,
				       &error));
	(void)umask(old);
	assert_int_equal(test_file_mode(test_path("state")), 0600);
	assert_reads(NULL, 0);
}

static void test_missing(void **state)
{
	struct warden_state_entry *entries;
	struct warden_error error;
	int64_t saved;
	size_t count;

	(void)state;
	assert_int_equal(warden_state_read(test_path("none"), &saved,
					   &entries, &count, &error), 0);
}

static void test_cut_short(void **state)
{
	size_t size;

	(void)state;
	for (size = 0; size < strlen(good_file); size++)
		assert_damaged(good_file, size, ":");
	assert_damaged(good_file, 0, ":1: the file is empty");
	assert_damaged(good_file, strlen(good_file) - 1,
		       ":9: the file was cut short");
	assert_damaged(good_file, strlen(good_file) - strlen("end 6\n"),
		       ":9: the file was cut short");
}

/* A hole as a power cut leaves it: the right size, but zeros. */
static void test_hole_in_the_middle(void **state)
{
	char data[sizeof(good_file)];

	(void)state;
	for (size_t i = 0; i < strlen(good_file); i++) {
		memcpy(data, good_file, sizeof(data));
		data[i] = '\0';
		assert_damaged(data, strlen(good_file), ":");
	}
}

static void test_noise(void **state)
{
	char data[2000];
	size_t size;

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		size = unit_random_below(sizeof(data));
		for (size_t i = 0; i < size; i++)
			data[i] = (char)unit_random_below(256);
		assert_damaged(data, size, ":1: ");
		memcpy(data, good_file, 23);
		if (size > 23)
			assert_damaged(data, size, ":");
	}
}

/* Each byte of a good file changed to each other one: whatever is still taken
   for good has all its numbers in range. */
static void test_one_byte_changed(void **state)
{
	struct warden_state_entry *entries;
	struct warden_error error;
	char data[sizeof(good_file)];
	unsigned int taken = 0;
	int64_t saved;
	size_t count;

	(void)state;
	for (unsigned int round = 0; round < 4000; round++) {
		memcpy(data, good_file, sizeof(data));
		data[unit_random_below(sizeof(data) - 1)] = (char)unit_random_below(256);
		test_file_put(test_path("state"), data, sizeof(data) - 1);
		if (warden_state_read(test_path("state"), &saved, &entries,
				      &count, &error) != 1)
			continue;
		taken++;
		assert_int_equal(count, 6);
		for (size_t i = 0; i < count; i++) {
			assert_uint_in_range(entries[i].offences, 0,
					     WARDEN_OFFENCES_MAX);
			assert_uint_in_range(entries[i].reason, 0,
					     WARDEN_CLASS_COUNT - 1);
			assert_true(entries[i].blocked_until >= 0);
		}
		free(entries);
	}
	/* a digit that became another digit */
	assert_true(taken > 0);
}

static void test_bad_line(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"host",
		"host ",
		"host  192.0.2.1",
		"hosts 192.0.2.1",
		"HOST 192.0.2.1",
		" host 192.0.2.1",
		"host 192.0.2.1 ",
		"host 192.0.2.1  block=1",
		"host 192.0.2.256",
		"host 192.0.2.1/33",
		"host name.example",
		"host 192.0.2.1\r",
		"host\t192.0.2.1",
		"host 192.0.2.1 block",
		"host 192.0.2.1 block=",
		"host 192.0.2.1 =1",
		"host 192.0.2.1 block=-1",
		"host 192.0.2.1 block=+1",
		"host 192.0.2.1 block=1x",
		"host 192.0.2.1 block=0x1",
		"host 192.0.2.1 block=Forever",
		"host 192.0.2.1 block=1=1",
		"host 192.0.2.1 block=253402300800",
		"host 192.0.2.1 block=18446744073709551617",
		"host 192.0.2.1 login=forever",
		"host 192.0.2.1 since=1",
		"host 192.0.2.1 offences=16",
		"host 192.0.2.1 offences=258",
		"host 192.0.2.1 reason=",
		"host 192.0.2.1 reason=none",
		"host 192.0.2.1 reason=angry",
		"host 192.0.2.1 reason=1",
		"host 192.0.2.1 refused=18446744073709551616",
		"host 192.0.2.1 refused=1 refused=1",
		"host 192.0.2.1 password=secret",
		"network",
		"network 192.0.2.0/24 login=1",
		"network 192.0.2.0/24 offences=1",
		"network 192.0.2.0/24 since=forever",
		"key",
		"key 0123456789abcdef",
		"key 0123456789abcdef fedcba987654321",
		"key 0123456789abcdef FEDCBA9876543210",
		"key 0123456789abcdef 0xdcba9876543210",
		"key 0123456789abcdef fedcba9876543210 login=1",
		"home 0123456789abcdef login=1",
		"home 0123456789abcdef fedcba98765432101 login=1",
		"home 192.0.2.1 login=1",
		"home 0123456789abcdef fedcba9876543210 users=1",
		"home 0123456789abcdef fedcba9876543210 login=x",
		"dovecot-warden state 1",
		"end",
		"end ",
		"end x",
		"end -1",
		"end 0 0",
		"end 1",
		"end 18446744073709551616",
	};
	char data[512];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)snprintf(data, sizeof(data),
			       "dovecot-warden state 1\nsaved 1\n%s\nend 1\n",
			       lines[i]);
		assert_damaged(data, strlen(data), ":3: ");
	}
}

static void test_bad_header(void **state)
{
	static const char *const bad[] = {
		"\nend 0\n", "end 0\n", "dovecot-warden\nend 0\n",
		" dovecot-warden state 1\nend 0\n",
		"dovecot-warden state 1 \nend 0\n",
		"dovecot-warden state 2\nend 0\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_damaged(bad[i], strlen(bad[i]), ":1: ");
	assert_damaged(bad[5], strlen(bad[5]),
		       ":1: the file is of another version");
}

static void test_bad_time_of_saving(void **state)
{
	static const char *const bad[] = {
		"", "saved\n", "saved \n", "saved x\n", "saved -1\n",
		"saved 1 \n", "saved 1 2\n", "saved forever\n",
		"saved 253402300800\n", "save 1\n", "host 192.0.2.1\n",
		"\n",
	};
	char data[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(data, sizeof(data),
			       "dovecot-warden state 1\n%send 0\n", bad[i]);
		assert_damaged(data, strlen(data), ":2: ");
	}
	/* not a second time either */
	(void)snprintf(data, sizeof(data), "dovecot-warden state 1\n"
		       "saved 1\nsaved 1\nend 0\n");
	assert_damaged(data, strlen(data), ":3: ");
}

/* A clock before 1970 or after the year 9999 must not make a file that cannot
   be read again. */
static void test_time_of_saving_out_of_range(void **state)
{
	static const int64_t times[][2] = {
		{ -1, 0 }, { INT64_MIN, 0 }, { 0, 0 }, { 17, 17 },
		{ INT64_MAX, INT64_C(253402300799) },
	};
	struct warden_state_entry *entries;
	struct warden_error error;
	int64_t saved;
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_true(warden_state_write(test_path("state"), times[i][0],
					       NULL, 0, &error));
		assert_int_equal(warden_state_read(test_path("state"), &saved,
						   &entries, &count, &error),
				 1);
		assert_true(saved == times[i][1]);
		free(entries);
	}
}

static void test_wrong_count(void **state)
{
	static const char *const bad[] = {
		"end 1\n", "end 20000000\n", "end 20000001\n",
		"host 192.0.2.1\nend 0\n", "host 192.0.2.1\nend 2\n",
		"end 0\nend 0\n", "end 0\n\n", "end 0\nhost 192.0.2.1\n",
		"end 0\nx",
	};
	char data[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(data, sizeof(data),
			       "dovecot-warden state 1\nsaved 1\n%s", bad[i]);
		assert_damaged(data, strlen(data), ":");
	}
}

static void test_line_without_end(void **state)
{
	static char data[300000];
	static const char begin[] = "dovecot-warden state 1\nsaved 1\n";
	size_t start = strlen(begin);

	(void)state;
	memset(data, '1', sizeof(data));
	memcpy(data, begin, start);
	assert_damaged(data, sizeof(data), ":3: the line is too long");
	assert_damaged(data, start + 511, ":3: the file was cut short");
	data[start + 511] = '\n';
	assert_damaged(data, sizeof(data), ":3: neither a host");
	data[start + 511] = '1';
	data[start + 512] = '\n';
	assert_damaged(data, sizeof(data), ":3: the line is too long");
	memset(data, '1', sizeof(data));
	assert_damaged(data, sizeof(data), ":1: the line is too long");
}

static void test_not_a_file(void **state)
{
	struct warden_state_entry *entries;
	struct warden_error error;
	int64_t saved;
	size_t count;

	(void)state;
	test_file_puts(test_path("real"), good_file);
	assert_int_equal(symlink(test_path("real"), test_path("link")), 0);
	assert_int_equal(mkfifo(test_path("fifo"), 0600), 0);
	assert_int_equal(mkdir(test_path("dir"), 0700), 0);

	assert_int_equal(warden_state_read(test_path("link"), &saved,
					   &entries, &count, &error), -1);
	assert_non_null(strstr(error.text, "symbolic link"));
	assert_int_equal(warden_state_read(test_path("fifo"), &saved,
					   &entries, &count, &error), -1);
	assert_int_equal(warden_state_read(test_path("dir"), &saved,
					   &entries, &count, &error), -1);
	assert_int_equal(warden_state_read("/dev/zero", &saved, &entries,
					   &count, &error), -1);
	assert_non_null(strstr(error.text, "not a regular file"));
}

/* What an attacker put into the shared table must not make a file that cannot
   be read again. */
static void test_entry_out_of_range(void **state)
{
	struct warden_state_entry entries[3], expected[3];
	struct warden_error error;

	(void)state;
	memset(entries, 0, sizeof(entries));
	for (unsigned int i = 0; i < 3; i++)
		entries[i].net = net_of("192.0.2.1");
	memcpy(expected, entries, sizeof(expected));
	entries[0].offences = 255;
	entries[0].reason = WARDEN_CLASS_COUNT;
	entries[0].refused = UINT64_MAX;
	entries[0].blocked_until = INT64_MAX - 1;
	entries[0].last_login = INT64_MAX;
	expected[0].offences = WARDEN_OFFENCES_MAX;
	expected[0].refused = UINT64_MAX;
	expected[0].blocked_until = expected[0].last_login =
		INT64_C(253402300799);
	entries[1].reason = 255;
	entries[1].blocked_until = -1;
	entries[1].last_login = INT64_MIN;
	entries[2].kind = expected[2].kind = WARDEN_STATE_NETWORK;
	entries[2].since = INT64_MIN;
	assert_true(warden_state_write(test_path("state"), SAVED, entries, 3,
				       &error));
	assert_reads(expected, 3);
}

static void test_entry_is_no_network(void **state)
{
	struct warden_state_entry entry;
	struct warden_error error;

	(void)state;
	memset(&entry, 0, sizeof(entry));
	test_file_puts(test_path("state"), good_file);
	assert_false(warden_state_write(test_path("state"), SAVED, &entry, 1,
					&error));
	entry.net = net_of("192.0.2.1");
	assert_false(warden_state_write(test_path("state"), SAVED, &entry,
					WARDEN_STATE_MAX + 1, &error));
	test_file_expect(test_path("state"), good_file);
}

static void test_enospc_at_every_write(void **state)
{
	struct warden_state_entry *entries = random_entries(4000);
	struct warden_error error;
	size_t size, full;
	char *data;

	(void)state;
	assert_true(warden_state_write(test_path("whole"), SAVED, entries,
				       4000, &error));
	data = test_file_get(test_path("whole"), &full);
	free(data);
	assert_true(full > 3 * 65536);
	test_file_puts(test_path("state"), good_file);
	for (size = 0; size < full; size += 7919) {
		test_disk_size(size);
		assert_false(warden_state_write(test_path("state"), SAVED,
						entries, 4000, &error));
		test_disk_size(RLIM_INFINITY);
		assert_non_null(strstr(error.text, strerror(EFBIG)));
		test_file_expect(test_path("state"), good_file);
		assert_int_equal(test_dir_count(false), 2);
	}
	test_disk_size(full);
	assert_true(warden_state_write(test_path("state"), SAVED, entries,
				       4000, &error));
	test_disk_size(RLIM_INFINITY);
	assert_reads(entries, 4000);
	free(entries);
}

static void test_many_entries(void **state)
{
	const char *env = getenv("WARDEN_TEST_ENTRIES");
	size_t count = env != NULL ? strtoul(env, NULL, 10) : 100000;
	struct warden_state_entry *entries = random_entries(count);
	struct timespec times[3];
	struct warden_error error;

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &times[0]);
	assert_true(warden_state_write(test_path("state"), SAVED, entries,
				       count, &error));
	(void)clock_gettime(CLOCK_MONOTONIC, &times[1]);
	assert_reads(entries, count);
	(void)clock_gettime(CLOCK_MONOTONIC, &times[2]);
	for (unsigned int i = 0; i < 2; i++) {
		printf("%s %zu entries: %ld ms\n", i == 0 ? "wrote" : "read",
		       count,
		       (long)(times[i + 1].tv_sec - times[i].tv_sec) * 1000 +
		       (times[i + 1].tv_nsec - times[i].tv_nsec) / 1000000);
	}
	free(entries);
}

#define FILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, test_dir_setup, \
					test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_what_was_written_is_not_read),
		FILE_TEST(test_format_changed),
		FILE_TEST(test_readable_by_others),
		FILE_TEST(test_missing),
		FILE_TEST(test_cut_short),
		FILE_TEST(test_hole_in_the_middle),
		FILE_TEST(test_noise),
		FILE_TEST(test_one_byte_changed),
		FILE_TEST(test_bad_line),
		FILE_TEST(test_bad_header),
		FILE_TEST(test_bad_time_of_saving),
		FILE_TEST(test_time_of_saving_out_of_range),
		FILE_TEST(test_wrong_count),
		FILE_TEST(test_line_without_end),
		FILE_TEST(test_not_a_file),
		FILE_TEST(test_entry_out_of_range),
		FILE_TEST(test_entry_is_no_network),
		FILE_TEST(test_enospc_at_every_write),
		FILE_TEST(test_many_entries),
	};

	unit_random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
