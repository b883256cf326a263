/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef UNIT_H
#define UNIT_H

/* What cmocka.h needs before it, and helpers that several tests share. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "warden-address.h"

/* cmocka 2 has no assert_in_range() any more */
#ifndef assert_uint_in_range
#	define assert_uint_in_range assert_in_range
#endif

/* Some moment of warden time, in ms; not the present one. */
#define UNIT_NOW (UINT64_C(2000000000) * 1000)

static inline struct warden_net unit_net(const char *text)
{
	struct warden_net net;
	const char *error = NULL;

	if (!warden_net_parse(text, &net, &error))
		fail_msg("%s: %s", text, error);
	return net;
}

static inline struct warden_host unit_host(const char *text)
{
	struct warden_net net = unit_net(text);
	struct warden_host host;

	assert_true(warden_host_from_net(&host, &net, 32, 64));
	return host;
}

#endif
