/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-memory.h"

#include <string.h>

#include "warden-hash.h"

/* One word: [tag:32][points:12][time:20], time in units of 64 s. It wraps after
   two years; what is remembered for longer than that is not. */
#define TIME_UNIT_SECS 64
#define TIME_MASK ((1U << 20) - 1)
#define POINTS_SHIFT 20
#define POINTS_MASK 4095U

/* A device that tries the old password at least this often is not counted. */
#define WRONG_SECS (7U * 24 * 3600)
#define COST_SECS 3600U
#define FAILED_SECS (24U * 3600)

#define DIGEST_MASK 0xffff

/* What a hash is of: each is another one, though its words were the same. */
enum memory_kind {
	MEMORY_SECRET = 1,
	MEMORY_DIGEST,
	MEMORY_WORKED,
	MEMORY_HERE,
	MEMORY_WRONG,
	MEMORY_COST,
};

struct memory_place {
	_Atomic uint64_t *set;
	uint32_t tag; /* not 0 */
};

static uint64_t hash_words(const struct warden_memory *memory,
			   enum memory_kind kind, uint64_t a, uint64_t b)
{
	const uint64_t words[3] = { kind, a, b };

	return warden_hash(memory->hash_key, words, sizeof(words));
}

static uint64_t hash_text(const struct warden_memory *memory,
			  enum memory_kind kind, const char *text)
{
	const uint64_t key[2] = { memory->hash_key[0] ^ kind,
				  memory->hash_key[1] };

	return warden_hash(key, text, strlen(text));
}

static uint64_t host_word(const struct warden_host *host)
{
	return host->key ^ (uint64_t)host->family << 56;
}

/* The only thing of a password that anything kept depends on. */
static uint64_t digest_of(const struct warden_memory *memory, uint64_t user,
			  uint64_t secret)
{
	return hash_words(memory, MEMORY_DIGEST, user, secret) & DIGEST_MASK;
}

static struct memory_place
place_in(_Atomic uint64_t (*sets)[WARDEN_MEMORY_WAYS], uint64_t hash)
{
	struct memory_place place = {
		.set = sets[hash % WARDEN_MEMORY_SETS],
		.tag = (uint32_t)(hash >> 32) | 1,
	};
	return place;
}

static struct memory_place worked_place(const struct warden_memory *memory,
					const char *user, uint64_t secret)
{
	uint64_t who = hash_text(memory, MEMORY_WORKED, user);

	return place_in(memory->file->worked,
			hash_words(memory, MEMORY_WORKED, who,
				   digest_of(memory, who, secret)));
}

static struct memory_place pair_place(const struct warden_memory *memory,
				      enum memory_kind kind,
				      const struct warden_host *host,
				      const char *user)
{
	return place_in(kind == MEMORY_HERE ? memory->file->worked :
					      memory->file->wrong,
			hash_words(memory, kind, host_word(host),
				   hash_text(memory, kind, user)));
}

static struct memory_place wrong_place(const struct warden_memory *memory,
				       const struct warden_host *host,
				       const char *user, uint64_t secret)
{
	uint64_t who = hash_words(memory, MEMORY_WRONG, host_word(host),
				  hash_text(memory, MEMORY_WRONG, user));

	return place_in(memory->file->wrong,
			hash_words(memory, MEMORY_WRONG, who,
				   digest_of(memory, who, secret)));
}

/* --- A set ---------------------------------------------------------------- */

static uint32_t time_of(uint64_t now)
{
	return (uint32_t)(now / 1000 / TIME_UNIT_SECS) & TIME_MASK;
}

static uint32_t age_secs(uint64_t word, uint64_t now)
{
	return ((time_of(now) - (uint32_t)word) & TIME_MASK) * TIME_UNIT_SECS;
}

static _Atomic uint64_t *place_find(const struct memory_place *place)
{
	for (unsigned int i = 0; i < WARDEN_MEMORY_WAYS; i++) {
		uint64_t word = atomic_load_explicit(&place->set[i],
						     memory_order_relaxed);

		if (word >> 32 == place->tag)
			return &place->set[i];
	}
	return NULL;
}

static _Atomic uint64_t *place_oldest(const struct memory_place *place,
				      uint64_t now)
{
	_Atomic uint64_t *oldest = &place->set[0];
	uint32_t oldest_age = 0;

	for (unsigned int i = 0; i < WARDEN_MEMORY_WAYS; i++) {
		uint64_t word = atomic_load_explicit(&place->set[i],
						     memory_order_relaxed);

		if (word == 0)
			return &place->set[i];
		if (age_secs(word, now) >= oldest_age) {
			oldest_age = age_secs(word, now);
			oldest = &place->set[i];
		}
	}
	return oldest;
}

static bool place_is_recent(const struct memory_place *place, uint32_t secs,
			    uint64_t now)
{
	const _Atomic uint64_t *word = place_find(place);

	/* the time was rounded down */
	return word != NULL &&
	       age_secs(atomic_load_explicit(word, memory_order_relaxed), now) <
		       secs;
}

static void place_put(const struct memory_place *place, uint32_t points,
		      uint64_t now)
{
	_Atomic uint64_t *word = place_find(place);

	if (word == NULL)
		word = place_oldest(place, now);
	atomic_store_explicit(word,
			      (uint64_t)place->tag << 32 |
				      (uint64_t)points << POINTS_SHIFT |
				      time_of(now),
			      memory_order_relaxed);
}

/* --- The questions -------------------------------------------------------- */

bool warden_memory_init(struct warden_memory *memory_r, void *base, size_t size)
{
	if (size != sizeof(struct warden_auth_file))
		return false;
	memory_r->file = base;
	memcpy(memory_r->hash_key, memory_r->file->file.hash_key,
	       sizeof(memory_r->hash_key));
	return true;
}

uint64_t warden_memory_secret(const struct warden_memory *memory,
			      const char *password)
{
	/* never 0, and it may have to fit into a pointer */
	return (uintptr_t)hash_text(memory, MEMORY_SECRET, password) | 1;
}

bool warden_memory_add_worked(struct warden_memory *memory,
			      const struct warden_host *host, const char *user,
			      uint64_t secret, uint32_t known_secs,
			      uint64_t now)
{
	struct memory_place here = pair_place(memory, MEMORY_HERE, host, user);
	struct memory_place worked;
	bool is_new;

	place_put(&here, 0, now);
	if (secret == 0)
		return false;
	worked = worked_place(memory, user, secret);
	is_new = !place_is_recent(&worked, known_secs, now);
	place_put(&worked, 0, now);
	return is_new;
}

bool warden_memory_worked(const struct warden_memory *memory, const char *user,
			  uint64_t secret, uint32_t known_secs, uint64_t now)
{
	struct memory_place place;

	if (secret == 0)
		return false;
	place = worked_place(memory, user, secret);
	return place_is_recent(&place, known_secs, now);
}

bool warden_memory_was_here(const struct warden_memory *memory,
			    const struct warden_host *host, const char *user,
			    uint32_t known_secs, uint64_t now)
{
	struct memory_place place = pair_place(memory, MEMORY_HERE, host, user);

	return place_is_recent(&place, known_secs, now);
}

bool warden_memory_add_wrong(struct warden_memory *memory,
			     const struct warden_host *host, const char *user,
			     uint64_t secret, uint64_t now)
{
	struct memory_place place;
	bool before;

	if (secret == 0)
		return false;
	place = wrong_place(memory, host, user, secret);
	before = place_is_recent(&place, WRONG_SECS, now);
	place_put(&place, 0, now);
	return before;
}

uint32_t warden_memory_cost(const struct warden_memory *memory,
			    const struct warden_host *host, const char *user,
			    uint64_t now)
{
	struct memory_place place = pair_place(memory, MEMORY_COST, host, user);
	const _Atomic uint64_t *shared = place_find(&place);
	uint64_t word;
	uint32_t points;

	if (shared == NULL)
		return 0;
	word = atomic_load_explicit(shared, memory_order_relaxed);
	if (age_secs(word, now) >= COST_SECS)
		return 0;
	points = (uint32_t)(word >> POINTS_SHIFT) & POINTS_MASK;
	return points < WARDEN_MEMORY_COST_MAX ? points :
						 WARDEN_MEMORY_COST_MAX;
}

void warden_memory_add_cost(struct warden_memory *memory,
			    const struct warden_host *host, const char *user,
			    uint32_t points, uint64_t now)
{
	struct memory_place place = pair_place(memory, MEMORY_COST, host, user);
	uint32_t cost = warden_memory_cost(memory, host, user, now) + points;

	place_put(&place,
		  cost < WARDEN_MEMORY_COST_MAX ? cost : WARDEN_MEMORY_COST_MAX,
		  now);
}

void warden_memory_clear_cost(struct warden_memory *memory,
			      const struct warden_host *host, const char *user)
{
	struct memory_place place = pair_place(memory, MEMORY_COST, host, user);
	_Atomic uint64_t *word = place_find(&place);

	if (word != NULL)
		atomic_store_explicit(word, 0, memory_order_relaxed);
}

bool warden_memory_failed(const struct warden_memory *memory,
			  const struct warden_host *host, const char *user,
			  uint64_t now)
{
	struct memory_place place = pair_place(memory, MEMORY_COST, host, user);

	return place_is_recent(&place, FAILED_SECS, now);
}
