/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include <pthread.h>

#include "unit.h"
#include "warden-publish.h"

#define WORDS 64

struct value {
	uint64_t words[WORDS];
};

static struct value value_of(uint64_t number)
{
	struct value value;

	for (unsigned int i = 0; i < WORDS; i++)
		value.words[i] = number;
	return value;
}

static void test_nothing_published(void **state)
{
	_Atomic uint32_t generation = 0;
	struct value copies[2] = { 0 }, value;
	uint32_t seen;

	(void)state;
	assert_false(warden_publish_read(&generation, copies, &value,
					 sizeof(value), &seen));
}

static void test_last_one_is_read(void **state)
{
	_Atomic uint32_t generation = 0;
	struct value copies[2], value;
	uint32_t seen, before = 0;

	(void)state;
	for (uint64_t i = 1; i <= 5; i++) {
		value = value_of(i);
		warden_publish_write(&generation, copies, &value,
				     sizeof(value));
		memset(&value, 0, sizeof(value));
		assert_true(warden_publish_read(&generation, copies, &value,
						sizeof(value), &seen));
		assert_int_equal(value.words[0], i);
		assert_int_equal(value.words[WORDS - 1], i);
		assert_int_not_equal(seen, before);
		before = seen;
	}
}

static void test_killed_while_writing(void **state)
{
	_Atomic uint32_t generation = 0;
	struct value copies[2], value = value_of(1);
	uint32_t seen;

	(void)state;
	warden_publish_write(&generation, copies, &value, sizeof(value));
	/* as far as a writer gets that dies before it raises the generation */
	memset(&copies[(generation + 1) % 2], 0xee, sizeof(value));
	assert_true(warden_publish_read(&generation, copies, &value,
					sizeof(value), &seen));
	assert_int_equal(value.words[0], 1);
	value = value_of(2);
	warden_publish_write(&generation, copies, &value, sizeof(value));
	assert_true(warden_publish_read(&generation, copies, &value,
					sizeof(value), &seen));
	assert_int_equal(value.words[WORDS / 2], 2);
}

static void test_generation_wraps(void **state)
{
	_Atomic uint32_t generation = UINT32_MAX - 2;
	struct value copies[2], value;
	uint32_t seen;

	(void)state;
	for (uint64_t i = 1; i <= 8; i++) {
		value = value_of(i);
		warden_publish_write(&generation, copies, &value,
				     sizeof(value));
		assert_true(warden_publish_read(&generation, copies, &value,
						sizeof(value), &seen));
		assert_int_equal(value.words[0], i);
	}
}

struct race {
	_Atomic uint32_t generation;
	struct value copies[2];
	_Atomic bool over;
};

static void *race_write(void *context)
{
	struct race *race = context;

	for (uint64_t i = 1; i <= 20000; i++) {
		struct value value = value_of(i);

		warden_publish_write(&race->generation, race->copies, &value,
				     sizeof(value));
	}
	atomic_store(&race->over, true);
	return NULL;
}

static void test_half_of_two_is_never_read(void **state)
{
	static struct race race;
	struct value value = value_of(0);
	pthread_t writer;
	uint32_t seen;

	(void)state;
	warden_publish_write(&race.generation, race.copies, &value,
			     sizeof(value));
	assert_int_equal(pthread_create(&writer, NULL, race_write, &race), 0);
	while (!atomic_load(&race.over)) {
		if (!warden_publish_read(&race.generation, race.copies, &value,
					 sizeof(value), &seen))
			continue;
		for (unsigned int i = 1; i < WORDS; i++)
			assert_int_equal(value.words[i], value.words[0]);
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_published),
		cmocka_unit_test(test_last_one_is_read),
		cmocka_unit_test(test_killed_while_writing),
		cmocka_unit_test(test_generation_wraps),
		cmocka_unit_test(test_half_of_two_is_never_read),
	};
	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
