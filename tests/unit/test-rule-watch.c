/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* When are the rules read again, and what becomes of files that are not as
   they should be? What rules mean is in test-rules. */

#include "test-files.h"
#include "unit.h"
#include "warden-rule-watch.h"

struct fixture {
	struct warden_rule_watch *watch;
	char allow[4096], deny[4096];
	struct warden_rules_image image;
	struct warden_rules_notices notices;
	struct warden_error error;
};

static int setup(void **state)
{
	static struct fixture f;

	assert_int_equal(test_dir_setup(state), 0);
	memset(&f, 0, sizeof(f));
	(void)snprintf(f.allow, sizeof(f.allow), "%s",
		       test_path("hosts.allow"));
	(void)snprintf(f.deny, sizeof(f.deny), "%s", test_path("hosts.deny"));
	f.watch = warden_rule_watch_create(f.allow, f.deny, "");
	assert_non_null(f.watch);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	warden_rule_watch_free(&f->watch);
	warden_rules_image_free(&f->image);
	return test_dir_teardown(state);
}

static enum warden_rule_watch_result look(struct fixture *f)
{
	warden_rules_image_free(&f->image);
	return warden_rule_watch_look(f->watch, &f->image, &f->notices,
				      &f->error);
}

/* What comes of a change: the first look sees it, the second reads. */
static enum warden_rule_watch_result look_twice(struct fixture *f)
{
	assert_int_equal(look(f), WARDEN_RULE_WATCH_SAME);
	return look(f);
}

static bool refuses(struct fixture *f, const char *address)
{
	struct warden_net net = unit_net(address);
	struct warden_rules_question question = { .daemon = "imap",
						  .client = &net };
	struct warden_rules_answer answer;
	struct warden_rules rules;

	assert_true(warden_rules_open(&rules, f->image.data, f->image.size,
				      &f->error));
	warden_rules_ask(&rules, &question, &answer);
	return answer.verdict == WARDEN_RULES_DENY;
}

static void test_no_files_are_no_rules(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(look(f), WARDEN_RULE_WATCH_NEW);
	assert_null(f->image.data);
	assert_int_equal(look(f), WARDEN_RULE_WATCH_SAME);
}

static void test_files_that_are_there_are_read_at_once(void **state)
{
	struct fixture *f = *state;

	test_file_puts(f->deny, "imap: 192.0.2.1\n");
	warden_rule_watch_free(&f->watch);
	f->watch = warden_rule_watch_create(f->allow, f->deny, "");
	assert_int_equal(look(f), WARDEN_RULE_WATCH_NEW);
	assert_true(refuses(f, "192.0.2.1"));
	assert_false(refuses(f, "192.0.2.2"));
	assert_int_equal(look(f), WARDEN_RULE_WATCH_SAME);
}

static void test_a_change_is_read_when_it_has_settled(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(look(f), WARDEN_RULE_WATCH_NEW);
	test_file_puts(f->deny, "imap: 192.0.2.1\n");
	assert_int_equal(look(f), WARDEN_RULE_WATCH_SAME);
	test_file_puts(f->deny, "imap: 192.0.2.1, 192.0.2.2\n");
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_NEW);
	assert_true(refuses(f, "192.0.2.2"));
	assert_int_equal(unlink(f->deny), 0);
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_NEW);
	assert_null(f->image.data);
}

static void test_a_mistake_is_told_once(void **state)
{
	struct fixture *f = *state;

	test_file_puts(f->deny, "imap: 192.0.2.1");
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_BAD);
	assert_non_null(strstr(f->error.text, "hosts.deny"));
	assert_int_equal(look(f), WARDEN_RULE_WATCH_SAME);
	test_file_puts(f->deny, "imap: 192.0.2.1\n");
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_NEW);
}

static void test_what_is_no_file_is_a_mistake(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->deny, 0700), 0);
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_BAD);
	assert_non_null(strstr(f->error.text, "cannot be read"));
}

static void test_a_file_that_a_rule_names_is_watched(void **state)
{
	struct fixture *f = *state;
	char rule[4200], named[4096];

	(void)snprintf(named, sizeof(named), "%s", test_path("bad-hosts"));
	(void)snprintf(rule, sizeof(rule), "imap: %s\n", named);
	test_file_puts(f->deny, rule);
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_NEW);
	assert_false(refuses(f, "192.0.2.1"));
	test_file_puts(named, "192.0.2.1\n");
	assert_int_equal(look_twice(f), WARDEN_RULE_WATCH_NEW);
	assert_true(refuses(f, "192.0.2.1"));
	assert_int_equal(look(f), WARDEN_RULE_WATCH_SAME);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_no_files_are_no_rules),
		CASE(test_files_that_are_there_are_read_at_once),
		CASE(test_a_change_is_read_when_it_has_settled),
		CASE(test_a_mistake_is_told_once),
		CASE(test_what_is_no_file_is_a_mistake),
		CASE(test_a_file_that_a_rule_names_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
