/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_RULES_H
#define DOVEADM_RULES_H

#include "doveadm-warden.h"
#include "warden-rules.h"

/* The rules as they stand in hosts.allow and hosts.deny now, whether or not the
   service has taken them over. */

/* false: *error_r names the file. The caller frees the image. notices_r may be
   NULL. */
bool doveadm_rules_compile(const struct warden_settings *set,
			   struct warden_rules_image *image_r,
			   struct warden_rules_notices *notices_r,
			   struct warden_error *error_r);

/* A line of hosts.allow that lets clients in to what the warden guards. */
struct doveadm_rules_line {
	unsigned int number;
	const char *text; /* cut, if it is long */
	bool meant; /* whom it lets in is exempt; false: it means everybody */
};

/* In order, on the data stack; as many as fit into max. *total_r of each kind
   counts the others too. */
unsigned int doveadm_rules_allowing(const struct warden_settings *set,
				    const struct warden_rules *rules,
				    struct doveadm_rules_line *lines_r,
				    unsigned int max,
				    unsigned int *meant_total_r,
				    unsigned int *broad_total_r);

#endif
