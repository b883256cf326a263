/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef PAM_WARDEN_CLIENT_H
#define PAM_WARDEN_CLIENT_H

#include <stdbool.h>

#include <security/pam_modules.h>

#include "warden-address.h"
#include "warden-class.h"

/* Who wants to log in, as far as the program has told PAM. */
struct pam_warden_client {
	struct warden_net remote;
	enum warden_protocol protocol;
	bool is_own; /* it is an address of this machine */
};

/* false: there is nobody to judge here, and *why_r says why. */
bool pam_warden_client_get(pam_handle_t *pamh,
			   struct pam_warden_client *client_r,
			   const char **why_r);

/* What it is if the attempt fails. Asks for the user's name nobody but PAM,
   and only what it has been told already. */
enum warden_class pam_warden_client_class(pam_handle_t *pamh);

#endif
