/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Between the table, in warden time, and the state file, in wall-clock time.
   The two clocks meet only here, at a load and at a save, so a clock that is
   set in between changes nothing but the times in the file. */

#include "warden-saver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "warden-clock.h"
#include "warden-state.h"

/* A login makes a host known for weeks; when exactly it was is not worth
   writing the file again. */
#define LOGIN_GRAIN_SECS 3600

struct saver_list {
	struct warden_state_entry *entries;
	size_t count, room;
	uint64_t digest;
};

void warden_saver_init(struct warden_saver *saver, const char *state_dir)
{
	memset(saver, 0, sizeof(*saver));
	saver->claim = WARDEN_CLAIM_INIT;
	if (state_dir[0] != '\0') {
		(void)snprintf(saver->path, sizeof(saver->path), "%s/state",
			       state_dir);
	}
}

void warden_saver_deinit(struct warden_saver *saver)
{
	warden_claim_release(&saver->claim);
}

/* FNV-1a, a word at a time: it only has to notice a change. */
static void digest_add(uint64_t *digest, uint64_t word)
{
	*digest = (*digest ^ word) * UINT64_C(0x100000001b3);
	*digest ^= *digest >> 32;
}

static void digest_add_net(uint64_t *digest, const struct warden_net *net)
{
	uint64_t words[2];

	memcpy(words, net->bytes, sizeof(words));
	digest_add(digest, words[0]);
	digest_add(digest, words[1]);
	digest_add(digest, ((uint64_t)net->family << 8) | net->bits);
}

static struct warden_state_entry *list_add(struct saver_list *list)
{
	struct warden_state_entry *entry;

	if (list->count == list->room) {
		size_t room = list->room == 0 ? 1024 : list->room * 2;

		if (room > WARDEN_STATE_MAX)
			room = WARDEN_STATE_MAX;
		if (room == list->room)
			return NULL;
		entry = realloc(list->entries, room * sizeof(*entry));
		if (entry == NULL)
			return NULL;
		list->entries = entry;
		list->room = room;
	}
	entry = &list->entries[list->count++];
	memset(entry, 0, sizeof(*entry));
	return entry;
}

static bool in_peace(uint32_t blocked_until, uint32_t now_secs)
{
	return blocked_until <= now_secs &&
	       now_secs - blocked_until >= WARDEN_PEACE_SECS;
}

static bool list_add_host(struct saver_list *list,
			  const struct warden_host_info *info,
			  const struct warden_policy *policy, uint64_t now,
			  int64_t wall_now)
{
	bool offender = info->blocked_until != 0 &&
			!in_peace(info->blocked_until, (uint32_t)(now / 1000));
	struct warden_state_entry *entry;

	if (!offender && !info->known)
		return true;
	entry = list_add(list);
	if (entry == NULL)
		return false;
	warden_host_to_net(&info->host, policy->ipv4_prefix,
			   policy->ipv6_prefix, &entry->net);
	digest_add_net(&list->digest, &entry->net);
	if (offender) {
		entry->blocked_until = warden_clock_to_wall(info->blocked_until,
							    now, wall_now);
		entry->offences = info->offences;
		entry->reason = info->reason;
		entry->refused = info->refused;
		digest_add(&list->digest,
			   ((uint64_t)info->blocked_until << 16) |
				   ((unsigned int)info->offences << 8) |
				   info->reason);
	}
	if (info->known) {
		entry->last_login =
			warden_clock_to_wall(info->last_login, now, wall_now);
		entry->users = (uint16_t)info->users;
		digest_add(&list->digest, info->last_login / LOGIN_GRAIN_SECS);
		digest_add(&list->digest, info->users);
	}
	return true;
}

static bool list_add_network(struct saver_list *list,
			     const struct warden_blocked_network *network,
			     uint64_t now, int64_t wall_now)
{
	struct warden_state_entry *entry;

	if (network->until_secs <= (uint32_t)(now / 1000))
		return true;
	entry = list_add(list);
	if (entry == NULL)
		return false;
	entry->net = network->net;
	entry->kind = WARDEN_STATE_NETWORK;
	entry->blocked_until =
		warden_clock_to_wall(network->until_secs, now, wall_now);
	entry->since = warden_clock_to_wall(network->since_secs, now, wall_now);
	digest_add_net(&list->digest, &network->net);
	digest_add(&list->digest, network->until_secs);
	return true;
}

static bool list_add_home(struct saver_list *list,
			  const struct warden_siege_home *home, uint64_t now,
			  int64_t wall_now)
{
	struct warden_state_entry *entry = list_add(list);

	if (entry == NULL)
		return false;
	entry->kind = WARDEN_STATE_HOME;
	entry->hash[0] = home->user;
	entry->hash[1] = home->network;
	entry->since = warden_clock_to_wall(home->since, now, wall_now);
	entry->last_login = warden_clock_to_wall(home->login, now, wall_now);
	digest_add(&list->digest, home->user);
	digest_add(&list->digest, home->network << 32 | home->login);
	digest_add(&list->digest, home->since);
	return true;
}

static bool list_add_key(struct saver_list *list,
			 const struct warden_siege *siege)
{
	struct warden_state_entry *entry = list_add(list);

	if (entry == NULL)
		return false;
	entry->kind = WARDEN_STATE_KEY;
	warden_siege_key(siege, entry->hash);
	digest_add(&list->digest, entry->hash[0]);
	return true;
}

/* The key first: what is read before it is nobody's. */
static bool list_add_homes(struct saver_list *list, struct warden *warden,
			   const struct warden_policy *policy, uint64_t now,
			   int64_t wall_now)
{
	const struct warden_siege *siege = warden_admin_siege(warden);
	struct warden_siege_home home;
	uint32_t index = 0;
	bool first = true;

	while (warden_siege_next_home(siege, &index, policy, now, &home)) {
		if ((first && !list_add_key(list, siege)) ||
		    !list_add_home(list, &home, now, wall_now))
			return false;
		first = false;
	}
	return true;
}

/* false: no memory. The caller frees list->entries in any case. */
static bool list_fill(struct saver_list *list, struct warden *warden,
		      const struct warden_policy *policy, uint64_t now,
		      int64_t wall_now)
{
	const struct warden_networks *networks = warden_admin_networks(warden);
	const struct warden_table *table = warden_admin_table(warden);
	struct warden_host_info info;
	uint64_t index = 0;

	memset(list, 0, sizeof(*list));
	list->digest = UINT64_C(0xcbf29ce484222325);
	for (uint32_t i = 0; i < networks->count; i++) {
		if (!list_add_network(list, &networks->networks[i], now,
				      wall_now))
			return false;
	}
	while (warden_table_next(table, &index, policy, now, &info)) {
		if (!list_add_host(list, &info, policy, now, wall_now))
			return false;
	}
	return list_add_homes(list, warden, policy, now, wall_now);
}

static void saver_failed(struct warden_saver *saver,
			 struct warden_report *report, const char *why)
{
	if (!saver->failed) {
		warden_report_line(report, WARDEN_LEVEL_ERROR,
				   "the state is not saved: %s", why);
	}
	saver->failed = true;
}

void warden_saver_want(struct warden_saver *saver)
{
	saver->wanted = true;
}

/* Is it time to look whether something has changed? */
static bool saver_take_turn(struct warden_saver *saver, bool at_once,
			    uint64_t now)
{
	bool early = saver->wanted &&
		     (saver->early == 0 ||
		      now - saver->early >= WARDEN_SAVE_EARLY_MSECS);

	if (!at_once && !early &&
	    now - saver->tried < WARDEN_SAVE_INTERVAL_MSECS)
		return false;
	if (early)
		saver->early = now;
	saver->wanted = false;
	saver->tried = now;
	return true;
}

static void saver_write(struct warden_saver *saver,
			const struct saver_list *list,
			struct warden_report *report, int64_t offset,
			int64_t wall_now)
{
	struct warden_error error;

	saver->digest = list->digest;
	saver->offset = offset;
	saver->written =
		warden_claim_take(&saver->claim, saver->path, &error) &&
		warden_state_write(saver->path, wall_now, list->entries,
				   list->count, &error);
	if (saver->written)
		saver->failed = false;
	else
		saver_failed(saver, report, error.text);
}

void warden_saver_save(struct warden_saver *saver, struct warden *warden,
		       const struct warden_policy *policy,
		       struct warden_report *report, bool at_once, uint64_t now,
		       int64_t wall_now)
{
	int64_t offset = wall_now - (int64_t)(now / 1000);
	struct saver_list list;

	if (saver->path[0] == '\0' || !saver_take_turn(saver, at_once, now))
		return;
	if (!list_fill(&list, warden, policy, now, wall_now)) {
		saver_failed(saver, report, "out of memory");
	} else if (at_once || !saver->written || list.digest != saver->digest ||
		   llabs(offset - saver->offset) > WARDEN_SAVE_CLOCK_SECS) {
		saver_write(saver, &list, report, offset, wall_now);
	}
	free(list.entries);
}

/* --- Load ---------------------------------------------------------------- */

struct loader {
	struct warden *warden;
	const struct warden_policy *policy;
	uint64_t now;
	int64_t wall_now;
	bool hosts, networks, homes; /* which of them to load */
	bool key;		     /* of the homes: seen */
	unsigned int blocked, known, nets, lost;
};

/* How long an automatic block with so many offences lasts. */
static uint32_t block_secs(const struct warden_policy *policy,
			   unsigned int offences)
{
	uint64_t secs = policy->block_time_secs;

	if (offences > WARDEN_OFFENCES_MAX)
		offences = WARDEN_OFFENCES_MAX;
	if (offences > 1)
		secs <<= offences - 1;
	return secs < policy->block_time_max_secs ? (uint32_t)secs :
						    policy->block_time_max_secs;
}

/* The block's end in warden time. Whatever the clocks say, nothing that nobody
   asked for by hand lasts longer from now on than if it began now. */
static uint32_t loader_until(const struct loader *loader,
			     const struct warden_state_entry *entry)
{
	uint32_t until = warden_clock_from_wall(entry->blocked_until,
						loader->now, loader->wall_now);
	uint32_t limit = (uint32_t)(loader->now / 1000) +
			 block_secs(loader->policy, entry->offences);

	return entry->reason != WARDEN_MANUAL && until > limit ? limit : until;
}

static void load_block(struct loader *loader, const struct warden_host *host,
		       const struct warden_state_entry *entry,
		       const struct warden_host_info *present)
{
	uint32_t now_secs = (uint32_t)(loader->now / 1000);
	uint32_t until;

	if (entry->blocked_until == 0)
		return;
	until = loader_until(loader, entry);
	if (until <= present->blocked_until || in_peace(until, now_secs))
		return;
	if (!warden_table_block(warden_admin_table(loader->warden), host, until,
				entry->offences, entry->reason, entry->refused,
				loader->now))
		loader->lost++;
	else if (until > now_secs)
		loader->blocked++;
}

static void load_known(struct loader *loader, const struct warden_host *host,
		       const struct warden_state_entry *entry,
		       const struct warden_host_info *present)
{
	uint32_t now_secs = (uint32_t)(loader->now / 1000);
	uint32_t login;

	if (entry->last_login == 0)
		return;
	login = warden_clock_from_wall(entry->last_login, loader->now,
				       loader->wall_now);
	if (login > now_secs)
		login = now_secs;
	if (login <= present->last_login ||
	    now_secs - login >= loader->policy->known_time_secs)
		return;
	warden_table_set_known(warden_admin_table(loader->warden), host, login,
			       entry->users, loader->now);
	loader->known++;
}

static void load_host(struct loader *loader,
		      const struct warden_state_entry *entry)
{
	struct warden_host host;
	struct warden_host_info present;

	if (!warden_host_from_net(&host, &entry->net,
				  loader->policy->ipv4_prefix,
				  loader->policy->ipv6_prefix)) {
		loader->lost++;
		return;
	}
	(void)warden_table_read(warden_admin_table(loader->warden), &host,
				loader->policy, loader->now, &present);
	load_block(loader, &host, entry, &present);
	load_known(loader, &host, entry, &present);
}

static void load_network(struct loader *loader,
			 const struct warden_state_entry *entry)
{
	const struct warden_blocked_network *present;
	uint32_t until = warden_clock_from_wall(entry->blocked_until,
						loader->now, loader->wall_now);
	struct warden_error error;

	if (until <= (uint32_t)(loader->now / 1000))
		return;
	present = warden_admin_network_find(loader->warden, &entry->net,
					    loader->now);
	if (present != NULL && warden_net_equals(&present->net, &entry->net) &&
	    present->until_secs >= until)
		return;
	if (warden_admin_network_block(loader->warden, &entry->net, until,
				       loader->now, &error))
		loader->nets++;
	else
		loader->lost++;
}

static uint32_t loader_past(const struct loader *loader, int64_t wall)
{
	uint32_t secs =
		warden_clock_from_wall(wall, loader->now, loader->wall_now);
	uint32_t now_secs = (uint32_t)(loader->now / 1000);

	return secs < now_secs ? secs : now_secs;
}

static void load_home(struct loader *loader,
		      const struct warden_state_entry *entry)
{
	const struct warden_siege_home home = {
		.user = entry->hash[0],
		.network = entry->hash[1],
		.since = loader_past(loader, entry->since),
		.login = loader_past(loader, entry->last_login),
	};

	if ((uint32_t)(loader->now / 1000) - home.login >=
	    loader->policy->known_time_secs)
		return;
	if (!loader->key ||
	    !warden_siege_restore_home(warden_admin_siege(loader->warden),
				       &home, loader->now))
		loader->lost++;
}

static void load_key(struct loader *loader,
		     const struct warden_state_entry *entry)
{
	warden_siege_restore_key(warden_admin_siege(loader->warden),
				 entry->hash);
	loader->key = true;
}

static void load_entry(struct loader *loader,
		       const struct warden_state_entry *entry)
{
	switch (entry->kind) {
	case WARDEN_STATE_HOST:
		if (loader->hosts)
			load_host(loader, entry);
		break;
	case WARDEN_STATE_NETWORK:
		if (loader->networks)
			load_network(loader, entry);
		break;
	case WARDEN_STATE_KEY:
		if (loader->homes)
			load_key(loader, entry);
		break;
	case WARDEN_STATE_HOME:
		if (loader->homes)
			load_home(loader, entry);
		break;
	default:
		break;
	}
}

static void saver_set_aside(struct warden_saver *saver,
			    struct warden_report *report, const char *why)
{
	char bad[sizeof(saver->path) + sizeof(".bad")];

	saver->lost = true;
	(void)snprintf(bad, sizeof(bad), "%s.bad", saver->path);
	if (rename(saver->path, bad) == 0) {
		warden_report_line(report, WARDEN_LEVEL_ERROR,
				   "%s; it is now %s, and what it knew is not "
				   "in force",
				   why, bad);
	} else {
		warden_report_line(report, WARDEN_LEVEL_ERROR,
				   "%s; what it knew is not in force, and it "
				   "cannot be renamed to %s: %s",
				   why, bad, strerror(errno));
	}
}

/* The next save replaces the file by one without these entries. They may only
   be lost because of a wrong prefix in the settings. */
static void saver_keep_old(const struct warden_saver *saver,
			   struct warden_report *report, unsigned int lost)
{
	char bak[sizeof(saver->path) + sizeof(".bak")];

	(void)snprintf(bak, sizeof(bak), "%s.bak", saver->path);
	(void)unlink(bak);
	/* not every file system has links */
	if (link(saver->path, bak) == 0 || rename(saver->path, bak) == 0) {
		warden_report_line(report, WARDEN_LEVEL_WARNING,
				   "%u entries of %s found no place in the "
				   "table; the file is kept as %s",
				   lost, saver->path, bak);
	} else {
		warden_report_line(report, WARDEN_LEVEL_WARNING,
				   "%u entries of %s found no place in the "
				   "table, and the file cannot be kept as %s: "
				   "%s",
				   lost, saver->path, bak, strerror(errno));
	}
}

static void loader_run(struct loader *loader, const struct warden_saver *saver,
		       const struct warden_state_entry *entries, size_t count,
		       struct warden_report *report)
{
	for (size_t i = 0; i < count; i++)
		load_entry(loader, &entries[i]);
	warden_report_line(report, WARDEN_LEVEL_INFO,
			   "from %s: %u blocked hosts, %u known hosts and %u "
			   "blocked networks",
			   saver->path, loader->blocked, loader->known,
			   loader->nets);
	if (loader->lost > 0)
		saver_keep_old(saver, report, loader->lost);
}

static void loader_set_clock(struct loader *loader, int64_t saved,
			     struct warden_report *report)
{
	char text[WARDEN_CLOCK_STRLEN];

	if (loader->wall_now >= saved)
		return;
	if (saved - loader->wall_now > WARDEN_SAVE_CLOCK_SECS) {
		warden_report_line(report, WARDEN_LEVEL_WARNING,
				   "the clock is behind: the state was saved "
				   "at %s; what it knows is taken to be from "
				   "just now",
				   warden_clock_format(saved, text));
	}
	loader->wall_now = saved;
}

void warden_saver_load(struct warden_saver *saver, struct warden *warden,
		       const struct warden_policy *policy, bool networks,
		       struct warden_report *report, uint64_t now,
		       int64_t wall_now)
{
	_Atomic uint64_t *loaded =
		&warden_admin_table(warden)->header->state_loaded;
	struct loader loader = {
		.warden = warden,
		.policy = policy,
		.now = now,
		.wall_now = wall_now,
		.hosts = atomic_load(loaded) == 0,
		.networks = networks,
		.homes = !warden_siege_is_restored(warden_admin_siege(warden)),
	};
	struct warden_state_entry *entries;
	struct warden_error error;
	int64_t saved;
	size_t count;
	int ret;

	/* the first save comes an interval after the start */
	saver->tried = now;
	if (saver->path[0] == '\0' ||
	    (!loader.hosts && !loader.networks && !loader.homes))
		return;
	ret = warden_state_read(saver->path, &saved, &entries, &count, &error);
	if (ret < 0) {
		saver_set_aside(saver, report, error.text);
	} else if (ret > 0) {
		loader_set_clock(&loader, saved, report);
		loader_run(&loader, saver, entries, count, report);
		free(entries);
	}
	atomic_store(loaded, 1);
	warden_siege_set_restored(warden_admin_siege(warden));
}
