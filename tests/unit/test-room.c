/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A file that is asked in place, and has to be larger. */

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit-guard.h"
#include "warden-origins-size.h"
#include "warden-origins.h"

#define ROUNDS 10
#define LARGE_RUNS 200000u

/* The caller frees. */
static void *large_image(size_t *size_r)
{
	struct warden_origins_list list = { .inet = { .count = 0 } };
	void *image;

	for (uint32_t i = 0; i < LARGE_RUNS; i++) {
		assert_true(warden_origin_runs_add(
			&list.inet, (uint64_t)i << 14,
			warden_origin_pack(1 + i % 600, 0)));
	}
	*size_r = warden_origins_image_size(&list);
	image = test_malloc(*size_r);
	warden_origins_image_write(&list, image);
	warden_origins_list_free(&list);
	return image;
}

static void publish_small(struct unit_guard *guard)
{
	struct warden_origins_list list = { .inet = { .count = 0 } };
	uint64_t image[16] = { 0 };

	assert_true(warden_origin_runs_add(&list.inet, 10u << 24, 7));
	assert_true(warden_origins_image_size(&list) <= sizeof(image));
	warden_origins_image_write(&list, image);
	assert_int_equal(
		warden_admin_publish_origins(guard->service, image,
					     warden_origins_image_size(&list)),
		WARDEN_ADMIN_ROOM_ENOUGH);
	warden_origins_list_free(&list);
}

static uint32_t origin_of(const struct warden *warden, const char *text)
{
	struct warden_net net = unit_net(text);

	return warden_admin_origin(warden, &net);
}

static struct warden *start_anew(struct unit_guard *guard)
{
	struct warden_error error;

	warden_close(&guard->service);
	guard->service = warden_open(guard->dir, WARDEN_ROLE_SERVICE,
				     UNIT_GUARD_HOSTS, &error);
	assert_non_null(guard->service);
	return guard->service;
}

static void assert_makes_room(struct unit_guard *guard, size_t size)
{
	struct warden_error error = { "" };

	if (!warden_admin_origins_make_room(start_anew(guard), guard->dir, size,
					    &error))
		fail_msg("%s", error.text);
}

static void a_service_without_room_has_it_when_it_starts_anew(void **state)
{
	struct unit_guard *guard = *state;
	size_t size;
	void *image = large_image(&size);

	publish_small(guard);
	assert_int_equal(
		warden_admin_publish_origins(guard->service, image, size),
		WARDEN_ADMIN_ROOM_LATER);
	assert_int_equal(origin_of(guard->login, "10.0.0.1"), 7);
	assert_false(warden_is_retired(guard->login));
	assert_makes_room(guard, 0);
	/* what was in force is so until there is more */
	assert_int_equal(origin_of(guard->service, "10.0.0.1"), 7);
	assert_int_equal(origin_of(guard->login, "10.0.0.1"), 7);
	assert_true(warden_is_retired(guard->login));
	assert_int_equal(
		warden_admin_publish_origins(guard->service, image, size),
		WARDEN_ADMIN_ROOM_ENOUGH);
	test_free(image);
}

static void
a_service_that_asked_and_got_none_does_not_start_anew_again(void **state)
{
	struct unit_guard *guard = *state;
	size_t size;
	void *image = large_image(&size);

	assert_int_equal(
		warden_admin_publish_origins(guard->service, image, size),
		WARDEN_ADMIN_ROOM_LATER);
	/* /run was full, say */
	(void)start_anew(guard);
	assert_int_equal(
		warden_admin_publish_origins(guard->service, image, size),
		WARDEN_ADMIN_ROOM_NONE);
	test_free(image);
}

/* Login processes that start meanwhile find the old file or the new one, and
   never make one of their own. */
static void room_is_made_while_others_open(void **state)
{
	struct unit_guard *guard = *state;
	struct warden_error error;
	pid_t child;

	for (size_t round = 1; round <= ROUNDS; round++) {
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)alarm(60);
			for (;;) {
				struct warden *login = warden_open(
					guard->dir, WARDEN_ROLE_LOGIN,
					UNIT_GUARD_HOSTS, &error);

				warden_close(&login);
			}
		}
		assert_makes_room(guard, round * 4 * 1024 * 1024);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_makes_room(guard, round * 4 * 1024 * 1024);
	}
}

/* Only a database is lost by it, not the guard. */
static void without_origins_the_others_are_guarded(void **state)
{
	static const enum warden_role roles[] = { WARDEN_ROLE_LOGIN,
						  WARDEN_ROLE_AUTH,
						  WARDEN_ROLE_ADMIN,
						  WARDEN_ROLE_PAM };
	struct unit_guard *guard = *state;
	struct warden_error error = { "" };
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/origins", (char *)guard->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct warden *warden =
			warden_open(guard->dir, roles[i], 0, &error);

		if (warden == NULL)
			fail_msg("role %d: %s", roles[i], error.text);
		assert_non_null(warden_policy(warden, UNIT_NOW));
		assert_int_equal(origin_of(warden, "10.0.0.1"), 0);
		assert_false(warden_is_retired(warden));
		warden_close(&warden);
	}
	assert_int_equal(rmdir(path), 0);
}

static void write_hint(const char *dir, const char *text)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/origins.size", dir);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void the_size_of_before_the_boot_is_a_number_or_nothing(void **state)
{
	struct unit_guard *guard = *state;
	struct warden_error error;
	const char *dir = guard->dir;
	char path[300];

	assert_int_equal(warden_origins_size_read(""), 0);
	assert_int_equal(warden_origins_size_read(dir), 0);
	assert_true(warden_origins_size_write(dir, 123456, &error));
	assert_int_equal(warden_origins_size_read(dir), 123456);
	write_hint(dir, "");
	assert_int_equal(warden_origins_size_read(dir), 0);
	write_hint(dir, "-1\n");
	assert_int_equal(warden_origins_size_read(dir), 0);
	write_hint(dir, "999999999999999999999999\n");
	assert_int_equal(warden_origins_size_read(dir), 0);
	write_hint(dir, "noise");
	assert_int_equal(warden_origins_size_read(dir), 0);
	(void)snprintf(path, sizeof(path), "%s/origins.size", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("policy", path), 0);
	assert_int_equal(warden_origins_size_read(dir), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(warden_origins_size_read(dir), 0);
	assert_int_equal(unlink(path), 0);
}

#define CASE(test)                                              \
	cmocka_unit_test_setup_teardown(test, unit_guard_setup, \
					unit_guard_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_service_without_room_has_it_when_it_starts_anew),
		CASE(a_service_that_asked_and_got_none_does_not_start_anew_again),
		CASE(room_is_made_while_others_open),
		CASE(without_origins_the_others_are_guarded),
		CASE(the_size_of_before_the_boot_is_a_number_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
