/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Databases as they are sold, made by tests/make-mmdb, and such as nobody
   sells, put together byte by byte. Under the sanitizers and valgrind every byte
   that is read beside them is found, and one that has no end by the time that
   tests have. */

#include <maxminddb.h>
#include <spawn.h>
#include <sys/wait.h>

#include "test-files.h"
#include "unit-random.h"
#include "warden-geoip-check.h"
#include "warden-geoip.h"

extern char **environ;

#define SKIPPED 77 /* make-mmdb's */

/* --- What comes out ------------------------------------------------------- */

struct outcome {
	enum warden_geoip_result result;
	struct warden_error error;
	struct warden_geoip_info info;
	struct warden_origins_list list;
	void *image;
	size_t size;
};

static void outcome_free(struct outcome *outcome)
{
	warden_origins_list_free(&outcome->list);
	free(outcome->image);
}

static void read_to_end(struct outcome *outcome_r, struct warden_geoip *geoip,
			unsigned int msecs)
{
	memset(outcome_r, 0, sizeof(*outcome_r));
	do {
		outcome_r->result =
			warden_geoip_read(geoip, msecs, &outcome_r->error);
	} while (outcome_r->result == WARDEN_GEOIP_MORE);
	/* and it stays so */
	assert_int_equal(warden_geoip_read(geoip, 0, &outcome_r->error),
			 outcome_r->result);
	warden_geoip_take(geoip, &outcome_r->list, &outcome_r->info);
	outcome_r->size = warden_origins_image_size(&outcome_r->list);
	if (outcome_r->size == 0)
		return;
	outcome_r->image = malloc(outcome_r->size);
	assert_non_null(outcome_r->image);
	warden_origins_image_write(&outcome_r->list, outcome_r->image);
}

static void read_within(struct outcome *outcome_r, const char *path,
			const struct warden_geoip_bounds *bounds)
{
	struct warden_error error = { .text = "" };
	struct warden_geoip *geoip =
		bounds == NULL ? warden_geoip_open(path, &error) :
				 warden_geoip_open_within(path, bounds, &error);

	if (geoip == NULL) {
		memset(outcome_r, 0, sizeof(*outcome_r));
		outcome_r->result = WARDEN_GEOIP_FAILED;
		outcome_r->error = error;
		return;
	}
	read_to_end(outcome_r, geoip, 20);
	warden_geoip_close(&geoip);
	assert_null(geoip);
}

/* It can be used. */
static struct outcome read_good(const char *path)
{
	struct outcome outcome;

	read_within(&outcome, path, NULL);
	if (outcome.result != WARDEN_GEOIP_DONE)
		fail_msg("%s", outcome.error.text);
	assert_int_equal(outcome.info.runs,
			 outcome.list.inet.count + outcome.list.inet6.count);
	return outcome;
}

/* It cannot, and the error names it and says so. */
static void expect_refused(const struct outcome *outcome, const char *path,
			   const char *why)
{
	assert_int_equal(outcome->result, WARDEN_GEOIP_FAILED);
	assert_int_equal(outcome->size, 0);
	if (strncmp(outcome->error.text, path, strlen(path)) != 0 ||
	    strstr(outcome->error.text, why) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", outcome->error.text, why);
}

static void expect_bad(const char *path, const char *why)
{
	struct outcome outcome;

	read_within(&outcome, path, NULL);
	expect_refused(&outcome, path, why);
}

static uint32_t origin_of(const struct outcome *outcome, const char *address)
{
	struct warden_net net = unit_net(address);

	return warden_origins_find(outcome->image, outcome->size, &net);
}

static void expect(const struct outcome *outcome, const char *address,
		   const char *country, uint32_t system)
{
	uint32_t origin = origin_of(outcome, address);
	char letters[3];

	(void)warden_country_format(warden_origin_country(origin), letters);
	if (strcmp(letters, country) != 0 ||
	    warden_origin_as(origin) != system) {
		fail_msg("%s: \"%s\" AS%u, not \"%s\" AS%u", address, letters,
			 warden_origin_as(origin), country, system);
	}
}

/* --- Databases made by Perl ----------------------------------------------- */

static const char *run_make_mmdb(const char *text, const char *name)
{
	const char *path = test_path(name);
	char *argv[] = { (char *)"perl", (char *)MAKE_MMDB, (char *)text,
			 (char *)path, NULL };
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, "perl", NULL, NULL, argv, environ) != 0) {
		print_message("skipped: there is no perl\n");
		skip();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: perl has no "
			      "MaxMind::DB::Writer::Tree\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return path;
}

/* The text is described in make-mmdb. */
static const char *make(const char *name, const char *text)
{
	const char *path = test_path("text");

	test_file_puts(path, text);
	return run_make_mmdb(path, name);
}

static const char *make_country(const char *name)
{
	return make(name,
		    "6 24 uint32 1 GeoLite2-Country\n"
		    "192.0.2.0/24 {\"country\":{\"iso_code\":\"DE\"}}\n"
		    "198.51.100.0/25 {\"country\":{\"iso_code\":\"FR\"}}\n"
		    "2001:db8::/32 {\"country\":{\"iso_code\":\"SE\"}}\n");
}

/* --- What is sold --------------------------------------------------------- */

static void test_country_is_not_seen(void **state)
{
	struct outcome outcome = read_good(make(
		"City.mmdb",
		"6 28 uint32 1 GeoLite2-City\n"
		"192.0.2.0/24 {\"city\":{\"geoname_id\":2950159,\"names\":"
		"{\"de\":\"Berlin\",\"en\":\"Berlin\"}},\"continent\":"
		"{\"code\":\"EU\"},\"country\":{\"geoname_id\":2921044,"
		"\"is_in_european_union\":true,\"iso_code\":\"DE\",\"names\":"
		"{\"de\":\"Deutschland\",\"en\":\"Germany\"}},\"location\":"
		"{\"accuracy_radius\":20,\"latitude\":52.5,\"longitude\":13.4},"
		"\"registered_country\":{\"iso_code\":\"US\"},"
		"\"subdivisions\":[{\"iso_code\":\"BE\"}]}\n"
		/* a satellite's, and an anycast network */
		"198.51.100.0/24 {\"continent\":{\"code\":\"EU\"},"
		"\"registered_country\":{\"iso_code\":\"NO\"}}\n"
		"203.0.113.0/24 {\"traits\":{\"is_anycast\":true}}\n"
		"2001:db8::/32 {\"country\":{\"iso_code\":\"SE\"}}\n"));

	(void)state;
	expect(&outcome, "192.0.2.0", "DE", 0);
	expect(&outcome, "192.0.2.255", "DE", 0);
	expect(&outcome, "192.0.1.255", "", 0);
	expect(&outcome, "192.0.3.0", "", 0);
	expect(&outcome, "198.51.100.7", "NO", 0);
	expect(&outcome, "203.0.113.7", "", 0);
	expect(&outcome, "2001:db8:ffff:ffff::1", "SE", 0);
	expect(&outcome, "2001:db9::", "", 0);
	assert_true(outcome.info.has_countries);
	assert_false(outcome.info.has_systems);
	assert_string_equal(outcome.info.database_type, "GeoLite2-City");
	assert_int_equal(outcome.info.build_epoch, 1767225600);
	outcome_free(&outcome);
}

static void test_system_is_not_seen(void **state)
{
	static const char *const types[] = { "uint16", "uint32", "uint64" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct outcome outcome;
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "6 24 %s 1 GeoLite2-ASN\n"
			       "192.0.2.0/24 {\"autonomous_system_number\":%s,"
			       "\"autonomous_system_organization\":\"Some\"}\n"
			       "198.51.100.0/24 {\"autonomous_system_"
			       "organization\":\"None\"}\n"
			       "2001:db8::/32 {\"autonomous_system_number\":"
			       "64500}\n",
			       types[i], i == 0 ? "3320" : "400000");
		outcome = read_good(make("ASN.mmdb", text));
		expect(&outcome, "192.0.2.1", "", i == 0 ? 3320 : 400000);
		expect(&outcome, "198.51.100.1", "", 0);
		expect(&outcome, "2001:db8::1", "", 64500);
		assert_false(outcome.info.has_countries);
		assert_true(outcome.info.has_systems);
		outcome_free(&outcome);
	}
}

/* Private use begins at 4200000000: there is no room for it, and no need. */
static void test_number_of_a_system_is_cut(void **state)
{
	struct outcome outcome = read_good(
		make("ASN.mmdb",
		     "4 24 uint32 0 GeoLite2-ASN\n"
		     "192.0.2.0/25 {\"autonomous_system_number\":4194303}\n"
		     "192.0.2.128/25 {\"autonomous_system_number\":4194304}\n"
		     "198.51.100.0/24 "
		     "{\"autonomous_system_number\":4200000001}\n"));

	(void)state;
	expect(&outcome, "192.0.2.127", "", 4194303);
	expect(&outcome, "192.0.2.128", "", 0);
	expect(&outcome, "198.51.100.1", "", 0);
	outcome_free(&outcome);
}

static void test_text_of_ipinfo_is_not_understood(void **state)
{
	struct outcome outcome = read_good(make(
		"lite.mmdb",
		"6 32 uint32 0 ipinfo lite_data.mmdb\n"
		"192.0.2.0/28 {\"asn\":\"AS15169\",\"as_name\":\"Some\","
		"\"country\":\"Germany\",\"country_code\":\"DE\"}\n"
		"192.0.2.16/28 {\"asn\":\"AS4194303\",\"country\":\"fr\"}\n"
		/* none of these is anything */
		"192.0.2.32/28 {\"asn\":\"AS\",\"country\":\"Oman\"}\n"
		"192.0.2.48/28 {\"asn\":\"AS1x\",\"country\":\"1A\"}\n"
		"192.0.2.64/28 {\"asn\":\"15169\",\"country\":\"\"}\n"
		"192.0.2.80/28 {\"asn\":\"AS42949672950\"}\n"
		"192.0.2.96/28 {\"asn\":{\"asn\":\"AS1\"},"
		"\"country\":{\"iso_code\":{\"a\":\"DE\"}}}\n"
		"192.0.2.112/28 {\"asn\":\"\",\"country\":\"D\"}\n"));

	(void)state;
	expect(&outcome, "192.0.2.1", "DE", 15169);
	expect(&outcome, "192.0.2.17", "FR", 4194303);
	expect(&outcome, "192.0.2.33", "", 0);
	expect(&outcome, "192.0.2.49", "", 0);
	/* plain digits came as a number only */
	expect(&outcome, "192.0.2.65", "", 15169);
	expect(&outcome, "192.0.2.81", "", 0);
	expect(&outcome, "192.0.2.97", "", 0);
	expect(&outcome, "192.0.2.113", "", 0);
	assert_true(outcome.info.has_countries);
	assert_true(outcome.info.has_systems);
	outcome_free(&outcome);
}

static void test_nothing_is_in_it(void **state)
{
	(void)state;
	expect_bad(make("Domain.mmdb", "6 24 uint32 0 GeoIP2-Domain\n"
				       "192.0.2.0/24 {\"domain\":\"a.b\"}\n"),
		   ": has neither countries nor autonomous systems");
}

static void test_type_has_a_newline(void **state)
{
	char text[256] = "4 24 uint32 0 B\303\266se\033[2J\t";
	struct outcome outcome;

	(void)state;
	memset(text + strlen(text), 'x', 100);
	strcat(text, "\n192.0.2.0/24 {\"country\":\"DE\"}\n");
	outcome = read_good(make("type.mmdb", text));
	for (const char *c = outcome.info.database_type; *c != '\0'; c++)
		assert_uint_in_range((unsigned char)*c, ' ', '~');
	assert_int_equal(strlen(outcome.info.database_type), 63);
	outcome_free(&outcome);
}

/* --- Trees ---------------------------------------------------------------- */

#define MODEL_MAX 200

struct model {
	struct warden_net nets[MODEL_MAX];
	uint32_t origins[MODEL_MAX];
	unsigned int count;
};

static uint32_t model_find(const struct model *model,
			   const struct warden_net *address)
{
	uint32_t origin = 0;

	for (unsigned int i = 0; i < model->count; i++) {
		if (warden_net_contains(&model->nets[i], address))
			origin = model->origins[i];
	}
	return origin;
}

static void random_net(struct warden_net *net_r, bool is_inet6)
{
	char text[64];
	const char *error;

	if (is_inet6) {
		(void)snprintf(text, sizeof(text), "2a00:%x:%x:%x::/%u",
			       unit_random_below(4) << unit_random_below(15),
			       unit_random_below(65536),
			       unit_random_below(65536),
			       18 + unit_random_below(47));
	} else {
		(void)snprintf(text, sizeof(text), "%u.%u.%u.%u/%u",
			       unit_random_below(4) * 80,
			       unit_random_below(256), unit_random_below(256),
			       unit_random_below(256),
			       4 + unit_random_below(29));
	}
	assert_true(warden_net_parse(text, net_r, &error));
}

/* Like a longest prefix, which is how the writer is told. */
static void model_make(struct model *model_r, bool is_inet6)
{
	memset(model_r, 0, sizeof(*model_r));
	while (model_r->count < MODEL_MAX) {
		struct warden_net net;
		unsigned int i = model_r->count;

		random_net(&net, is_inet6 && unit_random_below(2) == 0);
		for (; i > 0 && model_r->nets[i - 1].bits > net.bits; i--) {
			model_r->nets[i] = model_r->nets[i - 1];
			model_r->origins[i] = model_r->origins[i - 1];
		}
		model_r->nets[i] = net;
		model_r->origins[i] =
			warden_origin_pack(0, 1 + unit_random_below(40));
		model_r->count++;
	}
}

static const char *model_write(const struct model *model,
			       unsigned int ip_version,
			       unsigned int record_size)
{
	const char *path = test_path("model");
	FILE *file = fopen(path, "w");
	char buf[WARDEN_NET_STRLEN];

	assert_non_null(file);
	fprintf(file, "%u %u uint32 %u Model\n", ip_version, record_size,
		ip_version == 6);
	for (unsigned int i = 0; i < model->count; i++) {
		bool is_whole = model->nets[i].bits ==
				warden_net_max_bits(&model->nets[i]);

		fprintf(file, "%s%s {\"asn\":%u}\n",
			warden_net_format(&model->nets[i], buf),
			is_whole ? "/32" : "",
			warden_origin_as(model->origins[i]));
	}
	assert_int_equal(fclose(file), 0);
	return run_make_mmdb(path, "model.mmdb");
}

/* The next address, or the one before. */
static void move(struct warden_net *address, int by)
{
	for (int i = address->family == WARDEN_INET ? 3 : 7; i >= 0; i--) {
		address->bytes[i] = (uint8_t)(address->bytes[i] + by);
		if (address->bytes[i] != (by > 0 ? 0 : 255))
			break;
	}
}

static void expect_model(const struct outcome *outcome,
			 const struct model *model,
			 const struct warden_net *address)
{
	uint32_t found =
		warden_origins_find(outcome->image, outcome->size, address);
	uint32_t right = model_find(model, address);
	char buf[WARDEN_NET_STRLEN];

	if (found != right) {
		fail_msg("%s: AS%u, not AS%u", warden_net_format(address, buf),
			 warden_origin_as(found), warden_origin_as(right));
	}
}

static void expect_borders(const struct outcome *outcome,
			   const struct model *model,
			   const struct warden_net *net)
{
	const bool is_inet = net->family == WARDEN_INET;
	struct warden_net address = *net;

	address.bits = is_inet ? 32 : 128;
	expect_model(outcome, model, &address);
	move(&address, -1);
	expect_model(outcome, model, &address);
	address = *net;
	address.bits = is_inet ? 32 : 128;
	for (unsigned int i = net->bits; i < (is_inet ? 32 : 64); i++)
		address.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	expect_model(outcome, model, &address);
	move(&address, 1);
	expect_model(outcome, model, &address);
}

static void test_address_is_found_elsewhere(void **state)
{
	static const unsigned int sizes[] = { 24, 28, 32 };
	struct model model;

	(void)state;
	unit_random_start();
	for (unsigned int i = 0; i < 6; i++) {
		struct outcome outcome;

		model_make(&model, i % 2 == 1);
		outcome = read_good(
			model_write(&model, i % 2 == 1 ? 6 : 4, sizes[i / 2]));
		for (unsigned int j = 0; j < model.count; j++)
			expect_borders(&outcome, &model, &model.nets[j]);
		outcome_free(&outcome);
	}
}

static void test_ipv4_is_there_twice(void **state)
{
	struct outcome outcome = read_good(make_country("Country.mmdb"));

	(void)state;
	expect(&outcome, "192.0.2.1", "DE", 0);
	expect(&outcome, "2002:c000:201::1", "", 0);
	expect(&outcome, "2001:0:c000:201::1", "", 0);
	expect(&outcome, "2001:db8::1", "SE", 0);
	/* from, and to where there is none */
	assert_int_equal(outcome.list.inet.count, 4);
	assert_int_equal(outcome.list.inet6.count, 2);
	outcome_free(&outcome);
}

/* One that makes nothing of them. */
static void test_alias_has_the_origin_around_it(void **state)
{
	struct outcome outcome =
		read_good(make("all.mmdb", "6 24 uint32 0 All\n"
					   "::/1 {\"country\":\"DE\"}\n"
					   "8000::/1 {\"country\":\"FR\"}\n"));

	(void)state;
	expect(&outcome, "192.0.2.1", "DE", 0);
	expect(&outcome, "255.255.255.255", "DE", 0);
	expect(&outcome, "::1", "", 0);
	expect(&outcome, "0:0:0:1::", "DE", 0);
	expect(&outcome, "2000:ffff:ffff:ffff::", "DE", 0);
	expect(&outcome, "2001::", "", 0);
	expect(&outcome, "2001:0:ffff:ffff::", "", 0);
	expect(&outcome, "2001:1::", "DE", 0);
	expect(&outcome, "2001:ffff:ffff:ffff::", "DE", 0);
	expect(&outcome, "2002::", "", 0);
	expect(&outcome, "2002:ffff:ffff:ffff::", "", 0);
	expect(&outcome, "2003::", "DE", 0);
	expect(&outcome, "7fff:ffff:ffff:ffff::", "DE", 0);
	expect(&outcome, "8000::", "FR", 0);
	expect(&outcome, "ffff:ffff:ffff:ffff::", "FR", 0);
	assert_int_equal(outcome.list.inet.count, 1);
	assert_int_equal(outcome.list.inet6.count, 6);
	outcome_free(&outcome);
}

static void test_neighbours_are_not_merged(void **state)
{
	struct outcome outcome = read_good(
		make("City.mmdb",
		     "4 24 uint32 0 City\n"
		     "192.0.2.0/25 {\"city\":\"Aa\",\"country\":\"DE\"}\n"
		     "192.0.2.128/25 {\"city\":\"Bb\",\"country\":\"DE\"}\n"
		     "192.0.3.0/24 {\"city\":\"Cc\",\"country\":\"DE\"}\n"));

	(void)state;
	assert_int_equal(outcome.list.inet.count, 2);
	assert_int_equal(outcome.list.inet.runs[0].first, 0xc0000200);
	assert_int_equal(outcome.list.inet.runs[1].first, 0xc0000400);
	assert_int_equal(outcome.list.inet.runs[1].origin, 0);
	outcome_free(&outcome);
}

static void test_end_of_the_addresses_wraps(void **state)
{
	struct outcome outcome = read_good(make(
		"end.mmdb", "6 24 uint32 0 End\n"
			    "0.0.0.0/32 {\"country\":\"AA\"}\n"
			    "255.255.255.254/32 {\"country\":\"DE\"}\n"
			    "255.255.255.255/32 {\"country\":\"FR\"}\n"
			    "ffff:ffff:ffff:fffe::/64 {\"country\":\"SE\"}\n"
			    "ffff:ffff:ffff:ffff::/64 {\"country\":\"FI\"}\n"));

	(void)state;
	expect(&outcome, "0.0.0.0", "AA", 0);
	expect(&outcome, "0.0.0.1", "", 0);
	expect(&outcome, "255.255.255.253", "", 0);
	expect(&outcome, "255.255.255.254", "DE", 0);
	expect(&outcome, "255.255.255.255", "FR", 0);
	expect(&outcome, "ffff:ffff:ffff:fffd::", "", 0);
	expect(&outcome, "ffff:ffff:ffff:fffe::", "SE", 0);
	expect(&outcome, "ffff:ffff:ffff:ffff::", "FI", 0);
	assert_int_equal(outcome.list.inet.count, 4);
	assert_int_equal(outcome.list.inet6.count, 2);
	outcome_free(&outcome);
}

static void test_finer_than_64_bits_is_lost(void **state)
{
	struct outcome outcome = read_good(
		make("fine.mmdb", "6 24 uint32 0 Fine\n"
				  "2a00:1::/65 {\"country\":\"DE\"}\n"
				  "2a00:1:0:0:8000::/65 {\"country\":\"FR\"}\n"
				  "2a00:1:0:1::/128 {\"country\":\"SE\"}\n"
				  /* its first address has none */
				  "2a00:1:0:2::1/128 {\"country\":\"NO\"}\n"
				  "2a00:1:0:3::/64 {\"country\":\"FI\"}\n"));

	(void)state;
	expect(&outcome, "2a00:1::1", "DE", 0);
	expect(&outcome, "2a00:1::ffff:0:0:1", "DE", 0);
	expect(&outcome, "2a00:1:0:1::1", "SE", 0);
	expect(&outcome, "2a00:1:0:2::1", "", 0);
	expect(&outcome, "2a00:1:0:3::1", "FI", 0);
	expect(&outcome, "2a00:1:0:4::1", "", 0);
	outcome_free(&outcome);
}

/* --- Files that are none -------------------------------------------------- */

static void test_file_is_none(void **state)
{
	const char *path = test_path("file");

	(void)state;
	expect_bad(test_path("missing"),
		   ": cannot be opened: No such file or directory");
	expect_bad(test_dir, ": not a regular file");
	expect_bad("/dev/null", ": not a regular file");
	test_file_puts(path, "");
	expect_bad(path, ": not a MaxMind DB (it is empty)");
	test_file_puts(path, "# no database\n");
	expect_bad(path, ": not a MaxMind DB (its metadata is missing)");
	test_file_puts(path, "\xab\xcd\xefMaxMind.com");
	expect_bad(path, ": not a MaxMind DB (its metadata is damaged)");
}

static void test_fifo_is_waited_for(void **state)
{
	const char *path = test_path("fifo");

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_bad(path, ": not a regular file");
}

static void test_reason_is_cut_by_a_long_path(void **state)
{
	struct outcome outcome;
	char path[2048];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	read_within(&outcome, path, NULL);
	assert_int_equal(outcome.result, WARDEN_GEOIP_FAILED);
	assert_non_null(strstr(outcome.error.text, "a: cannot be opened: "));
}

/* --- Files that were damaged ---------------------------------------------- */

static bool is_slow(void)
{
	return getenv("WARDEN_TEST_VALGRIND") != NULL;
}

/* Whatever is in it: an end, and no byte beside it. */
static enum warden_geoip_result survive(const char *path, const void *data,
					size_t size)
{
	static const struct warden_geoip_bounds bounds = { .size = 1024 * 1024,
							   .nodes = 100000,
							   .cpu_secs = 120 };
	struct warden_net address = unit_net("192.0.2.1");
	struct outcome outcome;
	enum warden_geoip_result result;

	test_file_put(path, data, size);
	read_within(&outcome, path, &bounds);
	result = outcome.result;
	assert_true(result == WARDEN_GEOIP_DONE ||
		    result == WARDEN_GEOIP_FAILED);
	assert_true(result == WARDEN_GEOIP_DONE ||
		    outcome.error.text[0] != '\0');
	(void)warden_origins_find(outcome.image, outcome.size, &address);
	outcome_free(&outcome);
	return result;
}

static void test_file_was_cut(void **state)
{
	const char *path = make_country("whole.mmdb");
	size_t size;
	char *data = test_file_get(path, &size);

	(void)state;
	assert_non_null(data);
	for (size_t cut = 0; cut < size; cut += 97) {
		assert_int_equal(survive(path, data, cut), WARDEN_GEOIP_FAILED);
	}
	/* the metadata is there, the rest is not */
	for (size_t cut = 1; cut < size; cut += 97)
		(void)survive(path, data + cut, size - cut);
	assert_int_equal(survive(path, data, size), WARDEN_GEOIP_DONE);
	free(data);
}

static void test_bytes_are_flipped(void **state)
{
	const char *path = make_country("whole.mmdb");
	unsigned int rounds = is_slow() ? 200 : 5000, good = 0;
	size_t size;
	unsigned char *data = (unsigned char *)test_file_get(path, &size);
	unsigned char *damaged = malloc(size);

	(void)state;
	assert_non_null(data);
	assert_non_null(damaged);
	unit_random_start();
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int flips = 1 + unit_random_below(4);

		memcpy(damaged, data, size);
		while (flips-- > 0) {
			/* the second half has the metadata */
			size_t at = unit_random_below((uint32_t)size);

			if (unit_random_below(2) == 0)
				at = size - 1 - at % 256;
			damaged[at] = (unsigned char)unit_random();
		}
		good += survive(path, damaged, size) == WARDEN_GEOIP_DONE;
	}
	/* or it would not have got any further than the metadata */
	assert_true(good > 0 && good < rounds);
	free(data);
	free(damaged);
}

/* --- Files that somebody made up ------------------------------------------ */

struct forge {
	unsigned char *data;
	size_t size, room;
};

static void put(struct forge *forge, const void *data, size_t size)
{
	while (forge->size + size > forge->room) {
		forge->room = forge->room == 0 ? 4096 : forge->room * 2;
		forge->data = realloc(forge->data, forge->room);
		assert_non_null(forge->data);
	}
	memcpy(forge->data + forge->size, data, size);
	forge->size += size;
}

static void put_number(struct forge *forge, uint64_t number, unsigned int bytes)
{
	while (bytes-- > 0) {
		unsigned char byte = 0;

		if (bytes < sizeof(number))
			byte = (unsigned char)(number >> 8 * bytes);

		put(forge, &byte, 1);
	}
}

/* Of fewer than 29 bytes or members. */
static void put_control(struct forge *forge, unsigned int type,
			unsigned int size)
{
	put_number(forge, (type < 8 ? type << 5 : 0) | size, 1);
	if (type >= 8)
		put_number(forge, type - 7, 1);
}

static void put_string(struct forge *forge, const char *text)
{
	put_control(forge, MMDB_DATA_TYPE_UTF8_STRING,
		    (unsigned int)strlen(text));
	put(forge, text, strlen(text));
}

static void put_pair(struct forge *forge, const char *key, unsigned int type,
		     unsigned int bytes, uint64_t number)
{
	put_string(forge, key);
	put_control(forge, type, bytes);
	put_number(forge, number, bytes);
}

/* A pointer of 32 bits. */
static void put_pointer(struct forge *forge, uint32_t offset)
{
	put_number(forge, 0x38, 1);
	put_number(forge, offset, 4);
}

/* Two records of 24 bits. */
static void put_node(struct forge *forge, uint32_t left, uint32_t right)
{
	put_number(forge, left, 3);
	put_number(forge, right, 3);
}

static void put_separator(struct forge *forge)
{
	put_number(forge, 0, 16);
}

#define MARK_SIZE 14

struct metadata {
	uint32_t nodes;
	unsigned int record_size, ip_version;
	/* in the place of [] */
	const unsigned char *languages;
	size_t languages_size;
};

static void put_metadata(struct forge *forge, const struct metadata *metadata)
{
	put(forge, "\xab\xcd\xefMaxMind.com", MARK_SIZE);
	put_control(forge, MMDB_DATA_TYPE_MAP, 9);
	put_pair(forge, "binary_format_major_version", MMDB_DATA_TYPE_UINT16, 1,
		 2);
	put_pair(forge, "binary_format_minor_version", MMDB_DATA_TYPE_UINT16, 1,
		 0);
	put_pair(forge, "build_epoch", MMDB_DATA_TYPE_UINT64, 4, 1767225600);
	put_string(forge, "database_type");
	put_string(forge, "Forged");
	put_pair(forge, "description", MMDB_DATA_TYPE_MAP, 0, 0);
	put_pair(forge, "ip_version", MMDB_DATA_TYPE_UINT16, 1,
		 metadata->ip_version);
	put_pair(forge, "node_count", MMDB_DATA_TYPE_UINT32, 4,
		 metadata->nodes);
	put_pair(forge, "record_size", MMDB_DATA_TYPE_UINT16, 1,
		 metadata->record_size);
	put_string(forge, "languages");
	if (metadata->languages != NULL)
		put(forge, metadata->languages, metadata->languages_size);
	else
		put_control(forge, MMDB_DATA_TYPE_ARRAY, 0);
}

static void put_usual_metadata(struct forge *forge, uint32_t nodes,
			       unsigned int ip_version)
{
	const struct metadata metadata = { .nodes = nodes,
					   .record_size = 24,
					   .ip_version = ip_version };

	put_metadata(forge, &metadata);
}

/* {"country": these letters}; always as long */
#define COUNTRY_SIZE 12
static void put_country(struct forge *forge, const char *letters)
{
	put_control(forge, MMDB_DATA_TYPE_MAP, 1);
	put_string(forge, "country");
	put_string(forge, letters);
}

static struct outcome forge_read(struct forge *forge,
				 const struct warden_geoip_bounds *bounds)
{
	const char *path = test_path("forged");
	struct outcome outcome;

	test_file_put(path, forge->data, forge->size);
	read_within(&outcome, path, bounds);
	free(forge->data);
	memset(forge, 0, sizeof(*forge));
	return outcome;
}

static void forge_expect_bad(struct forge *forge, const char *why)
{
	struct outcome outcome = forge_read(forge, NULL);

	expect_refused(&outcome, test_path("forged"), why);
}

/* One node: what is below 128.0.0.0 is this record. */
static void record_begin(struct forge *forge)
{
	put_node(forge, 1 + 16, 1);
	put_separator(forge);
}

static void record_end(struct forge *forge)
{
	put_usual_metadata(forge, 1, 4);
}

/* Or the cases below would prove nothing. */
static void test_forged_file_is_refused(void **state)
{
	struct forge forge = { .size = 0 };
	struct outcome outcome;

	(void)state;
	record_begin(&forge);
	put_country(&forge, "DE");
	record_end(&forge);
	outcome = forge_read(&forge, NULL);
	assert_int_equal(outcome.result, WARDEN_GEOIP_DONE);
	expect(&outcome, "0.0.0.0", "DE", 0);
	expect(&outcome, "127.255.255.255", "DE", 0);
	expect(&outcome, "128.0.0.0", "", 0);
	outcome_free(&outcome);
}

static void test_no_network_is_in_it(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	put_node(&forge, 1, 1);
	put_separator(&forge);
	put_country(&forge, "DE");
	record_end(&forge);
	forge_expect_bad(&forge, ": has neither countries nor autonomous "
				 "systems");
}

static void test_stack_is_full_of_maps(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	record_begin(&forge);
	for (int i = 0; i < 1000000; i++)
		put(&forge, "\xe1\x41\x61", 3);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");

	record_begin(&forge);
	for (int i = 0; i < 1000000; i++)
		put_control(&forge, MMDB_DATA_TYPE_ARRAY, 1);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");
}

static void test_pointers_have_no_end(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	record_begin(&forge);
	put_pointer(&forge, 0);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");

	/* the map that it is in */
	record_begin(&forge);
	put_control(&forge, MMDB_DATA_TYPE_MAP, 1);
	put_string(&forge, "country");
	put_pointer(&forge, 0);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");

	/* beside the file */
	record_begin(&forge);
	put_control(&forge, MMDB_DATA_TYPE_MAP, 1);
	put_string(&forge, "country");
	put_pointer(&forge, 0xfffffff0);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");
}

/* 28 to the power of 12, with few levels */
static void put_laughs(struct forge *forge, uint32_t start)
{
	const unsigned int members = 28;
	uint32_t offset = start;

	for (unsigned int level = 0; level < 12; level++) {
		offset += 2 + members * 5;
		put_control(forge, MMDB_DATA_TYPE_ARRAY, members);
		for (unsigned int i = 0; i < members; i++)
			put_pointer(forge, offset);
	}
	put_control(forge, MMDB_DATA_TYPE_ARRAY, 0);
}

static void test_pointers_multiply(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	record_begin(&forge);
	put_laughs(&forge, 0);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");
}

/* They are inside the file, but each question would take as long. */
static void test_map_is_very_large(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	record_begin(&forge);
	put(&forge, "\xff\x01\x00\x00", 4);
	for (int i = 0; i < 65536 + 65821; i++) {
		put_string(&forge, "a");
		put_control(&forge, MMDB_DATA_TYPE_BOOLEAN, 0);
	}
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");
}

static void test_value_is_beside_the_file(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	/* 16 million bytes */
	record_begin(&forge);
	put(&forge, "\x5f\xff\xff\xff", 4);
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");

	/* in the separator: 16 less than 0 */
	put_node(&forge, 1 + 1, 1);
	put_separator(&forge);
	put_country(&forge, "DE");
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (");

	put_node(&forge, 0xffffff, 1);
	put_separator(&forge);
	put_country(&forge, "DE");
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (its search tree)");
}

/* It would be gone into as if it were the value. */
static void test_key_is_a_map(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	record_begin(&forge);
	put_control(&forge, MMDB_DATA_TYPE_MAP, 1);
	put_country(&forge, "DE");
	put_string(&forge, "a");
	record_end(&forge);
	forge_expect_bad(&forge, ": damaged (a record)");
}

static void test_metadata_is_made_up(void **state)
{
	/* 2^29 nodes of 8 bytes: 0 in 32 bits */
	struct metadata metadata = { .nodes = UINT32_C(1) << 29,
				     .record_size = 32,
				     .ip_version = 4 };
	struct forge forge = { .size = 0 }, languages = { .size = 0 };
	uint32_t start;

	(void)state;
	/* the root leads far away */
	put_number(&forge, UINT32_C(1) << 28, 4);
	put_number(&forge, 0, 60);
	put_metadata(&forge, &metadata);
	forge_expect_bad(&forge, "smaller than its search tree");

	metadata.nodes = 1;
	metadata.record_size = 20;
	put_number(&forge, 0, 64);
	put_metadata(&forge, &metadata);
	forge_expect_bad(&forge, "record_size");

	metadata.record_size = 24;
	metadata.languages = (const unsigned char *)"\x42xx";
	metadata.languages_size = 3;
	put_number(&forge, 0, 64);
	put_metadata(&forge, &metadata);
	forge_expect_bad(&forge, "no list of languages");

	/* one of them a number */
	metadata.languages = (const unsigned char *)"\x02\x04\x41x\xa1\x01";
	metadata.languages_size = 6;
	put_number(&forge, 0, 64);
	put_metadata(&forge, &metadata);
	forge_expect_bad(&forge, "no list of languages");

	/* pointers count from behind the mark, and [] has two bytes */
	metadata.languages = NULL;
	put_metadata(&languages, &metadata);
	start = (uint32_t)languages.size - MARK_SIZE - 2;
	languages.size = 0;
	put_laughs(&languages, start);
	metadata.languages = languages.data;
	metadata.languages_size = languages.size;
	put_number(&forge, 0, 64);
	put_metadata(&forge, &metadata);
	forge_expect_bad(&forge, "its metadata is damaged");
	free(languages.data);
}

/* --- Trees that somebody made up ------------------------------------------ */

static void test_tree_has_no_end(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	for (unsigned int ip_version = 4; ip_version <= 6; ip_version += 2) {
		/* the root again */
		put_node(&forge, 0, 0);
		put_separator(&forge);
		put_country(&forge, "DE");
		put_usual_metadata(&forge, 1, ip_version);
		forge_expect_bad(&forge, ": damaged (its search tree)");

		/* another one, again and again */
		put_node(&forge, 1, 2 + 16);
		put_node(&forge, 1, 1);
		put_separator(&forge);
		put_country(&forge, "DE");
		put_usual_metadata(&forge, 2, ip_version);
		forge_expect_bad(&forge, ": damaged (its search tree)");
	}
}

/* Each node leads to the next one twice: as many ways as addresses. */
static void put_bush(struct forge *forge, unsigned int ip_version,
		     const char *right)
{
	const uint32_t nodes = ip_version == 4 ? 32 : 128;

	for (uint32_t i = 1; i < nodes; i++)
		put_node(forge, i, i);
	put_node(forge, nodes + 16, nodes + 16 + COUNTRY_SIZE);
	put_separator(forge);
	put_country(forge, "DE");
	put_country(forge, right);
	put_usual_metadata(forge, nodes, ip_version);
}

static void test_tree_is_larger_than_it_looks(void **state)
{
	const struct warden_geoip_bounds bounds = { .size = 100000,
						    .nodes = 100000,
						    .cpu_secs = 120 };
	struct forge forge = { .size = 0 };
	struct outcome outcome;

	(void)state;
	for (unsigned int ip_version = 4; ip_version <= 6; ip_version += 2) {
		put_bush(&forge, ip_version, "DE");
		outcome = forge_read(&forge, &bounds);
		expect_refused(&outcome, test_path("forged"),
			       "(100000 nodes were visited)");
	}
}

static void test_more_networks_than_fit(void **state)
{
	struct forge forge = { .size = 0 };

	(void)state;
	if (is_slow())
		skip();
	put_bush(&forge, 4, "FR");
	forge_expect_bad(&forge, ": has more than 4000000 networks");
}

/* All of IPv4 in one record, above where it begins. */
static void test_ipv4_is_in_a_wider_network(void **state)
{
	struct forge forge = { .size = 0 };
	struct outcome outcome;

	(void)state;
	put_node(&forge, 1 + 16, 1);
	put_separator(&forge);
	put_country(&forge, "DE");
	put_usual_metadata(&forge, 1, 6);
	outcome = forge_read(&forge, NULL);
	assert_int_equal(outcome.result, WARDEN_GEOIP_DONE);
	expect(&outcome, "0.0.0.0", "DE", 0);
	expect(&outcome, "255.255.255.255", "DE", 0);
	expect(&outcome, "7fff::", "DE", 0);
	expect(&outcome, "8000::", "", 0);
	outcome_free(&outcome);

	put_node(&forge, 1, 1 + 16);
	put_separator(&forge);
	put_country(&forge, "DE");
	put_usual_metadata(&forge, 1, 6);
	outcome = forge_read(&forge, NULL);
	assert_int_equal(outcome.result, WARDEN_GEOIP_DONE);
	expect(&outcome, "192.0.2.1", "", 0);
	expect(&outcome, "8000::", "DE", 0);
	outcome_free(&outcome);
}

/* --- Files that change ---------------------------------------------------- */

/* Large enough for several slices. */
static void put_large(struct forge *forge, const char *letters)
{
	record_begin(forge);
	put_country(forge, letters);
	for (int i = 0; i < 300000; i++)
		put_number(forge, 0, 1);
	record_end(forge);
}

static const char *large_put(const char *name, const char *letters)
{
	const char *path = test_path(name);
	struct forge forge = { .size = 0 };

	put_large(&forge, letters);
	test_file_put(path, forge.data, forge.size);
	free(forge.data);
	return path;
}

static struct warden_geoip *open_good(const char *path)
{
	struct warden_error error;
	struct warden_geoip *geoip = warden_geoip_open(path, &error);

	if (geoip == NULL)
		fail_msg("%s", error.text);
	return geoip;
}

/* After so many steps. */
static struct warden_geoip *open_and_begin(const char *path, unsigned int steps)
{
	struct warden_geoip *geoip = open_good(path);
	struct warden_error error;

	while (steps-- > 0)
		assert_int_equal(warden_geoip_read(geoip, 0, &error),
				 WARDEN_GEOIP_MORE);
	return geoip;
}

static void test_file_is_replaced_meanwhile(void **state)
{
	(void)state;
	for (unsigned int steps = 0; steps < 6; steps++) {
		const char *path = large_put("old", "DE");
		struct warden_geoip *geoip = open_and_begin(path, steps);
		struct outcome outcome;

		assert_int_equal(rename(large_put("new", "FR"), path), 0);
		read_to_end(&outcome, geoip, 0);
		assert_int_equal(outcome.result, WARDEN_GEOIP_DONE);
		expect(&outcome, "1.2.3.4", "DE", 0);
		outcome_free(&outcome);
		warden_geoip_close(&geoip);
	}
}

/* As long as it was, with another time. */
static void overwrite(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "xxxxxxxx", 8, 100), 8);
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(close(fd), 0);
}

static void test_file_is_written_to_meanwhile(void **state)
{
	const char *path = large_put("file", "DE");
	struct warden_geoip *geoip = open_and_begin(path, 2);
	struct outcome outcome;

	(void)state;
	overwrite(path);
	read_to_end(&outcome, geoip, 0);
	expect_refused(&outcome, path, ": it changed while it was read");
	warden_geoip_close(&geoip);
}

/* Before all is copied it is told, afterwards it does not matter; mapped it
   would be a SIGBUS. */
static void test_file_is_cut_meanwhile(void **state)
{
	const char *path = large_put("file", "DE");
	struct warden_geoip *geoip = open_and_begin(path, 2);
	struct outcome outcome;

	(void)state;
	assert_int_equal(truncate(path, 1000), 0);
	read_to_end(&outcome, geoip, 0);
	expect_refused(&outcome, path, ": it changed while it was read");
	warden_geoip_close(&geoip);

	path = large_put("file", "DE");
	/* 300,000 bytes are five pieces */
	geoip = open_and_begin(path, 7);
	assert_int_equal(truncate(path, 0), 0);
	read_to_end(&outcome, geoip, 0);
	assert_int_equal(outcome.result, WARDEN_GEOIP_DONE);
	expect(&outcome, "1.2.3.4", "DE", 0);
	outcome_free(&outcome);
	warden_geoip_close(&geoip);
}

static void test_memory_is_full(void **state)
{
	const char *path = large_put("file", "DE");
	struct outcome outcome;

	(void)state;
	test_disk_size(100000);
	read_within(&outcome, path, NULL);
	test_disk_size(RLIM_INFINITY);
	expect_refused(&outcome, path, ": no room for its copy in memory");
}

/* --- Slices --------------------------------------------------------------- */

static void test_slice_of_0_ms_does_nothing(void **state)
{
	struct warden_geoip *geoip = open_good(large_put("file", "DE"));
	struct warden_error error;
	enum warden_geoip_result result;
	unsigned int slices = 0;

	(void)state;
	do {
		result = warden_geoip_read(geoip, 0, &error);
		assert_true(++slices < 100);
	} while (result == WARDEN_GEOIP_MORE);
	assert_int_equal(result, WARDEN_GEOIP_DONE);
	assert_true(slices > 5);
	warden_geoip_close(&geoip);
}

static void test_bounds_are_not_kept(void **state)
{
	struct warden_geoip_bounds bounds = { .size = 1000,
					      .nodes = 1000,
					      .cpu_secs = 120 };
	const char *path = large_put("file", "DE");
	struct outcome outcome;

	(void)state;
	read_within(&outcome, path, &bounds);
	expect_refused(&outcome, path, ": too large: it has ");
	bounds.size = 1000000;
	bounds.cpu_secs = 0;
	read_within(&outcome, path, &bounds);
	expect_refused(&outcome, path,
		       ": takes more than 0 s of processor time");
	bounds.cpu_secs = 120;
	bounds.nodes = 0;
	read_within(&outcome, path, &bounds);
	expect_refused(&outcome, path, "(0 nodes were visited)");
}

static unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static void test_something_stays_open(void **state)
{
	const char *path = large_put("file", "DE");
	unsigned int before = count_descriptors();
	struct warden_geoip *geoip = NULL;
	struct warden_origins_list list;

	(void)state;
	warden_geoip_close(&geoip);
	for (unsigned int steps = 0; steps < 9; steps++) {
		struct warden_error error;

		geoip = open_good(path);
		for (unsigned int i = 0; i < steps; i++)
			(void)warden_geoip_read(geoip, 0, &error);
		warden_geoip_close(&geoip);
		assert_null(geoip);
		assert_int_equal(count_descriptors(), before);
	}
	/* too early, and twice */
	geoip = open_good(path);
	warden_geoip_take(geoip, &list, NULL);
	assert_int_equal(list.inet.count, 0);
	for (unsigned int i = 0; i < 9; i++) {
		struct warden_error error;

		(void)warden_geoip_read(geoip, 0, &error);
	}
	assert_int_equal(count_descriptors(), before);
	warden_geoip_take(geoip, &list, NULL);
	assert_int_equal(list.inet.count, 2);
	warden_origins_list_free(&list);
	warden_geoip_take(geoip, &list, NULL);
	assert_int_equal(list.inet.count, 0);
	warden_geoip_close(&geoip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_country_is_not_seen),
		cmocka_unit_test(test_system_is_not_seen),
		cmocka_unit_test(test_number_of_a_system_is_cut),
		cmocka_unit_test(test_text_of_ipinfo_is_not_understood),
		cmocka_unit_test(test_nothing_is_in_it),
		cmocka_unit_test(test_type_has_a_newline),
		cmocka_unit_test(test_address_is_found_elsewhere),
		cmocka_unit_test(test_ipv4_is_there_twice),
		cmocka_unit_test(test_alias_has_the_origin_around_it),
		cmocka_unit_test(test_neighbours_are_not_merged),
		cmocka_unit_test(test_end_of_the_addresses_wraps),
		cmocka_unit_test(test_finer_than_64_bits_is_lost),
		cmocka_unit_test(test_file_is_none),
		cmocka_unit_test(test_fifo_is_waited_for),
		cmocka_unit_test(test_reason_is_cut_by_a_long_path),
		cmocka_unit_test(test_file_was_cut),
		cmocka_unit_test(test_bytes_are_flipped),
		cmocka_unit_test(test_forged_file_is_refused),
		cmocka_unit_test(test_no_network_is_in_it),
		cmocka_unit_test(test_stack_is_full_of_maps),
		cmocka_unit_test(test_pointers_have_no_end),
		cmocka_unit_test(test_pointers_multiply),
		cmocka_unit_test(test_map_is_very_large),
		cmocka_unit_test(test_value_is_beside_the_file),
		cmocka_unit_test(test_key_is_a_map),
		cmocka_unit_test(test_metadata_is_made_up),
		cmocka_unit_test(test_tree_has_no_end),
		cmocka_unit_test(test_tree_is_larger_than_it_looks),
		cmocka_unit_test(test_more_networks_than_fit),
		cmocka_unit_test(test_ipv4_is_in_a_wider_network),
		cmocka_unit_test(test_file_is_replaced_meanwhile),
		cmocka_unit_test(test_file_is_written_to_meanwhile),
		cmocka_unit_test(test_file_is_cut_meanwhile),
		cmocka_unit_test(test_memory_is_full),
		cmocka_unit_test(test_slice_of_0_ms_does_nothing),
		cmocka_unit_test(test_bounds_are_not_kept),
		cmocka_unit_test(test_something_stays_open),
	};

	/* one directory for all: a case that is skipped does not tear down */
	return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
