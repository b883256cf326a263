/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_DOVECONF_H
#define DOVEADM_DOVECONF_H

/* The configuration as doveconf(1) prints it: settings of parts that doveadm
   itself does not read. On the data stack. */
struct doveadm_doveconf;

/* Ask for these settings or groups of them, NULL-terminated; protocol NULL:
   those outside every protocol { }. NULL: *error_r says why. Blocks for a
   moment. */
const struct doveadm_doveconf *
doveadm_doveconf_read(const char *protocol, const char *const *names,
		      const char **error_r);
/* "" if there is no such setting; key as in "passdb/0/driver". */
const char *doveadm_doveconf_get(const struct doveadm_doveconf *conf,
				 const char *key);

#endif
