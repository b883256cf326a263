/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#define _GNU_SOURCE /* sched_setaffinity() */

#include "stepper.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Above what a probe of one compare-and-swap can take. */
#define PROBE_STEPS_MAX 10000

static void child_run(void (*operation)(void *), void *context)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* a test that hangs is ended by this signal; its children with it */
	(void)signal(SIGALRM, SIG_DFL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(1);
	(void)raise(SIGSTOP);
	operation(context);
	(void)raise(SIGSTOP);
	_exit(0);
}

static bool wait_for(struct stepper *stepper, int *status_r)
{
	pid_t pid;

	do {
		pid = waitpid(stepper->pid, status_r, 0);
	} while (pid < 0 && errno == EINTR);
	return pid == stepper->pid;
}

bool stepper_start(struct stepper *stepper_r, void (*operation)(void *),
		   void *context)
{
	int status;

	stepper_r->steps = 0;
	stepper_r->fault = NULL;
	stepper_r->pid = fork();
	if (stepper_r->pid == 0)
		child_run(operation, context);
	if (stepper_r->pid < 0) {
		stepper_r->pid = 0;
		return false;
	}
	if (wait_for(stepper_r, &status) && WIFSTOPPED(status) &&
	    WSTOPSIG(status) == SIGSTOP)
		return ptrace(PTRACE_SETOPTIONS, stepper_r->pid, NULL,
			      (void *)(uintptr_t)PTRACE_O_EXITKILL) == 0;
	stepper_r->pid = 0;
	return false;
}

static enum stepper_state stepper_crashed(struct stepper *stepper)
{
	siginfo_t info;

	if (ptrace(PTRACE_GETSIGINFO, stepper->pid, NULL, &info) == 0)
		stepper->fault = info.si_addr;
	return STEPPER_CRASHED;
}

static enum stepper_state stepper_go(struct stepper *stepper, bool to_call)
{
	int status;
	long ret = to_call ?
			   ptrace(PTRACE_SYSCALL, stepper->pid, NULL, NULL) :
			   ptrace(PTRACE_SINGLESTEP, stepper->pid, NULL, NULL);

	if (ret < 0 || !wait_for(stepper, &status) || !WIFSTOPPED(status))
		return STEPPER_CRASHED;
	if (WSTOPSIG(status) == SIGTRAP) {
		stepper->steps++;
		return STEPPER_RUNNING;
	}
	return WSTOPSIG(status) == SIGSTOP ? STEPPER_ENDED :
					     stepper_crashed(stepper);
}

enum stepper_state stepper_step(struct stepper *stepper)
{
	return stepper_go(stepper, false);
}

enum stepper_state stepper_next_call(struct stepper *stepper)
{
	return stepper_go(stepper, true);
}

void stepper_kill(struct stepper *stepper)
{
	int status;

	if (stepper->pid <= 0)
		return;
	(void)kill(stepper->pid, SIGKILL);
	while (wait_for(stepper, &status) && WIFSTOPPED(status))
		;
	stepper->pid = 0;
}

static void probe(void *context)
{
	_Atomic uint64_t *word = context;
	uint64_t zero = 0;

	(void)atomic_compare_exchange_strong(word, &zero, 1);
}

static void stay_on_this_processor(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

const char *stepper_init(void)
{
	enum stepper_state state = STEPPER_RUNNING;
	_Atomic uint64_t word = 0;
	struct stepper stepper;

#ifdef __SANITIZE_ADDRESS__
	return "built with sanitizers, whose instructions would be counted";
#endif
	if (!stepper_start(&stepper, probe, &word)) {
		stepper_kill(&stepper);
		return "ptrace() is not permitted here";
	}
	while (state == STEPPER_RUNNING && stepper.steps < PROBE_STEPS_MAX)
		state = stepper_step(&stepper);
	stepper_kill(&stepper);
	stay_on_this_processor();
	if (state == STEPPER_ENDED)
		return NULL;
	return "a compare-and-swap cannot be stepped on this processor";
}
