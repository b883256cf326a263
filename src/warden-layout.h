/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_LAYOUT_H
#define WARDEN_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-policy.h"
#include "warden-rule.h"

/* Every byte that processes share, and who may write it. Five files in
   base_dir/warden/, 0600 root:

     policy  the service publishes the rules, whom hosts.allow means by name
	     and where many hosts are blocked, doveadm the blocked networks;
	     all others map it read-only
     hosts   what each host did and its live sessions; everybody writes
     auth    which users failed, which passwords failed or worked, and from
	     which networks each user logs in, as keyed hashes; auth and the
	     service only
     rules   hosts.allow and hosts.deny, compiled; the service publishes them,
	     all others map it read-only
     origins of which country and AS addresses are; likewise

   `hosts` is written by login processes, which an attacker may own. Whoever
   reads it treats each word as a stranger's: no pointer, no lock, no length
   and no index is ever taken from it. Geometry is read once when the file is
   opened, checked against the file's size, and kept in private memory.

   A change of anything in this file is a new WARDEN_LAYOUT. Byte order and
   word size are the machine's: the files live on tmpfs and end with a boot. */

#define WARDEN_MAGIC "DCWARDEN"
#define WARDEN_LAYOUT 5
/* In pam_warden.so, so that `status` can tell whether it fits without loading
   it: the name, and the number as text. */
#define WARDEN_LAYOUT_MARK_NAME "dovecot-warden layout "
#define WARDEN_LAYOUT_TEXT_(number) #number
#define WARDEN_LAYOUT_TEXT(number) WARDEN_LAYOUT_TEXT_(number)
#define WARDEN_LAYOUT_MARK \
	WARDEN_LAYOUT_MARK_NAME WARDEN_LAYOUT_TEXT(WARDEN_LAYOUT)

enum warden_file_kind {
	WARDEN_FILE_POLICY = 1,
	WARDEN_FILE_HOSTS = 2,
	WARDEN_FILE_AUTH = 3,
	WARDEN_FILE_RULES = 4,
	WARDEN_FILE_ORIGINS = 5,
};

/* First in each file. Written once, before the file has its name, except
   `retired`. */
struct warden_file_header {
	char magic[8];	       /* WARDEN_MAGIC, no NUL */
	uint32_t layout;       /* WARDEN_LAYOUT */
	uint32_t kind;	       /* enum warden_file_kind */
	uint64_t size;	       /* of the file, bytes */
	uint8_t boot_id[16];   /* of the boot that warden time belongs to */
	uint64_t hash_key[2];  /* SipHash key, drawn at creation */
	_Atomic uint32_t retired; /* another file has taken over; of `hosts`
				     the word in `policy` counts instead */
	uint32_t geometry[4];  /* hosts: see below; else 0 */
	uint32_t unused[13];
};
_Static_assert(sizeof(struct warden_file_header) == 128, "layout");

/* --- Words ---------------------------------------------------------------
   A host's record is evicted and given to another host without a lock, so
   any word of it may be of the former owner. Each mutable word therefore
   carries a tag, 23 bits of a keyed hash of its host: a word with another tag
   reads as zero, and an update that expected it fails. */
#define WARDEN_TAG_BITS 23
#define WARDEN_VALUE_BITS 41
#define WARDEN_VALUE_MASK ((UINT64_C(1) << WARDEN_VALUE_BITS) - 1)

enum warden_word {
	/* First, beside the keys: of what a verdict reads and a refusal
	   counts. until_secs:32 offences:4 again:1 reason:4 */
	WARDEN_WORD_BLOCK = 0,
	WARDEN_WORD_REFUSED, /* connections refused since the block began */
	/* The leaky buckets, as the virtual scheduling algorithm of ITU-T
	   I.371 (GCRA) keeps them: not a level, but the warden time in
	   milliseconds when the bucket will be empty. */
	WARDEN_WORD_FAST,
	WARDEN_WORD_SLOW,
	WARDEN_WORD_IDLE, /* sessions of class idle; 30 a minute drain */
	/* last_login_secs:32 users_before:9, see the next */
	WARDEN_WORD_KNOWN,
	/* Which users logged in, as a sketch (warden-sketch.h) of keyed hashes:
	   sketch:32 began_days:9. When half of warden_known_time is over it
	   begins anew, and what it came to is users_before: so a user who came
	   no more is forgotten, and one who comes is counted throughout. */
	WARDEN_WORD_USERS,
	/* a second sketch of them by another hash: the mean of both is to a
	   quarter, where one is to a third */
	WARDEN_WORD_USERS_TOO,
	/* the same for those who failed within a day: sketch:32 began_hours:9 */
	WARDEN_WORD_NAMES,
	WARDEN_WORD_LAST, /* last event: secs:32 class:5 protocol:4 */
	/* when it would have been refused last, were it not for observe mode:
	   secs:32 unused:5 rule:4, enum warden_rule */
	WARDEN_WORD_OBSERVED,
	/* As FAST and SLOW, with all events, where some classes are enforced
	   and others observed; see warden_policy_is_mixed(). */
	WARDEN_WORD_OBSERVED_FAST,
	WARDEN_WORD_OBSERVED_SLOW,
	WARDEN_WORDS,
};
#define WARDEN_OFFENCES_MAX 15
/* `again`: see place_block() */
#define WARDEN_BLOCK_AGAIN 16

/* While a record changes hands its key is a mark: 16 bits of ones (no host has
   such a key: ffff::/16 is multicast), one bit what it is, a tag, and a number
   that no other mark has had for long. See warden-table.h. */
#define WARDEN_MARK_NUMBER_BITS 24
#define WARDEN_KEY_MARKS UINT64_C(0xffff000000000000) /* all from here on */
enum warden_mark {
	/* still the record of the host with that tag, which may take it back */
	WARDEN_MARK_LEAVING = 0x1fffe,
	/* being made ready for the host with that tag; nothing is in it */
	WARDEN_MARK_COMING = 0x1ffff,
};

/* What is kept of one host: a column of its set. This is the head of it; the
   words come below, see warden_record_word(). */
struct warden_record {
	_Atomic uint64_t key; /* 0 = free */
};
/* with locks of a library the words would not be shared between processes */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "needs atomic 64-bit and 32-bit words");

/* Hosts of one family are in sets; a host is in the set that its hash names
   or nowhere. IPv4 and IPv6 have separate sets, so that neither evicts the
   other. The keys of a set are one cache line, and so are its words of each
   kind: to see that a host is not in the table takes one line of memory, and
   to see whether it is blocked takes the next as well. */
#define WARDEN_SET_WAYS 8
struct warden_set {
	struct warden_record records[WARDEN_SET_WAYS];
	_Atomic uint64_t words[WARDEN_WORDS][WARDEN_SET_WAYS];
};
_Static_assert(sizeof(struct warden_record) == 8 &&
		       offsetof(struct warden_set, words) == 64 &&
		       sizeof(struct warden_set) % 64 == 0 &&
		       sizeof(struct warden_set) <= 2 * 64 * WARDEN_SET_WAYS,
	       "layout, and a host takes at most two cache lines");
#define WARDEN_USERS_BEFORE_MAX 511

/* --- Sessions ------------------------------------------------------------
   A live unauthenticated session is one word in the bucket of its host:
   tag:32 start_secs:32. One older than WARDEN_SESSION_MAX_SECS is not there
   (Dovecot ends an unauthenticated session at 180 s), so what a killed
   process leaves behind can never shut a host out. The owner, pid:32
   start_secs:32, only lets the service free it sooner; it counts when its
   start is the slot's. */
#define WARDEN_SESSION_BUCKET_SLOTS 256
/* Of each: by host, and behind them by network (/24, /48) for hosts that are
   not known. */
#define WARDEN_SESSION_BUCKETS 256
#define WARDEN_SESSION_MAX_SECS 200
struct warden_session_bucket {
	_Atomic uint64_t slots[WARDEN_SESSION_BUCKET_SLOTS];
	_Atomic uint64_t owners[WARDEN_SESSION_BUCKET_SLOTS];
};

/* --- Pending attempts ----------------------------------------------------
   An attempt of PAM's that is counted and may still turn out well. It stands
   here so that somebody notices when its process is gone without a word: the
   service. owner is the slot's claim, pid:32 start_secs:32, 0 = free; family
   is written last, and 0 until then. Only where it is looked for comes from
   here: whether a host is over its limit is in its record. */
#define WARDEN_PENDING_SLOTS 256
/* Whoever has not succeeded by then has failed: sshd gives 120 s to log in. */
#define WARDEN_PENDING_MAX_SECS 150
struct warden_pending_slot {
	_Atomic uint64_t owner;
	_Atomic uint64_t key;
	_Atomic uint64_t family; /* enum warden_family */
	uint64_t unused;
};

/* --- Known networks ------------------------------------------------------
   From which networks (/24, /48) somebody logged in, for hosts of theirs that
   are not known themselves: tag:32 last_login_secs:32, in sets of one cache
   line. A full set forgets the oldest.

   Beside them, of IPv6 alone, what all hosts of a /48 that are not known have
   failed together: tag:22 empty_at_msecs:42, a bucket as in a record. A full set
   forgets the emptiest. */
#define WARDEN_CROWD_TIME_BITS 42
#define WARDEN_NEAR_WAYS 8
#define WARDEN_NEAR_SETS 4096
struct warden_near_set {
	_Atomic uint64_t words[WARDEN_NEAR_WAYS];
	_Atomic uint64_t crowds[WARDEN_NEAR_WAYS];
};
_Static_assert(sizeof(struct warden_near_set) == 128, "layout");

/* --- Totals --------------------------------------------------------------
   For `doveadm warden status`: events of the last hour in slots of ten
   seconds, each word slot_number:32 count:32; a word of another slot number
   reads as zero. */
#define WARDEN_TOTAL_SLOT_SECS 10
#define WARDEN_TOTAL_SLOTS 368 /* an hour, the running slot, and a reserve */

enum warden_total {
	/* 1..8 are failures by enum warden_class */
	WARDEN_TOTAL_SUCCESS = 0,
	WARDEN_TOTAL_REFUSED_BLOCKED = 9, /* at accept or in a session */
	WARDEN_TOTAL_REFUSED_SESSIONS,	  /* over the session limit */
	WARDEN_TOTAL_REFUSED_AUTH,	  /* by the passdb */
	WARDEN_TOTAL_WOULD_REFUSE,	  /* in observe mode */
	WARDEN_TOTAL_REFUSED_RULES,	  /* by hosts.deny */
	/* passwords that were wrong and no guess: the same once more, or one
	   that used to work */
	WARDEN_TOTAL_EXCUSED,
	/* by the passdb, since the account is on guard: warden-siege.h */
	WARDEN_TOTAL_REFUSED_SIEGE,
	WARDEN_TOTAL_REFUSED_COUNTRY,
	WARDEN_TOTALS,
};
_Static_assert((int)WARDEN_TOTAL_REFUSED_BLOCKED > WARDEN_CLEARTEXT_REFUSED,
	       "classes and totals overlap");

/* --- Events ---------------------------------------------------------------
   The last ones of all hosts, for `doveadm warden why`: a ring of words, with
   the tag of the host as any word of its record. secs, low bits:22 class:4
   protocol:4 points:11. Class 0 is a login. Two hosts with the same tag, one in
   2^23, are told each other's. */
#define WARDEN_EVENTS 8192
#define WARDEN_EVENT_POINTS_MAX 2047

/* --- What observe mode would have done ------------------------------------
   Which hosts each rule would have refused within the hour, and which of those
   then logged in: for each ten minutes slot_number:32 sketch:32, by enum
   warden_rule. */
#define WARDEN_OBSERVED_SLOT_SECS 600
#define WARDEN_OBSERVED_SLOTS 8 /* an hour, the running slot, and a reserve */

/* of ten seconds: two minutes, the running slot, and a reserve */
#define WARDEN_FUSE_SLOTS 16

/* geometry[] of hosts */
enum {
	WARDEN_GEOMETRY_INET_SETS,
	WARDEN_GEOMETRY_INET6_SETS,
	WARDEN_GEOMETRY_SESSION_BUCKETS,
};

/* The file `hosts`: this header, the IPv4 sets, the IPv6 sets, the session
   buckets, the known networks. */
struct warden_hosts_header {
	struct warden_file_header file;
	/* goes up whenever a block begins or ends: the service looks */
	_Atomic uint64_t blocks_changed;
	/* a set held only blocked hosts when another came: the automatic block
	   that ends first made room, or there was none */
	_Atomic uint64_t set_full;
	/* unblocked records that made room */
	_Atomic uint64_t evicted;
	/* a session that could not be counted: its bucket was full */
	_Atomic uint64_t bucket_full;
	/* updates given up after WARDEN_CAS_TRIES */
	_Atomic uint64_t contended;
	/* service: what the state file knows is in this table; it is never
	   loaded twice, or what an admin has unblocked would come back */
	_Atomic uint64_t state_loaded;
	/* numbers the marks of records that change hands */
	_Atomic uint64_t marks;
	/* an event or a block of a host for which no record was to be had */
	_Atomic uint64_t unwatched;
	/* which hosts logged in, and which of those that are known failed, in
	   slots of ten seconds: slot_number:32 sketch:32; see warden-fuse.h */
	_Atomic uint64_t logged_in[WARDEN_FUSE_SLOTS];
	_Atomic uint64_t known_failed[WARDEN_FUSE_SLOTS];
	/* sessions opened, less those closed; what killed processes leave open
	   is in sessions_lost */
	_Atomic uint64_t sessions_open;
	_Atomic uint64_t events_next; /* modulo WARDEN_EVENTS */
	uint64_t unused[6];
	struct warden_pending_slot pendings[WARDEN_PENDING_SLOTS];
	_Atomic uint64_t totals[WARDEN_TOTALS][WARDEN_TOTAL_SLOTS];
	_Atomic uint64_t events[WARDEN_EVENTS];
	/* [0]: would have been refused; [1]: then logged in */
	_Atomic uint64_t observed[2][WARDEN_RULES_ROOM][WARDEN_OBSERVED_SLOTS];
};
_Static_assert(sizeof(struct warden_hosts_header) % 64 == 0, "alignment");

/* Every compare-and-swap loop ends after this many tries. */
#define WARDEN_CAS_TRIES 64

/* --- policy --------------------------------------------------------------
   Two copies; `generation` is 0 before the first one is published, and
   copies[generation % 2] is in force. A writer fills the other copy and then
   raises `generation`, so a kill at any instruction leaves the old one in
   force. A reader copies, and takes it if `generation` is still the same. */
struct warden_blocked_network {
	struct warden_net net;
	uint32_t until_secs; /* WARDEN_FOREVER_SECS = no end */
	uint32_t since_secs;
};
_Static_assert(sizeof(struct warden_blocked_network) == 32, "layout");

#define WARDEN_NETWORKS_MAX 256
struct warden_networks {
	uint32_t count;
	uint32_t unused;
	struct warden_blocked_network networks[WARDEN_NETWORKS_MAX];
};

/* Hosts that hosts.allow means by their names, which the service has looked up
   because they are blocked: for pam_warden, which never waits for a name, and
   for all others as long as they have not asked. The newest answer first. What
   comes from another set of rules is never in here. */
#define WARDEN_NAMED_MAX 256
struct warden_named_host {
	struct warden_net addr; /* a whole address */
	uint32_t protocols;	/* 1 << enum warden_protocol, each */
	uint32_t unused;
};
_Static_assert(sizeof(struct warden_named_host) == 32, "layout");
_Static_assert(WARDEN_PROTOCOL_COUNT <= 32, "layout");

struct warden_named {
	uint32_t count;
	uint32_t unused;
	struct warden_named_host hosts[WARDEN_NAMED_MAX];
};

/* Networks, AS and countries of which many hosts are blocked, see
   warden-neighbours.h; by key, ascending. */
struct warden_neighbourhood {
	uint64_t key;
	uint32_t blocked; /* hosts */
	uint32_t factor;  /* an event of theirs weighs so many times as much */
};
_Static_assert(sizeof(struct warden_neighbourhood) == 16, "layout");

#define WARDEN_NEIGHBOURHOODS_MAX 256
struct warden_neighbourhoods {
	uint32_t count;
	uint32_t unused;
	struct warden_neighbourhood list[WARDEN_NEIGHBOURHOODS_MAX];
};

/* Of the service. An admin who looks days later finds no line in the log. */
enum warden_fault {
	WARDEN_FAULT_DENY_FILE = 1 << 0, /* the deny file cannot be written */
	WARDEN_FAULT_DENY_DIR = 1 << 1,	 /* its directory is not fit: none */
	WARDEN_FAULT_STATE = 1 << 2,	 /* the state cannot be saved */
	WARDEN_FAULT_STATE_DIR = 1 << 3, /* its directory is not fit: none */
	/* the file was damaged or of another version, and is set aside */
	WARDEN_FAULT_STATE_LOST = 1 << 4,
	WARDEN_FAULT_MEMORY = 1 << 5, /* too little to see the blocks */
	/* hosts.allow or hosts.deny has a mistake or cannot be read: the rules
	   of before are in force */
	WARDEN_FAULT_RULES = 1 << 6,
	WARDEN_FAULT_NFTABLES = 1 << 7,	     /* blocks do not get there */
	WARDEN_FAULT_NFTABLES_SETS = 1 << 8, /* nor are there sets for them */
	/* a file of warden_geoip_* cannot be used: what is known of addresses is
	   what it said before */
	WARDEN_FAULT_GEOIP = 1 << 9,
};

struct warden_policy_file {
	struct warden_file_header file;
	/* warden time, ms; the service, at least every second while alive */
	_Atomic uint64_t heartbeat;
	_Atomic uint64_t published; /* warden time, ms */
	_Atomic uint64_t service_started; /* warden time, ms */
	_Atomic uint32_t service_pid;
	_Atomic uint32_t policy_generation;
	_Atomic uint32_t networks_generation;
	/* goes up when the service puts another `hosts` in the place of the
	   old one; in here because a login process must not be able to say so */
	_Atomic uint32_t hosts_serial;
	/* enum warden_fault: what the service cannot do at present */
	_Atomic uint32_t faults;
	_Atomic uint32_t named_generation;
	/* warden time, seconds: until then the fuse is blown, and nobody is
	   blocked anew; the service */
	_Atomic uint32_t fuse_until;
	/* of sessions_open in `hosts` so many are none, as the service counted
	   at its last tick; modulo 2^32 */
	_Atomic uint32_t sessions_lost;
	/* accounts on guard, as the service counted them: warden-siege.h */
	_Atomic uint32_t accounts_on_guard;
	_Atomic uint32_t neighbourhoods_generation;
	struct warden_policy policies[2];	/* writer: the service */
	struct warden_networks networks[2];	/* writers: flock() on the file */
	struct warden_named named[2];		/* writer: the service */
	struct warden_neighbourhoods neighbourhoods[2]; /* the same */
};
_Static_assert(sizeof(struct warden_neighbourhoods) % 8 == 0,
	       "copied as words");
_Static_assert(sizeof(struct warden_policy) % 8 == 0, "copied as words");
_Static_assert(sizeof(struct warden_networks) % 8 == 0, "copied as words");
_Static_assert(sizeof(struct warden_named) % 8 == 0, "copied as words");

/* A policy whose service has been silent for this long binds nobody. */
#define WARDEN_HEARTBEAT_MAX_SECS 120

/* --- auth ----------------------------------------------------------------
   Which user failed from a host lately: [host tag:24][user:23][more than
   one:1][secs / 16, low bits:16]; and which passwords worked and which did not,
   see warden-memory.h: [tag:32][points:12][secs / 64, low bits:20]. Hosts,
   users and passwords only as keyed hashes. What a flood of wrong passwords
   fills is apart from what worked. */
#define WARDEN_SUSPECT_WAYS 8
#define WARDEN_SUSPECT_SETS 8192
#define WARDEN_MEMORY_WAYS 8
#define WARDEN_MEMORY_SETS 16384

/* From which networks a user logs in, his homes: [hash:20][time:12]; of the
   user [tag:40][since:24]. 0 = free. See warden-siege.h. */
#define WARDEN_HOMES 30
#define WARDEN_HOME_WAYS 8
#define WARDEN_HOME_SETS 4096
struct warden_home_set {
	_Atomic uint64_t users[WARDEN_HOME_WAYS];
	_Atomic uint32_t networks[WARDEN_HOME_WAYS][WARDEN_HOMES];
};
_Static_assert(sizeof(struct warden_home_set) == 1024, "layout");

/* Users who failed from other networks than their homes: of the user
   [hash:64], how long he is on guard [until_secs:32][refused:32], and the
   networks [hash:40][secs, low bits:24]. */
#define WARDEN_SIEGE_NETWORKS 62
#define WARDEN_SIEGE_WAYS 8
#define WARDEN_SIEGE_SETS 128
struct warden_siege_set {
	_Atomic uint64_t users[WARDEN_SIEGE_WAYS];
	_Atomic uint64_t guards[WARDEN_SIEGE_WAYS];
	_Atomic uint64_t networks[WARDEN_SIEGE_WAYS][WARDEN_SIEGE_NETWORKS];
};
_Static_assert(sizeof(struct warden_siege_set) == 4096, "layout");
_Static_assert(WARDEN_SIEGE_NETWORKS >= WARDEN_SIEGE_NETWORKS_MAX,
	       "as many networks are counted as a policy may ask for");

struct warden_auth_file {
	struct warden_file_header file;
	_Atomic uint64_t suspects[WARDEN_SUSPECT_SETS][WARDEN_SUSPECT_WAYS];
	_Atomic uint64_t worked[WARDEN_MEMORY_SETS][WARDEN_MEMORY_WAYS];
	_Atomic uint64_t wrong[WARDEN_MEMORY_SETS][WARDEN_MEMORY_WAYS];
	/* of the hashes of these two, if the state file brought one: homes are
	   kept over a reboot, and with them the key. 0 = one made of the
	   header's */
	_Atomic uint64_t homes_key[2];
	/* service: what the state file knows is in here */
	_Atomic uint64_t homes_loaded;
	uint64_t unused[5];
	struct warden_home_set homes[WARDEN_HOME_SETS];
	struct warden_siege_set sieges[WARDEN_SIEGE_SETS];
};

/* --- rules, origins --------------------------------------------------------
   Two copies of an image (warden-rules.h, warden-origins.h), which are asked in
   place; of `generation` the same is true as in `policy`. They share the room
   behind this header, half each. A service that needs more makes another file
   and retires this one. */
struct warden_shelf_header {
	struct warden_file_header file;
	_Atomic uint32_t generation; /* 0: nothing yet */
	_Atomic uint32_t sizes[2];   /* of the copies; 0: there is nothing */
	/* The service has an image of this size and no room for it: only root
	   can make another file, when the service starts. 0: it has */
	_Atomic uint32_t wanted;
	uint32_t unused[12];
};
_Static_assert(sizeof(struct warden_shelf_header) == 192, "layout");

#endif
