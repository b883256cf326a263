/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_TARGET_H
#define DOVEADM_TARGET_H

#include "doveadm-warden.h"

/* Whom an admin means by ADDR or ADDR/BITS: a host, which has a record, or a
   wider network, which only an admin can block. */
struct doveadm_target {
	struct warden_net given; /* as typed */
	struct warden_net net;	 /* what will be acted on */
	struct warden_host host; /* if is_host */
	bool is_host;
};

/* false: not an address, a prefix longer than a host, or all addresses; the
   reason is logged and the exit code set. */
bool doveadm_target_parse(const struct doveadm_warden *dw, const char *str,
			  struct doveadm_target *target_r);
/* An address stands for more than itself (an IPv6 /64): say so, if a person
   reads. */
void doveadm_target_say_widened(const struct doveadm_target *target);

#endif
