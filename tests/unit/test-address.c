/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Addresses from strangers and from admins with typos. What is random prints
   its seed; WARDEN_TEST_SEED repeats it. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "unit-random.h"
#include "unit.h"
#include "warden-address.h"

#define RANDOM_ROUNDS 20000

static int seed_random(void **state)
{
	(void)state;
	unit_random_start();
	return 0;
}

static struct warden_net net(const char *str)
{
	struct warden_net net;
	const char *error = NULL;

	if (!warden_net_parse(str, &net, &error))
		fail_msg("%s: %s", str, error);
	return net;
}

static void assert_prints(const char *str, const char *expected)
{
	struct warden_net parsed = net(str);
	char buf[WARDEN_NET_STRLEN];

	assert_ptr_equal(warden_net_format(&parsed, buf), buf);
	assert_string_equal(buf, expected);
}

static void assert_refused(const char *str)
{
	struct warden_net parsed, before;
	const char *error = NULL;

	memset(&parsed, 0xa5, sizeof(parsed));
	before = parsed;
	if (warden_net_parse(str, &parsed, &error))
		fail_msg("'%s' was taken for an address", str);
	assert_non_null(error);
	assert_memory_equal(&parsed, &before, sizeof(parsed));
}

static void parse_prints_what_it_read(void **state)
{
	(void)state;
	assert_prints("192.0.2.1", "192.0.2.1");
	assert_prints("192.0.2.1/32", "192.0.2.1");
	assert_prints("192.0.2.0/24", "192.0.2.0/24");
	assert_prints("0.0.0.0", "0.0.0.0");
	assert_prints("255.255.255.255", "255.255.255.255");
	assert_prints("0.0.0.0/0", "0.0.0.0/0");
	assert_prints("2001:db8::1", "2001:db8::1");
	assert_prints("2001:DB8:0:0:0:0:0:1", "2001:db8::1");
	assert_prints("2001:0db8::0001", "2001:db8::1");
	assert_prints("2001:db8::/32", "2001:db8::/32");
	assert_prints("[2001:db8::1]", "2001:db8::1");
	assert_prints("[2001:db8:1:2::]/64", "2001:db8:1:2::/64");
	assert_prints("::", "::");
	assert_prints("::/0", "::/0");
	assert_prints("::1", "::1");
	assert_prints("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
		      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
}

static void host_bits_are_cleared(void **state)
{
	(void)state;
	assert_prints("192.0.2.255/24", "192.0.2.0/24");
	assert_prints("192.0.2.255/25", "192.0.2.128/25");
	assert_prints("255.255.255.255/1", "128.0.0.0/1");
	assert_prints("2001:db8:ffff:ffff::1/33", "2001:db8:8000::/33");
	assert_prints("ffff::/0", "::/0");
}

static void hostile_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"", " ", "/", "/24", ".", ":", ":::", "1", "1.2.3", "1.2.3.",
		".1.2.3", "1..2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.1000",
		"01.2.3.4", "1.2.3.04", "1.2.3.00", "0x1.2.3.4", "1.2.3.4x",
		"1.2.3.a", "-1.2.3.4", "+1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
		"1.2.3.4\n", "1.2.3.4\t", "1.2.3.4/", "1.2.3.4/33",
		"1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/08", "1.2.3.4/ 8",
		"1.2.3.4/8 ", "1.2.3.4/8/8", "1.2.3.4/8x", "1.2.3.4/0x8",
		"1.2.3.4/4294967304", "1.2.3.4/255.255.255.0", "1.2.3.4:143",
		"1.2.3.4,5.6.7.8", "3232235777", "localhost", "example.com",
		"::/129", "::/-1", "::/", "::/00", "::/064", "::1/128x",
		"fe80::1%lo", "fe80::1%1", "fe80::%eth0/64", "1::2::3",
		"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
		"g::1", "12345::1", "00001::1", "::00000", ":1::2",
		"::1:", "[::1", "::1]", "[::1]]", "[[::1]]", "[]", "[", "]",
		"[::1]x", "x[::1]", "[::1]:143", "[::1/64]", "[::1]/129",
		"[::1]/", "[192.0.2.1]", "[192.0.2.0]/24",
		"::ffff:1.2.3", "::ffff:01.2.3.4", "::ffff:1.2.3.256",
		"::ffff:1.2.3.4.5", "::1.2.3.4:5", "1.2.3.4::",
		"::ffff:1.2.3.4/129",
		"1.2.3.4\xff", "\xff\xff\xff\xff", "::1\x01",
		"\xd9\xa1.2.3.4", /* an Arabic-Indic digit */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
}

static void huge_text_is_refused(void **state)
{
	static const char fill[] = "0123456789abcdef:./[] %";
	size_t i, len = 1 << 20;
	char *text = malloc(len + 1);

	(void)state;
	assert_non_null(text);
	text[len] = '\0';
	for (i = 0; fill[i] != '\0'; i++) {
		memset(text, fill[i], len);
		assert_refused(text);
		memcpy(text, "1.2.3.4/", 8);
		assert_refused(text);
		memcpy(text, "[::1]/12", 8);
		assert_refused(text);
	}
	free(text);
}

/* Whatever the bytes are: no crash, and what is taken prints as a text that
   means the same. */
static void random_text_is_refused_or_prints_itself(void **state)
{
	static const char chars[] = "0123456789abcdefF:::...//[]% 12";
	unsigned int round;

	(void)state;
	for (round = 0; round < RANDOM_ROUNDS * 5; round++) {
		char text[50], buf[WARDEN_NET_STRLEN];
		size_t i, len = unit_random() % (sizeof(text) - 1);
		struct warden_net parsed, again;
		const char *error = NULL;

		for (i = 0; i < len; i++) {
			text[i] = chars[unit_random() % (sizeof(chars) - 1)];
			if (unit_random() % 64 == 0)
				text[i] = (char)unit_random();
		}
		text[len] = '\0';
		if (!warden_net_parse(text, &parsed, &error)) {
			assert_non_null(error);
			continue;
		}
		again = net(warden_net_format(&parsed, buf));
		assert_true(warden_net_equals(&parsed, &again));
	}
}

static void ipv4_inside_ipv6_is_ipv4(void **state)
{
	(void)state;
	assert_prints("::ffff:192.0.2.1", "192.0.2.1");
	assert_prints("::ffff:c000:201", "192.0.2.1");
	assert_prints("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1");
	assert_prints("[::ffff:192.0.2.1]", "192.0.2.1");
	assert_prints("64:ff9b::192.0.2.1", "192.0.2.1");
	assert_prints("64:ff9b::c000:201", "192.0.2.1");
	assert_prints("::ffff:192.0.2.1/128", "192.0.2.1");
	assert_prints("::ffff:192.0.2.1/120", "192.0.2.0/24");
	assert_prints("64:ff9b::192.0.2.1/104", "192.0.0.0/8");
	assert_prints("::ffff:0:0/96", "0.0.0.0/0");
	assert_prints("64:ff9b::/96", "0.0.0.0/0");
}

static void a_network_around_ipv4_stays_ipv6(void **state)
{
	(void)state;
	assert_prints("::ffff:192.0.2.1/64", "::/64");
	assert_prints("::ffff:0:0/95", "::fffe:0:0/95");
	assert_prints("64:ff9b::/95", "64:ff9b::/95");
	/* neighbours of the two ranges, and other ways to write IPv4 */
	assert_prints("64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201");
	assert_prints("::fffe:192.0.2.1", "::fffe:c000:201");
	assert_prints("::192.0.2.1", "::192.0.2.1");
	assert_prints("1::ffff:192.0.2.1", "1::ffff:c000:201");
}

static void a_kernel_address_is_the_same_as_its_text(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::1",
		"::ffff:192.0.2.1", "64:ff9b::192.0.2.1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int af = strchr(texts[i], ':') != NULL ? AF_INET6 : AF_INET;
		struct warden_net parsed = net(texts[i]), from_in;
		unsigned char in[sizeof(struct in6_addr)];

		memset(&from_in, 0xa5, sizeof(from_in));
		assert_int_equal(inet_pton(af, texts[i], in), 1);
		assert_true(warden_net_from_in(&from_in, af, in));
		assert_memory_equal(&from_in, &parsed, sizeof(parsed));
	}
}

static void an_unknown_family_is_no_address(void **state)
{
	unsigned char in[16] = { 0 };
	struct warden_net from_in;

	(void)state;
	assert_false(warden_net_from_in(&from_in, AF_UNIX, in));
	assert_false(warden_net_from_in(&from_in, 0, in));
}

static void random_net(struct warden_net *net_r, bool ipv4, unsigned int bits)
{
	unsigned int i, max = ipv4 ? 32 : 128;

	memset(net_r, 0, sizeof(*net_r));
	net_r->family = ipv4 ? WARDEN_INET : WARDEN_INET6;
	net_r->bits = (uint8_t)max;
	for (i = 0; i < max / 8; i++)
		net_r->bytes[i] = (uint8_t)unit_random();
	if (!ipv4)
		net_r->bytes[0] |= 0x20; /* outside of the two ranges */
	warden_net_mask(net_r, bits);
}

static bool bit_of(const struct warden_net *addr, unsigned int i)
{
	return (addr->bytes[i / 8] & (0x80 >> i % 8)) != 0;
}

static void random_nets_survive_a_round_trip(void **state)
{
	unsigned int round;

	(void)state;
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		bool ipv4 = unit_random() % 2 == 0;
		/* an IPv6 net keeps the bit that random_net() set */
		unsigned int bits = ipv4 ? unit_random() % 33 :
			3 + unit_random() % 126;
		char buf[WARDEN_NET_STRLEN];
		struct warden_net random, again;

		random_net(&random, ipv4, bits);
		again = net(warden_net_format(&random, buf));
		assert_memory_equal(&random, &again, sizeof(random));
		if (ipv4)
			continue;
		again = net(warden_net_format_hosts_access(&random, buf));
		assert_memory_equal(&random, &again, sizeof(random));
	}
}

static void mask_clears_the_bits_after_the_prefix_only(void **state)
{
	unsigned int round, i;

	(void)state;
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		bool ipv4 = unit_random() % 2 == 0;
		unsigned int max = ipv4 ? 32 : 128;
		unsigned int bits = unit_random() % (max + 1);
		struct warden_net whole, masked;

		random_net(&whole, ipv4, max);
		masked = whole;
		warden_net_mask(&masked, bits);
		assert_int_equal(masked.bits, bits);
		for (i = 0; i < 128; i++) {
			assert_int_equal(bit_of(&masked, i),
					 i < bits && bit_of(&whole, i));
		}
	}
}

static void mask_never_widens_a_prefix(void **state)
{
	struct warden_net ipv4 = net("192.0.2.0/24"), before = ipv4;

	(void)state;
	warden_net_mask(&ipv4, 25);
	assert_memory_equal(&ipv4, &before, sizeof(ipv4));
	warden_net_mask(&ipv4, 4096);
	assert_memory_equal(&ipv4, &before, sizeof(ipv4));
}

/* The definition, a bit at a time. */
static bool contains_by_bits(const struct warden_net *outer,
			     const struct warden_net *inner)
{
	unsigned int i;

	if (outer->family != inner->family || outer->bits > inner->bits)
		return false;
	for (i = 0; i < outer->bits; i++) {
		if (bit_of(outer, i) != bit_of(inner, i))
			return false;
	}
	return true;
}

static void contains_agrees_with_the_bits(void **state)
{
	unsigned int round, inside = 0;

	(void)state;
	for (round = 0; round < RANDOM_ROUNDS * 5; round++) {
		bool ipv4 = unit_random() % 2 == 0;
		unsigned int max = ipv4 ? 32 : 128;
		struct warden_net outer, inner;
		unsigned int flip;

		random_net(&inner, ipv4, max);
		outer = inner;
		warden_net_mask(&inner, unit_random() % (max + 1));
		warden_net_mask(&outer, unit_random() % (max + 1));
		/* most pairs differ in one bit: the hard case */
		flip = unit_random() % (max + max / 4);
		if (flip < outer.bits)
			outer.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
		assert_int_equal(warden_net_contains(&outer, &inner),
				 contains_by_bits(&outer, &inner));
		inside += warden_net_contains(&outer, &inner);
	}
	/* both answers were asked for */
	assert_uint_in_range(inside, round / 20, round - round / 20);
}

static bool contains(const char *outer, const char *inner)
{
	struct warden_net outer_net = net(outer), inner_net = net(inner);

	return warden_net_contains(&outer_net, &inner_net);
}

static void contains_at_the_edges(void **state)
{
	(void)state;
	assert_true(contains("0.0.0.0/0", "255.255.255.255"));
	assert_true(contains("0.0.0.0/0", "0.0.0.0/0"));
	assert_true(contains("::/0", "ffff::1"));
	assert_false(contains("::/0", "192.0.2.1"));
	assert_false(contains("0.0.0.0/0", "2001:db8::1"));
	assert_true(contains("0.0.0.0/0", "::ffff:192.0.2.1"));
	assert_true(contains("192.0.2.0/24", "192.0.2.255"));
	assert_false(contains("192.0.2.0/24", "192.0.3.0"));
	assert_false(contains("192.0.2.0/24", "192.0.2.0/23"));
	assert_true(contains("192.0.2.1", "192.0.2.1"));
	assert_false(contains("192.0.2.1", "192.0.2.0"));
	assert_true(contains("2001:db8::1", "2001:db8::1"));
	assert_false(contains("2001:db8::1", "2001:db8::"));
}

/* Networks also come out of shared memory. */
static void contains_survives_a_prefix_that_is_none(void **state)
{
	struct warden_net ipv4 = net("192.0.2.1"), bad = ipv4;

	(void)state;
	bad.bits = 255;
	assert_false(warden_net_contains(&bad, &bad));
	bad.family = WARDEN_INET6;
	assert_false(warden_net_contains(&bad, &bad));
	bad.family = 0;
	assert_false(warden_net_contains(&bad, &ipv4));
	assert_false(warden_net_contains(&ipv4, &bad));
}

static void equals_sees_every_field(void **state)
{
	struct warden_net a = net("192.0.2.0/24"), b = a;

	(void)state;
	assert_true(warden_net_equals(&a, &b));
	b.bits = 25;
	assert_false(warden_net_equals(&a, &b));
	b = a;
	b.family = WARDEN_INET6;
	assert_false(warden_net_equals(&a, &b));
	b = a;
	b.bytes[2] ^= 1;
	assert_false(warden_net_equals(&a, &b));
	assert_int_equal(warden_net_max_bits(&a), 32);
	b = net("::/1");
	assert_int_equal(warden_net_max_bits(&b), 128);
}

static void private_networks_end_where_the_rfc_says(void **state)
{
	static const char *const private[] = {
		"10.0.0.0", "10.255.255.255", "10.0.0.0/8", "172.16.0.0",
		"172.31.255.255", "192.168.0.0", "192.168.255.255",
		"100.64.0.0", "100.127.255.255", "169.254.0.0",
		"169.254.255.255", "fc00::", "fdff:ffff::1", "fe80::1",
		"febf::1", "::ffff:10.1.2.3", "64:ff9b::192.168.1.1",
		/* some of it is */
		"10.0.0.0/7", "172.0.0.0/8", "0.0.0.0/0", "::/0",
	};
	static const char *const public[] = {
		"9.255.255.255", "11.0.0.0", "12.0.0.0/7", "172.15.255.255",
		"172.32.0.0", "192.167.255.255", "192.169.0.0",
		"100.63.255.255", "100.128.0.0", "169.253.255.255",
		"169.255.0.0", "fbff::1", "fe00::1", "fe7f::1", "fec0::1",
		"2001:db8::1", "127.0.0.1", "::1", "2001:db8::/32",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		struct warden_net addr = net(private[i]);

		if (!warden_net_is_private(&addr))
			fail_msg("%s is private", private[i]);
	}
	for (i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		struct warden_net addr = net(public[i]);

		if (warden_net_is_private(&addr))
			fail_msg("%s is not private", public[i]);
	}
}

static void denying_around_ipv4_would_deny_all_of_it(void **state)
{
	static const char *const around[] = {
		"::/0", "::/64", "64:ff9b::/64", "64:ff9b::/32", "0:0:0:0:1::/80",
	};
	static const char *const apart[] = {
		"192.0.2.1", "0:0:0:1::/64", "64:ff9b:1::/48", "2001:db8::1",
		"::ffff:192.0.2.1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		struct warden_net addr = net(around[i]);

		if (!warden_net_is_around_ipv4(&addr))
			fail_msg("%s", around[i]);
	}
	for (i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		struct warden_net addr = net(apart[i]);

		if (warden_net_is_around_ipv4(&addr))
			fail_msg("%s", apart[i]);
	}
}

static void assert_hosts_access(const char *str, const char *expected)
{
	struct warden_net parsed = net(str);
	char buf[WARDEN_NET_STRLEN];

	assert_ptr_equal(warden_net_format_hosts_access(&parsed, buf), buf);
	assert_string_equal(buf, expected);
}

static void hosts_access_patterns_are_what_libwrap_reads(void **state)
{
	(void)state;
	assert_hosts_access("192.0.2.1", "192.0.2.1");
	assert_hosts_access("192.0.2.0/24", "192.0.2.0/255.255.255.0");
	assert_hosts_access("2001:db8::1", "[2001:db8::1]");
	assert_hosts_access("2001:db8:1:2::/64", "[2001:db8:1:2::]/64");
	assert_hosts_access("::/0", "[::]/0");
}

static void hosts_access_masks_are_right_for_every_prefix(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 32; bits++) {
		uint32_t mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
		char text[WARDEN_NET_STRLEN], expected[WARDEN_NET_STRLEN];

		(void)snprintf(text, sizeof(text), "255.255.255.255/%u", bits);
		(void)snprintf(expected, sizeof(expected),
			       "%u.%u.%u.%u/%u.%u.%u.%u",
			       mask >> 24, mask >> 16 & 255, mask >> 8 & 255,
			       mask & 255, mask >> 24, mask >> 16 & 255,
			       mask >> 8 & 255, mask & 255);
		assert_hosts_access(text, expected);
	}
	assert_hosts_access("255.255.255.255/32", "255.255.255.255");
}

static void the_longest_text_fits_its_buffer(void **state)
{
	struct warden_net longest =
		net("1111:2222:3333:4444:5555:6666:7777:8888/127");
	char buf[WARDEN_NET_STRLEN];

	(void)state;
	assert_string_equal(warden_net_format(&longest, buf),
			    "1111:2222:3333:4444:5555:6666:7777:8888/127");
	assert_string_equal(warden_net_format_hosts_access(&longest, buf),
			    "[1111:2222:3333:4444:5555:6666:7777:8888]/127");
	assert_hosts_access("255.255.255.255/31",
			    "255.255.255.254/255.255.255.254");
}

static void a_host_is_one_ipv4_address_or_one_ipv6_64(void **state)
{
	struct warden_net a = net("192.0.2.1"), b = net("2001:db8:1:2::1"),
		c = net("2001:db8:1:2:ffff::9"), d = net("2001:db8:1:3::1");
	struct warden_host host, other;

	(void)state;
	assert_true(warden_host_from_net(&host, &a, 32, 64));
	assert_int_equal(host.family, WARDEN_INET);
	assert_true(host.key == 0xc0000201);

	assert_true(warden_host_from_net(&host, &b, 32, 64));
	assert_int_equal(host.family, WARDEN_INET6);
	assert_true(host.key == UINT64_C(0x20010db800010002));
	assert_true(warden_host_from_net(&other, &c, 32, 64));
	assert_true(host.key == other.key);
	assert_true(warden_host_from_net(&other, &d, 32, 64));
	assert_false(host.key == other.key);
	/* with a shorter prefix they are one */
	assert_true(warden_host_from_net(&host, &b, 32, 48));
	assert_true(warden_host_from_net(&other, &d, 32, 48));
	assert_true(host.key == other.key);
}

static void a_wider_network_is_no_host(void **state)
{
	struct warden_net a = net("192.0.2.0/24"), b = net("2001:db8::/63");
	struct warden_host host;

	(void)state;
	assert_false(warden_host_from_net(&host, &a, 32, 64));
	assert_true(warden_host_from_net(&host, &a, 24, 64));
	assert_false(warden_host_from_net(&host, &b, 32, 64));
	assert_true(warden_host_from_net(&host, &b, 32, 63));
}

static void a_host_with_key_zero_is_no_host(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "::", "::1" };
	struct warden_net low = net("0.255.255.255");
	struct warden_host host;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct warden_net addr = net(texts[i]);

		assert_false(warden_host_from_net(&host, &addr, 32, 64));
	}
	assert_true(warden_host_from_net(&host, &low, 32, 64));
	assert_false(warden_host_from_net(&host, &low, 8, 64));
}

static void a_host_stands_for_the_network_around_the_address(void **state)
{
	unsigned int round;

	(void)state;
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		bool ipv4 = unit_random() % 2 == 0;
		unsigned int ipv4_prefix = 8 + unit_random() % 25;
		unsigned int ipv6_prefix = 16 + unit_random() % 49;
		struct warden_net addr, expected, back;
		struct warden_host host;

		random_net(&addr, ipv4, 128);
		addr.bytes[0] |= 1; /* never key 0 */
		expected = addr;
		warden_net_mask(&expected, ipv4 ? ipv4_prefix : ipv6_prefix);

		assert_true(warden_host_from_net(&host, &addr, ipv4_prefix,
						 ipv6_prefix));
		warden_host_to_net(&host, ipv4_prefix, ipv6_prefix, &back);
		assert_memory_equal(&back, &expected, sizeof(back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_prints_what_it_read),
		cmocka_unit_test(host_bits_are_cleared),
		cmocka_unit_test(hostile_text_is_refused),
		cmocka_unit_test(huge_text_is_refused),
		cmocka_unit_test(random_text_is_refused_or_prints_itself),
		cmocka_unit_test(ipv4_inside_ipv6_is_ipv4),
		cmocka_unit_test(a_network_around_ipv4_stays_ipv6),
		cmocka_unit_test(a_kernel_address_is_the_same_as_its_text),
		cmocka_unit_test(an_unknown_family_is_no_address),
		cmocka_unit_test(random_nets_survive_a_round_trip),
		cmocka_unit_test(mask_clears_the_bits_after_the_prefix_only),
		cmocka_unit_test(mask_never_widens_a_prefix),
		cmocka_unit_test(contains_agrees_with_the_bits),
		cmocka_unit_test(contains_at_the_edges),
		cmocka_unit_test(contains_survives_a_prefix_that_is_none),
		cmocka_unit_test(equals_sees_every_field),
		cmocka_unit_test(private_networks_end_where_the_rfc_says),
		cmocka_unit_test(denying_around_ipv4_would_deny_all_of_it),
		cmocka_unit_test(hosts_access_patterns_are_what_libwrap_reads),
		cmocka_unit_test(hosts_access_masks_are_right_for_every_prefix),
		cmocka_unit_test(the_longest_text_fits_its_buffer),
		cmocka_unit_test(a_host_is_one_ipv4_address_or_one_ipv6_64),
		cmocka_unit_test(a_wider_network_is_no_host),
		cmocka_unit_test(a_host_with_key_zero_is_no_host),
		cmocka_unit_test(
			a_host_stands_for_the_network_around_the_address),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
