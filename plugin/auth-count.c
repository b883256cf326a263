/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Attempts of clients whose name is being looked up. An attacker may have a
   name server that does not answer: it delays what is counted by the time that
   a lookup may take, and what more of his attempts end within that is counted
   as well. */

#include "lib.h"
#include "llist.h"
#include "warden-clock.h"
#include "auth-count.h"
#include "auth-plugin.h"
#include "auth-siege.h"
#include "client-name.h"

/* More are counted at once, without a name. */
#define PENDING_MAX 1024

struct auth_count {
	struct auth_count *prev, *next;
	struct warden_net remote, local;
	struct warden_client client;
	enum warden_class class;
	struct warden_password password;
	char *user;
	struct client_name_lookup *lookup;
};

static struct {
	struct auth_count *first;
	unsigned int count;
} pending;

static void count_now(struct warden *warden, const struct warden_client *client,
		      enum warden_class class,
		      const struct warden_password *password, uint64_t now)
{
	(void)warden_password_failed(warden, client, class, password, now);
	auth_siege_report(warden, password->user);
}

static void pending_count(struct auth_count *attempt)
{
	struct warden *warden = auth_warden_get();

	if (warden != NULL) {
		count_now(warden, &attempt->client, attempt->class,
			  &attempt->password, warden_clock_now());
	}
	DLLIST_REMOVE(&pending.first, attempt);
	pending.count--;
	client_name_abort(&attempt->lookup);
	i_free(attempt->user);
	i_free(attempt);
}

static void pending_named(void *context)
{
	struct auth_count *attempt = context;

	attempt->lookup = NULL;
	client_name_find(&attempt->client);
	pending_count(attempt);
}

static void pending_add(const struct warden_client *client,
			enum warden_class class,
			const struct warden_password *password,
			unsigned int timeout_msecs)
{
	struct auth_count *attempt = i_new(struct auth_count, 1);

	attempt->client = *client;
	attempt->remote = *client->remote;
	attempt->client.remote = &attempt->remote;
	if (client->local != NULL) {
		attempt->local = *client->local;
		attempt->client.local = &attempt->local;
	}
	attempt->class = class;
	attempt->user = i_strdup(password->user);
	attempt->password.user = attempt->user;
	attempt->password.secret = password->secret;
	DLLIST_PREPEND(&pending.first, attempt);
	pending.count++;
	attempt->lookup = client_name_look_up(&attempt->remote, timeout_msecs,
					      pending_named, attempt);
}

void auth_count(struct warden *warden, const struct warden_client *client,
		enum warden_class class, const struct warden_password *password,
		uint64_t now)
{
	const struct warden_policy *policy = warden_policy(warden, now);
	struct warden_client named = *client;

	client_name_find(&named);
	if (policy != NULL && pending.count < PENDING_MAX &&
	    warden_name_may_exempt(warden, &named, now)) {
		pending_add(client, class, password,
			    policy->dns_timeout_secs * 1000);
	} else
		count_now(warden, &named, class, password, now);
}

void auth_count_deinit(void)
{
	while (pending.first != NULL)
		pending_count(pending.first);
}
