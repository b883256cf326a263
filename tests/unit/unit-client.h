/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef UNIT_CLIENT_H
#define UNIT_CLIENT_H

#include "warden.h"

/* Clients of IMAP, unless it says another protocol; for the block of code in
   which they stand. */
#define unit_client(net) unit_client_by((net), WARDEN_PROTOCOL_IMAP)
#define unit_client_by(net, its_protocol) \
	(&(const struct warden_client){ .remote = (net), \
					.protocol = (its_protocol) })
#define unit_client_at(net, server) \
	(&(const struct warden_client){ .remote = (net), \
					.local = (server), \
					.protocol = WARDEN_PROTOCOL_IMAP })

#endif
