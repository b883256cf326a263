/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef AUTH_PLUGIN_H
#define AUTH_PLUGIN_H

struct module;
struct warden;

void auth_warden_init(struct module *module);
void auth_warden_deinit(void);

/* The shared files. NULL: there are none to be had, nobody is counted or
   refused. Do not keep it: it may be closed by the next call. */
struct warden *auth_warden_get(void);

#endif
