/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* libwrap takes each word of a file that hosts.deny names for a pattern; there
   are no comments in such a file. "# LOCAL hosts" would deny local hosts, and
   any word that is no address, even a lone "#", makes libwrap look up the name
   of every client that connects. So the file holds addresses and nothing
   else; one without a line denies nobody. */

#include <string.h>

#include "warden-deny.h"
#include "warden-replace-file.h"

static bool net_is_sane(const struct warden_net *net)
{
	return (net->family == WARDEN_INET || net->family == WARDEN_INET6) &&
		net->bits <= warden_net_max_bits(net);
}

bool warden_deny_write(const char *path, const struct warden_net *nets,
		       size_t count, struct warden_error *error_r)
{
	struct warden_replace_file *file;
	char str[WARDEN_NET_STRLEN];

	if (count > WARDEN_DENY_MAX)
		count = WARDEN_DENY_MAX;
	for (size_t i = 0; i < count; i++) {
		if (!net_is_sane(&nets[i])) {
			warden_error_set(error_r,
				"%s was not written: entry %zu is no network",
				path, i);
			return false;
		}
	}

	file = warden_replace_file_begin(path, error_r);
	if (file == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		warden_replace_file_puts(file,
			warden_net_format_hosts_access(&nets[i], str));
		warden_replace_file_puts(file, "\n");
	}
	/* No fsync: the service would wait for the disk in the middle of an
	   attack. After a power cut the file may be empty, which denies
	   nobody, until the service writes it anew. */
	return warden_replace_file_commit(&file, 0644, false, error_r);
}
