/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_TABLE_H
#define WARDEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "warden-address.h"
#include "warden-class.h"
#include "warden-layout.h"
#include "warden-limits.h"

/* The hosts, their sessions and the totals: the file `hosts` in memory.

   Many processes work on it at once, some of them perhaps an attacker's, and
   any of them may be killed at any instruction. There is no lock. Who may call
   what, what it may race with, and what a kill inside it leaves:

   call               | who               | races with | a kill leaves
   -------------------+-------------------+------------+---------------------
   find, read         | all               | all        | nothing
   count              | login, auth       | all        | some of its words
		      |                   |            | updated: an event
		      |                   |            | counted in part or
		      |                   |            | not at all
   count that blocks, | login, auth, pam  | all        | the block is there or
   settle             | , service         |            | not; the service may
		      |                   |            | learn of it only at
		      |                   |            | its next full sweep
   success, add user  | auth, login, pam  | all        | as count
   count ahead        | pam               | all        | as count
   take back          | pam               | all        | as count
   forgive            | auth              | all        | as count
   pending enter,     | pam               | all        | a slot that is free
   leave              |                   |            | again after WARDEN_
		      |                   |            | PENDING_MAX_SECS, or
		      |                   |            | when it is settled
   pendings settle    | service           | all        | as settle; the rest
		      |                   |            | comes with the next
   claim (inside of   | login, auth, pam, | all        | an empty record that
   count, block, ...) | doveadm, service  |            | is marked as coming;
		      |                   |            | or the claimed one
   evict (inside of   | as claim          | all        | the old record, or it
   claim)             |                   |            | marked as leaving; or
		      |                   |            | as claim
   refuse             | login, auth, pam  | all        | a refusal not counted
   expire             | service           | all        | an empty record, or
		      |                   |            | none
   block, unblock     | doveadm, service  | all        | points cleared, the
		      |                   |            | block as it was; or
		      |                   |            | done
   session open       | login             | all        | a session that stops
		      |                   |            | counting after
		      |                   |            | WARDEN_SESSION_MAX_
		      |                   |            | SECS, or when it is
		      |                   |            | reaped
   session close      | its owner         | all        | as session open
   session reap       | service           | all        | nothing
   total add, event   | all               | all        | an event not in the
		      |                   |            | totals
   create             | root              | all        | a temporary file that
		      |                   |            | nobody opens

   Progress: an update is a compare-and-swap loop of at most WARDEN_CAS_TRIES;
   after that it is given up and counted in `contended`. A search looks at one
   set of WARDEN_SET_WAYS records, a claim makes 8 tries at that, a session
   looks at one bucket, an attempt at each slot for such once. A walk (next,
   expire, reap, settle) takes each record or slot
   once, by an index of our own: what is written meanwhile can make it tell of
   a host twice or not at all, but not go on. tests/fire/fuzz-table.c checks
   these numbers against tables of noise.

   A record changes hands in three steps, each one compare-and-swap of its key:

     key of the old host -> leaving, with its tag -> coming, with the tag of
     the new host -> key of the new host

   A free record starts at the second. While it is leaving, the record is
   still the old host's, for every search; who changes it puts the key back.
   Who evicts marks it as leaving and then looks whether it has been blocked
   meanwhile, and gives it back if so; who blocks writes the block and then
   looks for its key, and claims another record if the key is gone. All this is
   in one order for everybody (memory_order_seq_cst), so one of the two sees the
   other: a block of which warden_table_block() or warden_table_count() said
   that it was made is not lost to an eviction that did not weigh it.

   While it is coming, the record is emptied; no search finds it. Then whoever
   claims looks through the set: if the host has a record by now, this one
   becomes free; if somebody else prepares one for the same host, the earlier
   one in the set wins. Each looks after its own mark is there, so that two
   claims of one host leave one record, and nobody has ever seen the other.

   What a kill leaves: a record that is leaving goes on as its host's, until
   that host or another eviction comes by, only lists do not show it. One that
   is coming is empty; it is taken when nothing but blocked hosts is left, or
   freed by the next expire. A mark is waited for at most WARDEN_CAS_TRIES
   looks.

   The number in a mark tells it from those before it; it comes round after
   2^24 claims, which would all have to happen while one process stands between
   two steps. Two hosts of one set that have the same tag, once in 2^23, can
   take each other's record while it is leaving, and read each other's words
   from then on: known and accepted, the key of the hash is secret.

   A record is evicted for a new host in this order: free, nothing in it,
   points, known, former offender; the one with the oldest event first. Only
   when the whole set is blocked, the automatic block that has the fewest
   offences and ends first makes room: otherwise somebody with many addresses
   could fill the table with blocks of his own and all others went unwatched.
   A host blocked by hand is never evicted; if all are, the new host is not
   watched. Either way `set_full` goes up; what could not be counted or blocked
   for want of a record, also because others were always faster, is counted in
   `unwatched`. A block that was evicted so comes back into force if its host
   gets the same record again before its end: unblocking looks for it.

   What is where:

     warden-table-private.h   what these files share; how a record is found
     warden-table.c           verdicts, limits, read, next, expire, init
     warden-table-record.c    how a word of a record is replaced
     warden-table-claim.c     how a record changes hands
     warden-table-count.c     count, refused, ahead, settle, take back, forgive
     warden-table-block.c     block, unblock
     warden-table-users.c     success, users and names
     warden-table-near.c      known networks, crowds
     warden-table-event.c     what a host did last
     warden-table-observe.c   observe mode
     warden-table-pending.c   attempts under way
     warden-table-session.c   sessions
     warden-table-total.c     totals */

struct warden_table {
	struct warden_hosts_header *header;
	struct warden_set *sets[2];	/* IPv4, IPv6 */
	struct warden_session_bucket *buckets;
	struct warden_near_set *near;
	/* private copies: never read again from shared memory */
	uint32_t set_count[2];
	uint32_t bucket_count;
	uint64_t hash_key[2];
};

/* Bytes that a table for this many hosts takes, and its geometry. hosts is
   the room for both families together, half each, rounded up to whole sets. */
#define WARDEN_TABLE_HOSTS_MIN 1024
#define WARDEN_TABLE_HOSTS_DEFAULT 131072
#define WARDEN_TABLE_HOSTS_MAX 16777216
size_t warden_table_size(uint32_t hosts, uint32_t geometry_r[4]);

/* Look at a mapped file of that size. false: its geometry does not fit. */
bool warden_table_init(struct warden_table *table_r, void *base, size_t size);
/* Is this copy of the file's header of the geometry and key that init saw? */
bool warden_table_has_header(const struct warden_table *table,
			     const struct warden_file_header *copy);

/* What a block means for who asks. */
enum warden_block {
	WARDEN_BLOCK_NONE = 0,
	WARDEN_BLOCK_HOST, /* refuse whatever comes from there */
	/* many different users log in from there: they may, with passwords that
	   worked before, and nobody may try others */
	WARDEN_BLOCK_LIMITED,
};

/* What is known of a host, read in one go: each word is whole, but two words
   may be of different moments. Times are seconds of warden time, 0 = never. */
struct warden_host_info {
	struct warden_host host;
	double points, slow_points; /* now, by the policy given */
	uint32_t blocked_until;	    /* also of a block that has ended */
	uint32_t last_login;
	uint32_t last_event;
	uint64_t refused;
	uint8_t offences; /* blocks without a week of peace between */
	uint8_t reason;	  /* enum warden_class, of the last block */
	uint8_t last_class;
	uint8_t last_protocol;
	uint32_t sessions; /* live and unauthenticated */
	bool blocked;	   /* now */
	bool known;	   /* now */
	enum warden_block crowd; /* see warden_table_crowd_of() */
	bool limited;	   /* blocked, but shared by many: see
			      warden_table_block_of() */
	uint16_t names;	   /* different users that failed today, about */
	uint32_t users;	   /* different users that logged in, about */
	struct warden_limits limits;
};

/* false: nothing is known of it; *info_r is zero but for host. */
bool warden_table_read(const struct warden_table *table,
		       const struct warden_host *host,
		       const struct warden_policy *policy, uint64_t now,
		       struct warden_host_info *info_r);

/* Walk over every host with something in its record; index_io starts at 0.
   false: the end. sessions is not filled in: see warden_table_sessions(). */
bool warden_table_next(const struct warden_table *table, uint64_t *index_io,
		       const struct warden_policy *policy, uint64_t now,
		       struct warden_host_info *info_r);

/* What a host did last, the newest first; at most room of them. Returns how
   many. Logins have class WARDEN_CLASS_NONE. A ring for all hosts, so a busy
   server remembers less of each. */
struct warden_event {
	uint32_t age_secs;
	uint16_t points;
	uint8_t class;	  /* enum warden_class */
	uint8_t protocol; /* enum warden_protocol */
};
unsigned int warden_table_events(const struct warden_table *table,
				 const struct warden_host *host, uint64_t now,
				 struct warden_event *events_r,
				 unsigned int room);
/* Remember one that warden_table_count() is not told of: a login, what costs
   nothing, or what was counted ahead and has failed. */
void warden_table_add_event(struct warden_table *table,
			    const struct warden_host *host,
			    enum warden_class class,
			    enum warden_protocol protocol, uint32_t points,
			    uint64_t now);

/* The host would have been refused by that enum warden_rule, were it not for
   observe mode. */
void warden_table_observe(struct warden_table *table,
			  const struct warden_host *host, unsigned int rule,
			  uint64_t now);
/* It has logged in: had that been prevented within the last hour? */
void warden_table_observe_login(struct warden_table *table,
				const struct warden_host *host, uint64_t now);
/* How many hosts the rule would have refused within the hour, and how many of
   those then logged in; about. */
void warden_table_observed(const struct warden_table *table, unsigned int rule,
			   uint64_t now, uint32_t *refused_r,
			   uint32_t *logged_in_r);

/* Free the records that nothing is left in. Returns how many. The service. */
uint64_t warden_table_expire(struct warden_table *table,
			     const struct warden_policy *policy, uint64_t now);

/* Seconds of warden time until which the host is blocked; 0: it is not. The
   hot path: one set, no write. */
uint32_t warden_table_blocked_until(const struct warden_table *table,
				    const struct warden_host *host,
				    uint64_t now);

/* Has somebody logged in from there, within warden_known_time? */
bool warden_table_is_known(const struct warden_table *table,
			   const struct warden_host *host,
			   const struct warden_policy *policy, uint64_t now);
/* IPv6: have the unknown hosts of its /48 failed so much together that no more
   of them are let in? Whoever has one can come from another /64 with each try.
   If somebody logged in from there, others may as well: then it is limited.
   Ends by itself as the bucket drains. NONE for known hosts. */
enum warden_block warden_table_crowd_of(const struct warden_table *table,
					const struct warden_host *host,
					const struct warden_policy *policy,
					uint64_t now);
/* What the host may do. */
void warden_table_limits(const struct warden_table *table,
			 const struct warden_host *host,
			 const struct warden_policy *policy, uint64_t now,
			 struct warden_limits *limits_r);

/* As warden_table_blocked_until(). *reason_r is set if there is a block: enum
   warden_class. */
enum warden_block warden_table_block_of(const struct warden_table *table,
					const struct warden_host *host,
					const struct warden_policy *policy,
					uint64_t now, unsigned int *reason_r);

/* When an automatic block began, if the policy is the one that it began by. */
uint32_t warden_table_block_began(const struct warden_host_info *info,
				  const struct warden_policy *policy);

/* Count one event. Returns true if it began a block. may_block: the policy is
   in force; otherwise points are counted and nobody is blocked. user: who it
   was about, or NULL; one more name than the host may fail with weighs
   WARDEN_TRAWL_FACTOR times as much. For the host, but not for the crowd of
   its /48, it weighs `factor` times as much for its neighbours; 1.. */
bool warden_table_count(struct warden_table *table,
			const struct warden_host *host,
			const struct warden_policy *policy, bool may_block,
			uint32_t factor, enum warden_class class,
			enum warden_protocol protocol, const char *user,
			uint64_t now);
/* Count one event as warden_table_count() does, but block nobody for it, and
   remember in *pending_r what was added. For an attempt that may turn out well:
   then it is taken back, else it is settled. */
struct warden_pending;
void warden_table_count_ahead(struct warden_table *table,
			      const struct warden_host *host,
			      const struct warden_policy *policy,
			      enum warden_class class,
			      enum warden_protocol protocol, uint64_t now,
			      struct warden_pending *pending_r);
/* Undo the same. At most what it added goes away, see
   warden_bucket_take_back(); that it was the last event is forgotten, but not
   that there was one. */
void warden_table_take_back(struct warden_table *table,
			    const struct warden_pending *pending,
			    uint64_t now);
/* Block the host if what was counted ahead has brought it over a limit; the
   reason is the last event. Returns true if that began a block. */
bool warden_table_settle(struct warden_table *table,
			 const struct warden_host *host,
			 const struct warden_policy *policy, uint64_t now);
/* Note that the attempt is under way in process pid, which fills in slot and
   owner; if there is no room, nothing. And that it is no more. */
void warden_table_pending_enter(struct warden_table *table, pid_t pid,
				struct warden_pending *pending);
void warden_table_pending_leave(struct warden_table *table,
				const struct warden_pending *pending);
/* Settle those whose time is over or for whose process is_dead(pid, start_secs)
   is true; but not a host of which another is still under way, which may be
   taken back. is_dead is asked for each slot once at most. Returns how many
   blocks began. */
uint32_t warden_table_pendings_settle(
	struct warden_table *table, const struct warden_policy *policy,
	bool (*is_dead)(pid_t pid, uint32_t start_secs), uint64_t now);
/* The host is known from now on. clear_points: and starts anew. */
void warden_table_success(struct warden_table *table,
			  const struct warden_host *host, bool clear_points,
			  uint64_t now);
/* And it was this user who logged in from there. */
void warden_table_add_user(struct warden_table *table,
			   const struct warden_host *host,
			   const struct warden_policy *policy, const char *user,
			   uint64_t now);
/* Take back so many points that were counted lately. */
void warden_table_forgive(struct warden_table *table,
			  const struct warden_host *host,
			  const struct warden_policy *policy, uint32_t points,
			  uint64_t now);
/* A connection of a blocked host was refused. */
void warden_table_refused(struct warden_table *table,
			  const struct warden_host *host);

/* Block until then (WARDEN_FOREVER_SECS: no end), whatever it was; its count of
   refusals starts with refused. false: no record could be had, its set is full
   of hosts blocked by hand, or others were always faster; the block may still
   come into force later, until it is unblocked. */
bool warden_table_block(struct warden_table *table,
			const struct warden_host *host, uint32_t until_secs,
			unsigned int offences, enum warden_class reason,
			uint64_t refused, uint64_t now);
/* Forget points, block and offences. Returns true if it was blocked. */
bool warden_table_unblock(struct warden_table *table,
			  const struct warden_host *host, uint64_t now);
/* From the state file: as known since that login, with about so many users. */
void warden_table_set_known(struct warden_table *table,
			    const struct warden_host *host,
			    uint32_t last_login_secs, uint32_t users,
			    uint64_t now);

/* Sessions. open: counts the host's, and claims a slot if there are fewer
   than limit (0 = no limit); the same for its network, and without a limit for
   that (0) it is not counted there. 1: claimed; 0: over a limit; -1: a bucket
   is full, not counted there. */
struct warden_session;
int warden_table_session_open(struct warden_table *table,
			      const struct warden_host *host, uint32_t limit,
			      uint32_t network_limit, pid_t pid, uint64_t now,
			      struct warden_session *session_r);
void warden_table_session_close(struct warden_table *table,
				struct warden_session *session);
/* Of one host, and of all. */
uint32_t warden_table_sessions(const struct warden_table *table,
			       const struct warden_host *host, uint64_t now);
uint32_t warden_table_sessions_total(const struct warden_table *table,
				     uint64_t now);
/* Free the sessions that have run out, and those of processes for which
   is_dead(pid, start_secs) is true. Returns how many. To ask for a process
   costs a system call, and a stranger may have written all of them: at most
   WARDEN_SESSION_REAP_MAX are asked for, and the next call goes on where this
   one stopped. *cursor_io starts with any value. */
#define WARDEN_SESSION_REAP_MAX 1024
uint32_t warden_table_sessions_reap(struct warden_table *table,
				    bool (*is_dead)(pid_t pid,
						    uint32_t start_secs),
				    uint32_t *cursor_io, uint64_t now);

/* Totals. secs: how far back, at most 3600; the running slot included. */
void warden_table_total_add(struct warden_table *table,
			    enum warden_total total, uint64_t now);
/* One less of those added at `then`. */
void warden_table_total_take_back(struct warden_table *table,
				  enum warden_total total, uint64_t then);
uint64_t warden_table_total(const struct warden_table *table,
			    enum warden_total total, uint32_t secs,
			    uint64_t now);
/* The slot of a moment, and what was counted in one of them. */
uint32_t warden_total_slot(uint64_t now);
uint64_t warden_table_total_of_slot(const struct warden_table *table,
				    enum warden_total total, uint32_t number);

#endif
