/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The admin's hosts.deny: a wrong byte in it shuts everybody out of sshd. What
   is random prints its seed; WARDEN_TEST_SEED repeats it. */

#include <stddef.h>
#include <stdint.h>

#include "test-files.h"
#include "unit-random.h"
#include "unit.h"
#include "warden-hosts-deny.h"
#include "warden-replace-file.h"

#define DENY_FILE "/var/lib/dovecot/warden/hosts.deny"

static const char admins_file[] =
	"# /etc/hosts.deny: list of hosts that are _not_ allowed\n"
	"#\n"
	"\n"
	"# a comment that \\\n"
	"goes on\n"
	"vsftpd: 203.0.113.7, .example.org EXCEPT good.example.org\n"
	"sshd: \\\n"
	"\t198.51.100.0/255.255.255.0 \\\n"
	"\t[2001:db8::]/32 : severity auth.info\n"
	" \t\n"
	"no rule at all\n";

static int find(const char *contents, char *daemons, size_t size)
{
	struct warden_error error = { "" };
	int ret;

	test_file_puts(test_path("hosts.deny"), contents);
	ret = warden_hosts_deny_find(test_path("hosts.deny"), DENY_FILE,
				     daemons, size, &error);
	if (ret < 0)
		fail_msg("%s", error.text);
	return ret;
}

static enum warden_hosts_deny_result add(const char *daemons)
{
	struct warden_error error = { "" };
	enum warden_hosts_deny_result result;

	result = warden_hosts_deny_add(test_path("hosts.deny"), DENY_FILE,
				       daemons, &error);
	if (result == WARDEN_HOSTS_DENY_ERROR)
		fail_msg("%s", error.text);
	return result;
}

static enum warden_hosts_deny_result take_out(void)
{
	struct warden_error error = { "" };
	enum warden_hosts_deny_result result;

	result = warden_hosts_deny_remove(test_path("hosts.deny"), DENY_FILE,
					  &error);
	if (result == WARDEN_HOSTS_DENY_ERROR)
		fail_msg("%s", error.text);
	return result;
}

static void assert_daemons(const char *expected)
{
	struct warden_error error;
	char daemons[100];

	assert_int_equal(warden_hosts_deny_find(test_path("hosts.deny"),
						DENY_FILE, daemons,
						sizeof(daemons), &error), 1);
	assert_string_equal(daemons, expected);
}

/* Neither add nor remove may touch the file; the error says `words`. */
static void assert_both_refuse(const char *contents, size_t size,
			       const char *words)
{
	const char *path = test_path("hosts.deny");
	struct warden_error errors[2] = { { "" }, { "" } };
	size_t size_after;
	char *after;

	test_file_put(path, contents, size);
	assert_int_equal(warden_hosts_deny_add(path, DENY_FILE, "sshd",
					       &errors[0]), -1);
	assert_int_equal(warden_hosts_deny_remove(path, DENY_FILE,
						  &errors[1]), -1);
	for (unsigned int i = 0; i < 2; i++) {
		if (strstr(errors[i].text, words) == NULL)
			fail_msg("'%s' does not say '%s'", errors[i].text,
				 words);
	}
	after = test_file_get(path, &size_after);
	assert_int_equal(size_after, size);
	assert_memory_equal(after, contents, size);
	free(after);
	assert_int_equal(test_dir_count(false), 1);
}

static void test_rule_not_seen(void **state)
{
	static const struct {
		const char *contents, *daemons;
	} cases[] = {
		{ "ALL: " DENY_FILE "\n", "ALL" },
		{ "ALL:" DENY_FILE "\n", "ALL" },
		{ " \tALL \t: \t" DENY_FILE " \t\n", "ALL" },
		{ "ALL: " DENY_FILE "\r\n", "ALL" },
		{ "sshd,vsftpd : " DENY_FILE "\n", "sshd vsftpd" },
		{ "sshd, ,vsftpd: 192.0.2.1," DENY_FILE ",192.0.2.2\n",
		  "sshd vsftpd" },
		{ "ALL: 192.0.2.1 " DENY_FILE " : severity auth.info\n",
		  "ALL" },
		{ "ALL: " DENY_FILE " EXCEPT 192.0.2.1\n", "ALL" },
		{ "ALL: [2001:db8::]/32 " DENY_FILE "\n", "ALL" },
		{ "sshd@[2001:db8::1]: " DENY_FILE "\n",
		  "sshd@[2001:db8::1]" },
		{ "ALL:\\\n" DENY_FILE "\n", "ALL" },
		{ "A\\\nLL:\\\n /var/lib/dovecot/\\\nwarden/hosts.deny\\\n\n",
		  "ALL" },
		{ "# comment\n\nfoo\nALL: x\nALL EXCEPT vsftpd: " DENY_FILE
		  "\nsshd: " DENY_FILE "\n", "ALL EXCEPT vsftpd" },
	};
	char daemons[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (find(cases[i].contents, daemons, sizeof(daemons)) != 1)
			fail_msg("not seen: %s", cases[i].contents);
		assert_string_equal(daemons, cases[i].daemons);
		assert_int_equal(find(cases[i].contents, NULL, 0), 1);
	}
}

static void test_rule_seen_where_none_is(void **state)
{
	static const char *const cases[] = {
		"", "\n", "#ALL: " DENY_FILE "\n",
		"# a comment that goes on \\\nALL: " DENY_FILE "\n",
		"ALL: " DENY_FILE ".old\n", "ALL: /x" DENY_FILE "\n",
		"ALL " DENY_FILE "\n", DENY_FILE ": ALL\n",
		"ALL: ALL EXCEPT " DENY_FILE "\n",
		"ALL: 192.0.2.1: spawn " DENY_FILE "\n",
		/* lets them in */
		"ALL: " DENY_FILE ": ALLOW\n",
		"ALL: " DENY_FILE ": severity auth.info : allow\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (find(cases[i], NULL, 0) != 0)
			fail_msg("seen: %s", cases[i]);
	}
}

static void test_daemons_do_not_fit(void **state)
{
	char small[8];

	(void)state;
	memset(small, 'x', sizeof(small));
	assert_int_equal(find("sshd vsftpd: " DENY_FILE "\n", small, 5), 1);
	assert_string_equal(small, "sshd");
	assert_int_equal(small[5], 'x');
}

static void test_missing_file(void **state)
{
	struct warden_error error;

	(void)state;
	assert_int_equal(warden_hosts_deny_find(test_path("hosts.deny"),
						DENY_FILE, NULL, 0, &error),
			 0);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_UNCHANGED);
	assert_int_equal(test_dir_count(false), 0);

	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(test_file_mode(test_path("hosts.deny")), 0644);
	assert_daemons("ALL");
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(test_dir_count(false), 0);
}

static void test_file_made_by_add_then_edited(void **state)
{
	FILE *file;

	(void)state;
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	file = fopen(test_path("hosts.deny"), "a");
	assert_non_null(file);
	fputs("ALL: 192.0.2.1\n", file);
	fclose(file);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), "ALL: 192.0.2.1\n");
}

static void test_empty_file_goes_away(void **state)
{
	(void)state;
	test_file_puts(test_path("hosts.deny"), "");
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), "");
}

static void test_other_bytes_changed(void **state)
{
	size_t size, old_size = strlen(admins_file);
	char *data;

	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	assert_int_equal(chmod(test_path("hosts.deny"), 0640), 0);
	assert_int_equal(add("sshd,vsftpd"), WARDEN_HOSTS_DENY_CHANGED);
	data = test_file_get(test_path("hosts.deny"), &size);
	assert_true(size > old_size);
	assert_memory_equal(data, admins_file, old_size);
	assert_memory_equal(data + old_size, "# dovecot-warden: ", 18);
	assert_string_equal(strchr(data + old_size, '\n') + 1,
			    "sshd vsftpd: " DENY_FILE "\n");
	free(data);
	assert_daemons("sshd vsftpd");
	assert_int_equal(test_file_mode(test_path("hosts.deny")), 0640);

	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), admins_file);
	assert_int_equal(test_file_mode(test_path("hosts.deny")), 0640);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_UNCHANGED);
	assert_int_equal(test_dir_count(false), 1);
}

static void test_owner_changed(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	test_file_puts(test_path("hosts.deny"), admins_file);
	assert_int_equal(chown(test_path("hosts.deny"), 12345, 23456), 0);
	assert_int_equal(chmod(test_path("hosts.deny"), 06754), 0);
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(stat(test_path("hosts.deny"), &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_gid, 23456);
	assert_int_equal(st.st_mode & 07777, 06754);
}

static void test_added_twice(void **state)
{
	struct stat before, after;

	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	assert_int_equal(add("sshd vsftpd"), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(stat(test_path("hosts.deny"), &before), 0);
	assert_int_equal(add(" sshd,\tvsftpd "), WARDEN_HOSTS_DENY_UNCHANGED);
	assert_int_equal(stat(test_path("hosts.deny"), &after), 0);
	assert_true(before.st_ino == after.st_ino);
}

static void test_daemons_changed(void **state)
{
	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(add("sshd"), WARDEN_HOSTS_DENY_CHANGED);
	assert_daemons("sshd");
	assert_int_equal(add("ALL EXCEPT vsftpd"), WARDEN_HOSTS_DENY_CHANGED);
	assert_daemons("ALL EXCEPT vsftpd");
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), admins_file);

	/* the admin's own layout stays, but for the daemons */
	test_file_puts(test_path("hosts.deny"), "a: b\n s\\\nshd \\\n : \\\n  "
		       DENY_FILE " \\\n \nc: d\n");
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), "a: b\nALL: \\\n  " DENY_FILE
			 " \\\n \nc: d\n");
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), "a: b\nc: d\n");
}

/* The admin edits the rest between add and remove, at random. */
static void test_edited_in_between(void **state)
{
	static const char *const lines[] = {
		"", "# comment", "# comment \\\n# goes on", "ALL: 192.0.2.1",
		"sshd: \\\n 192.0.2.2 \\\n", " ", "nonsense",
		"ALL: " DENY_FILE ".old", "# dovecot-warden: by hand",
		"sshd: [2001:db8::1] : allow",
	};
	char before[2000], after[4000], *ours;
	size_t size;

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		test_file_puts(test_path("hosts.deny"), "");
		assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
		ours = test_file_get(test_path("hosts.deny"), &size);
		before[0] = after[0] = '\0';
		for (unsigned int i = unit_random_below(20),
		     at = unit_random_below(i + 1);
		     ; i--) {
			const char *line = lines[unit_random_below(10)];

			if (i == at)
				strcat(after, ours);
			if (i == 0)
				break;
			strcat(strcat(before, line), "\n");
			strcat(strcat(after, line), "\n");
		}
		test_file_puts(test_path("hosts.deny"), after);
		assert_daemons("ALL");
		assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
		test_file_expect(test_path("hosts.deny"), before);
		free(ours);
	}
}

static void test_rule_of_the_admin(void **state)
{
	static const char other_client[] =
		"# mine\n\nALL: 192.0.2.1 " DENY_FILE "\n";
	static const char option[] =
		"# mine \\\n\nALL: " DENY_FILE ": severity auth.info\n";
	static const char lets_in[] = "\nALL: " DENY_FILE " : allow\n";

	(void)state;
	assert_both_refuse(other_client, strlen(other_client),
			   "hosts.deny:3: ");
	assert_both_refuse(option, strlen(option), "hosts.deny:3: ");
	assert_both_refuse(lets_in, strlen(lets_in), "hosts.deny:2: ");

	/* nothing to be done is no error */
	test_file_puts(test_path("hosts.deny"), other_client);
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_UNCHANGED);
}

static void test_two_rules(void **state)
{
	static const char two[] =
		"ALL: " DENY_FILE "\nx: y\nsshd: " DENY_FILE "\n";
	struct warden_error error;

	(void)state;
	test_file_puts(test_path("hosts.deny"), two);
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       DENY_FILE, "ALL", &error), -1);
	assert_non_null(strstr(error.text, "hosts.deny:3: "));
	test_file_expect(test_path("hosts.deny"), two);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("hosts.deny"), "x: y\n");
}

static void test_libwrap_cannot_read(void **state)
{
	static char data[5000];
	struct warden_error error;

	(void)state;
	assert_both_refuse("ALL: x\nALL: y", 13, "hosts.deny:2: ");
	assert_both_refuse("ALL: x\\\n", 8, "hosts.deny:1: ");
	assert_both_refuse("a: b\n# x\\\n", 10, "hosts.deny:2: ");
	assert_both_refuse("a: b\nc\\\n: \0\n", 12, "hosts.deny:3: ");
	assert_both_refuse("\0", 1, "hosts.deny:1: ");

	memset(data, ' ', sizeof(data));
	data[0] = '\n';
	data[2048] = '\n';
	assert_both_refuse(data, 2049, "hosts.deny:2: ");
	memcpy(data + 1000, "\\\n", 2);
	data[2050] = '\n';
	data[2048] = ' ';
	assert_both_refuse(data, 2051, "hosts.deny:2: ");
	assert_int_equal(warden_hosts_deny_find(test_path("hosts.deny"),
						DENY_FILE, NULL, 0, &error),
			 -1);
	assert_non_null(strstr(error.text, "hosts.deny:2: "));
}

/* The longest lines that libwrap reads are not refused. */
static void test_long_line_refused(void **state)
{
	static char data[5000];

	(void)state;
	memset(data, ' ', sizeof(data));
	data[2046] = '\n';
	data[2047] = '\0';
	assert_int_equal(find(data, NULL, 0), 0);
	memset(data, ' ', sizeof(data));
	memcpy(data + 1000, "\\\n", 2);
	data[2048] = '\n';
	data[2049] = '\0';
	assert_int_equal(find(data, NULL, 0), 0);
}

/* A rule that is as long as can be does not become longer. */
static void test_changed_rule_too_long(void **state)
{
	char data[2100], daemons[100];
	struct warden_error error;

	(void)state;
	memset(data, ' ', sizeof(data));
	memcpy(data, "ALL:", 4);
	memcpy(data + 2046 - strlen(DENY_FILE), DENY_FILE, strlen(DENY_FILE));
	strcpy(data + 2046, "\n");
	assert_int_equal(find(data, daemons, sizeof(daemons)), 1);
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       DENY_FILE, "sshd", &error), -1);
	test_file_expect(test_path("hosts.deny"), data);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
}

static void test_bad_daemons(void **state)
{
	static const char *const bad[] = {
		"", " ", ",", "sshd:", "sshd\n", "sshd: ALL\nvsftpd", "ss#hd",
		"\\", "sshd\\", "/etc/x", "@sshd", "sshd@", "EXCEPT sshd",
		"ALL EXCEPT", "ALL EXCEPT EXCEPT sshd", "ALL!", "s\xc3\xa9",
		"[::1]", "sshd;vsftpd", "*", "ALL : ALLOW",
	};
	struct warden_error error;
	char longest[3000];

	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (warden_hosts_deny_add(test_path("hosts.deny"), DENY_FILE,
					  bad[i], &error) != -1)
			fail_msg("taken: %s", bad[i]);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       DENY_FILE, longest, &error),
			 -1);
	test_file_expect(test_path("hosts.deny"), admins_file);
	assert_int_equal(add("sshd, vsftpd@192.0.2.1 imap_x a-b"),
			 WARDEN_HOSTS_DENY_CHANGED);
}

static void test_bad_deny_file(void **state)
{
	static const char *const bad[] = {
		"", "hosts.deny", "ALL", "/a b", "/a:b", "/a@b", "/a,b",
		"/a\nb", "/a#b", "/a\\", "/a*", "/\x7f",
	};
	struct warden_error error;
	char longest[3000];

	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (warden_hosts_deny_add(test_path("hosts.deny"), bad[i],
					  "ALL", &error) != -1)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(warden_hosts_deny_remove(
			test_path("hosts.deny"), bad[i], &error), -1);
	}
	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       longest, "ALL", &error), -1);
	test_file_expect(test_path("hosts.deny"), admins_file);
}

static void test_symbolic_link_replaced(void **state)
{
	struct warden_error error;
	struct stat st;

	(void)state;
	test_file_puts(test_path("real"), admins_file);
	assert_int_equal(symlink("real", test_path("hosts.deny")), 0);
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	assert_int_equal(lstat(test_path("hosts.deny"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_daemons("ALL");
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	test_file_expect(test_path("real"), admins_file);

	assert_int_equal(unlink(test_path("real")), 0);
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       DENY_FILE, "ALL", &error), -1);
	assert_non_null(strstr(error.text, "symbolic link to nothing"));
	assert_int_equal(test_dir_count(false), 1);
}

static void test_not_a_file(void **state)
{
	struct warden_error error;

	(void)state;
	assert_int_equal(mkdir(test_path("hosts.deny"), 0700), 0);
	assert_int_equal(warden_hosts_deny_find(test_path("hosts.deny"),
						DENY_FILE, NULL, 0, &error),
			 -1);
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       DENY_FILE, "ALL", &error), -1);
	assert_int_equal(rmdir(test_path("hosts.deny")), 0);
	assert_int_equal(mkfifo(test_path("hosts.deny"), 0600), 0);
	assert_int_equal(warden_hosts_deny_find(test_path("hosts.deny"),
						DENY_FILE, NULL, 0, &error),
			 -1);
	assert_int_equal(warden_hosts_deny_add("/nonexistent/hosts.deny",
					       DENY_FILE, "ALL", &error), -1);
	assert_non_null(strstr(error.text, strerror(ENOENT)));
}

static void test_enospc_at_every_write(void **state)
{
	struct warden_error error;
	size_t size, full;
	char *data;

	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	data = test_file_get(test_path("hosts.deny"), &full);
	free(data);
	assert_int_equal(take_out(), WARDEN_HOSTS_DENY_CHANGED);
	for (size = 0; size < full; size++) {
		test_disk_size(size);
		assert_int_equal(warden_hosts_deny_add(
			test_path("hosts.deny"), DENY_FILE, "ALL", &error),
			-1);
		test_disk_size(RLIM_INFINITY);
		test_file_expect(test_path("hosts.deny"), admins_file);
		assert_int_equal(test_dir_count(false), 1);
	}
	test_disk_size(full);
	assert_int_equal(add("ALL"), WARDEN_HOSTS_DENY_CHANGED);
	test_disk_size(RLIM_INFINITY);
}

static void test_two_writers_at_once(void **state)
{
	struct warden_replace_file *file;
	struct warden_error error;

	(void)state;
	test_file_puts(test_path("hosts.deny"), admins_file);
	file = warden_replace_file_begin(test_path("hosts.deny"), &error);
	assert_non_null(file);
	assert_int_equal(warden_hosts_deny_add(test_path("hosts.deny"),
					       DENY_FILE, "ALL", &error), -1);
	assert_non_null(strstr(error.text, "another process"));
	warden_replace_file_abort(&file);
	test_file_expect(test_path("hosts.deny"), admins_file);
	assert_int_equal(test_dir_count(false), 1);
}

#define FILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, test_dir_setup, \
					test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_rule_not_seen),
		FILE_TEST(test_rule_seen_where_none_is),
		FILE_TEST(test_daemons_do_not_fit),
		FILE_TEST(test_missing_file),
		FILE_TEST(test_file_made_by_add_then_edited),
		FILE_TEST(test_empty_file_goes_away),
		FILE_TEST(test_other_bytes_changed),
		FILE_TEST(test_owner_changed),
		FILE_TEST(test_added_twice),
		FILE_TEST(test_daemons_changed),
		FILE_TEST(test_edited_in_between),
		FILE_TEST(test_rule_of_the_admin),
		FILE_TEST(test_two_rules),
		FILE_TEST(test_libwrap_cannot_read),
		FILE_TEST(test_long_line_refused),
		FILE_TEST(test_changed_rule_too_long),
		FILE_TEST(test_bad_daemons),
		FILE_TEST(test_bad_deny_file),
		FILE_TEST(test_symbolic_link_replaced),
		FILE_TEST(test_not_a_file),
		FILE_TEST(test_enospc_at_every_write),
		FILE_TEST(test_two_writers_at_once),
	};

	unit_random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
