/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Numbers that are stored, names that admins write. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "unit.h"
#include "warden-class.h"

static const struct {
	unsigned int number;
	const char *name;
	unsigned int points;
	bool event;
} expected[] = {
	{ 0, "none", 0, false },
	{ 1, "auth_failed", 10, true },
	{ 2, "user_unknown", 20, true },
	{ 3, "user_abandoned", 20, true },
	{ 4, "auth_cancelled", 10, true },
	{ 5, "protocol_error", 10, true },
	{ 6, "tls_failed", 2, true },
	{ 7, "idle", 1, true },
	{ 8, "cleartext_refused", 2, true },
	{ 9, "manual", 0, false },
	{ 10, "account_on_guard", 0, false },
};

static void classes_are_as_documented(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(WARDEN_CLASS_COUNT,
			 sizeof(expected) / sizeof(expected[0]));
	for (i = 0; i < WARDEN_CLASS_COUNT; i++) {
		enum warden_class class = (enum warden_class)i;

		assert_int_equal(expected[i].number, i);
		assert_string_equal(warden_class_name(i), expected[i].name);
		assert_int_equal(warden_class_find(expected[i].name), class);
		assert_int_equal(warden_class_default_points(class),
				 expected[i].points);
		assert_int_equal(warden_class_is_event(i), expected[i].event);
	}
}

/* The number may come from a word that a stranger wrote. */
static void a_foreign_number_is_no_class(void **state)
{
	static const unsigned int numbers[] = {
		WARDEN_CLASS_COUNT, 15, 31, 256, UINT32_MAX
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_string_equal(warden_class_name(numbers[i]), "none");
		assert_false(warden_class_is_event(numbers[i]));
		assert_int_equal(warden_class_default_points(
			(enum warden_class)numbers[i]), 0);
	}
}

static void an_unknown_name_is_no_class(void **state)
{
	(void)state;
	assert_int_equal(warden_class_find(""), WARDEN_CLASS_NONE);
	assert_int_equal(warden_class_find("AUTH_FAILED"), WARDEN_CLASS_NONE);
	assert_int_equal(warden_class_find("auth_faile"), WARDEN_CLASS_NONE);
	assert_int_equal(warden_class_find("auth_failed "),
			 WARDEN_CLASS_NONE);
}

static void assert_protocol(const char *name, enum warden_protocol protocol,
			    const char *shown)
{
	assert_int_equal(warden_protocol_find(name), protocol);
	assert_string_equal(warden_protocol_name(protocol), shown);
}

static void protocols_have_every_name_that_is_in_use(void **state)
{
	(void)state;
	assert_protocol("imap", WARDEN_PROTOCOL_IMAP, "imap");
	assert_protocol("imap-login", WARDEN_PROTOCOL_IMAP, "imap");
	assert_protocol("imaps", WARDEN_PROTOCOL_IMAP, "imap");
	assert_protocol("pop3", WARDEN_PROTOCOL_POP3, "pop3");
	assert_protocol("pop3-login", WARDEN_PROTOCOL_POP3, "pop3");
	assert_protocol("submission", WARDEN_PROTOCOL_SUBMISSION,
			"submission");
	assert_protocol("submission-login", WARDEN_PROTOCOL_SUBMISSION,
			"submission");
	assert_protocol("sieve", WARDEN_PROTOCOL_SIEVE, "sieve");
	assert_protocol("managesieve-login", WARDEN_PROTOCOL_SIEVE, "sieve");
	assert_protocol("smtp", WARDEN_PROTOCOL_SMTP, "smtp");
	assert_protocol("sshd", WARDEN_PROTOCOL_SSH, "ssh");
	assert_protocol("vsftpd", WARDEN_PROTOCOL_FTP, "ftp");
	assert_protocol("proftpd", WARDEN_PROTOCOL_FTP, "ftp");
	assert_protocol("pure-ftpd", WARDEN_PROTOCOL_FTP, "ftp");
	assert_protocol("ftp", WARDEN_PROTOCOL_FTP, "ftp");
	assert_protocol("doveadm", WARDEN_PROTOCOL_OTHER, "other");
	assert_protocol("", WARDEN_PROTOCOL_UNKNOWN, "unknown");
	assert_protocol(NULL, WARDEN_PROTOCOL_UNKNOWN, "unknown");
}

static void a_foreign_number_is_no_protocol(void **state)
{
	(void)state;
	assert_string_equal(warden_protocol_name(WARDEN_PROTOCOL_COUNT),
			    "unknown");
	assert_string_equal(warden_protocol_name(UINT32_MAX), "unknown");
}

/* A protocol and a class have so many bits in a record. */
static void the_numbers_fit_their_bits(void **state)
{
	(void)state;
	assert_true(WARDEN_CLASS_COUNT <= 1 << 5);
	assert_true(WARDEN_PROTOCOL_COUNT <= 1 << 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_as_documented),
		cmocka_unit_test(a_foreign_number_is_no_class),
		cmocka_unit_test(an_unknown_name_is_no_class),
		cmocka_unit_test(protocols_have_every_name_that_is_in_use),
		cmocka_unit_test(a_foreign_number_is_no_protocol),
		cmocka_unit_test(the_numbers_fit_their_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
