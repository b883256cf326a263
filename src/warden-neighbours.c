/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Blocked hosts are counted first, and known ones only where that was enough:
   as a rule that is nowhere, and one walk over the table tells it. */

#include "warden-neighbours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "warden-hash.h"
#include "warden-origins.h"

#define KIND_SHIFT 56
#define KINDS_OF_HOST 3 /* its network, AS and country */

/* What finds no place is not counted: a place for each of the blocked hosts of
   a table is not needed to see where many are. */
#define TALLY_SLOTS 65536
#define TALLY_TRIES 32

struct tally {
	uint64_t key; /* 0 = free */
	uint32_t blocked, known;
};

/* What the walk over the table looks for. */
enum phase {
	PHASE_IDLE,
	PHASE_BLOCKED,
	PHASE_KNOWN,
};

struct warden_neighbours {
	enum phase phase;
	uint64_t index;	  /* of the walk */
	uint64_t counted; /* when; 0: never */
	uint64_t changed; /* warden_blocks_changed() as of then */
	struct tally tallies[TALLY_SLOTS];
};

/* --- Keys ----------------------------------------------------------------- */

static uint64_t key_pack(enum warden_neighbourhood_kind kind, uint64_t id)
{
	return (uint64_t)kind << KIND_SHIFT | id;
}

/* Those that an address is in; 0: not known. */
static void keys_of(const struct warden_net *addr, uint32_t origin,
		    uint64_t keys_r[KINDS_OF_HOST])
{
	bool inet = addr->family == WARDEN_INET;
	uint32_t as = warden_origin_as(origin);
	uint32_t country = warden_origin_country(origin);
	uint64_t id = 0;

	for (unsigned int i = 0; i < (inet ? 3 : 6); i++)
		id = id << 8 | addr->bytes[i];
	keys_r[0] = key_pack(inet ? WARDEN_NEIGHBOURHOOD_INET :
				    WARDEN_NEIGHBOURHOOD_INET6,
			     id);
	keys_r[1] = as == 0 ? 0 : key_pack(WARDEN_NEIGHBOURHOOD_AS, as);
	keys_r[2] = country == 0 ?
			    0 :
			    key_pack(WARDEN_NEIGHBOURHOOD_COUNTRY, country);
}

static const char *network_format(uint64_t id, unsigned int bytes, char *buf)
{
	struct warden_net net = {
		.family = bytes == 3 ? WARDEN_INET : WARDEN_INET6,
		.bits = (uint8_t)(bytes * 8),
	};

	for (unsigned int i = 0; i < bytes; i++)
		net.bytes[i] = (uint8_t)(id >> 8 * (bytes - 1 - i));
	return warden_net_format(&net, buf);
}

const char *warden_neighbourhood_format(uint64_t key, char *buf)
{
	uint64_t id = key & ((UINT64_C(1) << KIND_SHIFT) - 1);
	char country[3];

	_Static_assert(WARDEN_NEIGHBOURHOOD_STRLEN >= WARDEN_NET_STRLEN,
		       "room for a network");
	switch (key >> KIND_SHIFT) {
	case WARDEN_NEIGHBOURHOOD_INET:
		return network_format(id, 3, buf);
	case WARDEN_NEIGHBOURHOOD_INET6:
		return network_format(id, 6, buf);
	case WARDEN_NEIGHBOURHOOD_AS:
		(void)snprintf(buf, WARDEN_NEIGHBOURHOOD_STRLEN, "AS%u",
			       (uint32_t)id);
		break;
	case WARDEN_NEIGHBOURHOOD_COUNTRY:
		(void)snprintf(buf, WARDEN_NEIGHBOURHOOD_STRLEN, "country %s",
			       warden_country_format((uint32_t)id, country));
		break;
	default:
		buf[0] = '\0';
		break;
	}
	return buf;
}

/* --- Asking --------------------------------------------------------------- */

static const struct warden_neighbourhood *
list_find(const struct warden_neighbourhoods *list, uint64_t key)
{
	uint32_t low = 0, high = list->count;

	if (high > WARDEN_NEIGHBOURHOODS_MAX)
		return NULL;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (list->list[middle].key == key)
			return &list->list[middle];
		if (list->list[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct warden_neighbourhood *
warden_neighbourhoods_find(const struct warden_neighbourhoods *list,
			   const struct warden_net *addr, uint32_t origin)
{
	const struct warden_neighbourhood *most = NULL;
	uint64_t keys[KINDS_OF_HOST];

	if (list->count == 0)
		return NULL;
	keys_of(addr, origin, keys);
	for (unsigned int i = 0; i < KINDS_OF_HOST; i++) {
		const struct warden_neighbourhood *found =
			list_find(list, keys[i]);

		if (found != NULL &&
		    (most == NULL || found->factor > most->factor))
			most = found;
	}
	return most;
}

/* --- Counting ------------------------------------------------------------- */

struct warden_neighbours *warden_neighbours_create(void)
{
	return calloc(1, sizeof(struct warden_neighbours));
}

void warden_neighbours_free(struct warden_neighbours **neighbours)
{
	free(*neighbours);
	*neighbours = NULL;
}

/* The tally of the key, or a free one; NULL: it has no place. */
static struct tally *tally_find(struct warden_neighbours *neighbours,
				const struct warden_table *table, uint64_t key)
{
	uint64_t hash = warden_hash_u64(table->hash_key, key);

	for (unsigned int i = 0; i < TALLY_TRIES; i++) {
		struct tally *tally =
			&neighbours->tallies[(hash + i) % TALLY_SLOTS];

		if (tally->key == key || tally->key == 0)
			return tally;
	}
	return NULL;
}

static void tally_host(struct warden_neighbours *neighbours,
		       struct warden *warden,
		       const struct warden_policy *policy,
		       const struct warden_host_info *info, bool known)
{
	const struct warden_table *table = warden_admin_table(warden);
	uint64_t keys[KINDS_OF_HOST];
	struct warden_net net;

	warden_host_to_net(&info->host, policy->ipv4_prefix,
			   policy->ipv6_prefix, &net);
	if (warden_policy_exempts(policy, &net))
		return;
	keys_of(&net, warden_admin_origin(warden, &net), keys);
	for (unsigned int i = 0; i < KINDS_OF_HOST; i++) {
		struct tally *tally =
			keys[i] == 0 ? NULL :
				       tally_find(neighbours, table, keys[i]);

		if (tally == NULL)
			continue;
		if (known) {
			if (tally->key == keys[i])
				tally->known++;
			continue;
		}
		tally->key = keys[i];
		tally->blocked++;
		/* who has one network shall not be a whole AS */
		if (i == 0 && tally->blocked > WARDEN_NEIGHBOURS_NETWORK)
			return;
	}
}

/* Blocked by what it did itself, and not because an admin said so. */
static bool is_blocked(const struct warden_host_info *info)
{
	return info->blocked && !info->limited && info->reason != WARDEN_MANUAL;
}

/* Go on with the walk, for so many records. false: it is at its end. */
static bool tally_hosts(struct warden_neighbours *neighbours,
			struct warden *warden,
			const struct warden_policy *policy, uint64_t now,
			bool known)
{
	const struct warden_table *table = warden_admin_table(warden);
	const uint64_t end = neighbours->index + WARDEN_NEIGHBOURS_SLICE;
	struct warden_host_info info;

	while (warden_table_next(table, &neighbours->index, policy, now,
				 &info)) {
		if (known ? info.known : is_blocked(&info))
			tally_host(neighbours, warden, policy, &info, known);
		if (neighbours->index >= end)
			return true;
	}
	return false;
}

static uint32_t least_blocked(uint64_t key)
{
	switch (key >> KIND_SHIFT) {
	case WARDEN_NEIGHBOURHOOD_AS:
		return WARDEN_NEIGHBOURS_AS;
	case WARDEN_NEIGHBOURHOOD_COUNTRY:
		return WARDEN_NEIGHBOURS_COUNTRY;
	default:
		return WARDEN_NEIGHBOURS_NETWORK;
	}
}

/* 1: it weighs what others do. */
static uint32_t factor_of(const struct tally *tally, uint32_t max)
{
	uint32_t factor = 1;

	if (tally->blocked <= tally->known)
		return 1;
	for (uint64_t least = least_blocked(tally->key);
	     factor < max && tally->blocked >= least; least *= 2)
		factor++;
	return factor;
}

static int compare_blocked(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	if (x->blocked != y->blocked)
		return x->blocked > y->blocked ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static int compare_key(const void *a, const void *b)
{
	const struct warden_neighbourhood *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Take those that weigh more to the front. Returns how many. */
static size_t sort_out(struct warden_neighbours *neighbours, uint32_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < TALLY_SLOTS; i++) {
		const struct tally tally = neighbours->tallies[i];

		if (tally.key != 0 && factor_of(&tally, max) > 1)
			neighbours->tallies[count++] = tally;
	}
	qsort(neighbours->tallies, count, sizeof(neighbours->tallies[0]),
	      compare_blocked);
	return count < WARDEN_NEIGHBOURHOODS_MAX ? count :
						   WARDEN_NEIGHBOURHOODS_MAX;
}

static bool any_weighs_more(const struct warden_neighbours *neighbours,
			    uint32_t max)
{
	for (size_t i = 0; i < TALLY_SLOTS; i++) {
		if (neighbours->tallies[i].key != 0 &&
		    factor_of(&neighbours->tallies[i], max) > 1)
			return true;
	}
	return false;
}

static void list_fill(struct warden_neighbours *neighbours, uint32_t max,
		      struct warden_neighbourhoods *list_r)
{
	size_t count = sort_out(neighbours, max);

	for (size_t i = 0; i < count; i++) {
		list_r->list[i] = (struct warden_neighbourhood){
			.key = neighbours->tallies[i].key,
			.blocked = neighbours->tallies[i].blocked,
			.factor = factor_of(&neighbours->tallies[i], max),
		};
	}
	list_r->count = (uint32_t)count;
	qsort(list_r->list, count, sizeof(list_r->list[0]), compare_key);
}

/* A slice of the work. true: it is done, and *list_r is the result. */
static bool count_on(struct warden_neighbours *neighbours,
		     struct warden *warden, const struct warden_policy *policy,
		     uint64_t now, struct warden_neighbourhoods *list_r)
{
	const uint32_t max = policy->neighbour_factor;

	memset(list_r, 0, sizeof(*list_r));
	if (max <= 1 || policy->mode == WARDEN_MODE_OFF) {
		neighbours->phase = PHASE_IDLE;
		return true;
	}
	switch (neighbours->phase) {
	case PHASE_IDLE:
		memset(neighbours->tallies, 0, sizeof(neighbours->tallies));
		neighbours->index = 0;
		neighbours->phase = PHASE_BLOCKED;
		return false;
	case PHASE_BLOCKED:
		if (tally_hosts(neighbours, warden, policy, now, false))
			return false;
		neighbours->index = 0;
		neighbours->phase = any_weighs_more(neighbours, max) ?
					    PHASE_KNOWN :
					    PHASE_IDLE;
		return neighbours->phase == PHASE_IDLE;
	case PHASE_KNOWN:
		if (tally_hosts(neighbours, warden, policy, now, true))
			return false;
		break;
	}
	neighbours->phase = PHASE_IDLE;
	list_fill(neighbours, max, list_r);
	return true;
}

void warden_neighbours_count(struct warden_neighbours *neighbours,
			     struct warden *warden,
			     const struct warden_policy *policy, uint64_t now,
			     struct warden_neighbourhoods *list_r)
{
	neighbours->phase = PHASE_IDLE;
	while (!count_on(neighbours, warden, policy, now, list_r))
		continue;
}

static bool is_due(const struct warden_neighbours *neighbours, uint64_t changed,
		   uint64_t now)
{
	uint64_t age = now - neighbours->counted;

	return neighbours->counted == 0 ||
	       age >= WARDEN_NEIGHBOURS_LATEST_MSECS ||
	       (age >= WARDEN_NEIGHBOURS_MSECS &&
		changed != neighbours->changed);
}

void warden_neighbours_look(struct warden_neighbours *neighbours,
			    struct warden *warden,
			    const struct warden_policy *policy, uint64_t now)
{
	struct warden_neighbourhoods list;

	if (neighbours->phase == PHASE_IDLE) {
		uint64_t changed = warden_blocks_changed(warden);

		if (!is_due(neighbours, changed, now))
			return;
		neighbours->counted = now;
		neighbours->changed = changed;
	}
	if (count_on(neighbours, warden, policy, now, &list))
		warden_admin_publish_neighbourhoods(warden, &list);
}
