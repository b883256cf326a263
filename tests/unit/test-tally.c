/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Nothing is told twice, and nothing is left out. */

#include "unit-dir.h"
#include "unit.h"
#include "warden-admin.h"
#include "warden-tally.h"
#include "warden.h"

#define SLOT (WARDEN_TOTAL_SLOT_SECS * UINT64_C(1000))

struct fixture {
	void *dir;
	struct warden *warden;
	struct warden_table *table;
	struct warden_tally tally;
	uint64_t told[WARDEN_TOTALS];
	unsigned int calls;
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
	/* UNIT_NOW begins a slot */
	warden_tally_init(&f->tally, UNIT_NOW);
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

static void add(struct fixture *f, enum warden_total total, unsigned int count,
		uint64_t now)
{
	for (unsigned int i = 0; i < count; i++)
		warden_table_total_add(f->table, total, now);
}

static void told(void *context, enum warden_total total, uint64_t count)
{
	struct fixture *f = context;

	assert_true(total < WARDEN_TOTALS);
	assert_true(count > 0);
	f->told[total] += count;
	f->calls++;
}

static void tick(struct fixture *f, uint64_t now)
{
	warden_tally_tick(&f->tally, f->table, now, told, f);
}

static void a_slot_is_told_once_after_the_next_one(void **state)
{
	struct fixture *f = *state;
	uint64_t now;

	assert_int_equal(UNIT_NOW % SLOT, 0);
	add(f, WARDEN_TOTAL_REFUSED_BLOCKED, 3, UNIT_NOW);
	add(f, WARDEN_TOTAL_REFUSED_BLOCKED, 2, UNIT_NOW + SLOT - 1);
	for (now = UNIT_NOW; now < UNIT_NOW + 2 * SLOT; now += 250)
		tick(f, now);
	assert_int_equal(f->calls, 0);
	tick(f, UNIT_NOW + 2 * SLOT);
	assert_int_equal(f->told[WARDEN_TOTAL_REFUSED_BLOCKED], 5);
	assert_int_equal(f->calls, 1);
	for (now = UNIT_NOW; now < UNIT_NOW + 5 * SLOT; now += 250)
		tick(f, now);
	assert_int_equal(f->calls, 1);
}

static void what_is_taken_back_meanwhile_is_not_told(void **state)
{
	struct fixture *f = *state;

	add(f, (enum warden_total)WARDEN_AUTH_FAILED, 1, UNIT_NOW + SLOT - 1);
	tick(f, UNIT_NOW + SLOT);
	warden_table_total_take_back(f->table,
				     (enum warden_total)WARDEN_AUTH_FAILED,
				     UNIT_NOW + SLOT - 1);
	tick(f, UNIT_NOW + 2 * SLOT);
	assert_int_equal(f->calls, 0);
}

static void a_late_tick_leaves_nothing_out(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 100; i++)
		add(f, WARDEN_TOTAL_SUCCESS, 1, UNIT_NOW + i * SLOT);
	tick(f, UNIT_NOW + 50 * SLOT);
	assert_int_equal(f->told[WARDEN_TOTAL_SUCCESS], 49);
	tick(f, UNIT_NOW + 101 * SLOT);
	assert_int_equal(f->told[WARDEN_TOTAL_SUCCESS], 100);
	assert_int_equal(f->calls, 2);
}

static void after_a_long_sleep_only_the_last_hour_is_told(void **state)
{
	struct fixture *f = *state;
	uint64_t now = UNIT_NOW + 1000 * SLOT;

	for (unsigned int i = 0; i < 1000; i++)
		add(f, WARDEN_TOTAL_SUCCESS, 1, UNIT_NOW + i * SLOT);
	tick(f, now);
	assert_int_equal(f->told[WARDEN_TOTAL_SUCCESS], WARDEN_TOTAL_SLOTS - 2);
	/* back to before it was started: nothing again */
	tick(f, UNIT_NOW - SLOT);
	tick(f, 0);
	tick(f, now);
	assert_int_equal(f->calls, 1);
}

static void what_was_counted_before_the_start_is_not_told(void **state)
{
	struct fixture *f = *state;

	add(f, WARDEN_TOTAL_SUCCESS, 7, UNIT_NOW - 1);
	tick(f, UNIT_NOW + 9 * SLOT);
	assert_int_equal(f->calls, 0);
}

/* A total that is added must get a name, or its events are lost. */
static void every_total_is_a_login_a_failure_or_a_refusal(void **state)
{
	(void)state;
	for (unsigned int total = 0; total < WARDEN_TOTALS; total++) {
		const char *refusal =
			warden_tally_refusal((enum warden_total)total);
		const char *failure =
			warden_tally_failure((enum warden_total)total);

		if (total == WARDEN_TOTAL_SUCCESS) {
			assert_null(refusal);
			assert_null(failure);
		} else if ((refusal == NULL) == (failure == NULL))
			fail_msg("total %u has not one name", total);
	}
	assert_null(warden_tally_refusal(WARDEN_TOTALS));
	assert_null(warden_tally_failure(WARDEN_TOTALS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_slot_is_told_once_after_the_next_one),
		TEST(what_is_taken_back_meanwhile_is_not_told),
		TEST(a_late_tick_leaves_nothing_out),
		TEST(after_a_long_sleep_only_the_last_hour_is_told),
		TEST(what_was_counted_before_the_start_is_not_told),
		cmocka_unit_test(every_total_is_a_login_a_failure_or_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
