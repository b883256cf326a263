/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A password database that knows no passwords: it is asked first, and refuses
   a blocked host before any password is looked at, right or wrong. This is
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
#include "auth-request.h"
#include "passdb.h"
#include "warden.h"
#include "warden-attempt.h"
#include "warden-clock.h"
#include "warden-compat.h"
#include "auth-attempt.h"
#include "auth-passdb.h"
#include "auth-plugin.h"

#define REFUSED_REASON "Too many failed logins from your address, " \
	"try again later."

/* The request, with its event and so only as long as that. */
#define REQUEST_KEY "warden_request"

static bool host_is_refused(struct auth_request *request)
{
	struct warden *warden = auth_warden_get();
	struct auth_attempt_client attempt;

	if (warden == NULL ||
	    !auth_attempt_client_get(request->event, &attempt))
		return FALSE;
	return warden_check(warden, &attempt.client, WARDEN_STAGE_AUTH,
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
	event_set_ptr(request->event, REQUEST_KEY, request);
	if (!host_is_refused(request))
		return passdb_warden_pass(request);
	auth_request_set_field(request, "reason", REFUSED_REASON, NULL);
	/* No password was looked at: there is nothing to slow down, and a
	   delay would only keep a login process busy. */
	auth_request_set_field(request, "nodelay", "", NULL);
	return PASSDB_RESULT_USER_DISABLED;
}

static void passdb_warden_verify_plain(struct auth_request *request,
				       const char *password ATTR_UNUSED,
				       verify_plain_callback_t *callback)
{
	callback(passdb_warden_result(request), request);
}

static void
passdb_warden_lookup_credentials(struct auth_request *request,
				 lookup_credentials_callback_t *callback)
{
	WARDEN_COMPAT_NO_CREDENTIALS(callback, passdb_warden_result(request),
				     request);
}

/* No preinit: Dovecot itself refuses args then. No default_cache_key, which
   preinit would set: no answer of ours is ever cached. Not blocking: it is
   answered at once. No set_credentials: Dovecot then reports a failure, and
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
