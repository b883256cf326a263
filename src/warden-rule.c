/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-rule.h"

#include <string.h>

#include "warden-class.h"

_Static_assert((int)WARDEN_MANUAL < (int)WARDEN_RULE_SESSIONS,
	       "reasons of blocks and rules overlap");
_Static_assert((int)WARDEN_RULE_COUNT <= WARDEN_RULES_ROOM, "layout");

const char *warden_rule_name(unsigned int rule)
{
	switch (rule) {
	case WARDEN_RULE_SESSIONS:
		return "sessions";
	case WARDEN_RULE_HOSTS_DENY:
		return "hosts.deny";
	case WARDEN_RULE_CROWDED:
		return "crowded";
	case WARDEN_RULE_SIEGE:
		return "siege";
	case WARDEN_RULE_COUNTRY:
		return "country";
	default:
		return warden_class_name(rule);
	}
}

enum warden_rule warden_rule_find(const char *name)
{
	for (unsigned int rule = 1; rule < WARDEN_RULE_COUNT; rule++) {
		bool has_mode = rule >= WARDEN_RULE_SESSIONS ||
				warden_class_is_event(rule);

		if (has_mode && strcmp(warden_rule_name(rule), name) == 0)
			return (enum warden_rule)rule;
	}
	return WARDEN_RULE_NONE;
}
