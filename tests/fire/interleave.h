/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef INTERLEAVE_H
#define INTERLEAVE_H

/* Included before each source of the table (-include): now and then a worker
   lets the others go on right before it looks at or changes a shared word. A
   race that needs a process to be stopped between two instructions, which
   happens once in a million times, happens all the time. */

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#define INTERLEAVE_ONCE_IN 32

static inline void interleave(void)
{
	static _Thread_local uint32_t state;

	/* a linear congruential generator: it only has to be quick. Where it
	   begins does not matter: the workers get out of step by themselves */
	state = state * 1664525 + 1013904223;
	if ((state >> 16) % INTERLEAVE_ONCE_IN == 0)
		(void)sched_yield();
}

static inline uint64_t interleave_load(const _Atomic uint64_t *word,
				       memory_order order)
{
	interleave();
	return order == memory_order_relaxed ?
		       atomic_load_explicit(word, memory_order_relaxed) :
	       order == memory_order_acquire ?
		       atomic_load_explicit(word, memory_order_acquire) :
		       atomic_load_explicit(word, memory_order_seq_cst);
}

static inline _Bool interleave_replace(_Atomic uint64_t *word, uint64_t *from,
				       uint64_t to)
{
	interleave();
	return atomic_compare_exchange_strong(word, from, to);
}

#undef atomic_load
#undef atomic_load_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#define atomic_load(word) interleave_load(word, memory_order_seq_cst)
#define atomic_load_explicit(word, order) interleave_load(word, order)
#define atomic_compare_exchange_strong(word, from, to) \
	interleave_replace(word, from, to)
#define atomic_compare_exchange_strong_explicit(word, from, to, order, fail) \
	interleave_replace(word, from, to)

#endif
