/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_NEIGHBOURS_H
#define WARDEN_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "warden-admin.h"
#include "warden-layout.h"

/* Networks (/24, /48), autonomous systems and countries of which several hosts
   are blocked at once: bad neighbourhoods, as van Wanrooij and Pras call them
   ("Filtering spam from bad neighborhoods", 2010). What a host of one does
   weighs more, if nobody has logged in from there: a botnet has its hosts where
   there are others of it.

   Nobody is to suffer from his neighbours who has ever logged in, nor from
   those next door: hosts that are known, or in whose network one is, weigh what
   they always did. And where more hosts are known than are blocked, the
   provider of the users or the country that they live in, all do. */

/* So many hosts must be blocked; twice as many weigh more, and so on. Of one
   network not more than the first number count in its AS and country: who has a
   /48 or a /24 is not all of his provider. */
#define WARDEN_NEIGHBOURS_NETWORK 3
#define WARDEN_NEIGHBOURS_AS 10
#define WARDEN_NEIGHBOURS_COUNTRY 50

/* So often they are counted, if blocks began or ended meanwhile by anything but
   time; and so often in any case. A tick looks at so many records. */
#define WARDEN_NEIGHBOURS_SLICE 65536
#define WARDEN_NEIGHBOURS_MSECS 5000
#define WARDEN_NEIGHBOURS_LATEST_MSECS 30000

enum warden_neighbourhood_kind {
	WARDEN_NEIGHBOURHOOD_INET = 1, /* id: the first 24 bits */
	WARDEN_NEIGHBOURHOOD_INET6,    /* id: the first 48 bits */
	WARDEN_NEIGHBOURHOOD_AS,       /* id: its number */
	WARDEN_NEIGHBOURHOOD_COUNTRY,  /* id: as in warden-origins.h */
};

#define WARDEN_NEIGHBOURHOOD_STRLEN 64
/* "192.0.2.0/24", "2001:db8:1::/48", "AS64500", "country XK". buf has
   WARDEN_NEIGHBOURHOOD_STRLEN bytes; returns buf. */
const char *warden_neighbourhood_format(uint64_t key, char *buf);

/* The one of those that the address with that origin is in which weighs most;
   NULL: none. */
const struct warden_neighbourhood *
warden_neighbourhoods_find(const struct warden_neighbourhoods *list,
			   const struct warden_net *addr, uint32_t origin);

/* --- The service ---------------------------------------------------------- */

struct warden_neighbours;

/* A megabyte. NULL: no memory. */
struct warden_neighbours *warden_neighbours_create(void);
void warden_neighbours_free(struct warden_neighbours **neighbours);

/* Look through the table for the neighbourhoods of now; as many as fit, those
   with most blocked hosts first. */
void warden_neighbours_count(struct warden_neighbours *neighbours,
			     struct warden *warden,
			     const struct warden_policy *policy, uint64_t now,
			     struct warden_neighbourhoods *list_r);
/* The same piece by piece, and publish it, if it is due. At each tick. */
void warden_neighbours_look(struct warden_neighbours *neighbours,
			    struct warden *warden,
			    const struct warden_policy *policy, uint64_t now);

#endif
