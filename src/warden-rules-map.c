/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Maps from an address to the first rule that has it. All ends of ranges cut
   the addresses into cells. Rules are painted in order, and a cell keeps its
   first colour. So that a thousand rules for the same network do not each walk
   over all its cells, a cell that has its colour points to the next one that
   may be without. */

#include <stdlib.h>
#include <string.h>

#include "warden-rules-private.h"

static const uint8_t ipv4_prefix[12] = { [10] = 0xff, [11] = 0xff };
#define IPV4_PREFIX_BITS 96

void *rules_rows_add(struct rules_rows *rows, size_t size)
{
	if (rows->count == rows->room) {
		size_t room = rows->room == 0 ? 16 : rows->room * 2;
		void *data = realloc(rows->data, room * size);

		if (data == NULL)
			return NULL;
		rows->data = data;
		rows->room = room;
	}
	return memset((char *)rows->data + rows->count++ * size, 0, size);
}

/* --- Keys ---------------------------------------------------------------- */

void rules_key_from_net(struct rules_key *key_r, const struct warden_net *net)
{
	if (net->family != WARDEN_INET) {
		memcpy(key_r->bytes, net->bytes, sizeof(key_r->bytes));
		return;
	}
	memcpy(key_r->bytes, ipv4_prefix, sizeof(ipv4_prefix));
	memcpy(key_r->bytes + sizeof(ipv4_prefix), net->bytes, 4);
}

bool rules_key_is_ipv4(const struct rules_key *key)
{
	return memcmp(key->bytes, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

static int key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rules_key));
}

/* The last address with the same first bits. */
static void key_fill(struct rules_key *key, unsigned int bits)
{
	for (unsigned int i = bits; i < 128; i++)
		key->bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* false: there is none after this */
static bool key_next(struct rules_key *key)
{
	for (int i = 15; i >= 0; i--) {
		if (++key->bytes[i] != 0)
			return true;
	}
	return false;
}

static void key_previous(struct rules_key *key)
{
	for (int i = 15; i >= 0; i--) {
		if (key->bytes[i]-- != 0)
			return;
	}
}

/* --- Ranges -------------------------------------------------------------- */

static bool add_range(struct rules_rows *ranges, const struct rules_key *first,
		      const struct rules_key *last, uint32_t value)
{
	struct rules_range *range = rules_rows_add(ranges, sizeof(*range));

	if (range == NULL)
		return false;
	range->first = *first;
	range->last = *last;
	range->value = value;
	return true;
}

/* Below and above the IPv4 addresses. */
static bool add_around_ipv4(struct rules_rows *ranges,
			    const struct rules_range *range)
{
	struct rules_key below = { { 0 } }, above;

	memcpy(below.bytes, ipv4_prefix, sizeof(ipv4_prefix));
	above = below;
	key_previous(&below);
	key_fill(&above, IPV4_PREFIX_BITS);
	(void)key_next(&above);
	return add_range(ranges, &range->first, &below, range->value) &&
		add_range(ranges, &above, &range->last, range->value);
}

bool rules_ranges_add(struct rules_rows *ranges, const struct warden_net *net,
		      uint32_t value)
{
	unsigned int bits = net->bits;
	struct rules_range range = { .value = value };
	struct rules_key ipv4 = { { 0 } };

	if (net->family == WARDEN_INET)
		bits += IPV4_PREFIX_BITS;
	rules_key_from_net(&range.first, net);
	range.last = range.first;
	key_fill(&range.last, bits);
	memcpy(ipv4.bytes, ipv4_prefix, sizeof(ipv4_prefix));
	if (net->family == WARDEN_INET6) {
		if (bits < IPV4_PREFIX_BITS &&
		    key_cmp(&range.first, &ipv4) <= 0 &&
		    key_cmp(&ipv4, &range.last) <= 0)
			return add_around_ipv4(ranges, &range);
		if (rules_key_is_ipv4(&range.first))
			return true;
	}
	return add_range(ranges, &range.first, &range.last, value);
}

/* --- Maps ---------------------------------------------------------------- */

struct cells {
	struct rules_key *first;
	uint32_t *value;
	uint32_t *next; /* itself: it may have no colour yet */
	uint32_t count;
};

static void cells_free(struct cells *cells)
{
	free(cells->first);
	free(cells->value);
	free(cells->next);
}

/* Where cells begin: at the first address of a range, and after its last. */
static uint32_t cut(struct rules_key *keys, const struct rules_rows *ranges)
{
	const struct rules_range *range = ranges->data;
	size_t count = 0, different = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		keys[count++] = range[i].first;
		keys[count] = range[i].last;
		if (key_next(&keys[count]))
			count++;
	}
	qsort(keys, count, sizeof(*keys), key_cmp);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || key_cmp(&keys[i], &keys[different - 1]) != 0)
			keys[different++] = keys[i];
	}
	return (uint32_t)different;
}

static bool cells_make(struct cells *cells_r, const struct rules_rows *ranges)
{
	size_t room = ranges->count * 2 + 1;

	cells_r->first = calloc(room, sizeof(*cells_r->first));
	cells_r->value = calloc(room, sizeof(*cells_r->value));
	cells_r->next = calloc(room, sizeof(*cells_r->next));
	if (cells_r->first == NULL || cells_r->value == NULL ||
	    cells_r->next == NULL)
		return false;
	cells_r->count = cut(cells_r->first, ranges);
	for (uint32_t i = 0; i <= cells_r->count; i++) {
		cells_r->value[i] = RULES_NONE;
		cells_r->next[i] = i;
	}
	return true;
}

/* The cell that begins there; behind the last one if there is none. */
static uint32_t cells_find(const struct cells *cells,
			   const struct rules_key *key)
{
	const struct rules_key *found =
		bsearch(key, cells->first, cells->count, sizeof(*key), key_cmp);

	return found == NULL ? cells->count : (uint32_t)(found - cells->first);
}

static uint32_t without_colour(struct cells *cells, uint32_t i)
{
	while (cells->next[i] != i) {
		cells->next[i] = cells->next[cells->next[i]];
		i = cells->next[i];
	}
	return i;
}

static void paint(struct cells *cells, const struct rules_range *range)
{
	struct rules_key after = range->last;
	uint32_t i, to = cells->count;

	if (key_next(&after))
		to = cells_find(cells, &after);
	i = without_colour(cells, cells_find(cells, &range->first));
	while (i < to) {
		cells->value[i] = range->value;
		cells->next[i] = i + 1;
		i = without_colour(cells, i);
	}
}

/* Neighbours of one colour are one. */
static bool cells_write(const struct cells *cells, struct rules_rows *bounds)
{
	uint32_t last = RULES_NONE;

	for (uint32_t i = 0; i < cells->count; i++) {
		struct rules_bound *bound;

		if (cells->value[i] == last)
			continue;
		bound = rules_rows_add(bounds, sizeof(*bound));
		if (bound == NULL)
			return false;
		bound->key = cells->first[i];
		bound->value = last = cells->value[i];
	}
	return true;
}

bool rules_map_build(struct rules_rows *bounds,
		     const struct rules_rows *ranges, struct rules_map *map_r)
{
	const struct rules_range *range = ranges->data;
	struct cells cells = { .count = 0 };
	bool success;

	map_r->first = (uint32_t)bounds->count;
	map_r->count = 0;
	if (ranges->count == 0)
		return true;
	success = cells_make(&cells, ranges);
	for (size_t i = 0; success && i < ranges->count; i++)
		paint(&cells, &range[i]);
	success = success && cells_write(&cells, bounds);
	cells_free(&cells);
	map_r->count = (uint32_t)bounds->count - map_r->first;
	return success;
}
