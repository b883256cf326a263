/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* From auth's events to one class an attempt. The databases' answers and the
   end of the attempt are separate events; what they share is the event of the
   request, and what was said so far is kept there, as a pointer of our own
   that is never sent anywhere. */

#include "lib.h"
#include "warden.h"
#include "warden-attempt.h"
#include "warden-compat-auth.h"
#include "auth-attempt.h"
#include "auth-count.h"
#include "auth-passdb.h"

#define ATTEMPT_KEY "warden_attempt"
#define SECRET_KEY "warden_secret"

/* Every request has this field from its first moment, and nothing above a
   request has it. */
#define FIELD_OF_REQUESTS "transport"

/* Logins that Dovecot's processes make with what auth gave them before. */
#define MECHANISM_TOKEN "DOVECOT-TOKEN"

static struct event *attempt_event(const struct event *event)
{
	struct event *request = event->parent;

	while (request != NULL && request->parent != NULL &&
	       warden_compat_event_field(request->parent,
					 FIELD_OF_REQUESTS) != NULL)
		request = request->parent;
	return request;
}

static uint32_t attempt_said(const struct event *request)
{
	return (uint32_t)POINTER_CAST_TO(event_get_ptr(request, ATTEMPT_KEY),
					 uintptr_t);
}

static void attempt_add(struct event *request, uint32_t said)
{
	event_set_ptr(request, ATTEMPT_KEY,
		      POINTER_CAST(attempt_said(request) | said));
}

static bool field_is(const struct event *event, const char *key,
		     const char *value)
{
	const char *str = warden_compat_event_field(event, key);

	return str != NULL && strcmp(str, value) == 0;
}

static bool field_net(const struct event *event, const char *key,
		      struct warden_net *net_r)
{
	const char *str = warden_compat_event_field(event, key), *error;

	return str != NULL && warden_net_parse(str, net_r, &error);
}

bool auth_attempt_client_get(const struct event *event,
			     struct auth_attempt_client *attempt_r)
{
	const char *mechanism = warden_compat_event_field(event, "mechanism");
	struct warden_client *client = &attempt_r->client;

	memset(attempt_r, 0, sizeof(*attempt_r));
	if (mechanism == NULL || strcmp(mechanism, MECHANISM_TOKEN) == 0)
		return FALSE;
	if (!field_net(event, "remote_ip", &attempt_r->remote))
		return FALSE;
	client->remote = &attempt_r->remote;
	if (field_net(event, "local_ip", &attempt_r->local))
		client->local = &attempt_r->local;
	client->protocol = warden_protocol_find(warden_compat_event_field(
		event, WARDEN_COMPAT_AUTH_FIELD_PROTOCOL));
	return TRUE;
}

/* One name for one person, whether the attempt fails or succeeds: a master user
   is himself and not the user he wants to be, which auth makes of him only
   when his password was right; others are what they typed as auth normalizes
   it, and not what a database makes of it. */
const char *auth_attempt_user(const struct event *event)
{
	static const char *const keys[] = {
		"master_user", "translated_user", "original_user", "user",
	};
	const char *user = NULL;

	for (unsigned int i = 0; user == NULL && i < N_ELEMENTS(keys); i++)
		user = warden_compat_event_field(event, keys[i]);
	return user;
}

void auth_attempt_set_secret(struct event *request, uint64_t secret)
{
	event_set_ptr(request, SECRET_KEY, POINTER_CAST((uintptr_t)secret));
}

uint64_t auth_attempt_secret(const struct event *request)
{
	return POINTER_CAST_TO(event_get_ptr(request, SECRET_KEY), uintptr_t);
}

void auth_attempt_answer(const struct event *event)
{
	struct event *request = attempt_event(event);

	if (request == NULL)
		return;
	attempt_add(request, warden_attempt_said(
		warden_compat_event_field(event, "passdb"),
		warden_compat_event_field(event, "mechanism"),
		warden_compat_event_field(event, "result")));
}

static void attempt_count(const struct event *event,
			  const struct event *request, struct warden *warden,
			  uint64_t now)
{
	struct warden_attempt_end end = {
		.mechanism = warden_compat_event_field(event, "mechanism"),
		.success = field_is(event, "success", "yes"),
		.proxied = auth_passdb_will_proxy(request),
		.internal_failure = field_is(event, "error",
					     "internal failure"),
		.policy_refused = field_is(event, "policy_result", "refused"),
	};
	struct warden_password password = {
		.user = auth_attempt_user(event),
		.secret = auth_attempt_secret(request),
	};
	struct auth_attempt_client attempt;
	enum warden_class class;

	if (!auth_attempt_client_get(event, &attempt))
		return;
	if (warden_attempt_is_proof(&end)) {
		warden_password_worked(warden, &attempt.client, &password, now);
		return;
	}
	class = warden_attempt_class(attempt_said(request), &end);
	if (class != WARDEN_CLASS_NONE) {
		auth_count(warden, &attempt.client, class, &password, now);
	}
}

void auth_attempt_finished(const struct event *event, struct warden *warden,
			   uint64_t now)
{
	struct event *request = attempt_event(event);

	if (request == NULL || warden == NULL ||
	    (attempt_said(request) & WARDEN_SAID_END) != 0)
		return;
	attempt_add(request, WARDEN_SAID_END);
	attempt_count(event, request, warden, now);
}
