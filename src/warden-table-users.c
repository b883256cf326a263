/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Who logs in from a host, which makes it known, and about how many different
   users that are; and with how many names it fails. */

#include "warden-table-private.h"

#include <string.h>

#include "warden-sketch.h"

/* --- Sketches ------------------------------------------------------------- */

/* A hash of the user that belongs to this host: the same user elsewhere has
   another, so that the sketches of two hosts tell nothing about each other. */
static uint64_t user_hash(const struct warden_table *table,
			  const struct table_place *place, const char *user)
{
	uint64_t key[2] = { table->hash_key[0] ^ place->key,
			    table->hash_key[1] + place->family };

	return warden_hash(key, user, strlen(user));
}

struct sketch_add {
	uint64_t hash;
	uint16_t time, age_max;
	uint32_t *count_r;
	bool *is_new_r;
};

static bool sketch_is_over(const struct warden_sketch_word *sketch,
			   uint16_t time, uint16_t age_max)
{
	return ((time - sketch->began) & WARDEN_SKETCH_TIME_MASK) >= age_max;
}

static uint64_t next_sketch(uint64_t value, const void *context)
{
	const struct sketch_add *add = context;
	struct warden_sketch_word sketch = warden_sketch_word_unpack(value);
	uint32_t bits;

	if (sketch.bits == 0 ||
	    sketch_is_over(&sketch, add->time, add->age_max)) {
		sketch.bits = 0;
		sketch.began = add->time;
	}
	bits = warden_sketch_add(sketch.bits, add->hash);
	*add->is_new_r = bits != sketch.bits;
	*add->count_r = warden_sketch_count(bits);
	sketch.bits = bits;
	return *add->is_new_r ? warden_sketch_word_pack(&sketch) :
				TABLE_UPDATE_NONE;
}

static uint16_t time_hours(uint64_t now)
{
	return (uint16_t)(now / 1000 / 3600 & WARDEN_SKETCH_TIME_MASK);
}

static uint16_t time_days(uint64_t now)
{
	return (uint16_t)(now / 1000 / 86400 & WARDEN_SKETCH_TIME_MASK);
}

/* --- Names that failed ---------------------------------------------------- */

#define NAMES_HOURS 24

bool table_record_add_name(struct warden_table *table,
			   struct warden_record *record,
			   const struct table_place *place,
			   const struct warden_limits *limits, const char *user,
			   uint64_t now)
{
	uint32_t count = 0;
	bool is_new = false;
	struct sketch_add add = {
		.hash = user_hash(table, place, user),
		.time = time_hours(now),
		.age_max = NAMES_HOURS,
		.count_r = &count,
		.is_new_r = &is_new,
	};

	(void)table_word_update(table, record, place, WARDEN_WORD_NAMES,
				next_sketch, &add);
	return warden_limits_trawls(limits, count, is_new);
}

uint32_t table_record_names(const struct warden_record *record, uint32_t tag,
			    uint64_t now)
{
	struct warden_sketch_word names = warden_sketch_word_unpack(
		warden_word_load(record, WARDEN_WORD_NAMES, tag));

	if (sketch_is_over(&names, time_hours(now), NAMES_HOURS))
		return 0;
	return warden_sketch_count(names.bits);
}

/* --- Users that logged in ------------------------------------------------- */

static uint32_t record_count_users(const struct warden_record *record,
				   uint32_t tag)
{
	struct warden_sketch_word users = warden_sketch_word_unpack(
		warden_word_load(record, WARDEN_WORD_USERS, tag));
	struct warden_sketch_word too = warden_sketch_word_unpack(
		warden_word_load(record, WARDEN_WORD_USERS_TOO, tag));

	return (warden_sketch_count(users.bits) +
		warden_sketch_count(too.bits) + 1) /
	       2;
}

uint32_t table_record_users(const struct warden_record *record, uint32_t tag)
{
	struct warden_known_word known = warden_known_word_unpack(
		warden_word_load(record, WARDEN_WORD_KNOWN, tag));
	uint32_t count = record_count_users(record, tag);

	return count > known.users_before ? count : known.users_before;
}

/* When the sketch of the users begins anew. Days of its word come round after
   511; half of the longest warden_known_time is less. */
static uint16_t users_days(const struct warden_policy *policy)
{
	uint32_t days = policy->known_time_secs / 2 / 86400;

	return days < 1 ? 1 : (uint16_t)days;
}

/* The old sketch ends: what it came to counts until the next one does. */
static void users_begin_anew(struct warden_table *table,
			     struct warden_record *record,
			     const struct table_place *place)
{
	struct warden_known_word known = warden_known_word_unpack(
		warden_word_load(record, WARDEN_WORD_KNOWN, place->tag));
	uint32_t count = record_count_users(record, place->tag);

	known.users_before = count < WARDEN_USERS_BEFORE_MAX ?
				     (uint16_t)count :
				     WARDEN_USERS_BEFORE_MAX;
	table_word_set(table, record, place, WARDEN_WORD_KNOWN,
		       warden_known_word_pack(&known));
}

void warden_table_add_user(struct warden_table *table,
			   const struct warden_host *host,
			   const struct warden_policy *policy, const char *user,
			   uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_claim(table, &place, now);
	uint32_t count;
	bool is_new;
	struct sketch_add add = {
		.time = time_days(now),
		.age_max = users_days(policy),
		.count_r = &count,
		.is_new_r = &is_new,
	};
	struct warden_sketch_word users;

	if (record == NULL)
		return;
	add.hash = user_hash(table, &place, user);
	users = warden_sketch_word_unpack(
		warden_word_load(record, WARDEN_WORD_USERS, place.tag));
	if (users.bits != 0 && sketch_is_over(&users, add.time, add.age_max))
		users_begin_anew(table, record, &place);
	(void)table_word_update(table, record, &place, WARDEN_WORD_USERS,
				next_sketch, &add);
	/* as good as another hash: of its 64 bits the sketch takes some at
	   either end */
	add.hash = add.hash << 32 | add.hash >> 32;
	(void)table_word_update(table, record, &place, WARDEN_WORD_USERS_TOO,
				next_sketch, &add);
}

/* --- Known hosts ---------------------------------------------------------- */

void warden_table_success(struct warden_table *table,
			  const struct warden_host *host, bool clear_points,
			  uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_claim(table, &place, now);
	struct warden_known_word known;

	if (record == NULL)
		return;
	known = warden_known_word_unpack(
		warden_word_load(record, WARDEN_WORD_KNOWN, place.tag));
	known.login_secs = (uint32_t)(now / 1000);
	table_word_set(table, record, &place, WARDEN_WORD_KNOWN,
		       warden_known_word_pack(&known));
	table_near_set_known(table, &place, known.login_secs);
	if (clear_points) {
		table_word_set(table, record, &place, WARDEN_WORD_FAST, 0);
		table_word_set(table, record, &place, WARDEN_WORD_SLOW, 0);
	}
}

void warden_table_set_known(struct warden_table *table,
			    const struct warden_host *host,
			    uint32_t last_login_secs, uint32_t users,
			    uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_claim(table, &place, now);
	struct warden_known_word known = {
		.login_secs = last_login_secs,
		.users_before = users < WARDEN_USERS_BEFORE_MAX ?
					(uint16_t)users :
					WARDEN_USERS_BEFORE_MAX,
	};

	table_near_set_known(table, &place, last_login_secs);
	if (record != NULL) {
		table_word_set(table, record, &place, WARDEN_WORD_KNOWN,
			       warden_known_word_pack(&known));
	}
}
