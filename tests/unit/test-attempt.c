/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What password databases say, and the one class that an attempt comes to. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "warden-attempt.h"

/* "driver:result driver:result": what is said, in that order. */
static uint32_t said_by(const char *mechanism, const char *script)
{
	char text[256], *word, *state;
	uint32_t said = 0;

	assert_true(strlen(script) < sizeof(text));
	(void)snprintf(text, sizeof(text), "%s", script);
	for (word = strtok_r(text, " ", &state); word != NULL;
	     word = strtok_r(NULL, " ", &state)) {
		char *result = strchr(word, ':');

		assert_non_null(result);
		*result++ = '\0';
		said |= warden_attempt_said(word, mechanism, result);
	}
	return said;
}

static enum warden_class class_of(const char *mechanism, const char *script)
{
	struct warden_attempt_end end = { .mechanism = mechanism };

	return warden_attempt_class(said_by(mechanism, script), &end);
}

static void assert_class(const char *mechanism, const char *script,
			 enum warden_class expected)
{
	enum warden_class class = class_of(mechanism, script);

	if (class != expected) {
		fail_msg("%s \"%s\" is %s, not %s", mechanism, script,
			 warden_class_name(class),
			 warden_class_name(expected));
	}
}

static void test_wrong_password_and_no_such_user(void **state)
{
	(void)state;
	assert_class("PLAIN", "passwd-file:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("PLAIN", "passwd-file:user_unknown", WARDEN_USER_UNKNOWN);
	assert_class("LOGIN", "warden:user_unknown pam:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("LOGIN", "warden:user_unknown pam:user_unknown",
		     WARDEN_USER_UNKNOWN);
}

static void test_one_database_knows_the_user_another_does_not(void **state)
{
	(void)state;
	assert_class("PLAIN", "sql:user_unknown pam:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("PLAIN", "sql:password_mismatch pam:user_unknown",
		     WARDEN_AUTH_FAILED);
}

static void test_client_is_not_blamed_for_the_server(void **state)
{
	static const char *const excuses[] = {
		"user_disabled", "pass_expired", "internal_failure",
		"a_result_of_some_later_dovecot",
	};
	char script[128];

	(void)state;
	for (size_t i = 0; i < sizeof(excuses) / sizeof(excuses[0]); i++) {
		snprintf(script, sizeof(script), "ldap:%s", excuses[i]);
		assert_class("PLAIN", script, WARDEN_CLASS_NONE);
		snprintf(script, sizeof(script),
			 "sql:password_mismatch ldap:%s", excuses[i]);
		assert_class("PLAIN", script, WARDEN_CLASS_NONE);
		snprintf(script, sizeof(script), "ldap:%s sql:user_unknown",
			 excuses[i]);
		assert_class("CRAM-MD5", script, WARDEN_CLASS_NONE);
	}
	assert_int_equal(warden_attempt_said("ldap", "PLAIN", NULL),
			 WARDEN_SAID_EXCUSE);
}

static void test_right_password_but_not_allowed_in(void **state)
{
	(void)state;
	/* allow_nets */
	assert_class("PLAIN", "passwd-file:ok", WARDEN_CLASS_NONE);
	/* right password of a master user, no such user to log in as */
	assert_class("plain", "passwd-file:ok sql:user_unknown",
		     WARDEN_CLASS_NONE);
}

static void test_right_password_does_not_excuse_a_wrong_code(void **state)
{
	(void)state;
	assert_class("PLAIN", "sql:ok passwd-file:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("PLAIN",
		     "warden:user_unknown sql:ok passwd-file:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("PLAIN", "passwd-file:password_mismatch sql:ok",
		     WARDEN_AUTH_FAILED);
	assert_class("PLAIN", "sql:ok ldap:internal_failure",
		     WARDEN_CLASS_NONE);
}

static void test_wrong_answer_to_a_challenge(void **state)
{
	static const char *const mechanisms[] = {
		"CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256",
		"APOP", "OTP", "a mechanism of some later Dovecot",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(char *); i++) {
		assert_class(mechanisms[i], "passwd-file:ok",
			     WARDEN_AUTH_FAILED);
		assert_class(mechanisms[i],
			     "warden:user_unknown sql:user_unknown sql:ok",
			     WARDEN_AUTH_FAILED);
		assert_class(mechanisms[i], "passwd-file:user_unknown",
			     WARDEN_USER_UNKNOWN);
	}
}

static void test_hashed_passwords_cannot_answer_a_challenge(void **state)
{
	(void)state;
	assert_class("CRAM-MD5", "passwd-file:scheme_not_available",
		     WARDEN_CLASS_NONE);
	assert_class("CRAM-MD5",
		     "warden:user_unknown pam:scheme_not_available",
		     WARDEN_CLASS_NONE);
	/* a database that could have answered does not know the user */
	assert_class("CRAM-MD5", "pam:scheme_not_available sql:user_unknown",
		     WARDEN_USER_UNKNOWN);
	assert_class("CRAM-MD5", "pam:scheme_not_available sql:ok",
		     WARDEN_AUTH_FAILED);
}

static void test_expired_token_is_no_guess(void **state)
{
	(void)state;
	assert_class("XOAUTH2", "oauth2:password_mismatch", WARDEN_CLASS_NONE);
	assert_class("OAUTHBEARER",
		     "warden:user_unknown oauth2:password_mismatch",
		     WARDEN_CLASS_NONE);
	/* nor does it hide a password that is tried as a token */
	assert_class("XOAUTH2", "passwd-file:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("XOAUTH2",
		     "passwd-file:password_mismatch oauth2:password_mismatch",
		     WARDEN_AUTH_FAILED);
	/* a password that the token server checks is a password */
	assert_class("PLAIN", "oauth2:password_mismatch", WARDEN_AUTH_FAILED);
}

static void test_token_is_no_password(void **state)
{
	(void)state;
	assert_true(warden_attempt_is_token("XOAUTH2"));
	assert_true(warden_attempt_is_token("oauthbearer"));
	assert_false(warden_attempt_is_token("PLAIN"));
	assert_false(warden_attempt_is_token(NULL));
}

static void test_refused_by_us_is_not_counted(void **state)
{
	(void)state;
	assert_class("PLAIN", "warden:user_disabled", WARDEN_CLASS_NONE);
	assert_class("CRAM-MD5", "warden:user_disabled", WARDEN_CLASS_NONE);
}

static void test_nobody_was_asked(void **state)
{
	struct warden_attempt_end end = { .mechanism = NULL };

	(void)state;
	assert_class("PLAIN", "", WARDEN_AUTH_FAILED);
	assert_int_equal(warden_attempt_class(0, &end), WARDEN_AUTH_FAILED);
	/* every other database is for other names or mechanisms */
	assert_class("PLAIN", "warden:user_unknown", WARDEN_USER_UNKNOWN);
	assert_class("PLAIN", "warden:next", WARDEN_USER_UNKNOWN);
}

static void test_the_end_decides(void **state)
{
	const uint32_t wrong = WARDEN_SAID_MISMATCH;
	const struct warden_attempt_end success = {
		.mechanism = "PLAIN", .success = true };
	const struct warden_attempt_end failure = {
		.mechanism = "PLAIN", .internal_failure = true };
	const struct warden_attempt_end refused = {
		.mechanism = "PLAIN", .policy_refused = true };

	(void)state;
	assert_int_equal(warden_attempt_class(wrong, &success),
			 WARDEN_CLASS_NONE);
	assert_int_equal(warden_attempt_class(wrong, &failure),
			 WARDEN_CLASS_NONE);
	assert_int_equal(warden_attempt_class(0, &refused),
			 WARDEN_CLASS_NONE);
}

static void test_our_next_is_no_answer(void **state)
{
	(void)state;
	assert_int_equal(warden_attempt_said("warden", "PLAIN", "next"),
			 WARDEN_SAID_PASS);
	assert_class("PLAIN", "warden:next sql:password_mismatch",
		     WARDEN_AUTH_FAILED);
	assert_class("PLAIN", "warden:next sql:user_unknown",
		     WARDEN_USER_UNKNOWN);
	assert_class("CRAM-MD5", "warden:next sql:ok", WARDEN_AUTH_FAILED);
}

static void test_proxied_login_is_proved_elsewhere(void **state)
{
	const struct warden_attempt_end proxied = {
		.mechanism = "PLAIN", .success = true, .proxied = true };

	(void)state;
	assert_false(warden_attempt_is_proof(&proxied));
	assert_int_equal(warden_attempt_class(WARDEN_SAID_OK, &proxied),
			 WARDEN_CLASS_NONE);
}

static void test_anonymous_login_proves_nothing(void **state)
{
	const struct warden_attempt_end anonymous = {
		.mechanism = "anonymous", .success = true };
	const struct warden_attempt_end plain = {
		.mechanism = "PLAIN", .success = true };
	const struct warden_attempt_end wrong = { .mechanism = "PLAIN" };

	(void)state;
	assert_false(warden_attempt_is_proof(&anonymous));
	assert_int_equal(warden_attempt_class(WARDEN_SAID_PASS, &anonymous),
			 WARDEN_CLASS_NONE);
	assert_true(warden_attempt_is_proof(&plain));
	assert_false(warden_attempt_is_proof(&wrong));
}

static void test_what_is_said_fits_and_differs(void **state)
{
	static const uint32_t bits[] = {
		WARDEN_SAID_OK, WARDEN_SAID_MISMATCH, WARDEN_SAID_UNKNOWN,
		WARDEN_SAID_EXCUSE, WARDEN_SAID_UNUSABLE, WARDEN_SAID_PASS,
		WARDEN_SAID_REFUSED, WARDEN_SAID_END,
	};
	uint32_t all = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		assert_true(bits[i] != 0 && (bits[i] & (bits[i] - 1)) == 0);
		assert_int_equal(all & bits[i], 0);
		all |= bits[i];
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_password_and_no_such_user),
		cmocka_unit_test(
			test_one_database_knows_the_user_another_does_not),
		cmocka_unit_test(test_client_is_not_blamed_for_the_server),
		cmocka_unit_test(test_right_password_but_not_allowed_in),
		cmocka_unit_test(
			test_right_password_does_not_excuse_a_wrong_code),
		cmocka_unit_test(test_wrong_answer_to_a_challenge),
		cmocka_unit_test(
			test_hashed_passwords_cannot_answer_a_challenge),
		cmocka_unit_test(test_expired_token_is_no_guess),
		cmocka_unit_test(test_token_is_no_password),
		cmocka_unit_test(test_refused_by_us_is_not_counted),
		cmocka_unit_test(test_nobody_was_asked),
		cmocka_unit_test(test_the_end_decides),
		cmocka_unit_test(test_our_next_is_no_answer),
		cmocka_unit_test(test_proxied_login_is_proved_elsewhere),
		cmocka_unit_test(test_anonymous_login_proves_nothing),
		cmocka_unit_test(test_what_is_said_fits_and_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
