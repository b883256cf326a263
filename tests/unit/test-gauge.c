/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Two looks in one slot, over its edge, and after long. */

#include "unit-dir.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden-gauge.h"
#include "warden.h"

#define SLOT (WARDEN_TOTAL_SLOT_SECS * UINT64_C(1000))
#define REFUSED WARDEN_TOTAL_REFUSED_BLOCKED

struct fixture {
	void *dir;
	struct warden *warden;
	struct warden_table *table;
	struct warden_gauge gauge;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct warden_error error;

	if (unit_dir_setup(&f->dir) < 0)
		return -1;
	*state = f;
	f->warden = warden_open(f->dir, WARDEN_ROLE_SERVICE,
				WARDEN_TABLE_HOSTS_MIN, &error);
	if (f->warden == NULL)
		return -1;
	f->table = warden_admin_table(f->warden);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	warden_close(&f->warden);
	test_free(f);
	return unit_dir_teardown(&dir);
}

static void add(struct fixture *f, unsigned int count, uint64_t now)
{
	for (unsigned int i = 0; i < count; i++)
		warden_table_total_add(f->table, REFUSED, now);
}

static uint64_t look(struct fixture *f, uint64_t now)
{
	uint64_t grown[WARDEN_TOTALS];

	warden_gauge_look(&f->gauge, f->table, now, grown);
	for (unsigned int i = 0; i < WARDEN_TOTALS; i++) {
		if (i != REFUSED)
			assert_int_equal(grown[i], 0);
	}
	return grown[REFUSED];
}

static void each_is_seen_once(void **state)
{
	struct fixture *f = *state;

	add(f, 3, UNIT_NOW);
	warden_gauge_init(&f->gauge, f->table, UNIT_NOW);
	assert_int_equal(look(f, UNIT_NOW), 0);
	add(f, 4, UNIT_NOW + 1000);
	assert_int_equal(look(f, UNIT_NOW + 1000), 4);
	assert_int_equal(look(f, UNIT_NOW + 2000), 0);
	/* some before and some behind the edge */
	add(f, 5, UNIT_NOW + SLOT - 1);
	add(f, 6, UNIT_NOW + SLOT);
	assert_int_equal(look(f, UNIT_NOW + SLOT), 11);
	assert_int_equal(look(f, UNIT_NOW + SLOT + 1000), 0);
	/* slots in which nothing happened */
	add(f, 7, UNIT_NOW + 9 * SLOT);
	assert_int_equal(look(f, UNIT_NOW + 9 * SLOT), 7);
}

static void less_than_before_is_nothing(void **state)
{
	struct fixture *f = *state;

	add(f, 3, UNIT_NOW);
	warden_gauge_init(&f->gauge, f->table, UNIT_NOW);
	warden_table_total_take_back(f->table, REFUSED, UNIT_NOW);
	assert_int_equal(look(f, UNIT_NOW + 1000), 0);
	add(f, 1, UNIT_NOW + 1000);
	assert_int_equal(look(f, UNIT_NOW + 2000), 1);
}

static void after_long_it_is_that_of_the_last_hour(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW + 100000 * SLOT;

	add(f, 3, UNIT_NOW);
	warden_gauge_init(&f->gauge, f->table, UNIT_NOW);
	add(f, 100, UNIT_NOW + 1000);
	add(f, 2, now - 360 * SLOT);
	add(f, 1, now);
	assert_int_equal(look(f, now), 3);
	/* and when the time goes back: no more than is there */
	assert_int_equal(look(f, UNIT_NOW + SLOT), 0);
	assert_int_equal(look(f, now), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(each_is_seen_once),
		TEST(less_than_before_is_nothing),
		TEST(after_long_it_is_that_of_the_last_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
