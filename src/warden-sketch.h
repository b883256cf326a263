/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_SKETCH_H
#define WARDEN_SKETCH_H

#include <stdint.h>

/* How many different things were seen, in 32 bits: a bitmap of which each bit
   that is set makes it harder to set another one (Chen, Cao, Shepp, Nguyen:
   Distinct Counting with a Self-Learning Bitmap, 2009). The same thing again
   changes nothing. Up to eight are counted to one or two, more of them to
   a third; any bits at all are a count of at most WARDEN_SKETCH_MAX. */
#define WARDEN_SKETCH_MAX 13636

/* The bits after one with that hash, which is of a keyed hash function. The
   same bits: it was seen before, or is one of many. */
uint32_t warden_sketch_add(uint32_t bits, uint64_t hash);
uint32_t warden_sketch_count(uint32_t bits);

#endif
