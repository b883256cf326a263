/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A MaxMind DB that somebody made up, as the service reads it. No byte beside it
   is read, it comes to an end, and what comes out is in order. */

#include "fuzz.h"
#include "warden-geoip.h"

/* so that an input takes a thousandth of a second */
static const struct warden_geoip_bounds bounds = {
	.size = 1024 * 1024,
	.nodes = 20000,
	.cpu_secs = 10,
};
static const char *const addresses[] = {
	"0.0.0.0",     "192.0.2.1",	  "255.255.255.255",	   "::",
	"2001:db8::1", "2002:c000:201::", "ffff:ffff:ffff:ffff::",
};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static char path[320];

static void check_runs(const struct warden_origin_runs *runs, uint64_t last)
{
	uint32_t before = 0;

	for (size_t i = 0; i < runs->count; i++) {
		const struct warden_origin_run *run = &runs->runs[i];

		FUZZ_CHECK(run->first <= last);
		FUZZ_CHECK(i == 0 || run->first > run[-1].first);
		FUZZ_CHECK(run->origin != before);
		before = run->origin;
	}
}

static uint32_t find(const void *image, size_t size, const char *address)
{
	const char *error = NULL;
	struct warden_net net;

	FUZZ_CHECK(warden_net_parse(address, &net, &error));
	return warden_origins_find(image, size, &net);
}

static void check_list(const struct warden_origins_list *list,
		       const struct warden_geoip_info *info)
{
	size_t size = warden_origins_image_size(list);
	void *image = malloc(size);

	FUZZ_CHECK(image != NULL && size > 0);
	FUZZ_CHECK(info->has_countries || info->has_systems);
	FUZZ_CHECK(info->runs == list->inet.count + list->inet6.count);
	FUZZ_CHECK(memchr(info->database_type, '\0',
			  sizeof(info->database_type)) != NULL);
	check_runs(&list->inet, UINT32_MAX);
	check_runs(&list->inet6, UINT64_MAX);
	warden_origins_image_write(list, image);
	for (size_t i = 0; i < COUNT_OF(addresses); i++)
		(void)find(image, size, addresses[i]);
	/* by which IPv4 would be found once more */
	FUZZ_CHECK(find(image, size, "::1") == 0);
	FUZZ_CHECK(find(image, size, "2001::1") == 0);
	FUZZ_CHECK(find(image, size, "2002:c000:201::1") == 0);
	free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct warden_error error = { .text = "" };
	struct warden_origins_list list;
	struct warden_geoip_info info;
	enum warden_geoip_result result;
	struct warden_geoip *geoip;

	if (path[0] == '\0') {
		fuzz_dir_make();
		fuzz_path(path, sizeof(path), "database");
	}
	fuzz_file_put(path, data, size);
	geoip = warden_geoip_open_within(path, &bounds, &error);
	FUZZ_CHECK((geoip == NULL) == (size == 0));
	if (geoip == NULL)
		return 0;
	do {
		result = warden_geoip_read(geoip, 1000, &error);
	} while (result == WARDEN_GEOIP_MORE);
	FUZZ_CHECK((result == WARDEN_GEOIP_FAILED) == (error.text[0] != '\0'));
	warden_geoip_take(geoip, &list, &info);
	if (result == WARDEN_GEOIP_DONE)
		check_list(&list, &info);
	else
		FUZZ_CHECK(warden_origins_image_size(&list) == 0);
	warden_origins_list_free(&list);
	warden_geoip_close(&geoip);
	return 0;
}
