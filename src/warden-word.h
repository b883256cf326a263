/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_WORD_H
#define WARDEN_WORD_H

#include <stdbool.h>

#include "warden-layout.h"

/* The tagged words of a record, see warden-layout.h: what is packed into one,
   and how it is read and replaced. Internal to the table. */

static inline uint64_t warden_word_pack(uint32_t tag, uint64_t value)
{
	return ((uint64_t)tag << WARDEN_VALUE_BITS) |
	       (value & WARDEN_VALUE_MASK);
}

/* The value for the host with that tag; a word of another host is zero. */
static inline uint64_t warden_word_value(uint64_t raw, uint32_t tag)
{
	return raw >> WARDEN_VALUE_BITS == tag ? raw & WARDEN_VALUE_MASK : 0;
}

/* A record is a column of its set, and the lines of a set are as far apart as
   the set has ways. */
static inline _Atomic uint64_t *
warden_record_word(struct warden_record *record, enum warden_word word)
{
	return (_Atomic uint64_t *)(record + WARDEN_SET_WAYS * (1 + word));
}

static inline uint64_t warden_word_load(const struct warden_record *record,
					enum warden_word word, uint32_t tag)
{
	const _Atomic uint64_t *shared =
		(const _Atomic uint64_t *)(record +
					   WARDEN_SET_WAYS * (1 + word));

	return warden_word_value(
		atomic_load_explicit(shared, memory_order_acquire), tag);
}

/* Marks: keys of records that change hands */
static inline uint64_t warden_mark_pack(enum warden_mark mark, uint32_t tag,
					uint64_t number)
{
	const uint64_t mask = (UINT64_C(1) << WARDEN_MARK_NUMBER_BITS) - 1;

	return ((uint64_t)mark << WARDEN_TAG_BITS | tag)
		       << WARDEN_MARK_NUMBER_BITS |
	       (number & mask);
}

static inline bool warden_key_is_mark(uint64_t key)
{
	return key >= WARDEN_KEY_MARKS;
}

static inline bool warden_mark_is(uint64_t key, enum warden_mark mark)
{
	return key >> (WARDEN_TAG_BITS + WARDEN_MARK_NUMBER_BITS) == mark;
}

/* A mark of that kind for a host with that tag? */
static inline bool warden_mark_is_of(uint64_t key, enum warden_mark mark,
				     uint32_t tag)
{
	return key >> WARDEN_MARK_NUMBER_BITS ==
	       ((uint64_t)mark << WARDEN_TAG_BITS | tag);
}

static inline uint32_t warden_mark_tag(uint64_t key)
{
	return (key >> WARDEN_MARK_NUMBER_BITS) & ((1U << WARDEN_TAG_BITS) - 1);
}

/* WARDEN_WORD_BLOCK */
struct warden_block_word {
	uint32_t until_secs;
	uint8_t offences; /* 0..WARDEN_OFFENCES_MAX */
	uint8_t reason;	  /* enum warden_class */
};

static inline uint64_t
warden_block_word_pack(const struct warden_block_word *block)
{
	return ((uint64_t)block->until_secs << 9) |
	       ((uint64_t)(block->offences & 15) << 5) | (block->reason & 15);
}

static inline struct warden_block_word
warden_block_word_unpack(uint64_t value)
{
	struct warden_block_word block = {
		.until_secs = (uint32_t)(value >> 9),
		.offences = (value >> 5) & 15,
		.reason = value & 15,
	};
	return block;
}

/* WARDEN_WORD_KNOWN */
struct warden_known_word {
	uint32_t login_secs;
	uint16_t users_before; /* 0..WARDEN_USERS_BEFORE_MAX */
};

static inline uint64_t
warden_known_word_pack(const struct warden_known_word *known)
{
	return ((uint64_t)known->login_secs << 9) |
	       (known->users_before & WARDEN_USERS_BEFORE_MAX);
}

static inline struct warden_known_word warden_known_word_unpack(uint64_t value)
{
	struct warden_known_word known = {
		.login_secs = (uint32_t)(value >> 9),
		.users_before = value & WARDEN_USERS_BEFORE_MAX,
	};
	return known;
}

/* events[] */
#define WARDEN_EVENT_SECS_MASK ((UINT32_C(1) << 22) - 1)
static inline uint64_t warden_event_pack(uint32_t secs, unsigned int class,
					 unsigned int protocol, uint32_t points)
{
	if (points > WARDEN_EVENT_POINTS_MAX)
		points = WARDEN_EVENT_POINTS_MAX;
	return (uint64_t)(secs & WARDEN_EVENT_SECS_MASK) << 19 |
	       (uint64_t)(class & 15) << 15 | (uint64_t)(protocol & 15) << 11 |
	       points;
}

/* WARDEN_WORD_USERS, WARDEN_WORD_NAMES */
#define WARDEN_SKETCH_TIME_MASK 511
struct warden_sketch_word {
	uint32_t bits;
	uint16_t began; /* modulo WARDEN_SKETCH_TIME_MASK + 1 */
};

static inline uint64_t
warden_sketch_word_pack(const struct warden_sketch_word *sketch)
{
	return ((uint64_t)sketch->bits << 9) |
	       (sketch->began & WARDEN_SKETCH_TIME_MASK);
}

static inline struct warden_sketch_word
warden_sketch_word_unpack(uint64_t value)
{
	struct warden_sketch_word sketch = {
		.bits = (uint32_t)(value >> 9),
		.began = value & WARDEN_SKETCH_TIME_MASK,
	};
	return sketch;
}

/* WARDEN_WORD_LAST */
struct warden_last_word {
	uint32_t secs;
	uint8_t class;	  /* enum warden_class */
	uint8_t protocol; /* enum warden_protocol */
};

static inline uint64_t
warden_last_word_pack(const struct warden_last_word *last)
{
	return ((uint64_t)last->secs << 9) |
	       ((uint64_t)(last->class & 31) << 4) | (last->protocol & 15);
}

static inline struct warden_last_word warden_last_word_unpack(uint64_t value)
{
	struct warden_last_word last = {
		.secs = (uint32_t)(value >> 9),
		.class = (value >> 4) & 31,
		.protocol = value & 15,
	};
	return last;
}

#endif
