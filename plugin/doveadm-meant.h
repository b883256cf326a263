/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_MEANT_H
#define DOVEADM_MEANT_H

#include "doveadm-target.h"

/* For which services hosts.allow means an address, by the rules in force: there
   it is exempt, and the outlets have nobody who is exempt anywhere. On the data
   stack. */
struct doveadm_meant {
	struct doveadm_meant_line {
		unsigned int number; /* of hosts.allow */
		const char *daemons; /* "imap, sshd" */
	} lines[WARDEN_PROTOCOL_COUNT];
	unsigned int count; /* 0: it means this address nowhere */
	const char *daemons; /* of all lines; "" */
	/* it means somebody in the host or network, by an address */
	bool around;
	/* no outlet has the host or network */
	bool kept_out;
};

/* name_state and name are of target->given; if nobody has asked and it depends
   on it, it is looked up. */
void doveadm_meant_get(const struct doveadm_warden *dw,
		       const struct doveadm_target *target,
		       enum warden_rules_name name_state, const char *name,
		       struct doveadm_meant *meant_r);

#endif
