/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit-dir.h"
#include "unit.h"
#include "warden-own-dir.h"

static const char *path_in(void *dir, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", (char *)dir, name);
	return path;
}

static bool prepare(const char *path, struct warden_error *error_r)
{
	return warden_own_dir_prepare(path, geteuid(), getegid(), error_r);
}

static void test_missing_directory_is_made(void **state)
{
	const char *path = path_in(*state, "own");
	struct warden_error error;
	struct stat st;

	assert_true(prepare(path, &error));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_uid, geteuid());
	/* and is good the next time too */
	assert_true(prepare(path, &error));
	assert_int_equal(rmdir(path), 0);
}

static void test_missing_directory_is_given_to_the_user(void **state)
{
	const char *path = path_in(*state, "own");
	struct warden_error error;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_true(warden_own_dir_prepare(path, 4711, 4712, &error));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, 4711);
	assert_int_equal(st.st_gid, 4712);
	assert_int_equal(rmdir(path), 0);
}

static void test_directory_of_another_user_is_taken(void **state)
{
	const char *path = path_in(*state, "other");
	struct warden_error error;
	struct stat st;

	assert_int_equal(mkdir(path, 0755), 0);
	assert_false(
		warden_own_dir_prepare(path, geteuid() + 1, getegid(), &error));
	assert_non_null(strstr(error.text, path));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(rmdir(path), 0);
}

static void test_directory_that_others_write_is_taken(void **state)
{
	static const mode_t modes[] = { 0775, 0757, 01777 };
	const char *path = path_in(*state, "open");
	struct warden_error error;

	assert_int_equal(mkdir(path, 0755), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_false(prepare(path, &error));
	}
	assert_int_equal(chmod(path, 0700), 0);
	assert_true(prepare(path, &error));
	assert_int_equal(rmdir(path), 0);
}

static void test_symbolic_link_is_followed(void **state)
{
	char real[512];
	const char *path;
	struct warden_error error;

	(void)snprintf(real, sizeof(real), "%s", path_in(*state, "real"));
	assert_int_equal(mkdir(real, 0755), 0);
	path = path_in(*state, "link");
	assert_int_equal(symlink(real, path), 0);
	assert_false(prepare(path, &error));
	/* nor one that leads nowhere yet */
	assert_int_equal(rmdir(real), 0);
	assert_false(prepare(path, &error));
	assert_int_equal(access(real, F_OK), -1);
}

static void test_what_is_no_directory_is_taken(void **state)
{
	const char *path = path_in(*state, "file");
	struct warden_error error;
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_false(prepare(path, &error));
	assert_false(prepare(path_in(*state, "file/below"), &error));
	assert_false(prepare(path_in(*state, "none/below"), &error));
}

static void test_directory_of_a_file(void **state)
{
	char dir[8];

	(void)state;
	assert_true(warden_own_dir_of("/a/b/c", dir, sizeof(dir)));
	assert_string_equal(dir, "/a/b");
	assert_true(warden_own_dir_of("/c", dir, sizeof(dir)));
	assert_string_equal(dir, "/");
	assert_true(warden_own_dir_of("/123456/c", dir, sizeof(dir)));
	assert_string_equal(dir, "/123456");
	assert_false(warden_own_dir_of("/1234567/c", dir, sizeof(dir)));
	assert_false(warden_own_dir_of("c", dir, sizeof(dir)));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, unit_dir_setup, unit_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_missing_directory_is_made),
		TEST(test_missing_directory_is_given_to_the_user),
		TEST(test_directory_of_another_user_is_taken),
		TEST(test_directory_that_others_write_is_taken),
		TEST(test_symbolic_link_is_followed),
		TEST(test_what_is_no_directory_is_taken),
		cmocka_unit_test(test_directory_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
