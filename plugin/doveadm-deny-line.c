/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What the other daemons see. They read the deny file and know nothing of
   the table, so `why` reads it too and does not tell from the table what
   ought to be in it. */

#include "warden-compat-doveadm.h"
#include "doveadm-deny-line.h"

#include <stdio.h>

/* A pattern of the deny file says nothing but its network, so every network
   around net has one way to be written. */
static bool deny_line_matches(const char *line, const struct warden_net *net)
{
	char buf[WARDEN_NET_STRLEN];
	struct warden_net outer = *net;

	for (;;) {
		if (strcmp(line, warden_net_format_hosts_access(&outer,
								buf)) == 0)
			return true;
		if (outer.bits == 0)
			return false;
		warden_net_mask(&outer, outer.bits - 1U);
	}
}

int doveadm_deny_line_find(const char *path, const struct warden_net *net)
{
	char line[2048], *newline;
	FILE *file = fopen(path, "re");
	int number = 0, found = 0;

	if (file == NULL)
		return -1;
	while (found == 0 && fgets(line, sizeof(line), file) != NULL) {
		number++;
		newline = strchr(line, '\n');
		if (newline != NULL)
			*newline = '\0';
		if (deny_line_matches(line, net))
			found = number;
	}
	if (ferror(file) != 0)
		found = -1;
	(void)fclose(file);
	return found;
}
