/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_KEEPER_H
#define WARDEN_KEEPER_H

#include <sys/types.h>

#include "warden-admin.h"
#include "warden-report.h"
#include "warden-settings.h"

/* The work of the service, without Dovecot: publish the rules and keep them
   alive, log what begins and ends, keep the deny file and the state file, tidy
   the table.

   Nobody rings a bell when a block begins. Instead tick looks at one counter
   in shared memory, every WARDEN_KEEPER_TICK_MSECS: the deny file follows well
   within a second, nothing is lost while the service restarts, and a login
   process that an attacker has taken over has nothing to send us.

   One keeper at a time works on a table; the service sees to that with a
   lock. `now` is warden time in milliseconds, wall_now seconds since 1970. */

#define WARDEN_KEEPER_TICK_MSECS 250
/* Look at the whole table this often, even if nothing seems to have changed:
   the counter is in memory that an attacker may write. */
#define WARDEN_KEEPER_SWEEP_MSECS 30000
#define WARDEN_KEEPER_TIDY_MSECS 1000
/* After one for which there was no memory. */
#define WARDEN_KEEPER_RETRY_MSECS 1000

struct warden_keeper;

/* settings_error: NULL, or why the settings cannot be put in force. Then
   nothing is published, what was published last stays in force and is kept
   alive; of the settings only the paths are used. If nothing ever was, the
   state file is left alone: read by the default rules it would lose what the
   admin's rules made. settings are copied, warden
   stays the caller's and outlives the keeper. NULL: no memory. */
struct warden_keeper *
warden_keeper_create(struct warden *warden,
		     const struct warden_settings *settings,
		     const char *settings_error, pid_t pid, warden_log_t *log,
		     void *context);
void warden_keeper_free(struct warden_keeper **keeper);

/* Why a path that was asked for is missing from the settings, for `status`:
   WARDEN_FAULT_DENY_DIR, WARDEN_FAULT_STATE_DIR. */
void warden_keeper_set_dir_faults(struct warden_keeper *keeper,
				  uint32_t faults);

/* How much memory, with the mapped files, a keeper of a table for this many
   hosts may need when all of them are blocked. */
size_t warden_keeper_memory(uint32_t table_hosts);

/* How large the rules of hosts.allow and hosts.deny are, compiled; 0: there are
   none, or none that can be used. As root, before there is a keeper, for
   warden_admin_rules_make_room(). */
size_t warden_keeper_rules_size(const struct warden_settings *settings);
/* The rules, or what is known of addresses, have outgrown their file since the
   service started. Only root can make another: the service has to start anew.
   Returns what needs more room, for the log; NULL: nothing. */
const char *warden_keeper_wants_restart(const struct warden_keeper *keeper);

/* Every WARDEN_KEEPER_TICK_MSECS. The first one loads the state and publishes
   the rules. */
void warden_keeper_tick(struct warden_keeper *keeper, uint64_t now,
			int64_t wall_now);

/* Whether hosts.allow means a blocked host may depend on its name, and the
   keeper never waits: whoever hands it its ticks looks names up for it. After
   each tick, and after each answer, this says whose name is wanted, until it
   returns false. Not more than four at once, small servers have others to
   serve. */
bool warden_keeper_next_name(struct warden_keeper *keeper,
			     struct warden_net *addr_r);
/* After this there is no name. */
unsigned int warden_keeper_name_msecs(struct warden_keeper *keeper,
				      uint64_t now);
/* The answer: remote, name_state and name of client. Each has one, if it
   is that there is no name. */
void warden_keeper_name_found(struct warden_keeper *keeper,
			      const struct warden_client *client, uint64_t now);

/* The service ends: save the state, empty the deny file and what
   else there is (see warden-outlet.h), and the list of those whom hosts.allow
   means by name. What is in force stays so until WARDEN_HEARTBEAT_MAX_SECS
   have passed. */
void warden_keeper_shutdown(struct warden_keeper *keeper, uint64_t now,
			    int64_t wall_now);

#endif
