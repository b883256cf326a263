/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-sketch-ring.h"

#include "warden-layout.h"
#include "warden-sketch.h"

static uint32_t word_bits(uint64_t word, uint32_t slot)
{
	return word >> 32 == slot ? (uint32_t)word : 0;
}

void warden_sketch_ring_add(_Atomic uint64_t *words, uint32_t room,
			    uint32_t slot, uint64_t hash)
{
	_Atomic uint64_t *word = &words[slot % room];
	uint64_t present = atomic_load_explicit(word, memory_order_relaxed);

	for (int i = 0; i < WARDEN_CAS_TRIES; i++) {
		uint32_t bits = word_bits(present, slot);
		uint32_t next = warden_sketch_add(bits, hash);

		if (next == bits ||
		    atomic_compare_exchange_weak_explicit(
			    word, &present, (uint64_t)slot << 32 | next,
			    memory_order_relaxed, memory_order_relaxed))
			return;
	}
}

uint32_t warden_sketch_ring_count(const _Atomic uint64_t *words, uint32_t room,
				  uint32_t slot, uint32_t before)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i <= before; i++) {
		uint64_t word = atomic_load_explicit(
			&words[(slot - i) % room], memory_order_relaxed);

		bits |= word_bits(word, slot - i);
	}
	return warden_sketch_count(bits);
}
