/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef LOGIN_SESSION_H
#define LOGIN_SESSION_H

#include "warden.h"

struct module;

/* Follow every client of this process from its creation until it has logged
   in or is gone. In plugin init; w must stay open until
   login_session_deinit(). */
void login_session_init(struct module *module, struct warden *w);
void login_session_deinit(void);

#endif
