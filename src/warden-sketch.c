/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-sketch.h"

#define BITS 32

/* By the bits that are set already: how many of 65536 are let through to the
   bitmap, and so how many there must have been. All at first, and from the
   ninth bit on 0.8 times as many with each: p[k] = 0.8^(k - 7). Then the next
   bit takes 1 / (p[k] * (32 - k) / 32) of them on average. */
static const uint32_t let_through[BITS] = {
	65536, 65536, 65536, 65536, 65536, 65536, 65536, 65536,
	52429, 41943, 33554, 26844, 21475, 17180, 13744, 10995,
	8796,  7037,  5629,  4504,  3603,  2882,  2306,	 1845,
	1476,  1181,  944,   756,   604,   484,	  387,	 309,
};
static const uint16_t counts[BITS + 1] = {
	0,    1,    2,
	3,    4,    5,
	7,    8,    9,
	11,   13,   16,
	19,   24,   31,
	39,   50,   65,
	85,   112,  148,
	196,  262,  353,
	480,  657,  911,
	1281, 1836, 2704,
	4149, 6860, WARDEN_SKETCH_MAX,
};

uint32_t warden_sketch_add(uint32_t bits, uint64_t hash)
{
	uint32_t bit = UINT32_C(1) << (hash % BITS);
	uint32_t draw = (uint32_t)(hash >> 48);

	if ((bits & bit) != 0 || draw >= let_through[__builtin_popcount(bits)])
		return bits;
	return bits | bit;
}

uint32_t warden_sketch_count(uint32_t bits)
{
	return counts[__builtin_popcount(bits)];
}
