/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_STATE_H
#define WARDEN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-class.h"
#include "warden-error.h"

/* The state file: what survives a reboot. Blocks, offences and known hosts,
   with wall-clock times, as lines of text:

     dovecot-warden state 1
     saved 1769995000
     host 192.0.2.1 block=1770000000 offences=2 reason=auth_failed \
       refused=17 login=1769990000 users=3  (one line; absent = 0)
     network 198.51.100.0/24 since=1769990000 block=forever
     key 0123456789abcdef fedcba9876543210
     home 8123456789000abc 0000000000012345 since=1769900000 login=1769990000
     end 4

   "saved" is when it was written: a machine that starts with its clock behind
   that is wrong about the time. "end" counts the lines between, so a file that
   was cut short is told from a whole one. "home" is a network from which a user
   logs in, both as hashes with the key (warden-siege.h). Never a password, a
   digest of one, or a user name. */

enum warden_state_kind {
	WARDEN_STATE_HOST = 0,
	WARDEN_STATE_NETWORK, /* blocked */
	WARDEN_STATE_KEY,
	WARDEN_STATE_HOME,
	WARDEN_STATE_KINDS,
};

struct warden_state_entry {
	uint8_t kind;	       /* enum warden_state_kind */
	struct warden_net net; /* of a host or network */
	uint64_t hash[2];      /* the key; or of a home: user and network */
	int64_t blocked_until; /* wall clock, seconds; 0 = not, and
				  WARDEN_WALL_FOREVER */
	int64_t since; /* networks: when it was blocked; homes: see there */
	int64_t last_login; /* hosts and homes; 0 = never */
	uint64_t refused;
	uint16_t users;	  /* that logged in, about */
	uint8_t offences; /* 0..WARDEN_OFFENCES_MAX */
	uint8_t reason;	  /* enum warden_class */
};

/* The most entries that a file may have. */
#define WARDEN_STATE_MAX 20000000

/* Replace the file; saved is the present wall-clock time. Written beside it,
   each write checked, fsync() of the file and of its directory, rename; mode
   0600. false: *error_r says why, and the old file is still there, whole. */
bool warden_state_write(const char *path, int64_t saved,
			const struct warden_state_entry *entries, size_t count,
			struct warden_error *error_r);

/* Read it. 1: *saved_r, *entries_r (caller frees) and *count_r; 0: there is
   none; -1: it cannot be read or is damaged, *error_r names file and line,
   nothing is returned. */
int warden_state_read(const char *path, int64_t *saved_r,
		      struct warden_state_entry **entries_r, size_t *count_r,
		      struct warden_error *error_r);

#endif
