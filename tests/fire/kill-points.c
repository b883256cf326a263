/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Every operation that writes to shared memory, killed after every single
   instruction of it.

   First the operation is stepped through once, and each time an instruction
   has changed a shared byte, the shared bytes are checked as if its process
   were dead: one that is killed after an instruction which changed none leaves
   the same bytes as one that is killed before it. Then it is killed for good:
   after each instruction if they are few, otherwise around each one that
   changed something and at regular distances. */

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "fire-main.h"
#include "fire-world.h"
#include "stepper.h"
#include "warden-word.h"

#define NOW_SECS ((uint32_t)(WORLD_NOW / 1000))

/* Up to this many instructions, it is killed after each. */
#define EACH_MAX 250
/* Above, kills go over the whole so often that with two each to get there half
   of this many instructions are executed. */
#define SPREAD_STEPS_MAX 20000
/* So many changes are remembered by number. */
#define CHANGES_MAX 8192
/* A test that hangs is ended. */
#define TEST_SECS_MAX 120

typedef void operation_t(struct world_process *process);

struct kill_run {
	struct world *world;
	operation_t *operation;
	struct world_process process; /* of the child */
	struct world_bytes start;
	unsigned long changes[CHANGES_MAX];
	unsigned int change_count;
	unsigned long steps, kills;
	unsigned long where; /* the violation */
};

static void run_operation(void *context)
{
	struct kill_run *run = context;

	run->operation(&run->process);
}

/* The child has handles, and with them locks, that nobody else has. */
static bool child_start(struct kill_run *run, struct stepper *stepper)
{
	bool started;

	if (!world_process_open(run->world, &run->process))
		return false;
	world_pages_protect(run->world, &run->process);
	started = stepper_start(stepper, run_operation, run);
	world_process_close(&run->process);
	return started;
}

/* --- Once through, looking at each change --------------------------------- */

static bool check_change(struct kill_run *run, const struct stepper *stepper,
			 struct world_bytes *present)
{
	bool ok;

	if (run->change_count < CHANGES_MAX)
		run->changes[run->change_count] = stepper->steps;
	run->change_count++;
	world_bytes_save(run->world, present);
	ok = world_check(run->world, true);
	world_bytes_restore(run->world, present);
	if (!ok)
		run->where = stepper->steps;
	return ok;
}

/* The operation writes to a page where it changed nothing the first time: let
   it, and begin again. */
static bool add_page(struct kill_run *run, struct stepper *stepper)
{
	assert_true(world_pages_add(run->world, stepper->fault));
	stepper_kill(stepper);
	world_bytes_restore(run->world, &run->start);
	run->change_count = 0;
	return true;
}

static enum stepper_state step_once_through(struct kill_run *run,
					    struct world_bytes *present,
					    struct stepper *stepper)
{
	enum stepper_state state = STEPPER_RUNNING;
	bool ok;

	assert_true(child_start(run, stepper));
	ok = check_change(run, stepper, present);
	while (ok && state == STEPPER_RUNNING) {
		state = stepper_step(stepper);
		assert_uint_in_range(stepper->steps, 0, STEPPER_STEPS_MAX);
		if (!world_pages_equal(run->world, present))
			ok = check_change(run, stepper, present);
	}
	return state;
}

static bool step_through(struct kill_run *run, struct world_bytes *present)
{
	enum stepper_state state;
	struct stepper stepper;

	do {
		state = step_once_through(run, present, &stepper);
	} while (state == STEPPER_CRASHED && add_page(run, &stepper));
	run->steps = stepper.steps;
	stepper_kill(&stepper);
	return state == STEPPER_ENDED && world_check_done(run->world);
}

/* --- Killing -------------------------------------------------------------- */

static bool kill_after(struct kill_run *run, unsigned long steps)
{
	enum stepper_state state = STEPPER_RUNNING;
	struct stepper stepper;

	world_bytes_restore(run->world, &run->start);
	assert_true(child_start(run, &stepper));
	while (state == STEPPER_RUNNING && stepper.steps < steps)
		state = stepper_step(&stepper);
	stepper_kill(&stepper);
	/* or a little before: not every run takes as many to the last one */
	assert_true(stepper.steps == steps || state == STEPPER_ENDED);
	run->kills++;
	run->where = steps;
	return world_check(run->world, false);
}

static bool kill_around_changes(struct kill_run *run, unsigned int distance)
{
	for (unsigned int i = 1; i < run->change_count; i += distance) {
		if (!kill_after(run, run->changes[i] - 1) ||
		    !kill_after(run, run->changes[i]))
			return false;
	}
	return true;
}

static bool kill_everywhere(struct kill_run *run)
{
	unsigned long spread = SPREAD_STEPS_MAX / run->steps + 1;
	unsigned long distance =
		run->steps <= EACH_MAX ? 1 : run->steps / spread;

	for (unsigned long k = 0; k <= run->steps; k += distance) {
		if (!kill_after(run, k))
			return false;
	}
	return distance == 1 ||
	       kill_around_changes(
		       run, run->change_count / (unsigned int)spread + 1);
}

/* --- A run ---------------------------------------------------------------- */

/* What the operation does when nobody kills it. */
static void run_once(struct kill_run *run)
{
	struct world *world = run->world;

	assert_true(world_look(world, &world->before));
	assert_true(world_process_open(world, &run->process));
	run->operation(&run->process);
	world_process_close(&run->process);
	assert_true(world_look(world, &world->after));
	world_pages_find(world, &run->start);
	world_bytes_restore(world, &run->start);
}

static bool kill_run(struct kill_run *run)
{
	struct world_bytes present;
	bool ok;

	world_bytes_create(run->world, &run->start);
	world_bytes_create(run->world, &present);
	run_once(run);
	ok = step_through(run, &present) && kill_everywhere(run);
	world_bytes_free(&present);
	world_bytes_free(&run->start);
	return ok;
}

/* Kill the operation wherever it can be, changing shared bytes at least
   changes_min times. */
static void survives(struct world *world, operation_t *operation,
		     unsigned int changes_min)
{
	struct kill_run run = { .world = world, .operation = operation };
	struct timespec begin, end;

	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	(void)alarm(TEST_SECS_MAX);
	if (!kill_run(&run)) {
		fail_msg("killed after instruction %lu: %s", run.where,
			 world->violation);
	}
	(void)alarm(0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("# %lu instructions, %u changes, %lu kills, %.1f s\n",
		      run.steps, run.change_count - 1, run.kills,
		      (double)(end.tv_sec - begin.tv_sec) +
			      (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	assert_true(run.change_count > changes_min);
	assert_true(run.change_count <= CHANGES_MAX);
}

/* --- Operations on a host ------------------------------------------------- */

static void op_fail(struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);

	(void)warden_count(process->auth, unit_client(&net), WARDEN_AUTH_FAILED,
			   "user", WORLD_NOW);
}

static void op_idle(struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);

	(void)warden_count(process->auth, unit_client(&net), WARDEN_IDLE, NULL,
			   WORLD_NOW);
}

static void op_login(struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);

	warden_success(process->auth, unit_client(&net), "user", WORLD_NOW);
}

/* Of the process that the operation is tried in again and again, under one
   number. */
#define SOME_PID 1000
static struct warden_pending pending;

static void op_begin(struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);

	(void)warden_pending_begin(
		process->auth, unit_client_by(&net, WARDEN_PROTOCOL_SSH),
		WARDEN_AUTH_FAILED, SOME_PID, WORLD_NOW, &pending);
}

static void op_take_back(struct world_process *process)
{
	struct warden_pending mine = pending;

	warden_pending_succeed(process->auth, &mine, WORLD_NOW);
}

static void op_settle(struct world_process *process)
{
	struct warden_pending mine = pending;

	(void)warden_pending_fail(process->auth, &mine, WORLD_NOW);
}

static bool everybody_is_dead(pid_t pid, uint32_t start_secs)
{
	(void)pid;
	(void)start_secs;
	return true;
}

static void op_settle_gone(struct world_process *process)
{
	(void)warden_table_pendings_settle(&process->admin->table,
					   &process->admin->defaults,
					   everybody_is_dead, WORLD_NOW);
}

static void op_block(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);

	(void)warden_table_block(&process->admin->table, &host,
				 WARDEN_FOREVER_SECS, 1, WARDEN_MANUAL, 0,
				 WORLD_NOW);
}

/* Blocked already, for an hour. */
static void op_block_hour(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);

	(void)warden_table_block(&process->admin->table, &host, NOW_SECS + 3600,
				 3, WARDEN_USER_UNKNOWN, 7, WORLD_NOW);
}

static void op_block_ended(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);

	(void)warden_table_block(&process->admin->table, &host, NOW_SECS - 10,
				 2, WARDEN_AUTH_FAILED, 1, WORLD_NOW);
}

static void op_unblock(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);

	(void)warden_table_unblock(&process->admin->table, &host, WORLD_NOW);
}

static void op_refuse(struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);

	(void)warden_check(process->auth, unit_client(&net),
			   WARDEN_STAGE_ACCEPT, WORLD_NOW);
}

static void op_expire(struct world_process *process)
{
	(void)warden_table_expire(&process->admin->table,
				  &process->admin->defaults, WORLD_NOW);
}

static void times(struct world *world, operation_t *operation, int count)
{
	for (int i = 0; i < count; i++)
		operation(&world->process);
}

static void fill_set(struct world *world)
{
	struct warden_policy policy = world->process.admin->defaults;

	for (int i = WORLD_FILLER1; i <= WORLD_FILLER2; i++) {
		struct warden_host host = world_host((enum world_host)i);

		(void)warden_table_count(&world->process.admin->table, &host,
					 &policy, true, 1, WARDEN_AUTH_FAILED,
					 WARDEN_PROTOCOL_IMAP, NULL,
					 WORLD_NOW - 1000);
	}
}

static void test_killed_while_it_claims(void **state)
{
	survives(*state, op_login, 3);
}

static void test_killed_while_it_claims_and_counts(void **state)
{
	survives(*state, op_fail, 6);
}

static void test_killed_while_it_claims_and_counts_ahead(void **state)
{
	survives(*state, op_begin, 6);
}

static void test_killed_while_it_takes_back(void **state)
{
	times(*state, op_begin, 3);
	survives(*state, op_take_back, 3);
}

static void test_killed_while_it_settles(void **state)
{
	times(*state, op_begin, 10);
	survives(*state, op_settle, 2);
}

static void test_killed_while_it_settles_who_is_gone(void **state)
{
	times(*state, op_begin, 10);
	survives(*state, op_settle_gone, 3);
}

static void test_killed_while_it_counts(void **state)
{
	times(*state, op_fail, 3);
	survives(*state, op_fail, 3);
}

static void test_killed_while_it_counts_an_idle_session(void **state)
{
	survives(*state, op_idle, 4);
}

static void test_killed_while_it_counts_and_blocks(void **state)
{
	struct world *world = *state;

	times(world, op_fail, 9);
	world->points_before_block = true;
	survives(world, op_fail, 5);
	assert_true(world->after.hosts[WORLD_SUBJECT].blocked);
}

static void test_killed_while_it_counts_after_a_block(void **state)
{
	struct world *world = *state;
	struct warden_net net = world_net(WORLD_SUBJECT);

	for (int i = 0; i < 9; i++) {
		(void)warden_count(world->process.auth, unit_client(&net),
				   WARDEN_AUTH_FAILED, NULL, WORLD_NOW - 20000);
	}
	times(world, op_block_ended, 1);
	world->clears_points = true;
	survives(world, op_fail, 5);
	assert_true(world->after.hosts[WORLD_SUBJECT].points == 10.0);
}

static void test_killed_while_a_login_clears_points(void **state)
{
	struct world *world = *state;

	times(world, op_fail, 3);
	survives(world, op_login, 4);
	assert_true(world->after.hosts[WORLD_SUBJECT].points == 0.0);
}

static void test_killed_while_it_blocks(void **state)
{
	struct world *world = *state;

	times(world, op_fail, 2);
	survives(world, op_block, 3);
	assert_true(world->after.hosts[WORLD_SUBJECT].blocked);
}

static void test_killed_while_it_blocks_whom_nobody_knew(void **state)
{
	survives(*state, op_block, 3);
}

static void test_killed_while_it_makes_a_block_longer(void **state)
{
	times(*state, op_block_hour, 1);
	times(*state, op_refuse, 2);
	survives(*state, op_block, 4);
}

static void test_killed_while_it_unblocks(void **state)
{
	struct world *world = *state;

	times(world, op_fail, 11);
	world->points_before_block = true;
	survives(world, op_unblock, 4);
	assert_false(world->after.hosts[WORLD_SUBJECT].blocked);
}

static void test_killed_while_it_refuses(void **state)
{
	times(*state, op_block_hour, 1);
	survives(*state, op_refuse, 2);
}

static void test_killed_while_it_evicts(void **state)
{
	struct world *world = *state;

	fill_set(world);
	world->evicted = WORLD_WEAKEST;
	survives(world, op_fail, 7);
	assert_int_equal(world->after.hosts[WORLD_WEAKEST].last_event, 0);
	assert_int_not_equal(world->before.hosts[WORLD_WEAKEST].last_event, 0);
}

static void test_killed_while_it_evicts_for_a_block(void **state)
{
	struct world *world = *state;

	fill_set(world);
	world->evicted = WORLD_WEAKEST;
	survives(world, op_block, 6);
}

/* All are blocked: the block that ends first makes room. */
static void test_killed_while_it_evicts_a_block(void **state)
{
	struct world *world = *state;

	fill_set(world);
	for (int i = WORLD_BY_HAND + 1; i <= WORLD_FILLER2; i++) {
		struct warden_host host = world_host((enum world_host)i);

		(void)warden_table_block(&world->process.admin->table, &host,
					 NOW_SECS + 3600 - (i == WORLD_WEAKEST),
					 1, WARDEN_AUTH_FAILED, 0, WORLD_NOW);
	}
	world->evicted = WORLD_WEAKEST;
	survives(world, op_fail, 8);
	assert_false(world->after.hosts[WORLD_WEAKEST].blocked);
	assert_true(world->before.hosts[WORLD_WEAKEST].blocked);
}

static void test_killed_while_it_expires(void **state)
{
	struct world *world = *state;
	struct warden_net net = world_net(WORLD_SUBJECT);
	const uint64_t days = UINT64_C(3) * 24 * 3600 * 1000;

	(void)warden_count(world->process.auth, unit_client(&net),
			   WARDEN_AUTH_FAILED, NULL, WORLD_NOW - days);
	survives(world, op_expire, 1);
	assert_int_equal(world->after.hosts[WORLD_SUBJECT].last_event, 0);
}

/* --- Sessions ------------------------------------------------------------- */

static struct warden_session held;

static void op_session_open(struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);
	struct warden_session session;

	(void)warden_session_open(process->auth, unit_client(&net), 4712,
				  WORLD_NOW, &session);
}

static void op_session_close(struct world_process *process)
{
	struct warden_session session = held;

	warden_session_close(process->auth, &session);
}

static void test_killed_while_it_opens_a_session(void **state)
{
	struct warden_net net = world_net(WORLD_SUBJECT);
	struct world *world = *state;
	struct warden_session old;

	/* in a slot that somebody left behind long ago */
	(void)warden_session_open(world->process.auth, unit_client(&net), 4714,
				  WORLD_NOW - 300000, &old);
	survives(world, op_session_open, 2);
	assert_int_equal(world->after.hosts[WORLD_SUBJECT].sessions, 1);
}

static void test_killed_while_it_closes_a_session(void **state)
{
	struct warden_net net = world_net(WORLD_SUBJECT);
	struct world *world = *state;

	(void)warden_session_open(world->process.auth, unit_client(&net), 4712,
				  WORLD_NOW, &held);
	survives(world, op_session_close, 1);
	assert_int_equal(world->before.hosts[WORLD_SUBJECT].sessions, 1);
	assert_int_equal(world->after.hosts[WORLD_SUBJECT].sessions, 0);
}

/* --- What is published ---------------------------------------------------- */

#define EXEMPT_COUNT 64

static void another_policy(struct warden_policy *policy_r)
{
	const struct warden_net exempt = unit_net("192.0.2.200/30");

	warden_policy_init_defaults(policy_r);
	policy_r->login_grace_secs = 59;
	policy_r->exempt_count = EXEMPT_COUNT;
	for (int i = 0; i < EXEMPT_COUNT; i++)
		policy_r->exempt[i] = exempt;
}

static struct warden_policy to_publish;

static void op_publish(struct world_process *process)
{
	warden_admin_publish(process->admin, &to_publish, WORLD_NOW);
}

static struct warden_named to_name;

static void op_publish_named(struct world_process *process)
{
	warden_admin_publish_named(process->admin, &to_name);
}

static void op_heartbeat(struct world_process *process)
{
	warden_admin_heartbeat(process->admin, 4715, true, WORLD_NOW + 1);
}

static void op_network_block(struct world_process *process)
{
	const struct warden_net net = unit_net("192.0.2.240/28");
	struct warden_error error;

	(void)warden_admin_network_block(process->admin, &net, NOW_SECS + 60,
					 WORLD_NOW, &error);
}

static void op_network_unblock(struct world_process *process)
{
	struct warden_error error;
	unsigned int removed;

	(void)warden_admin_network_unblock(process->admin, NULL, &removed,
					   WORLD_NOW, &error);
}

static void test_killed_while_it_publishes(void **state)
{
	struct world *world = *state;

	another_policy(&to_publish);
	survives(world, op_publish, EXEMPT_COUNT);
	assert_int_equal(world->after.policy.exempt_count, EXEMPT_COUNT);
}

static void test_killed_while_it_publishes_names(void **state)
{
	struct world *world = *state;

	to_name.count = 1;
	to_name.hosts[0].addr = unit_net("192.0.2.1");
	to_name.hosts[0].protocols = 1;
	times(world, op_publish_named, 1);
	to_name.count = 2;
	to_name.hosts[1].addr = unit_net("192.0.2.2");
	to_name.hosts[1].protocols = 2;
	survives(world, op_publish_named, 3);
	assert_int_equal(world->after.named.count, 2);
}

static void test_killed_while_it_says_that_it_lives(void **state)
{
	survives(*state, op_heartbeat, 3);
}

static void test_killed_while_it_blocks_a_network(void **state)
{
	struct world *world = *state;

	survives(world, op_network_block, 5);
	assert_int_equal(world->after.networks.count, 2);
}

static void test_killed_while_it_unblocks_all_networks(void **state)
{
	struct world *world = *state;

	times(world, op_network_block, 1);
	survives(world, op_network_unblock, 3);
	assert_int_equal(world->after.networks.count, 0);
}

/* --- The check can fail --------------------------------------------------- */

/* Wrong on purpose: what a careless writer would do instead of the table. Each
   of them must be found out. */

static struct warden_record *record_of(struct world_process *process,
				       enum world_host host)
{
	struct warden_set *set = process->admin->table.sets[0];
	uint64_t key = world_host(host).key;
	int i = 0;

	while (i < WARDEN_SET_WAYS - 1 && set->records[i].key != key)
		i++;
	return &set->records[i];
}

static void wrong_block_taken_off_first(struct world_process *process)
{
	struct warden_record *record = record_of(process, WORLD_SUBJECT);
	uint64_t word = *warden_record_word(record, WARDEN_WORD_BLOCK);

	*warden_record_word(record, WARDEN_WORD_BLOCK) = 0;
	*warden_record_word(record, WARDEN_WORD_BLOCK) = word + (1 << 9);
}

static void wrong_block_in_two_halves(struct world_process *process)
{
	struct warden_record *record = record_of(process, WORLD_SUBJECT);
	volatile uint32_t *halves =
		(volatile uint32_t *)warden_record_word(record,
							WARDEN_WORD_BLOCK);

	halves[0] ^= 1U << 9;
	halves[1] ^= 1U;
}

static void wrong_points_after_block(struct world_process *process)
{
	struct warden_record *record = record_of(process, WORLD_SUBJECT);

	*warden_record_word(record, WARDEN_WORD_BLOCK) = 0;
	*warden_record_word(record, WARDEN_WORD_FAST) = 0;
	*warden_record_word(record, WARDEN_WORD_SLOW) = 0;
}

static void wrong_record_moved(struct world_process *process)
{
	struct warden_record *record = record_of(process, WORLD_SUBJECT);
	struct warden_record *to =
		&process->admin->table.sets[0]->records[WARDEN_SET_WAYS - 1];

	for (int i = 0; i < WARDEN_WORDS; i++)
		*warden_record_word(to, i) = *warden_record_word(record, i);
	to->key = record->key;
	record->key = 0;
}

static void wrong_words_before_the_key(struct world_process *process)
{
	struct warden_record *record = record_of(process, WORLD_WEAKEST);

	for (int i = 0; i < WARDEN_WORDS; i++)
		*warden_record_word(record, i) = 0;
	record->key = world_host(WORLD_SUBJECT).key;
}

static void wrong_other_host_hit(struct world_process *process)
{
	struct warden_record *record = record_of(process, WORLD_KNOWN);
	uint64_t word = *warden_record_word(record, WARDEN_WORD_FAST);

	*warden_record_word(record, WARDEN_WORD_FAST) = word + 1000;
	*warden_record_word(record, WARDEN_WORD_FAST) = word;
}

static void wrong_session_start(struct world_process *process)
{
	struct warden_host host = world_host(WORLD_SUBJECT);
	struct warden_session session;

	(void)warden_table_session_open(&process->admin->table, &host, 0, 10,
					4712, WORLD_NOW + 1000, &session);
}

static void wrong_policy_announced_first(struct world_process *process)
{
	struct warden_policy_file *shared = process->admin->shared_policy;

	shared->policy_generation++;
	memcpy(&shared->policies[shared->policy_generation % 2], &to_publish,
	       sizeof(to_publish));
}

static void found_out(void **state, operation_t *wrong, int evicted,
		      const char *violation)
{
	struct world *world;
	struct kill_run run = { .operation = wrong };

	assert_int_equal(world_setup(state), 0);
	world = *state;
	run.world = world;
	another_policy(&to_publish);
	(void)alarm(TEST_SECS_MAX);
	if (evicted < 0)
		times(world, op_fail, 11);
	else
		fill_set(world);
	world->evicted = evicted;
	world->points_before_block = wrong == wrong_points_after_block;
	if (kill_run(&run) ||
	    strncmp(world->violation, violation, strlen(violation)) != 0)
		fail_msg("\"%s\" instead of \"%s\"", world->violation,
			 violation);
	(void)alarm(0);
	assert_int_equal(world_teardown(state), 0);
}

static void test_wrong_writers_are_found_out(void **state)
{
	found_out(state, wrong_block_taken_off_first, -1,
		  "a block that nobody made");
	found_out(state, wrong_block_in_two_halves, -1,
		  "a block that nobody made");
	found_out(state, wrong_points_after_block, -1,
		  "block and points in the wrong order");
	found_out(state, wrong_record_moved, -1, "a host has two records");
	found_out(state, wrong_words_before_the_key, WORLD_WEAKEST,
		  "a bystander has changed");
	found_out(state, wrong_other_host_hit, -1, "a bystander has changed");
	found_out(state, wrong_session_start, -1,
		  "a session counts for too long");
	found_out(state, wrong_policy_announced_first, -1, "half a policy");
}

/* -------------------------------------------------------------------------- */

#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_killed_while_it_claims),
		CASE(test_killed_while_it_claims_and_counts),
		CASE(test_killed_while_it_claims_and_counts_ahead),
		CASE(test_killed_while_it_takes_back),
		CASE(test_killed_while_it_settles),
		CASE(test_killed_while_it_settles_who_is_gone),
		CASE(test_killed_while_it_counts),
		CASE(test_killed_while_it_counts_an_idle_session),
		CASE(test_killed_while_it_counts_and_blocks),
		CASE(test_killed_while_it_counts_after_a_block),
		CASE(test_killed_while_a_login_clears_points),
		CASE(test_killed_while_it_blocks),
		CASE(test_killed_while_it_blocks_whom_nobody_knew),
		CASE(test_killed_while_it_makes_a_block_longer),
		CASE(test_killed_while_it_unblocks),
		CASE(test_killed_while_it_refuses),
		CASE(test_killed_while_it_evicts),
		CASE(test_killed_while_it_evicts_for_a_block),
		CASE(test_killed_while_it_evicts_a_block),
		CASE(test_killed_while_it_expires),
		CASE(test_killed_while_it_opens_a_session),
		CASE(test_killed_while_it_closes_a_session),
		CASE(test_killed_while_it_publishes),
		CASE(test_killed_while_it_publishes_names),
		CASE(test_killed_while_it_says_that_it_lives),
		CASE(test_killed_while_it_blocks_a_network),
		CASE(test_killed_while_it_unblocks_all_networks),
		cmocka_unit_test(test_wrong_writers_are_found_out),
	};

	return fire_run("kill-points", tests);
}
