/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The attempts that may still turn out well, so that one whose process is gone
   is settled though nobody comes back. What stands here decides nothing: it
   says at whom to look, and the host's own record says whether it is over a
   limit. Where there is no room, the host's next attempt settles it. */

#include "warden-table.h"
#include "warden.h"

/* A start later than this is not an attempt: a stranger wrote it. */
#define START_AHEAD_MAX_SECS 2

static uint64_t owner_pack(pid_t pid, uint32_t start_secs)
{
	return (uint64_t)(uint32_t)pid << 32 | start_secs;
}

static bool owner_is_over(uint64_t owner, uint32_t now_secs)
{
	uint32_t start = (uint32_t)owner;

	if (start > now_secs)
		return start - now_secs > START_AHEAD_MAX_SECS;
	return now_secs - start >= WARDEN_PENDING_MAX_SECS;
}

void warden_table_pending_enter(struct warden_table *table, pid_t pid,
				struct warden_pending *pending)
{
	uint32_t start_secs = (uint32_t)(pending->began / 1000);
	uint64_t owner = owner_pack(pid, start_secs);

	for (uint32_t n = 0; n < WARDEN_PENDING_SLOTS; n++) {
		uint32_t index = ((uint32_t)pid + n) % WARDEN_PENDING_SLOTS;
		struct warden_pending_slot *slot =
			&table->header->pendings[index];
		uint64_t present = atomic_load(&slot->owner);

		if ((present != 0 && !owner_is_over(present, start_secs)) ||
		    !atomic_compare_exchange_strong(&slot->owner, &present,
						    owner))
			continue;
		/* still of the one before, who is over anyway */
		atomic_store(&slot->family, 0);
		atomic_store(&slot->key, pending->host.key);
		atomic_store(&slot->family, pending->host.family);
		pending->slot = index;
		pending->owner = owner;
		return;
	}
}

void warden_table_pending_leave(struct warden_table *table,
				const struct warden_pending *pending)
{
	uint64_t owner = pending->owner;

	if (owner != 0 && pending->slot < WARDEN_PENDING_SLOTS) {
		(void)atomic_compare_exchange_strong(
			&table->header->pendings[pending->slot].owner, &owner,
			0);
	}
}

/* One look at all slots: what they say may change at any time. */
struct pendings {
	struct {
		uint64_t owner; /* 0: free */
		struct warden_host host; /* key 0: not filled in */
		bool ended;
	} slots[WARDEN_PENDING_SLOTS];
};

static struct warden_host slot_host(const struct warden_pending_slot *slot,
				    uint64_t owner)
{
	const struct warden_host none = { .key = 0 };
	struct warden_host host = { .key = atomic_load(&slot->key),
				    .family = 0 };
	uint64_t family = atomic_load(&slot->family);

	if (family == WARDEN_INET && host.key <= UINT32_MAX)
		host.family = WARDEN_INET;
	else if (family == WARDEN_INET6 && host.key < WARDEN_KEY_MARKS)
		host.family = WARDEN_INET6;
	else
		return none;
	/* or it is another's by now */
	return atomic_load(&slot->owner) == owner ? host : none;
}

static bool owner_has_ended(uint64_t owner,
			    bool (*is_dead)(pid_t pid, uint32_t start_secs),
			    uint32_t now_secs)
{
	uint32_t pid = (uint32_t)(owner >> 32);

	if (pid == 0 || pid > INT32_MAX || owner_is_over(owner, now_secs))
		return true;
	return is_dead((pid_t)pid, (uint32_t)owner);
}

static void pendings_look(const struct warden_table *table,
			  bool (*is_dead)(pid_t pid, uint32_t start_secs),
			  uint32_t now_secs, struct pendings *look_r)
{
	for (uint32_t i = 0; i < WARDEN_PENDING_SLOTS; i++) {
		const struct warden_pending_slot *slot =
			&table->header->pendings[i];
		uint64_t owner = atomic_load(&slot->owner);

		look_r->slots[i].owner = owner;
		if (owner == 0)
			continue;
		look_r->slots[i].host = slot_host(slot, owner);
		look_r->slots[i].ended =
			owner_has_ended(owner, is_dead, now_secs);
	}
}

/* Is another attempt of the host under way? Its points are in the bucket and
   may still be taken back: it is settled when that one ends. */
static bool pendings_have_more(const struct pendings *look,
			       const struct warden_host *host)
{
	for (uint32_t i = 0; i < WARDEN_PENDING_SLOTS; i++) {
		if (look->slots[i].owner != 0 && !look->slots[i].ended &&
		    look->slots[i].host.key == host->key &&
		    look->slots[i].host.family == host->family)
			return true;
	}
	return false;
}

uint32_t warden_table_pendings_settle(struct warden_table *table,
				      const struct warden_policy *policy,
				      bool (*is_dead)(pid_t pid,
						      uint32_t start_secs),
				      uint64_t now)
{
	struct pendings look;
	uint32_t began = 0;

	pendings_look(table, is_dead, (uint32_t)(now / 1000), &look);
	for (uint32_t i = 0; i < WARDEN_PENDING_SLOTS; i++) {
		const struct warden_host *host = &look.slots[i].host;
		uint64_t owner = look.slots[i].owner;

		if (owner == 0 || !look.slots[i].ended)
			continue;
		if (host->key != 0 && !pendings_have_more(&look, host) &&
		    warden_table_settle(table, host, policy, now))
			began++;
		(void)atomic_compare_exchange_strong(
			&table->header->pendings[i].owner, &owner, 0);
	}
	return began;
}
