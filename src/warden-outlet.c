/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-outlet.h"

#include <stdlib.h>

static const struct warden_outlet_type *const outlet_types[] = {
	&warden_outlet_deny_file,
	&warden_outlet_nftables,
};
#define OUTLET_TYPES (sizeof(outlet_types) / sizeof(outlet_types[0]))

struct warden_outlets {
	struct warden_outlet *list[OUTLET_TYPES];
	size_t count;
};

struct warden_outlets *
warden_outlets_create(const struct warden_settings *settings)
{
	struct warden_outlets *outlets = calloc(1, sizeof(*outlets));

	for (size_t i = 0; outlets != NULL && i < OUTLET_TYPES; i++) {
		struct warden_outlet *outlet;

		if (!outlet_types[i]->is_wanted(settings))
			continue;
		outlet = outlet_types[i]->create(settings);
		if (outlet == NULL) {
			warden_outlets_free(&outlets);
			return NULL;
		}
		outlet->type = outlet_types[i];
		outlets->list[outlets->count++] = outlet;
	}
	return outlets;
}

void warden_outlets_free(struct warden_outlets **_outlets)
{
	struct warden_outlets *outlets = *_outlets;

	if (outlets == NULL)
		return;
	*_outlets = NULL;
	for (size_t i = 0; i < outlets->count; i++)
		outlets->list[i]->type->free(outlets->list[i]);
	free(outlets);
}

bool warden_outlets_set(struct warden_outlets *outlets,
			const struct warden_denied *denied, size_t count)
{
	bool ok = true;

	for (size_t i = 0; i < outlets->count; i++) {
		struct warden_outlet *outlet = outlets->list[i];

		ok = outlet->type->set(outlet, denied, count) && ok;
	}
	return ok;
}

void warden_outlets_look(struct warden_outlets *outlets)
{
	for (size_t i = 0; i < outlets->count; i++)
		outlets->list[i]->type->look(outlets->list[i]);
}

void warden_outlets_tick(struct warden_outlets *outlets,
			 struct warden_report *report, bool at_once,
			 uint64_t now)
{
	for (size_t i = 0; i < outlets->count; i++) {
		struct warden_outlet *outlet = outlets->list[i];

		outlet->type->tick(outlet, report, at_once, now);
	}
}

uint32_t warden_outlets_faults(const struct warden_outlets *outlets)
{
	uint32_t faults = 0;

	for (size_t i = 0; i < outlets->count; i++) {
		const struct warden_outlet *outlet = outlets->list[i];

		faults |= outlet->type->faults(outlet);
	}
	return faults;
}

size_t warden_outlets_memory(const struct warden_settings *settings)
{
	size_t memory = 0;

	for (size_t i = 0; i < OUTLET_TYPES; i++) {
		if (outlet_types[i]->is_wanted(settings))
			memory += outlet_types[i]->memory;
	}
	return memory;
}
