/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef CLIENT_NAME_H
#define CLIENT_NAME_H

#include "warden.h"

/* The host names of clients, for rules that ask for them, as libwrap finds
   them: the name of the address, if the addresses of that name have it among
   them. Looked up through Dovecot's dns-client service, any number at a time,
   without holding up anybody.

   Names are the client's word, or that of whoever runs its name server: good
   for rules, and for nothing else. */

/* in_base_dir: this process runs in base_dir, or in the directory of the login
   processes, where dns-client has a socket too. */
void client_name_init(bool in_base_dir);
/* All lookups have ended or were aborted. Also without an init before it. */
void client_name_deinit(void);

/* Put the name into client, if it was looked up in the last few minutes; it is
   valid until the next lookup ends. */
void client_name_find(struct warden_client *client);

struct client_name_lookup;

/* Look up the name of this address. When it is known, or after timeout_msecs
   (then it counts as unknown, for a few seconds), callback is called, and
   client_name_find() has it; never before this returns. */
struct client_name_lookup *client_name_look_up(const struct warden_net *addr,
					       unsigned int timeout_msecs,
					       void (*callback)(void *context),
					       void *context);
/* The callback will not be called. NULL and set to NULL as usual. */
void client_name_abort(struct client_name_lookup **lookup);

#endif
