/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_RULE_H
#define WARDEN_RULE_H

/* What a client may be refused by: `status` tells for each what it would have
   done, and each may have a mode of its own. The numbers are stored in the
   shared files: append, never renumber. */
enum warden_rule {
	WARDEN_RULE_NONE = 0,
	/* 1..9: its host is blocked, by an event of that enum warden_class, or
	   by hand */
	WARDEN_RULE_SESSIONS = 10, /* too many unauthenticated sessions */
	WARDEN_RULE_HOSTS_DENY,	   /* a line of hosts.deny, or of hosts.allow */
	WARDEN_RULE_CROWDED, /* the hosts of its network failed together */
	WARDEN_RULE_SIEGE,   /* the account of the user is on guard */
	WARDEN_RULE_COUNTRY, /* warden_countries_allowed, _refused */

	WARDEN_RULE_COUNT,
};
#define WARDEN_RULES_ROOM 16 /* in the shared files */

/* "sessions"; "none" for 0 and for a number that is none of ours. */
const char *warden_rule_name(unsigned int rule);
/* The rule of that name; WARDEN_RULE_NONE if there is none, or if it is one
   that has no mode of its own: what an admin does by hand follows
   warden_mode. */
enum warden_rule warden_rule_find(const char *name);

#endif
