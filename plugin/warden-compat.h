/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_H
#define WARDEN_COMPAT_H

/* The only place that knows that Dovecot's versions differ. Each difference is
   one name here, with one meaning for every version, so that no function
   elsewhere is cut by #if. Macros, so that a file which does not use a name
   needs no header for it: in some versions the headers of login and auth
   cannot both be included. Include after Dovecot's lib.h. */

#include "warden-config.h"
#include "master-service.h"
#include "master-service-settings.h"

#if WARDEN_DOVECOT_MINOR == 3
#  include "warden-compat-2.3.h"
#elif WARDEN_DOVECOT_MINOR == 4
#  include "warden-compat-2.4.h"
#else
#  error "warden does not know this version of Dovecot"
#endif

#endif
