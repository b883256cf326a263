/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The counters know hosts, admins know addresses and networks. What an
   address means is decided here once, so that block, unblock and why agree. */

#include "doveadm-target.h"

static unsigned int host_bits(const struct doveadm_warden *dw,
			      const struct warden_net *net)
{
	return net->family == WARDEN_INET ? dw->policy->ipv4_prefix :
					    dw->policy->ipv6_prefix;
}

static bool target_set_host(const struct doveadm_warden *dw,
			    struct doveadm_target *target)
{
	warden_net_mask(&target->net, host_bits(dw, &target->given));
	target->is_host = true;
	if (warden_host_from_net(&target->host, &target->given,
				 dw->policy->ipv4_prefix,
				 dw->policy->ipv6_prefix))
		return true;
	return doveadm_warden_fail(EX_USAGE, "%s is not an address that a "
		"client can have", doveadm_warden_net(&target->given));
}

bool doveadm_target_parse(const struct doveadm_warden *dw, const char *str,
			  struct doveadm_target *target_r)
{
	const char *error;
	unsigned int bits;

	i_zero(target_r);
	if (!warden_net_parse(str, &target_r->given, &error)) {
		return doveadm_warden_fail(EX_USAGE,
			"'%s' is not an address or network: %s", str, error);
	}
	target_r->net = target_r->given;
	bits = host_bits(dw, &target_r->given);
	if (strchr(str, '/') == NULL || target_r->given.bits == bits)
		return target_set_host(dw, target_r);
	if (target_r->given.bits > bits) {
		return doveadm_warden_fail(EX_USAGE,
			"%s is less than one host: what counts as one host "
			"is a /%u. Give the address without prefix for the "
			"host that it belongs to", str, bits);
	}
	if (target_r->given.bits == 0) {
		return doveadm_warden_fail(EX_USAGE,
			"%s is everybody, not a network to block or unblock "
			"(unblock has --all)", str);
	}
	return true;
}

void doveadm_target_say_widened(const struct doveadm_target *target)
{
	if (target->given.bits == target->net.bits)
		return;
	doveadm_warden_say("%s belongs to the host %s: that is what counts.",
			   doveadm_warden_net(&target->given),
			   doveadm_warden_net(&target->net));
}
