/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* One lookup for each address, however many clients wait for it: first the name
   of the address, then the addresses of that name. Each lookup has a connection
   of its own, since dns-client answers one after the other on a connection,
   and whoever runs a slow name server would hold up all others.

   What was found is kept in this process alone. Login processes write into
   memory that they share, and one that is taken over could name there
   whomever it likes. By default a login process serves one client, and then
   the name server's own cache is what saves the second lookup. */

#include "lib.h"
#include "hash.h"
#include "ioloop.h"
#include "llist.h"
#include "net.h"
#include "warden-clock.h"
#include "warden-compat-dns.h"
#include "client-name.h"

/* A domain name has at most 253 bytes (RFC 1035 section 2.3.4), and a dot. */
#define NAME_SIZE 256

#define KEPT_COUNT 256
#define KEPT_MSECS (5 * 60 * 1000)
/* Nobody answered: do not have each of its connections wait for that again. */
#define KEPT_FAILURE_MSECS (10 * 1000)

struct found_name {
	struct warden_net addr;
	uint64_t until; /* warden_clock_now(); 0: empty */
	enum warden_rules_name state;
	char name[NAME_SIZE];
};

struct client_name_lookup {
	struct client_name_lookup *prev, *next;
	struct name_query *query;
	void (*callback)(void *context);
	void *context;
};

/* What is being looked up, for all that wait for it. */
struct name_query {
	struct name_query *prev, *next;
	struct client_name_lookup *lookups;
	struct found_name found;
	struct ip_addr ip;
	struct dns_lookup *dns;
	struct timeout *to; /* until it is given up, then until it ends */
};

static struct {
	struct event *event;
	char *path;
	struct name_query *queries;
	struct found_name kept[KEPT_COUNT];
} names;

/* --- What is kept --------------------------------------------------------- */

/* The place of an address, whoever is in it. */
static struct found_name *kept_place(const struct warden_net *addr)
{
	return &names.kept[mem_hash(addr, sizeof(*addr)) % KEPT_COUNT];
}

void client_name_find(struct warden_client *client)
{
	const struct found_name *found = kept_place(client->remote);

	client->name_state = WARDEN_RULES_NAME_NOT_ASKED;
	client->name = NULL;
	if (found->until <= warden_clock_now() ||
	    !warden_net_equals(&found->addr, client->remote))
		return;
	client->name_state = found->state;
	if (found->state == WARDEN_RULES_NAME_GIVEN)
		client->name = found->name;
}

/* --- One address ---------------------------------------------------------- */

static void query_free(struct name_query *query)
{
	DLLIST_REMOVE(&names.queries, query);
	timeout_remove(&query->to);
	if (query->dns != NULL)
		dns_lookup_abort(&query->dns);
	i_free(query);
}

/* Whoever is called may look up something else, or give up another lookup of
   this query. */
static void query_end(struct name_query *query)
{
	struct client_name_lookup *lookup;

	timeout_remove(&query->to);
	*kept_place(&query->found.addr) = query->found;
	while ((lookup = query->lookups) != NULL) {
		void (*callback)(void *context) = lookup->callback;
		void *context = lookup->context;

		client_name_abort(&lookup);
		callback(context);
	}
	query_free(query);
}

/* Later: nobody is called back before he knows what he waits for. */
static void query_end_later(struct name_query *query,
			    enum warden_rules_name state, unsigned int msecs)
{
	query->found.state = state;
	query->found.until = warden_clock_now() + msecs;
	timeout_remove(&query->to);
	query->to = timeout_add_short(0, query_end, query);
}

static void query_timeout(struct name_query *query)
{
	if (query->dns != NULL)
		dns_lookup_abort(&query->dns);
	query_end_later(query, WARDEN_RULES_NAME_UNKNOWN, KEPT_FAILURE_MSECS);
}

static bool result_has(const struct dns_lookup_result *result,
		       const struct ip_addr *ip)
{
	unsigned int i;

	for (i = 0; i < result->ips_count; i++) {
		if (net_ip_compare(&result->ips[i], ip))
			return TRUE;
	}
	return FALSE;
}

static void query_got_ips(const struct dns_lookup_result *result,
			  struct name_query *query)
{
	bool same = result->ret == 0 && result_has(result, &query->ip);

	query->dns = NULL;
	query_end_later(query,
			same ? WARDEN_RULES_NAME_GIVEN :
			       WARDEN_RULES_NAME_PARANOID,
			KEPT_MSECS);
}

/* Who writes an address where a name belongs means to pass for another one. */
static bool is_address(const char *name)
{
	struct ip_addr ip;

	return net_addr2ip(name, &ip) == 0;
}

static void query_got_name(const struct dns_lookup_result *result,
			   struct name_query *query)
{
	query->dns = NULL;
	if (result->ret != 0 || result->name == NULL || *result->name == '\0' ||
	    strlen(result->name) >= NAME_SIZE) {
		query_end_later(query, WARDEN_RULES_NAME_UNKNOWN,
				result->ret == EAI_NONAME ? KEPT_MSECS :
							    KEPT_FAILURE_MSECS);
		return;
	}
	if (is_address(result->name)) {
		query_end_later(query, WARDEN_RULES_NAME_PARANOID, KEPT_MSECS);
		return;
	}
	i_strocpy(query->found.name, result->name, NAME_SIZE);
	(void)WARDEN_COMPAT_DNS_IPS(query->found.name, names.event, names.path,
				    query_got_ips, query, &query->dns);
}

static void net_to_ip(const struct warden_net *net, struct ip_addr *ip_r)
{
	i_zero(ip_r);
	if (net->family == WARDEN_INET) {
		ip_r->family = AF_INET;
		memcpy(&ip_r->u.ip4, net->bytes, sizeof(ip_r->u.ip4));
	} else {
		ip_r->family = AF_INET6;
		memcpy(&ip_r->u.ip6, net->bytes, sizeof(ip_r->u.ip6));
	}
}

static struct name_query *query_start(const struct warden_net *addr,
				      unsigned int timeout_msecs)
{
	struct name_query *query = i_new(struct name_query, 1);

	query->found.addr = *addr;
	net_to_ip(addr, &query->ip);
	DLLIST_PREPEND(&names.queries, query);
	query->to = timeout_add(timeout_msecs, query_timeout, query);
	(void)WARDEN_COMPAT_DNS_NAME(&query->ip, names.event, names.path,
				     query_got_name, query, &query->dns);
	return query;
}

static struct name_query *query_find(const struct warden_net *addr)
{
	struct name_query *query = names.queries;

	while (query != NULL && !warden_net_equals(&query->found.addr, addr))
		query = query->next;
	return query;
}

/* --- Clients -------------------------------------------------------------- */

struct client_name_lookup *client_name_look_up(const struct warden_net *addr,
					       unsigned int timeout_msecs,
					       void (*callback)(void *context),
					       void *context)
{
	struct client_name_lookup *lookup = i_new(struct client_name_lookup, 1);

	lookup->query = query_find(addr);
	if (lookup->query == NULL)
		lookup->query = query_start(addr, timeout_msecs);
	lookup->callback = callback;
	lookup->context = context;
	DLLIST_PREPEND(&lookup->query->lookups, lookup);
	return lookup;
}

/* The query goes on: its answer is kept. */
void client_name_abort(struct client_name_lookup **_lookup)
{
	struct client_name_lookup *lookup = *_lookup;

	if (lookup == NULL)
		return;
	*_lookup = NULL;
	DLLIST_REMOVE(&lookup->query->lookups, lookup);
	i_free(lookup);
}

void client_name_init(bool in_base_dir)
{
	i_zero(&names);
	names.path =
		i_strdup_printf("%s/" DNS_CLIENT_SOCKET_NAME,
				in_base_dir ? "." : warden_compat_base_dir());
	names.event = warden_compat_dns_event(names.path);
}

void client_name_deinit(void)
{
	if (names.event == NULL)
		return;
	while (names.queries != NULL) {
		i_assert(names.queries->lookups == NULL);
		query_free(names.queries);
	}
	warden_compat_dns_event_free(&names.event);
	i_free(names.path);
}
