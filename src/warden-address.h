/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_ADDRESS_H
#define WARDEN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses, networks and hosts. An address is parsed, masked and printed
   here and nowhere else.

   One *host* is what one subscriber holds: an IPv4 address, or an IPv6 /64
   (RFC 6177 section 2). IPv4 inside IPv6, ::ffff:0:0/96 (RFC 4291 section
   2.5.5.2) and 64:ff9b::/96 (RFC 6052), counts as the IPv4 address. */

enum warden_family {
	WARDEN_INET = 4,
	WARDEN_INET6 = 6,
};

/* An address with the length of its prefix: 192.0.2.1 is 192.0.2.1/32.
   The bits after the prefix are always zero. */
struct warden_net {
	uint8_t family; /* enum warden_family */
	uint8_t bits;	/* 0..32 or 0..128 */
	uint8_t unused[6];
	uint8_t bytes[16]; /* network byte order; IPv4 uses the first four */
};

/* What counters are kept for. key is never 0: a host whose key would be 0
   (0.0.0.0, ::/64) is not a host that can connect. */
struct warden_host {
	uint64_t key; /* IPv4 address, or the first 64 bits of the IPv6 one */
	uint8_t family;
};

/* Room for the longest text of an address with prefix, and its NUL. */
#define WARDEN_NET_STRLEN 64

/* From a struct in_addr (af = AF_INET) or struct in6_addr (AF_INET6).
   false: another family. */
bool warden_net_from_in(struct warden_net *net_r, int af, const void *in);

/* Parse "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "[2001:db8::1]".
   Bits after the prefix are cleared. Leading zeros, names, zones (%eth0) and
   blanks are errors. Returns false and sets *error_r to a static text. */
bool warden_net_parse(const char *str, struct warden_net *net_r,
		      const char **error_r);

/* Cut to a shorter prefix. bits larger than the present prefix: no change. */
void warden_net_mask(struct warden_net *net, unsigned int bits);
/* Is inner wholly inside outer? */
bool warden_net_contains(const struct warden_net *outer,
			 const struct warden_net *inner);
bool warden_net_equals(const struct warden_net *a, const struct warden_net *b);
/* 32 or 128 */
unsigned int warden_net_max_bits(const struct warden_net *net);
/* Do the two have an address in common? */
bool warden_net_overlaps(const struct warden_net *a,
			 const struct warden_net *b);
/* Is any of it private, shared (RFC 6598), link-local or unique local? Behind
   such addresses sit webmail, containers and NAT. */
bool warden_net_is_private(const struct warden_net *net);
/* Is it an IPv6 network around addresses that stand for IPv4 ones? No client
   has such an address here, and denying it would deny all those clients. */
bool warden_net_is_around_ipv4(const struct warden_net *net);

/* Print as inet_ntop(3) does, with "/bits" unless it is a whole address.
   buf has WARDEN_NET_STRLEN bytes; returns buf. */
const char *warden_net_format(const struct warden_net *net, char *buf);
/* Print as a client pattern of hosts_access(5): "192.0.2.1",
   "192.0.2.0/255.255.255.0", "[2001:db8:1:2::]/64". */
const char *warden_net_format_hosts_access(const struct warden_net *net,
					   char *buf);

/* The host that an address belongs to. ipv4_prefix is 8..32, ipv6_prefix is
   16..64. false: the key would be 0, or net is wider than a host. */
bool warden_host_from_net(struct warden_host *host_r,
			  const struct warden_net *net,
			  unsigned int ipv4_prefix, unsigned int ipv6_prefix);
/* The /24 or /48 that the host is in, as a number; the two families may have
   the same. */
uint64_t warden_host_network(const struct warden_host *host);
/* The network that a host stands for. */
void warden_host_to_net(const struct warden_host *host,
			unsigned int ipv4_prefix, unsigned int ipv6_prefix,
			struct warden_net *net_r);

#endif
