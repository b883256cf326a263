/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_VERDICT_H
#define DOVEADM_VERDICT_H

#include "doveadm-warden.h"

/* Which rule decides about a host now, in the order in which the warden asks.
   Unlike warden_check() nothing is counted. */
enum doveadm_rule {
	DOVEADM_RULE_NONE,	  /* nothing against it */
	DOVEADM_RULE_OFF,	  /* warden_mode = off */
	DOVEADM_RULE_SILENT,	  /* no rules in force */
	DOVEADM_RULE_HOSTS_DENY,  /* line of hosts.deny, or allow with DENY */
	DOVEADM_RULE_HOSTS_ALLOW, /* line of hosts.allow means this client */
	DOVEADM_RULE_EXEMPT,	  /* in net */
	DOVEADM_RULE_NETWORK,	  /* an admin blocked net */
	DOVEADM_RULE_MANUAL,	  /* an admin blocked the host */
	DOVEADM_RULE_POINTS,	  /* it failed too often */
	DOVEADM_RULE_COUNTRY,	  /* the rules refuse its country */
	DOVEADM_RULE_CROWDED,	  /* other hosts of its /48 failed too often */
	DOVEADM_RULE_LIMITED,	  /* the same, but many log in from there */
	DOVEADM_RULE_SESSIONS,	  /* too many sessions at once */
};

struct doveadm_verdict {
	enum doveadm_rule rule;
	bool refused;	     /* a connection now */
	bool would_refuse;   /* only observed */
	struct warden_net net; /* of EXEMPT and NETWORK, else zero */
	uint32_t until_secs; /* warden time; 0: not blocked */
	enum warden_rules_file file; /* of HOSTS_DENY and HOSTS_ALLOW */
	uint32_t line;
	/* of addr; NOT_ASKED: nothing has depended on it */
	enum warden_rules_name name_state;
	const char *name;
};

/* addr is the address as given, net the host that it belongs to. Of the rules
   of hosts.allow and hosts.deny those for daemon count; NULL: none. If they
   depend on the name of addr, it is looked up. */
void doveadm_verdict_get(const struct doveadm_warden *dw,
			 const struct warden_net *addr,
			 const struct warden_net *net, const char *daemon,
			 const struct warden_host_info *info,
			 struct doveadm_verdict *verdict_r);
const char *doveadm_rule_name(enum doveadm_rule rule);
/* What becomes of a connection: "let in", "refused", "would be refused". */
const char *doveadm_verdict_connection(const struct doveadm_verdict *verdict);

#endif
