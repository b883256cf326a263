/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* usage: rules LINES SECS DIRECTORY

   A hosts.deny of so many lines, one address on each, as DenyHosts writes them:
   what a question costs the warden and what it costs libwrap, on the same
   file, for a client that is nowhere in it and for the one of its last line.
   The file is written into the directory. Prints one line of JSON; times are of
   this process alone. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tcpd.h>

#include "warden-rules.h"

#define PATH_ROOM 4096
#define DAEMON "imap"
#define STRANGER "192.0.2.1"

/* libwrap's own, for its callers to define */
int allow_severity, deny_severity;

static struct {
	char path[PATH_ROOM], none[PATH_ROOM];
	char last[32];
	struct warden_rules_image image;
	struct warden_rules rules;
} file;

static uint64_t cpu_nanoseconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "rules: %s\n", what);
	exit(1);
}

/* Addresses that do not follow each other: each is a range of its own. */
static void address(char str_r[32], unsigned int index)
{
	uint32_t ipv4 = UINT32_C(0x0b000001) + index * 2;

	(void)snprintf(str_r, 32, "%u.%u.%u.%u", ipv4 >> 24, ipv4 >> 16 & 255,
		       ipv4 >> 8 & 255, ipv4 & 255);
}

static void write_file(const char *directory, unsigned int lines)
{
	FILE *out;

	(void)snprintf(file.path, sizeof(file.path), "%s/hosts.deny",
		       directory);
	(void)snprintf(file.none, sizeof(file.none), "%s/hosts.allow",
		       directory);
	(void)snprintf(file.last, sizeof(file.last), "%s", STRANGER);
	out = fopen(file.path, "w");
	if (out == NULL)
		die("cannot write the file");
	for (unsigned int i = 0; i < lines; i++) {
		address(file.last, i);
		(void)fprintf(out, "ALL: %s\n", file.last);
	}
	if (fclose(out) != 0)
		die("cannot write the file");
}

static uint64_t compile(void)
{
	struct warden_rules_source source = { .own_deny_file = NULL };
	struct warden_error error;
	uint64_t began = cpu_nanoseconds();

	if (!warden_rules_text_read(&source.allow, file.none, &error) ||
	    !warden_rules_text_read(&source.deny, file.path, &error) ||
	    !warden_rules_compile(&source, &file.image, NULL, &error) ||
	    !warden_rules_open(&file.rules, file.image.data, file.image.size,
			       &error))
		die(error.text);
	warden_rules_text_free(&source.allow);
	warden_rules_text_free(&source.deny);
	return cpu_nanoseconds() - began;
}

/* 1: refused */
static int ask_warden(const char *client)
{
	struct warden_rules_question question = { .daemon = DAEMON };
	struct warden_rules_answer answer;
	struct warden_net net;
	const char *error;

	if (!warden_net_parse(client, &net, &error))
		die(error);
	question.client = &net;
	warden_rules_ask(&file.rules, &question, &answer);
	return answer.verdict == WARDEN_RULES_DENY;
}

static int ask_libwrap(const char *client)
{
	struct request_info request;

	(void)request_init(&request, RQ_DAEMON, DAEMON, RQ_CLIENT_ADDR, client,
			   RQ_CLIENT_NAME, "client.example.org", 0);
	return hosts_access(&request) == 0;
}

/* Nanoseconds for one question. At least one, also if that takes longer. */
static double measure(int (*ask)(const char *client), const char *client,
		      int refused, double secs)
{
	uint64_t began = cpu_nanoseconds(), lasted, count = 0;
	unsigned int batch = 1;

	do {
		for (unsigned int i = 0; i < batch; i++) {
			if (ask(client) != refused)
				die("a wrong answer");
		}
		count += batch;
		if (batch < 256)
			batch *= 2;
		lasted = cpu_nanoseconds() - began;
	} while ((double)lasted < secs * 1e9);
	return (double)lasted / (double)count;
}

int main(int argc, char *argv[])
{
	unsigned int lines = argc == 4 ? (unsigned int)atoi(argv[1]) : 0;
	double secs = argc == 4 ? atof(argv[2]) : 0;
	int refused = lines > 0;
	uint64_t compile_ns;

	if (argc != 4 || secs <= 0)
		die("usage: rules LINES SECS DIRECTORY");
	write_file(argv[3], lines);
	hosts_allow_table = file.none;
	hosts_deny_table = file.path;
	compile_ns = compile();
	(void)printf("{\"lines\": %u, \"compile_ms\": %.3f, \"bytes\": %zu, "
		     "\"warden_miss_ns\": %.1f, \"warden_hit_ns\": %.1f, "
		     "\"libwrap_miss_ns\": %.1f, \"libwrap_hit_ns\": %.1f}\n",
		     lines, (double)compile_ns / 1e6, file.image.size,
		     measure(ask_warden, STRANGER, 0, secs),
		     measure(ask_warden, file.last, refused, secs),
		     measure(ask_libwrap, STRANGER, 0, secs),
		     measure(ask_libwrap, file.last, refused, secs));
	warden_rules_image_free(&file.image);
	return 0;
}
