/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Which process opens which shared files, and what becomes of one that is
   missing or bad. The service is the only one that puts another in the place
   of a bad one; all others do without. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-private.h"

/* A table that is filled before it takes the name of the one in use. */
#define NEW_HOSTS_NAME ".hosts.new"

/* One of the five, and what it takes to make it. */
struct shared_file {
	const char *name;
	enum warden_file_kind kind;
	bool writable;
	size_t size;
	uint32_t geometry[4];
};

/* doveadm and PAM look at what is there, or at nothing. */
static bool role_creates(enum warden_role role)
{
	return role != WARDEN_ROLE_ADMIN && role != WARDEN_ROLE_PAM;
}

static int dir_open(const char *path, enum warden_role role,
		    struct warden_error *error_r)
{
	int fd;

	if (role_creates(role) && mkdir(path, 0700) < 0 &&
	    errno != EEXIST) {
		warden_error_set(error_r, "mkdir(%s) failed: %s", path,
				 strerror(errno));
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		warden_error_set(error_r, "open(%s) failed: %s", path,
				 strerror(errno));
	}
	return fd;
}

static enum warden_file_status
file_open_or_create(struct warden_file *file_r, int dir_fd,
		    const struct shared_file *shared, int *fd_r,
		    struct warden_error *error_r)
{
	enum warden_file_status status =
		warden_file_open(file_r, dir_fd, shared->name, shared->kind,
				 shared->writable, fd_r, error_r);

	if (status != WARDEN_FILE_MISSING)
		return status;
	if (!warden_file_create(dir_fd, shared->name, shared->kind,
				shared->size, shared->geometry, error_r))
		return WARDEN_FILE_ERROR;
	return warden_file_open(file_r, dir_fd, shared->name, shared->kind,
				shared->writable, fd_r, error_r);
}

static enum warden_file_status
file_open(struct warden_file *file_r, int dir_fd, enum warden_role role,
	  const struct shared_file *shared, int *fd_r,
	  struct warden_error *error_r)
{
	if (!role_creates(role)) {
		return warden_file_open(file_r, dir_fd, shared->name,
					shared->kind, shared->writable, fd_r,
					error_r);
	}
	return file_open_or_create(file_r, dir_fd, shared, fd_r, error_r);
}

/* Open a file that has one size only; the service replaces a bad one. */
static bool file_open_sized(struct warden_file *file_r, int dir_fd,
			    enum warden_role role,
			    const struct shared_file *shared, int *fd_r,
			    struct warden_error *error_r)
{
	enum warden_file_status status = file_open(file_r, dir_fd, role, shared,
						   fd_r, error_r);

	if (status == WARDEN_FILE_OK && file_r->size != shared->size) {
		warden_error_set(error_r, "%s: its size is not right",
				 shared->name);
		warden_file_close(file_r);
		if (fd_r != NULL) {
			(void)close(*fd_r);
			*fd_r = -1;
		}
		status = WARDEN_FILE_BAD;
	}
	if (status == WARDEN_FILE_BAD && role == WARDEN_ROLE_SERVICE) {
		warden_file_retire(dir_fd, shared->name);
		status = file_open_or_create(file_r, dir_fd, shared, fd_r,
					     error_r);
	}
	return status == WARDEN_FILE_OK && file_r->size == shared->size;
}

/* --- hosts: its room may be another than the settings say ------------------ */

/* What lives through a change of the table's room: blocks, offences and known
   hosts. Points and sessions start anew. */
static void table_carry_over(struct warden_table *dest,
			     const struct warden_table *src, uint64_t now)
{
	struct warden_policy policy;
	struct warden_host_info info;
	uint64_t index = 0;

	warden_policy_init_defaults(&policy);
	policy.known_time_secs = WARDEN_TIME_MAX_SECS;
	while (warden_table_next(src, &index, &policy, now, &info)) {
		if (info.blocked || info.offences > 0) {
			(void)warden_table_block(dest, &info.host,
						 info.blocked_until,
						 info.offences, info.reason,
						 info.refused, now);
		}
		if (info.known) {
			warden_table_set_known(dest, &info.host,
					       info.last_login, info.users,
					       now);
		}
	}
}

/* Whoever has the file `hosts` mapped learns that it is another by now. */
static void hosts_tell_others(struct warden *warden)
{
	atomic_fetch_add(&warden->shared_policy->hosts_serial, 1);
}

/* A service may have been killed while it replaced the table. If the new one
   has its name already, those who work on the old one were perhaps not told. */
static void table_replace_finish(struct warden *warden, int dir_fd)
{
	(void)unlinkat(dir_fd, NEW_HOSTS_NAME, 0);
	if (warden_file_has_predecessor(dir_fd, "hosts"))
		hosts_tell_others(warden);
	warden_file_drop_predecessor(dir_fd, "hosts");
}

/* Put a table of another size in the place of the one in file: filled first,
   then given the name, then all are told, and only then the old one is dropped:
   as long as it is there the next service tells them again. On failure the old
   one stays in use. */
static bool table_replace(struct warden *warden, int dir_fd,
			  const struct shared_file *shared, uint64_t now,
			  struct warden_error *error_r)
{
	struct shared_file temp = *shared;
	struct warden_file *file = &warden->hosts_file, new_file = { NULL, 0 };
	struct warden_table old_table, new_table;
	int fd = -1;

	temp.name = NEW_HOSTS_NAME;
	if (file_open_or_create(&new_file, dir_fd, &temp, &fd, error_r) !=
	    WARDEN_FILE_OK)
		return false;
	if (warden_table_init(&old_table, file->base, file->size) &&
	    warden_table_init(&new_table, new_file.base, new_file.size))
		table_carry_over(&new_table, &old_table, now);
	if (!warden_file_succeed(dir_fd, temp.name, shared->name, error_r)) {
		(void)unlinkat(dir_fd, temp.name, 0);
		warden_file_close(&new_file);
		(void)close(fd);
		return false;
	}
	hosts_tell_others(warden);
	warden_file_drop_predecessor(dir_fd, shared->name);
	warden_file_close(file);
	(void)close(warden->hosts_fd);
	*file = new_file;
	warden->hosts_fd = fd;
	return true;
}

/* The room asked for, or less: a guard must not fill the memory that mail
   needs. Returns true if it is all that was asked for. */
static bool hosts_fit(struct shared_file *shared, int dir_fd, uint32_t hosts)
{
	const uint32_t wanted = hosts;
	size_t room = warden_file_room(dir_fd);

	shared->size = warden_table_size(hosts, shared->geometry);
	while (shared->size > room && hosts / 2 >= WARDEN_TABLE_HOSTS_MIN) {
		hosts /= 2;
		shared->size = warden_table_size(hosts, shared->geometry);
	}
	return hosts == wanted;
}

/* The header that is kept is the one that the service puts back for all times,
   so it must be a good one, whatever a login process writes there while we
   look: a copy is taken and then checked. */
static bool hosts_init(struct warden *warden, struct warden_error *error_r)
{
	const struct warden_file *file = &warden->hosts_file;
	struct warden_file_header *kept = &warden->hosts_header;

	memcpy(kept, file->base, sizeof(*kept));
	if (warden_file_check_header(kept, "hosts", WARDEN_FILE_HOSTS,
				     file->size, error_r) != WARDEN_FILE_OK)
		return false;
	if (!warden_table_init(&warden->table, file->base, file->size) ||
	    !warden_table_has_header(&warden->table, kept)) {
		warden_error_set(error_r, "hosts: its geometry is not right");
		return false;
	}
	return true;
}

/* What was bad and has been replaced has another serial too. It is told before:
   were we killed in between, nobody would ever know; and whoever comes in
   between cannot open what is bad. */
static bool hosts_replace_bad(struct warden *warden, int dir_fd,
			      const struct shared_file *shared,
			      struct warden_error *error_r)
{
	if (warden->role != WARDEN_ROLE_SERVICE)
		return false;
	warden_file_close(&warden->hosts_file);
	if (warden->hosts_fd != -1)
		(void)close(warden->hosts_fd);
	warden->hosts_fd = -1;
	hosts_tell_others(warden);
	warden_file_retire(dir_fd, shared->name);
	return file_open_or_create(&warden->hosts_file, dir_fd, shared,
				   &warden->hosts_fd,
				   error_r) == WARDEN_FILE_OK &&
	       hosts_init(warden, error_r);
}

static bool hosts_open(struct warden *warden, int dir_fd, uint32_t hosts,
		       struct warden_error *error_r)
{
	struct shared_file shared = { .name = "hosts",
				      .kind = WARDEN_FILE_HOSTS,
				      .writable = true };
	bool service = warden->role == WARDEN_ROLE_SERVICE;
	bool fits = hosts_fit(&shared, dir_fd, hosts);
	struct warden_error replace_error;
	enum warden_file_status status;

	if (service)
		table_replace_finish(warden, dir_fd);
	/* before the file: if that is replaced now, we shall notice */
	warden->hosts_serial =
		atomic_load(&warden->shared_policy->hosts_serial);
	status = file_open(&warden->hosts_file, dir_fd, warden->role, &shared,
			   service ? &warden->hosts_fd : NULL, error_r);
	if (status != WARDEN_FILE_OK && status != WARDEN_FILE_BAD)
		return false;
	if ((status == WARDEN_FILE_BAD || !hosts_init(warden, error_r)) &&
	    !hosts_replace_bad(warden, dir_fd, &shared, error_r))
		return false;
	if (service && fits && warden->hosts_file.size != shared.size &&
	    table_replace(warden, dir_fd, &shared, warden_clock_now(),
			  &replace_error) &&
	    !hosts_init(warden, error_r))
		return false;
	if (service) {
		warden->hosts_serial =
			atomic_load(&warden->shared_policy->hosts_serial);
	}
	return true;
}

static bool policy_open(struct warden *warden, int dir_fd,
			struct warden_error *error_r)
{
	bool writer = warden->role == WARDEN_ROLE_SERVICE ||
		      warden->role == WARDEN_ROLE_ADMIN;
	struct shared_file shared = { .name = "policy",
				      .kind = WARDEN_FILE_POLICY,
				      .writable = writer,
				      .size = sizeof(struct warden_policy_file) };

	if (!file_open_sized(&warden->policy_file, dir_fd, warden->role,
			     &shared, writer ? &warden->policy_fd : NULL,
			     error_r))
		return false;
	warden->shared_policy = warden->policy_file.base;
	return true;
}

static bool auth_open(struct warden *warden, int dir_fd,
		      struct warden_error *error_r)
{
	struct shared_file shared = { .name = "auth",
				      .kind = WARDEN_FILE_AUTH,
				      .writable = true,
				      .size = sizeof(struct warden_auth_file) };

	if (warden->role != WARDEN_ROLE_AUTH &&
	    warden->role != WARDEN_ROLE_SERVICE)
		return true;
	return file_open_sized(&warden->auth_file, dir_fd, warden->role,
			       &shared, NULL, error_r) &&
	       warden_suspects_init(&warden->suspects, warden->auth_file.base,
				    warden->auth_file.size) &&
	       warden_memory_init(&warden->memory, warden->auth_file.base,
				  warden->auth_file.size) &&
	       warden_siege_init(&warden->siege, warden->auth_file.base,
				 warden->auth_file.size);
}

/* --- rules, origins: as much room as they need ---------------------------- */

/* One of the two, and where it belongs in the handle. */
struct shelf_place {
	struct shared_file shared;
	struct warden_file *file;
	struct warden_shelf *shelf;
};

static struct shelf_place rules_place(struct warden *warden)
{
	struct shelf_place place = {
		.shared = { .name = "rules", .kind = WARDEN_FILE_RULES },
		.file = &warden->rules_file,
		.shelf = &warden->rulebook,
	};
	return place;
}

static struct shelf_place origins_place(struct warden *warden)
{
	struct shelf_place place = {
		.shared = { .name = "origins", .kind = WARDEN_FILE_ORIGINS },
		.file = &warden->origins_file,
		.shelf = &warden->origins,
	};
	return place;
}

static void shelf_fit(struct shelf_place *place, enum warden_role role,
		      size_t image_size)
{
	place->shared.writable = role == WARDEN_ROLE_SERVICE;
	place->shared.size = warden_shelf_size(image_size);
}

static bool shelf_init(struct shelf_place *place, struct warden_error *error_r)
{
	if (warden_shelf_init(place->shelf, place->file->base,
			      place->file->size))
		return true;
	warden_error_set(error_r, "%s: its size is not right",
			 place->shared.name);
	memset(place->shelf, 0, sizeof(*place->shelf));
	warden_file_close(place->file);
	return false;
}

/* Put another one in the place of what has that name, which may be bad. */
static bool shelf_replace_bad(struct shelf_place *place, int dir_fd,
			      struct warden_error *error_r)
{
	memset(place->shelf, 0, sizeof(*place->shelf));
	warden_file_close(place->file);
	warden_file_retire(dir_fd, place->shared.name);
	return file_open_or_create(place->file, dir_fd, &place->shared, NULL,
				   error_r) == WARDEN_FILE_OK &&
	       shelf_init(place, error_r);
}

static void image_copy(const void *image, size_t size, void *context)
{
	/* there was room for it, and now there is more */
	(void)warden_shelf_write(context, image, size);
}

/* Put a larger one in its place, as with the table: it is filled first, then it
   takes the name, so that nobody finds the name free and makes one of his own,
   and then the old one is retired. Until the service has something newer, what
   is in force goes on to be. On failure the old one stays in use. */
static bool shelf_replace(struct shelf_place *place, int dir_fd,
			  struct warden_error *error_r)
{
	const char *name = place->shared.name;
	struct shared_file temp = place->shared;
	struct warden_file new_file = { NULL, 0 };
	struct warden_shelf new_shelf;
	char temp_name[32];

	(void)snprintf(temp_name, sizeof(temp_name), ".%s.new", name);
	temp.name = temp_name;
	(void)unlinkat(dir_fd, temp_name, 0);
	if (file_open_or_create(&new_file, dir_fd, &temp, NULL, error_r) !=
	    WARDEN_FILE_OK)
		return false;
	if (warden_shelf_init(&new_shelf, new_file.base, new_file.size))
		(void)warden_shelf_ask(place->shelf, image_copy, &new_shelf);
	if (!warden_file_succeed(dir_fd, temp_name, name, error_r)) {
		(void)unlinkat(dir_fd, temp_name, 0);
		warden_file_close(&new_file);
		return false;
	}
	warden_file_drop_predecessor(dir_fd, name);
	warden_file_close(place->file);
	*place->file = new_file;
	return shelf_init(place, error_r);
}

static bool shelf_open(struct shelf_place *place, int dir_fd,
		       enum warden_role role, struct warden_error *error_r)
{
	enum warden_file_status status;

	shelf_fit(place, role, 0);
	/* of a service that was killed before those who have it mapped were
	   told */
	if (role == WARDEN_ROLE_SERVICE)
		warden_file_drop_predecessor(dir_fd, place->shared.name);
	status = file_open(place->file, dir_fd, role, &place->shared, NULL,
			   error_r);
	if (status == WARDEN_FILE_OK && shelf_init(place, error_r))
		return true;
	if (status != WARDEN_FILE_OK && status != WARDEN_FILE_BAD)
		return false;
	return role == WARDEN_ROLE_SERVICE &&
	       shelf_replace_bad(place, dir_fd, error_r);
}

static bool shelf_make_room(struct shelf_place *place, const char *dir,
			    enum warden_role role, size_t image_size,
			    struct warden_error *error_r)
{
	bool ok;
	int dir_fd;

	if (image_size <= place->shelf->room)
		return true;
	dir_fd = dir_open(dir, role, error_r);
	if (dir_fd < 0)
		return false;
	shelf_fit(place, role, image_size);
	if (place->shared.size > warden_file_room(dir_fd)) {
		warden_error_set(error_r, "%s: no room for %s of %zu bytes",
				 dir, place->shared.name, image_size);
		ok = false;
	} else {
		(void)flock(dir_fd, LOCK_EX);
		ok = shelf_replace(place, dir_fd, error_r);
		if (ok && place->shelf->room < image_size) {
			warden_error_set(error_r, "%s: somebody else made %s",
					 dir, place->shared.name);
			ok = false;
		}
	}
	(void)close(dir_fd);
	return ok;
}

bool warden_admin_rules_make_room(struct warden *warden, const char *dir,
				  size_t image_size,
				  struct warden_error *error_r)
{
	struct shelf_place place = rules_place(warden);

	return shelf_make_room(&place, dir, warden->role, image_size, error_r);
}

bool warden_admin_origins_make_room(struct warden *warden, const char *dir,
				    size_t image_size,
				    struct warden_error *error_r)
{
	struct shelf_place place = origins_place(warden);
	size_t wanted = image_size;

	if (warden->origins.shared != NULL &&
	    atomic_load(&warden->origins.shared->wanted) > wanted)
		wanted = atomic_load(&warden->origins.shared->wanted);
	return shelf_make_room(&place, dir, warden->role, wanted, error_r);
}

static bool shelves_open(struct warden *warden, int dir_fd,
			 struct warden_error *error_r)
{
	struct shelf_place rules = rules_place(warden);
	struct shelf_place origins = origins_place(warden);

	if (!shelf_open(&rules, dir_fd, warden->role, error_r))
		return false;
	/* who has too little memory for this one does without: then it is not
	   known where a client comes from */
	return shelf_open(&origins, dir_fd, warden->role, error_r) ||
	       warden->role != WARDEN_ROLE_SERVICE;
}

static bool files_open(struct warden *warden, int dir_fd, uint32_t hosts,
		       struct warden_error *error_r)
{
	return policy_open(warden, dir_fd, error_r) &&
	       hosts_open(warden, dir_fd, hosts, error_r) &&
	       auth_open(warden, dir_fd, error_r) &&
	       shelves_open(warden, dir_fd, error_r);
}

struct warden *warden_open(const char *dir, enum warden_role role,
			   uint32_t table_hosts, struct warden_error *error_r)
{
	struct warden *warden;
	bool ok;
	int dir_fd;

	dir_fd = dir_open(dir, role, error_r);
	if (dir_fd < 0)
		return NULL;
	warden = calloc(1, sizeof(*warden));
	if (warden == NULL) {
		warden_error_set(error_r, "out of memory");
		(void)close(dir_fd);
		return NULL;
	}
	warden->role = role;
	warden->policy_fd = -1;
	warden->hosts_fd = -1;
	warden_policy_init_defaults(&warden->defaults);
	/* two services during a reload: one of them at a time replaces */
	if (role == WARDEN_ROLE_SERVICE) {
		(void)flock(dir_fd, LOCK_EX);
		warden_file_clean(dir_fd);
	}
	ok = files_open(warden, dir_fd, table_hosts, error_r);
	(void)close(dir_fd);
	if (!ok)
		warden_close(&warden);
	return warden;
}

void warden_close(struct warden **_warden)
{
	struct warden *warden = *_warden;

	if (warden == NULL)
		return;
	*_warden = NULL;
	warden_file_close(&warden->policy_file);
	warden_file_close(&warden->hosts_file);
	warden_file_close(&warden->auth_file);
	warden_file_close(&warden->rules_file);
	warden_file_close(&warden->origins_file);
	if (warden->policy_fd != -1)
		(void)close(warden->policy_fd);
	if (warden->hosts_fd != -1)
		(void)close(warden->hosts_fd);
	free(warden);
}
