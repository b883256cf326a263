/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A few lookups at a time, and the next one when one of them ends. The service
   goes on with its ticks meanwhile. */

#include "lib.h"
#include "warden-clock.h"
#include "client-name.h"
#include "service-names.h"

/* Each is a process of dns-client for its time, unless that serves several. */
#define LOOKUPS_MAX 4

struct service_name {
	struct warden_net addr;
	struct client_name_lookup *lookup; /* NULL: this place is free */
};

static struct {
	struct warden_keeper *keeper;
	struct service_name places[LOOKUPS_MAX];
} names;

/* false: nobody has looked it up in the last minutes. */
static bool name_tell(const struct warden_net *addr)
{
	struct warden_client client = { .remote = addr };

	client_name_find(&client);
	if (client.name_state == WARDEN_RULES_NAME_NOT_ASKED)
		return FALSE;
	warden_keeper_name_found(names.keeper, &client, warden_clock_now());
	return TRUE;
}

static void name_found(void *context)
{
	struct service_name *place = context;

	place->lookup = NULL;
	(void)name_tell(&place->addr);
	service_names_tick();
}

static struct service_name *place_find(void)
{
	for (unsigned int i = 0; i < LOOKUPS_MAX; i++) {
		if (names.places[i].lookup == NULL)
			return &names.places[i];
	}
	return NULL;
}

void service_names_tick(void)
{
	unsigned int msecs =
		warden_keeper_name_msecs(names.keeper, warden_clock_now());
	struct service_name *place;

	while ((place = place_find()) != NULL &&
	       warden_keeper_next_name(names.keeper, &place->addr)) {
		if (name_tell(&place->addr))
			continue;
		place->lookup = client_name_look_up(&place->addr, msecs,
						    name_found, place);
	}
}

void service_names_init(struct warden_keeper *keeper)
{
	i_zero(&names);
	names.keeper = keeper;
	client_name_init(FALSE);
}

void service_names_deinit(void)
{
	for (unsigned int i = 0; i < LOOKUPS_MAX; i++)
		client_name_abort(&names.places[i].lookup);
	client_name_deinit();
}
