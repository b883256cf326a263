/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-nft-script.h"

#define NOW_SECS 1000

static struct warden_nft_names names_of(const char *value)
{
	struct warden_nft_names names;
	const char *error = NULL;

	if (!warden_nft_names_parse(value, &names, &error))
		fail_msg("%s: %s", value, error);
	return names;
}

/* What write writes is expected. */
#define EXPECT(expected, write)                               \
	do {                                                  \
		char *written = NULL;                         \
		size_t size;                                  \
		FILE *file = open_memstream(&written, &size); \
		assert_non_null(file);                        \
		write;                                        \
		assert_int_equal(fclose(file), 0);            \
		assert_string_equal(written, expected);       \
		free(written);                                \
	} while (0)

static void test_names_that_nft_would_misread(void **state)
{
	static const char *const bad[] = {
		"inet",
		"inet filter",
		"inet filter warden more",
		"bridge filter warden",
		"INET filter warden",
		"inet filter;flush warden",
		"inet filter {warden}",
		"inet 1filter warden",
		"inet -f warden",
		"inet filter w\"",
		"inet filter war\nden",
		"inet filter $x",
		"inet filter @x",
		"inet filter a.b",
		"inet filter warden7890123456789012345678",
		"inet filter7890123456789012345678 warden",
		"toolongfamily filter warden",
	};
	struct warden_nft_names names = names_of("ip6 a_b c-d"), before = names;
	const char *error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error = NULL;
		if (warden_nft_names_parse(bad[i], &names, &error))
			fail_msg("%s is taken", bad[i]);
		assert_non_null(error);
		assert_memory_equal(&names, &before, sizeof(names));
	}
	names = names_of("  inet\tfilter   warden ");
	assert_string_equal(names.family, "inet");
	assert_string_equal(names.table, "filter");
	assert_string_equal(names.name, "warden");
	names = names_of("  ");
	assert_string_equal(names.family, "");
}

static void test_set_of_a_family_that_the_table_has_not(void **state)
{
	const struct warden_denied both[] = {
		{ unit_net("192.0.2.1"), NOW_SECS + 60 },
		{ unit_net("2001:db8:1:2::/64"), NOW_SECS + 61 },
	};
	struct warden_nft_names names = names_of("ip filter warden");
	char buf[WARDEN_NFT_SETS_STRLEN];

	(void)state;
	assert_true(warden_nft_names_have(&names, WARDEN_INET));
	assert_false(warden_nft_names_have(&names, WARDEN_INET6));
	assert_string_equal(warden_nft_sets_format(&names, buf), "warden4");
	EXPECT("flush set ip filter warden4\n",
	       warden_nft_write_flush(file, &names));
	EXPECT("add element ip filter warden4 { 192.0.2.1 timeout 60s }\n",
	       warden_nft_write_add(file, &names, both, 2, NOW_SECS));
	names = names_of("ip6 filter warden");
	assert_string_equal(warden_nft_sets_format(&names, buf), "warden6");
	EXPECT("add element ip6 filter warden6 "
	       "{ 2001:db8:1:2::/64 timeout 61s }\n",
	       warden_nft_write_add(file, &names, both, 2, NOW_SECS));
	names = names_of("inet filter warden");
	assert_string_equal(warden_nft_sets_format(&names, buf),
			    "warden4 and warden6");
	EXPECT("flush set inet filter warden4\nflush set inet filter warden6\n",
	       warden_nft_write_flush(file, &names));
}

static void test_element_that_never_ends(void **state)
{
	const struct warden_nft_names names = names_of("inet filter warden");
	const struct warden_denied elements[] = {
		{ unit_net("198.51.100.0/24"), UINT32_MAX },
		/* over already: a timeout of 0 would be one without end */
		{ unit_net("192.0.2.1"), NOW_SECS },
		{ unit_net("192.0.2.2"), NOW_SECS - 1 },
		{ unit_net("192.0.2.3"), NOW_SECS + 1 },
	};

	(void)state;
	EXPECT("add element inet filter warden4 { 198.51.100.0/24, "
	       "192.0.2.3 timeout 1s }\n",
	       warden_nft_write_add(file, &names, elements, 4, NOW_SECS));
	EXPECT("",
	       warden_nft_write_add(file, &names, elements + 1, 2, NOW_SECS));
	EXPECT("", warden_nft_write_add(file, &names, elements, 0, NOW_SECS));
}

static void test_deleting_what_is_gone(void **state)
{
	const struct warden_nft_names names = names_of("inet filter warden");
	const struct warden_denied elements[] = {
		{ unit_net("192.0.2.1"), 0 },
		{ unit_net("2001:db8::/48"), NOW_SECS - 1 },
	};

	(void)state;
	EXPECT("add element inet filter warden4 { 192.0.2.1 }\n"
	       "delete element inet filter warden4 { 192.0.2.1 }\n"
	       "add element inet filter warden6 { 2001:db8::/48 }\n"
	       "delete element inet filter warden6 { 2001:db8::/48 }\n",
	       warden_nft_write_delete(file, &names, elements, 2));
}

static const char listing[] =
	"table inet filter {\n"
	"\tset warden4 {\n"
	"\t\ttype ipv4_addr\n"
	"\t\tflags interval,timeout\n"
	"\t\telements = { 192.0.2.1 timeout 5m expires 4m58s748ms, "
	"198.51.100.0/24,\n"
	"\t\t\t     203.0.113.9 timeout 1m40s }\n"
	"\t}\n"
	"}\n"
	"table inet filter {\n"
	"\tset warden6 {\n"
	"\t\ttype ipv6_addr\n"
	"\t\tflags interval,timeout\n"
	"\t\telements = { 2001:db8:1:2::/64 timeout 7d expires 6d23h }\n"
	"\t}\n"
	"}\n";

static void test_elements_that_are_read_back(void **state)
{
	static const char *const expected[] = { "192.0.2.1", "198.51.100.0/24",
						"203.0.113.9",
						"2001:db8:1:2::/64" };
	struct warden_net nets[4];

	(void)state;
	assert_int_equal(warden_nft_parse_sets(listing, nets, 4), 4);
	for (size_t i = 0; i < 4; i++) {
		struct warden_net net = unit_net(expected[i]);

		assert_true(warden_net_equals(&nets[i], &net));
	}
	assert_int_equal(warden_nft_parse_sets(listing, nets, 3), -1);
	assert_int_equal(warden_nft_parse_sets("", nets, 4), 0);
	assert_int_equal(warden_nft_parse_sets("table inet filter {\n"
					       "\tset warden4 {\n\t}\n}\n",
					       nets, 4),
			 0);
}

static void test_element_that_is_not_ours(void **state)
{
	static const char *const texts[] = {
		"elements = { 192.0.2.1-192.0.2.5 timeout 5m }",
		"elements = { 192.0.2.1, }",
		"elements = { }",
		"elements = { 192.0.2.1",
		"elements = {",
		"elements = { example.com }",
		"elements = { 1111111111111111111111111111111111111111111111"
		"1111111111111111111111111111111111111111111111111111111 }",
	};
	struct warden_net nets[4];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (warden_nft_parse_sets(texts[i], nets, 4) != -1)
			fail_msg("%s is taken", texts[i]);
	}
}

static const char table[] =
	"table inet filter {\n"
	"\tset warden4 {\n"
	"\t\ttype ipv4_addr\n"
	"\t}\n"
	"\n"
	"\tset warden6 {\n"
	"\t}\n"
	"\n"
	"\tchain warden {\n"
	"\t\ttype filter hook input priority -10; policy accept;\n"
	"\t\tip saddr @warden4 counter drop\n"
	"\t\tip6 saddr @warden6 counter drop\n"
	"\t}\n"
	"}\n";

static void test_setup_of_which_a_part_is_missing(void **state)
{
	const struct warden_nft_names names = names_of("inet filter warden");
	const struct warden_nft_names other = names_of("inet filter ward");
	static const char *const parts[] = {
		"\tset warden4",
		"\tset warden6",
		"chain warden",
		"hook input",
		"\tip saddr @warden4 counter drop",
		"ip6 saddr @warden6",
	};
	char text[sizeof(table)];

	(void)state;
	assert_true(warden_nft_has_all(table, &names));
	assert_true(warden_nft_has_any(table, &names));
	assert_false(warden_nft_has_all(table, &other));
	assert_false(warden_nft_has_any(table, &other));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		memcpy(text, table, sizeof(text));
		*strstr(text, parts[i]) = 'x';
		if (warden_nft_has_all(text, &names))
			fail_msg("without %s all is there", parts[i]);
		assert_true(warden_nft_has_any(text, &names));
	}
}

static void test_table_of_others_is_not_empty(void **state)
{
	(void)state;
	assert_true(warden_nft_table_is_empty("table inet filter {\n}\n"));
	assert_false(warden_nft_table_is_empty(table));
	assert_false(warden_nft_table_is_empty(""));
	assert_false(warden_nft_table_is_empty("table inet filter {"));
	assert_false(warden_nft_table_is_empty(
		"table inet filter {\n\tchain x {\n\t}\n}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_nft_would_misread),
		cmocka_unit_test(test_set_of_a_family_that_the_table_has_not),
		cmocka_unit_test(test_element_that_never_ends),
		cmocka_unit_test(test_deleting_what_is_gone),
		cmocka_unit_test(test_elements_that_are_read_back),
		cmocka_unit_test(test_element_that_is_not_ours),
		cmocka_unit_test(test_setup_of_which_a_part_is_missing),
		cmocka_unit_test(test_table_of_others_is_not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
