/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Which processes are gone. The process number comes from shared memory, so
   it may be anything; it is only ever asked about. */

#include "warden-reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "warden-clock.h"

/* /proc counts in hundredths, a slot in whole seconds. */
#define START_SLACK_SECS 2
#define STAT_FIELD_STARTTIME 22 /* proc_pid_stat(5) */

/* Warden time when the process was started; 0: not known. */
static uint64_t process_start_secs(pid_t pid)
{
	char path[32], buf[1024];
	const char *p;
	unsigned long long ticks;
	long hertz = sysconf(_SC_CLK_TCK);
	ssize_t size;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, buf, sizeof(buf) - 1);
	(void)close(fd);
	if (size <= 0 || hertz <= 0)
		return 0;
	buf[size] = '\0';
	/* the second field is the name in parentheses, any bytes inside */
	p = strrchr(buf, ')');
	for (int field = 2; p != NULL && field < STAT_FIELD_STARTTIME;
	     field++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	if (p == NULL || sscanf(p, "%llu", &ticks) != 1)
		return 0;
	return WARDEN_CLOCK_BASE_SECS + ticks / (unsigned long)hertz;
}

static bool is_dead(pid_t pid, uint32_t start_secs)
{
	if (pid <= 0)
		return false;
	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	/* the number may be another process's by now */
	return process_start_secs(pid) >
	       (uint64_t)start_secs + START_SLACK_SECS;
}

uint32_t warden_reap(struct warden_table *table, uint32_t *cursor_io,
		     uint64_t now)
{
	return warden_table_sessions_reap(table, is_dead, cursor_io, now);
}

uint32_t warden_reap_pendings(struct warden_table *table,
			      const struct warden_policy *policy, uint64_t now)
{
	return warden_table_pendings_settle(table, policy, is_dead, now);
}
