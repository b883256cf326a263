/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ADMIN_H
#define WARDEN_ADMIN_H

#include "warden-rules.h"
#include "warden-siege.h"
#include "warden-table.h"
#include "warden.h"

/* What doveadm and the service do beyond asking and counting. warden was
   opened with WARDEN_ROLE_ADMIN or WARDEN_ROLE_SERVICE. */

/* The rules to show and to compute with: those in force, else the last ones
   that were published, else the defaults. *age_secs_r: how long the service
   has been silent; UINT32_MAX: nothing was ever published. */
const struct warden_policy *warden_admin_policy(struct warden *warden,
						uint64_t now,
						uint32_t *age_secs_r);

/* What the rules of hosts.allow and hosts.deny that are in force say of a
   client, and whether hosts.allow means it (warden_rules_ask_grant()). */
void warden_admin_rules_ask(const struct warden *warden,
			    const struct warden_rules_question *question,
			    struct warden_rules_answer *answer_r,
			    struct warden_rules_answer *grant_r);

/* Does hosts.allow mean anybody in this network, for Dovecot's services, sshd or
   vsftpd? Such a network goes to no outlet: that would be for all services. */
bool warden_admin_rules_grant_in(const struct warden *warden,
				 const struct warden_net *net);

/* false: no answer of them depends on a name. */
bool warden_admin_rules_may_need_name(const struct warden *warden);
/* Does it depend on the name of a client at this address whether hosts.allow
   means it, for any of the same? */
bool warden_admin_rules_name_matters(const struct warden *warden,
				     const struct warden_net *addr);
/* For which of them hosts.allow means this client, whose name was looked up, by
   whatever: 1 << enum warden_protocol, each. Its protocol does not count. */
uint32_t warden_admin_rules_grants(const struct warden *warden,
				   const struct warden_client *client);

/* Where this address comes from: an origin of warden-origins.h. */
uint32_t warden_admin_origin(const struct warden *warden,
			     const struct warden_net *addr);
/* What is published of this address's network, AS or country, whichever weighs
   most; NULL: nothing. */
const struct warden_neighbourhood *
warden_admin_neighbourhood(struct warden *warden,
			   const struct warden_net *addr);
const struct warden_neighbourhoods *
warden_admin_neighbourhoods(struct warden *warden);

/* The hosts. */
struct warden_table *warden_admin_table(struct warden *warden);

/* How the guard itself is doing. */
struct warden_health {
	uint64_t room;		  /* hosts that fit */
	uint64_t used, blocked, known; /* hosts; counted by walking */
	uint64_t evicted, set_full, unwatched, bucket_full, contended;
	uint32_t heartbeat_age_secs; /* UINT32_MAX: never */
	uint32_t policy_age_secs;    /* since it was published */
	uint32_t service_started;    /* seconds of warden time; 0: never */
	pid_t service_pid;	/* as the service wrote it; 0: none */
	uint32_t faults;	/* enum warden_fault */
	bool fuse_blown;	/* nobody is blocked anew: warden-fuse.h */
	uint32_t accounts_on_guard; /* see warden-siege.h */
};
void warden_admin_health(struct warden *warden, uint64_t now,
			 struct warden_health *health_r);

/* Blocked networks: whole networks that an admin blocked. They are in the file
   `policy`, which no login process can write. Writers take turns by flock(),
   for at most two seconds; false: *error_r says why, nothing has changed. */
const struct warden_networks *warden_admin_networks(struct warden *warden);
bool warden_admin_network_block(struct warden *warden,
				const struct warden_net *net,
				uint32_t until_secs, uint64_t now,
				struct warden_error *error_r);
/* Removes exactly this network, or every one if net is NULL. *removed_r: how
   many. */
bool warden_admin_network_unblock(struct warden *warden,
				  const struct warden_net *net,
				  unsigned int *removed_r, uint64_t now,
				  struct warden_error *error_r);
/* Drop those that have run out. Returns true if there were any. */
bool warden_admin_networks_expire(struct warden *warden, uint64_t now,
				  struct warden_error *error_r);
/* The blocked network that the address is in, or NULL. */
const struct warden_blocked_network *
warden_admin_network_find(struct warden *warden, const struct warden_net *addr,
			  uint64_t now);

/* --- The service only --- */

/* Put a policy in force for everybody. */
void warden_admin_publish(struct warden *warden,
			  const struct warden_policy *policy, uint64_t now);
/* Room for rules of that size in the file `rules` of the directory, which is
   replaced if it has less: then whoever has the old one mapped is told, as by
   warden_is_retired(). As root, and before warden_admin_publish_rules(). On
   failure *error_r says why; warden has no rules to publish if the file was
   lost over it. */
bool warden_admin_rules_make_room(struct warden *warden, const char *dir,
				  size_t image_size,
				  struct warden_error *error_r);
/* The same for the file `origins`; or more, if the service wanted that when it
   ran last. What is in force stays so in the new one. */
bool warden_admin_origins_make_room(struct warden *warden, const char *dir,
				    size_t image_size,
				    struct warden_error *error_r);
/* Put the rules of hosts.allow and hosts.deny in force; size 0: there are none.
   Nobody is meant by his name any more until that is published anew. false:
   there is not so much room. */
bool warden_admin_publish_rules(struct warden *warden, const void *image,
				size_t size);
/* Put in force what is known of addresses, an image of warden-origins.h; size
   0: nothing. */
enum warden_admin_room {
	WARDEN_ADMIN_ROOM_ENOUGH, /* it is in force */
	/* at the next start of the service there will be, by
	   warden_admin_origins_make_room() */
	WARDEN_ADMIN_ROOM_LATER,
	WARDEN_ADMIN_ROOM_NONE, /* it was asked for already */
};
enum warden_admin_room warden_admin_publish_origins(struct warden *warden,
						    const void *image,
						    size_t size);
/* What is in force. NULL: nothing. */
const void *warden_admin_origins(const struct warden *warden, size_t *size_r);
/* Publish where many hosts are blocked. What is unused in it is zero. */
void warden_admin_publish_neighbourhoods(
	struct warden *warden,
	const struct warden_neighbourhoods *neighbourhoods);
/* Publish whom hosts.allow means by name. What is unused in it is zero. */
void warden_admin_publish_named(struct warden *warden,
				const struct warden_named *named);
/* I am alive. started: also note when and as which process. */
void warden_admin_heartbeat(struct warden *warden, pid_t pid, bool started,
			    uint64_t now);
/* What the service cannot do at present, enum warden_fault. */
void warden_admin_set_faults(struct warden *warden, uint32_t faults);
/* Count the sessions of all hosts, for session_limit_total. At each tick. */
void warden_admin_count_sessions(struct warden *warden, uint64_t now);
/* The fuse is blown until then, seconds of warden time; 0: it is whole. */
void warden_admin_set_fuse(struct warden *warden, uint32_t until_secs);
/* From where users log in. */
struct warden_siege *warden_admin_siege(struct warden *warden);
/* Tell of sieges that are over, and publish how many accounts are on guard. */
void warden_admin_look_at_sieges(struct warden *warden,
				 const struct warden_policy *policy,
				 uint64_t now, warden_siege_ended_t *ended,
				 void *context);
/* Look after the file `hosts`, which login processes can write: put its header
   back if it is not as it was (the file then has a new time of change), and
   give it all its blocks. The service, at each tick. Returns true if something was amiss; *error_r says what. */
bool warden_admin_mend(struct warden *warden, struct warden_error *error_r);

#endif
