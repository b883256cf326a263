/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef STEPPER_H
#define STEPPER_H

#include <stdbool.h>
#include <sys/types.h>

/* Runs an operation in a child process one machine instruction at a time, so
   that it can be killed after any of them. The child is a fork, so it works on
   the shared mappings of its parent; it starts held before the operation's
   first instruction, and only what it executes from there on is counted. */

struct stepper {
	pid_t pid;	     /* 0 = gone */
	unsigned long steps; /* instructions executed */
	const void *fault;   /* the address that a crash was about */
};

enum stepper_state {
	STEPPER_RUNNING,
	STEPPER_ENDED,	 /* the operation has returned */
	STEPPER_CRASHED, /* by a signal of its own */
};

/* No operation of ours takes as many. One that does cannot be stepped at all:
   a processor whose compare-and-swap is a load and a conditional store starts
   it again for ever, because each stop in between undoes the load. */
#define STEPPER_STEPS_MAX 1000000

/* May processes be stepped here? NULL: yes; else why not. Keeps this process
   and its children on one processor: to go back and forth is quicker so. */
const char *stepper_init(void);

bool stepper_start(struct stepper *stepper_r, void (*operation)(void *),
		   void *context);
/* Execute one instruction. A system call is one. */
enum stepper_state stepper_step(struct stepper *stepper);
/* Execute up to the next entry into or return from a system call. */
enum stepper_state stepper_next_call(struct stepper *stepper);
/* SIGKILL, and wait until it is gone. */
void stepper_kill(struct stepper *stepper);

#endif
