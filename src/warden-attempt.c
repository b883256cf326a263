/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The rules by which the answers of password databases become one class. They
   are here and not in the auth plugin, so that they can be tested one by
   one. */

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "warden-attempt.h"

static const struct {
	const char *result;
	uint32_t said;
} answers[] = {
	{ "ok", WARDEN_SAID_OK },
	{ "password_mismatch", WARDEN_SAID_MISMATCH },
	{ "user_unknown", WARDEN_SAID_UNKNOWN },
	{ "user_disabled", WARDEN_SAID_EXCUSE },
	{ "pass_expired", WARDEN_SAID_EXCUSE },
	{ "internal_failure", WARDEN_SAID_EXCUSE },
	{ "scheme_not_available", WARDEN_SAID_UNUSABLE },
	{ "next", WARDEN_SAID_UNUSABLE },
};

/* The client sends the secret itself, and an "ok" is about what it sent. With
   all others the server looks up what the answer to its challenge must be,
   and "ok" only says that it was found. */
static const char *const direct_mechanisms[] = {
	"PLAIN", "LOGIN", "EXTERNAL", "ANONYMOUS", "XOAUTH2", "OAUTHBEARER",
};

static const char *const token_mechanisms[] = { "XOAUTH2", "OAUTHBEARER" };

static bool name_is_in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; name != NULL && i < count; i++) {
		if (strcasecmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static bool mechanism_is_direct(const char *mechanism)
{
	return name_is_in(mechanism, direct_mechanisms,
			  sizeof(direct_mechanisms) / sizeof(char *));
}

bool warden_attempt_is_token(const char *mechanism)
{
	return name_is_in(mechanism, token_mechanisms,
			  sizeof(token_mechanisms) / sizeof(char *));
}

static uint32_t said_find(const char *result)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (result != NULL && strcmp(result, answers[i].result) == 0)
			return answers[i].said;
	}
	return WARDEN_SAID_EXCUSE;
}

uint32_t warden_attempt_said(const char *driver, const char *mechanism,
			     const char *result)
{
	uint32_t said = said_find(result);

	if (driver != NULL && strcmp(driver, WARDEN_ATTEMPT_DRIVER) == 0) {
		return said == WARDEN_SAID_UNKNOWN ||
			said == WARDEN_SAID_UNUSABLE ? WARDEN_SAID_PASS :
						       WARDEN_SAID_REFUSED;
	}
	/* A mail program with a token that has just run out is told so in no
	   other way, and nobody guesses tokens. Any other database was given
	   the token as a password: that can be a guess. */
	if (said == WARDEN_SAID_MISMATCH &&
	    warden_attempt_is_token(mechanism) && driver != NULL &&
	    strcmp(driver, "oauth2") == 0)
		return WARDEN_SAID_UNUSABLE;
	return said;
}

bool warden_attempt_is_proof(const struct warden_attempt_end *end)
{
	return end->success && !end->proxied &&
		(end->mechanism == NULL ||
		 strcasecmp(end->mechanism, "ANONYMOUS") != 0);
}

enum warden_class
warden_attempt_class(uint32_t said, const struct warden_attempt_end *end)
{
	if (end->success || end->internal_failure || end->policy_refused)
		return WARDEN_CLASS_NONE;
	if ((said & (WARDEN_SAID_REFUSED | WARDEN_SAID_EXCUSE)) != 0)
		return WARDEN_CLASS_NONE;
	/* Before any "ok": one database may have the password and the other
	   the code that must come with it. Whoever has only one guesses. */
	if ((said & WARDEN_SAID_MISMATCH) != 0)
		return WARDEN_AUTH_FAILED;
	/* The right password, and something else forbids the login: allow_nets,
	   a master user's target that does not exist. Whoever has the password
	   does not guess it. */
	if ((said & WARDEN_SAID_OK) != 0) {
		return mechanism_is_direct(end->mechanism) ?
			WARDEN_CLASS_NONE : WARDEN_AUTH_FAILED;
	}
	if ((said & WARDEN_SAID_UNKNOWN) != 0)
		return WARDEN_USER_UNKNOWN;
	if ((said & WARDEN_SAID_UNUSABLE) != 0)
		return WARDEN_CLASS_NONE;
	/* Every database was passed over for this name: none knows it. */
	if ((said & WARDEN_SAID_PASS) != 0)
		return WARDEN_USER_UNKNOWN;
	/* Nothing was asked: a name or a response that cannot be right. */
	return WARDEN_AUTH_FAILED;
}
