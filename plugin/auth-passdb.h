/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_PASSDB_H
#define AUTH_PASSDB_H

/* The password database driver "warden". Registered as long as the plugin is
   loaded, in auth and in its workers. */
void auth_passdb_register(void);
void auth_passdb_unregister(void);

#endif
