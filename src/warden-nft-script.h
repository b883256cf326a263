/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_NFT_SCRIPT_H
#define WARDEN_NFT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "warden-address.h"
#include "warden-sweep.h"

/* The language of nft(8), as much of it as we speak and understand. */

/* "inet filter warden": family and name of the table, and a name for what is
   ours in there: the chain `warden`, the sets `warden4` and `warden6`. */
struct warden_nft_names {
	char family[8]; /* inet, ip or ip6; empty: nftables is not wanted */
	char table[28];
	char name[28];
};

/* false: *error_r is a static text, and *names_r as it was. An empty value is
   none. */
bool warden_nft_names_parse(const char *value, struct warden_nft_names *names_r,
			    const char **error_r);
/* Does the table see such addresses? */
bool warden_nft_names_have(const struct warden_nft_names *names,
			   enum warden_family family);
/* As nft shows it: "inet filter". buf has WARDEN_NFT_TABLE_STRLEN bytes;
   returns buf. */
#define WARDEN_NFT_TABLE_STRLEN 48
const char *warden_nft_table_format(const struct warden_nft_names *names,
				    char *buf);
/* "warden4 and warden6", or the one that there is. */
#define WARDEN_NFT_SETS_STRLEN 80
const char *warden_nft_sets_format(const struct warden_nft_names *names,
				   char *buf);

/* The commands that make table, sets, chain and rules, or make them anew: as
   often as you like, in one go, and what is in the sets stays. */
void warden_nft_write_setup(FILE *file, const struct warden_nft_names *names);
/* That take chain and sets away, also if some are missing; but the table must
   be there. */
void warden_nft_write_remove(FILE *file, const struct warden_nft_names *names);
void warden_nft_write_flush(FILE *file, const struct warden_nft_names *names);
/* Of one set: nft of 2022 cannot do two in one go. buf has
   WARDEN_NFT_LIST_STRLEN bytes; returns buf. */
#define WARDEN_NFT_LIST_STRLEN 128
const char *warden_nft_list_format(const struct warden_nft_names *names,
				   enum warden_family family, char *buf);

/* The command that fails unless the set for such addresses has the network, or
   one around it. buf has WARDEN_NFT_GET_STRLEN bytes; returns buf. */
#define WARDEN_NFT_GET_STRLEN 192
const char *warden_nft_get_format(const struct warden_nft_names *names,
				  const struct warden_net *net, char *buf);

/* Add those of the elements that one of the sets takes. Each ends by itself at
   its time. Those that are over at now_secs are left out. */
void warden_nft_write_add(FILE *file, const struct warden_nft_names *names,
			  const struct warden_denied *elements, size_t count,
			  uint32_t now_secs);
/* Take them out, also those that ended by themselves, which nft would take for
   a mistake. */
void warden_nft_write_delete(FILE *file, const struct warden_nft_names *names,
			     const struct warden_denied *elements,
			     size_t count);

/* Read what nft printed of sets: their elements, in no order. Returns how many,
   at most room; -1: there are more, or there is something in it that we never
   put there. */
int warden_nft_parse_sets(const char *text, struct warden_net *nets,
			  size_t room);
/* What nft printed of the table, by NFT_CTX_OUTPUT_STATELESS: is all of setup
   there? Is anything of it there? Is anything there at all? */
bool warden_nft_has_all(const char *text, const struct warden_nft_names *names);
bool warden_nft_has_any(const char *text, const struct warden_nft_names *names);
bool warden_nft_table_is_empty(const char *text);

#endif
