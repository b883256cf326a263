/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The image: a head, and for each family the addresses where runs begin and,
   in the same order, their origins. What is known of all IPv4 addresses takes
   twenty looks. */

#include "warden-origins.h"

#include <stdlib.h>
#include <string.h>

#define ORIGINS_MAGIC UINT64_C(0x77646e6f72696731)
#define LETTERS 26
#define ROOM_MIN 1024

struct origins_head {
	uint64_t magic;
	uint32_t inet, inet6; /* runs */
	/* then: uint64_t inet6 firsts, uint32_t inet6 origins,
	   uint32_t inet firsts, uint32_t inet origins */
};

/* --- Origins as numbers ---------------------------------------------------- */

/* 0..25; LETTERS: it is none */
static uint32_t letter(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	return c >= 'a' && c <= 'z' ? (uint32_t)(c - 'a') : LETTERS;
}

uint32_t warden_country_parse(const char *letters, size_t len)
{
	uint32_t first, second;

	if (len != 2)
		return 0;
	first = letter(letters[0]);
	second = letter(letters[1]);
	if (first == LETTERS || second == LETTERS)
		return 0;
	return 1 + first * LETTERS + second;
}

const char *warden_country_format(uint32_t country, char *buf)
{
	memset(buf, 0, 3);
	if (country >= 1 && country < WARDEN_COUNTRIES) {
		buf[0] = (char)('A' + (country - 1) / LETTERS);
		buf[1] = (char)('A' + (country - 1) % LETTERS);
	}
	return buf;
}

uint32_t warden_origin_pack(uint32_t country, uint64_t as)
{
	if (country >= WARDEN_COUNTRIES)
		country = 0;
	if (as > WARDEN_AS_MAX)
		as = 0;
	return (uint32_t)as << WARDEN_COUNTRY_BITS | country;
}

uint32_t warden_origin_country(uint32_t origin)
{
	uint32_t country = origin & ((1u << WARDEN_COUNTRY_BITS) - 1);

	return country < WARDEN_COUNTRIES ? country : 0;
}

uint32_t warden_origin_as(uint32_t origin)
{
	return origin >> WARDEN_COUNTRY_BITS;
}

/* --- Lists ---------------------------------------------------------------- */

static bool runs_grow(struct warden_origin_runs *runs)
{
	size_t room = runs->room == 0 ? ROOM_MIN : runs->room * 2;
	struct warden_origin_run *larger;

	if (runs->count >= WARDEN_ORIGINS_MAX_RUNS)
		return false;
	if (runs->count < runs->room)
		return true;
	larger = reallocarray(runs->runs, room, sizeof(*larger));
	if (larger == NULL)
		return false;
	runs->runs = larger;
	runs->room = room;
	return true;
}

bool warden_origin_runs_add(struct warden_origin_runs *runs, uint64_t first,
			    uint32_t origin)
{
	size_t count = runs->count;

	/* it takes the place of one that has no address */
	if (count > 0 && runs->runs[count - 1].first == first)
		count--;
	if ((count > 0 ? runs->runs[count - 1].origin : 0) == origin) {
		runs->count = count;
		return true;
	}
	if (count == runs->count && !runs_grow(runs))
		return false;
	runs->runs[count].first = first;
	runs->runs[count].origin = origin;
	runs->count = count + 1;
	return true;
}

static uint32_t origin_join(uint32_t country, uint32_t system)
{
	uint32_t c = warden_origin_country(country);
	uint32_t as = warden_origin_as(system);

	return warden_origin_pack(
		c != 0 ? c : warden_origin_country(system),
		as != 0 ? as : warden_origin_as(country));
}

/* Where the next run begins; UINT64_MAX: there is none. None begins there:
   that is multicast. */
static uint64_t next_first(const struct warden_origin_runs *runs, size_t i)
{
	return i < runs->count ? runs->runs[i].first : UINT64_MAX;
}

static bool runs_join(struct warden_origin_runs *runs_r,
		      const struct warden_origin_runs *a,
		      const struct warden_origin_runs *b)
{
	uint32_t of_a = 0, of_b = 0;
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		uint64_t first_a = next_first(a, i), first_b = next_first(b, j);
		uint64_t first = first_a < first_b ? first_a : first_b;

		if (i < a->count && first_a == first)
			of_a = a->runs[i++].origin;
		if (j < b->count && first_b == first)
			of_b = b->runs[j++].origin;
		if (!warden_origin_runs_add(runs_r, first,
					    origin_join(of_a, of_b)))
			return false;
	}
	return true;
}

bool warden_origins_list_join(struct warden_origins_list *list_r,
			      const struct warden_origins_list *countries,
			      const struct warden_origins_list *systems)
{
	memset(list_r, 0, sizeof(*list_r));
	if (runs_join(&list_r->inet, &countries->inet, &systems->inet) &&
	    runs_join(&list_r->inet6, &countries->inet6, &systems->inet6) &&
	    list_r->inet.count + list_r->inet6.count <=
		    WARDEN_ORIGINS_MAX_RUNS)
		return true;
	warden_origins_list_free(list_r);
	return false;
}

void warden_origins_list_free(struct warden_origins_list *list)
{
	free(list->inet.runs);
	free(list->inet6.runs);
	memset(list, 0, sizeof(*list));
}

/* --- The image ------------------------------------------------------------ */

static size_t image_size(size_t inet, size_t inet6)
{
	return sizeof(struct origins_head) +
	       inet6 * (sizeof(uint64_t) + sizeof(uint32_t)) +
	       inet * 2 * sizeof(uint32_t);
}

size_t warden_origins_image_size(const struct warden_origins_list *list)
{
	if (list->inet.count == 0 && list->inet6.count == 0)
		return 0;
	return image_size(list->inet.count, list->inet6.count);
}

void warden_origins_image_write(const struct warden_origins_list *list,
				void *image)
{
	const struct warden_origin_runs *inet = &list->inet;
	const struct warden_origin_runs *inet6 = &list->inet6;
	struct origins_head *head = image;
	uint64_t *firsts6;
	uint32_t *origins6, *firsts, *origins;

	if (warden_origins_image_size(list) == 0)
		return;
	firsts6 = (uint64_t *)(head + 1);
	origins6 = (uint32_t *)(firsts6 + inet6->count);
	firsts = origins6 + inet6->count;
	origins = firsts + inet->count;
	head->magic = ORIGINS_MAGIC;
	head->inet = (uint32_t)inet->count;
	head->inet6 = (uint32_t)inet6->count;
	for (size_t i = 0; i < inet6->count; i++) {
		firsts6[i] = inet6->runs[i].first;
		origins6[i] = inet6->runs[i].origin;
	}
	for (size_t i = 0; i < inet->count; i++) {
		firsts[i] = (uint32_t)inet->runs[i].first;
		origins[i] = inet->runs[i].origin;
	}
}

/* The origin of the run that the wanted one is in. The origins stand behind the
   firsts, which are 64 bits wide or 32; each caller says which, and gets a search
   of its own. */
static inline __attribute__((always_inline)) uint32_t
find_run(const void *firsts, size_t width, uint32_t count, uint64_t wanted)
{
	const uint32_t *origins =
		(const uint32_t *)((const char *)firsts + count * width);
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t first = width == sizeof(uint64_t) ?
					 ((const uint64_t *)firsts)[middle] :
					 ((const uint32_t *)firsts)[middle];

		if (first <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? 0 : origins[low - 1];
}

static uint64_t first_bits(const struct warden_net *addr, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value = value << 8 | addr->bytes[i];
	return value;
}

/* The parts of an image; false: it is none. */
struct image_parts {
	const uint64_t *firsts6;
	const uint32_t *firsts;
	uint32_t inet, inet6;
};

static bool image_open(struct image_parts *parts_r, const void *image,
		       size_t size)
{
	const struct origins_head *head = image;

	if (size < sizeof(*head) || head->magic != ORIGINS_MAGIC)
		return false;
	/* once: another image may be written over this one meanwhile */
	parts_r->inet = __atomic_load_n(&head->inet, __ATOMIC_RELAXED);
	parts_r->inet6 = __atomic_load_n(&head->inet6, __ATOMIC_RELAXED);
	if (parts_r->inet > WARDEN_ORIGINS_MAX_RUNS ||
	    parts_r->inet6 > WARDEN_ORIGINS_MAX_RUNS ||
	    image_size(parts_r->inet, parts_r->inet6) > size)
		return false;
	parts_r->firsts6 = (const uint64_t *)(head + 1);
	parts_r->firsts =
		(const uint32_t *)(parts_r->firsts6 + parts_r->inet6) +
		parts_r->inet6;
	return true;
}

uint32_t warden_origins_find(const void *image, size_t size,
			     const struct warden_net *addr)
{
	struct image_parts parts;

	if (!image_open(&parts, image, size))
		return 0;
	if (addr->family == WARDEN_INET6) {
		return find_run(parts.firsts6, sizeof(*parts.firsts6),
				parts.inet6, first_bits(addr, 8));
	}
	return find_run(parts.firsts, sizeof(*parts.firsts), parts.inet,
			first_bits(addr, 4));
}

static uint32_t origin_part(uint32_t origin, bool countries, bool systems)
{
	return warden_origin_pack(countries ? warden_origin_country(origin) : 0,
				  systems ? warden_origin_as(origin) : 0);
}

bool warden_origins_list_read(struct warden_origins_list *list_r,
			      const void *image, size_t size, bool countries,
			      bool systems)
{
	struct image_parts parts;
	const uint32_t *origins, *origins6;
	bool ok = true;

	memset(list_r, 0, sizeof(*list_r));
	if (!image_open(&parts, image, size))
		return true;
	origins = parts.firsts + parts.inet;
	origins6 = (const uint32_t *)(parts.firsts6 + parts.inet6);
	for (uint32_t i = 0; ok && i < parts.inet; i++) {
		ok = warden_origin_runs_add(
			&list_r->inet, parts.firsts[i],
			origin_part(origins[i], countries, systems));
	}
	for (uint32_t i = 0; ok && i < parts.inet6; i++) {
		ok = warden_origin_runs_add(
			&list_r->inet6, parts.firsts6[i],
			origin_part(origins6[i], countries, systems));
	}
	if (!ok)
		warden_origins_list_free(list_r);
	return ok;
}
