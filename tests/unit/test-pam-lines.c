/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "test-files.h"
#include "unit-random.h"
#include "unit.h"
#include "warden-pam-lines.h"
#include "warden-replace-file.h"

#define LINES \
	"# dovecot-warden: refuses the hosts that it has blocked " \
	"(doveadm warden setup --pam)\n" \
	WARDEN_PAM_LINE_AUTH "\n" WARDEN_PAM_LINE_ACCOUNT "\n"
#define DEBIAN "# PAM for the Secure Shell\n\n@include common-auth\n"
#define FEDORA "#%PAM-1.0\nauth substack password-auth\n"

static enum warden_pam_lines_result
change(enum warden_pam_lines_result (*how)(const char *,
					   struct warden_error *))
{
	struct warden_error error = { "" };
	enum warden_pam_lines_result result = how(test_path("sshd"), &error);

	assert_true((error.text[0] != '\0') ==
		    (result == WARDEN_PAM_LINES_ERROR));
	assert_null(strchr(error.text, '\n'));
	return result;
}

static void add_and_remove(const char *before, const char *between)
{
	test_file_puts(test_path("sshd"), before);
	assert_int_equal(chmod(test_path("sshd"), 0640), 0);
	assert_int_equal(change(warden_pam_lines_remove),
			 WARDEN_PAM_LINES_UNCHANGED);
	assert_int_equal(change(warden_pam_lines_add),
			 WARDEN_PAM_LINES_CHANGED);
	test_file_expect(test_path("sshd"), between);
	assert_int_equal(change(warden_pam_lines_add),
			 WARDEN_PAM_LINES_UNCHANGED);
	assert_int_equal(change(warden_pam_lines_remove),
			 WARDEN_PAM_LINES_CHANGED);
	test_file_expect(test_path("sshd"), before);
	assert_int_equal(test_file_mode(test_path("sshd")), 0640);
	/* and nothing is left of the writing */
	assert_int_equal(test_dir_count(false), 1);
}

static void the_lines_come_first_and_go_without_a_trace(void **state)
{
	(void)state;
	add_and_remove(DEBIAN, LINES DEBIAN);
	add_and_remove("auth required \\\n pam_unix.so",
		       LINES "auth required \\\n pam_unix.so");
	add_and_remove("", LINES);
	add_and_remove("\n\n", LINES "\n\n");
}

static void the_first_line_of_fedora_stays_the_first(void **state)
{
	(void)state;
	add_and_remove(FEDORA, "#%PAM-1.0\n" LINES "auth substack "
			       "password-auth\n");
	add_and_remove("#%PAM-1.0 \\\nx\n", LINES "#%PAM-1.0 \\\nx\n");
	add_and_remove("#%PAM-1.0", LINES "#%PAM-1.0");
}

static void options_that_somebody_added_stay(void **state)
{
	(void)state;
	test_file_puts(test_path("sshd"), DEBIAN);
	assert_int_equal(change(warden_pam_lines_add),
			 WARDEN_PAM_LINES_CHANGED);
	test_file_puts(test_path("sshd"),
		       "# dovecot-warden: refuses the hosts that it has "
		       "blocked (doveadm warden setup --pam)\n"
		       WARDEN_PAM_LINE_AUTH " observe\n"
		       WARDEN_PAM_LINE_ACCOUNT " observe\n" DEBIAN);
	assert_int_equal(change(warden_pam_lines_add),
			 WARDEN_PAM_LINES_UNCHANGED);
	assert_int_equal(change(warden_pam_lines_remove),
			 WARDEN_PAM_LINES_CHANGED);
	test_file_expect(test_path("sshd"), DEBIAN);
}

static void a_line_of_the_admin_is_not_doubled(void **state)
{
	static const char before[] = DEBIAN "  auth required pam_warden.so\n";

	(void)state;
	test_file_puts(test_path("sshd"), before);
	assert_int_equal(change(warden_pam_lines_add), WARDEN_PAM_LINES_ERROR);
	assert_int_equal(change(warden_pam_lines_remove),
			 WARDEN_PAM_LINES_ERROR);
	test_file_expect(test_path("sshd"), before);
	add_and_remove("# pam_warden.so is not here\n" DEBIAN,
		       LINES "# pam_warden.so is not here\n" DEBIAN);
}

static void a_line_that_somebody_took_out_comes_back(void **state)
{
	(void)state;
	test_file_puts(test_path("sshd"),
		       "# dovecot-warden: refuses the hosts that it has "
		       "blocked (doveadm warden setup --pam)\n"
		       WARDEN_PAM_LINE_AUTH "\n" DEBIAN);
	assert_int_equal(change(warden_pam_lines_add),
			 WARDEN_PAM_LINES_CHANGED);
	test_file_expect(test_path("sshd"), LINES DEBIAN);
}

static void a_missing_file_is_not_made(void **state)
{
	(void)state;
	assert_int_equal(change(warden_pam_lines_add), WARDEN_PAM_LINES_ERROR);
	assert_int_equal(test_dir_count(false), 0);
}

static void a_link_stays_a_link(void **state)
{
	struct stat st;

	(void)state;
	test_file_puts(test_path("real"), DEBIAN);
	assert_int_equal(symlink("real", test_path("sshd")), 0);
	assert_int_equal(change(warden_pam_lines_add),
			 WARDEN_PAM_LINES_CHANGED);
	test_file_expect(test_path("real"), LINES DEBIAN);
	assert_int_equal(lstat(test_path("sshd"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void a_full_disk_changes_nothing(void **state)
{
	(void)state;
	test_file_puts(test_path("sshd"), DEBIAN);
	test_disk_size(100);
	assert_int_equal(change(warden_pam_lines_add), WARDEN_PAM_LINES_ERROR);
	test_disk_size(RLIM_INFINITY);
	test_file_expect(test_path("sshd"), DEBIAN);
	assert_int_equal(test_dir_count(false), 1);
}

static void whatever_is_in_it_comes_back(void **state)
{
	static const char *const parts[] = {
		"#%PAM-1.0\n", "auth required pam_unix.so\n", "\\\n", "\n",
		"# x", " ", "@include common-auth\n", "account", "\t\\\n",
	};
	char text[512];

	(void)state;
	unit_random_start();
	for (int i = 0; i < 300; i++) {
		text[0] = '\0';
		for (uint32_t n = unit_random_below(12); n > 0; n--) {
			(void)strcat(text, parts[unit_random_below(
						   sizeof(parts) /
						   sizeof(parts[0]))]);
		}
		test_file_puts(test_path("sshd"), text);
		assert_int_equal(change(warden_pam_lines_add),
				 WARDEN_PAM_LINES_CHANGED);
		assert_int_equal(change(warden_pam_lines_remove),
				 WARDEN_PAM_LINES_CHANGED);
		test_file_expect(test_path("sshd"), text);
	}
}

#define IN_DIR(test) \
	cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(the_lines_come_first_and_go_without_a_trace),
		IN_DIR(the_first_line_of_fedora_stays_the_first),
		IN_DIR(options_that_somebody_added_stay),
		IN_DIR(a_line_of_the_admin_is_not_doubled),
		IN_DIR(a_line_that_somebody_took_out_comes_back),
		IN_DIR(a_missing_file_is_not_made),
		IN_DIR(a_link_stays_a_link),
		IN_DIR(a_full_disk_changes_nothing),
		IN_DIR(whatever_is_in_it_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
