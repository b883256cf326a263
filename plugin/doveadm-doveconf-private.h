/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_DOVECONF_PRIVATE_H
#define DOVEADM_DOVECONF_PRIVATE_H

/* What differs between Dovecot's versions about doveconf; one .c file each. */

/* Arguments that ask for the output that doveconf_lines() understands;
   NULL-terminated. */
extern const char *const doveadm_doveconf_format_args[];

/* The output as lines of "key=value", as in "passdb/ID/driver=static", and of
   "passdb=ID ID ..." in order; NULL-terminated, on the data stack. */
const char *const *doveadm_doveconf_lines(const char *output);

#endif
