/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Loads the warden into auth. Auth is where it is known whether a password was
   wrong or a user does not exist, for Dovecot's own logins and for all others
   that ask auth, as Postfix and Exim do. It tells so in two events, which are
   listened to here.

   Dovecot loads this in auth-worker processes too. They only help auth to ask
   a slow database, and report to it: there is nothing to count there. The
   driver is registered all the same, since auth and its workers must agree
   about the list of databases.

   The shared files can be opened by root alone, and auth is root only while it
   starts. When the service puts others in their place, auth has to end, and
   the master starts the next one: an auth process may live for months, and
   until then would count nobody. */

#define _GNU_SOURCE /* O_PATH */

#include "auth-common.h"
#include "ioloop.h"
#include "master-service-private.h"
#include "module-dir.h"
#include "auth-request.h"
#include "passdb.h"
#include "warden.h"
#include "warden-clock.h"
#include "warden-glue.h"
#include "warden-compat-auth.h"
#include "warden-table.h"
#include "auth-attempt.h"
#include "auth-count.h"
#include "auth-filter.h"
#include "auth-passdb.h"
#include "auth-plugin.h"
#include "client-name.h"

#include <fcntl.h>
#include <sys/stat.h>

#define AUTH_EVENT_ATTEMPT "auth_request_finished"
#define AUTH_EVENT_ANSWER "auth_passdb_request_finished"

const char *auth_warden_version = DOVECOT_ABI_VERSION;

static struct warden *auth_warden;
static bool auth_events_on;

#define RESTART_CHECK_MSECS 1000
/* Somebody always tries passwords, or holds an attempt open: then those that
   are being answered get a temporary failure. */
#define RESTART_WAIT_SECS 60
/* No sooner, where the table could not be opened: whoever damages it may do so
   all the time. */
#define RESTART_MENDED_SECS 5

static const char *const shared_names[] = { "policy", "hosts", "auth" };

static struct {
	struct timeout *to;
	/* only to see whether the files, good or bad, are still the ones at
	   their names; they can be asked after root is given up */
	int fds[N_ELEMENTS(shared_names)];
	struct timespec changed[N_ELEMENTS(shared_names)];
	bool retired;
	unsigned int waited_secs, age_secs;
} restart = { .fds = { -1, -1, -1 } };

/* --- When the files are replaced ------------------------------------------ */

struct warden *auth_warden_get(void)
{
	if (auth_warden != NULL && warden_is_retired(auth_warden)) {
		warden_close(&auth_warden);
		restart.retired = TRUE;
	}
	return auth_warden;
}

static void auth_watch_files(void)
{
	struct stat st;

	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++) {
		const char *path = t_strconcat(warden_glue_dir(), "/",
					       shared_names[i], NULL);

		if (restart.fds[i] == -1) {
			restart.fds[i] =
				open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
			if (restart.fds[i] != -1 &&
			    fstat(restart.fds[i], &st) == 0)
				restart.changed[i] = st.st_mtim;
		}
	}
}

static void auth_unwatch_files(void)
{
	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++)
		i_close_fd(&restart.fds[i]);
}

/* The service puts a damaged header back where it was. That is a write, which
   is seen here; what is written into a mapping is not. */
static bool auth_file_mended(const struct stat *st,
			     const struct timespec *changed)
{
	return auth_warden == NULL && restart.age_secs >= RESTART_MENDED_SECS &&
	       (st->st_mtim.tv_sec != changed->tv_sec ||
		st->st_mtim.tv_nsec != changed->tv_nsec);
}

static bool auth_files_replaced(void)
{
	struct stat st;

	restart.age_secs++;
	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++) {
		if (restart.fds[i] != -1 && fstat(restart.fds[i], &st) == 0 &&
		    (st.st_nlink == 0 ||
		     auth_file_mended(&st, &restart.changed[i])))
			return TRUE;
	}
	return auth_warden_get() == NULL && restart.retired;
}

static bool auth_is_busy(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < AUTH_REQUEST_STATE_MAX; i++)
		count += auth_request_state_count[i];
	return count > 0;
}

static void auth_restart_check(void *context ATTR_UNUSED)
{
	/* the master has started the next one already: doveadm reload */
	if (master_service->io_status_error == NULL || !auth_files_replaced())
		return;
	if (restart.waited_secs == 0) {
		i_info("warden: The shared files are others now, so auth "
		       "starts anew as soon as nobody is just logging in");
	}
	if (auth_is_busy() && restart.waited_secs++ < RESTART_WAIT_SECS)
		return;
	timeout_remove(&restart.to);
	/* the master starts the next one for whoever asks */
	master_service_stop(master_service);
}

/* --- Events --------------------------------------------------------------- */

static void auth_event_sent(struct event *event)
{
	if (event->sending_name == NULL)
		return;
	if (strcmp(event->sending_name, AUTH_EVENT_ANSWER) == 0)
		auth_attempt_answer(event);
	else if (strcmp(event->sending_name, AUTH_EVENT_ATTEMPT) == 0) {
		auth_attempt_finished(event, auth_warden_get(),
				      warden_clock_now());
	}
}

/* Always TRUE: others want the event as well, and the log. */
static bool auth_event_callback(struct event *event,
				enum event_callback_type type,
				struct failure_context *ctx ATTR_UNUSED,
				const char *fmt ATTR_UNUSED,
				va_list args ATTR_UNUSED)
{
	switch (type) {
	case EVENT_CALLBACK_TYPE_CREATE:
		auth_filter_keep();
		break;
	case EVENT_CALLBACK_TYPE_SEND:
		auth_event_sent(event);
		break;
	case EVENT_CALLBACK_TYPE_FREE:
		break;
	}
	return TRUE;
}

static void auth_events_init(void)
{
	struct event_filter *filter = event_filter_create();
	const char *error;

	if (event_filter_parse("event="AUTH_EVENT_ATTEMPT
			       " OR event="AUTH_EVENT_ANSWER,
			       filter, &error) < 0) {
		i_warning("warden: No events from auth, "
			  "its logins are not counted: %s", error);
		event_filter_unref(&filter);
		return;
	}
	auth_filter_start(filter);
	event_register_callback(auth_event_callback);
	auth_events_on = TRUE;
}

static void auth_events_deinit(void)
{
	if (!auth_events_on)
		return;
	event_unregister_callback(auth_event_callback);
	auth_filter_stop();
	auth_events_on = FALSE;
}

/* --- Load and unload ------------------------------------------------------ */

/* Watched from before they are opened, and those that were missing from then
   on: after an update of the warden the files may be of another version, and
   the service, which puts that right, starts at the same time as auth. */
static void auth_open(void)
{
	struct warden_error error;

	auth_watch_files();
	auth_warden = warden_open(warden_glue_dir(), WARDEN_ROLE_AUTH,
				  WARDEN_TABLE_HOSTS_DEFAULT, &error);
	auth_watch_files();
	if (auth_warden == NULL) {
		i_warning("warden: %s; in auth nobody is counted or refused "
			  "until that is put right", error.text);
	}
}

void auth_warden_init(struct module *module ATTR_UNUSED)
{

	/* `worker` also keeps this plugin out of doveadm, which loads all of
	   auth's for `doveadm pw` and does not have it. */
	auth_passdb_register();
	if (worker)
		return;

	client_name_init(TRUE);
	auth_open();
	restart.to = timeout_add(RESTART_CHECK_MSECS, auth_restart_check,
				 (void *)NULL);
	if (auth_warden != NULL)
		auth_events_init();
}

void auth_warden_deinit(void)
{
	auth_events_deinit();
	auth_passdb_stop_waiting();
	auth_count_deinit();
	client_name_deinit();
	timeout_remove(&restart.to);
	auth_unwatch_files();
	if (auth_warden != NULL)
		warden_close(&auth_warden);
	auth_passdb_unregister();
}
