/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_GEOIP_CHECK_H
#define WARDEN_GEOIP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May libmaxminddb be asked about this? It is made for files that one trusts.
   Versions up to 1.8 compute the size of the search tree in 32 bits and then
   read beside the file; up to 1.11 they lose memory when the list of languages
   is none; up to 1.12 they go down into maps within maps until the stack is
   full; and all unfold pointers to lists of pointers without end. Debian 11 to
   13 have 1.5, 1.7 and 1.12. So whatever it is asked about is looked at before,
   with bounds.

   Format: https://maxmind.github.io/MaxMind-DB/, version 2.0. */

/* Bytes that pointers count from: all data records of a file, or its
   metadata. */
struct warden_geoip_section {
	const uint8_t *data;
	size_t size;
};

/* What one record may have; in GeoLite2-City it is about a hundred values, four
   levels deep. What several pointers point to is counted each time. */
#define WARDEN_GEOIP_VALUES_MAX 1024u
#define WARDEN_GEOIP_LEVELS_MAX 16u

/* Of a file, what its metadata may be in. */
#define WARDEN_GEOIP_TAIL_MAX (128u * 1024)

/* The value at this offset, and all that is in it or that it points to, is
   inside the section, within the bounds above, and every key of a map is a
   string. */
bool warden_geoip_check_value(const struct warden_geoip_section *section,
			      uint32_t offset);

/* tail: the last bytes of the file, up to WARDEN_GEOIP_TAIL_MAX. Has it
   metadata that libmaxminddb can be left alone with, and of a tree that is in a
   file of that size (up to 1 GiB)? NULL: yes. Else what is wrong, a static
   text. */
const char *warden_geoip_check_tail(const uint8_t *tail, size_t size,
				    uint64_t file_size);

#endif
