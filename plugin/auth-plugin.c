/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Loads the warden into auth. Auth is where it is known whether a password was
   wrong or a user does not exist, for Dovecot's own logins and for all others
   that ask auth, as Postfix and Exim do. It tells so in two events, which are
   listened to here.

   Dovecot loads this in auth-worker processes too. They only help auth to ask
   a slow database, and report to it: there is nothing to count there. The
   driver is registered all the same, since auth and its workers must agree
   about the list of databases. */

#include "auth-common.h"
#include "module-dir.h"
#include "passdb.h"
#include "warden.h"
#include "warden-clock.h"
#include "warden-glue.h"
#include "warden-compat-auth.h"
#include "warden-table.h"
#include "auth-attempt.h"
#include "auth-passdb.h"
#include "auth-plugin.h"

#define AUTH_EVENT_ATTEMPT "auth_request_finished"
#define AUTH_EVENT_ANSWER "auth_passdb_request_finished"

const char *auth_warden_version = DOVECOT_ABI_VERSION;

static struct warden *auth_warden;
/* our two events; the filter that was in force; both in one */
static struct event_filter *filter_ours, *filter_base, *filter_merged;
static bool filter_merging;

struct warden *auth_warden_get(void)
{
	if (auth_warden != NULL && warden_is_retired(auth_warden)) {
		i_warning("warden: The shared tables were replaced. "
			  "Until auth is restarted (doveadm reload) "
			  "nobody is counted or refused by it");
		warden_close(&auth_warden);
	}
	return auth_warden;
}

static void auth_filter_keep(void)
{
	/* Whatever merging does may create an event, and be back here. */
	if (filter_merging || warden_compat_send_filter_is(filter_merged))
		return;
	filter_merging = TRUE;
	warden_compat_send_filter_merge(filter_ours, &filter_base,
					&filter_merged);
	filter_merging = FALSE;
}

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
	const char *error;

	filter_ours = event_filter_create();
	if (event_filter_parse("event="AUTH_EVENT_ATTEMPT
			       " OR event="AUTH_EVENT_ANSWER,
			       filter_ours, &error) < 0) {
		i_warning("warden: No events from auth, "
			  "its logins are not counted: %s", error);
		event_filter_unref(&filter_ours);
		return;
	}
	event_register_callback(auth_event_callback);
}

static void auth_events_deinit(void)
{
	if (filter_ours == NULL)
		return;
	event_unregister_callback(auth_event_callback);
	warden_compat_send_filter_restore(&filter_base, &filter_merged);
	event_filter_unref(&filter_ours);
}

void auth_warden_init(struct module *module ATTR_UNUSED)
{
	struct warden_error error;

	/* `worker` also keeps this plugin out of doveadm, which loads all of
	   auth's for `doveadm pw` and does not have it. */
	auth_passdb_register();
	if (worker)
		return;

	auth_warden = warden_open(warden_glue_dir(), WARDEN_ROLE_AUTH,
				  WARDEN_TABLE_HOSTS_DEFAULT, &error);
	if (auth_warden == NULL) {
		i_warning("warden: %s; "
			  "in auth nobody is counted or refused", error.text);
		return;
	}
	auth_events_init();
}

void auth_warden_deinit(void)
{
	auth_events_deinit();
	if (auth_warden != NULL)
		warden_close(&auth_warden);
	auth_passdb_unregister();
}
