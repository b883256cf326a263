/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_PAM_H
#define DOVEADM_PAM_H

#include "warden-pam-stack.h"

/* What PAM of this machine makes of pam_warden.so, in words. On the data
   stack. */

void doveadm_pam_places(struct warden_pam_places *places_r);

/* Why the service does not refuse blocked hosts by it; NULL: it does. */
const char *doveadm_pam_problem(const struct warden_pam_stack *stack,
				const char *service);
/* The one that mends this. */
const char *doveadm_pam_command(const struct warden_pam_stack *stack,
				const char *service);

#endif
