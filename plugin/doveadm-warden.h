/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_WARDEN_H
#define DOVEADM_WARDEN_H

#include "warden-compat-doveadm.h"
#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-settings.h"

/* What the commands of `doveadm warden` share.

   Output: a command that was given a formatter (doveadm -f, or the HTTP API,
   which asks for JSON) prints records, see doveadm-record.h; without one it
   prints a report for a person. Everything returned as text is on the data
   stack. */

/* The shared files, and one moment for the whole command. */
struct doveadm_warden {
	struct warden *warden;
	struct warden_table *table;
	const struct warden_policy *policy;
	uint32_t silent_secs; /* the service; UINT32_MAX: never ran */
	uint64_t now;
	int64_t wall_now;
};

/* false: the reason is logged and the exit code is set. */
bool doveadm_warden_open(struct doveadm_warden *dw_r);
void doveadm_warden_close(struct doveadm_warden *dw);

/* One line on stderr, and doveadm's exit code. Always false, so that a command
   can return it. */
bool doveadm_warden_fail(int exit_code, const char *fmt, ...)
	ATTR_FORMAT(2, 3);
/* The same with how the command is used. */
bool doveadm_warden_fail_usage(const struct doveadm_cmd_context *cctx,
			       const char *problem);
/* Only root can do anything with the shared files or with /etc. */
bool doveadm_warden_is_root(void);
/* One line for a person; nothing if a formatter was asked for. */
void doveadm_warden_say(const char *fmt, ...) ATTR_FORMAT(1, 2);

/* The settings as this doveadm has read them, which are those of the service
   since its last (re)start or newer ones. false: *error_r names the first
   that is wrong; *set_r has those that are right, defaults for the others,
   and no deny file if that one is wrong. */
bool doveadm_warden_settings(struct warden_settings *set_r,
			     struct warden_error *error_r);

/* Rules of a silent service bind nobody. */
bool doveadm_warden_in_force(const struct doveadm_warden *dw);

/* secs is warden time. RFC 3339, "forever", or "" for 0. */
const char *doveadm_warden_time(const struct doveadm_warden *dw,
				uint32_t secs);
/* From now until secs, 0 if that is past; "forever" is UINT32_MAX. */
uint32_t doveadm_warden_secs_left(const struct doveadm_warden *dw,
				  uint32_t secs);
/* "29 min", "forever" */
const char *doveadm_warden_left(const struct doveadm_warden *dw,
				uint32_t secs);
/* "29 min ago", "never" for 0 */
const char *doveadm_warden_ago(const struct doveadm_warden *dw, uint32_t secs);
const char *doveadm_warden_duration(uint32_t secs);
const char *doveadm_warden_net(const struct warden_net *net);
/* The address or network that a host stands for. */
void doveadm_warden_host_net(const struct doveadm_warden *dw,
			     const struct warden_host *host,
			     struct warden_net *net_r);
const char *doveadm_warden_host(const struct doveadm_warden *dw,
				const struct warden_host *host);

/* The blocked networks that have not run out; walk with index_io from 0. */
const struct warden_blocked_network *
doveadm_warden_next_network(const struct doveadm_warden *dw,
			    unsigned int *index_io);

extern struct doveadm_cmd_ver2 doveadm_cmd_warden_status;
extern struct doveadm_cmd_ver2 doveadm_cmd_warden_list;
extern struct doveadm_cmd_ver2 doveadm_cmd_warden_why;
extern struct doveadm_cmd_ver2 doveadm_cmd_warden_check;
extern struct doveadm_cmd_ver2 doveadm_cmd_warden_block;
extern struct doveadm_cmd_ver2 doveadm_cmd_warden_unblock;
extern struct doveadm_cmd_ver2 doveadm_cmd_warden_setup;

#endif
