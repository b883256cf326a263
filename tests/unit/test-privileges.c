/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "warden-privileges.h"

/* In a process of its own: there is no way back. Returns its exit status. */
static int in_child(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int drop_and_look(void)
{
	const gid_t group = 4714;
	struct warden_error error;

	if (setgroups(1, &group) < 0 ||
	    !warden_privileges_drop(4711, 4712, false, &error))
		return 1;
	if (getuid() != 4711 || geteuid() != 4711 || getgid() != 4712 ||
	    getegid() != 4712 || getgroups(0, NULL) != 0)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 3;
	return 0;
}

/* The words "CapEff" and such of /proc/self/status. */
static uint64_t capabilities(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long caps = UINT64_MAX;
	char line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			caps = strtoull(line + strlen(name) + 1, NULL, 16);
	}
	if (file != NULL)
		(void)fclose(file);
	return caps;
}

static int drop_with_capability(bool keep)
{
	const uint64_t net_admin = UINT64_C(1) << 12;
	const uint64_t wanted = keep ? capabilities("CapPrm") & net_admin : 0;
	struct warden_error error;

	if (!warden_privileges_drop(4711, 4712, keep, &error))
		return 1;
	if (capabilities("CapPrm") != wanted ||
	    capabilities("CapEff") != wanted || capabilities("CapInh") != 0)
		return 2;
	return setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 ? 3 : 0;
}

static int drop_and_keep_net_admin(void)
{
	return drop_with_capability(true);
}

static int drop_and_keep_nothing(void)
{
	return drop_with_capability(false);
}

static int drop_to_root(void)
{
	struct warden_error error;

	if (warden_privileges_drop(0, 4712, false, &error) ||
	    warden_privileges_drop(4711, 0, false, &error))
		return 1;
	/* nothing was tried */
	return strstr(error.text, "default_internal_user") == NULL;
}

static int drop_without_being_root(void)
{
	struct warden_error error = { .text = "" };

	if (geteuid() == 0 && setuid(4713) < 0)
		return 1;
	if (warden_privileges_drop(4711, 4712, false, &error))
		return 2;
	return error.text[0] == '\0' ? 3 : 0;
}

static int raise_memory(void)
{
	static const int resources[] = { RLIMIT_AS, RLIMIT_DATA };
	/* more than sanitizers take */
	const rlim_t before = (rlim_t)1 << 46, more = 12345678;
	struct rlimit limit = { before, RLIM_INFINITY };

	for (size_t i = 0; i < 2; i++) {
		if (setrlimit(resources[i], &limit) < 0)
			return 77; /* we are limited ourselves */
	}
	if (!warden_privileges_raise_memory(more))
		return 1;
	for (size_t i = 0; i < 2; i++) {
		if (getrlimit(resources[i], &limit) < 0 ||
		    limit.rlim_cur != before + more ||
		    limit.rlim_max != RLIM_INFINITY)
			return 2;
	}
	/* all there is, or more: as it was */
	if (!warden_privileges_raise_memory(SIZE_MAX - before))
		return 3;
	return getrlimit(RLIMIT_AS, &limit) == 0 &&
			       limit.rlim_cur == before + more
		       ? 0
		       : 4;
}

/* A hard limit, as Dovecot sets: either it is raised or it is told. */
static int raise_hard_limit(void)
{
	const rlim_t before = (rlim_t)1 << 46, more = 12345678;
	struct rlimit limit = { before, before };
	bool raised;

	if (setrlimit(RLIMIT_AS, &limit) < 0 ||
	    setrlimit(RLIMIT_DATA, &limit) < 0)
		return 77;
	raised = warden_privileges_raise_memory(more);
	if (getrlimit(RLIMIT_AS, &limit) < 0)
		return 1;
	return limit.rlim_cur == (raised ? before + more : before) &&
			       limit.rlim_max == limit.rlim_cur
		       ? 0
		       : 2;
}

static void test_memory_limit_is_not_raised(void **state)
{
	int (*const runs[])(void) = { raise_memory, raise_hard_limit };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int status = in_child(runs[i]);

		if (status == 77)
			skip();
		assert_int_equal(status, 0);
	}
}

static void test_root_can_be_taken_back(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_and_look), 0);
}

static void test_more_than_one_capability_stays(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_and_keep_net_admin), 0);
	assert_int_equal(in_child(drop_and_keep_nothing), 0);
}

static void test_root_is_no_user_to_become(void **state)
{
	(void)state;
	assert_int_equal(in_child(drop_to_root), 0);
}

static void test_failure_is_not_told(void **state)
{
	(void)state;
	assert_int_equal(in_child(drop_without_being_root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_limit_is_not_raised),
		cmocka_unit_test(test_root_can_be_taken_back),
		cmocka_unit_test(test_more_than_one_capability_stays),
		cmocka_unit_test(test_root_is_no_user_to_become),
		cmocka_unit_test(test_failure_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
