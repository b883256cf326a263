/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_H
#define WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "warden-address.h"
#include "warden-class.h"
#include "warden-error.h"
#include "warden-policy.h"
#include "warden-rules.h"

/* The warden as a Dovecot process uses it: open the shared files, ask, count.
   Everything that plugin/ does to shared memory goes through here.

   No call blocks, allocates (but warden_open), exits, or loops without a
   bound. `now` is warden_clock_now(). */

struct warden;

enum warden_role {
	WARDEN_ROLE_LOGIN,   /* hosts rw, policy ro */
	WARDEN_ROLE_AUTH,    /* hosts rw, policy ro, auth rw */
	WARDEN_ROLE_SERVICE, /* all rw, replaces what is bad */
	WARDEN_ROLE_ADMIN,   /* doveadm: hosts rw, policy rw; creates nothing */
	WARDEN_ROLE_PAM,     /* hosts rw, policy ro; creates nothing */
};

/* Open and map the files in dir (base_dir/warden), which is made if it is
   missing. As root, before chroot and setuid; the files' descriptors are
   closed before it returns (the service keeps its own, see
   warden_publisher). Every role but ADMIN and PAM creates files that are
   missing, with room for table_hosts hosts. NULL: *error_r says why, nothing is
   mapped, and the caller lets everybody in. */
struct warden *warden_open(const char *dir, enum warden_role role,
			   uint32_t table_hosts, struct warden_error *error_r);
void warden_close(struct warden **warden);

/* Another file has taken the place of the one that is mapped: what is asked
   here is stale. A login process then stops taking connections. */
bool warden_is_retired(const struct warden *warden);

/* Read the policy again if it was published anew; returns the one in force,
   or NULL: none was ever published, or the service has been silent for
   WARDEN_HEARTBEAT_MAX_SECS. Then nobody is refused. Owned by warden, valid
   until the next call. */
const struct warden_policy *warden_policy(struct warden *warden, uint64_t now);

/* Whom a question or an event is about. Whole addresses; the caller's, and only
   for the time of the call. */
struct warden_client {
	const struct warden_net *remote;
	const struct warden_net *local; /* the server's end; NULL: not known */
	enum warden_protocol protocol;
	/* its host name, where somebody has looked it up */
	enum warden_rules_name name_state;
	const char *name; /* if it is given */
};

/* Goes up whenever a block begins or ends: a cheap look before one asks again
   about somebody who was let in. */
uint64_t warden_blocks_changed(const struct warden *warden);

/* --- The verdict --------------------------------------------------------- */

enum warden_refusal {
	WARDEN_ADMITTED = 0,
	WARDEN_REFUSED_HOST,	 /* the host is blocked */
	WARDEN_REFUSED_NETWORK,	 /* an admin blocked its network, or too many
				    of its other hosts failed */
	WARDEN_REFUSED_SESSIONS, /* too many unauthenticated sessions */
	WARDEN_REFUSED_RULE,	 /* hosts.allow and hosts.deny say so */
	WARDEN_REFUSED_SIEGE,	 /* the account is on guard, and nobody logged
				    in to it from that network before */
	WARDEN_REFUSED_COUNTRY,	 /* the rules refuse its country */
};

/* Where the question is asked; decides which total a refusal goes to. */
enum warden_stage {
	WARDEN_STAGE_ACCEPT,
	WARDEN_STAGE_SESSION,
	WARDEN_STAGE_AUTH,
};

/* May this client go on? A refusal is counted on the host and in the totals.
   In observe mode it is counted as what would have been refused, once at
   accept and once for each password that auth checks, and WARDEN_ADMITTED is
   returned.

   First, but not in auth, the rules of hosts.allow and hosts.deny: they are
   for all, as libwrap has it, those who are exempt as well. Exempt from the
   rest: policy->exempt, remote = local, and whom hosts.allow means for this
   protocol. A rule that depends on a name that was not looked up neither
   refuses nor exempts, unless the service has looked it up and published that
   hosts.allow means this client; warden_name_matters() tells when to look it
   up. */
enum warden_refusal warden_check(struct warden *warden,
				 const struct warden_client *client,
				 enum warden_stage stage, uint64_t now);

/* Does it depend on this client's name, which nobody has looked up, whether it
   may go on? At WARDEN_STAGE_AUTH only where it is refused as long as it has
   none. */
bool warden_name_matters(struct warden *warden,
			 const struct warden_client *client,
			 enum warden_stage stage, uint64_t now);
/* Does it depend on its name whether it is exempt, and warden_count() counts
   what it does? */
bool warden_name_may_exempt(struct warden *warden,
			    const struct warden_client *client, uint64_t now);

/* From now on this handle refuses nobody, whatever the policy says, and counts
   what it would have refused, as in observe mode. */
void warden_set_observe(struct warden *warden);

/* A password that auth checks: the user as warden_success() has it, and a keyed
   hash of the password, see warden-memory.h; 0: it is not known. */
struct warden_password {
	const char *user; /* NULL: not known */
	uint64_t secret;
};
/* Of a password as the client sent it; 0 unless auth asks. */
uint64_t warden_secret(const struct warden *warden, const char *password);

/* warden_check() at WARDEN_STAGE_AUTH, and of the account, see warden-siege.h: a
   refusal for that is no mark against the host. If the host is blocked but so many share
   it that it is only limited, a password that worked for the user before is
   checked. One that auth does not see is, if the user has logged in from there
   and not failed within a day. */
enum warden_refusal
warden_check_password(struct warden *warden, const struct warden_client *client,
		      const struct warden_password *password, uint64_t now);
/* warden_name_matters() of the same. */
bool warden_name_matters_for(struct warden *warden,
			     const struct warden_client *client,
			     const struct warden_password *password,
			     uint64_t now);

/* --- Sessions: the login process ----------------------------------------- */

/* A live unauthenticated session of this process. Zeroed = none. */
struct warden_session {
	uint64_t slot;	/* its word in the table; 0 = not counted */
	uint32_t bucket;
	uint32_t index;
	/* the same for its network; 0 = not counted there */
	uint64_t network_slot;
	uint32_t network_bucket;
	uint32_t network_index;
};

/* warden_check(), and if the client may go on, count a session for its host.
   Two processes that race for the last place may both be refused, but never
   both be let in. Exempt clients are not counted. A session that finds no
   room in the table is let in, uncounted (and that is counted). */
enum warden_refusal warden_session_open(struct warden *warden,
					const struct warden_client *client,
					pid_t pid, uint64_t now,
					struct warden_session *session_r);
/* The same for a connection whose client's name is being looked up: count it,
   without the verdict. The limit holds for it, so that one host cannot hold
   connections without end in front of a slow name server. */
enum warden_refusal warden_session_wait(struct warden *warden,
					const struct warden_client *client,
					pid_t pid, uint64_t now,
					struct warden_session *session_r);
/* How long a session may last without a login, by the policy and by how many
   there are. */
uint32_t warden_login_grace(const struct warden *warden,
			    const struct warden_policy *policy);
/* Also on a zeroed session. Zeroes it. */
void warden_session_close(struct warden *warden,
			  struct warden_session *session);

/* --- Events -------------------------------------------------------------- */

/* Count what a client did. Returns true if this very event began a block.
   Exempt clients and mode off: nothing. No policy in force: counted, with
   the default points, and nobody is blocked. user as in warden_success(),
   NULL if it is not known. */
bool warden_count(struct warden *warden, const struct warden_client *client,
		  enum warden_class class, const char *user, uint64_t now);

/* An attempt that may be the last thing its process does: PAM's. It is counted
   when it begins, and taken back if it ends well; if nothing more is heard of
   it, it stays counted, and the service sees that its process is gone. Zeroed =
   none. Belongs to its process alone. */
struct warden_pending {
	struct warden_host host; /* key 0: not counted */
	uint64_t began;
	uint64_t fast_ms, slow_ms; /* what it added to the two buckets */
	uint32_t hosts_serial;	   /* of the table that it was added to */
	uint8_t class;		   /* enum warden_class */
	uint8_t protocol;	   /* enum warden_protocol */
	uint32_t slot;		   /* where the service looks for it */
	uint64_t owner;		   /* what we wrote there; 0: nowhere */
};

/* warden_check() at WARDEN_STAGE_AUTH, and if the client may go on, count the
   attempt. It blocks nobody yet; but if those before it, of any process, have
   brought the host over a limit, it is blocked now and this one refused. So no
   more attempts are checked than the limit has it, however many are made at
   once and whatever became of their processes. No policy in force: nothing is
   counted, since nothing was refused. pid: the process that will say how it
   ends. */
enum warden_refusal warden_pending_begin(struct warden *warden,
					 const struct warden_client *client,
					 enum warden_class class, pid_t pid,
					 uint64_t now,
					 struct warden_pending *pending_r);
/* It ended well: take it back, and no more than it has added; what that means
   for those who fail is with warden_bucket_take_back(). Zeroes it. */
void warden_pending_succeed(struct warden *warden,
			    struct warden_pending *pending, uint64_t now);
/* It has failed: block its host if that is over a limit. Returns true if that
   began a block. Nothing is counted again, so this is also right for a copy of
   it in another process. Zeroes it. */
bool warden_pending_fail(struct warden *warden, struct warden_pending *pending,
			 uint64_t now);

/* A login succeeded: the host becomes known, and its points are cleared if in
   the window at most one user failed from there and it is this one. user is
   the name as auth knows it, any bytes; only a keyed hash of it is kept. */
void warden_success(struct warden *warden, const struct warden_client *client,
		    const char *user, uint64_t now);

/* warden_count() and warden_success() of a password that auth has checked. The
   same wrong password of a user from the same host counts once, and one that
   worked for him within warden_known_time does not count: that is a device that
   nobody told of the new one. And when a user logs in with a password that is
   new, at most WARDEN_MEMORY_COST_MAX points go that he has had himself, from
   that host, within an hour: on the morning after a change of passwords people
   err. A guesser gains nothing by it, who would have to change one for each few
   tries on that same account. */
bool warden_password_failed(struct warden *warden,
			    const struct warden_client *client,
			    enum warden_class class,
			    const struct warden_password *password,
			    uint64_t now);
void warden_password_worked(struct warden *warden,
			    const struct warden_client *client,
			    const struct warden_password *password,
			    uint64_t now);

/* Has the last warden_password_failed() put that user's account on guard? Then
   *siege_r is what this is called in the log, and *enforced_r whether anybody
   is refused for it. */
bool warden_siege_began(const struct warden *warden, uint32_t *siege_r,
			bool *enforced_r);

#endif
