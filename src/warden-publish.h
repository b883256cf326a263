/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_PUBLISH_H
#define WARDEN_PUBLISH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two copies of a structure in shared memory, of which generation % 2 says
   which is in force; 0 = none yet. A writer fills the copy that is not in force
   and then raises the generation, so a reader never meets half a structure
   and a writer that is killed changes nothing. One writer at a time; any
   number of readers, who may map the memory read-only. size is a multiple
   of 8. */

/* A reader gives up after this many structures were published while it was
   copying one. */
#define WARDEN_PUBLISH_TRIES 16

/* The generation after this one; for what is published in another form. */
uint32_t warden_publish_next(uint32_t generation);

void warden_publish_write(_Atomic uint32_t *generation, void *copies,
			  const void *value, size_t size);

/* Copy the structure in force. false: none was published, or a writer was
   always faster; *value_r may be half filled then. */
bool warden_publish_read(const _Atomic uint32_t *generation,
			 const void *copies, void *value_r, size_t size,
			 uint32_t *generation_r);

#endif
