/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Who may be on guard, with any bytes in the file: nobody crashes or writes
   beside it, a network from which a user has just logged in is never refused,
   and no siege lasts for longer than siege_secs by itself.

   The input is a list of steps, an octet for the step and some for what it
   works on. Its first octet chooses the rules. */

#include "fuzz.h"
#include "warden-clock.h"
#include "warden-siege.h"

#define STEPS_MAX 512
#define USERS 4
#define START_MSECS ((WARDEN_CLOCK_BASE_SECS + UINT64_C(100000)) * 1000)
#define PLACES (WARDEN_SIEGE_SETS * WARDEN_SIEGE_WAYS)

static const char *const users[USERS] = {
	"alice",
	"bob",
	"carol@example.com",
	"\xff\n",
};

static struct warden_auth_file *file;
static struct warden_siege siege;

struct run {
	struct fuzz_input input;
	struct warden_policy policy;
	uint64_t now;
	unsigned int ends;
};

static const char *take_user(struct run *run)
{
	return users[fuzz_take(&run->input, 1) % USERS];
}

/* Few enough that the same come again. */
static struct warden_host take_host(struct run *run)
{
	uint64_t what = fuzz_take(&run->input, 1);
	struct warden_host host = {
		.family = (what & 0x80) != 0 ? WARDEN_INET6 : WARDEN_INET,
		.key = (what & 0x80) != 0 ? (what + 1) << 15 : (what + 1) << 7,
	};

	return host;
}

static void step_log_in(struct run *run)
{
	const char *user = take_user(run);
	struct warden_host host = take_host(run);

	warden_siege_logged_in(&siege, &host, user, &run->policy, run->now);
	FUZZ_CHECK(!warden_siege_refuses(&siege, &host, user, &run->policy,
					 run->now));
}

static void step_fail(struct run *run)
{
	const char *user = take_user(run);
	struct warden_host host = take_host(run);
	uint32_t id = 0;

	if (!warden_siege_failed(&siege, &host, user, &run->policy, run->now,
				 &id))
		return;
	FUZZ_CHECK(id != 0 && run->policy.siege_networks != 0);
	FUZZ_CHECK(warden_siege_refuses(&siege, &host, user, &run->policy,
					run->now));
}

/* As the guesses of a botnet are. */
static void step_fail_often(struct run *run)
{
	const char *user = take_user(run);
	uint64_t first = fuzz_take(&run->input, 1);
	uint64_t count = fuzz_take(&run->input, 1);
	uint32_t id;

	for (uint64_t i = 0; i < count; i++) {
		struct warden_host host = { .family = WARDEN_INET,
					    .key = (first + i + 1) << 8 };

		(void)warden_siege_failed(&siege, &host, user, &run->policy,
					  run->now, &id);
	}
}

static void step_ask(struct run *run)
{
	const char *user = take_user(run);
	struct warden_host host = take_host(run);

	if (!warden_siege_refuses(&siege, &host, user, &run->policy, run->now))
		return;
	FUZZ_CHECK(run->policy.siege_networks != 0);
	FUZZ_CHECK(!warden_siege_refuses(&siege, &host, user, &run->policy,
					 run->now + run->policy.siege_secs *
							    UINT64_C(1000)));
	warden_siege_refused(&siege, &host, user, &run->policy, run->now);
}

static void ended(void *context, const struct warden_siege_end *end)
{
	struct run *run = context;

	FUZZ_CHECK(end->id != 0);
	FUZZ_CHECK(++run->ends <= PLACES);
}

static void step_look(struct run *run)
{
	uint32_t count;

	run->ends = 0;
	count = warden_siege_look(&siege, &run->policy, run->now, ended, run);
	FUZZ_CHECK(count + run->ends <= PLACES);
	run->ends = 0;
	FUZZ_CHECK(warden_siege_look(&siege, &run->policy, run->now, ended,
				     run) == count);
	FUZZ_CHECK(run->ends == 0);
}

static void step_wait(struct run *run)
{
	uint64_t what = fuzz_take(&run->input, 2);

	/* seconds, or half hours */
	run->now += (what & 0x7fff) *
		    ((what & 0x8000) != 0 ? UINT64_C(1800000) : UINT64_C(1000));
}

/* As a stranger: any word of a set that is in use, or of any. */
static void step_poke(struct run *run)
{
	uint64_t at = fuzz_take(&run->input, 2);
	uint64_t value = fuzz_take(&run->input, 8);
	bool anywhere = (at & 0x8000) != 0;

	for (unsigned int i = 0; i < WARDEN_HOME_SETS; i++) {
		struct warden_home_set *set = &file->homes[i];

		if (anywhere ? i == at % WARDEN_HOME_SETS : set->users[0] != 0)
			memcpy((char *)set + at % (sizeof(*set) / 8) * 8,
			       &value, 8);
	}
}

static void step_poke_siege(struct run *run)
{
	uint64_t at = fuzz_take(&run->input, 2);
	uint64_t value = fuzz_take(&run->input, 8);
	bool anywhere = (at & 0x8000) != 0;

	for (unsigned int i = 0; i < WARDEN_SIEGE_SETS; i++) {
		struct warden_siege_set *set = &file->sieges[i];

		if (anywhere ? i == at % WARDEN_SIEGE_SETS : set->users[0] != 0)
			memcpy((char *)set + at % (sizeof(*set) / 8) * 8,
			       &value, 8);
	}
}

static void step_name(struct run *run)
{
	char name[100], buf[WARDEN_SIEGE_NAME_STRLEN];
	size_t len = fuzz_take(&run->input, 1) % sizeof(name);

	for (size_t i = 0; i < len; i++)
		name[i] = (char)fuzz_take(&run->input, 1);
	name[len] = '\0';
	FUZZ_CHECK(warden_siege_name(name, buf) == buf);
	FUZZ_CHECK(strlen(buf) < sizeof(buf));
	for (const char *p = buf; *p != '\0'; p++)
		FUZZ_CHECK(*p > ' ' && *p < 0x7f &&
			   strchr("\"'():,", *p) == NULL);
}

/* What is saved can be loaded. */
static void step_walk(struct run *run)
{
	struct warden_siege_home home;
	uint32_t index = 0, before = 0;

	while (warden_siege_next_home(&siege, &index, &run->policy, run->now,
				      &home)) {
		FUZZ_CHECK(index > before && index <= WARDEN_HOME_SETS *
							      WARDEN_HOME_WAYS *
							      WARDEN_HOMES);
		before = index;
		FUZZ_CHECK(warden_siege_restore_home(&siege, &home, run->now));
	}
}

static void step_restore(struct run *run)
{
	const struct warden_siege_home home = {
		.user = fuzz_take(&run->input, 8),
		.network = fuzz_take(&run->input, 3),
		.since = (uint32_t)fuzz_take(&run->input, 4),
		.login = (uint32_t)fuzz_take(&run->input, 4),
	};

	(void)warden_siege_restore_home(&siege, &home, run->now);
}

typedef void step_t(struct run *run);
static step_t *const steps[] = {
	step_log_in, step_fail, step_fail_often, step_ask,
	step_look,   step_wait, step_poke,	 step_poke_siege,
	step_name,   step_walk, step_restore,
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void run_rules(struct run *run)
{
	static const uint32_t networks[] = { 5, 20, 60, 0 };
	unsigned int which = (unsigned int)fuzz_take(&run->input, 1);
	struct warden_policy *policy = &run->policy;

	warden_policy_init_defaults(policy);
	policy->siege_networks = networks[which % 4];
	policy->siege_secs = (which & 4) != 0 ? 1 : 3600;
	policy->siege_learn_secs = (which & 8) != 0 ? 7 * 24 * 3600 : 0;
	policy->known_time_secs =
		(which & 16) != 0 ? WARDEN_TIME_MAX_SECS : 30 * 24 * 3600;
	FUZZ_CHECK(warden_policy_is_valid(policy));
}

/* In memory of its own, so that a byte too many is seen; and what is before
   the sieges in it is not theirs. */
static void start(void)
{
	file = calloc(1, sizeof(*file));
	FUZZ_CHECK(file != NULL);
	memset(file, 0x5a, offsetof(struct warden_auth_file, homes));
	FUZZ_CHECK(warden_siege_init(&siege, file, sizeof(*file)));
}

static void check_others(void)
{
	const unsigned char *bytes = (const unsigned char *)file;

	FUZZ_CHECK(bytes[0] == 0x5a &&
		   memcmp(bytes, bytes + 1,
			  offsetof(struct warden_auth_file, homes) - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int inputs;
	struct run run = { .input = { data, size }, .now = START_MSECS };

	if (file == NULL)
		start();
	memset(file->homes, 0, sizeof(file->homes));
	memset(file->sieges, 0, sizeof(file->sieges));
	run_rules(&run);
	for (int i = 0; i < STEPS_MAX && run.input.size > 0; i++)
		steps[fuzz_take(&run.input, 1) % STEPS](&run);
	step_look(&run);
	if (inputs++ % 1024 == 0)
		check_others();
	return 0;
}
