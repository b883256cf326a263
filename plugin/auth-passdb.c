/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A password database that knows no passwords: it is asked first, and refuses
   a blocked host, and a strange one at an account that is on guard, before any
   password is looked at, right or wrong. This is
   what reaches clients that never see a login process of ours (Postfix, Exim),
   and attempts on a connection that was there before the block.

   It never says "ok", whatever it is asked and however it is configured: where
   an admin forgot, or added, `deny = yes`, an "ok" would be a login with any
   password. "User disabled" ends the attempt under every rule of the stanza;
   what lets a host pass depends on them, see passdb_warden_pass().

   This is also the one place that sees auth's own request, of which as little
   as possible is looked at: it changes with each release. */

#include "auth-common.h"
#include "auth.h"
#include "auth-fields.h"
#include "llist.h"
#include "auth-request.h"
#include "passdb.h"
#include "warden.h"
#include "warden-attempt.h"
#include "warden-clock.h"
#include "warden-compat.h"
#include "warden-compat-auth.h"
#include "auth-attempt.h"
#include "auth-passdb.h"
#include "auth-plugin.h"
#include "client-name.h"

/* The same whether it is the host that failed too often or the account that is
   on guard: which of them is nobody's business. */
#define REFUSED_REASON "Too many failed logins, try again later."

/* The request, with its event and so only as long as that. */
#define REQUEST_KEY "warden_request"

/* More are answered at once, without a name. */
#define WAITING_MAX 1024

/* What auth asked for, and so where the answer goes. */
struct passdb_asked {
	bool credentials;
	union {
		verify_plain_callback_t *verify_plain;
		lookup_credentials_callback_t *credentials;
	} callback;
};

/* A request of a client that may be exempt, if it has the right name. */
struct passdb_wait {
	struct passdb_wait *prev, *next;
	struct auth_request *request;
	struct passdb_asked asked;
	struct client_name_lookup *lookup;
};

static struct {
	struct passdb_wait *first;
	unsigned int count;
} waiting;

static struct warden_password
request_password(const struct auth_request *request)
{
	struct warden_password password = {
		.user = auth_attempt_user(request->event),
		.secret = auth_attempt_secret(request->event),
	};

	return password;
}

static bool request_is_refused(struct auth_request *request)
{
	struct warden *warden = auth_warden_get();
	struct auth_attempt_client attempt;
	struct warden_password password;

	if (warden == NULL ||
	    !auth_attempt_client_get(request->event, &attempt))
		return FALSE;
	client_name_find(&attempt.client);
	password = request_password(request);
	return warden_check_password(warden, &attempt.client, &password,
				     warden_clock_now()) != WARDEN_ADMITTED;
}

/* "User unknown" means the next database, and with `deny = yes` that he is not
   in the list of the denied. But an admin can have made it mean a login, by
   `result_failure = return-ok` or continue-ok. "Next" means the next database
   whatever that rule is, and if there is none, or with deny, that nobody gets
   in; it is not the answer to everything, since auth says it is out of order
   where all databases behind are for other names or mechanisms. */
static enum passdb_result passdb_warden_pass(const struct auth_request *request)
{
	switch (request->passdb->result_failure) {
	case AUTH_DB_RULE_CONTINUE:
	case AUTH_DB_RULE_CONTINUE_FAIL:
		return PASSDB_RESULT_USER_UNKNOWN;
	default:
		return PASSDB_RESULT_NEXT;
	}
}

static enum passdb_result passdb_warden_result(struct auth_request *request)
{
	if (!request_is_refused(request))
		return passdb_warden_pass(request);
	auth_request_set_field(request, "reason", REFUSED_REASON, NULL);
	/* No password was looked at: there is nothing to slow down, and a
	   delay would only keep a login process busy. */
	auth_request_set_field(request, "nodelay", "", NULL);
	return PASSDB_RESULT_USER_DISABLED;
}

static void passdb_warden_reply(struct auth_request *request,
				const struct passdb_asked *asked)
{
	enum passdb_result result = passdb_warden_result(request);

	if (asked->credentials) {
		WARDEN_COMPAT_NO_CREDENTIALS(asked->callback.credentials,
					     result, request);
	} else
		asked->callback.verify_plain(result, request);
}

static void passdb_wait_free(struct passdb_wait *wait)
{
	DLLIST_REMOVE(&waiting.first, wait);
	waiting.count--;
	client_name_abort(&wait->lookup);
	auth_request_unref(&wait->request);
	i_free(wait);
}

static void passdb_wait_named(void *context)
{
	struct passdb_wait *wait = context;

	wait->lookup = NULL;
	passdb_warden_reply(wait->request, &wait->asked);
	passdb_wait_free(wait);
}

/* FALSE: no name can help the client, or it is known. */
static bool passdb_wait_needed(const struct auth_request *request,
			       struct warden_net *remote_r,
			       unsigned int *timeout_msecs_r)
{
	struct warden *warden = auth_warden_get();
	uint64_t now = warden_clock_now();
	struct auth_attempt_client attempt;
	struct warden_password password;
	const struct warden_policy *policy;

	if (warden == NULL || waiting.count >= WAITING_MAX ||
	    !auth_attempt_client_get(request->event, &attempt))
		return FALSE;
	client_name_find(&attempt.client);
	password = request_password(request);
	if (!warden_name_matters_for(warden, &attempt.client, &password, now))
		return FALSE;
	policy = warden_policy(warden, now);
	if (policy == NULL)
		return FALSE;
	*remote_r = attempt.remote;
	*timeout_msecs_r = policy->dns_timeout_secs * 1000;
	return TRUE;
}

static void passdb_warden_ask(struct auth_request *request,
			      const struct passdb_asked *asked)
{
	struct passdb_wait *wait;
	struct warden_net remote;
	unsigned int timeout_msecs;

	event_set_ptr(request->event, REQUEST_KEY, request);
	if (!passdb_wait_needed(request, &remote, &timeout_msecs)) {
		passdb_warden_reply(request, asked);
		return;
	}
	wait = i_new(struct passdb_wait, 1);
	wait->request = request;
	auth_request_ref(request);
	wait->asked = *asked;
	DLLIST_PREPEND(&waiting.first, wait);
	waiting.count++;
	wait->lookup = client_name_look_up(&remote, timeout_msecs,
					   passdb_wait_named, wait);
}

static void passdb_warden_verify_plain(struct auth_request *request,
				       const char *password,
				       verify_plain_callback_t *callback)
{
	const struct passdb_asked asked = {
		.callback.verify_plain = callback,
	};
	struct warden *warden = auth_warden_get();

	/* who waits for a name keeps no password. An access token is none that
	   could have worked before */
	if (warden != NULL &&
	    !warden_attempt_is_token(
		    warden_compat_event_field(request->event, "mechanism"))) {
		auth_attempt_set_secret(request->event,
					warden_secret(warden, password));
	}
	passdb_warden_ask(request, &asked);
}

static void
passdb_warden_lookup_credentials(struct auth_request *request,
				 lookup_credentials_callback_t *callback)
{
	const struct passdb_asked asked = {
		.credentials = TRUE,
		.callback.credentials = callback,
	};

	passdb_warden_ask(request, &asked);
}

void auth_passdb_stop_waiting(void)
{
	while (waiting.first != NULL)
		passdb_wait_free(waiting.first);
}

/* No preinit: Dovecot itself refuses args then. No default_cache_key, which
   preinit would set: no answer of ours is ever cached. Not blocking: it is
   answered at once, or when a name is known. No set_credentials: Dovecot then reports a failure, and
   does not believe that one-time passwords could be stored here. */
static struct passdb_module_interface passdb_warden = {
	.name = WARDEN_ATTEMPT_DRIVER,
	.verify_plain = passdb_warden_verify_plain,
	.lookup_credentials = passdb_warden_lookup_credentials,
};

bool auth_passdb_will_proxy(const struct event *event)
{
	const struct auth_request *request = event_get_ptr(event, REQUEST_KEY);

	return request != NULL && !request->auth_only &&
		auth_fields_exists(request->fields.extra_fields, "proxy");
}

void auth_passdb_register(void)
{
	passdb_register_module(&passdb_warden);
}

void auth_passdb_unregister(void)
{
	passdb_unregister_module(&passdb_warden);
}
