/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ORIGINS_SIZE_H
#define WARDEN_ORIGINS_SIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "warden-error.h"

/* How large the last image of origins was, in warden_state_dir: /run is empty
   after a boot, only root can make the file there as large as it has to be, and
   only the service, which is not root any more then, reads the databases. Root
   believes a number of it, up to WARDEN_ORIGINS_IMAGE_MAX, and no more. */

/* 0: nobody has written one, or it is none. */
size_t warden_origins_size_read(const char *state_dir);
bool warden_origins_size_write(const char *state_dir, size_t size,
			       struct warden_error *error_r);

#endif
