/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-publish.h"

/* Shared structures are copied word by word with atomic accesses: a reader
   and a writer may touch the same copy at once, and only the generation tells
   afterwards that the reader has to throw its copy away. */
typedef uint64_t __attribute__((may_alias)) shared_word;

static void words_store(void *dest, const void *src, size_t size)
{
	shared_word *d = dest;
	const shared_word *s = src;

	for (size_t i = 0; i < size / sizeof(*d); i++)
		__atomic_store_n(&d[i], s[i], __ATOMIC_RELAXED);
}

static void words_load(void *dest, const void *src, size_t size)
{
	shared_word *d = dest;
	const shared_word *s = src;

	for (size_t i = 0; i < size / sizeof(*d); i++)
		d[i] = __atomic_load_n(&s[i], __ATOMIC_RELAXED);
}

uint32_t warden_publish_next(uint32_t generation)
{
	generation++;
	/* 0 means "none": step over it, and keep the parity going */
	return generation == 0 ? 2 : generation;
}

void warden_publish_write(_Atomic uint32_t *generation, void *copies,
			  const void *value, size_t size)
{
	uint32_t next = warden_publish_next(
		atomic_load_explicit(generation, memory_order_relaxed));

	/* readers of the generation before the present one must see that it
	   is over before they see these stores */
	atomic_thread_fence(memory_order_release);
	words_store((char *)copies + (next % 2) * size, value, size);
	atomic_store_explicit(generation, next, memory_order_release);
}

bool warden_publish_read(const _Atomic uint32_t *generation,
			 const void *copies, void *value_r, size_t size,
			 uint32_t *generation_r)
{
	for (int i = 0; i < WARDEN_PUBLISH_TRIES; i++) {
		uint32_t before =
			atomic_load_explicit(generation, memory_order_acquire);

		if (before == 0)
			return false;
		words_load(value_r,
			   (const char *)copies + (before % 2) * size, size);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(generation, memory_order_relaxed) ==
		    before) {
			*generation_r = before;
			return true;
		}
	}
	return false;
}
