/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.3: the simple output is what is wanted. */

#include "lib.h"
#include "doveadm-doveconf-private.h"

const char *const doveadm_doveconf_format_args[] = { "-S", NULL };

const char *const *doveadm_doveconf_lines(const char *output)
{
	return t_strsplit(output, "\n");
}
