/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef UNIT_GUARD_H
#define UNIT_GUARD_H

/* A guard at work: its shared files in a directory of their own, and three of
   the processes that have them open. */

#include "unit-client.h"
#include "unit-dir.h"
#include "unit.h"
#include "warden-admin.h"

#define UNIT_GUARD_HOSTS 8192

struct unit_guard {
	void *dir;
	struct warden *service, *auth, *login;
	struct warden_policy policy;
};

/* As cmocka wants it. The default policy is in force, with at most two sessions
   a host. */
static inline int unit_guard_setup(void **state)
{
	struct unit_guard *guard = test_calloc(1, sizeof(*guard));
	struct warden_error error;

	if (unit_dir_setup(&guard->dir) < 0)
		return -1;
	*state = guard;
	guard->service = warden_open(guard->dir, WARDEN_ROLE_SERVICE,
				     UNIT_GUARD_HOSTS, &error);
	guard->auth = warden_open(guard->dir, WARDEN_ROLE_AUTH, 0, &error);
	guard->login = warden_open(guard->dir, WARDEN_ROLE_LOGIN, 0, &error);
	warden_policy_init_defaults(&guard->policy);
	guard->policy.session_limit = 2;
	if (guard->service == NULL || guard->auth == NULL ||
	    guard->login == NULL)
		return -1;
	warden_admin_heartbeat(guard->service, 1, true, UNIT_NOW);
	warden_admin_publish(guard->service, &guard->policy, UNIT_NOW);
	return 0;
}

static inline int unit_guard_teardown(void **state)
{
	struct unit_guard *guard = *state;
	void *dir = guard->dir;

	warden_close(&guard->service);
	warden_close(&guard->auth);
	warden_close(&guard->login);
	test_free(guard);
	return unit_dir_teardown(&dir);
}

#endif
