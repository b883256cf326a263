/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-siege.h"

#include <string.h>

#include "warden-hash.h"

/* Of a home [hash:20][time:12], time in units of six hours. It wraps after 1024
   of them, which is longer than warden_known_time can be. */
#define HOME_TIME_SECS (6U * 3600)
#define HOME_TIME_MASK 4095U
#define HOME_HASH_SHIFT 12
/* Of a user [tag:40][since:24], since in units of 64 s; it wraps after 34
   years. */
#define SINCE_SECS 64
#define SINCE_MASK 0xffffffU
#define USER_TAG_SHIFT 24
/* Of a network that failed [hash:40][time:24], time in seconds. It wraps after
   half a year; nothing is left in there for longer than policy->siege_secs. */
#define FAILED_TIME_MASK 0xffffffU
#define FAILED_HASH_SHIFT 24
/* Of a guard [until_secs:32][refused:32]. */
#define GUARD_UNTIL_SHIFT 32

/* Of what the key is made. */
#define SIEGE_KEY UINT64_C(0x7369656765000000)

/* What a hash is of: each is another one, though its words were the same. */
enum siege_kind {
	SIEGE_USER = 1,
	SIEGE_HOME,
	SIEGE_FAILED,
};

/* A user's record in a set. */
struct home_place {
	struct warden_home_set *set;
	unsigned int way;
	uint64_t user; /* the word that was seen */
};

struct siege_place {
	struct warden_siege_set *set;
	unsigned int way;
};

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint32_t load32(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

void warden_siege_key(const struct warden_siege *siege, uint64_t key_r[2])
{
	key_r[0] = load(&siege->file->homes_key[0]);
	key_r[1] = load(&siege->file->homes_key[1]);
	if (key_r[0] == 0 && key_r[1] == 0)
		memcpy(key_r, siege->hash_key, sizeof(siege->hash_key));
}

static uint64_t user_hash(const struct warden_siege *siege, const char *user)
{
	uint64_t key[2];

	warden_siege_key(siege, key);
	key[0] ^= SIEGE_USER;
	return warden_hash(key, user, strlen(user));
}

/* Of a network, for this user alone: what is left of another one in a record
   is nobody's. */
static uint64_t network_hash(const struct warden_siege *siege,
			     enum siege_kind kind, uint64_t user,
			     const struct warden_host *host)
{
	const uint64_t words[4] = { kind, user, host->family,
				    warden_host_network(host) };
	uint64_t key[2];

	warden_siege_key(siege, key);
	return warden_hash(key, words, sizeof(words));
}

/* --- Homes ---------------------------------------------------------------- */

static uint32_t home_time(uint64_t now)
{
	return (uint32_t)(now / 1000 / HOME_TIME_SECS) & HOME_TIME_MASK;
}

/* Rounded down. */
static uint32_t home_age_secs(uint32_t word, uint64_t now)
{
	return ((home_time(now) - word) & HOME_TIME_MASK) * HOME_TIME_SECS;
}

static bool home_is_recent(uint32_t word, const struct warden_policy *policy,
			   uint64_t now)
{
	return word != 0 && home_age_secs(word, now) < policy->known_time_secs;
}

/* Not 0. */
static uint32_t home_hash(const struct warden_siege *siege, uint64_t user,
			  const struct warden_host *host)
{
	uint32_t hash =
		(uint32_t)(network_hash(siege, SIEGE_HOME, user, host) >> 44);

	return hash == 0 ? 1 : hash;
}

static uint32_t since_time(uint64_t now)
{
	return (uint32_t)(now / 1000 / SINCE_SECS) & SINCE_MASK;
}

static uint64_t user_word(uint64_t user, uint64_t now)
{
	/* the low bits name the set */
	return (user | UINT64_C(1) << 63) >> USER_TAG_SHIFT << USER_TAG_SHIFT |
	       since_time(now);
}

static bool home_find(const struct warden_siege *siege, uint64_t user,
		      struct home_place *place_r)
{
	const uint64_t tag = user_word(user, 0) >> USER_TAG_SHIFT;

	place_r->set = &siege->file->homes[user % WARDEN_HOME_SETS];
	for (unsigned int i = 0; i < WARDEN_HOME_WAYS; i++) {
		place_r->user = load(&place_r->set->users[i]);
		place_r->way = i;
		if (place_r->user >> USER_TAG_SHIFT == tag)
			return true;
	}
	return false;
}

/* How long ago the newest of a user's homes was. */
static uint32_t homes_age_secs(const _Atomic uint32_t *networks, uint64_t now)
{
	uint32_t least = UINT32_MAX;

	for (unsigned int i = 0; i < WARDEN_HOMES; i++) {
		uint32_t word = load32(&networks[i]);

		if (word != 0 && home_age_secs(word, now) < least)
			least = home_age_secs(word, now);
	}
	return least;
}

static bool homes_have(const struct home_place *place, uint32_t hash,
		       const struct warden_policy *policy, uint64_t now)
{
	const _Atomic uint32_t *networks = place->set->networks[place->way];

	for (unsigned int i = 0; i < WARDEN_HOMES; i++) {
		uint32_t word = load32(&networks[i]);

		if (word >> HOME_HASH_SHIFT == hash &&
		    home_is_recent(word, policy, now))
			return true;
	}
	return false;
}

/* He logged in from there at that time. */
static void home_put(const struct home_place *place, uint32_t hash,
		     uint64_t when, uint64_t now)
{
	_Atomic uint32_t *networks = place->set->networks[place->way];
	_Atomic uint32_t *best = &networks[0];
	uint32_t best_age = 0;

	for (unsigned int i = 0; i < WARDEN_HOMES; i++) {
		uint32_t word = load32(&networks[i]);
		uint32_t age =
			word == 0 ? UINT32_MAX : home_age_secs(word, now);

		if (word >> HOME_HASH_SHIFT == hash) {
			best = &networks[i];
			break;
		}
		if (age > best_age) {
			best_age = age;
			best = &networks[i];
		}
	}
	atomic_store_explicit(best, hash << HOME_HASH_SHIFT | home_time(when),
			      memory_order_relaxed);
}

static void home_begin(struct home_place *place, uint64_t user, uint64_t now)
{
	for (unsigned int i = 0; i < WARDEN_HOMES; i++) {
		atomic_store_explicit(&place->set->networks[place->way][i], 0,
				      memory_order_relaxed);
	}
	atomic_store_explicit(&place->set->users[place->way],
			      user_word(user, now), memory_order_release);
}

/* A free record, or that of who has not logged in for the longest time. */
static void home_claim(const struct warden_siege *siege, uint64_t user,
		       struct home_place *place_r, uint64_t now)
{
	uint32_t best_age = 0;

	place_r->set = &siege->file->homes[user % WARDEN_HOME_SETS];
	place_r->way = 0;
	for (unsigned int i = 0; i < WARDEN_HOME_WAYS; i++) {
		uint32_t age =
			load(&place_r->set->users[i]) == 0 ?
				UINT32_MAX :
				homes_age_secs(place_r->set->networks[i], now);

		if (age > best_age) {
			best_age = age;
			place_r->way = i;
		}
		if (load(&place_r->set->users[i]) == 0)
			break;
	}
	home_begin(place_r, user, now);
}

/* Is enough known of where he logs in from, to refuse him elsewhere? */
static bool home_is_learned(const struct home_place *place,
			    const struct warden_policy *policy, uint64_t now)
{
	uint32_t since = (uint32_t)place->user & SINCE_MASK;
	uint32_t age = ((since_time(now) - since) & SINCE_MASK) * SINCE_SECS;

	return age >= policy->siege_learn_secs &&
	       homes_age_secs(place->set->networks[place->way], now) <
		       policy->known_time_secs;
}

/* Can the user be put on guard, and is this not one of his homes? */
static bool is_foreign(const struct warden_siege *siege, uint64_t user,
		       const struct warden_host *host,
		       const struct warden_policy *policy, uint64_t now)
{
	struct home_place place;

	return home_find(siege, user, &place) &&
	       home_is_learned(&place, policy, now) &&
	       !homes_have(&place, home_hash(siege, user, host), policy, now);
}

void warden_siege_logged_in(struct warden_siege *siege,
			    const struct warden_host *host, const char *user,
			    const struct warden_policy *policy, uint64_t now)
{
	uint64_t hash = user_hash(siege, user);
	struct home_place place;

	if (!home_find(siege, hash, &place)) {
		home_claim(siege, hash, &place, now);
	} else if (homes_age_secs(place.set->networks[place.way], now) >=
		   policy->known_time_secs) {
		home_begin(&place, hash, now);
	}
	home_put(&place, home_hash(siege, hash, host), now, now);
}

/* --- Sieges --------------------------------------------------------------- */

static uint32_t failed_time(uint64_t now)
{
	return (uint32_t)(now / 1000) & FAILED_TIME_MASK;
}

static uint32_t failed_age_secs(uint64_t word, uint64_t now)
{
	return (failed_time(now) - (uint32_t)word) & FAILED_TIME_MASK;
}

static bool failed_is_recent(uint64_t word, const struct warden_policy *policy,
			     uint64_t now)
{
	return word != 0 && failed_age_secs(word, now) < policy->siege_secs;
}

static bool guard_holds(uint64_t guard, const struct warden_policy *policy,
			uint64_t now)
{
	uint64_t until = guard >> GUARD_UNTIL_SHIFT;

	/* further away is noise, or of a longer siege_secs */
	return policy->siege_networks != 0 && until > now / 1000 &&
	       until <= now / 1000 + policy->siege_secs;
}

static uint64_t siege_tag(uint64_t user)
{
	return user | 1;
}

/* In the log. */
static uint32_t siege_id(uint64_t tag)
{
	return (uint32_t)(tag >> 32) | 1;
}

static bool siege_find(const struct warden_siege *siege, uint64_t user,
		       struct siege_place *place_r)
{
	place_r->set = &siege->file->sieges[(user >> 8) % WARDEN_SIEGE_SETS];
	for (unsigned int i = 0; i < WARDEN_SIEGE_WAYS; i++) {
		place_r->way = i;
		if (load(&place_r->set->users[i]) == siege_tag(user))
			return true;
	}
	return false;
}

/* How many networks within siege_secs; *age_secs_r: how long ago the last. */
static uint32_t siege_networks(const struct siege_place *place,
			       const struct warden_policy *policy, uint64_t now,
			       uint32_t *age_secs_r)
{
	const _Atomic uint64_t *networks = place->set->networks[place->way];
	uint32_t count = 0;

	*age_secs_r = UINT32_MAX;
	for (unsigned int i = 0; i < WARDEN_SIEGE_NETWORKS; i++) {
		uint64_t word = load(&networks[i]);

		if (!failed_is_recent(word, policy, now))
			continue;
		count++;
		if (failed_age_secs(word, now) < *age_secs_r)
			*age_secs_r = failed_age_secs(word, now);
	}
	return count;
}

/* What is lost with a record; the least is 0. */
static uint64_t siege_value(const struct siege_place *place,
			    const struct warden_policy *policy, uint64_t now)
{
	uint32_t age, networks;

	if (load(&place->set->users[place->way]) == 0)
		return 0;
	networks = siege_networks(place, policy, now, &age);
	return 1 + (UINT32_MAX - (uint64_t)age) + ((uint64_t)networks << 32) +
	       (guard_holds(load(&place->set->guards[place->way]), policy,
			    now) ?
			UINT64_C(1) << 62 :
			0);
}

static void siege_claim(const struct warden_siege *siege, uint64_t user,
			const struct warden_policy *policy, uint64_t now,
			struct siege_place *place_r)
{
	uint64_t least = UINT64_MAX;
	struct siege_place place = {
		.set = &siege->file->sieges[(user >> 8) % WARDEN_SIEGE_SETS],
	};

	*place_r = place;
	for (; place.way < WARDEN_SIEGE_WAYS; place.way++) {
		uint64_t value = siege_value(&place, policy, now);

		if (value < least) {
			least = value;
			*place_r = place;
		}
	}
	for (unsigned int i = 0; i < WARDEN_SIEGE_NETWORKS; i++) {
		atomic_store_explicit(&place.set->networks[place_r->way][i], 0,
				      memory_order_relaxed);
	}
	atomic_store_explicit(&place.set->guards[place_r->way], 0,
			      memory_order_relaxed);
	atomic_store_explicit(&place.set->users[place_r->way], siege_tag(user),
			      memory_order_release);
}

static void siege_put(const struct siege_place *place, uint64_t hash,
		      uint64_t now)
{
	_Atomic uint64_t *networks = place->set->networks[place->way];
	_Atomic uint64_t *best = &networks[0];
	uint32_t best_age = 0;

	for (unsigned int i = 0; i < WARDEN_SIEGE_NETWORKS; i++) {
		uint64_t word = load(&networks[i]);
		uint32_t age =
			word == 0 ? UINT32_MAX : failed_age_secs(word, now);

		if (word >> FAILED_HASH_SHIFT == hash) {
			best = &networks[i];
			break;
		}
		if (age > best_age) {
			best_age = age;
			best = &networks[i];
		}
	}
	atomic_store_explicit(best,
			      hash << FAILED_HASH_SHIFT | failed_time(now),
			      memory_order_relaxed);
}

/* Returns true if it was not on guard before. refused: one more that was. */
static bool guard_update(const struct siege_place *place, bool enough,
			 bool refused, const struct warden_policy *policy,
			 uint64_t now)
{
	_Atomic uint64_t *word = &place->set->guards[place->way];
	uint64_t present = load(word);

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		bool held = guard_holds(present, policy, now);
		uint32_t count = (uint32_t)present;
		uint64_t until = present >> GUARD_UNTIL_SHIFT;

		if (!enough && !refused)
			return false;
		if (enough)
			until = now / 1000 + policy->siege_secs;
		if (refused && count < UINT32_MAX)
			count++;
		if (atomic_compare_exchange_weak_explicit(
			    word, &present, until << GUARD_UNTIL_SHIFT | count,
			    memory_order_relaxed, memory_order_relaxed))
			return enough && !held;
	}
	return false;
}

/* One more network; returns true if the account is on guard from now on. */
static bool siege_add(const struct warden_siege *siege,
		      const struct siege_place *place, uint64_t user,
		      const struct warden_host *host, bool refused,
		      const struct warden_policy *policy, uint64_t now)
{
	uint64_t hash = network_hash(siege, SIEGE_FAILED, user, host) >>
			FAILED_HASH_SHIFT;
	uint32_t age;

	siege_put(place, hash == 0 ? 1 : hash, now);
	return guard_update(place,
			    siege_networks(place, policy, now, &age) >=
				    policy->siege_networks,
			    refused, policy, now);
}

/* --- What is asked -------------------------------------------------------- */

bool warden_siege_init(struct warden_siege *siege_r, void *base, size_t size)
{
	uint64_t key[2];

	if (size != sizeof(struct warden_auth_file))
		return false;
	siege_r->file = base;
	memcpy(key, siege_r->file->file.hash_key, sizeof(key));
	for (uint64_t i = 0; i < 2; i++)
		siege_r->hash_key[i] = warden_hash_u64(key, SIEGE_KEY + i);
	return true;
}

bool warden_siege_failed(struct warden_siege *siege,
			 const struct warden_host *host, const char *user,
			 const struct warden_policy *policy, uint64_t now,
			 uint32_t *id_r)
{
	uint64_t hash = user_hash(siege, user);
	struct siege_place place;

	*id_r = siege_id(siege_tag(hash));
	if (policy->siege_networks == 0 ||
	    !is_foreign(siege, hash, host, policy, now))
		return false;
	if (!siege_find(siege, hash, &place))
		siege_claim(siege, hash, policy, now, &place);
	return siege_add(siege, &place, hash, host, false, policy, now);
}

bool warden_siege_refuses(const struct warden_siege *siege,
			  const struct warden_host *host, const char *user,
			  const struct warden_policy *policy, uint64_t now)
{
	uint64_t hash = user_hash(siege, user);
	struct siege_place place;

	return siege_find(siege, hash, &place) &&
	       guard_holds(load(&place.set->guards[place.way]), policy, now) &&
	       is_foreign(siege, hash, host, policy, now);
}

void warden_siege_refused(struct warden_siege *siege,
			  const struct warden_host *host, const char *user,
			  const struct warden_policy *policy, uint64_t now)
{
	uint64_t hash = user_hash(siege, user);
	struct siege_place place;

	if (siege_find(siege, hash, &place))
		(void)siege_add(siege, &place, hash, host, true, policy, now);
}

/* --- The service ---------------------------------------------------------- */

/* Nothing may be left that a time which wraps could bring back. */
static void siege_free(const struct siege_place *place, uint64_t tag)
{
	(void)atomic_compare_exchange_strong_explicit(
		&place->set->users[place->way], &tag, 0, memory_order_relaxed,
		memory_order_relaxed);
}

/* Returns true if its account is on guard. */
static bool siege_look(const struct siege_place *place,
		       const struct warden_policy *policy, uint64_t now,
		       warden_siege_ended_t *ended, void *context)
{
	_Atomic uint64_t *word = &place->set->guards[place->way];
	uint64_t tag = load(&place->set->users[place->way]);
	uint64_t guard = load(word);
	uint32_t age;

	if (tag == 0)
		return false;
	if (guard_holds(guard, policy, now))
		return true;
	if (guard != 0 && atomic_compare_exchange_strong_explicit(
				  word, &guard, 0, memory_order_relaxed,
				  memory_order_relaxed)) {
		const struct warden_siege_end end = {
			.id = siege_id(tag),
			.refused = (uint32_t)guard,
		};

		ended(context, &end);
	}
	if (siege_networks(place, policy, now, &age) == 0)
		siege_free(place, tag);
	return false;
}

uint32_t warden_siege_look(struct warden_siege *siege,
			   const struct warden_policy *policy, uint64_t now,
			   warden_siege_ended_t *ended, void *context)
{
	struct siege_place place;
	uint32_t count = 0;

	for (unsigned int i = 0; i < WARDEN_SIEGE_SETS; i++) {
		place.set = &siege->file->sieges[i];
		for (place.way = 0; place.way < WARDEN_SIEGE_WAYS; place.way++)
			count +=
				siege_look(&place, policy, now, ended, context);
	}
	return count;
}

/* --- The state file -------------------------------------------------------- */

#define HOMES_ALL (WARDEN_HOME_SETS * WARDEN_HOME_WAYS * WARDEN_HOMES)

/* What is left of a user's hash: the tag, and in which set it is. */
_Static_assert(WARDEN_HOME_SETS <= 1 << USER_TAG_SHIFT, "room for both");

static uint32_t home_login_secs(uint32_t word, uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000);
	uint32_t age = home_age_secs(word, now);

	/* when the six hours began, so that it gets no younger by a reboot */
	now_secs -= now_secs % HOME_TIME_SECS;
	return age < now_secs ? now_secs - age : 0;
}

static uint32_t user_since_secs(uint64_t word, uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000);
	uint64_t age = ((since_time(now) - (uint32_t)word) & SINCE_MASK) *
		       (uint64_t)SINCE_SECS;

	return age < now_secs ? now_secs - (uint32_t)age : 0;
}

bool warden_siege_next_home(const struct warden_siege *siege,
			    uint32_t *index_io,
			    const struct warden_policy *policy, uint64_t now,
			    struct warden_siege_home *home_r)
{
	while (*index_io < HOMES_ALL) {
		uint32_t index = (*index_io)++;
		uint32_t record = index / WARDEN_HOMES;
		uint32_t set_index = record / WARDEN_HOME_WAYS;
		const struct warden_home_set *set =
			&siege->file->homes[set_index];
		unsigned int way = record % WARDEN_HOME_WAYS;
		uint64_t user = load(&set->users[way]);
		uint32_t word =
			load32(&set->networks[way][index % WARDEN_HOMES]);

		/* free, or noise */
		if (user >> 63 == 0)
			*index_io = (record + 1) * WARDEN_HOMES;
		if (user >> 63 == 0 || word >> HOME_HASH_SHIFT == 0 ||
		    !home_is_recent(word, policy, now))
			continue;
		home_r->user =
			user >> USER_TAG_SHIFT << USER_TAG_SHIFT | set_index;
		home_r->network = word >> HOME_HASH_SHIFT;
		home_r->since = user_since_secs(user, now);
		home_r->login = home_login_secs(word, now);
		return true;
	}
	return false;
}

bool warden_siege_is_restored(const struct warden_siege *siege)
{
	return load(&siege->file->homes_loaded) != 0;
}

void warden_siege_restore_key(struct warden_siege *siege, const uint64_t key[2])
{
	for (unsigned int i = 0; i < 2; i++) {
		atomic_store_explicit(&siege->file->homes_key[i], key[i],
				      memory_order_relaxed);
	}
}

static bool home_is_possible(const struct warden_siege_home *home, uint64_t now)
{
	return home->user >> 63 != 0 &&
	       (home->user & SINCE_MASK) < WARDEN_HOME_SETS &&
	       home->network != 0 &&
	       home->network >> (32 - HOME_HASH_SHIFT) == 0 &&
	       home->since <= now / 1000 && home->login <= now / 1000;
}

bool warden_siege_restore_home(struct warden_siege *siege,
			       const struct warden_siege_home *home,
			       uint64_t now)
{
	uint64_t since = home->since * UINT64_C(1000);
	struct home_place place;

	if (!home_is_possible(home, now))
		return false;
	if (!home_find(siege, home->user, &place))
		home_claim(siege, home->user, &place, now);
	atomic_store_explicit(&place.set->users[place.way],
			      user_word(home->user, since),
			      memory_order_relaxed);
	home_put(&place, (uint32_t)home->network, home->login * UINT64_C(1000),
		 now);
	return true;
}

void warden_siege_set_restored(struct warden_siege *siege)
{
	atomic_store_explicit(&siege->file->homes_loaded, 1,
			      memory_order_relaxed);
}

/* --- For the log ---------------------------------------------------------- */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._-+@", c) != NULL);
}

const char *warden_siege_name(const char *user, char *buf)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = buf;
	size_t i;

	for (i = 0; i < WARDEN_SIEGE_NAME_MAX && user[i] != '\0'; i++) {
		if (is_plain(user[i])) {
			*out++ = user[i];
			continue;
		}
		*out++ = '%';
		*out++ = digits[(unsigned char)user[i] >> 4];
		*out++ = digits[(unsigned char)user[i] & 15];
	}
	(void)memcpy(out, user[i] == '\0' ? "" : "...",
		     user[i] == '\0' ? 1 : sizeof("..."));
	return buf;
}
