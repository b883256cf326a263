/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* An admin who blocks the address he works from, and has sshd read the deny
   file, locks himself out. sshd puts his address into SSH_CONNECTION, but
   Dovecot empties doveadm's environment, and sudo drops it too: so the
   processes that started this one are asked as well. */

#include "warden-compat-doveadm.h"
#include "doveadm-own-address.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define SSH_CONNECTION "SSH_CONNECTION"
/* shells within shells; more is not believable */
#define ANCESTORS_MAX 32
#define PROC_FILE_MAX (256 * 1024)

/* A file of /proc has no size: read until its end. Its bytes may hold NULs;
   one more is put behind them. */
static buffer_t *proc_read(pid_t pid, const char *name)
{
	const char *path = t_strdup_printf("/proc/%ld/%s", (long)pid, name);
	buffer_t *buf = t_buffer_create(4096);
	char block[4096];
	ssize_t ret = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return NULL;
	while (buf->used < PROC_FILE_MAX &&
	       (ret = read(fd, block, sizeof(block))) > 0)
		buffer_append(buf, block, (size_t)ret);
	i_close_fd(&fd);
	buffer_append_c(buf, '\0');
	return ret < 0 ? NULL : buf;
}

static const char *environ_find(pid_t pid, const char *name)
{
	const buffer_t *buf = proc_read(pid, "environ");
	size_t pos = 0, len = strlen(name);

	while (buf != NULL && pos < buf->used) {
		const char *line = CONST_PTR_OFFSET(buf->data, pos);

		if (strncmp(line, name, len) == 0 && line[len] == '=')
			return line + len + 1;
		pos += strlen(line) + 1;
	}
	return NULL;
}

/* "pid (name) state parent ...", where the name may hold anything. */
static pid_t parent_of(pid_t pid)
{
	const buffer_t *buf = proc_read(pid, "stat");
	const char *p;

	if (buf == NULL || (p = strrchr(buf->data, ')')) == NULL ||
	    strlen(p) < 4)
		return 0;
	return (pid_t)strtol(p + 4, NULL, 10);
}

static const char *ssh_connection(void)
{
	const char *value = getenv(SSH_CONNECTION);
	pid_t pid = getpid();

	for (unsigned int i = 0; value == NULL && i < ANCESTORS_MAX; i++) {
		value = environ_find(pid, SSH_CONNECTION);
		pid = parent_of(pid);
		if (pid <= 1)
			break;
	}
	return value;
}

bool doveadm_own_address(struct warden_net *net_r)
{
	const char *value = ssh_connection(), *error;

	/* client address, client port, server address, server port */
	return value != NULL &&
		warden_net_parse(t_strcut(value, ' '), net_r, &error);
}
