/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-sweep-private.h"

#include <stdlib.h>
#include <string.h>

struct warden_sweep *warden_sweep_create(void)
{
	return calloc(1, sizeof(struct warden_sweep));
}

void warden_sweep_free(struct warden_sweep **_sweep)
{
	struct warden_sweep *sweep = *_sweep;

	if (sweep == NULL)
		return;
	*_sweep = NULL;
	free(sweep->blocked.hosts);
	free(sweep->before.hosts);
	free(sweep->changes);
	free(sweep);
}

size_t warden_sweep_host_memory(void)
{
	return 2 * sizeof(struct sweep_host) +
	       sizeof(struct warden_sweep_change);
}

/* Make room for one more of size bytes each. false: no memory. */
static bool array_grow(void **array, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room == 0 ? 64 : *room * 2;
	void *larger;

	if (count < *room)
		return true;
	larger = reallocarray(*array, wanted, size);
	if (larger == NULL)
		return false;
	*array = larger;
	*room = wanted;
	return true;
}

static bool host_is_exempt(const struct warden_host *host,
			   const struct warden_policy *policy)
{
	struct warden_net net;

	warden_sweep_host_net(host, policy, &net);
	return warden_policy_exempts(policy, &net);
}

static bool list_walk(struct sweep_list *list, struct warden *warden,
		      const struct warden_policy *policy, uint64_t now)
{
	const struct warden_table *table = warden_admin_table(warden);
	struct warden_host_info info;
	uint64_t index = 0;

	list->count = 0;
	list->next_end = UINT32_MAX;
	while (warden_table_next(table, &index, policy, now, &info)) {
		void *hosts = list->hosts;

		if (!info.blocked || host_is_exempt(&info.host, policy))
			continue;
		if (!array_grow(&hosts, &list->room, list->count,
				sizeof(*list->hosts)))
			return false;
		list->hosts = hosts;
		list->hosts[list->count].info = info;
		warden_sweep_name_init(&list->hosts[list->count].name, policy,
				       now);
		list->count++;
		if (info.blocked_until < list->next_end)
			list->next_end = info.blocked_until;
	}
	if (list->count > 0) {
		qsort(list->hosts, list->count, sizeof(*list->hosts),
		      warden_sweep_host_compare);
	}
	return true;
}

/* --- What has changed ----------------------------------------------------- */

static bool change_add(struct warden_sweep *sweep, size_t *count,
		       const struct warden_host_info *info, bool began)
{
	void *changes = sweep->changes;

	if (!array_grow(&changes, &sweep->changes_room, *count,
			sizeof(*sweep->changes)))
		return false;
	sweep->changes = changes;
	sweep->changes[*count].info = *info;
	sweep->changes[*count].began = began;
	++*count;
	return true;
}

/* A block that is over; how often it was refused is read now. */
static bool change_add_end(struct warden_sweep *sweep, size_t *count,
			   struct warden *warden,
			   const struct warden_policy *policy,
			   const struct warden_host_info *was, uint64_t now)
{
	struct warden_host_info ended = *was, present;

	if (warden_table_read(warden_admin_table(warden), &was->host, policy,
			      now, &present) &&
	    present.refused > ended.refused)
		ended.refused = present.refused;
	return change_add(sweep, count, &ended, false);
}

static bool lists_compare(struct warden_sweep *sweep, struct warden *warden,
			  const struct warden_policy *policy, uint64_t now,
			  size_t *count)
{
	const struct sweep_list *old = &sweep->before, *new = &sweep->blocked;
	size_t o = 0, n = 0;
	bool ok = true;

	while (ok && (o < old->count || n < new->count)) {
		int order;

		if (o == old->count)
			order = 1;
		else if (n == new->count)
			order = -1;
		else
			order = warden_sweep_host_compare(&old->hosts[o],
							  &new->hosts[n]);
		if (order < 0) {
			ok = change_add_end(sweep, count, warden, policy,
					    &old->hosts[o++].info, now);
		} else if (order > 0) {
			ok = change_add(sweep, count, &new->hosts[n++].info,
					true);
		} else {
			o++;
			n++;
		}
	}
	return ok;
}

bool warden_sweep_run(struct warden_sweep *sweep, struct warden *warden,
		      const struct warden_policy *policy, uint64_t now,
		      const struct warden_sweep_change **changes_r,
		      size_t *count_r)
{
	struct sweep_list swap = sweep->before;

	*changes_r = NULL;
	*count_r = 0;
	/* walk into the older list: if memory runs out, the newer one stays */
	if (!list_walk(&swap, warden, policy, now)) {
		/* and what it had is for others, such as to empty a file */
		free(swap.hosts);
		sweep->before = (struct sweep_list){ .hosts = NULL };
		return false;
	}
	sweep->before = sweep->blocked;
	sweep->blocked = swap;
	warden_sweep_names_carry(sweep, warden, policy, now);
	if (sweep->walked &&
	    !lists_compare(sweep, warden, policy, now, count_r)) {
		*count_r = 0;
		return false;
	}
	sweep->walked = true;
	*changes_r = sweep->changes;
	return true;
}

uint32_t warden_sweep_next_end(const struct warden_sweep *sweep)
{
	return sweep->blocked.count == 0 ? UINT32_MAX :
					   sweep->blocked.next_end;
}

/* --- For the outlets ------------------------------------------------------ */

struct deny_entry {
	struct warden_denied denied;
	uint32_t begin_secs; /* when it was blocked, as well as we know */
};

static int deny_entry_compare(const void *a, const void *b)
{
	const struct deny_entry *entry_a = a, *entry_b = b;

	if (entry_a->begin_secs != entry_b->begin_secs)
		return entry_a->begin_secs > entry_b->begin_secs ? -1 : 1;
	return memcmp(&entry_a->denied.net, &entry_b->denied.net,
		      sizeof(entry_a->denied.net));
}

static bool net_is_wanted(const struct warden *warden,
			  const struct warden_net *net,
			  const struct warden_policy *policy)
{
	if (policy->deny_private == 0 && warden_net_is_private(net))
		return false;
	if (warden_net_is_around_ipv4(net))
		return false;
	/* a blocked network that holds an exempt one would deny that too */
	for (uint32_t i = 0; i < policy->exempt_count; i++) {
		if (warden_net_overlaps(net, &policy->exempt[i]))
			return false;
	}
	return !warden_admin_rules_grant_in(warden, net);
}

static bool is_enforced(const struct warden_policy *policy, unsigned int rule)
{
	return warden_policy_rule_mode(policy, rule) == WARDEN_MODE_ENFORCE;
}

static size_t deny_entries_fill(struct deny_entry *entries,
				const struct warden *warden,
				const struct warden_sweep *sweep,
				const struct warden_networks *networks,
				const struct warden_policy *policy,
				uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000);
	size_t count = 0;

	for (uint32_t i = 0; i < networks->count; i++) {
		const struct warden_blocked_network *network =
			&networks->networks[i];

		/* networks first: an admin asked for them by hand */
		entries[count].denied.net = network->net;
		entries[count].denied.until_secs = network->until_secs;
		entries[count].begin_secs = UINT32_MAX;
		if (network->until_secs > now_secs &&
		    is_enforced(policy, WARDEN_MANUAL) &&
		    net_is_wanted(warden, &network->net, policy) &&
		    !warden_sweep_names_in(sweep, &network->net))
			count++;
	}
	for (size_t i = 0; i < sweep->blocked.count; i++) {
		const struct sweep_host *host = &sweep->blocked.hosts[i];
		const struct warden_host_info *info = &host->info;

		if (info->limited || warden_sweep_name_keeps_out(&host->name, now))
			continue;
		warden_sweep_host_net(&info->host, policy,
				      &entries[count].denied.net);
		entries[count].denied.until_secs = info->blocked_until;
		/* a stranger may have written a time to come there, to get
		   ahead of them: the file has room for so many */
		entries[count].begin_secs = info->last_event > now_secs ?
						    now_secs :
						    info->last_event;
		if (is_enforced(policy, info->reason) &&
		    net_is_wanted(warden, &entries[count].denied.net, policy))
			count++;
	}
	return count;
}

int warden_sweep_deny_list(struct warden_sweep *sweep, struct warden *warden,
			   const struct warden_policy *policy, uint64_t now,
			   struct warden_denied **denied_r, size_t *count_r)
{
	const struct warden_networks *networks = warden_admin_networks(warden);
	size_t room = sweep->blocked.count + networks->count + 1, count;
	struct deny_entry *entries = calloc(room, sizeof(*entries));
	struct warden_denied *denied = calloc(room, sizeof(*denied));

	*denied_r = NULL;
	*count_r = 0;
	if (entries == NULL || denied == NULL) {
		free(entries);
		free(denied);
		return -1;
	}
	count = deny_entries_fill(entries, warden, sweep, networks, policy,
				  now);
	qsort(entries, count, sizeof(*entries), deny_entry_compare);
	for (size_t i = 0; i < count; i++)
		denied[i] = entries[i].denied;
	free(entries);
	*denied_r = denied;
	*count_r = count;
	return 0;
}
