/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* doveadm reads only its own settings, and reading those of login, auth and
   master once more inside it would throw its own away. doveconf is made for
   this question: it knows every module's settings, also of protocol { }
   blocks. It is run without a shell, with an environment of its own. */

#include "warden-compat-doveadm.h"
#include "fd-util.h"
#include "doveadm-doveconf.h"
#include "doveadm-doveconf-private.h"
#include "warden-config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DOVECONF_WAIT_MSECS 10000
#define DOVECONF_OUTPUT_MAX (4 * 1024 * 1024)

struct doveadm_doveconf {
	const char *const *lines;
};

/* A doveadm that Dovecot started knows only the socket from which it has its
   settings; beside it is a link to the file. */
static const char *config_path(void)
{
	const char *path = master_service_get_config_path(master_service);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return path;
	return t_strconcat(warden_compat_base_dir(), "/dovecot.conf", NULL);
}

static const char *const *
doveconf_args(const char *protocol, const char *const *names)
{
	ARRAY_TYPE(const_string) args;
	const char *const first[] = {
		WARDEN_DOVECONF_PATH, "-c", config_path()
	};

	t_array_init(&args, 16);
	array_append(&args, first, N_ELEMENTS(first));
	array_append(&args, doveadm_doveconf_format_args,
		     str_array_length(doveadm_doveconf_format_args));
	if (protocol != NULL) {
		const char *filter[] = {
			"-f", t_strconcat("protocol=", protocol, NULL)
		};

		array_append(&args, filter, N_ELEMENTS(filter));
	}
	array_append(&args, names, str_array_length(names));
	array_append_zero(&args);
	return array_front(&args);
}

static void ATTR_NORETURN
doveconf_exec(int out_fd, const char *const *args)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	int null_fd = open("/dev/null", O_RDWR);

	if (null_fd == -1 || dup2(null_fd, STDIN_FILENO) == -1 ||
	    dup2(out_fd, STDOUT_FILENO) == -1 ||
	    dup2(null_fd, STDERR_FILENO) == -1)
		_exit(126);
	(void)execve(args[0], (char *const *)(uintptr_t)args,
		     (char *const *)(uintptr_t)env);
	_exit(127);
}

static int64_t monotonic_msecs(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until its end. false: too long, too much, or an error. */
static bool doveconf_collect(int fd, string_t *output)
{
	int64_t deadline = monotonic_msecs() + DOVECONF_WAIT_MSECS;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char block[8192];

	for (;;) {
		int64_t left = deadline - monotonic_msecs();
		ssize_t ret;

		if (left <= 0 || str_len(output) > DOVECONF_OUTPUT_MAX)
			return false;
		if (poll(&poll_fd, 1, (int)left) <= 0)
			continue;
		ret = read(fd, block, sizeof(block));
		if (ret <= 0)
			return ret == 0;
		str_append_data(output, block, (size_t)ret);
	}
}

static bool doveconf_wait(pid_t pid, bool collected)
{
	int status;

	if (!collected)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return false;
	}
	return collected && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool doveconf_run(const char *const *args, string_t *output)
{
	int fd[2];
	bool collected;
	pid_t pid;

	if (pipe(fd) == -1)
		return false;
	fd_close_on_exec(fd[0], TRUE);
	fd_close_on_exec(fd[1], TRUE);
	pid = fork();
	if (pid == 0)
		doveconf_exec(fd[1], args);
	i_close_fd(&fd[1]);
	collected = pid != -1 && doveconf_collect(fd[0], output);
	i_close_fd(&fd[0]);
	return pid != -1 && doveconf_wait(pid, collected);
}

const struct doveadm_doveconf *
doveadm_doveconf_read(const char *protocol, const char *const *names,
		      const char **error_r)
{
	struct doveadm_doveconf *conf = t_new(struct doveadm_doveconf, 1);
	const char *const *args = doveconf_args(protocol, names);
	string_t *output = t_str_new(4096);

	if (!doveconf_run(args, output)) {
		*error_r = t_strdup_printf("cannot tell, since the settings "
			"cannot be read: %s -n -c %s says why", args[0],
			args[2]);
		return NULL;
	}
	conf->lines = doveadm_doveconf_lines(str_c(output));
	return conf;
}

const char *doveadm_doveconf_get(const struct doveadm_doveconf *conf,
				 const char *key)
{
	size_t len = strlen(key);

	for (unsigned int i = 0; conf->lines[i] != NULL; i++) {
		const char *line = conf->lines[i];

		if (strncmp(line, key, len) == 0 && line[len] == '=')
			return line + len + 1;
	}
	return "";
}
