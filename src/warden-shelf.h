/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SHELF_H
#define WARDEN_SHELF_H

#include "warden-layout.h"

/* What is too large for every process to have a copy of its own: an image
   without pointers in a shared file, which is asked in place. There is room
   for two, and `generation` says which is in force, as in warden-publish.h.

   One writer, the service; any number of readers, who map it read-only. What
   is asked while two images are published is noise, is noticed, and is asked
   again. */

struct warden_shelf {
	struct warden_shelf_header *shared; /* NULL: there is none */
	size_t room;			    /* of one copy, bytes */
};

/* Size of a file with room for images of this size, and half as much again. */
size_t warden_shelf_size(size_t image_size);
/* base: of a file that was opened, size bytes. */
bool warden_shelf_init(struct warden_shelf *shelf_r, void *base, size_t size);

/* Put an image in force; size 0: there is none. false: it does not fit, and
   nothing has changed. The service. */
bool warden_shelf_write(struct warden_shelf *shelf, const void *image,
			size_t size);

/* Asks the image. It is aligned to 64 and may be noise: what is found out is
   thrown away then, but there must be an end. May be called more than once. */
typedef void warden_shelf_ask_t(const void *image, size_t size, void *context);

enum warden_shelf_result {
	WARDEN_SHELF_EMPTY, /* there is no image; ask was not called, or it
			       does not count */
	WARDEN_SHELF_ASKED,
	WARDEN_SHELF_NOISE, /* nothing could be learned */
};
enum warden_shelf_result warden_shelf_ask(const struct warden_shelf *shelf,
					  warden_shelf_ask_t *ask,
					  void *context);

/* Has another file taken the place of this one? false if there is none. */
bool warden_shelf_is_retired(const struct warden_shelf *shelf);

#endif
