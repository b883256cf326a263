/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The outlet with the kernel's nftables, in a network namespace of each test's
   own. Without root, nf_tables or libnftables there is nothing to test. */

#define _GNU_SOURCE /* unshare() */

#include <sched.h>
#include <unistd.h>

#include "unit.h"
#include "warden-nft-script.h"
#include "warden-nft.h"
#include "warden-outlet.h"

#define NOW_SECS 1000000
#define MANY 20000

static const struct warden_outlet_type *const type = &warden_outlet_nftables;

struct fixture {
	struct warden_settings settings;
	struct warden_nft *nft; /* ours, to look and to meddle */
	struct warden_report report;
	struct warden_outlet *outlet;
	unsigned int lines;
	char line[1024]; /* the last */
	uint64_t now;
};

static void log_line(void *context, enum warden_level level, const char *line,
		     const struct warden_report_block *block)
{
	struct fixture *f = context;

	(void)level;
	(void)block;
	f->lines++;
	(void)snprintf(f->line, sizeof(f->line), "%s", line);
}

static const char *nft_ask(struct fixture *f, const char *commands)
{
	struct warden_error error;
	const char *output;
	bool missing;

	if (!warden_nft_run(f->nft, commands, false, &output, &missing, &error))
		fail_msg("%s: %s", commands, error.text);
	return output;
}

static void make_sets(struct fixture *f)
{
	char *commands = NULL;
	size_t size;
	FILE *file = open_memstream(&commands, &size);

	assert_non_null(file);
	warden_nft_write_setup(file, &f->settings.nftables);
	assert_int_equal(fclose(file), 0);
	(void)nft_ask(f, commands);
	free(commands);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->outlet != NULL)
		type->free(f->outlet);
	warden_nft_close(&f->nft);
	free(f);
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct warden_error error = { .text = "" };
	const char *wrong;
	uint32_t generation;

	assert_non_null(f);
	*state = f;
	f->now = UINT64_C(1000) * NOW_SECS;
	warden_settings_init_defaults(&f->settings);
	assert_true(warden_nft_names_parse("inet filter warden",
					   &f->settings.nftables, &wrong));
	if (unshare(CLONE_NEWNET) == 0)
		f->nft = warden_nft_open(&error);
	if (f->nft == NULL ||
	    !warden_nft_generation(f->nft, &generation, &error)) {
		print_message("no nftables here: %s\n",
			      error.text[0] != '\0' ? error.text : "not root");
		warden_nft_close(&f->nft);
		return 0;
	}
	warden_report_init(&f->report, log_line, f);
	f->outlet = type->create(&f->settings);
	assert_non_null(f->outlet);
	return 0;
}

#define NEEDS_NFT(f)                  \
	do {                          \
		if ((f)->nft == NULL) \
			skip();       \
	} while (0)

/* More than any interval between writes. */
static void tick(struct fixture *f)
{
	f->now += 1000;
	type->look(f->outlet);
	type->tick(f->outlet, &f->report, false, f->now);
}

static void deny(struct fixture *f, const char *const *nets, uint32_t secs)
{
	struct warden_denied denied[8];
	size_t count = 0;

	for (; nets[count] != NULL; count++) {
		assert_true(count < 8);
		denied[count].net = unit_net(nets[count]);
		denied[count].until_secs =
			secs == UINT32_MAX ? secs : NOW_SECS + secs;
	}
	assert_true(type->set(f->outlet, denied, count));
	tick(f);
}
#define DENY(f, ...) deny(f, (const char *const[]){ __VA_ARGS__, NULL }, 3600)

/* How many are in the sets. */
static int list_nets(struct fixture *f, struct warden_net *nets, size_t room)
{
	char command[WARDEN_NFT_LIST_STRLEN];
	int count4, count6;

	count4 = warden_nft_parse_sets(
		nft_ask(f, warden_nft_list_format(&f->settings.nftables,
						  WARDEN_INET, command)),
		nets, room);
	assert_true(count4 >= 0);
	count6 = warden_nft_parse_sets(
		nft_ask(f, warden_nft_list_format(&f->settings.nftables,
						  WARDEN_INET6, command)),
		nets + count4, room - (size_t)count4);
	assert_true(count6 >= 0);
	return count4 + count6;
}

/* All that is in the sets, with blanks between and at the end, in order. */
static const char *elements(struct fixture *f)
{
	static char text[1024];
	struct warden_net nets[32];
	char buf[WARDEN_NET_STRLEN];
	int count = list_nets(f, nets, 32);

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		(void)strcat(text, warden_net_format(&nets[i], buf));
		(void)strcat(text, " ");
	}
	return text;
}

static void test_block_does_not_get_there(void **state)
{
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	DENY(f, "192.0.2.7", "2001:db8:1:2::/64", "198.51.100.0/24");
	assert_string_equal(elements(f),
			    "192.0.2.7 198.51.100.0/24 2001:db8:1:2::/64 ");
	DENY(f, "192.0.2.7", "192.0.2.8", "203.0.113.0/25");
	assert_string_equal(elements(f), "192.0.2.7 192.0.2.8 203.0.113.0/25 ");
	assert_true(type->set(f->outlet, NULL, 0));
	tick(f);
	assert_string_equal(elements(f), "");
	assert_int_equal(f->lines, 0);
	assert_int_equal(type->faults(f->outlet), 0);
}

static void test_what_another_run_left_stays(void **state)
{
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	(void)nft_ask(f, "add element inet filter warden4 { 192.0.2.99, "
			 "10.0.0.0-10.0.0.5 }\n");
	DENY(f, "192.0.2.7");
	assert_string_equal(elements(f), "192.0.2.7 ");
}

static void test_timeout_is_missing(void **state)
{
	static const char *const one[] = { "192.0.2.7", NULL };
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	deny(f, one, 3601);
	assert_non_null(strstr(nft_ask(f, "list set inet filter warden4\n"),
			       "192.0.2.7 timeout 1h"));
	/* a longer one, and one without end */
	deny(f, one, 7202);
	assert_non_null(strstr(nft_ask(f, "list set inet filter warden4\n"),
			       "192.0.2.7 timeout 2h"));
	deny(f, one, UINT32_MAX);
	assert_non_null(strstr(nft_ask(f, "list set inet filter warden4\n"),
			       "{ 192.0.2.7 }"));
	assert_int_equal(f->lines, 0);
}

/* nft refuses what overlaps. */
static void test_host_inside_of_a_blocked_network(void **state)
{
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	DENY(f, "192.0.2.7", "192.0.2.0/24", "192.0.0.0/16", "192.0.2.7");
	assert_string_equal(elements(f), "192.0.0.0/16 ");
	DENY(f, "192.0.2.7", "192.0.2.0/24");
	assert_string_equal(elements(f), "192.0.2.0/24 ");
	DENY(f, "192.0.2.7", "192.0.3.0/24");
	assert_string_equal(elements(f), "192.0.2.7 192.0.3.0/24 ");
	DENY(f, "192.0.2.0/23");
	assert_string_equal(elements(f), "192.0.2.0/23 ");
	assert_int_equal(f->lines, 0);
}

static void test_elements_do_not_come_back_after_a_flush(void **state)
{
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	DENY(f, "192.0.2.7", "192.0.2.9", "2001:db8:1:2::/64");
	(void)nft_ask(f, "flush set inet filter warden4\n");
	tick(f);
	assert_string_equal(elements(f),
			    "192.0.2.7 192.0.2.9 2001:db8:1:2::/64 ");
	/* somebody takes one out and puts in another */
	(void)nft_ask(f, "delete element inet filter warden4 { 192.0.2.9 }\n"
			 "add element inet filter warden4 { 192.0.2.10 }\n");
	tick(f);
	assert_string_equal(elements(f),
			    "192.0.2.7 192.0.2.9 2001:db8:1:2::/64 ");
	assert_int_equal(f->lines, 0);

	(void)nft_ask(f, "flush ruleset\n");
	for (int i = 0; i < 5; i++)
		tick(f);
	assert_int_equal(f->lines, 1);
	assert_non_null(strstr(f->line, "inet filter"));
	assert_non_null(strstr(f->line, "warden4 and warden6"));
	assert_int_equal(type->faults(f->outlet), WARDEN_FAULT_NFTABLES_SETS);
	make_sets(f);
	tick(f);
	assert_string_equal(elements(f),
			    "192.0.2.7 192.0.2.9 2001:db8:1:2::/64 ");
	assert_int_equal(type->faults(f->outlet), 0);
	/* and told again the next time */
	(void)nft_ask(f, "flush ruleset\n");
	tick(f);
	assert_int_equal(f->lines, 2);
}

/* Every second for years: nothing may happen where nothing has changed. */
static void test_quiet_outlet_changes_something(void **state)
{
	struct fixture *f = *state;
	struct warden_error error;
	uint32_t before, after;

	NEEDS_NFT(f);
	make_sets(f);
	for (int blocks = 0; blocks < 2; blocks++) {
		if (blocks == 1)
			DENY(f, "192.0.2.7");
		tick(f);
		assert_true(warden_nft_generation(f->nft, &before, &error));
		for (int i = 0; i < 5; i++)
			tick(f);
		assert_true(warden_nft_generation(f->nft, &after, &error));
		assert_int_equal(after, before);
	}
}

static void test_setup_again_loses_elements(void **state)
{
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	DENY(f, "192.0.2.7");
	make_sets(f);
	assert_string_equal(elements(f), "192.0.2.7 ");
}

static void test_last_tick_leaves_somebody_in(void **state)
{
	struct fixture *f = *state;

	NEEDS_NFT(f);
	make_sets(f);
	DENY(f, "192.0.2.7");
	/* within the interval */
	assert_true(type->set(f->outlet, NULL, 0));
	type->tick(f->outlet, &f->report, true, f->now);
	assert_string_equal(elements(f), "");
}

static void test_many_blocks(void **state)
{
	struct fixture *f = *state;
	struct warden_denied *denied = calloc(MANY + 5, sizeof(*denied));
	struct warden_net *nets = calloc(MANY + 5, sizeof(*nets));
	char text[64];

	NEEDS_NFT(f);
	make_sets(f);
	assert_non_null(denied);
	assert_non_null(nets);
	for (unsigned int i = 0; i < MANY + 5; i++) {
		(void)snprintf(text, sizeof(text),
			       i % 2 == 0 ? "198.%u.%u.7" :
					    "2001:db8:%x:%x::/64",
			       i >> 8, i & 255);
		denied[i].net = unit_net(text);
		denied[i].until_secs = NOW_SECS + 3600 + i;
	}
	assert_true(type->set(f->outlet, denied, MANY + 5));
	tick(f);
	assert_int_equal(f->lines, 0);
	assert_int_equal(list_nets(f, nets, MANY + 5), MANY);
	/* every third of them, in more than one go */
	for (unsigned int i = 0; i < MANY / 3; i++)
		denied[i] = denied[i * 3];
	assert_true(type->set(f->outlet, denied, MANY / 3));
	tick(f);
	assert_int_equal(f->lines, 0);
	assert_int_equal(list_nets(f, nets, MANY + 5), MANY / 3);
	free(denied);
	free(nets);
}

static void test_missing_capability_is_told_more_than_once(void **state)
{
	struct fixture *f = *state;
	struct warden_outlet *outlet;

	NEEDS_NFT(f);
	make_sets(f);
	assert_int_equal(seteuid(65534), 0);
	outlet = type->create(&f->settings);
	assert_non_null(outlet);
	for (int i = 0; i < 5; i++) {
		f->now += 1000;
		type->look(outlet);
		type->tick(outlet, &f->report, false, f->now);
	}
	assert_int_equal(type->faults(outlet), WARDEN_FAULT_NFTABLES);
	type->free(outlet);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(f->lines, 1);
	assert_non_null(strstr(f->line, "CAP_NET_ADMIN"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_block_does_not_get_there),
		CASE(test_what_another_run_left_stays),
		CASE(test_timeout_is_missing),
		CASE(test_host_inside_of_a_blocked_network),
		CASE(test_elements_do_not_come_back_after_a_flush),
		CASE(test_quiet_outlet_changes_something),
		CASE(test_setup_again_loses_elements),
		CASE(test_last_tick_leaves_somebody_in),
		CASE(test_many_blocks),
		CASE(test_missing_capability_is_told_more_than_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
