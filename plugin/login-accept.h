/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef LOGIN_ACCEPT_H
#define LOGIN_ACCEPT_H

#include "warden.h"

/* Judge every connection of this process before Dovecot spends anything on
   it. In plugin init; w must stay open until login_accept_deinit(). */
void login_accept_init(struct warden *w);
void login_accept_deinit(void);

/* The connection that Dovecot is making a client of right now was judged and
   let in: take over its session. The caller closes it. false: it was not
   judged, or the call does not come from inside Dovecot's own callback. */
bool login_accept_take(struct warden_session *session_r);

#endif
