/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-admin.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "warden-neighbours.h"
#include "warden-private.h"
#include "warden-publish.h"

/* Another doveadm holds the lock for some microseconds: look again after
   LOCK_WAIT_MS, at most LOCK_TRIES times, two seconds. */
#define LOCK_WAIT_MS 20
#define LOCK_TRIES 100

const struct warden_policy *warden_admin_policy(struct warden *warden,
						uint64_t now,
						uint32_t *age_secs_r)
{
	warden_refresh(warden);
	*age_secs_r = warden_heartbeat_age(warden, now);
	return warden->policy_generation == 0 ? &warden->defaults :
						&warden->policy;
}

struct warden_table *warden_admin_table(struct warden *warden)
{
	return &warden->table;
}

static uint32_t secs_since(const _Atomic uint64_t *shared, uint64_t now)
{
	uint64_t then = atomic_load_explicit(shared, memory_order_relaxed);
	uint64_t age = now > then ? (now - then) / 1000 : 0;

	return then == 0 || age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

static uint32_t started_secs(const struct warden_policy_file *policy,
			     uint64_t now)
{
	uint64_t started = atomic_load_explicit(&policy->service_started,
						memory_order_relaxed);

	return (uint32_t)((started > now ? now : started) / 1000);
}

static void health_count(struct warden *warden, uint64_t now,
			 struct warden_health *health)
{
	uint32_t age;
	const struct warden_policy *policy =
		warden_admin_policy(warden, now, &age);
	struct warden_host_info info;
	uint64_t index = 0;

	while (warden_table_next(&warden->table, &index, policy, now, &info)) {
		health->used++;
		health->blocked += info.blocked;
		health->known += info.known;
	}
}

void warden_admin_health(struct warden *warden, uint64_t now,
			 struct warden_health *health_r)
{
	const struct warden_hosts_header *hosts = warden->table.header;
	const struct warden_policy_file *policy = warden->shared_policy;
	uint32_t pid = atomic_load_explicit(&policy->service_pid,
					    memory_order_relaxed);

	memset(health_r, 0, sizeof(*health_r));
	health_r->room = ((uint64_t)warden->table.set_count[0] +
			  warden->table.set_count[1]) *
			 WARDEN_SET_WAYS;
	health_count(warden, now, health_r);
	health_r->evicted = atomic_load(&hosts->evicted);
	health_r->set_full = atomic_load(&hosts->set_full);
	health_r->unwatched = atomic_load(&hosts->unwatched);
	health_r->bucket_full = atomic_load(&hosts->bucket_full);
	health_r->contended = atomic_load(&hosts->contended);
	health_r->heartbeat_age_secs = warden_heartbeat_age(warden, now);
	health_r->policy_age_secs = secs_since(&policy->published, now);
	if (health_r->heartbeat_age_secs != UINT32_MAX)
		health_r->service_started = started_secs(policy, now);
	health_r->service_pid = pid <= INT32_MAX ? (pid_t)pid : 0;
	health_r->faults =
		atomic_load_explicit(&policy->faults, memory_order_relaxed);
	health_r->fuse_blown = warden_fuse_is_blown(warden, now);
	health_r->accounts_on_guard = atomic_load_explicit(
		&policy->accounts_on_guard, memory_order_relaxed);
}

/* --- Blocked networks ----------------------------------------------------- */

const struct warden_networks *warden_admin_networks(struct warden *warden)
{
	warden_refresh(warden);
	return &warden->networks;
}

const struct warden_blocked_network *
warden_admin_network_find(struct warden *warden, const struct warden_net *addr,
			  uint64_t now)
{
	warden_refresh(warden);
	return warden_network_find(warden, addr, now);
}

static bool networks_lock(struct warden *warden, struct warden_error *error_r)
{
	const struct timespec wait = { 0, LOCK_WAIT_MS * 1000000L };
	int saved_errno = 0;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(warden->policy_fd, LOCK_EX | LOCK_NB) == 0) {
			warden_refresh(warden);
			return true;
		}
		saved_errno = errno;
		if (saved_errno != EWOULDBLOCK && saved_errno != EINTR)
			break;
		(void)nanosleep(&wait, NULL);
	}
	warden_error_set(error_r, "policy: cannot lock it: %s",
			 strerror(saved_errno));
	return false;
}

static void networks_unlock(struct warden *warden)
{
	(void)flock(warden->policy_fd, LOCK_UN);
}

static void networks_publish(struct warden *warden,
			     const struct warden_networks *networks)
{
	struct warden_policy_file *shared = warden->shared_policy;

	warden_publish_write(&shared->networks_generation, shared->networks,
			     networks, sizeof(*networks));
	atomic_fetch_add(&warden->table.header->blocks_changed, 1);
	warden_refresh(warden);
}

/* Leave out what keep says no to. Returns how many. */
static unsigned int
networks_filter(struct warden_networks *networks,
		bool (*drop)(const struct warden_blocked_network *network,
			     const void *context),
		const void *context)
{
	uint32_t kept = 0, count = networks->count;

	for (uint32_t i = 0; i < count; i++) {
		if (!drop(&networks->networks[i], context))
			networks->networks[kept++] = networks->networks[i];
	}
	memset(&networks->networks[kept], 0,
	       (count - kept) * sizeof(networks->networks[0]));
	networks->count = kept;
	return count - kept;
}

static bool network_is(const struct warden_blocked_network *network,
		       const void *context)
{
	const struct warden_net *net = context;

	return net == NULL || warden_net_equals(&network->net, net);
}

static bool network_is_over(const struct warden_blocked_network *network,
			    const void *context)
{
	uint64_t now = *(const uint64_t *)context;

	return network->until_secs <= now / 1000;
}

bool warden_admin_network_block(struct warden *warden,
				const struct warden_net *net,
				uint32_t until_secs, uint64_t now,
				struct warden_error *error_r)
{
	struct warden_networks networks;
	bool room;

	if (!networks_lock(warden, error_r))
		return false;
	networks = warden->networks;
	(void)networks_filter(&networks, network_is_over, &now);
	(void)networks_filter(&networks, network_is, net);
	room = networks.count < WARDEN_NETWORKS_MAX;
	if (room) {
		networks.networks[networks.count++] =
			(struct warden_blocked_network){
				.net = *net,
				.until_secs = until_secs,
				.since_secs = (uint32_t)(now / 1000),
			};
		networks_publish(warden, &networks);
	} else {
		warden_error_set(error_r,
				 "%d networks are blocked already, and there "
				 "is no room for more",
				 WARDEN_NETWORKS_MAX);
	}
	networks_unlock(warden);
	return room;
}

bool warden_admin_network_unblock(struct warden *warden,
				  const struct warden_net *net,
				  unsigned int *removed_r, uint64_t now,
				  struct warden_error *error_r)
{
	struct warden_networks networks;

	if (!networks_lock(warden, error_r))
		return false;
	networks = warden->networks;
	(void)networks_filter(&networks, network_is_over, &now);
	*removed_r = networks_filter(&networks, network_is, net);
	if (*removed_r > 0)
		networks_publish(warden, &networks);
	networks_unlock(warden);
	return true;
}

bool warden_admin_networks_expire(struct warden *warden, uint64_t now,
				  struct warden_error *error_r)
{
	struct warden_networks networks;
	bool any = false;

	warden_refresh(warden);
	for (uint32_t i = 0; i < warden->networks.count && !any; i++)
		any = network_is_over(&warden->networks.networks[i], &now);
	if (!any || !networks_lock(warden, error_r))
		return false;
	networks = warden->networks;
	any = networks_filter(&networks, network_is_over, &now) > 0;
	if (any)
		networks_publish(warden, &networks);
	networks_unlock(warden);
	return any;
}

/* --- The service ---------------------------------------------------------- */

void warden_admin_publish(struct warden *warden,
			  const struct warden_policy *policy, uint64_t now)
{
	struct warden_policy_file *shared = warden->shared_policy;

	/* nobody may have counted while there was no such limit */
	if (policy->session_limit_total != 0)
		warden_admin_count_sessions(warden, now);
	warden_publish_write(&shared->policy_generation, shared->policies,
			     policy, sizeof(*policy));
	atomic_store_explicit(&shared->published, now, memory_order_relaxed);
	/* exemptions may be others now: the deny file has to follow */
	atomic_fetch_add(&warden->table.header->blocks_changed, 1);
}

void warden_admin_heartbeat(struct warden *warden, pid_t pid, bool started,
			    uint64_t now)
{
	struct warden_policy_file *shared = warden->shared_policy;

	if (started) {
		atomic_store_explicit(&shared->service_started, now,
				      memory_order_relaxed);
		atomic_store_explicit(&shared->service_pid, (uint32_t)pid,
				      memory_order_relaxed);
	}
	atomic_store_explicit(&shared->heartbeat, now, memory_order_relaxed);
}

void warden_admin_rules_ask(const struct warden *warden,
			    const struct warden_rules_question *question,
			    struct warden_rules_answer *answer_r,
			    struct warden_rules_answer *grant_r)
{
	warden_rulebook_ask(&warden->rulebook, question, answer_r);
	warden_rulebook_ask_grant(&warden->rulebook, question, grant_r);
}

bool warden_admin_rules_grant_in(const struct warden *warden,
				 const struct warden_net *net)
{
	for (unsigned int i = 0; i < WARDEN_PROTOCOL_COUNT; i++) {
		const char *daemon = warden_protocol_daemon(i);

		if (daemon != NULL &&
		    warden_rulebook_grant_in(&warden->rulebook, daemon, net))
			return true;
	}
	return false;
}

bool warden_admin_rules_may_need_name(const struct warden *warden)
{
	return warden_rulebook_may_need_name(&warden->rulebook);
}

/* For which services hosts.allow has this answer. */
static uint32_t rules_grants(const struct warden *warden,
			     const struct warden_client *client,
			     enum warden_rules_verdict verdict)
{
	struct warden_rules_question question = {
		.client = client->remote,
		.name_state = client->name_state,
		.name = client->name,
	};
	struct warden_rules_answer answer;
	uint32_t protocols = 0;

	for (unsigned int i = 0; i < WARDEN_PROTOCOL_COUNT; i++) {
		question.daemon = warden_protocol_daemon(i);
		if (question.daemon == NULL)
			continue;
		warden_rulebook_ask_grant(&warden->rulebook, &question,
					  &answer);
		if (answer.verdict == verdict)
			protocols |= UINT32_C(1) << i;
	}
	return protocols;
}

bool warden_admin_rules_name_matters(const struct warden *warden,
				     const struct warden_net *addr)
{
	const struct warden_client client = { .remote = addr };

	return rules_grants(warden, &client, WARDEN_RULES_NEED_NAME) != 0;
}

uint32_t warden_admin_rules_grants(const struct warden *warden,
				   const struct warden_client *client)
{
	return rules_grants(warden, client, WARDEN_RULES_ALLOW);
}

void warden_admin_publish_named(struct warden *warden,
				const struct warden_named *named)
{
	struct warden_policy_file *shared = warden->shared_policy;

	warden_refresh(warden);
	if (memcmp(&warden->named, named, sizeof(*named)) == 0)
		return;
	warden_publish_write(&shared->named_generation, shared->named, named,
			     sizeof(*named));
	warden_refresh(warden);
}

bool warden_admin_publish_rules(struct warden *warden, const void *image,
				size_t size)
{
	const struct warden_named nobody = { .count = 0 };

	if (warden->rulebook.shared == NULL || size > warden->rulebook.room)
		return false;
	/* first: whom the rules of before mean must not get in by these */
	warden_admin_publish_named(warden, &nobody);
	if (!warden_shelf_write(&warden->rulebook, image, size))
		return false;
	/* whom hosts.allow means goes to no outlet */
	atomic_fetch_add(&warden->table.header->blocks_changed, 1);
	return true;
}

enum warden_admin_room warden_admin_publish_origins(struct warden *warden,
						    const void *image,
						    size_t size)
{
	struct warden_shelf *origins = &warden->origins;
	uint32_t wanted;

	if (warden_shelf_write(origins, image, size)) {
		atomic_store(&origins->shared->wanted, 0);
		return WARDEN_ADMIN_ROOM_ENOUGH;
	}
	if (origins->shared == NULL || size > UINT32_MAX)
		return WARDEN_ADMIN_ROOM_NONE;
	wanted = atomic_load(&origins->shared->wanted);
	if (wanted >= size)
		return WARDEN_ADMIN_ROOM_NONE;
	atomic_store(&origins->shared->wanted, (uint32_t)size);
	return WARDEN_ADMIN_ROOM_LATER;
}

struct origins_image {
	const void *image;
	size_t size;
};

static void image_note(const void *image, size_t size, void *context)
{
	struct origins_image *noted = context;

	noted->image = image;
	noted->size = size;
}

const void *warden_admin_origins(const struct warden *warden, size_t *size_r)
{
	struct origins_image noted = { .image = NULL };

	if (warden_shelf_ask(&warden->origins, image_note, &noted) !=
	    WARDEN_SHELF_ASKED)
		noted = (struct origins_image){ .image = NULL };
	*size_r = noted.size;
	return noted.image;
}

void warden_admin_publish_neighbourhoods(
	struct warden *warden,
	const struct warden_neighbourhoods *neighbourhoods)
{
	struct warden_policy_file *shared = warden->shared_policy;

	warden_refresh(warden);
	if (memcmp(&warden->neighbourhoods, neighbourhoods,
		   sizeof(*neighbourhoods)) == 0)
		return;
	warden_publish_write(&shared->neighbourhoods_generation,
			     shared->neighbourhoods, neighbourhoods,
			     sizeof(*neighbourhoods));
	warden_refresh(warden);
}

uint32_t warden_admin_origin(const struct warden *warden,
			     const struct warden_net *addr)
{
	return warden_origin(warden, addr);
}

const struct warden_neighbourhood *
warden_admin_neighbourhood(struct warden *warden, const struct warden_net *addr)
{
	warden_refresh(warden);
	return warden_neighbourhoods_find(&warden->neighbourhoods, addr,
					  warden_origin(warden, addr));
}

const struct warden_neighbourhoods *
warden_admin_neighbourhoods(struct warden *warden)
{
	warden_refresh(warden);
	return &warden->neighbourhoods;
}

void warden_admin_set_faults(struct warden *warden, uint32_t faults)
{
	atomic_store_explicit(&warden->shared_policy->faults, faults,
			      memory_order_relaxed);
}

void warden_admin_count_sessions(struct warden *warden, uint64_t now)
{
	/* before the walk: who comes during it is not lost */
	uint32_t open = (uint32_t)atomic_load_explicit(
		&warden->table.header->sessions_open, memory_order_relaxed);

	atomic_store_explicit(
		&warden->shared_policy->sessions_lost,
		open - warden_table_sessions_total(&warden->table, now),
		memory_order_relaxed);
}

void warden_admin_set_fuse(struct warden *warden, uint32_t until_secs)
{
	atomic_store_explicit(&warden->shared_policy->fuse_until, until_secs,
			      memory_order_relaxed);
}

struct warden_siege *warden_admin_siege(struct warden *warden)
{
	return &warden->siege;
}

void warden_admin_look_at_sieges(struct warden *warden,
				 const struct warden_policy *policy,
				 uint64_t now, warden_siege_ended_t *ended,
				 void *context)
{
	atomic_store_explicit(
		&warden->shared_policy->accounts_on_guard,
		warden_siege_look(&warden->siege, policy, now, ended, context),
		memory_order_relaxed);
}

static bool header_is_changed(const struct warden *warden)
{
	const unsigned char *present =
		(const unsigned char *)&warden->table.header->file;
	const unsigned char *kept =
		(const unsigned char *)&warden->hosts_header;

	return memcmp(present, kept, sizeof(warden->hosts_header)) != 0;
}

/* Written, not copied into the mapping: so the file has a new time of change,
   and who could not open it sees that it may have been put right. */
static void header_put_back(struct warden *warden)
{
	const struct warden_file_header *kept = &warden->hosts_header;

	if (warden->hosts_fd == -1 ||
	    pwrite(warden->hosts_fd, kept, sizeof(*kept), 0) !=
		    (ssize_t)sizeof(*kept))
		memcpy(&warden->table.header->file, kept, sizeof(*kept));
}

bool warden_admin_mend(struct warden *warden, struct warden_error *error_r)
{
	if (warden_is_retired(warden))
		return false;
	if (header_is_changed(warden)) {
		header_put_back(warden);
		warden_error_set(error_r,
				 "hosts: somebody had changed its header, it "
				 "is put back; is a login process taken over?");
		return true;
	}
	return warden->hosts_fd != -1 &&
	       warden_file_fill_holes(warden->hosts_fd, "hosts",
				      warden->hosts_file.size, error_r) != 0;
}
