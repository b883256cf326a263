/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_CLASS_H
#define WARDEN_CLASS_H

#include <stdbool.h>
#include <stdint.h>

/* What a client did, told from what Dovecot knows and not from log text. The
   numbers are stored in the shared files: append, never renumber. */
enum warden_class {
	WARDEN_CLASS_NONE = 0,
	/* counted by auth, when an attempt is finished */
	WARDEN_AUTH_FAILED = 1,	 /* wrong password of an existing user */
	WARDEN_USER_UNKNOWN = 2, /* no such user */
	/* counted by the login process, when it ends or the session does */
	WARDEN_USER_ABANDONED = 3,    /* named a user or began a mechanism, and
					never gave a password */
	WARDEN_AUTH_CANCELLED = 4,    /* "*", or left a SASL exchange open */
	WARDEN_PROTOCOL_ERROR = 5,    /* thrown out for invalid commands */
	WARDEN_TLS_FAILED = 6,	      /* TLS handshake not finished */
	WARDEN_IDLE = 7,	      /* connected and tried nothing */
	WARDEN_CLEARTEXT_REFUSED = 8, /* password where TLS is required */
	/* not an event: the reason of a block that an admin made */
	WARDEN_MANUAL = 9,
	/* not an event either: a password was not checked, since the account
	   was on guard */
	WARDEN_ACCOUNT_ON_GUARD = 10,

	WARDEN_CLASS_COUNT,
};

/* How many sessions of class idle a minute cost nothing. */
#define WARDEN_IDLE_FREE_PER_MINUTE 30

/* "auth_failed"; "none" for 0 and for a number that is none of ours. */
const char *warden_class_name(unsigned int class);
/* The class of that name; WARDEN_CLASS_NONE if there is none. */
enum warden_class warden_class_find(const char *name);
/* Points by default. 0 for what is not an event. */
uint16_t warden_class_default_points(enum warden_class class);
/* May an admin give it points? */
bool warden_class_is_event(unsigned int class);

/* The protocol that an event came by, stored with it. Append only. */
enum warden_protocol {
	WARDEN_PROTOCOL_UNKNOWN = 0,
	WARDEN_PROTOCOL_IMAP = 1,
	WARDEN_PROTOCOL_POP3 = 2,
	WARDEN_PROTOCOL_SUBMISSION = 3,
	WARDEN_PROTOCOL_SIEVE = 4,
	WARDEN_PROTOCOL_SMTP = 5, /* Postfix, Exim: over the auth socket */
	WARDEN_PROTOCOL_OTHER = 6,
	WARDEN_PROTOCOL_SSH = 7, /* these two by way of PAM */
	WARDEN_PROTOCOL_FTP = 8,

	WARDEN_PROTOCOL_COUNT,
};
/* From Dovecot's service or protocol name, or PAM's name of a service; names it
   does not know are WARDEN_PROTOCOL_OTHER. */
enum warden_protocol warden_protocol_find(const char *name);
const char *warden_protocol_name(unsigned int protocol);
/* Is it one of Dovecot's own services, with a login process? */
bool warden_protocol_is_login(enum warden_protocol protocol);
/* Is it a service that asks PAM, and so pam_warden? */
bool warden_protocol_is_pam(enum warden_protocol protocol);
/* As hosts_access(5) names who serves it, Dovecot's services as its tcpwrap
   did; NULL: nobody knows. */
const char *warden_protocol_daemon(enum warden_protocol protocol);

#endif
