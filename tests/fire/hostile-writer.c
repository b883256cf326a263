/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* usage: hostile-writer [SECS [SEED]]

   The steps of fuzz-table.c in random order, while another process writes
   random words into `hosts` as fast as it goes: what a fuzzer cannot do, a
   word that changes between two looks at it. */

#include "fuzz-table.c"

#include <signal.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#define INPUT_SIZE 512

static uint64_t random_state;

/* xorshift64* */
static uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(2685821657736338717);
}

/* Half of the words go where the hosts of the steps are and carry the tag that
   is there: others would be passed over at the first look. */
static void write_word(void)
{
	_Atomic uint64_t *words = (_Atomic uint64_t *)service->table.header;
	size_t records = sizeof(struct warden_hosts_header) / 8;
	uint64_t value = random_next(), raw;
	size_t at = (size_t)(random_next() % (hosts_size / 8));

	if ((value & 1) != 0)
		at = records + at % (HOSTS / WARDEN_SET_WAYS *
				     sizeof(struct warden_set) / 8);
	raw = words[at];
	if (raw != 0)
		value = raw ^ (value & WARDEN_VALUE_MASK & random_next());
	words[at] = value;
}

static pid_t writer_start(void)
{
	pid_t pid = fork();

	FUZZ_CHECK(pid >= 0);
	if (pid != 0)
		return pid;
	/* so that nobody has to take care of us */
	for (uint64_t n = 0; getppid() != 1; n++) {
		for (int i = 0; i < 1000; i++)
			write_word();
		if ((n & 1023) == 0)
			(void)sched_yield();
	}
	_exit(0);
}

static void run_random(void)
{
	uint8_t input[INPUT_SIZE];

	for (size_t i = 0; i < sizeof(input); i += 8) {
		uint64_t value = random_next();

		memcpy(input + i, &value, 8);
	}
	input[0] &= 0x7f; /* steps, no image */
	(void)LLVMFuzzerTestOneInput(input, sizeof(input));
}

int main(int argc, char **argv)
{
	int secs = argc > 1 ? atoi(argv[1]) : 10;
	time_t end = time(NULL) + secs;
	unsigned int rounds = 0;
	pid_t writer;

	random_state = argc > 2 ?
			       strtoull(argv[2], NULL, 0) :
			       (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	random_state |= 1;
	(void)printf("seed %llu\n", (unsigned long long)random_state);
	(void)fflush(stdout);
	start();
	haunted = true;
	writer = writer_start();
	random_state ^= UINT64_C(0x9e3779b97f4a7c15);
	while (time(NULL) < end) {
		run_random();
		rounds++;
	}
	FUZZ_CHECK(kill(writer, SIGKILL) == 0);
	FUZZ_CHECK(waitpid(writer, NULL, 0) == writer);
	/* and after it has gone all is as it should be */
	haunted = false;
	run_random();
	(void)printf("%u rounds of %d octets\n", rounds, INPUT_SIZE);
	return rounds > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
