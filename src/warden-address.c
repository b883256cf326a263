/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* One client must have one address here, whatever way it came.

   A dual-stack socket shows an IPv4 client as ::ffff:a.b.c.d, and behind a
   NAT64 the same client is 64:ff9b::a.b.c.d. If these were IPv6 hosts, every
   IPv4 client would share the one /64 around them: one guesser would block
   them all, and a block would not hold on the other kind of socket. So what
   lies wholly inside one of the two /96 becomes IPv4, its prefix shortened by
   96: ::ffff:192.0.2.0/120 is 192.0.2.0/24. A network that is wider than the
   /96, ::/0 say, holds real IPv6 addresses too and stays IPv6; it then
   contains no IPv4 address.

   The parser is stricter than inet_aton(3), which reads "010.1" as 8.0.0.1:
   a text that two programs read differently has no place in a rule about who
   gets in. */

#include "warden-address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define IPV4_IN_IPV6_BITS 96

static const uint8_t ipv4_mapped_prefix[12] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};
static const uint8_t nat64_prefix[12] = { 0, 0x64, 0xff, 0x9b };

/* Networks that more than one organisation uses: RFC 1918, RFC 6598, RFC 3927,
   RFC 4193, RFC 4291 section 2.5.6. Loopback is not among them. */
static const struct warden_net private_nets[] = {
	{ .family = WARDEN_INET, .bits = 8, .bytes = { 10 } },
	{ .family = WARDEN_INET, .bits = 12, .bytes = { 172, 16 } },
	{ .family = WARDEN_INET, .bits = 16, .bytes = { 192, 168 } },
	{ .family = WARDEN_INET, .bits = 10, .bytes = { 100, 64 } },
	{ .family = WARDEN_INET, .bits = 16, .bytes = { 169, 254 } },
	{ .family = WARDEN_INET6, .bits = 7, .bytes = { 0xfc } },
	{ .family = WARDEN_INET6, .bits = 10, .bytes = { 0xfe, 0x80 } },
};

unsigned int warden_net_max_bits(const struct warden_net *net)
{
	return net->family == WARDEN_INET ? 32 : 128;
}

static void clear_after(uint8_t bytes[16], unsigned int bits)
{
	unsigned int i = bits / 8;

	if (bits >= 128)
		return;
	if (bits % 8 != 0) {
		bytes[i] &= (uint8_t)(0xff << (8 - bits % 8));
		i++;
	}
	memset(bytes + i, 0, 16 - i);
}

/* A whole network of IPv4 inside IPv6 becomes that IPv4 network. */
static void unwrap_ipv4(struct warden_net *net)
{
	uint8_t ipv4[4];

	if (net->family != WARDEN_INET6 || net->bits < IPV4_IN_IPV6_BITS)
		return;
	if (memcmp(net->bytes, ipv4_mapped_prefix, 12) != 0 &&
	    memcmp(net->bytes, nat64_prefix, 12) != 0)
		return;

	memcpy(ipv4, net->bytes + 12, sizeof(ipv4));
	memset(net->bytes, 0, sizeof(net->bytes));
	memcpy(net->bytes, ipv4, sizeof(ipv4));
	net->family = WARDEN_INET;
	net->bits = (uint8_t)(net->bits - IPV4_IN_IPV6_BITS);
}

bool warden_net_from_in(struct warden_net *net_r, int af, const void *in)
{
	memset(net_r, 0, sizeof(*net_r));
	switch (af) {
	case AF_INET:
		net_r->family = WARDEN_INET;
		net_r->bits = 32;
		memcpy(net_r->bytes, in, 4);
		return true;
	case AF_INET6:
		net_r->family = WARDEN_INET6;
		net_r->bits = 128;
		memcpy(net_r->bytes, in, 16);
		unwrap_ipv4(net_r);
		return true;
	default:
		return false;
	}
}

/* inet_pton(3) differs between C libraries in how many digits a group may
   have, whether 01 is a decimal number, and whether a zone may follow. */
static bool groups_are_plain(const char *str, bool ipv6)
{
	const char *digits = ipv6 ? "0123456789abcdefABCDEF" : "0123456789";
	const char *dot = strchr(str, '.');

	for (;;) {
		size_t len = strspn(str, digits);

		/* 0db8 is a group of IPv6, 01 is no byte of IPv4: what has a
		   dot behind or before it and no colon behind it */
		if (len > 1 && str[0] == '0' && dot != NULL &&
		    strchr(str, ':') == NULL)
			return false;
		if (len > 4)
			return false;
		str += len;
		if (*str == '\0')
			return true;
		if (*str != '.' && !(ipv6 && *str == ':'))
			return false;
		str++;
	}
}

static bool parse_address(const char *str, struct warden_net *net_r)
{
	bool ipv6 = strchr(str, ':') != NULL;

	memset(net_r, 0, sizeof(*net_r));
	net_r->family = ipv6 ? WARDEN_INET6 : WARDEN_INET;
	net_r->bits = ipv6 ? 128 : 32;
	return groups_are_plain(str, ipv6) &&
		inet_pton(ipv6 ? AF_INET6 : AF_INET, str, net_r->bytes) == 1;
}

static bool parse_bits(const char *str, unsigned int max, unsigned int *bits_r)
{
	unsigned int bits = 0;
	size_t i, len = strspn(str, "0123456789");

	if (len == 0 || len > 3 || str[len] != '\0')
		return false;
	if (len > 1 && str[0] == '0')
		return false;
	for (i = 0; i < len; i++)
		bits = bits * 10 + (unsigned int)(str[i] - '0');
	*bits_r = bits;
	return bits <= max;
}

/* Copy the address without its brackets; they may be around IPv6 only. */
static bool strip_brackets(const char *str, size_t len, char *buf, size_t size)
{
	bool open = len > 0 && str[0] == '[';
	bool closed = len > 0 && str[len - 1] == ']';

	if (open != closed)
		return false;
	if (open) {
		if (len < 2 || memchr(str, ':', len) == NULL)
			return false;
		str++;
		len -= 2;
	}
	if (len == 0 || len >= size)
		return false;
	memcpy(buf, str, len);
	buf[len] = '\0';
	return true;
}

bool warden_net_parse(const char *str, struct warden_net *net_r,
		      const char **error_r)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(str, '/');
	size_t len = slash == NULL ? strlen(str) : (size_t)(slash - str);
	struct warden_net net;
	unsigned int bits;

	if (!strip_brackets(str, len, addr, sizeof(addr)) ||
	    !parse_address(addr, &net)) {
		*error_r = "not an IPv4 or IPv6 address";
		return false;
	}
	if (slash != NULL) {
		unsigned int max = warden_net_max_bits(&net);

		if (!parse_bits(slash + 1, max, &bits)) {
			*error_r = max == 32 ?
				"the prefix length is not a number 0 to 32" :
				"the prefix length is not a number 0 to 128";
			return false;
		}
		warden_net_mask(&net, bits);
	}
	unwrap_ipv4(&net);
	*net_r = net;
	return true;
}

void warden_net_mask(struct warden_net *net, unsigned int bits)
{
	if (bits >= net->bits)
		return;
	net->bits = (uint8_t)bits;
	clear_after(net->bytes, bits);
}

bool warden_net_contains(const struct warden_net *outer,
			 const struct warden_net *inner)
{
	unsigned int bits = outer->bits, last = bits % 8;

	/* the second also keeps a bits that is no prefix inside the array */
	if (outer->family != inner->family || bits > inner->bits ||
	    bits > warden_net_max_bits(outer))
		return false;
	if (memcmp(outer->bytes, inner->bytes, bits / 8) != 0)
		return false;
	return last == 0 ||
		((outer->bytes[bits / 8] ^ inner->bytes[bits / 8]) >>
		 (8 - last)) == 0;
}

bool warden_net_equals(const struct warden_net *a, const struct warden_net *b)
{
	return a->family == b->family && a->bits == b->bits &&
		memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool warden_net_overlaps(const struct warden_net *a,
			 const struct warden_net *b)
{
	return warden_net_contains(a, b) || warden_net_contains(b, a);
}

bool warden_net_is_private(const struct warden_net *net)
{
	size_t i;

	for (i = 0; i < sizeof(private_nets) / sizeof(private_nets[0]); i++) {
		if (warden_net_overlaps(&private_nets[i], net))
			return true;
	}
	return false;
}

bool warden_net_is_around_ipv4(const struct warden_net *net)
{
	/* ::/64 holds the IPv4-mapped /96 and the old IPv4-compatible one */
	static const struct warden_net around[] = {
		{ .family = WARDEN_INET6, .bits = 64 },
		{ .family = WARDEN_INET6,
		  .bits = 96,
		  .bytes = { 0, 0x64, 0xff, 0x9b } },
	};
	size_t i;

	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		if (warden_net_overlaps(&around[i], net))
			return true;
	}
	return false;
}

static void format_address(const struct warden_net *net,
			   char addr[INET6_ADDRSTRLEN])
{
	int af = net->family == WARDEN_INET ? AF_INET : AF_INET6;

	if (inet_ntop(af, net->bytes, addr, INET6_ADDRSTRLEN) == NULL)
		addr[0] = '\0';
}

const char *warden_net_format(const struct warden_net *net, char *buf)
{
	char addr[INET6_ADDRSTRLEN];

	format_address(net, addr);
	if (net->bits == warden_net_max_bits(net))
		(void)snprintf(buf, WARDEN_NET_STRLEN, "%s", addr);
	else {
		(void)snprintf(buf, WARDEN_NET_STRLEN, "%s/%u", addr,
			       (unsigned int)net->bits);
	}
	return buf;
}

/* libwrap wants a mask for IPv4, since older ones know no prefix length there,
   and the prefix length outside of the brackets for IPv6: it ignores a pattern
   like [net/64] without a word. */
const char *warden_net_format_hosts_access(const struct warden_net *net,
					   char *buf)
{
	char addr[INET6_ADDRSTRLEN];
	uint8_t mask[16];
	bool whole = net->bits == warden_net_max_bits(net);

	format_address(net, addr);
	if (net->family != WARDEN_INET && whole)
		(void)snprintf(buf, WARDEN_NET_STRLEN, "[%s]", addr);
	else if (net->family != WARDEN_INET) {
		(void)snprintf(buf, WARDEN_NET_STRLEN, "[%s]/%u", addr,
			       (unsigned int)net->bits);
	} else if (whole)
		(void)snprintf(buf, WARDEN_NET_STRLEN, "%s", addr);
	else {
		memset(mask, 0xff, sizeof(mask));
		clear_after(mask, net->bits);
		(void)snprintf(buf, WARDEN_NET_STRLEN, "%s/%u.%u.%u.%u", addr,
			       mask[0], mask[1], mask[2], mask[3]);
	}
	return buf;
}

bool warden_host_from_net(struct warden_host *host_r,
			  const struct warden_net *net,
			  unsigned int ipv4_prefix, unsigned int ipv6_prefix)
{
	unsigned int prefix = net->family == WARDEN_INET ? ipv4_prefix :
		ipv6_prefix;
	unsigned int i, key_bytes = net->family == WARDEN_INET ? 4 : 8;
	struct warden_net masked = *net;

	memset(host_r, 0, sizeof(*host_r));
	if (net->bits < prefix)
		return false;
	warden_net_mask(&masked, prefix);

	host_r->family = net->family;
	for (i = 0; i < key_bytes; i++)
		host_r->key = host_r->key << 8 | masked.bytes[i];
	return host_r->key != 0;
}

uint64_t warden_host_network(const struct warden_host *host)
{
	return host->family == WARDEN_INET ? host->key >> 8 : host->key >> 16;
}

void warden_host_to_net(const struct warden_host *host,
			unsigned int ipv4_prefix, unsigned int ipv6_prefix,
			struct warden_net *net_r)
{
	bool ipv4 = host->family == WARDEN_INET;
	unsigned int i, key_bytes = ipv4 ? 4 : 8;

	memset(net_r, 0, sizeof(*net_r));
	net_r->family = ipv4 ? WARDEN_INET : WARDEN_INET6;
	net_r->bits = (uint8_t)(key_bytes * 8);
	for (i = 0; i < key_bytes; i++) {
		net_r->bytes[i] =
			(uint8_t)(host->key >> (8 * (key_bytes - 1 - i)));
	}
	warden_net_mask(net_r, ipv4 ? ipv4_prefix : ipv6_prefix);
}
