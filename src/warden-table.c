/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The hosts: questions that the verdict on a client asks, reading and listing
   what is known of them, and the file's geometry. The contract with other
   processes, and what the other warden-table-*.c do, is in warden-table.h. */

#include "warden-table-private.h"

#include <string.h>

#include "warden-bucket.h"

/* --- Verdicts ------------------------------------------------------------- */

uint32_t warden_table_blocked_until(const struct warden_table *table,
				    const struct warden_host *host,
				    uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	const struct warden_record *record = table_place_find(&place);
	struct warden_block_word block;

	if (record == NULL)
		return 0;
	block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place.tag));
	return table_block_holds(&block, (uint32_t)(now / 1000)) ?
		       block.until_secs :
		       0;
}

static uint32_t record_offences(const struct warden_record *record,
				uint32_t tag, uint32_t now_secs)
{
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, tag));

	return table_offences_count(&block, now_secs) ? block.offences : 0;
}

void table_record_limits(const struct warden_table *table,
			 const struct warden_record *record,
			 const struct table_place *place,
			 const struct warden_policy *policy, uint32_t now_secs,
			 struct warden_limits *limits_r)
{
	struct warden_standing standing = {
		.known = table_record_is_known(record, place->tag, policy,
					       now_secs),
		.offences = record_offences(record, place->tag, now_secs),
	};

	if (standing.known)
		standing.users = table_record_users(record, place->tag);
	else
		standing.near =
			table_near_is_known(table, place, policy, now_secs);
	warden_limits_get(limits_r, policy, &standing);
}

static void place_limits(const struct warden_table *table,
			 const struct table_place *place,
			 const struct warden_record *record,
			 const struct warden_policy *policy, uint64_t now,
			 struct warden_limits *limits_r)
{
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_standing standing = { .known = false };

	if (record != NULL) {
		table_record_limits(table, record, place, policy, now_secs,
				    limits_r);
		return;
	}
	standing.near = table_near_is_known(table, place, policy, now_secs);
	warden_limits_get(limits_r, policy, &standing);
}

bool warden_table_is_known(const struct warden_table *table,
			   const struct warden_host *host,
			   const struct warden_policy *policy, uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	const struct warden_record *record = table_place_find(&place);

	return record != NULL &&
	       table_record_is_known(record, place.tag, policy,
				     (uint32_t)(now / 1000));
}

void warden_table_limits(const struct warden_table *table,
			 const struct warden_host *host,
			 const struct warden_policy *policy, uint64_t now,
			 struct warden_limits *limits_r)
{
	struct table_place place = table_place_of(table, host);

	place_limits(table, &place, table_place_find(&place), policy, now,
		     limits_r);
}

/* Many people share the host, and no admin has blocked it by hand. */
static bool block_is_limited(const struct warden_block_word *block,
			     const struct warden_limits *limits)
{
	return limits->shared && block->reason != WARDEN_MANUAL;
}

enum warden_block warden_table_block_of(const struct warden_table *table,
					const struct warden_host *host,
					const struct warden_policy *policy,
					uint64_t now, unsigned int *reason_r)
{
	struct table_place place = table_place_of(table, host);
	const struct warden_record *record = table_place_find(&place);
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_block_word block;
	struct warden_limits limits;

	if (record == NULL)
		return WARDEN_BLOCK_NONE;
	block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place.tag));
	if (!table_block_holds(&block, now_secs))
		return WARDEN_BLOCK_NONE;
	*reason_r = block.reason;
	/* most are not: then one line more of memory has told it */
	if (!table_record_is_known(record, place.tag, policy, now_secs))
		return WARDEN_BLOCK_HOST;
	table_record_limits(table, record, &place, policy, now_secs, &limits);
	return block_is_limited(&block, &limits) ? WARDEN_BLOCK_LIMITED :
						   WARDEN_BLOCK_HOST;
}

/* --- Reading -------------------------------------------------------------- */

/* No automatic block is longer than the policy has it; a stranger may have
   written that one, and it must not get into the deny file and onto the disk
   as one without an end. */
static uint32_t block_end(const struct warden_block_word *block,
			  const struct warden_policy *policy,
			  uint32_t now_secs)
{
	uint64_t latest = (uint64_t)now_secs + policy->block_time_max_secs;

	if (block->reason == WARDEN_MANUAL || block->until_secs <= latest)
		return block->until_secs;
	return (uint32_t)latest;
}

static void record_read(const struct warden_table *table,
			const struct warden_record *record,
			const struct table_place *place,
			const struct warden_policy *policy, uint64_t now,
			struct warden_host_info *info)
{
	uint32_t tag = place->tag;
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, tag));
	struct warden_last_word last = warden_last_word_unpack(
		warden_word_load(record, WARDEN_WORD_LAST, tag));

	info->points = warden_bucket_points(
		warden_word_load(record, WARDEN_WORD_FAST, tag), now,
		policy->fail_limit, policy->fail_window_secs);
	info->slow_points = warden_bucket_points(
		warden_word_load(record, WARDEN_WORD_SLOW, tag), now,
		WARDEN_SLOW_LIMIT, WARDEN_SLOW_WINDOW_SECS);
	info->blocked_until = block_end(&block, policy, now_secs);
	info->blocked = table_block_holds(&block, now_secs);
	info->reason = block.reason;
	info->offences =
		info->blocked || table_offences_count(&block, now_secs) ?
			block.offences :
			0;
	info->refused = warden_word_load(record, WARDEN_WORD_REFUSED, tag);
	info->last_login =
		warden_known_word_unpack(
			warden_word_load(record, WARDEN_WORD_KNOWN, tag))
			.login_secs;
	info->known = table_is_known(info->last_login, policy, now_secs);
	info->last_event = last.secs;
	info->last_class = last.class;
	info->last_protocol = last.protocol;
	info->users = info->known ? table_record_users(record, tag) : 0;
	info->names = (uint16_t)table_record_names(record, tag, now);
	table_record_limits(table, record, place, policy, now_secs,
			    &info->limits);
	info->limited =
		info->blocked && block_is_limited(&block, &info->limits);
}

bool warden_table_read(const struct warden_table *table,
		       const struct warden_host *host,
		       const struct warden_policy *policy, uint64_t now,
		       struct warden_host_info *info_r)
{
	struct table_place place = table_place_of(table, host);
	const struct warden_record *record = table_place_find(&place);

	memset(info_r, 0, sizeof(*info_r));
	info_r->host = *host;
	info_r->sessions = warden_table_sessions(table, host, now);
	info_r->crowd = warden_table_crowd_of(table, host, policy, now);
	if (record == NULL) {
		place_limits(table, &place, NULL, policy, now, &info_r->limits);
		return info_r->sessions > 0;
	}
	record_read(table, record, &place, policy, now, info_r);
	return true;
}

static bool info_is_empty(const struct warden_host_info *info)
{
	return info->points <= 0 && info->slow_points <= 0 &&
	       !info->blocked && info->offences == 0 && !info->known;
}

/* Could a client have this host? Not if the policy's prefixes were others
   when it was counted, nor if a stranger made its key up. */
static bool host_is_possible(const struct warden_host *host,
			     const struct warden_policy *policy)
{
	struct warden_net net;
	struct warden_host again;

	warden_host_to_net(host, policy->ipv4_prefix, policy->ipv6_prefix,
			   &net);
	return !warden_net_is_around_ipv4(&net) &&
	       warden_host_from_net(&again, &net, policy->ipv4_prefix,
				    policy->ipv6_prefix) &&
	       again.key == host->key && again.family == host->family;
}

/* The host whose record this is; false: none, or one that a search would not
   find here (a second record, or a stranger's key in the wrong set). */
static bool record_host(const struct warden_table *table, uint32_t family,
			const struct warden_record *record,
			const struct warden_policy *policy,
			struct warden_host *host_r, struct table_place *place_r)
{
	host_r->family = family == 0 ? WARDEN_INET : WARDEN_INET6;
	/* one that is about to leave has its key back in a moment, as a rule */
	host_r->key = table_record_await(record, table_record_key(record));
	if (!table_key_is_host(host_r->key) ||
	    (family == 0 && host_r->key > UINT32_MAX) ||
	    !host_is_possible(host_r, policy))
		return false;
	*place_r = table_place_of(table, host_r);
	return table_place_find(place_r) == record;
}

static struct warden_record *table_record(const struct warden_table *table,
					  uint64_t index, uint32_t *family_r)
{
	uint64_t inet = (uint64_t)table->set_count[0] * WARDEN_SET_WAYS;
	uint64_t inet6 = (uint64_t)table->set_count[1] * WARDEN_SET_WAYS;

	*family_r = index < inet ? 0 : 1;
	if (index >= inet)
		index -= inet;
	if (*family_r == 1 && index >= inet6)
		return NULL;
	return &table->sets[*family_r][index / WARDEN_SET_WAYS]
			.records[index % WARDEN_SET_WAYS];
}

bool warden_table_next(const struct warden_table *table, uint64_t *index_io,
		       const struct warden_policy *policy, uint64_t now,
		       struct warden_host_info *info_r)
{
	uint32_t family;
	struct table_place place;
	const struct warden_record *record;

	while ((record = table_record(table, *index_io, &family)) != NULL) {
		++*index_io;
		memset(info_r, 0, sizeof(*info_r));
		if (!record_host(table, family, record, policy, &info_r->host,
				 &place))
			continue;
		record_read(table, record, &place, policy, now, info_r);
		if (!info_is_empty(info_r))
			return true;
	}
	return false;
}

/* --- Expiry --------------------------------------------------------------- */

/* Free the record if nothing is in it, or if somebody was killed while he made
   it ready. */
static bool record_expire(struct warden_table *table,
			  struct warden_record *record, uint32_t family,
			  const struct warden_policy *policy, uint64_t now)
{
	struct warden_host_info info = { .points = 0 };
	struct table_victim victim = { .record = record };
	struct table_place place = { .family = family };

	table_victim_look(table, &victim, now);
	if (victim.key == 0)
		return false;
	if (warden_mark_is(victim.key, WARDEN_MARK_COMING)) {
		return table_record_await(record, victim.key) == victim.key &&
		       table_key_replace(record, victim.key, 0);
	}
	place.key = victim.key;
	place.tag = victim.tag;
	record_read(table, record, &place, policy, now, &info);
	if (!info_is_empty(&info) ||
	    table_record_is_observed(record, place.tag, now))
		return false;
	return table_victim_free(table, &victim, now);
}

uint64_t warden_table_expire(struct warden_table *table,
			     const struct warden_policy *policy, uint64_t now)
{
	uint64_t freed = 0;
	uint32_t family;
	struct warden_record *record;

	for (uint64_t i = 0;
	     (record = table_record(table, i, &family)) != NULL; i++) {
		if (record_expire(table, record, family, policy, now))
			freed++;
	}
	return freed;
}

/* --- Opening -------------------------------------------------------------- */

static size_t geometry_size(const uint32_t geometry[4])
{
	return sizeof(struct warden_hosts_header) +
	       ((size_t)geometry[WARDEN_GEOMETRY_INET_SETS] +
		geometry[WARDEN_GEOMETRY_INET6_SETS]) *
		       sizeof(struct warden_set) +
	       2 * (size_t)geometry[WARDEN_GEOMETRY_SESSION_BUCKETS] *
		       sizeof(struct warden_session_bucket) +
	       WARDEN_NEAR_SETS * sizeof(struct warden_near_set);
}

size_t warden_table_size(uint32_t hosts, uint32_t geometry_r[4])
{
	uint32_t half = hosts / 2 + hosts % 2;
	uint32_t sets = half / WARDEN_SET_WAYS + (half % WARDEN_SET_WAYS != 0);

	memset(geometry_r, 0, 4 * sizeof(geometry_r[0]));
	geometry_r[WARDEN_GEOMETRY_INET_SETS] = sets;
	geometry_r[WARDEN_GEOMETRY_INET6_SETS] = sets;
	geometry_r[WARDEN_GEOMETRY_SESSION_BUCKETS] = WARDEN_SESSION_BUCKETS;
	return geometry_size(geometry_r);
}

static bool geometry_is_valid(const uint32_t geometry[4])
{
	const uint32_t max = WARDEN_TABLE_HOSTS_MAX / WARDEN_SET_WAYS;
	uint32_t inet = geometry[WARDEN_GEOMETRY_INET_SETS];
	uint32_t inet6 = geometry[WARDEN_GEOMETRY_INET6_SETS];

	return inet >= 1 && inet <= max && inet6 >= 1 && inet6 <= max &&
	       geometry[WARDEN_GEOMETRY_SESSION_BUCKETS] ==
		       WARDEN_SESSION_BUCKETS;
}

bool warden_table_init(struct warden_table *table_r, void *base, size_t size)
{
	struct warden_hosts_header *header = base;
	uint32_t geometry[4];

	if (size < sizeof(*header))
		return false;
	/* once: a login process may write there between two looks */
	for (unsigned int i = 0; i < 4; i++) {
		geometry[i] = __atomic_load_n(&header->file.geometry[i],
					      __ATOMIC_RELAXED);
	}
	if (!geometry_is_valid(geometry) || geometry_size(geometry) != size)
		return false;

	memset(table_r, 0, sizeof(*table_r));
	table_r->header = header;
	table_r->set_count[0] = geometry[WARDEN_GEOMETRY_INET_SETS];
	table_r->set_count[1] = geometry[WARDEN_GEOMETRY_INET6_SETS];
	table_r->bucket_count = geometry[WARDEN_GEOMETRY_SESSION_BUCKETS];
	memcpy(table_r->hash_key, header->file.hash_key,
	       sizeof(table_r->hash_key));
	table_r->sets[0] = (struct warden_set *)(header + 1);
	table_r->sets[1] = table_r->sets[0] + table_r->set_count[0];
	table_r->buckets =
		(struct warden_session_bucket *)(table_r->sets[1] +
						 table_r->set_count[1]);
	table_r->near = (struct warden_near_set *)(table_r->buckets +
						   table_r->bucket_count);
	return true;
}

bool warden_table_has_header(const struct warden_table *table,
			     const struct warden_file_header *copy)
{
	return copy->geometry[WARDEN_GEOMETRY_INET_SETS] ==
		       table->set_count[0] &&
	       copy->geometry[WARDEN_GEOMETRY_INET6_SETS] ==
		       table->set_count[1] &&
	       copy->geometry[WARDEN_GEOMETRY_SESSION_BUCKETS] ==
		       table->bucket_count &&
	       memcmp(copy->hash_key, table->hash_key,
		      sizeof(table->hash_key)) == 0;
}
