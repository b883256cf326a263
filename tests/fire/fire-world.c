/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "fire-world.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "warden-word.h"

/* One set of IPv4 and one of IPv6. */
#define HOSTS (2 * WARDEN_SET_WAYS)
#define NOW_SECS ((uint32_t)(WORLD_NOW / 1000))
#define HOUR_SECS 3600u

static const char *const host_names[WORLD_HOSTS] = {
	[WORLD_SUBJECT] = "192.0.2.100", [WORLD_BY_HAND] = "192.0.2.1",
	[WORLD_BLOCKED] = "192.0.2.2",	 [WORLD_KNOWN] = "192.0.2.3",
	[WORLD_POINTS] = "192.0.2.4",	 [WORLD_OFFENDER] = "192.0.2.5",
	[WORLD_WEAKEST] = "192.0.2.6",	 [WORLD_FILLER1] = "192.0.2.7",
	[WORLD_FILLER2] = "192.0.2.8",	 [WORLD_INET6] = "2001:db8::1",
};

/* The same, parsed: an operation is not to be stepped through a parser. */
static struct warden_host world_hosts[WORLD_HOSTS];
static struct warden_net world_nets[WORLD_HOSTS];

struct warden_host world_host(enum world_host host)
{
	return world_hosts[host];
}

struct warden_net world_net(enum world_host host)
{
	return world_nets[host];
}

static void parse_hosts(void)
{
	for (int i = 0; i < WORLD_HOSTS; i++) {
		world_hosts[i] = unit_host(host_names[i]);
		world_nets[i] = unit_net(host_names[i]);
	}
}

static bool violated(struct world *world, const char *what, const char *whose)
{
	(void)snprintf(world->violation, sizeof(world->violation), "%s%s%s",
		       what, whose == NULL ? "" : ": ",
		       whose == NULL ? "" : whose);
	return false;
}

/* --- Processes ------------------------------------------------------------ */

bool world_process_open(const struct world *world,
			struct world_process *process_r)
{
	struct warden_error error;

	process_r->admin =
		warden_open(world->dir, WARDEN_ROLE_ADMIN, HOSTS, &error);
	process_r->auth =
		warden_open(world->dir, WARDEN_ROLE_AUTH, HOSTS, &error);
	if (process_r->admin != NULL && process_r->auth != NULL) {
		/* it has read the policy, as one that works has */
		warden_refresh(process_r->admin);
		warden_refresh(process_r->auth);
		return true;
	}
	world_process_close(process_r);
	return false;
}

void world_process_close(struct world_process *process)
{
	warden_close(&process->admin);
	warden_close(&process->auth);
}

/* --- Bytes ---------------------------------------------------------------- */

void world_bytes_create(const struct world *world, struct world_bytes *bytes_r)
{
	for (int i = 0; i < WORLD_FILES; i++) {
		bytes_r->files[i] = malloc(world->sizes[i]);
		assert_non_null(bytes_r->files[i]);
		memcpy(bytes_r->files[i], world->live[i], world->sizes[i]);
	}
}

void world_bytes_free(struct world_bytes *bytes)
{
	for (int i = 0; i < WORLD_FILES; i++)
		free(bytes->files[i]);
}

void world_bytes_save(const struct world *world, struct world_bytes *bytes)
{
	for (int i = 0; i < WORLD_FILES; i++)
		memcpy(bytes->files[i], world->live[i], world->sizes[i]);
}

void world_bytes_restore(struct world *world, const struct world_bytes *bytes)
{
	for (int i = 0; i < WORLD_FILES; i++)
		memcpy(world->live[i], bytes->files[i], world->sizes[i]);
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void page_add(struct world *world, int file, size_t offset)
{
	size_t left = world->sizes[file] - offset;

	assert_true(world->page_count < WORLD_PAGES_MAX);
	world->pages[world->page_count++] =
		(struct world_page){ file, offset,
				     left < page_size() ? left : page_size() };
}

void world_pages_find(struct world *world, const struct world_bytes *bytes)
{
	world->page_count = 0;
	for (int i = 0; i < WORLD_FILES; i++) {
		for (size_t at = 0; at < world->sizes[i]; at += page_size()) {
			size_t left = world->sizes[i] - at;

			if (memcmp(world->live[i] + at, bytes->files[i] + at,
				   left < page_size() ? left : page_size()) !=
			    0)
				page_add(world, i, at);
		}
	}
}

bool world_pages_equal(const struct world *world,
		       const struct world_bytes *bytes)
{
	for (unsigned int i = 0; i < world->page_count; i++) {
		const struct world_page *page = &world->pages[i];

		if (memcmp(world->live[page->file] + page->offset,
			   bytes->files[page->file] + page->offset,
			   page->size) != 0)
			return false;
	}
	return true;
}

static void file_protect(const struct world *world, unsigned char *base,
			 int number)
{
	assert_int_equal(mprotect(base, world->sizes[number], PROT_READ), 0);
	for (unsigned int i = 0; i < world->page_count; i++) {
		const struct world_page *page = &world->pages[i];

		if (page->file == number) {
			assert_int_equal(mprotect(base + page->offset,
						  page->size,
						  PROT_READ | PROT_WRITE),
					 0);
		}
	}
}

/* Where each of the writable mappings belongs. */
static const int protected_numbers[] = { 0, 1, 0, 2 };

void world_pages_protect(struct world *world,
			 const struct world_process *process)
{
	const struct warden_file *files[] = {
		&process->admin->hosts_file,
		&process->admin->policy_file,
		&process->auth->hosts_file,
		&process->auth->auth_file,
	};

	for (int i = 0; i < 4; i++) {
		world->protected[i] = files[i]->base;
		file_protect(world, files[i]->base, protected_numbers[i]);
	}
}

bool world_pages_add(struct world *world, const void *address)
{
	for (int i = 0; i < 4; i++) {
		uintptr_t base = (uintptr_t)world->protected[i];
		uintptr_t offset = (uintptr_t)address - base;

		if ((uintptr_t)address >= base &&
		    offset < world->sizes[protected_numbers[i]]) {
			page_add(world, protected_numbers[i],
				 offset / page_size() * page_size());
			return true;
		}
	}
	return false;
}

/* --- Making it ------------------------------------------------------------ */

/* The same key each time: a run can be repeated to the last bit. */
static int key_write(const struct world *world, const char *name)
{
	const uint64_t key[2] = { UINT64_C(0x0706050403020100),
				  UINT64_C(0x0f0e0d0c0b0a0908) };
	char path[4096];
	ssize_t written;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", (const char *)world->dir,
		       name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	written = pwrite(fd, key, sizeof(key),
			 offsetof(struct warden_file_header, hash_key));
	(void)close(fd);
	return written == (ssize_t)sizeof(key) ? 0 : -1;
}

static void fail_once(struct world *world, enum world_host host,
		      uint64_t before)
{
	struct warden_table *table = &world->process.admin->table;
	const struct warden_policy *policy = &world->process.admin->defaults;
	struct warden_host h = world_host(host);

	(void)warden_table_count(table, &h, policy, true, 1, WARDEN_AUTH_FAILED,
				 WARDEN_PROTOCOL_IMAP, NULL,
				 WORLD_NOW - before);
}

static void block(struct world *world, enum world_host host,
		  uint32_t until_secs, enum warden_class reason)
{
	struct warden_host h = world_host(host);

	(void)warden_table_block(&world->process.admin->table, &h, until_secs,
				 2, reason, 3, WORLD_NOW);
}

static void login(struct world *world, enum world_host host)
{
	struct warden_host h = world_host(host);

	warden_table_success(&world->process.admin->table, &h, false,
			     WORLD_NOW - 5000);
}

static void populate_hosts(struct world *world)
{
	struct warden_host points = world_host(WORLD_POINTS);
	struct warden_session session;

	block(world, WORLD_BY_HAND, WARDEN_FOREVER_SECS, WARDEN_MANUAL);
	block(world, WORLD_BLOCKED, NOW_SECS + HOUR_SECS, WARDEN_AUTH_FAILED);
	fail_once(world, WORLD_KNOWN, 3000);
	login(world, WORLD_KNOWN);
	fail_once(world, WORLD_POINTS, 2000);
	fail_once(world, WORLD_POINTS, 1000);
	block(world, WORLD_OFFENDER, NOW_SECS - HOUR_SECS, WARDEN_USER_UNKNOWN);
	fail_once(world, WORLD_WEAKEST, 60000);
	login(world, WORLD_INET6);
	block(world, WORLD_INET6, NOW_SECS + HOUR_SECS, WARDEN_IDLE);
	for (int i = 0; i < 3; i++) {
		(void)warden_table_session_open(&world->process.admin->table,
						&points, 0, 0, 4711, WORLD_NOW,
						&session);
	}
}

static void populate(struct world *world)
{
	const struct warden_net net = unit_net("198.51.100.0/24");
	struct warden_error error;
	struct warden_policy policy;

	populate_hosts(world);
	/* twice: both copies hold one that could be in force */
	warden_policy_init_defaults(&policy);
	policy.login_grace_secs = 57;
	warden_admin_publish(world->process.admin, &policy, WORLD_NOW);
	policy.login_grace_secs = 58;
	warden_admin_publish(world->process.admin, &policy, WORLD_NOW);
	warden_admin_heartbeat(world->process.admin, 4711, true, WORLD_NOW);
	assert_true(warden_admin_network_block(world->process.admin, &net,
					       WARDEN_FOREVER_SECS, WORLD_NOW,
					       &error));
}

static void world_map(struct world *world)
{
	const struct warden_file *files[WORLD_FILES] = {
		&world->process.admin->hosts_file,
		&world->process.admin->policy_file,
		&world->process.auth->auth_file,
	};

	for (int i = 0; i < WORLD_FILES; i++) {
		world->live[i] = files[i]->base;
		world->sizes[i] = files[i]->size;
	}
}

int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct warden_error error;
	struct warden *service;

	if (world == NULL || unit_dir_setup(&world->dir) < 0)
		return -1;
	*state = world;
	parse_hosts();
	service = warden_open(world->dir, WARDEN_ROLE_SERVICE, HOSTS, &error);
	warden_close(&service);
	if (key_write(world, "hosts") < 0 || key_write(world, "auth") < 0 ||
	    !world_process_open(world, &world->process))
		return -1;
	world_map(world);
	world->evicted = -1;
	populate(world);
	return 0;
}

int world_teardown(void **state)
{
	struct world *world = *state;
	int ret;

	world_process_close(&world->process);
	ret = unit_dir_teardown(&world->dir);
	free(world);
	return ret;
}

/* --- Looking -------------------------------------------------------------- */

static void process_look(struct world_process *process,
			 struct world_view *view_r)
{
	uint32_t age_secs;

	memset(view_r, 0, sizeof(*view_r));
	view_r->policy =
		*warden_admin_policy(process->admin, WORLD_NOW, &age_secs);
	view_r->networks = *warden_admin_networks(process->admin);
	view_r->named = process->admin->named;
	for (int i = 0; i < WORLD_HOSTS; i++) {
		struct warden_host host = world_host((enum world_host)i);

		(void)warden_table_read(&process->admin->table, &host,
					&process->admin->defaults, WORLD_NOW,
					&view_r->hosts[i]);
	}
}

bool world_look(struct world *world, struct world_view *view_r)
{
	struct world_process process;

	if (!world_process_open(world, &process))
		return violated(world, "cannot be opened", NULL);
	process_look(&process, view_r);
	world_process_close(&process);
	return true;
}

/* --- What must hold ------------------------------------------------------- */

static bool equal_block(const struct warden_host_info *a,
			const struct warden_host_info *b)
{
	return a->blocked == b->blocked &&
	       a->blocked_until == b->blocked_until &&
	       a->offences == b->offences && a->reason == b->reason;
}

static bool equal_last(const struct warden_host_info *a,
		       const struct warden_host_info *b)
{
	return a->last_event == b->last_event &&
	       a->last_class == b->last_class &&
	       a->last_protocol == b->last_protocol;
}

static bool equal_info(const struct warden_host_info *a,
		       const struct warden_host_info *b)
{
	return a->points == b->points && a->slow_points == b->slow_points &&
	       equal_block(a, b) && equal_last(a, b) &&
	       a->refused == b->refused && a->last_login == b->last_login &&
	       a->known == b->known && a->sessions == b->sessions;
}

static bool points_are_of(double points, double before, double after,
			  bool or_none)
{
	return points == before || points == after ||
	       (or_none && points == 0.0);
}

/* Each word is the one from before or the one from afterwards. */
static bool subject_is_of(struct world *world,
			  const struct warden_host_info *info)
{
	const struct warden_host_info *b = &world->before.hosts[WORLD_SUBJECT];
	const struct warden_host_info *a = &world->after.hosts[WORLD_SUBJECT];

	if (!points_are_of(info->points, b->points, a->points,
			   world->clears_points) ||
	    !points_are_of(info->slow_points, b->slow_points, a->slow_points,
			   world->clears_points))
		return violated(world, "points that nobody gave", NULL);
	if (!equal_block(info, b) && !equal_block(info, a))
		return violated(world, "a block that nobody made", NULL);
	if (info->refused != b->refused && info->refused != a->refused)
		return violated(world, "refusals that were none", NULL);
	if (info->last_login != b->last_login &&
	    info->last_login != a->last_login)
		return violated(world, "a login that was none", NULL);
	if (!equal_last(info, b) && !equal_last(info, a))
		return violated(world, "half an event", NULL);
	if (info->sessions != b->sessions && info->sessions != a->sessions)
		return violated(world, "sessions that are none", NULL);
	if (world->points_before_block && equal_block(info, a) &&
	    (info->points != a->points || info->slow_points != a->slow_points))
		return violated(world, "block and points in the wrong order",
				NULL);
	return true;
}

/* Records that a kill left half claimed. */
static unsigned int count_coming(const struct warden_set *set)
{
	unsigned int count = 0;

	for (int i = 0; i < WARDEN_SET_WAYS; i++) {
		if (warden_mark_is(set->records[i].key, WARDEN_MARK_COMING))
			count++;
	}
	return count;
}

static bool is_gone(const struct warden_host_info *info)
{
	return !info->blocked && info->points == 0.0 && info->last_event == 0 &&
	       info->last_login == 0;
}

/* evictions_max: so many of them may have been evicted, but nobody who was
   blocked. */
static bool check_bystanders(struct world *world, const struct world_view *view,
			     unsigned int evictions_max)
{
	for (int i = 0; i < WORLD_HOSTS; i++) {
		const struct warden_host_info *info = &view->hosts[i];
		const struct warden_host_info *before = &world->before.hosts[i];

		if (i == WORLD_SUBJECT || equal_info(info, before) ||
		    (i == world->evicted &&
		     equal_info(info, &world->after.hosts[i])))
			continue;
		if (evictions_max > 0 && !before->blocked && is_gone(info)) {
			evictions_max--;
			continue;
		}
		return violated(world, "a bystander has changed",
				host_names[i]);
	}
	return true;
}

static bool set_has_each_once(const struct warden_set *set)
{
	for (int i = 0; i < WARDEN_SET_WAYS; i++) {
		for (int j = i + 1; j < WARDEN_SET_WAYS; j++) {
			if (set->records[i].key != 0 &&
			    set->records[i].key == set->records[j].key)
				return false;
		}
	}
	return true;
}

static bool check_records(struct world *world, struct warden_table *table)
{
	struct warden_policy policy = world->process.admin->defaults;
	struct warden_host_info info;
	uint64_t index = 0;
	unsigned int hosts = 0;

	if (!set_has_each_once(table->sets[0]) ||
	    !set_has_each_once(table->sets[1]))
		return violated(world, "a host has two records", NULL);
	while (warden_table_next(table, &index, &policy, WORLD_NOW, &info)) {
		bool ours = false;

		for (int i = 0; i < WORLD_HOSTS; i++) {
			struct warden_host host =
				world_host((enum world_host)i);

			ours = ours || (host.key == info.host.key &&
					host.family == info.host.family);
		}
		if (!ours)
			return violated(world, "a host that never was", NULL);
		hosts++;
	}
	return hosts <= 2 * WARDEN_SET_WAYS ||
	       violated(world, "more hosts than records", NULL);
}

/* Whatever was left open does not count any more when its time is over. */
static bool check_sessions_end(struct world *world)
{
	const struct warden_table *table = &world->process.admin->table;
	const uint64_t end =
		WORLD_NOW + WARDEN_SESSION_MAX_SECS * UINT64_C(1000);
	struct warden_host subject = world_host(WORLD_SUBJECT);

	return (warden_table_sessions(table, &subject, end) == 0 &&
		warden_table_sessions_total(table, end) == 0) ||
	       violated(world, "a session counts for too long", NULL);
}

static bool check_published(struct world *world, const struct world_view *view)
{
	if (memcmp(&view->policy, &world->before.policy,
		   sizeof(view->policy)) != 0 &&
	    memcmp(&view->policy, &world->after.policy, sizeof(view->policy)) !=
		    0)
		return violated(world, "half a policy", NULL);
	if (memcmp(&view->networks, &world->before.networks,
		   sizeof(view->networks)) != 0 &&
	    memcmp(&view->networks, &world->after.networks,
		   sizeof(view->networks)) != 0)
		return violated(world, "half a list of networks", NULL);
	if (memcmp(&view->named, &world->before.named, sizeof(view->named)) !=
		    0 &&
	    memcmp(&view->named, &world->after.named, sizeof(view->named)) != 0)
		return violated(world, "half a list of names", NULL);
	return true;
}

/* --- Another process goes on ---------------------------------------------- */

static void subject_read(struct world_process *process,
			 struct warden_host_info *info_r)
{
	struct warden_host host = world_host(WORLD_SUBJECT);

	(void)warden_table_read(&process->admin->table, &host,
				&process->admin->defaults, WORLD_NOW, info_r);
}

static bool failure_is_counted(struct world *world,
			       struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);
	struct warden_host_info seen, info;
	double most;

	subject_read(process, &seen);
	(void)warden_count(process->auth,
			   unit_client_by(&net, WARDEN_PROTOCOL_POP3),
			   WARDEN_AUTH_FAILED, NULL, WORLD_NOW);
	subject_read(process, &info);
	/* after a block has ended it starts anew */
	most = seen.blocked_until <= NOW_SECS && seen.blocked_until > 0 ?
		       10.0 :
		       seen.points + 10.0;
	if (info.last_protocol != WARDEN_PROTOCOL_POP3 || info.points < 10.0 ||
	    (info.points != most && info.points != seen.points + 10.0))
		return violated(world, "the next failure is counted wrong",
				NULL);
	return true;
}

static bool block_and_unblock_work(struct world *world,
				   struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);
	struct warden_host host = world_host(WORLD_SUBJECT);
	struct warden_host_info info;

	for (int i = 0; i < 40; i++) {
		(void)warden_count(process->auth,
				   unit_client_by(&net, WARDEN_PROTOCOL_POP3),
				   WARDEN_AUTH_FAILED, NULL, WORLD_NOW);
	}
	if (warden_check(process->auth, unit_client(&net), WARDEN_STAGE_AUTH,
			 WORLD_NOW) != WARDEN_REFUSED_HOST)
		return violated(world, "a guesser is not blocked", NULL);
	if (!warden_table_unblock(&process->admin->table, &host, WORLD_NOW))
		return violated(world, "a host cannot be unblocked", NULL);
	subject_read(process, &info);
	if (info.blocked || info.points != 0.0 || info.offences != 0)
		return violated(world, "an unblocked host has a past", NULL);
	if (!warden_table_block(&process->admin->table, &host,
				WARDEN_FOREVER_SECS, 1, WARDEN_MANUAL, 0,
				WORLD_NOW) ||
	    warden_check(process->auth, unit_client(&net), WARDEN_STAGE_ACCEPT,
			 WORLD_NOW) != WARDEN_REFUSED_HOST ||
	    !warden_table_unblock(&process->admin->table, &host, WORLD_NOW))
		return violated(world, "a host cannot be blocked", NULL);
	return true;
}

static bool session_works(struct world *world, struct world_process *process)
{
	struct warden_net net = world_net(WORLD_SUBJECT);
	struct warden_host host = world_host(WORLD_SUBJECT);
	const struct warden_table *table = &process->admin->table;
	uint32_t sessions = warden_table_sessions(table, &host, WORLD_NOW);
	struct warden_session session;

	if (warden_session_open(process->auth, unit_client(&net), 4713,
				WORLD_NOW, &session) != WARDEN_ADMITTED ||
	    warden_table_sessions(table, &host, WORLD_NOW) != sessions + 1)
		return violated(world, "the next session is not opened", NULL);
	warden_session_close(process->auth, &session);
	if (warden_table_sessions(table, &host, WORLD_NOW) != sessions)
		return violated(world, "the next session is not closed", NULL);
	return true;
}

static bool publishing_works(struct world *world, struct world_process *process)
{
	struct warden_policy policy = process->admin->defaults;
	const struct warden_policy *seen;
	uint32_t age_secs;

	policy.fail_limit = 4242;
	policy.exempt_count = 0;
	warden_admin_publish(process->admin, &policy, WORLD_NOW);
	seen = warden_admin_policy(process->auth, WORLD_NOW, &age_secs);
	return memcmp(seen, &policy, sizeof(policy)) == 0 ||
	       violated(world, "the next policy is not in force", NULL);
}

static bool networks_work(struct world *world, struct world_process *process)
{
	const struct warden_net net = unit_net("203.0.113.0/24");
	const struct warden_net in = unit_net("203.0.113.7");
	struct warden_error error;
	unsigned int removed;

	if (!warden_admin_network_block(process->admin, &net,
					WARDEN_FOREVER_SECS, WORLD_NOW,
					&error) ||
	    warden_admin_network_find(process->auth, &in, WORLD_NOW) == NULL ||
	    !warden_admin_network_unblock(process->admin, &net, &removed,
					  WORLD_NOW, &error) ||
	    removed != 1)
		return violated(world, "no network can be blocked", NULL);
	return true;
}

static bool others_go_on(struct world *world, struct world_process *process,
			 bool operation_lives)
{
	const struct warden_hosts_header *header = process->admin->table.header;
	/* a record left half claimed is only taken when nobody else can make
	   room: see warden-table.h */
	const unsigned int coming =
		count_coming(process->admin->table.sets[0]) +
		count_coming(process->admin->table.sets[1]);
	uint64_t contended = header->contended;
	struct world_view view;

	if (!failure_is_counted(world, process) ||
	    !check_records(world, &process->admin->table) ||
	    !block_and_unblock_work(world, process) ||
	    !session_works(world, process))
		return false;
	if (header->contended != contended)
		return violated(world, "an update was given up", NULL);
	process_look(process, &view);
	return check_bystanders(world, &view, coming) &&
	       check_records(world, &process->admin->table) &&
	       publishing_works(world, process) &&
	       (operation_lives || networks_work(world, process));
}

bool world_check(struct world *world, bool operation_lives)
{
	struct world_process process;
	struct world_view view;
	bool ok;

	if (!world_process_open(world, &process))
		return violated(world, "cannot be opened", NULL);
	process_look(&process, &view);
	ok = check_records(world, &process.admin->table) &&
	     check_sessions_end(world) &&
	     check_bystanders(world, &view, 0) &&
	     subject_is_of(world, &view.hosts[WORLD_SUBJECT]) &&
	     check_published(world, &view) &&
	     others_go_on(world, &process, operation_lives);
	world_process_close(&process);
	return ok;
}

bool world_check_done(struct world *world)
{
	struct world_view view;

	if (!world_look(world, &view))
		return false;
	for (int i = 0; i < WORLD_HOSTS; i++) {
		if (!equal_info(&view.hosts[i], &world->after.hosts[i]))
			return violated(world, "not done", host_names[i]);
	}
	return memcmp(&view.policy, &world->after.policy,
		      sizeof(view.policy)) == 0 ||
	       violated(world, "not published", NULL);
}
