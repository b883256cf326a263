/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* An operation is held after some instruction of it, another process does
   something from beginning to end, and the operation goes on. Whatever the
   other one has completed is still true then: above all a block. */

#include <time.h>
#include <unistd.h>

#include "fire-main.h"
#include "fire-world.h"
#include "stepper.h"

#define NOW_SECS ((uint32_t)(WORLD_NOW / 1000))
#define CHANGES_MAX 64
/* Holds the operation at so many places beside those before each change. */
#define SPREAD 12
#define TEST_SECS_MAX 120

typedef void operation_t(struct world_process *process);
/* What must be true afterwards; NULL: it is. */
typedef const char *verdict_t(struct world_process *process);

struct pause_run {
	struct world *world;
	operation_t *held, *between;
	verdict_t *verdict;
	/* it is killed as soon as it has changed something more */
	bool dies;
	struct world_process process;
	struct world_bytes start;
	unsigned long changes[CHANGES_MAX], steps, pauses;
	unsigned int change_count;
};

static void run_held(void *context)
{
	struct pause_run *run = context;

	run->held(&run->process);
}

static void child_start(struct pause_run *run, struct stepper *stepper)
{
	world_bytes_restore(run->world, &run->start);
	assert_true(world_process_open(run->world, &run->process));
	assert_true(stepper_start(stepper, run_held, run));
	world_process_close(&run->process);
}

/* Undisturbed: where it changes something, and how long it is. */
static void find_changes(struct pause_run *run)
{
	enum stepper_state state = STEPPER_RUNNING;
	struct stepper stepper;
	struct world_bytes present;

	world_bytes_create(run->world, &present);
	run->held(&run->world->process);
	world_pages_find(run->world, &run->start);
	child_start(run, &stepper);
	while (state == STEPPER_RUNNING) {
		state = stepper_step(&stepper);
		if (world_pages_equal(run->world, &present))
			continue;
		world_bytes_save(run->world, &present);
		assert_true(run->change_count < CHANGES_MAX);
		run->changes[run->change_count++] = stepper.steps;
	}
	assert_int_equal(state, STEPPER_ENDED);
	run->steps = stepper.steps;
	stepper_kill(&stepper);
	world_bytes_free(&present);
}

static void go_on(struct pause_run *run, struct stepper *stepper)
{
	enum stepper_state state = STEPPER_RUNNING;
	struct world_bytes present;

	world_bytes_create(run->world, &present);
	while (state == STEPPER_RUNNING &&
	       world_pages_equal(run->world, &present))
		state = run->dies ? stepper_step(stepper) :
				    stepper_next_call(stepper);
	while (state == STEPPER_RUNNING && !run->dies)
		state = stepper_next_call(stepper);
	assert_int_not_equal(state, STEPPER_CRASHED);
	stepper_kill(stepper);
	world_bytes_free(&present);
}

static void pause_after(struct pause_run *run, unsigned long steps)
{
	enum stepper_state state = STEPPER_RUNNING;
	struct world_process other;
	struct stepper stepper;
	const char *violation;

	child_start(run, &stepper);
	while (state == STEPPER_RUNNING && stepper.steps < steps)
		state = stepper_step(&stepper);
	assert_true(world_process_open(run->world, &other));
	run->between(&other);
	if (state == STEPPER_RUNNING)
		go_on(run, &stepper);
	stepper_kill(&stepper);
	run->pauses++;
	violation = run->verdict(&other);
	world_process_close(&other);
	if (violation != NULL)
		fail_msg("held after instruction %lu: %s", steps, violation);
}

static void hold_everywhere(struct pause_run *run)
{
	for (unsigned int i = 0; i < run->change_count; i++) {
		pause_after(run, run->changes[i] - 1);
		pause_after(run, run->changes[i]);
	}
	for (unsigned long k = 0; k < run->steps; k += run->steps / SPREAD + 1)
		pause_after(run, k);
}

/* Held anywhere in it, it does not undo what is done in between, nor when it is
   killed afterwards. */
static void respects(struct world *world, operation_t *held,
		     operation_t *between, verdict_t *verdict, bool dies_too)
{
	struct pause_run run = { .world = world,
				 .held = held,
				 .between = between,
				 .verdict = verdict };

	(void)alarm(TEST_SECS_MAX);
	world_bytes_create(world, &run.start);
	find_changes(&run);
	hold_everywhere(&run);
	run.dies = true;
	if (dies_too)
		hold_everywhere(&run);
	world_bytes_free(&run.start);
	(void)alarm(0);
	print_message("# %lu instructions, held at %lu places\n", run.steps,
		      run.pauses);
}

/* --- Operations ----------------------------------------------------------- */

static void count(struct world_process *process, enum world_host host)
{
	struct warden_net net = world_net(host);

	(void)warden_count(process->auth, unit_client(&net), WARDEN_AUTH_FAILED,
			   NULL, WORLD_NOW);
}

static void block(struct world_process *process, enum world_host host)
{
	struct warden_host h = world_host(host);

	(void)warden_table_block(&process->admin->table, &h, NOW_SECS + 3600, 1,
				 WARDEN_AUTH_FAILED, 0, WORLD_NOW);
}

static bool is_blocked(struct world_process *process, enum world_host host)
{
	struct warden_host h = world_host(host);

	return warden_table_blocked_until(&process->admin->table, &h,
					  WORLD_NOW) != 0;
}

static void op_count(struct world_process *process)
{
	count(process, WORLD_SUBJECT);
}

static void op_block(struct world_process *process)
{
	block(process, WORLD_SUBJECT);
}

static void op_unblock(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);

	(void)warden_table_unblock(&process->admin->table, &host, WORLD_NOW);
}

static void op_expire(struct world_process *process)
{
	(void)warden_table_expire(&process->admin->table,
				  &process->admin->defaults, WORLD_NOW);
}

static void op_block_weakest(struct world_process *process)
{
	block(process, WORLD_WEAKEST);
}

/* The record that was to make room is not the weakest any more, so that the
   host gets another one, further back, and is blocked in it. */
static void op_strengthen_and_block(struct world_process *process)
{
	count(process, WORLD_WEAKEST);
	block(process, WORLD_SUBJECT);
}

static void op_fill_sessions(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);
	struct warden_session session;

	while (warden_table_session_open(&process->admin->table, &host, 10, 0,
					 4716, WORLD_NOW, &session) == 1)
		;
}

static void op_session(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);
	struct warden_session session;

	(void)warden_table_session_open(&process->admin->table, &host, 10, 0,
					4712, WORLD_NOW, &session);
}

/* --- Verdicts ------------------------------------------------------------- */

static const char *weakest_is_blocked(struct world_process *process)
{
	return is_blocked(process, WORLD_WEAKEST) ? NULL : "a block is lost";
}

static const char *subject_is_blocked(struct world_process *process)
{
	return is_blocked(process, WORLD_SUBJECT) ? NULL : "a block is lost";
}

static const char *subject_is_not_blocked(struct world_process *process)
{
	return is_blocked(process, WORLD_SUBJECT) ?
		       "unblocked, and blocked still" :
		       NULL;
}

static const char *subject_has_one_record(struct world_process *process)
{
	const struct warden_set *set = process->admin->table.sets[0];
	struct warden_host host = world_host(WORLD_SUBJECT);
	unsigned int records = 0;

	for (int i = 0; i < WARDEN_SET_WAYS; i++)
		records += set->records[i].key == host.key;
	return records == 1 ? NULL : "not one record";
}

static const char *subject_is_counted(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);
	struct warden_host_info info;

	(void)warden_table_read(&process->admin->table, &host,
				&process->admin->defaults, WORLD_NOW, &info);
	if (info.points < 10.0 || info.points > 20.0)
		return "points that are of nobody";
	return subject_has_one_record(process);
}

static const char *sessions_are_within_the_limit(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);
	uint32_t sessions =
		warden_table_sessions(&process->admin->table, &host, WORLD_NOW);

	return sessions <= 10 && sessions >= 9 ? NULL :
						 "not as many as the limit";
}

/* --- Cases ---------------------------------------------------------------- */

static void fill_set(struct world *world)
{
	struct warden_policy policy = world->process.admin->defaults;

	for (int i = WORLD_FILLER1; i <= WORLD_FILLER2; i++) {
		struct warden_host host = world_host((enum world_host)i);

		(void)warden_table_count(&world->process.admin->table, &host,
					 &policy, true, 1, WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL,
					 WORLD_NOW - 2500);
	}
}

static void test_eviction_and_a_block_of_who_makes_room(void **state)
{
	fill_set(*state);
	respects(*state, op_count, op_block_weakest, weakest_is_blocked, true);
}

static void test_claim_and_a_block_of_the_same_host(void **state)
{
	respects(*state, op_count, op_block, subject_is_blocked, true);
}

static void test_eviction_and_a_block_of_the_same_host(void **state)
{
	fill_set(*state);
	respects(*state, op_count, op_block, subject_is_blocked, true);
}

static void test_eviction_and_a_block_in_another_record(void **state)
{
	fill_set(*state);
	respects(*state, op_count, op_strengthen_and_block, subject_is_blocked,
		 true);
}

static void test_late_claim_is_given_back(void **state)
{
	fill_set(*state);
	respects(*state, op_count, op_strengthen_and_block,
		 subject_has_one_record, false);
}

static void test_two_claims_of_one_host(void **state)
{
	respects(*state, op_count, op_count, subject_is_counted, false);
}

static void test_two_evictions_for_one_host(void **state)
{
	fill_set(*state);
	respects(*state, op_count, op_count, subject_is_counted, false);
}

static void test_block_and_unblock(void **state)
{
	struct world *world = *state;

	op_block(&world->process);
	respects(world, op_count, op_unblock, subject_is_not_blocked, true);
}

static void test_unblock_and_block(void **state)
{
	struct world *world = *state;

	op_block(&world->process);
	op_unblock(&world->process);
	respects(world, op_count, op_block, subject_is_blocked, true);
}

static void test_expiry_and_a_block(void **state)
{
	struct world *world = *state;
	struct warden_net net = world_net(WORLD_SUBJECT);
	const uint64_t days = UINT64_C(3) * 24 * 3600 * 1000;

	(void)warden_count(world->process.auth, unit_client(&net),
			   WARDEN_AUTH_FAILED, NULL, WORLD_NOW - days);
	respects(world, op_expire, op_block, subject_is_blocked, true);
}

static void test_session_and_all_the_others(void **state)
{
	respects(*state, op_session, op_fill_sessions,
		 sessions_are_within_the_limit, false);
}

/* -------------------------------------------------------------------------- */

#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_eviction_and_a_block_of_who_makes_room),
		CASE(test_claim_and_a_block_of_the_same_host),
		CASE(test_eviction_and_a_block_of_the_same_host),
		CASE(test_eviction_and_a_block_in_another_record),
		CASE(test_late_claim_is_given_back),
		CASE(test_two_claims_of_one_host),
		CASE(test_two_evictions_for_one_host),
		CASE(test_block_and_unblock),
		CASE(test_unblock_and_block),
		CASE(test_expiry_and_a_block),
		CASE(test_session_and_all_the_others),
	};

	return fire_run("pause-points", tests);
}
