/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit-random.h"
#include "unit.h"
#include "warden-origins.h"

static uint32_t country(const char *letters)
{
	return warden_country_parse(letters, strlen(letters));
}

/* An image of the list, and its size; the caller frees. */
static void *image_of(const struct warden_origins_list *list, size_t *size_r)
{
	void *image;

	*size_r = warden_origins_image_size(list);
	image = test_malloc(*size_r);
	warden_origins_image_write(list, image);
	return image;
}

static uint32_t find(const void *image, size_t size, const char *addr)
{
	struct warden_net net = unit_net(addr);

	return warden_origins_find(image, size, &net);
}

static void add(struct warden_origin_runs *runs, const char *first,
		uint32_t origin)
{
	struct warden_net net = unit_net(first);
	uint64_t number = 0;

	for (int i = 0; i < (net.family == WARDEN_INET ? 4 : 8); i++)
		number = number << 8 | net.bytes[i];
	assert_true(warden_origin_runs_add(runs, number, origin));
}

static void countries_are_two_letters(void **state)
{
	static const char *const wrong[] = { "",   "D",	 "DEU",	    "D1",
					     "--", "d ", "\xc3\xa4" };
	char buf[3];

	(void)state;
	assert_string_equal(warden_country_format(country("DE"), buf), "DE");
	assert_int_equal(country("de"), country("DE"));
	assert_int_equal(country("AA"), 1);
	assert_int_equal(country("ZZ"), WARDEN_COUNTRIES - 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(country(wrong[i]), 0);
	assert_string_equal(warden_country_format(0, buf), "");
	assert_string_equal(warden_country_format(UINT32_MAX, buf), "");
}

static void an_origin_has_country_and_as(void **state)
{
	uint32_t origin = warden_origin_pack(country("ZZ"), WARDEN_AS_MAX);

	(void)state;
	assert_int_equal(warden_origin_country(origin), country("ZZ"));
	assert_int_equal(warden_origin_as(origin), WARDEN_AS_MAX);
	/* what does not fit is not known, rather than something else */
	assert_int_equal(warden_origin_pack(WARDEN_COUNTRIES, 0), 0);
	assert_int_equal(warden_origin_pack(0, WARDEN_AS_MAX + UINT64_C(1)), 0);
	assert_int_equal(warden_origin_pack(0, UINT64_MAX), 0);
}

static void addresses_have_the_origin_of_their_run(void **state)
{
	struct warden_origins_list list = { .inet = { .count = 0 } };
	size_t size;
	void *image;

	(void)state;
	add(&list.inet, "192.0.2.0", 1);
	add(&list.inet, "192.0.2.128", 2);
	add(&list.inet, "192.0.3.0", 0);
	add(&list.inet, "255.255.255.255", 3);
	add(&list.inet6, "2001:db8::", 4);
	add(&list.inet6, "2001:db8:1::", 0);
	image = image_of(&list, &size);
	assert_int_equal(find(image, size, "0.0.0.0"), 0);
	assert_int_equal(find(image, size, "192.0.1.255"), 0);
	assert_int_equal(find(image, size, "192.0.2.0"), 1);
	assert_int_equal(find(image, size, "192.0.2.127"), 1);
	assert_int_equal(find(image, size, "192.0.2.128"), 2);
	assert_int_equal(find(image, size, "192.0.3.0"), 0);
	assert_int_equal(find(image, size, "255.255.255.255"), 3);
	assert_int_equal(find(image, size, "2001:db7:ffff::1"), 0);
	assert_int_equal(find(image, size, "2001:db8::1"), 4);
	assert_int_equal(find(image, size, "2001:db8:0:ffff::1"), 4);
	assert_int_equal(find(image, size, "2001:db8:1::"), 0);
	test_free(image);
	warden_origins_list_free(&list);
}

static void neighbours_of_one_origin_are_one_run(void **state)
{
	struct warden_origin_runs runs = { .count = 0 };

	(void)state;
	add(&runs, "0.0.0.0", 0);
	assert_int_equal(runs.count, 0);
	add(&runs, "192.0.2.0", 1);
	add(&runs, "192.0.3.0", 1);
	assert_int_equal(runs.count, 1);
	/* one without an address gives way, and may leave nothing behind */
	add(&runs, "192.0.4.0", 2);
	add(&runs, "192.0.4.0", 1);
	assert_int_equal(runs.count, 1);
	free(runs.runs);
}

static void one_file_tells_countries_and_another_systems(void **state)
{
	const uint32_t de = warden_origin_pack(country("DE"), 0);
	const uint32_t fr_as = warden_origin_pack(country("FR"), 64501);
	struct warden_origins_list countries = { .inet = { .count = 0 } };
	struct warden_origins_list systems = { .inet = { .count = 0 } }, both;
	size_t size;
	void *image;

	(void)state;
	add(&countries.inet, "192.0.2.0", de);
	add(&countries.inet, "192.0.2.128", 0);
	add(&systems.inet, "192.0.2.64", fr_as);
	add(&systems.inet, "192.0.2.192", 0);
	assert_true(warden_origins_list_join(&both, &countries, &systems));
	image = image_of(&both, &size);
	assert_int_equal(find(image, size, "192.0.2.63"), de);
	/* the country of the first, and what that does not know of the other */
	assert_int_equal(find(image, size, "192.0.2.64"),
			 warden_origin_pack(country("DE"), 64501));
	assert_int_equal(find(image, size, "192.0.2.128"), fr_as);
	assert_int_equal(find(image, size, "192.0.2.192"), 0);
	test_free(image);
	warden_origins_list_free(&countries);
	warden_origins_list_free(&systems);
	warden_origins_list_free(&both);
}

static void an_image_can_be_taken_apart_again(void **state)
{
	const uint32_t origin = warden_origin_pack(country("DE"), 64500);
	struct warden_origins_list list = { .inet = { .count = 0 } }, part;
	size_t size;
	void *image;

	(void)state;
	add(&list.inet, "192.0.2.0", origin);
	add(&list.inet6, "2001:db8::", origin);
	image = image_of(&list, &size);
	assert_true(warden_origins_list_read(&part, image, size, true, false));
	assert_int_equal(part.inet.count, 1);
	assert_int_equal(part.inet.runs[0].origin,
			 warden_origin_pack(country("DE"), 0));
	assert_int_equal(part.inet6.runs[0].origin,
			 warden_origin_pack(country("DE"), 0));
	warden_origins_list_free(&part);
	assert_true(warden_origins_list_read(&part, image, size, false, true));
	assert_int_equal(part.inet.runs[0].origin,
			 warden_origin_pack(0, 64500));
	warden_origins_list_free(&part);
	/* of noise there is nothing to take */
	assert_true(warden_origins_list_read(&part, image, 3, true, true));
	assert_int_equal(part.inet.count, 0);
	assert_true(warden_origins_list_read(&part, NULL, 0, true, true));
	test_free(image);
	warden_origins_list_free(&list);
}

static void nothing_is_known_without_an_image(void **state)
{
	struct warden_origins_list list = { .inet = { .count = 0 } };

	(void)state;
	assert_int_equal(warden_origins_image_size(&list), 0);
	assert_int_equal(find(NULL, 0, "192.0.2.1"), 0);
}

/* With sanitizers this also shows that nothing outside is read. */
static void noise_in_an_image_gives_noise(void **state)
{
	struct warden_origins_list list = { .inet = { .count = 0 } };
	size_t size;
	unsigned char *image;

	(void)state;
	unit_random_start();
	for (uint32_t i = 0; i < 200; i++) {
		assert_true(warden_origin_runs_add(&list.inet, i * 1000, i));
		assert_true(warden_origin_runs_add(&list.inet6,
						   (uint64_t)i << 40, i));
	}
	image = image_of(&list, &size);
	for (int i = 0; i < 20000; i++) {
		struct warden_net net =
			unit_net(i % 2 == 0 ? "10.1.2.3" : "2001:db8::1");
		struct warden_origins_list part;

		image[unit_random_below(i % 3 == 0 ? 16 : (uint32_t)size)] =
			(unsigned char)unit_random();
		(void)warden_origins_find(image, size, &net);
		(void)warden_origins_find(image, size / 2, &net);
		assert_true(warden_origins_list_read(&part, image, size, true,
						     true));
		warden_origins_list_free(&part);
		warden_origins_image_write(&list, image);
	}
	test_free(image);
	warden_origins_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(countries_are_two_letters),
		cmocka_unit_test(an_origin_has_country_and_as),
		cmocka_unit_test(addresses_have_the_origin_of_their_run),
		cmocka_unit_test(neighbours_of_one_origin_are_one_run),
		cmocka_unit_test(one_file_tells_countries_and_another_systems),
		cmocka_unit_test(an_image_can_be_taken_apart_again),
		cmocka_unit_test(nothing_is_known_without_an_image),
		cmocka_unit_test(noise_in_an_image_gives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
