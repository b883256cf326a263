/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_TOP_H
#define DOVEADM_TOP_H

#include "doveadm-warden.h"

/* The hosts that trouble the server most: by refused connections, then by
   points. */

#define DOVEADM_TOP_HOSTS 10

struct doveadm_top {
	struct warden_host_info hosts[DOVEADM_TOP_HOSTS];
	unsigned int count;
};

void doveadm_top_read(const struct doveadm_warden *dw,
		      struct doveadm_top *top_r);
/* A line for a person, or NULL if there are no more; 0 is the heading. */
const char *doveadm_top_line(const struct doveadm_warden *dw,
			     const struct doveadm_top *top, unsigned int line);

#endif
