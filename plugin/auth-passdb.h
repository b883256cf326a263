/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_PASSDB_H
#define AUTH_PASSDB_H

struct event;

/* The password database driver "warden". Registered as long as the plugin is
   loaded, in auth and in its workers. */
void auth_passdb_register(void);
void auth_passdb_unregister(void);
/* Requests that wait for the name of their client get no answer. */
void auth_passdb_stop_waiting(void);

/* event: of a request, while that exists. Will a login process of ours take
   the client to another server? There his password is checked, perhaps for
   the first time, and the login process tells how that ended. FALSE for
   requests that never came to the driver. */
bool auth_passdb_will_proxy(const struct event *event);

#endif
