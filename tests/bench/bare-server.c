/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The least that a server can do: accept a connection and close it. What is
   refused at accept cannot be refused faster by one process.

   Prints its port, and ends when its input does. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* as Dovecot's */
#define BACKLOG 511

static void die(const char *what)
{
	fprintf(stderr, "bare-server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_at(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1) {
		errno = EINVAL;
		die(address);
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &size) < 0)
		die(address);
	printf("%u\n", ntohs(sin.sin_port));
	(void)fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = {
		{ .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};

	if (argc != 2) {
		fprintf(stderr, "usage: bare-server ADDRESS\n");
		return 2;
	}
	fds[0].fd = listen_at(argv[1]);
	/* one connection each time it wakes, as Dovecot's own loop */
	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
		int fd = accept(fds[0].fd, NULL, NULL);

		if (fd >= 0)
			(void)close(fd);
	}
	return 0;
}
