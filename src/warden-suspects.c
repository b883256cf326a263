/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-suspects.h"

#include <string.h>

#include "warden-hash.h"

/* One word: [host tag:24][user:23][many:1][time:16], time in units of 16 s.
   The time wraps after twelve days, which is longer than any window that
   matters; a host that comes back just then is treated as it was. */
#define TIME_UNIT_SECS 16
#define USER_BITS 23

struct suspect {
	uint32_t tag;  /* 24 bits, not 0 */
	uint32_t user; /* 23 bits */
	bool many;     /* more than one user failed */
	uint16_t time;
};

static uint64_t suspect_pack(const struct suspect *suspect)
{
	return (uint64_t)suspect->tag << 40 | (uint64_t)suspect->user << 17 |
	       (uint64_t)suspect->many << 16 | suspect->time;
}

static struct suspect suspect_unpack(uint64_t word)
{
	struct suspect suspect = {
		.tag = (uint32_t)(word >> 40),
		.user = (word >> 17) & ((1U << USER_BITS) - 1),
		.many = (word >> 16) & 1,
		.time = (uint16_t)word,
	};
	return suspect;
}

static uint16_t time_of(uint64_t now)
{
	return (uint16_t)(now / 1000 / TIME_UNIT_SECS);
}

static uint32_t age_secs(const struct suspect *suspect, uint64_t now)
{
	return (uint16_t)(time_of(now) - suspect->time) *
	       (uint32_t)TIME_UNIT_SECS;
}

static bool is_recent(const struct suspect *suspect, uint32_t window_secs,
		      uint64_t now)
{
	/* the time was rounded down */
	return age_secs(suspect, now) <= window_secs + TIME_UNIT_SECS;
}

static uint64_t host_hash(const struct warden_suspects *suspects,
			  const struct warden_host *host)
{
	return warden_hash_u64(suspects->hash_key,
			       host->key ^ ((uint64_t)host->family << 56));
}

static uint32_t host_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 40) | 1;
}

static _Atomic uint64_t *host_set(struct warden_suspects *suspects,
				  uint64_t hash)
{
	return suspects->file->suspects[hash % WARDEN_SUSPECT_SETS];
}

/* A hash of the user that belongs to this host: the same user elsewhere has
   another. */
static uint32_t user_hash(const struct warden_suspects *suspects,
			  uint64_t host_hash, const char *user)
{
	uint64_t key[2] = { suspects->hash_key[0] ^ host_hash,
			    suspects->hash_key[1] };

	return warden_hash(key, user, strlen(user)) & ((1U << USER_BITS) - 1);
}

static _Atomic uint64_t *set_find(_Atomic uint64_t *set, uint32_t tag)
{
	for (unsigned int i = 0; i < WARDEN_SUSPECT_WAYS; i++) {
		uint64_t word =
			atomic_load_explicit(&set[i], memory_order_relaxed);

		if (word != 0 && suspect_unpack(word).tag == tag)
			return &set[i];
	}
	return NULL;
}

static _Atomic uint64_t *set_oldest(_Atomic uint64_t *set, uint64_t now)
{
	_Atomic uint64_t *oldest = &set[0];
	uint32_t oldest_age = 0;

	for (unsigned int i = 0; i < WARDEN_SUSPECT_WAYS; i++) {
		uint64_t word =
			atomic_load_explicit(&set[i], memory_order_relaxed);
		struct suspect suspect = suspect_unpack(word);

		if (word == 0)
			return &set[i];
		if (age_secs(&suspect, now) >= oldest_age) {
			oldest_age = age_secs(&suspect, now);
			oldest = &set[i];
		}
	}
	return oldest;
}

bool warden_suspects_init(struct warden_suspects *suspects_r, void *base,
			  size_t size)
{
	if (size != sizeof(struct warden_auth_file))
		return false;
	suspects_r->file = base;
	memcpy(suspects_r->hash_key, suspects_r->file->file.hash_key,
	       sizeof(suspects_r->hash_key));
	return true;
}

void warden_suspects_failed(struct warden_suspects *suspects,
			    const struct warden_host *host, const char *user,
			    uint32_t window_secs, uint64_t now)
{
	uint64_t hash = host_hash(suspects, host);
	_Atomic uint64_t *set = host_set(suspects, hash);
	_Atomic uint64_t *word = set_find(set, host_tag(hash));
	struct suspect suspect = {
		.tag = host_tag(hash),
		.user = user == NULL ? 0 : user_hash(suspects, hash, user),
		.many = user == NULL,
		.time = time_of(now),
	};

	if (word != NULL) {
		struct suspect present = suspect_unpack(
			atomic_load_explicit(word, memory_order_relaxed));

		if (is_recent(&present, window_secs, now) &&
		    (present.many || present.user != suspect.user))
			suspect.many = true;
	} else {
		word = set_oldest(set, now);
	}
	atomic_store_explicit(word, suspect_pack(&suspect),
			      memory_order_relaxed);
}

bool warden_suspects_clear(struct warden_suspects *suspects,
			   const struct warden_host *host, const char *user,
			   uint32_t window_secs, uint64_t now)
{
	uint64_t hash = host_hash(suspects, host);
	_Atomic uint64_t *word =
		set_find(host_set(suspects, hash), host_tag(hash));
	struct suspect suspect;

	if (word == NULL || user == NULL)
		return false;
	suspect = suspect_unpack(
		atomic_load_explicit(word, memory_order_relaxed));
	if (suspect.many || suspect.user != user_hash(suspects, hash, user) ||
	    !is_recent(&suspect, window_secs, now))
		return false;
	atomic_store_explicit(word, 0, memory_order_relaxed);
	return true;
}
