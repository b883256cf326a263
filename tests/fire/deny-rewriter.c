/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* usage: deny-rewriter FILE COUNT LISTED

   Replaces the deny file by one with COUNT hosts as fast as it goes, until its
   input is closed; then prints how often. LISTED is in each of them, somewhere
   else each time. */

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "warden-deny.h"

static bool input_is_closed(void)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };

	return poll(&input, 1, 0) != 0;
}

/* Hosts of 10.0.0.0/8, others in each round. */
static void fill(struct warden_net *nets, size_t count, unsigned long round)
{
	for (size_t i = 0; i < count; i++) {
		struct in_addr addr = {
			.s_addr =
				htonl(UINT32_C(0x0a000000) |
				      ((round * 7919 + i * 3 + 1) & 0xffffff)),
		};

		(void)warden_net_from_in(&nets[i], AF_INET, &addr);
	}
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct warden_net *nets = calloc(count, sizeof(*nets)), listed;
	struct warden_error error = { .text = "usage: FILE COUNT LISTED" };
	const char *why = error.text;
	unsigned long round = 0;

	if (argc != 4 || count == 0 || nets == NULL ||
	    !warden_net_parse(argv[3], &listed, &why)) {
		(void)fprintf(stderr, "%s\n", why);
		return EXIT_FAILURE;
	}
	do {
		/* longer and shorter: half a file would be seen */
		size_t some = count - round % (count / 2 + 1);

		fill(nets, some, round);
		nets[round % some] = listed;
		if (!warden_deny_write(argv[1], nets, some, &error)) {
			(void)fprintf(stderr, "%s\n", error.text);
			return EXIT_FAILURE;
		}
		if (round++ == 0) {
			(void)puts("writing");
			(void)fflush(stdout);
		}
	} while (!input_is_closed());
	(void)printf("%lu\n", round);
	free(nets);
	return EXIT_SUCCESS;
}
