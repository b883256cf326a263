/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef FIRE_MAIN_H
#define FIRE_MAIN_H

/* How a program that steps other processes begins: where that is not allowed,
   as in some containers, all it does is to say so. */

#include "stepper.h"
#include "unit.h"

static const char *fire_why_not;

static void test_processes_can_be_stepped(void **state)
{
	(void)state;
	print_message("# skipped: %s\n", fire_why_not);
	skip();
}

static const struct CMUnitTest fire_none[] = {
	cmocka_unit_test(test_processes_can_be_stepped),
};

/* tests is an array, as cmocka wants it; the value is main()'s. */
#define fire_run(name, tests) \
	((fire_why_not = stepper_init()) != NULL ? \
		 cmocka_run_group_tests_name(name, fire_none, NULL, NULL) : \
		 cmocka_run_group_tests_name(name, tests, NULL, NULL))

#endif
