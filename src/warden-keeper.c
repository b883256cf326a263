/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What is due at each tick, and in which order. The parts have files of their
   own: warden-report (log), warden-outlet, warden-saver, warden-reaper. */

#include "warden-keeper.h"

#include <stdlib.h>
#include <string.h>

#include "warden-clock.h"
#include "warden-fuse.h"
#include "warden-geoip-watch.h"
#include "warden-neighbours.h"
#include "warden-origins-size.h"
#include "warden-outlet.h"
#include "warden-reaper.h"
#include "warden-rule-watch.h"
#include "warden-saver.h"
#include "warden-state.h"
#include "warden-sweep.h"

/* With a tick, less than a second. */
#define SWEEP_MSECS_MAX 700
#define MEND_LOG_MSECS 60000

/* Faults that are told once in the life of a process. */
enum keeper_told {
	TOLD_SET_FULL = 1 << 0,
	TOLD_BUCKET_FULL = 1 << 1,
	TOLD_MEMORY = 1 << 2,
	TOLD_NETWORKS = 1 << 3,
};

struct warden_keeper {
	struct warden *warden;
	struct warden_settings settings;
	const char *settings_error; /* NULL: to be published */
	pid_t pid;
	struct warden_report report;
	struct warden_outlets *outlets;
	struct warden_saver saver;
	struct warden_sweep *sweep;
	struct warden_rule_watch *rule_watch;
	struct warden_geoip_watch *geoip_watch;
	struct warden_neighbours *neighbours;
	struct warden_fuse fuse;
	/* as of the last sweep */
	struct warden_networks networks;
	uint64_t changed;
	uint64_t swept, tidied, expired; /* when */
	uint64_t mend_logged;		 /* when; 0 = never */
	uint64_t sweep_msecs;		 /* no sooner after the last one */
	uint32_t reap_cursor;
	unsigned int told;   /* enum keeper_told */
	uint32_t dir_faults; /* enum warden_fault */
	bool started;
	bool sweep_failed; /* the last one: no memory */
	bool name_found;   /* since the last one, and the outlets care */
	bool rules_failed; /* those of before are in force */
	bool rules_seen;   /* once at least */
	bool origins_failed; /* there is no room for them */
	const char *wants_restart;
};

/* A sweep takes time by the size of the table: 10 ms for each 100,000 hosts.
   With a large one the deny file still follows within a second. */
static uint64_t sweep_msecs(const struct warden_table *table)
{
	uint64_t room = ((uint64_t)table->set_count[0] + table->set_count[1]) *
			WARDEN_SET_WAYS;
	uint64_t msecs =
		WARDEN_KEEPER_TICK_MSECS * room / WARDEN_TABLE_HOSTS_DEFAULT;

	if (msecs < WARDEN_KEEPER_TICK_MSECS)
		return WARDEN_KEEPER_TICK_MSECS;
	return msecs > SWEEP_MSECS_MAX ? SWEEP_MSECS_MAX : msecs;
}

size_t warden_keeper_memory(uint32_t table_hosts)
{
	/* an array that grows is there twice, the new one twice as large */
	const size_t growing =
		warden_sweep_host_memory() + sizeof(struct warden_state_entry);
	/* the list for the outlets, and from what it is sorted, or what of it
	   the deny file has had and gets */
	const size_t sorted = 3 * sizeof(struct warden_denied);
	/* for statistics, when a block of each ends at once: Dovecot keeps in
	   memory what the process that counts has not read yet */
	const size_t told = 1024;
	/* the state file has them as well */
	const size_t homes = (size_t)WARDEN_HOME_SETS * WARDEN_HOME_WAYS *
			     WARDEN_HOMES * 3 *
			     sizeof(struct warden_state_entry);
	uint32_t geometry[4];

	return warden_table_size(table_hosts, geometry) + homes +
	       (size_t)table_hosts * (3 * growing + sorted + told);
}

static struct warden_rule_watch *
rule_watch_create(const struct warden_settings *settings)
{
	return warden_rule_watch_create(settings->hosts_allow,
					settings->hosts_deny,
					settings->hosts_deny_file);
}

struct warden_keeper *warden_keeper_create(
	struct warden *warden, const struct warden_settings *settings,
	const char *settings_error, pid_t pid, warden_log_t *log, void *context)
{
	struct warden_keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper == NULL)
		return NULL;
	keeper->warden = warden;
	keeper->settings = *settings;
	keeper->pid = pid;
	keeper->sweep_msecs = sweep_msecs(warden_admin_table(warden));
	if (settings_error != NULL)
		keeper->settings_error = strdup(settings_error);
	warden_report_init(&keeper->report, log, context);
	warden_saver_init(&keeper->saver, keeper->settings.state_dir);
	keeper->outlets = warden_outlets_create(&keeper->settings);
	keeper->sweep = warden_sweep_create();
	keeper->rule_watch = rule_watch_create(&keeper->settings);
	keeper->geoip_watch = warden_geoip_watch_create(
		keeper->settings.geoip_country, keeper->settings.geoip_asn);
	keeper->neighbours = warden_neighbours_create();
	if (keeper->outlets == NULL || keeper->sweep == NULL ||
	    keeper->rule_watch == NULL || keeper->geoip_watch == NULL ||
	    keeper->neighbours == NULL ||
	    (settings_error != NULL && keeper->settings_error == NULL))
		warden_keeper_free(&keeper);
	return keeper;
}

void warden_keeper_free(struct warden_keeper **_keeper)
{
	struct warden_keeper *keeper = *_keeper;

	if (keeper == NULL)
		return;
	*_keeper = NULL;
	warden_sweep_free(&keeper->sweep);
	warden_rule_watch_free(&keeper->rule_watch);
	warden_geoip_watch_free(&keeper->geoip_watch);
	warden_neighbours_free(&keeper->neighbours);
	warden_outlets_free(&keeper->outlets);
	warden_saver_deinit(&keeper->saver);
	free((char *)keeper->settings_error);
	free(keeper);
}

void warden_keeper_set_dir_faults(struct warden_keeper *keeper, uint32_t faults)
{
	keeper->dir_faults = faults;
}

static void keeper_tell(struct warden_keeper *keeper, enum keeper_told fault,
			const char *line)
{
	if ((keeper->told & (unsigned int)fault) == 0) {
		warden_report_line(&keeper->report, WARDEN_LEVEL_WARNING, "%s",
				   line);
	}
	keeper->told |= (unsigned int)fault;
}

/* The rules to work by. */
static const struct warden_policy *keeper_policy(struct warden_keeper *keeper,
						 uint64_t now)
{
	uint32_t age_secs;

	if (keeper->settings_error == NULL)
		return &keeper->settings.policy;
	return warden_admin_policy(keeper->warden, now, &age_secs);
}

/* By anybody, since the file `policy` was made. The heartbeat does not tell:
   it also beats when there are no rules. */
static bool keeper_was_published(struct warden_keeper *keeper, uint64_t now)
{
	struct warden_health health;

	warden_admin_health(keeper->warden, now, &health);
	return health.policy_age_secs != UINT32_MAX;
}

static void keeper_load(struct warden_keeper *keeper, uint64_t now,
			int64_t wall_now)
{
	bool published = keeper_was_published(keeper, now);

	if (keeper->settings_error != NULL && !published) {
		/* neither now nor later: a good start is to find the file */
		warden_saver_init(&keeper->saver, "");
		return;
	}
	warden_saver_load(&keeper->saver, keeper->warden,
			  keeper_policy(keeper, now), !published,
			  &keeper->report, now, wall_now);
}

static void keeper_start(struct warden_keeper *keeper, uint64_t now,
			 int64_t wall_now)
{
	struct warden_report *report = &keeper->report;

	/* the blocks first: once the rules are in force they count */
	keeper_load(keeper, now, wall_now);
	if (keeper->settings_error == NULL) {
		warden_admin_publish(keeper->warden, &keeper->settings.policy,
				     now);
	}
	warden_admin_heartbeat(keeper->warden, keeper->pid, true, now);
	/* what a keeper left that was killed */
	warden_admin_publish_named(keeper->warden,
				   warden_sweep_named(keeper->sweep));
	if (keeper->settings_error == NULL) {
		warden_report_line(report, WARDEN_LEVEL_INFO,
				   "started: warden_mode = %s",
				   warden_mode_name(
					   keeper->settings.policy.mode));
	} else {
		warden_report_line(report, WARDEN_LEVEL_ERROR, "%s (%s)",
				   keeper->settings_error,
				   warden_policy(keeper->warden, now) != NULL
					   ? "the rules of before stay in force"
					   : "nobody is refused");
	}
	keeper->networks = *warden_admin_networks(keeper->warden);
	keeper->started = true;
}

/* --- Blocked networks ----------------------------------------------------- */

static bool networks_have(const struct warden_networks *networks,
			  const struct warden_net *net)
{
	for (uint32_t i = 0; i < networks->count; i++) {
		if (warden_net_equals(&networks->networks[i].net, net))
			return true;
	}
	return false;
}

static void keeper_report_networks(struct warden_keeper *keeper,
				   const struct warden_networks *present,
				   const struct warden_policy *policy,
				   uint64_t now, int64_t wall_now)
{
	const struct warden_networks *before = &keeper->networks;

	for (uint32_t i = 0; i < present->count; i++) {
		if (!networks_have(before, &present->networks[i].net)) {
			warden_report_network(&keeper->report,
					      &present->networks[i], policy,
					      true, now, wall_now);
		}
	}
	for (uint32_t i = 0; i < before->count; i++) {
		if (networks_have(present, &before->networks[i].net))
			continue;
		warden_saver_want(&keeper->saver);
		warden_report_network(&keeper->report, &before->networks[i],
				      policy, false, now, wall_now);
	}
}

static void keeper_networks(struct warden_keeper *keeper,
			    const struct warden_policy *policy, uint64_t now,
			    int64_t wall_now)
{
	const struct warden_networks *networks;
	struct warden_error error = { .text = "" };

	(void)warden_admin_networks_expire(keeper->warden, now, &error);
	if (error.text[0] != '\0')
		keeper_tell(keeper, TOLD_NETWORKS, error.text);
	networks = warden_admin_networks(keeper->warden);
	keeper_report_networks(keeper, networks, policy, now, wall_now);
	keeper->networks = *networks;
}

/* --- Sweep ---------------------------------------------------------------- */

static bool network_is_due(const struct warden_networks *networks,
			   uint32_t now_secs)
{
	for (uint32_t i = 0; i < networks->count; i++) {
		if (networks->networks[i].until_secs <= now_secs)
			return true;
	}
	return false;
}

static bool keeper_sweep_is_due(const struct warden_keeper *keeper,
				uint64_t now)
{
	uint32_t now_secs = (uint32_t)(now / 1000);

	if (keeper->swept == 0)
		return true;
	if (now - keeper->swept < keeper->sweep_msecs)
		return false;
	if (keeper->sweep_failed)
		return now - keeper->swept >= WARDEN_KEEPER_RETRY_MSECS;
	return now - keeper->swept >= WARDEN_KEEPER_SWEEP_MSECS ||
	       warden_blocks_changed(keeper->warden) != keeper->changed ||
	       warden_sweep_next_end(keeper->sweep) <= now_secs ||
	       keeper->name_found ||
	       warden_sweep_wait_ends(keeper->sweep) <= now ||
	       network_is_due(&keeper->networks, now_secs);
}

static void keeper_report_changes(struct warden_keeper *keeper,
				  const struct warden_sweep_change *changes,
				  size_t count,
				  const struct warden_policy *policy,
				  uint64_t now, int64_t wall_now)
{
	for (size_t i = 0; i < count; i++) {
		/* what an admin has taken back must not come back from the
		   state file, should we be killed */
		if (!changes[i].began &&
		    changes[i].info.blocked_until > now / 1000)
			warden_saver_want(&keeper->saver);
		warden_report_change(&keeper->report, &changes[i], policy, now,
				     wall_now);
	}
}

/* Whose block ended while we cannot tell would stay denied, by sshd too: better
   nobody is. */
static void keeper_sweep_failed(struct warden_keeper *keeper)
{
	keeper->sweep_failed = true;
	(void)warden_outlets_set(keeper->outlets, NULL, 0);
	keeper_tell(keeper, TOLD_MEMORY,
		    "out of memory: while that lasts the deny file is empty "
		    "and blocks are not logged; raise vsz_limit in service "
		    "warden { }");
}

static void keeper_update_denied(struct warden_keeper *keeper,
				 const struct warden_policy *policy,
				 uint64_t now)
{
	struct warden_denied *denied = NULL;
	size_t count = 0;

	if ((keeper->report.in_force &&
	     warden_sweep_deny_list(keeper->sweep, keeper->warden, policy, now,
				    &denied, &count) < 0) ||
	    !warden_outlets_set(keeper->outlets, denied, count))
		keeper_sweep_failed(keeper);
	free(denied);
}

static void keeper_sweep(struct warden_keeper *keeper, uint64_t now,
			 int64_t wall_now)
{
	const struct warden_policy *policy = keeper_policy(keeper, now);
	const struct warden_sweep_change *changes;
	/* before the walk: what changes during it is for the next one */
	uint64_t changed = warden_blocks_changed(keeper->warden);
	size_t count;

	/* not before rules were published once */
	keeper->report.in_force = warden_policy(keeper->warden, now) != NULL;
	keeper_networks(keeper, policy, now, wall_now);
	keeper->swept = now;
	keeper->sweep_failed = false;
	keeper->name_found = false;
	if (!warden_sweep_run(keeper->sweep, keeper->warden, policy, now,
			      &changes, &count)) {
		keeper_sweep_failed(keeper);
		return;
	}
	keeper->changed = changed;
	warden_admin_publish_named(keeper->warden,
				   warden_sweep_named(keeper->sweep));
	keeper_report_changes(keeper, changes, count, policy, now, wall_now);
	keeper_update_denied(keeper, policy, now);
}

/* --- hosts.allow and hosts.deny -------------------------------------------- */

size_t warden_keeper_rules_size(const struct warden_settings *settings)
{
	struct warden_rule_watch *watch = rule_watch_create(settings);
	struct warden_rules_image image = { .data = NULL };
	struct warden_rules_notices notices;
	struct warden_error error;
	size_t size = 0;

	if (watch != NULL &&
	    warden_rule_watch_look(watch, &image, &notices, &error) ==
		    WARDEN_RULE_WATCH_NEW)
		size = image.size;
	warden_rules_image_free(&image);
	warden_rule_watch_free(&watch);
	return size;
}

const char *warden_keeper_wants_restart(const struct warden_keeper *keeper)
{
	return keeper->wants_restart;
}

static void keeper_report_notices(struct warden_keeper *keeper,
				  const struct warden_rules_notices *notices)
{
	for (unsigned int i = 0; i < notices->count; i++) {
		warden_report_line(&keeper->report, WARDEN_LEVEL_WARNING, "%s",
				   notices->list[i].text);
	}
	if (notices->more > 0) {
		warden_report_line(&keeper->report, WARDEN_LEVEL_WARNING,
				   "and %u more lines of hosts.allow and "
				   "hosts.deny like these",
				   notices->more);
	}
}

static void keeper_publish_rules(struct warden_keeper *keeper,
				 const struct warden_rules_image *image,
				 const struct warden_rules_notices *notices,
				 uint64_t now)
{
	bool published = warden_admin_publish_rules(keeper->warden, image->data,
						    image->size);

	if (!published && keeper->rules_seen) {
		/* at its start there will be room for them */
		keeper->wants_restart = "hosts.allow and hosts.deny need";
		return;
	}
	if (!published) {
		warden_report_line(&keeper->report, WARDEN_LEVEL_ERROR,
				   "no room for the rules of hosts.allow and "
				   "hosts.deny, %zu bytes; those of before "
				   "stay in force",
				   image->size);
	}
	if (published) {
		warden_sweep_names_forget(keeper->sweep,
					  keeper_policy(keeper, now), now);
	}
	keeper->rules_failed = !published;
	keeper_report_notices(keeper, notices);
}

static void keeper_look_at_rules(struct warden_keeper *keeper, uint64_t now)
{
	struct warden_rules_image image;
	struct warden_rules_notices notices;
	struct warden_error error;

	switch (warden_rule_watch_look(keeper->rule_watch, &image, &notices,
				       &error)) {
	case WARDEN_RULE_WATCH_SAME:
		return;
	case WARDEN_RULE_WATCH_NEW:
		keeper_publish_rules(keeper, &image, &notices, now);
		break;
	case WARDEN_RULE_WATCH_BAD:
		keeper->rules_failed = true;
		warden_report_line(&keeper->report, WARDEN_LEVEL_ERROR,
				   "%s; the rules of before stay in force",
				   error.text);
		break;
	}
	keeper->rules_seen = true;
	warden_rules_image_free(&image);
}

/* --- Where addresses come from --------------------------------------------- */

/* For the next boot. It only takes longer then without. */
static void keeper_keep_origins_size(struct warden_keeper *keeper, size_t size)
{
	const char *dir = keeper->settings.state_dir;
	struct warden_error error;

	if (size != warden_origins_size_read(dir) &&
	    !warden_origins_size_write(dir, size, &error)) {
		warden_report_line(&keeper->report, WARDEN_LEVEL_WARNING, "%s",
				   error.text);
	}
}

static void keeper_publish_origins(struct warden_keeper *keeper,
				   const void *image, size_t size)
{
	switch (warden_admin_publish_origins(keeper->warden, image, size)) {
	case WARDEN_ADMIN_ROOM_ENOUGH:
		keeper->origins_failed = false;
		if (size > 0) {
			keeper_keep_origins_size(keeper, size);
			warden_report_line(
				&keeper->report, WARDEN_LEVEL_INFO,
				"countries and autonomous systems are known "
				"from %s",
				warden_geoip_watch_about(keeper->geoip_watch));
		}
		break;
	case WARDEN_ADMIN_ROOM_LATER:
		keeper->wants_restart = "the databases of warden_geoip_* need";
		break;
	case WARDEN_ADMIN_ROOM_NONE:
		keeper->origins_failed = true;
		warden_report_line(&keeper->report, WARDEN_LEVEL_ERROR,
				   "no room for what the databases of "
				   "warden_geoip_* know, %zu bytes; what they "
				   "said before stays in force",
				   size);
		break;
	}
}

/* Without rules in force nobody is told: what was published stays. */
static void keeper_look_at_origins(struct warden_keeper *keeper)
{
	struct warden_error error;
	size_t before_size, size;
	const void *before = warden_admin_origins(keeper->warden, &before_size);
	void *image = NULL;

	switch (warden_geoip_watch_look(keeper->geoip_watch, before,
					before_size, &image, &size, &error)) {
	case WARDEN_GEOIP_WATCH_SAME:
		break;
	case WARDEN_GEOIP_WATCH_NEW:
		keeper_publish_origins(keeper, image, size);
		free(image);
		break;
	case WARDEN_GEOIP_WATCH_BAD:
		warden_report_line(&keeper->report, WARDEN_LEVEL_ERROR,
				   "%s; what it said before stays in force",
				   error.text);
		break;
	}
}

/* --- Host names ------------------------------------------------------------ */

bool warden_keeper_next_name(struct warden_keeper *keeper,
			     struct warden_net *addr_r)
{
	return warden_sweep_name_next(keeper->sweep, addr_r);
}

unsigned int warden_keeper_name_msecs(struct warden_keeper *keeper,
				      uint64_t now)
{
	return 1000 * keeper_policy(keeper, now)->dns_timeout_secs;
}

void warden_keeper_name_found(struct warden_keeper *keeper,
			      const struct warden_client *client, uint64_t now)
{
	if (warden_sweep_name_found(keeper->sweep, keeper->warden, client,
				    keeper_policy(keeper, now), now))
		keeper->name_found = true;
	warden_admin_publish_named(keeper->warden,
				   warden_sweep_named(keeper->sweep));
}

/* --- Tidying -------------------------------------------------------------- */

static void keeper_check_table(struct warden_keeper *keeper)
{
	const struct warden_hosts_header *header =
		warden_admin_table(keeper->warden)->header;

	if (atomic_load(&header->set_full) > 0) {
		keeper_tell(keeper, TOLD_SET_FULL,
			    "the table has parts that are full of blocked "
			    "hosts, and blocks end there before their time: "
			    "raise warden_table_hosts");
	}
	if (atomic_load(&header->bucket_full) > 0) {
		keeper_tell(keeper, TOLD_BUCKET_FULL,
			    "more sessions at once than the table can count: "
			    "some were let in uncounted");
	}
}

struct keeper_ended {
	struct warden_keeper *keeper;
	uint64_t now;
};

static void keeper_siege_ended(void *context,
			       const struct warden_siege_end *end)
{
	const struct keeper_ended *ended = context;

	warden_report_siege_end(&ended->keeper->report, end,
				keeper_policy(ended->keeper, ended->now),
				ended->now);
}

static void keeper_look_at_sieges(struct warden_keeper *keeper, uint64_t now)
{
	struct keeper_ended ended = { .keeper = keeper, .now = now };

	warden_admin_look_at_sieges(keeper->warden, keeper_policy(keeper, now),
				    now, keeper_siege_ended, &ended);
}

static void keeper_tidy(struct warden_keeper *keeper, uint64_t now)
{
	struct warden_table *table = warden_admin_table(keeper->warden);

	if (now - keeper->tidied < WARDEN_KEEPER_TIDY_MSECS)
		return;
	keeper->tidied = now;
	(void)warden_reap(table, &keeper->reap_cursor, now);
	keeper_look_at_sieges(keeper, now);
	keeper_check_table(keeper);
	warden_outlets_look(keeper->outlets);
	if (now - keeper->expired < WARDEN_KEEPER_SWEEP_MSECS)
		return;
	keeper->expired = now;
	(void)warden_table_expire(table, keeper_policy(keeper, now), now);
}

/* Whoever damages the table can do so again at each tick. */
static void keeper_mend(struct warden_keeper *keeper, uint64_t now)
{
	struct warden_error error;

	if (!warden_admin_mend(keeper->warden, &error) ||
	    (keeper->mend_logged != 0 &&
	     now - keeper->mend_logged < MEND_LOG_MSECS))
		return;
	keeper->mend_logged = now;
	warden_report_line(&keeper->report, WARDEN_LEVEL_ERROR, "%s",
			   error.text);
}

/* Attempts at sshd and others that ended without a word. Before the sweep: it
   then finds the blocks that begin here. Nobody is blocked while the fuse is
   blown: then they wait. */
static void keeper_settle(struct warden_keeper *keeper, uint64_t now)
{
	const struct warden_policy *policy = warden_policy(keeper->warden, now);

	if (policy != NULL && policy->mode != WARDEN_MODE_OFF &&
	    !keeper->fuse.blown) {
		(void)warden_reap_pendings(warden_admin_table(keeper->warden),
					   policy, now);
	}
}

static void keeper_look_at_fuse(struct warden_keeper *keeper, uint64_t now)
{
	struct warden_fuse *fuse = &keeper->fuse;
	bool changed =
		warden_fuse_look(fuse, warden_admin_table(keeper->warden), now);

	warden_admin_set_fuse(keeper->warden,
			      fuse->blown ? (uint32_t)(fuse->until / 1000) : 0);
	if (changed && fuse->blown) {
		(void)warden_fuse_lift(warden_admin_table(keeper->warden),
				       keeper_policy(keeper, now), now);
		warden_report_line(&keeper->report, WARDEN_LEVEL_WARNING,
				   "nearly all known hosts fail and hardly "
				   "anybody logs in: as long as that lasts "
				   "nobody is blocked. Are the password "
				   "database and the certificate in order?");
	} else if (changed) {
		warden_report_line(&keeper->report, WARDEN_LEVEL_INFO,
				   "known hosts log in again: who fails is "
				   "blocked again");
	}
}

static uint32_t keeper_faults(const struct warden_keeper *keeper)
{
	uint32_t faults = keeper->dir_faults;

	faults |= warden_outlets_faults(keeper->outlets);
	if (keeper->saver.failed)
		faults |= WARDEN_FAULT_STATE;
	if (keeper->saver.lost)
		faults |= WARDEN_FAULT_STATE_LOST;
	if (keeper->sweep_failed)
		faults |= WARDEN_FAULT_MEMORY;
	if (keeper->rules_failed)
		faults |= WARDEN_FAULT_RULES;
	if (keeper->origins_failed ||
	    warden_geoip_watch_failed(keeper->geoip_watch))
		faults |= WARDEN_FAULT_GEOIP;
	return faults;
}

void warden_keeper_tick(struct warden_keeper *keeper, uint64_t now,
			int64_t wall_now)
{
	/* before anything else looks at the table */
	keeper_mend(keeper, now);
	if (keeper->settings_error == NULL)
		keeper_look_at_rules(keeper, now);
	if (keeper->settings_error == NULL)
		keeper_look_at_origins(keeper);
	if (!keeper->started)
		keeper_start(keeper, now, wall_now);
	warden_admin_heartbeat(keeper->warden, keeper->pid, false, now);
	keeper_look_at_fuse(keeper, now);
	keeper_settle(keeper, now);
	if (keeper_policy(keeper, now)->session_limit_total != 0)
		warden_admin_count_sessions(keeper->warden, now);
	if (keeper_sweep_is_due(keeper, now))
		keeper_sweep(keeper, now, wall_now);
	warden_neighbours_look(keeper->neighbours, keeper->warden,
			       keeper_policy(keeper, now), now);
	warden_sweep_names_queue(keeper->sweep, keeper_policy(keeper, now),
				 now);
	warden_outlets_tick(keeper->outlets, &keeper->report, false, now);
	keeper_tidy(keeper, now);
	warden_saver_save(&keeper->saver, keeper->warden,
			  keeper_policy(keeper, now), &keeper->report, false,
			  now, wall_now);
	warden_report_flush(&keeper->report, false, now);
	warden_admin_set_faults(keeper->warden, keeper_faults(keeper));
}

void warden_keeper_shutdown(struct warden_keeper *keeper, uint64_t now,
			    int64_t wall_now)
{
	const struct warden_named nobody = { .count = 0 };

	/* never started: the files are another keeper's */
	if (!keeper->started)
		return;
	warden_saver_save(&keeper->saver, keeper->warden,
			  keeper_policy(keeper, now), &keeper->report, true,
			  now, wall_now);
	warden_admin_publish_named(keeper->warden, &nobody);
	(void)warden_outlets_set(keeper->outlets, NULL, 0);
	warden_outlets_tick(keeper->outlets, &keeper->report, true, now);
	warden_report_flush(&keeper->report, true, now);
}
