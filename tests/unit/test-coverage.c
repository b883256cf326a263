/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Daemons that do not refuse, and are said to. */

#include "test-files.h"
#include "unit.h"
#include "warden-coverage.h"
#include "warden-layout.h"

#define DENY_FILE "/var/lib/dovecot/warden/hosts.deny"
#define LINE "ALL: " DENY_FILE "\n"

/* test_path() has room for one at a time */
static char allow[PATH_MAX], deny[PATH_MAX], config[PATH_MAX];
static char module[PATH_MAX], pam_dir[PATH_MAX], pam_sshd[PATH_MAX];
static const char *const programs[] = { "/nowhere/sshd", "/proc/self/exe",
					NULL };
static const char *const no_programs[] = { "/nowhere/sshd", NULL };
static const char *configs[] = { "/nowhere/vsftpd.conf", config, NULL };

static const char *const module_dirs[] = { pam_dir, NULL };

static struct warden_coverage_places places;

static int setup(void **state)
{
	if (test_dir_setup(state) != 0)
		return -1;
	(void)snprintf(allow, sizeof(allow), "%s", test_path("allow"));
	(void)snprintf(deny, sizeof(deny), "%s", test_path("deny"));
	(void)snprintf(config, sizeof(config), "%s", test_path("config"));
	(void)snprintf(module, sizeof(module), "%s",
		       test_path("pam_warden.so"));
	(void)snprintf(pam_dir, sizeof(pam_dir), "%s", test_path("sshd"));
	(void)snprintf(pam_sshd, sizeof(pam_sshd), "%s", pam_dir);
	*strrchr(pam_dir, '/') = '\0';
	places = (struct warden_coverage_places){
		.daemon = "sshd",
		.programs = programs,
		.pam_service = "sshd",
		.pam = { .dir = pam_dir, .module_dirs = module_dirs },
		.hosts_allow = allow,
		.hosts_deny = deny,
		.deny_file = DENY_FILE,
	};
	return 0;
}

static const struct warden_coverage *look(void)
{
	static struct warden_coverage coverage;

	warden_coverage_look(&places, &coverage);
	return &coverage;
}

static enum warden_coverage_rules rules(const char *allow_text,
					const char *deny_text)
{
	test_file_puts(allow, allow_text);
	test_file_puts(deny, deny_text);
	return look()->rules;
}

static void test_line_that_is_missing(void **state)
{
	(void)state;
	assert_int_equal(look()->rules, WARDEN_COVERAGE_RULES_MISSING);
	assert_int_equal(rules("", ""), WARDEN_COVERAGE_RULES_MISSING);
	assert_int_equal(rules("", "# " LINE), WARDEN_COVERAGE_RULES_MISSING);
	assert_int_equal(rules("", "vsftpd: " DENY_FILE "\n"),
			 WARDEN_COVERAGE_RULES_MISSING);
	assert_int_equal(rules("", "ALL: " DENY_FILE ".old\n"),
			 WARDEN_COVERAGE_RULES_MISSING);
	assert_int_equal(rules("", LINE), WARDEN_COVERAGE_RULES_REFUSE);
	assert_int_equal(rules("", "sshd, vsftpd: 10., " DENY_FILE " : DENY\n"),
			 WARDEN_COVERAGE_RULES_REFUSE);
	assert_int_equal(rules("", "ALL EXCEPT vsftpd: " DENY_FILE "\n"),
			 WARDEN_COVERAGE_RULES_REFUSE);
	assert_int_equal(rules("", "ALL EXCEPT sshd: " DENY_FILE "\n"),
			 WARDEN_COVERAGE_RULES_MISSING);
}

static void test_rule_that_cancels_the_line(void **state)
{
	(void)state;
	assert_int_equal(rules("# mine\nsshd: ALL\n", LINE),
			 WARDEN_COVERAGE_RULES_CANCELLED);
	assert_string_equal(look()->rules_file, allow);
	assert_int_equal(look()->rules_line, 2);
	assert_int_equal(rules("", "\nALL: ALL : ALLOW\n" LINE),
			 WARDEN_COVERAGE_RULES_CANCELLED);
	assert_string_equal(look()->rules_file, deny);
	assert_int_equal(look()->rules_line, 2);
	assert_int_equal(rules("", "ALL: " DENY_FILE " : ALLOW\n"),
			 WARDEN_COVERAGE_RULES_CANCELLED);
	/* behind it, or for others */
	assert_int_equal(rules("", LINE "ALL: ALL : ALLOW\n"),
			 WARDEN_COVERAGE_RULES_REFUSE);
	assert_int_equal(rules("sshd: 10. 192.0.2.1\nvsftpd: ALL\n"
			       "sshd: .example.com\n",
			       LINE),
			 WARDEN_COVERAGE_RULES_REFUSE);
}

static void test_files_that_libwrap_cannot_read(void **state)
{
	(void)state;
	assert_int_equal(rules("", "ALL: " DENY_FILE),
			 WARDEN_COVERAGE_RULES_UNKNOWN);
	assert_non_null(strstr(look()->rules_error.text, deny));
}

/* This program is linked with no libwrap. */
static void test_program_without_libwrap(void **state)
{
	(void)state;
	test_file_puts(deny, LINE);
	assert_int_equal(look()->libwrap, WARDEN_COVERAGE_LIBWRAP_MISSING);
	assert_string_equal(look()->program, "/proc/self/exe");
	assert_false(warden_coverage_by_libwrap(look()));
	places.programs = no_programs;
	assert_string_equal(look()->program, "");
}

static bool config_refuses(const char *text)
{
	test_file_puts(config, text);
	return look()->config_refuses;
}

static void test_vsftpd_that_is_not_told_to_ask(void **state)
{
	(void)state;
	assert_false(look()->config_refuses);
	places.configs = configs;
	assert_true(look()->config_refuses);
	assert_string_equal(look()->config, "");
	assert_true(config_refuses("listen=YES\n#tcp_wrappers=YES\n"));
	assert_true(config_refuses("tcp_wrappers=NO\n"));
	assert_true(config_refuses("tcp_wrappers=YES\ntcp_wrappers=NO\n"));
	assert_true(config_refuses("xtcp_wrappers=YES\n"));
	assert_true(config_refuses("tcp_wrappers\n"));
	assert_false(config_refuses("tcp_wrappers=NO\ntcp_wrappers=YES"));
	assert_false(config_refuses("tcp_wrappers=true\n"));
	assert_string_equal(look()->config, config);
	assert_string_equal(look()->pam_service, "sshd");
	(void)config_refuses("pam_service_name=vsftpd\n");
	assert_string_equal(look()->pam_service, "vsftpd");
	(void)config_refuses("pam_service_name=../../etc/passwd\n");
	assert_string_equal(look()->pam_service, "sshd");
}

static bool by_pam(const char *text)
{
	test_file_puts(pam_sshd, text);
	return warden_coverage_by_pam(look());
}

#define AUTH "auth [ignore=ignore default=die] pam_warden.so\n"
#define ACCOUNT "account\trequired pam_warden.so observe\n"

static enum warden_sshd_pam sshd_pam(const char *text)
{
	test_file_puts(config, text);
	places.sshd_config = config;
	return look()->sshd.pam;
}

static void test_sshd_that_does_not_ask_pam(void **state)
{
	char text[PATH_MAX * 2];

	(void)state;
	places.sshd_config = "/nowhere/sshd_config";
	assert_int_equal(look()->sshd.pam, WARDEN_SSHD_PAM_UNKNOWN);
	assert_int_equal(sshd_pam("Port 22\n"), WARDEN_SSHD_PAM_NO);
	assert_int_equal(look()->sshd.line, 0);
	assert_int_equal(sshd_pam("#UsePAM yes\nPort 22\n"),
			 WARDEN_SSHD_PAM_NO);
	assert_int_equal(sshd_pam("Port 22\n UsePAM\tyes # as it should\n"),
			 WARDEN_SSHD_PAM_YES);
	assert_int_equal(look()->sshd.line, 2);
	assert_int_equal(sshd_pam("usepam=yes"), WARDEN_SSHD_PAM_YES);
	assert_int_equal(sshd_pam("UsePAM = \"yes\"\r\n"), WARDEN_SSHD_PAM_YES);
	assert_int_equal(sshd_pam("UsePAM no\nUsePAM yes\n"),
			 WARDEN_SSHD_PAM_NO);
	assert_int_equal(sshd_pam("UsePAM\n"), WARDEN_SSHD_PAM_NO);
	assert_int_equal(sshd_pam("Match User alice\nUsePAM yes\n"),
			 WARDEN_SSHD_PAM_NO);
	/* what is included counts where that stands */
	test_file_puts(allow, "UsePAM no\n");
	assert_int_equal(sshd_pam("Include /nowhere/*.conf all* \"allow\"\n"
				  "UsePAM yes\n"),
			 WARDEN_SSHD_PAM_NO);
	assert_string_equal(look()->sshd.file, allow);
	assert_int_equal(sshd_pam("UsePAM yes\nInclude allow\n"),
			 WARDEN_SSHD_PAM_YES);
	/* a circle has an end */
	(void)snprintf(text, sizeof(text), "Include %s\nUsePAM yes\n", config);
	assert_int_equal(sshd_pam(text), WARDEN_SSHD_PAM_YES);
}

static void test_pam_that_is_asked_by_half(void **state)
{
	(void)state;
	assert_false(warden_coverage_by_pam(look()));
	assert_false(by_pam(AUTH ACCOUNT));
	test_file_puts(module, WARDEN_LAYOUT_MARK);
	assert_true(by_pam(AUTH ACCOUNT));
	assert_true(by_pam("#%PAM-1.0\nauth required pam_env.so\n" ACCOUNT
			   "  -" AUTH));
	assert_false(by_pam(AUTH));
	assert_false(by_pam(ACCOUNT));
	assert_false(by_pam(AUTH "#" ACCOUNT));
	assert_false(by_pam(AUTH "account required pam_unix.so # "
				 "pam_warden.so\n"));
	assert_false(by_pam(AUTH "accounts required pam_warden.so\n"));
	assert_false(by_pam(""));
}

#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, setup, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_line_that_is_missing),
		CASE(test_rule_that_cancels_the_line),
		CASE(test_files_that_libwrap_cannot_read),
		CASE(test_program_without_libwrap),
		CASE(test_vsftpd_that_is_not_told_to_ask),
		CASE(test_sshd_that_does_not_ask_pam),
		CASE(test_pam_that_is_asked_by_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
