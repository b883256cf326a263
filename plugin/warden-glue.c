/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What login, auth, service and doveadm all need from Dovecot: where the
   shared files are, and its addresses as ours. Linked into each of them, so
   it may use nothing that only one of them has. */

#include "lib.h"
#include "net.h"
#include "warden-compat.h"
#include "warden-glue.h"

const char *warden_glue_dir(void)
{
	return t_strconcat(warden_compat_base_dir(), "/warden", NULL);
}

bool warden_glue_net(struct warden_net *net_r, const struct ip_addr *ip)
{
	if (IPADDR_IS_V4(ip))
		return warden_net_from_in(net_r, AF_INET, &ip->u.ip4);
	if (IPADDR_IS_V6(ip))
		return warden_net_from_in(net_r, AF_INET6, &ip->u.ip6);
	i_zero(net_r);
	return false;
}
