/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-hash.h"

#include <string.h>

struct sip_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, unsigned int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_init(struct sip_state *s, const uint64_t key[2])
{
	s->v0 = key[0] ^ UINT64_C(0x736f6d6570736575);
	s->v1 = key[1] ^ UINT64_C(0x646f72616e646f6d);
	s->v2 = key[0] ^ UINT64_C(0x6c7967656e657261);
	s->v3 = key[1] ^ UINT64_C(0x7465646279746573);
}

static inline void sip_absorb(struct sip_state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip_state *s)
{
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t warden_hash(const uint64_t key[2], const void *data, size_t size)
{
	const unsigned char *p = data;
	struct sip_state s;
	uint64_t word;
	size_t left = size;

	sip_init(&s, key);
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		sip_absorb(&s, word);
	}
	word = (uint64_t)(size & 0xff) << 56;
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)p[i] << (8 * i);
	sip_absorb(&s, word);
	return sip_finish(&s);
}

uint64_t warden_hash_u64(const uint64_t key[2], uint64_t value)
{
	struct sip_state s;

	sip_init(&s, key);
	sip_absorb(&s, value);
	sip_absorb(&s, UINT64_C(8) << 56);
	return sip_finish(&s);
}
