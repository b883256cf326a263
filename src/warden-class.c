/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The names are what admins write in warden_points and read in status, so a
   name, once released, stays. */

#include "warden-class.h"

#include <string.h>

static const struct {
	const char *name;
	uint16_t points;
	bool event;
} classes[WARDEN_CLASS_COUNT] = {
	[WARDEN_CLASS_NONE] = { "none", 0, false },
	[WARDEN_AUTH_FAILED] = { "auth_failed", 10, true },
	[WARDEN_USER_UNKNOWN] = { "user_unknown", 20, true },
	[WARDEN_USER_ABANDONED] = { "user_abandoned", 20, true },
	[WARDEN_AUTH_CANCELLED] = { "auth_cancelled", 10, true },
	[WARDEN_PROTOCOL_ERROR] = { "protocol_error", 10, true },
	[WARDEN_TLS_FAILED] = { "tls_failed", 2, true },
	[WARDEN_IDLE] = { "idle", 1, true },
	[WARDEN_CLEARTEXT_REFUSED] = { "cleartext_refused", 2, true },
	[WARDEN_MANUAL] = { "manual", 0, false },
	[WARDEN_ACCOUNT_ON_GUARD] = { "account_on_guard", 0, false },
};

static const char *const protocol_names[WARDEN_PROTOCOL_COUNT] = {
	[WARDEN_PROTOCOL_UNKNOWN] = "unknown",
	[WARDEN_PROTOCOL_IMAP] = "imap",
	[WARDEN_PROTOCOL_POP3] = "pop3",
	[WARDEN_PROTOCOL_SUBMISSION] = "submission",
	[WARDEN_PROTOCOL_SIEVE] = "sieve",
	[WARDEN_PROTOCOL_SMTP] = "smtp",
	[WARDEN_PROTOCOL_OTHER] = "other",
	[WARDEN_PROTOCOL_SSH] = "ssh",
	[WARDEN_PROTOCOL_FTP] = "ftp",
};

/* What Dovecot calls the protocol, its login service and its TLS listener,
   and what mail servers send as service= over the auth socket; then what sshd
   and the FTP servers call themselves to PAM. */
static const struct {
	const char *name;
	enum warden_protocol protocol;
} protocol_aliases[] = {
	{ "imap", WARDEN_PROTOCOL_IMAP },
	{ "imaps", WARDEN_PROTOCOL_IMAP },
	{ "imap-login", WARDEN_PROTOCOL_IMAP },
	{ "pop3", WARDEN_PROTOCOL_POP3 },
	{ "pop3s", WARDEN_PROTOCOL_POP3 },
	{ "pop3-login", WARDEN_PROTOCOL_POP3 },
	{ "submission", WARDEN_PROTOCOL_SUBMISSION },
	{ "submissions", WARDEN_PROTOCOL_SUBMISSION },
	{ "submission-login", WARDEN_PROTOCOL_SUBMISSION },
	{ "sieve", WARDEN_PROTOCOL_SIEVE },
	{ "managesieve", WARDEN_PROTOCOL_SIEVE },
	{ "managesieve-login", WARDEN_PROTOCOL_SIEVE },
	{ "smtp", WARDEN_PROTOCOL_SMTP },
	{ "smtps", WARDEN_PROTOCOL_SMTP },
	{ "smtpd", WARDEN_PROTOCOL_SMTP },
	{ "sshd", WARDEN_PROTOCOL_SSH },
	{ "ftp", WARDEN_PROTOCOL_FTP },
	{ "proftpd", WARDEN_PROTOCOL_FTP },
	{ "pure-ftpd", WARDEN_PROTOCOL_FTP },
	{ "vsftpd", WARDEN_PROTOCOL_FTP },
};

const char *warden_class_name(unsigned int class)
{
	if (class >= WARDEN_CLASS_COUNT)
		class = WARDEN_CLASS_NONE;
	return classes[class].name;
}

enum warden_class warden_class_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < WARDEN_CLASS_COUNT; i++) {
		if (strcmp(classes[i].name, name) == 0)
			return (enum warden_class)i;
	}
	return WARDEN_CLASS_NONE;
}

uint16_t warden_class_default_points(enum warden_class class)
{
	if ((unsigned int)class >= WARDEN_CLASS_COUNT)
		return 0;
	return classes[class].points;
}

bool warden_class_is_event(unsigned int class)
{
	return class < WARDEN_CLASS_COUNT && classes[class].event;
}

enum warden_protocol warden_protocol_find(const char *name)
{
	size_t i;

	if (name == NULL || *name == '\0')
		return WARDEN_PROTOCOL_UNKNOWN;
	for (i = 0;
	     i < sizeof(protocol_aliases) / sizeof(protocol_aliases[0]); i++) {
		if (strcmp(protocol_aliases[i].name, name) == 0)
			return protocol_aliases[i].protocol;
	}
	return WARDEN_PROTOCOL_OTHER;
}

const char *warden_protocol_name(unsigned int protocol)
{
	if (protocol >= WARDEN_PROTOCOL_COUNT)
		protocol = WARDEN_PROTOCOL_UNKNOWN;
	return protocol_names[protocol];
}

bool warden_protocol_is_login(enum warden_protocol protocol)
{
	return protocol >= WARDEN_PROTOCOL_IMAP &&
	       protocol <= WARDEN_PROTOCOL_SIEVE;
}

bool warden_protocol_is_pam(enum warden_protocol protocol)
{
	return protocol == WARDEN_PROTOCOL_SSH ||
	       protocol == WARDEN_PROTOCOL_FTP;
}

const char *warden_protocol_daemon(enum warden_protocol protocol)
{
	if (warden_protocol_is_login(protocol))
		return warden_protocol_name(protocol);
	if (protocol == WARDEN_PROTOCOL_SSH)
		return "sshd";
	return protocol == WARDEN_PROTOCOL_FTP ? "vsftpd" : NULL;
}
