/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_GLUE_H
#define WARDEN_GLUE_H

#include "warden-address.h"

struct ip_addr;

/* Where Dovecot's world and ours meet, for every part of plugin/. */

/* base_dir/warden, where the shared files are. Needs settings that were read:
   in plugin init of login and auth, in the service after
   master_service_settings_read*(), in a doveadm command when it runs, but not
   in doveadm's plugin init. On the data stack: copy it to keep it. */
const char *warden_glue_dir(void);

/* Dovecot's address as one of ours. false: it has no address family (a UNIX
   socket, or a client that gave none): there is no host to judge. *net_r is
   then all zero, which no call of warden.h may be given. */
bool warden_glue_net(struct warden_net *net_r, const struct ip_addr *ip);

#endif
