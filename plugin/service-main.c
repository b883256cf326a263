/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The process "warden" that Dovecot starts once: as root it reads the
   settings, opens the shared files and prepares its directory, then it becomes
   default_internal_user and hands a tick to the keeper (warden-keeper.h) until
   Dovecot ends it.

   `doveadm reload` starts the next one while this one still ends. A lock in
   base_dir/warden lets only one of them work.

   What goes wrong here must never cost anybody his mail, and an exit is tried
   again by Dovecot every few seconds with a line in the log each time. So a
   service that cannot do its work says so once and then sits still until the
   next reload. It exits only where sitting still would be worse: settings that
   could not be read may be readable the next time, and it does not stay root. */

#define _GNU_SOURCE /* O_PATH */

#include "lib.h"
#include "ioloop.h"
#include "ipwd.h"
#include "master-interface.h"
#include "master-service.h"
#include "service-config.h"
#include "service-events.h"
#include "service-names.h"
#include "warden-claim.h"
#include "warden-clock.h"
#include "warden-compat.h"
#include "warden-deny.h"
#include "warden-geoip-watch.h"
#include "warden-glue.h"
#include "warden-keeper.h"
#include "warden-origins-size.h"
#include "warden-outlet.h"
#include "warden-own-dir.h"
#include "warden-privileges.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_RETRY_MSECS 100
/* The former process has this long to end before we say that we wait. */
#define LOCK_WARN_MSECS 30000

static const char *const shared_names[] = { "policy", "hosts", "auth", "rules",
					    "origins" };

struct service {
	struct warden *warden;
	struct warden_keeper *keeper;
	struct warden_tally tally;
	struct timeout *to;
	int lock_fd;
	unsigned int lock_waited_msecs;
	/* only to see that the shared files are still the ones at their
	   names; they can be asked after root is given up */
	int shared_fds[N_ELEMENTS(shared_names)];
};

static struct service service;

static void service_log(void *context ATTR_UNUSED, enum warden_level level,
			const char *line,
			const struct warden_report_block *block)
{
	struct event *event =
		block == NULL ? event_create(NULL) : service_event_block(block);

	switch (level) {
	case WARDEN_LEVEL_DEBUG:
		e_debug(event, "%s", line);
		break;
	case WARDEN_LEVEL_INFO:
		e_info(event, "%s", line);
		break;
	case WARDEN_LEVEL_WARNING:
		e_warning(event, "%s", line);
		break;
	case WARDEN_LEVEL_ERROR:
		e_error(event, "%s", line);
		break;
	}
	event_unref(&event);
}

/* --- As root -------------------------------------------------------------- */

static bool service_prepare_dir(const char *dir, const struct passwd *pw,
				const char *settings, const char *without)
{
	struct warden_error error;

	if (warden_own_dir_prepare(dir, pw->pw_uid, pw->pw_gid, &error))
		return TRUE;
	i_error("%s: %s; %s", settings, error.text, without);
	return FALSE;
}

/* Both paths are given up if their directory is not fit to write in: no deny
   file and no state rather than one that others can forge. Returns which. */
static uint32_t service_prepare_dirs(struct warden_settings *set,
				     const struct passwd *pw)
{
	char deny_dir[sizeof(set->hosts_deny_file)] = "";
	uint32_t faults = 0;

	if (!warden_own_dir_of(set->hosts_deny_file, deny_dir,
			       sizeof(deny_dir)))
		deny_dir[0] = '\0';
	if (deny_dir[0] != '\0' && strcmp(deny_dir, set->state_dir) == 0) {
		if (!service_prepare_dir(
			    deny_dir, pw,
			    "warden_state_dir and warden_hosts_deny_file",
			    "nothing will survive a reboot, and there is "
			    "no deny file"))
			faults = WARDEN_FAULT_STATE_DIR | WARDEN_FAULT_DENY_DIR;
	} else {
		if (set->state_dir[0] != '\0' &&
		    !service_prepare_dir(set->state_dir, pw, "warden_state_dir",
					 "nothing will survive a reboot"))
			faults |= WARDEN_FAULT_STATE_DIR;
		if (deny_dir[0] != '\0' &&
		    !service_prepare_dir(deny_dir, pw, "warden_hosts_deny_file",
					 "there is no deny file"))
			faults |= WARDEN_FAULT_DENY_DIR;
	}
	if ((faults & WARDEN_FAULT_STATE_DIR) != 0)
		set->state_dir[0] = '\0';
	if ((faults & WARDEN_FAULT_DENY_DIR) != 0)
		set->hosts_deny_file[0] = '\0';
	return faults;
}

static bool service_open_files(const char *dir,
			       const struct warden_settings *set,
			       struct warden_error *error_r)
{
	const char *lock_path = t_strconcat(dir, "/service.lock", NULL);
	struct warden_error room_error;
	size_t origins = 0;

	service.warden = warden_open(dir, WARDEN_ROLE_SERVICE, set->table_hosts,
				     error_r);
	if (service.warden == NULL)
		return FALSE;
	if (!warden_admin_rules_make_room(service.warden, dir,
					  warden_keeper_rules_size(set),
					  &room_error))
		i_error("%s", room_error.text);
	if (set->geoip_country[0] != '\0' || set->geoip_asn[0] != '\0')
		origins = warden_origins_size_read(set->state_dir);
	if (!warden_admin_origins_make_room(service.warden, dir, origins,
					    &room_error))
		i_error("%s", room_error.text);
	service.lock_fd = open(lock_path,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (service.lock_fd == -1) {
		warden_error_set(error_r, "open(%s) failed: %s", lock_path,
				 strerror(errno));
		warden_close(&service.warden);
		return FALSE;
	}
	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++) {
		const char *path = t_strconcat(dir, "/", shared_names[i], NULL);

		service.shared_fds[i] =
			open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	}
	return TRUE;
}

static void service_open(const struct warden_settings *set,
			 const char *settings_error)
{
	struct warden_error error;

	if (!service_open_files(warden_glue_dir(), set, &error)) {
		i_error("the guard is off, everybody is let in: %s",
			error.text);
		return;
	}
	service.keeper =
		warden_keeper_create(service.warden, set, settings_error,
				     getpid(), service_log, NULL);
	if (service.keeper == NULL) {
		i_error("the guard is off, everybody is let in: "
			"out of memory");
	}
}

/* Nobody will ever take out of the deny file what another run left there. */
static void service_empty_deny_file(const struct warden_settings *set)
{
	struct warden_claim claim = WARDEN_CLAIM_INIT;
	struct warden_error error;

	/* the former process, or another Dovecot: that one does it */
	if (set->hosts_deny_file[0] == '\0' ||
	    !warden_claim_take(&claim, set->hosts_deny_file, &error))
		return;
	if (!warden_deny_write(set->hosts_deny_file, NULL, 0, &error))
		i_error("%s", error.text);
	warden_claim_release(&claim);
}

/* All that needs root, and the end of being root. */
static void service_preinit(void)
{
	struct service_config set;
	struct warden_error error, drop_error;
	struct passwd pw;
	uint32_t dir_faults;
	int ret;

	if (geteuid() != 0) {
		i_error("the guard is off, everybody is let in: the service "
			"must start as root, take 'drop_priv_before_exec' out "
			"of service warden { }");
		return;
	}
	ret = service_config_read(master_service, &set, &error);
	if (ret < 0)
		i_fatal("Error reading configuration: %s", error.text);
	if (i_getpwnam(set.user, &pw) <= 0)
		i_fatal("default_internal_user doesn't exist: %s", set.user);
	dir_faults = service_prepare_dirs(&set.warden, &pw);
	/* Dovecot's vsz_limit is there for processes that grow by mistake; what
	   we need grows with warden_table_hosts, and an admin who raises that
	   should not have to know of a second number. Where not even root may
	   do this, as in some containers, the keeper says so should it run
	   out. */
	(void)warden_privileges_raise_memory(
		warden_keeper_memory(set.warden.table_hosts) +
		warden_outlets_memory(&set.warden) +
		warden_geoip_watch_memory(set.warden.geoip_country,
					  set.warden.geoip_asn));
	service_open(&set.warden, ret > 0 ? NULL : error.text);
	if (!warden_privileges_drop(pw.pw_uid, pw.pw_gid,
				    set.warden.nftables.family[0] != '\0',
				    &drop_error))
		i_fatal("%s", drop_error.text);
	if (service.keeper == NULL)
		service_empty_deny_file(&set.warden);
	else
		warden_keeper_set_dir_faults(service.keeper, dir_faults);
}

/* --- As default_internal_user --------------------------------------------- */

/* Another file has taken the place of one of ours, or somebody has removed it:
   what we do reaches nobody. Only root can open the new one. */
static bool service_lost_files(const char **name_r)
{
	struct stat st;

	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++) {
		*name_r = shared_names[i];
		if (service.shared_fds[i] != -1 &&
		    fstat(service.shared_fds[i], &st) == 0 && st.st_nlink == 0)
			return TRUE;
	}
	*name_r = shared_names[1];
	return warden_is_retired(service.warden);
}

static void service_tick(void *context ATTR_UNUSED)
{
	uint64_t now = warden_clock_now();
	const char *name, *what;

	if (service_lost_files(&name)) {
		i_warning("%s/%s is another file now, starting anew",
			  warden_glue_dir(), name);
		/* the master starts the next one at once */
		master_service_stop(master_service);
		return;
	}
	warden_keeper_tick(service.keeper, now, warden_clock_wall(now));
	service_names_tick();
	warden_tally_tick(&service.tally, warden_admin_table(service.warden),
			  now, service_event_tally, NULL);
	what = warden_keeper_wants_restart(service.keeper);
	if (what != NULL) {
		i_info("%s more room, starting anew", what);
		master_service_stop(master_service);
	}
}

static void service_lock(void *context ATTR_UNUSED)
{
	if (flock(service.lock_fd, LOCK_EX | LOCK_NB) == 0) {
		timeout_remove(&service.to);
		warden_tally_init(&service.tally, warden_clock_now());
		service_names_init(service.keeper);
		service.to = timeout_add_short(WARDEN_KEEPER_TICK_MSECS,
					       service_tick, NULL);
		service_tick(NULL);
		return;
	}
	service.lock_waited_msecs += LOCK_RETRY_MSECS;
	if (service.lock_waited_msecs == LOCK_WARN_MSECS) {
		i_warning("still waiting for the former process to end: "
			  "%s/service.lock is locked",
			  warden_glue_dir());
	}
}

static void service_start(void)
{
	if (service.keeper == NULL)
		return;
	service.to = timeout_add_short(LOCK_RETRY_MSECS, service_lock, NULL);
	service_lock(NULL);
}

static void service_deinit(void)
{
	uint64_t now = warden_clock_now();

	timeout_remove(&service.to);
	service_names_deinit();
	if (service.keeper != NULL) {
		warden_keeper_shutdown(service.keeper, now,
				       warden_clock_wall(now));
	}
	warden_keeper_free(&service.keeper);
	warden_close(&service.warden);
	/* the next one may go on from here */
	i_close_fd(&service.lock_fd);
	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++)
		i_close_fd(&service.shared_fds[i]);
}

/* There is nothing to talk about; a connection that is not accepted is
   closed. */
static void client_connected(struct master_service_connection *conn ATTR_UNUSED)
{
}

static bool started_by_hand(int argc, char *argv[], int *status_r)
{
	bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 ||
				 strcmp(argv[1], "-h") == 0);

	if (!help && getenv(MASTER_IS_PARENT_ENV) != NULL)
		return FALSE;
	fprintf(help ? stdout : stderr,
		"warden: Dovecot starts this itself, from service warden { } "
		"in its configuration; to see what it does: "
		"doveadm warden status\n");
	*status_r = help ? 0 : 64; /* EX_USAGE */
	return TRUE;
}

int main(int argc, char *argv[])
{
	/* we have no clients, but are never idle */
	const enum master_service_flags flags =
		MASTER_SERVICE_FLAG_NO_IDLE_DIE |
		WARDEN_COMPAT_SERVICE_FLAGS_NO_TLS;
	int status;

	if (started_by_hand(argc, argv, &status))
		return status;
	service.lock_fd = -1;
	for (unsigned int i = 0; i < N_ELEMENTS(shared_names); i++)
		service.shared_fds[i] = -1;

	master_service = master_service_init("warden", flags, &argc, &argv, "");
	if (master_getopt(master_service) > 0)
		return FATAL_DEFAULT;
	master_service_init_log(master_service);
	service_preinit();
	master_service_init_finish(master_service);
	service_start();
	master_service_run(master_service, client_connected);
	service_deinit();
	master_service_deinit(&master_service);
	return 0;
}
