/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Two Dovecots that were given one file by mistake. */

#include <sys/file.h>

#include "test-files.h"
#include "warden-claim.h"

static void test_two_have_it(void **state)
{
	struct warden_claim first = WARDEN_CLAIM_INIT;
	struct warden_claim second = WARDEN_CLAIM_INIT;
	struct warden_claim other = WARDEN_CLAIM_INIT;
	struct warden_error error = { "" };

	(void)state;
	assert_true(warden_claim_take(&first, test_path("f"), &error));
	assert_true(warden_claim_take(&first, test_path("f"), &error));
	assert_false(warden_claim_take(&second, test_path("f"), &error));
	assert_non_null(strstr(error.text, "another Dovecot keeps"));
	assert_non_null(strstr(error.text, test_path("f")));
	/* another file in the same directory is another matter */
	assert_true(warden_claim_take(&other, test_path("g"), &error));
	warden_claim_release(&other);
	warden_claim_release(&first);
	warden_claim_release(&second);
}

static void wait_for_it(struct warden_claim *claim, unsigned int times)
{
	struct warden_error error;

	for (unsigned int i = 0; i < times; i++) {
		assert_false(warden_claim_take(claim, test_path("f"), &error));
		assert_int_equal(claim->fd, -1);
	}
}

/* A gap is not the end of the first one. */
static void test_second_takes_over_when_it_stays_free(void **state)
{
	struct warden_claim first = WARDEN_CLAIM_INIT;
	struct warden_claim second = WARDEN_CLAIM_INIT;
	struct warden_error error;

	(void)state;
	assert_true(warden_claim_take(&first, test_path("f"), &error));
	wait_for_it(&second, 1);
	warden_claim_release(&first);
	wait_for_it(&second, WARDEN_CLAIM_FREE_TIMES - 1);
	/* as the service that is started anew, which was never refused */
	first = WARDEN_CLAIM_INIT;
	assert_true(warden_claim_take(&first, test_path("f"), &error));
	wait_for_it(&second, 1);
	warden_claim_release(&first);
	wait_for_it(&second, WARDEN_CLAIM_FREE_TIMES - 1);
	assert_true(warden_claim_take(&second, test_path("f"), &error));
	assert_false(warden_claim_take(&first, test_path("f"), &error));
	warden_claim_release(&second);
}

static void test_others_can_take_it(void **state)
{
	struct warden_claim claim = WARDEN_CLAIM_INIT;
	struct warden_error error;
	mode_t old = umask(0);

	(void)state;
	assert_true(warden_claim_take(&claim, test_path("f"), &error));
	(void)umask(old);
	assert_int_equal(test_file_mode(test_path(".f.lock")), 0600);
	warden_claim_release(&claim);
}

/* Who holds a lock that has no name any more holds nothing. */
static void test_removed_lock_is_still_held(void **state)
{
	struct warden_claim first = WARDEN_CLAIM_INIT;
	struct warden_claim second = WARDEN_CLAIM_INIT;
	struct warden_error error;

	(void)state;
	assert_true(warden_claim_take(&first, test_path("f"), &error));
	assert_int_equal(unlink(test_path(".f.lock")), 0);
	assert_true(warden_claim_take(&second, test_path("f"), &error));
	assert_false(warden_claim_take(&first, test_path("f"), &error));
	warden_claim_release(&first);
	warden_claim_release(&second);
}

static void test_lock_that_cannot_be_made_hides_the_cause(void **state)
{
	struct warden_claim claim = WARDEN_CLAIM_INIT;
	struct warden_error error;

	(void)state;
	assert_true(warden_claim_take(&claim, test_path("none/f"), &error));
	assert_int_equal(claim.fd, -1);
	assert_int_equal(symlink(test_path("h"), test_path(".f.lock")), 0);
	assert_true(warden_claim_take(&claim, test_path("f"), &error));
	assert_int_equal(claim.fd, -1);
	assert_int_equal(access(test_path("h"), F_OK), -1);
	assert_int_equal(unlink(test_path(".f.lock")), 0);
	assert_int_equal(mkfifo(test_path(".f.lock"), 0600), 0);
	assert_true(warden_claim_take(&claim, test_path("f"), &error));
	warden_claim_release(&claim);
}

#define FILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, test_dir_setup, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_two_have_it),
		FILE_TEST(test_second_takes_over_when_it_stays_free),
		FILE_TEST(test_others_can_take_it),
		FILE_TEST(test_removed_lock_is_still_held),
		FILE_TEST(test_lock_that_cannot_be_made_hides_the_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
