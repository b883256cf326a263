/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-shelf.h"

#include <string.h>

#include "warden-publish.h"

/* A few hundred rules, in each copy, without another file. */
#define ROOM_MIN (64 * 1024)
/* An image is asked as it lies there, and wants to be aligned. */
#define ROOM_ALIGN 64

size_t warden_shelf_size(size_t image_size)
{
	/* half as much again: files grow */
	size_t room = image_size + image_size / 2;

	if (room < ROOM_MIN)
		room = ROOM_MIN;
	room = (room + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
	return sizeof(struct warden_shelf_header) + 2 * room;
}

bool warden_shelf_init(struct warden_shelf *shelf_r, void *base, size_t size)
{
	memset(shelf_r, 0, sizeof(*shelf_r));
	if (size < warden_shelf_size(0))
		return false;
	shelf_r->shared = base;
	shelf_r->room = (size - sizeof(struct warden_shelf_header)) / 2 /
			ROOM_ALIGN * ROOM_ALIGN;
	return true;
}

static unsigned char *shelf_copy(const struct warden_shelf *shelf,
				 uint32_t generation)
{
	return (unsigned char *)(shelf->shared + 1) +
	       (generation % 2) * shelf->room;
}

bool warden_shelf_write(struct warden_shelf *shelf, const void *image,
			size_t size)
{
	struct warden_shelf_header *shared = shelf->shared;
	uint32_t next;

	if (shared == NULL || size > shelf->room)
		return false;
	next = warden_publish_next(atomic_load_explicit(&shared->generation,
							memory_order_relaxed));
	/* as in warden_publish_write() */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&shared->sizes[next % 2], (uint32_t)size,
			      memory_order_relaxed);
	if (size > 0)
		memcpy(shelf_copy(shelf, next), image, size);
	atomic_store_explicit(&shared->generation, next, memory_order_release);
	return true;
}

static enum warden_shelf_result ask_once(const struct warden_shelf *shelf,
					 uint32_t generation,
					 warden_shelf_ask_t *ask, void *context)
{
	size_t size = atomic_load_explicit(
		&shelf->shared->sizes[generation % 2], memory_order_relaxed);

	if (generation == 0 || size == 0)
		return WARDEN_SHELF_EMPTY;
	if (size > shelf->room)
		return WARDEN_SHELF_NOISE;
	ask(shelf_copy(shelf, generation), size, context);
	return WARDEN_SHELF_ASKED;
}

enum warden_shelf_result warden_shelf_ask(const struct warden_shelf *shelf,
					  warden_shelf_ask_t *ask,
					  void *context)
{
	if (shelf->shared == NULL)
		return WARDEN_SHELF_EMPTY;
	for (int i = 0; i < WARDEN_PUBLISH_TRIES; i++) {
		uint32_t generation = atomic_load_explicit(
			&shelf->shared->generation, memory_order_acquire);
		enum warden_shelf_result result =
			ask_once(shelf, generation, ask, context);

		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&shelf->shared->generation,
					 memory_order_relaxed) == generation)
			return result;
	}
	return WARDEN_SHELF_NOISE;
}

bool warden_shelf_is_retired(const struct warden_shelf *shelf)
{
	return shelf->shared != NULL &&
	       atomic_load_explicit(&shelf->shared->file.retired,
				    memory_order_relaxed) != 0;
}
