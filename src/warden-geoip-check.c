/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#define _GNU_SOURCE /* memmem() */

#include "warden-geoip-check.h"

#include <string.h>

static const char metadata_mark[] = "\xab\xcd\xefMaxMind.com";
#define MARK_LEN (sizeof(metadata_mark) - 1)

/* between the search tree and the data */
#define SEPARATOR_SIZE 16
/* libmaxminddb takes it for granted */
#define DATA_SIZE_MIN 3

enum value_type {
	VALUE_EXTENDED = 0,
	VALUE_POINTER = 1,
	VALUE_STRING = 2,
	VALUE_UINT16 = 5,
	VALUE_UINT32 = 6,
	VALUE_MAP = 7,
	VALUE_ARRAY = 11,
	VALUE_BOOLEAN = 14,
};

/* Control byte and what follows it. */
struct value {
	unsigned int type; /* mostly enum value_type */
	uint32_t size;	   /* bytes, or how many there are in it */
	uint32_t target;   /* of a pointer */
	uint32_t payload;  /* where the bytes are, or what is in it */
	uint32_t next;	   /* of a map or array: payload */
};

/* --- One value ------------------------------------------------------------ */

/* *offset_io moves behind the number. */
static bool get_number(const struct warden_geoip_section *section,
		       uint32_t *offset_io, unsigned int bytes,
		       uint32_t *number_r)
{
	uint32_t number = 0;

	if (*offset_io > section->size || bytes > section->size - *offset_io)
		return false;
	for (unsigned int i = 0; i < bytes; i++)
		number = number << 8 | section->data[*offset_io + i];
	*offset_io += bytes;
	*number_r = number;
	return true;
}

static bool get_pointer(const struct warden_geoip_section *section,
			uint32_t control, uint32_t offset,
			struct value *value_r)
{
	static const uint32_t bases[] = { 0, 2048, 2048 + 524288, 0 };
	unsigned int kind = control >> 3 & 3;
	uint32_t number;

	if (!get_number(section, &offset, kind + 1, &number))
		return false;
	/* the largest have no bits in the control byte */
	if (kind < 3)
		number += (control & 7) << 8 * (kind + 1);
	value_r->type = VALUE_POINTER;
	value_r->target = number + bases[kind];
	value_r->next = offset;
	return true;
}

static bool get_size(const struct warden_geoip_section *section,
		     uint32_t control, uint32_t *offset_io, uint32_t *size_r)
{
	static const uint32_t bases[] = { 29, 285, 65821 };
	uint32_t size = control & 31, more;

	if (size >= 29) {
		unsigned int bytes = size - 28;

		if (!get_number(section, offset_io, bytes, &more))
			return false;
		size = bases[bytes - 1] + more;
	}
	*size_r = size;
	return true;
}

static bool get_value(const struct warden_geoip_section *section,
		      uint32_t offset, struct value *value_r)
{
	uint32_t control, type, size;

	memset(value_r, 0, sizeof(*value_r));
	if (!get_number(section, &offset, 1, &control))
		return false;
	type = control >> 5;
	if (type == VALUE_POINTER)
		return get_pointer(section, control, offset, value_r);
	if (type == VALUE_EXTENDED) {
		if (!get_number(section, &offset, 1, &type))
			return false;
		type += 7;
	}
	if (!get_size(section, control, &offset, &size))
		return false;
	value_r->type = type;
	value_r->size = size;
	value_r->payload = value_r->next = offset;
	/* these have nothing behind them that is theirs alone */
	if (type == VALUE_MAP || type == VALUE_ARRAY || type == VALUE_BOOLEAN)
		return true;
	if (size > section->size - offset)
		return false;
	value_r->next = offset + size;
	return true;
}

/* The same, or what it points to; *next_r is behind the pointer then. */
static bool get_value_follow(const struct warden_geoip_section *section,
			     uint32_t offset, struct value *value_r,
			     uint32_t *next_r)
{
	if (!get_value(section, offset, value_r))
		return false;
	*next_r = value_r->next;
	return value_r->type != VALUE_POINTER ||
	       (get_value(section, value_r->target, value_r) &&
		value_r->type != VALUE_POINTER);
}

/* --- A value with all that is in it --------------------------------------- */

static bool check(const struct warden_geoip_section *section, uint32_t offset,
		  unsigned int level, unsigned int *left, uint32_t *next_r);

static bool check_map_or_array(const struct warden_geoip_section *section,
			       const struct value *value, unsigned int level,
			       unsigned int *left, uint32_t *next_r)
{
	uint32_t offset = value->payload;
	struct value key;

	if (level >= WARDEN_GEOIP_LEVELS_MAX)
		return false;
	/* each round takes one off *left */
	for (uint32_t i = 0; i < value->size; i++) {
		/* with another key libmaxminddb would go on in it */
		if (value->type == VALUE_MAP &&
		    (!get_value_follow(section, offset, &key, &offset) ||
		     key.type != VALUE_STRING))
			return false;
		if (!check(section, offset, level + 1, left, &offset))
			return false;
	}
	*next_r = offset;
	return true;
}

/* Calls itself, WARDEN_GEOIP_LEVELS_MAX deep. */
static bool check(const struct warden_geoip_section *section, uint32_t offset,
		  unsigned int level, unsigned int *left, uint32_t *next_r)
{
	uint32_t inner_next;
	struct value value;
	bool is_pointer;

	if (*left == 0 || !get_value(section, offset, &value))
		return false;
	(*left)--;
	*next_r = value.next;
	is_pointer = value.type == VALUE_POINTER;
	if (is_pointer && (!get_value(section, value.target, &value) ||
			   value.type == VALUE_POINTER))
		return false;
	if (value.type != VALUE_MAP && value.type != VALUE_ARRAY)
		return true;
	return check_map_or_array(section, &value, level, left,
				  is_pointer ? &inner_next : next_r);
}

/* As above; *next_r is behind it. */
static bool check_whole(const struct warden_geoip_section *section,
			uint32_t offset, uint32_t *next_r)
{
	unsigned int left = WARDEN_GEOIP_VALUES_MAX;

	return check(section, offset, 0, &left, next_r);
}

bool warden_geoip_check_value(const struct warden_geoip_section *section,
			      uint32_t offset)
{
	uint32_t next;

	return check_whole(section, offset, &next);
}

/* --- Metadata ------------------------------------------------------------- */

/* The section is one map that was checked. */
static bool find_key(const struct warden_geoip_section *section,
		     const char *name, struct value *value_r)
{
	struct value map, key;
	uint32_t offset, next;

	if (!get_value_follow(section, 0, &map, &next) || map.type != VALUE_MAP)
		return false;
	offset = map.payload;
	for (uint32_t i = 0; i < map.size; i++) {
		if (!get_value_follow(section, offset, &key, &offset))
			return false;
		if (key.size == strlen(name) &&
		    memcmp(section->data + key.payload, name, key.size) == 0)
			return get_value_follow(section, offset, value_r,
						&next);
		if (!check_whole(section, offset, &offset))
			return false;
	}
	return false;
}

static bool find_number(const struct warden_geoip_section *section,
			const char *name, enum value_type type,
			uint32_t *number_r)
{
	struct value value;

	return find_key(section, name, &value) && value.type == type &&
	       value.size <= sizeof(*number_r) &&
	       get_number(section, &value.payload, value.size, number_r);
}

static bool languages_are_strings(const struct warden_geoip_section *section)
{
	struct value list, language;
	uint32_t offset;

	if (!find_key(section, "languages", &list) || list.type != VALUE_ARRAY)
		return false;
	offset = list.payload;
	for (uint32_t i = 0; i < list.size; i++) {
		if (!get_value_follow(section, offset, &language, &offset) ||
		    language.type != VALUE_STRING)
			return false;
	}
	return true;
}

static const char *check_metadata(const struct warden_geoip_section *section,
				  uint64_t file_size)
{
	uint32_t nodes, record_size;

	if (!warden_geoip_check_value(section, 0))
		return "its metadata is damaged";
	if (!languages_are_strings(section))
		return "its metadata has no list of languages";
	if (!find_number(section, "node_count", VALUE_UINT32, &nodes) ||
	    nodes == 0)
		return "its metadata has no node_count";
	if (!find_number(section, "record_size", VALUE_UINT16, &record_size) ||
	    (record_size != 24 && record_size != 28 && record_size != 32))
		return "its metadata has no record_size of 24, 28 or 32";
	/* two records a node */
	if ((uint64_t)nodes * record_size * 2 / 8 + SEPARATOR_SIZE +
		    DATA_SIZE_MIN >
	    file_size)
		return "cut short: it is smaller than its search tree";
	return NULL;
}

const char *warden_geoip_check_tail(const uint8_t *tail, size_t size,
				    uint64_t file_size)
{
	struct warden_geoip_section section = { .data = tail, .size = size };
	bool found = false;
	const uint8_t *mark;

	/* of several the last one counts */
	while ((mark = memmem(section.data, section.size, metadata_mark,
			      MARK_LEN)) != NULL) {
		found = true;
		section.data = mark + MARK_LEN;
		section.size = size - (size_t)(section.data - tail);
	}
	if (!found)
		return "its metadata is missing";
	return check_metadata(&section, file_size);
}
