/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

/* Numbers that can be had again: the seed is printed, and WARDEN_TEST_SEED
   repeats it. xorshift64*. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t unit_random_state;

static inline void unit_random_start(void)
{
	const char *seed = getenv("WARDEN_TEST_SEED");

	unit_random_state = seed != NULL ? strtoull(seed, NULL, 0) :
		(uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	unit_random_state |= 1;
	printf("WARDEN_TEST_SEED=%llu\n",
	       (unsigned long long)unit_random_state);
}

static inline uint32_t unit_random(void)
{
	unit_random_state ^= unit_random_state >> 12;
	unit_random_state ^= unit_random_state << 25;
	unit_random_state ^= unit_random_state >> 27;
	return (uint32_t)(unit_random_state * UINT64_C(2685821657736338717)
			  >> 32);
}

static inline uint32_t unit_random_below(uint32_t below)
{
	return unit_random() % below;
}

#endif
