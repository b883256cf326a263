/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_HASH_H
#define WARDEN_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash, so that nobody
   who chooses addresses or user names can choose where they go in a table. */
uint64_t warden_hash(const uint64_t key[2], const void *data, size_t size);
/* The same of the eight bytes of one number, in the machine's order. */
uint64_t warden_hash_u64(const uint64_t key[2], uint64_t value);

#endif
