/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_PLUGIN_H
#define DOVEADM_PLUGIN_H

struct module;

extern const char *doveadm_warden_plugin_version;

void doveadm_warden_plugin_init(struct module *module);
void doveadm_warden_plugin_deinit(void);

#endif
