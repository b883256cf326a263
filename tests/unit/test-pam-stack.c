/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Lines for pam_warden.so that look right and guard nobody. */

#include "test-files.h"
#include "unit.h"
#include "warden-layout.h"
#include "warden-pam-stack.h"

#define OURS "[module_unknown=ignore ignore=ignore default=die] pam_warden.so\n"
#define AUTH "auth " OURS
#define ACCOUNT "account " OURS
/* as Debian has it */
#define COMMON                                                 \
	"auth [success=1 default=ignore] pam_unix.so nullok\n" \
	"auth requisite pam_deny.so\n"                         \
	"auth required pam_permit.so\n"

static const char *module_dirs[] = { "/nowhere", test_dir, NULL };
static struct warden_pam_places places = {
	.dir = test_dir,
	.module_dirs = module_dirs,
};
static struct warden_pam_stack stack;

static void put_module(const char *name, const char *mark)
{
	test_file_puts(test_path(name), mark);
}

static int setup(void **state)
{
	if (test_dir_setup(state) != 0)
		return -1;
	put_module("pam_warden.so", "...." WARDEN_LAYOUT_MARK);
	return 0;
}

static enum warden_pam_fault fault(const char *text)
{
	test_file_puts(test_path("sshd"), text);
	warden_pam_stack_look(&places, "sshd", &stack);
	return stack.fault;
}

static void test_line_that_is_missing(void **state)
{
	(void)state;
	warden_pam_stack_look(&places, "sshd", &stack);
	assert_int_equal(stack.fault, WARDEN_PAM_NO_LINES);
	assert_int_equal(fault(""), WARDEN_PAM_NO_LINES);
	assert_int_equal(fault("auth required pam_unix.so # pam_warden.so\n"
			       "#" ACCOUNT "session optional pam_warden.so\n"),
			 WARDEN_PAM_NO_LINES);
	assert_int_equal(fault(AUTH), WARDEN_PAM_NO_ACCOUNT);
	assert_int_equal(fault("# \n" ACCOUNT), WARDEN_PAM_NO_AUTH);
	assert_int_equal(stack.faulty->spot.line, 2);
	assert_string_equal(stack.faulty->spot.file, test_path("sshd"));
	assert_int_equal(fault(AUTH "accounts " OURS), WARDEN_PAM_NO_ACCOUNT);
	assert_int_equal(fault(AUTH ACCOUNT), WARDEN_PAM_OK);
	assert_int_equal(fault("#%PAM-1.0\n\n  -" AUTH "\tACCOUNT\\\n "
			       "required \\\npam_warden.so debug"),
			 WARDEN_PAM_OK);
	assert_int_equal(stack.account.spot.line, 4);
}

static void test_line_that_is_there_twice(void **state)
{
	(void)state;
	assert_int_equal(fault(AUTH ACCOUNT AUTH), WARDEN_PAM_TWICE);
	assert_int_equal(stack.faulty->again.line, 3);
	test_file_puts(test_path("common-account"), ACCOUNT);
	assert_int_equal(fault(AUTH ACCOUNT "@include common-account\n"),
			 WARDEN_PAM_TWICE);
	assert_string_equal(stack.faulty->again.file,
			    test_path("common-account"));
}

static void test_line_that_another_one_hides(void **state)
{
	(void)state;
	assert_int_equal(fault("auth sufficient pam_unix.so\n" AUTH ACCOUNT),
			 WARDEN_PAM_HIDDEN);
	assert_int_equal(stack.faulty->hidden_by.line, 1);
	assert_int_equal(fault("auth requisite pam_unix.so\n" AUTH ACCOUNT),
			 WARDEN_PAM_HIDDEN);
	assert_int_equal(fault("auth [user_unknown=die default=ok] pam_unix.so"
			       "\n" AUTH ACCOUNT),
			 WARDEN_PAM_HIDDEN);
	assert_int_equal(fault("auth required pam_env.so\n"
			       "session sufficient pam_permit.so\n"
			       "auth optional pam_permit.so\n" AUTH
			       "auth sufficient pam_unix.so\n" ACCOUNT),
			 WARDEN_PAM_OK);
	assert_int_equal(
		fault(AUTH "account sufficient pam_localuser.so\n" ACCOUNT),
		WARDEN_PAM_HIDDEN);
	assert_ptr_equal(stack.faulty, &stack.account);
	/* a refusal of others is one as well */
	assert_int_equal(
		fault(AUTH "account requisite pam_nologin.so\n" ACCOUNT),
		WARDEN_PAM_OK);
}

static void test_line_that_a_jump_skips(void **state)
{
	(void)state;
	assert_int_equal(
		fault("auth [success=1 default=ok] pam_unix.so\n" AUTH ACCOUNT),
		WARDEN_PAM_HIDDEN);
	assert_int_equal(fault("auth [success=1 default=ok] pam_unix.so\n"
			       "auth required pam_env.so\n" AUTH ACCOUNT),
			 WARDEN_PAM_OK);
	assert_int_equal(fault("auth [success=2 default=1] pam_unix.so\n"
			       "auth required pam_env.so\n" AUTH ACCOUNT),
			 WARDEN_PAM_HIDDEN);
	assert_int_equal(stack.faulty->hidden_by.line, 1);
}

static void test_line_behind_files_that_are_included(void **state)
{
	(void)state;
	test_file_puts(test_path("common-auth"), COMMON);
	assert_int_equal(fault("@include common-auth\n" AUTH ACCOUNT),
			 WARDEN_PAM_HIDDEN);
	assert_string_equal(stack.faulty->hidden_by.file,
			    test_path("common-auth"));
	assert_int_equal(stack.faulty->hidden_by.line, 2);
	assert_int_equal(fault("auth include common-auth\n" AUTH ACCOUNT),
			 WARDEN_PAM_HIDDEN);
	/* it ends itself alone */
	assert_int_equal(fault("auth substack common-auth\n" AUTH ACCOUNT),
			 WARDEN_PAM_OK);
	assert_int_equal(fault("auth substack outer\n" AUTH ACCOUNT),
			 WARDEN_PAM_OK);
	test_file_puts(test_path("outer"), "auth include common-auth\n");
	assert_int_equal(fault("auth substack outer\n" AUTH ACCOUNT),
			 WARDEN_PAM_OK);
	assert_int_equal(fault("account include common-auth\n" AUTH ACCOUNT),
			 WARDEN_PAM_OK);
	test_file_puts(test_path("common-auth"), AUTH ACCOUNT COMMON);
	assert_int_equal(fault("@include common-auth\n"), WARDEN_PAM_OK);
}

static void test_files_that_include_each_other(void **state)
{
	(void)state;
	test_file_puts(test_path("a"), "@include b\nauth include b\n" AUTH);
	test_file_puts(test_path("b"), "@include a\nauth substack a\n");
	assert_int_equal(fault("@include a\n@include sshd\n@include /dev/zero\n"
			       "@include\nauth include\nauth\n[\n[]\nauth [\n"),
			 WARDEN_PAM_NO_ACCOUNT);
}

static void test_refusal_that_nobody_hears(void **state)
{
	(void)state;
	assert_int_equal(fault("auth optional pam_warden.so\n" ACCOUNT),
			 WARDEN_PAM_HARMLESS);
	assert_int_equal(fault("auth sufficient pam_warden.so\n" ACCOUNT),
			 WARDEN_PAM_HARMLESS);
	assert_int_equal(fault("auth requisite pam_warden.so\n"
			       "account required pam_warden.so observe\n"),
			 WARDEN_PAM_OK);
	assert_int_equal(fault(AUTH "account [default=ignore] pam_warden.so\n"),
			 WARDEN_PAM_HARMLESS);
	assert_int_equal(fault(AUTH "account [perm_denied=ignore default=die] "
				    "pam_warden.so\n"),
			 WARDEN_PAM_HARMLESS);
	assert_int_equal(fault("auth [maxtries=bad default=ignore] "
			       "pam_warden.so\n" ACCOUNT),
			 WARDEN_PAM_OK);
	assert_int_equal(fault("auth [success=ok] pam_warden.so\n" ACCOUNT),
			 WARDEN_PAM_OK);
}

static void test_module_that_is_elsewhere(void **state)
{
	char text[2 * PATH_MAX];

	(void)state;
	assert_int_equal(fault(AUTH ACCOUNT), WARDEN_PAM_OK);
	assert_string_equal(stack.auth.module, test_path("pam_warden.so"));
	assert_int_equal(fault(AUTH "account required "
				    "/nowhere/pam_warden.so\n"),
			 WARDEN_PAM_NO_MODULE);
	assert_string_equal(stack.faulty->name, "/nowhere/pam_warden.so");
	(void)snprintf(text, sizeof(text), "auth required %s\n" ACCOUNT,
		       test_path("pam_warden.so"));
	assert_int_equal(fault(text), WARDEN_PAM_OK);
	assert_int_equal(unlink(test_path("pam_warden.so")), 0);
	assert_int_equal(fault(text), WARDEN_PAM_NO_MODULE);
	assert_int_equal(fault(AUTH ACCOUNT), WARDEN_PAM_NO_MODULE);
}

static void test_module_of_another_version(void **state)
{
	(void)state;
	put_module("pam_warden.so", "no mark");
	assert_int_equal(fault(AUTH ACCOUNT), WARDEN_PAM_OTHER_LAYOUT);
	assert_int_equal(stack.module_layout, 0);
	put_module("pam_warden.so",
		   WARDEN_LAYOUT_MARK_NAME WARDEN_LAYOUT_MARK_NAME "987");
	assert_int_equal(fault(AUTH ACCOUNT), WARDEN_PAM_OTHER_LAYOUT);
	assert_int_equal(stack.module_layout, 987);
	put_module("pam_warden.so", WARDEN_LAYOUT_MARK "0");
	assert_int_equal(fault(AUTH ACCOUNT), WARDEN_PAM_OTHER_LAYOUT);
}

static void test_services_that_are_none(void **state)
{
	static const char *const with[] = { "vsftpd",	      "sshd",
					    "sshd~",	      "a.old",
					    "sshd.dpkg-dist", "common-auth",
					    ".hidden" };
	char names[4][WARDEN_PAM_NAME_STRLEN];

	(void)state;
	assert_int_equal(warden_pam_services(&places, names, 4), 0);
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		test_file_puts(test_path(with[i]), AUTH);
	test_file_puts(test_path("login"), "@include common-auth\n");
	test_file_puts(test_path("cron"), "@include common-account\n");
	assert_int_equal(warden_pam_services(&places, names, 4), 3);
	assert_string_equal(names[0], "login");
	assert_string_equal(names[1], "sshd");
	assert_string_equal(names[2], "vsftpd");
	assert_int_equal(warden_pam_services(&places, names, 2), 2);
}

#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, setup, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_line_that_is_missing),
		CASE(test_line_that_is_there_twice),
		CASE(test_line_that_another_one_hides),
		CASE(test_line_that_a_jump_skips),
		CASE(test_line_behind_files_that_are_included),
		CASE(test_files_that_include_each_other),
		CASE(test_refusal_that_nobody_hears),
		CASE(test_module_that_is_elsewhere),
		CASE(test_module_of_another_version),
		CASE(test_services_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
