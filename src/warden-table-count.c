/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Counting against a host: one event, ahead of how an attempt turns out, and
   back again. */

#include "warden-table-private.h"

#include "warden-bucket.h"

#define IDLE_WINDOW_SECS 60

/* --- Buckets -------------------------------------------------------------- */

struct bucket_add {
	uint64_t now;
	uint32_t points, limit, window_secs;
};

static uint64_t next_bucket(uint64_t empty_at, const void *context)
{
	const struct bucket_add *add = context;

	return warden_bucket_add(empty_at, add->now, add->points, add->limit,
				 add->window_secs);
}

/* A session of class idle: free while the bucket of free ones has room. */
static uint64_t next_idle(uint64_t empty_at, const void *context)
{
	uint64_t now = *(const uint64_t *)context;

	if (warden_bucket_reaches(empty_at, now, WARDEN_IDLE_FREE_PER_MINUTE,
				  WARDEN_IDLE_FREE_PER_MINUTE,
				  IDLE_WINDOW_SECS))
		return TABLE_UPDATE_NONE;
	return warden_bucket_add(empty_at, now, 1, WARDEN_IDLE_FREE_PER_MINUTE,
				 IDLE_WINDOW_SECS);
}

static struct bucket_add fast_add(const struct warden_policy *policy,
				  const struct warden_limits *limits,
				  uint32_t points, uint64_t now)
{
	return (struct bucket_add){ now, points, limits->fast_drain,
				    policy->fail_window_secs };
}

static struct bucket_add slow_add(const struct warden_limits *limits,
				  uint32_t points, uint64_t now)
{
	return (struct bucket_add){ now, points, limits->slow_drain,
				    WARDEN_SLOW_WINDOW_SECS };
}

/* Is one of the buckets at its limit? */
static bool buckets_reach(const struct warden_policy *policy,
			  const struct warden_limits *limits, uint64_t fast_at,
			  uint64_t slow_at, uint64_t now)
{
	if (table_is_updated(fast_at) &&
	    warden_bucket_reaches(fast_at, now, limits->fast,
				  policy->fail_limit, policy->fail_window_secs))
		return true;
	return table_is_updated(slow_at) &&
	       warden_bucket_reaches(slow_at, now, limits->slow,
				     WARDEN_SLOW_LIMIT,
				     WARDEN_SLOW_WINDOW_SECS);
}

/* Add to two buckets. Returns true if one has reached its limit. */
static bool add_points(struct warden_table *table, struct warden_record *record,
		       const struct table_place *place,
		       const struct warden_policy *policy,
		       const struct warden_limits *limits,
		       const enum warden_word words[2], uint32_t points,
		       uint64_t now)
{
	struct bucket_add fast = fast_add(policy, limits, points, now);
	struct bucket_add slow = slow_add(limits, points, now);
	uint64_t fast_at, slow_at;

	fast_at = table_word_update(table, record, place, words[0], next_bucket,
				    &fast);
	slow_at = table_word_update(table, record, place, words[1], next_bucket,
				    &slow);
	return buckets_reach(policy, limits, fast_at, slow_at, now);
}

/* After a block the host starts anew: what filled its buckets before the
   block ended must not block it again at its first mistake. */
static void forget_before_block_end(struct warden_table *table,
				    struct warden_record *record,
				    const struct table_place *place,
				    uint32_t now_secs)
{
	struct warden_block_word block = warden_block_word_unpack(
		warden_word_load(record, WARDEN_WORD_BLOCK, place->tag));
	struct warden_last_word last = warden_last_word_unpack(
		warden_word_load(record, WARDEN_WORD_LAST, place->tag));

	if (block.until_secs == 0 || table_block_holds(&block, now_secs) ||
	    last.secs >= block.until_secs)
		return;
	table_word_set(table, record, place, WARDEN_WORD_FAST, 0);
	table_word_set(table, record, place, WARDEN_WORD_SLOW, 0);
	table_word_set(table, record, place, WARDEN_WORD_IDLE, 0);
}

/* --- One event ------------------------------------------------------------ */

static const enum warden_word buckets[2] = { WARDEN_WORD_FAST,
					     WARDEN_WORD_SLOW };
static const enum warden_word observed_buckets[2] = {
	WARDEN_WORD_OBSERVED_FAST, WARDEN_WORD_OBSERVED_SLOW
};

static bool crowd_is_counted(const struct warden_policy *policy,
			     const struct table_place *place)
{
	return place->family == 1 &&
	       warden_policy_rule_mode(policy, WARDEN_RULE_CROWDED) !=
		       WARDEN_MODE_OFF;
}

bool warden_table_count(struct warden_table *table,
			const struct warden_host *host,
			const struct warden_policy *policy, bool may_block,
			uint32_t factor, enum warden_class class,
			enum warden_protocol protocol, const char *user,
			uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_claim(table, &place, now);
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_last_word last = { now_secs, class, protocol };
	uint32_t points = policy->points[class];
	struct warden_limits limits;

	if (record == NULL)
		return false;
	if (warden_policy_rule_mode(policy, class) == WARDEN_MODE_OFF)
		points = 0;
	forget_before_block_end(table, record, &place, now_secs);
	table_record_limits(table, record, &place, policy, now_secs, &limits);
	if (user != NULL &&
	    table_record_add_name(table, record, &place, &limits, user, now))
		points *= WARDEN_TRAWL_FACTOR;
	table_word_set(table, record, &place, WARDEN_WORD_LAST,
		       warden_last_word_pack(&last));
	if (class == WARDEN_IDLE &&
	    table_is_updated(table_word_update(
		    table, record, &place, WARDEN_WORD_IDLE, next_idle, &now)))
		points = 0;
	if (points > 0 && warden_policy_is_mixed(policy) &&
	    add_points(table, record, &place, policy, &limits, observed_buckets,
		       points * factor, now) &&
	    !warden_policy_class_counts(policy, class))
		table_record_observe(table, record, &place, class, now);
	if (!warden_policy_class_counts(policy, class))
		points = 0;
	table_event_add(table, &place, class, protocol, points * factor, now);
	if (may_block && points > 0 && crowd_is_counted(policy, &place) &&
	    !limits.known)
		table_crowd_add(table, &place, policy, points, now);
	if (points == 0 ||
	    !add_points(table, record, &place, policy, &limits, buckets,
			points * factor, now) ||
	    !may_block)
		return false;
	return table_place_begin_block(table, &place, policy, class, now);
}

static uint64_t next_plus_one(uint64_t value, const void *context)
{
	(void)context;
	return value < WARDEN_VALUE_MASK ? value + 1 : TABLE_UPDATE_NONE;
}

void warden_table_refused(struct warden_table *table,
			  const struct warden_host *host)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_find(&place);

	if (record != NULL) {
		(void)table_word_update(table, record, &place,
					WARDEN_WORD_REFUSED, next_plus_one,
					NULL);
	}
}

/* --- Counting ahead ------------------------------------------------------- */

struct bucket_ahead {
	struct bucket_add add;
	uint64_t *added_r;
};

static uint64_t next_bucket_ahead(uint64_t empty_at, const void *context)
{
	const struct bucket_ahead *ahead = context;
	uint64_t next = next_bucket(empty_at, &ahead->add);

	*ahead->added_r =
		warden_bucket_added(empty_at, next, ahead->add.now);
	return next;
}

static uint64_t add_ahead(struct warden_table *table,
			  struct warden_record *record,
			  const struct table_place *place,
			  enum warden_word word, const struct bucket_add *add)
{
	uint64_t added = 0;
	struct bucket_ahead ahead = { *add, &added };

	return table_is_updated(table_word_update(table, record, place, word,
						  next_bucket_ahead, &ahead)) ?
		       added :
		       0;
}

void warden_table_count_ahead(struct warden_table *table,
			      const struct warden_host *host,
			      const struct warden_policy *policy,
			      enum warden_class class,
			      enum warden_protocol protocol, uint64_t now,
			      struct warden_pending *pending_r)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_claim(table, &place, now);
	uint32_t now_secs = (uint32_t)(now / 1000);
	struct warden_last_word last = { now_secs, class, protocol };
	struct bucket_add fast, slow;
	struct warden_limits limits;
	uint32_t points = warden_policy_points(policy, class);

	*pending_r = (struct warden_pending){
		.host = *host,
		.began = now,
		.class = class,
		.protocol = protocol,
	};
	if (record == NULL)
		return;
	forget_before_block_end(table, record, &place, now_secs);
	table_word_set(table, record, &place, WARDEN_WORD_LAST,
		       warden_last_word_pack(&last));
	table_record_limits(table, record, &place, policy, now_secs, &limits);
	fast = fast_add(policy, &limits, points, now);
	slow = slow_add(&limits, points, now);
	pending_r->fast_ms =
		add_ahead(table, record, &place, WARDEN_WORD_FAST, &fast);
	pending_r->slow_ms =
		add_ahead(table, record, &place, WARDEN_WORD_SLOW, &slow);
}

bool warden_table_settle(struct warden_table *table,
			 const struct warden_host *host,
			 const struct warden_policy *policy, uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_find(&place);
	uint32_t now_secs = (uint32_t)(now / 1000);
	enum warden_class reason = WARDEN_AUTH_FAILED;
	struct warden_last_word last;
	struct warden_limits limits;

	if (record == NULL)
		return false;
	forget_before_block_end(table, record, &place, now_secs);
	table_record_limits(table, record, &place, policy, now_secs, &limits);
	if (!buckets_reach(
		    policy, &limits,
		    warden_word_load(record, WARDEN_WORD_FAST, place.tag),
		    warden_word_load(record, WARDEN_WORD_SLOW, place.tag), now))
		return false;
	last = warden_last_word_unpack(
		warden_word_load(record, WARDEN_WORD_LAST, place.tag));
	if (warden_class_is_event(last.class))
		reason = last.class;
	return table_place_begin_block(table, &place, policy, reason, now);
}

/* --- Taking back ---------------------------------------------------------- */

struct bucket_take_back {
	uint64_t now, added;
};

static uint64_t next_bucket_take_back(uint64_t empty_at, const void *context)
{
	const struct bucket_take_back *back = context;

	return warden_bucket_take_back(empty_at, back->now, back->added);
}

/* The last event was none. Its time stays: were it to go back, an ended block
   could once more be taken for newer than all that was counted, and what was
   counted since would be forgotten with it. */
static uint64_t next_last_undone(uint64_t value, const void *context)
{
	const struct warden_pending *pending = context;
	struct warden_last_word last = {
		(uint32_t)(pending->began / 1000),
		pending->class,
		pending->protocol,
	};

	if (value != warden_last_word_pack(&last))
		return TABLE_UPDATE_NONE;
	last.class = WARDEN_CLASS_NONE;
	last.protocol = WARDEN_PROTOCOL_UNKNOWN;
	return warden_last_word_pack(&last);
}

void warden_table_take_back(struct warden_table *table,
			    const struct warden_pending *pending,
			    uint64_t now)
{
	struct table_place place = table_place_of(table, &pending->host);
	struct warden_record *record = table_place_find(&place);
	struct bucket_take_back fast = { now, pending->fast_ms };
	struct bucket_take_back slow = { now, pending->slow_ms };

	if (record == NULL)
		return;
	(void)table_word_update(table, record, &place, WARDEN_WORD_FAST,
				next_bucket_take_back, &fast);
	(void)table_word_update(table, record, &place, WARDEN_WORD_SLOW,
				next_bucket_take_back, &slow);
	(void)table_word_update(table, record, &place, WARDEN_WORD_LAST,
				next_last_undone, pending);
}

void warden_table_forgive(struct warden_table *table,
			  const struct warden_host *host,
			  const struct warden_policy *policy, uint32_t points,
			  uint64_t now)
{
	struct table_place place = table_place_of(table, host);
	struct warden_record *record = table_place_find(&place);
	struct bucket_take_back fast = { now, 0 }, slow = { now, 0 };
	struct warden_limits limits;

	if (record == NULL)
		return;
	table_record_limits(table, record, &place, policy,
			    (uint32_t)(now / 1000), &limits);
	fast.added = warden_bucket_add(0, now, points, limits.fast_drain,
				       policy->fail_window_secs) -
		     now;
	slow.added = warden_bucket_add(0, now, points, limits.slow_drain,
				       WARDEN_SLOW_WINDOW_SECS) -
		     now;
	(void)table_word_update(table, record, &place, WARDEN_WORD_FAST,
				next_bucket_take_back, &fast);
	(void)table_word_update(table, record, &place, WARDEN_WORD_SLOW,
				next_bucket_take_back, &slow);
}
