/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Connects as fast as it can with so many connections at once, waits each time
   until the server has said something or closed, and hangs up. Prints one line
   of JSON: how many were refused, greeted, failed, and in what time.

   In C, because next to a client that is slow every server is as fast as the
   other. */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 256
#define TIMEOUT_SECS 10
/* nothing to read, no port left, and so on: not at full speed */
#define PAUSE_USECS 1000

static struct {
	double secs;
	unsigned int at_once;
	uint32_t sources;
	struct in_addr source;
	struct sockaddr_in server;
} options = { .secs = 1, .at_once = 8, .sources = 1 };

struct counts {
	uint64_t refused, greeted, failed;
};

static _Atomic uint32_t next_source;

static double seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* So that a reset ends the connection and no port waits afterwards: the kernel
   has room for some 28,000 ports of one address. The port is chosen at
   connect(), when it is known which pairs are free. */
static bool socket_prepare(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const struct timeval timeout = { .tv_sec = TIMEOUT_SECS };
	const int yes = 1;
	struct sockaddr_in from = { .sin_family = AF_INET };
	uint32_t number = atomic_fetch_add(&next_source, 1) % options.sources;

	from.sin_addr.s_addr = htonl(ntohl(options.source.s_addr) + number);
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) ==
		       0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
			  sizeof(timeout)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
			  sizeof(timeout)) == 0 &&
	       setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes,
			  sizeof(yes)) == 0 &&
	       bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0;
}

static void talk(int fd, struct counts *counts)
{
	char byte;
	ssize_t size;

	if (!socket_prepare(fd) ||
	    connect(fd, (const struct sockaddr *)&options.server,
		    sizeof(options.server)) < 0) {
		if (errno == ECONNRESET)
			counts->refused++;
		else
			counts->failed++;
		return;
	}
	size = recv(fd, &byte, sizeof(byte), 0);
	if (size > 0)
		counts->greeted++;
	else if (size == 0 || errno == ECONNRESET)
		counts->refused++;
	else
		counts->failed++;
}

static void *run(void *context)
{
	struct counts *counts = context;
	double end = seconds() + options.secs;

	while (seconds() < end) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		uint64_t failed = counts->failed;

		if (fd < 0) {
			counts->failed++;
		} else {
			talk(fd, counts);
			(void)close(fd);
		}
		if (counts->failed != failed)
			(void)usleep(PAUSE_USECS);
	}
	return NULL;
}

static void die(const char *text)
{
	fprintf(stderr, "connect: %s; see --help\n", text);
	exit(2);
}

static double parse_number(const char *text, double min, double max)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number >= min && number <= max))
		die(text);
	return number;
}

static void help(void)
{
	printf("Usage: connect [OPTION]... SOURCE ADDRESS PORT\n\n"
	       "  --secs=S     how long (default: 1)\n"
	       "  --at-once=N  connections at a time (default: 8)\n"
	       "  --sources=N  addresses to come from in turn, SOURCE and those "
	       "after it\n");
	exit(0);
}

static void options_parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "secs", required_argument, NULL, 's' },
		{ "at-once", required_argument, NULL, 'n' },
		{ "sources", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (option == 's')
			options.secs = parse_number(optarg, 0, 3600);
		else if (option == 'n')
			options.at_once = (unsigned int)parse_number(
				optarg, 1, THREADS_MAX);
		else if (option == 'S')
			options.sources =
				(uint32_t)parse_number(optarg, 1, 1 << 24);
		else if (option == 'h')
			help();
		else
			exit(2);
	}
	if (argc - optind != 3)
		die("three words are needed");
	options.server.sin_family = AF_INET;
	if (inet_pton(AF_INET, argv[optind], &options.source) != 1 ||
	    inet_pton(AF_INET, argv[optind + 1], &options.server.sin_addr) != 1)
		die("not an IPv4 address");
	options.server.sin_port =
		htons((uint16_t)parse_number(argv[optind + 2], 1, 65535));
}

int main(int argc, char **argv)
{
	static struct counts counts[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	struct counts sum = { 0 };
	double began;

	options_parse(argc, argv);
	began = seconds();
	for (unsigned int i = 0; i < options.at_once; i++) {
		if (pthread_create(&threads[i], NULL, run, &counts[i]) != 0)
			die("pthread_create() failed");
	}
	for (unsigned int i = 0; i < options.at_once; i++) {
		(void)pthread_join(threads[i], NULL);
		sum.refused += counts[i].refused;
		sum.greeted += counts[i].greeted;
		sum.failed += counts[i].failed;
	}
	printf("{\"refused\": %" PRIu64 ", \"greeted\": %" PRIu64
	       ", \"failed\": %" PRIu64 ", \"secs\": %.3f}\n",
	       sum.refused, sum.greeted, sum.failed, seconds() - began);
	return 0;
}
