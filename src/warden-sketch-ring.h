/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SKETCH_RING_H
#define WARDEN_SKETCH_RING_H

#include <stdatomic.h>
#include <stdint.h>

/* How many different things were seen lately: a sketch for each slot of time,
   in words of shared memory, slot_number:32 sketch:32. A word of another slot
   number is empty, so nobody has to clear them. words are `room` many; any
   process may add at any time, and any bytes in them are a count. */

/* Gives up after WARDEN_CAS_TRIES. hash as for warden_sketch_add(). */
void warden_sketch_ring_add(_Atomic uint64_t *words, uint32_t room,
			    uint32_t slot, uint64_t hash);
/* In this slot and in `before` slots before it; fewer than room. */
uint32_t warden_sketch_ring_count(const _Atomic uint64_t *words, uint32_t room,
				  uint32_t slot, uint32_t before);

#endif
