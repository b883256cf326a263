/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The names of blocked hosts. Whether hosts.allow means a host can depend on
   its name, and whoever asks for one has to wait. So we say whose names we
   want, somebody else looks them up, and whom hosts.allow means is taken out
   of the outlets and published for those who cannot wait.

   Only full addresses have names: no IPv6 /64. And only those who are blocked
   are asked for, a few at a time and at most WARDEN_SWEEP_NAMES_MAX for each
   call of warden_sweep_names_queue(), the newest blocks first: a botnet must
   not have us flood a name server. */

#include <stdlib.h>
#include <string.h>

#include "warden-sweep-private.h"

int warden_sweep_host_compare(const void *_a, const void *_b)
{
	const struct sweep_host *host_a = _a, *host_b = _b;
	const struct warden_host *a = &host_a->info.host,
				 *b = &host_b->info.host;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return 0;
}

void warden_sweep_host_net(const struct warden_host *host,
			   const struct warden_policy *policy,
			   struct warden_net *net_r)
{
	warden_host_to_net(host, policy->ipv4_prefix, policy->ipv6_prefix,
			   net_r);
}

/* --- Whom hosts.allow means ------------------------------------------------ */

static uint32_t named_find(const struct warden_named *named,
			   const struct warden_net *addr)
{
	uint32_t i = 0;

	while (i < named->count &&
	       !warden_net_equals(&named->hosts[i].addr, addr))
		i++;
	return i;
}

static void named_remove(struct warden_sweep *sweep, uint32_t index)
{
	struct warden_named *named = &sweep->named;
	uint32_t behind = --named->count - index;

	memmove(&named->hosts[index], &named->hosts[index + 1],
		behind * sizeof(named->hosts[0]));
	memmove(&sweep->named_since[index], &sweep->named_since[index + 1],
		behind * sizeof(sweep->named_since[0]));
	memset(&named->hosts[named->count], 0, sizeof(named->hosts[0]));
}

/* The newest answer stands first; if there is no room, the oldest one goes. */
static void named_put_first(struct warden_sweep *sweep,
			    const struct warden_net *addr, uint32_t protocols,
			    uint64_t now)
{
	struct warden_named *named = &sweep->named;

	if (named->count == WARDEN_NAMED_MAX)
		named_remove(sweep, named->count - 1);
	memmove(&named->hosts[1], &named->hosts[0],
		named->count * sizeof(named->hosts[0]));
	memmove(&sweep->named_since[1], &sweep->named_since[0],
		named->count * sizeof(sweep->named_since[0]));
	named->hosts[0] = (struct warden_named_host){ .addr = *addr,
						      .protocols = protocols };
	sweep->named_since[0] = now;
	named->count++;
}

static void named_set(struct warden_sweep *sweep, const struct warden_net *addr,
		      uint32_t protocols, uint64_t now)
{
	uint32_t index = named_find(&sweep->named, addr);

	if (index < sweep->named.count)
		named_remove(sweep, index);
	if (protocols != 0)
		named_put_first(sweep, addr, protocols, now);
}

/* Who is still blocked is asked for in time. */
static void named_expire(struct warden_sweep *sweep, uint64_t now)
{
	struct warden_named *named = &sweep->named;

	while (named->count > 0 &&
	       sweep->named_since[named->count - 1] +
			       WARDEN_SWEEP_NAME_END_MSECS <=
		       now)
		named_remove(sweep, named->count - 1);
}

const struct warden_named *warden_sweep_named(const struct warden_sweep *sweep)
{
	return &sweep->named;
}

bool warden_sweep_names_in(const struct warden_sweep *sweep,
			   const struct warden_net *net)
{
	for (uint32_t i = 0; i < sweep->named.count; i++) {
		if (warden_net_contains(net, &sweep->named.hosts[i].addr))
			return true;
	}
	return false;
}

/* --- From walk to walk ----------------------------------------------------- */

static void name_wait(struct sweep_name *name,
		      const struct warden_policy *policy, uint64_t now)
{
	name->wait_until = now + UINT64_C(1000) * policy->dns_timeout_secs;
}

void warden_sweep_name_init(struct sweep_name *name_r,
			    const struct warden_policy *policy, uint64_t now)
{
	*name_r = (struct sweep_name){ .state = SWEEP_NAME_NEW };
	name_wait(name_r, policy, now);
}

static bool name_is_awaited(const struct sweep_name *name)
{
	return name->state == SWEEP_NAME_NEW ||
	       name->state == SWEEP_NAME_WANTED ||
	       name->state == SWEEP_NAME_ASKED;
}

bool warden_sweep_name_keeps_out(const struct sweep_name *name, uint64_t now)
{
	return name->protocols != 0 ||
	       (name_is_awaited(name) && now < name->wait_until);
}

static void names_copy(struct sweep_list *to, const struct sweep_list *from)
{
	size_t t = 0, f = 0;

	while (t < to->count && f < from->count) {
		int order = warden_sweep_host_compare(&from->hosts[f],
						      &to->hosts[t]);

		if (order == 0)
			to->hosts[t].name = from->hosts[f].name;
		if (order >= 0)
			t++;
		if (order <= 0)
			f++;
	}
}

/* The host was blocked a short while ago too. */
static void name_remember(struct sweep_name *name,
			  const struct warden_sweep *sweep,
			  const struct warden_net *addr)
{
	uint32_t index = named_find(&sweep->named, addr);

	if (index == sweep->named.count)
		return;
	name->state = SWEEP_NAME_KNOWN;
	name->protocols = sweep->named.hosts[index].protocols;
	name->known_since = sweep->named_since[index];
}

static void name_decide(struct sweep_host *host,
			const struct warden_sweep *sweep,
			const struct warden *warden,
			const struct warden_policy *policy)
{
	struct warden_net net;

	warden_sweep_host_net(&host->info.host, policy, &net);
	host->name.state = SWEEP_NAME_UNWANTED;
	if (net.bits != warden_net_max_bits(&net) ||
	    !warden_admin_rules_name_matters(warden, &net))
		return;
	host->name.state = SWEEP_NAME_WANTED;
	name_remember(&host->name, sweep, &net);
}

void warden_sweep_names_carry(struct warden_sweep *sweep, struct warden *warden,
			      const struct warden_policy *policy, uint64_t now)
{
	struct sweep_list *list = &sweep->blocked;
	bool matter = policy->mode != WARDEN_MODE_OFF &&
		      warden_admin_rules_may_need_name(warden);

	named_expire(sweep, now);
	names_copy(list, &sweep->before);
	sweep->wait_ends = UINT64_MAX;
	for (size_t i = 0; i < list->count; i++) {
		struct sweep_name *name = &list->hosts[i].name;

		if (name->state == SWEEP_NAME_NEW && matter)
			name_decide(&list->hosts[i], sweep, warden, policy);
		else if (name->state == SWEEP_NAME_NEW)
			name->state = SWEEP_NAME_UNWANTED;
		if (name_is_awaited(name) && now < name->wait_until &&
		    name->wait_until < sweep->wait_ends)
			sweep->wait_ends = name->wait_until;
	}
	sweep->asked_all = false;
}

uint64_t warden_sweep_wait_ends(const struct warden_sweep *sweep)
{
	return sweep->wait_ends;
}

void warden_sweep_names_forget(struct warden_sweep *sweep,
			       const struct warden_policy *policy, uint64_t now)
{
	for (size_t i = 0; i < sweep->blocked.count; i++) {
		struct sweep_name *name = &sweep->blocked.hosts[i].name;

		name->state = SWEEP_NAME_NEW;
		/* perhaps it is meant by these rules as well */
		if (name->protocols != 0)
			name_wait(name, policy, now);
		name->protocols = 0;
	}
	memset(&sweep->named, 0, sizeof(sweep->named));
	sweep->asked_count = 0;
}

/* --- Whom to ask for ------------------------------------------------------- */

enum {
	RANK_NONE,
	RANK_AGAIN, /* who has had an answer, and it was no */
	RANK_FIRST,
	RANK_AGAIN_MEANT, /* there are few of them, and they are in our way */
};

static int name_rank(const struct sweep_name *name, uint64_t now)
{
	if (name->state == SWEEP_NAME_WANTED)
		return RANK_FIRST;
	if (name->state != SWEEP_NAME_KNOWN ||
	    now < name->known_since + WARDEN_SWEEP_NAME_AGAIN_MSECS)
		return RANK_NONE;
	return name->protocols != 0 ? RANK_AGAIN_MEANT : RANK_AGAIN;
}

/* Is a to be asked for before b? */
static bool name_is_before(const struct sweep_host *a,
			   const struct sweep_host *b, uint64_t now)
{
	int rank_a = name_rank(&a->name, now),
	    rank_b = name_rank(&b->name, now);

	if (rank_a != rank_b)
		return rank_a > rank_b;
	if (a->name.wait_until != b->name.wait_until)
		return a->name.wait_until > b->name.wait_until;
	return a->info.last_event > b->info.last_event;
}

/* The first of all, in order. */
struct first_hosts {
	struct sweep_host *hosts[WARDEN_SWEEP_NAMES_MAX];
	unsigned int count;
};

/* Returns true if somebody found no room. */
static bool first_add(struct first_hosts *first, struct sweep_host *host,
		      uint64_t now)
{
	bool full = first->count == WARDEN_SWEEP_NAMES_MAX;
	unsigned int i = first->count;

	while (i > 0 && name_is_before(host, first->hosts[i - 1], now)) {
		if (i < WARDEN_SWEEP_NAMES_MAX)
			first->hosts[i] = first->hosts[i - 1];
		i--;
	}
	if (i < WARDEN_SWEEP_NAMES_MAX)
		first->hosts[i] = host;
	if (!full)
		first->count++;
	return full;
}

void warden_sweep_names_queue(struct warden_sweep *sweep,
			      const struct warden_policy *policy, uint64_t now)
{
	struct first_hosts first = { .count = 0 };

	if (sweep->asked_count > 0 || sweep->asked_all)
		return;
	sweep->asked_all = true;
	for (size_t i = 0; i < sweep->blocked.count; i++) {
		struct sweep_host *host = &sweep->blocked.hosts[i];

		if (name_rank(&host->name, now) != RANK_NONE &&
		    first_add(&first, host, now))
			sweep->asked_all = false;
	}
	while (first.count > 0) {
		struct sweep_host *host = first.hosts[--first.count];

		host->name.state = SWEEP_NAME_ASKED;
		warden_sweep_host_net(&host->info.host, policy,
				      &sweep->asked[sweep->asked_count++]);
	}
}

bool warden_sweep_name_next(struct warden_sweep *sweep,
			    struct warden_net *addr_r)
{
	if (sweep->asked_count == 0)
		return false;
	*addr_r = sweep->asked[--sweep->asked_count];
	return true;
}

static struct sweep_host *host_find(struct warden_sweep *sweep,
				    const struct warden_net *addr,
				    const struct warden_policy *policy)
{
	const struct sweep_list *list = &sweep->blocked;
	struct sweep_host key = { 0 };

	if (list->count == 0 ||
	    !warden_host_from_net(&key.info.host, addr, policy->ipv4_prefix,
				  policy->ipv6_prefix))
		return NULL;
	return bsearch(&key, list->hosts, list->count, sizeof(key),
		       warden_sweep_host_compare);
}

bool warden_sweep_name_found(struct warden_sweep *sweep, struct warden *warden,
			     const struct warden_client *client,
			     const struct warden_policy *policy, uint64_t now)
{
	struct sweep_host *host = host_find(sweep, client->remote, policy);
	struct sweep_name *name;
	bool kept_out;

	/* its block is over, or nothing depends on it any more */
	if (host == NULL || host->name.state == SWEEP_NAME_NEW ||
	    host->name.state == SWEEP_NAME_UNWANTED)
		return false;
	name = &host->name;
	kept_out = warden_sweep_name_keeps_out(name, now);
	name->protocols = warden_admin_rules_grants(warden, client);
	name->known_since = now;
	name->state = SWEEP_NAME_KNOWN;
	named_set(sweep, client->remote, name->protocols, now);
	return kept_out != warden_sweep_name_keeps_out(name, now);
}
