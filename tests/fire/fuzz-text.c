/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What is read as text: the state file, settings, addresses, files of PAM, and
   the hosts.deny of the admin, of which not a byte may be lost. The first line of
   the input names the reader, so the corpus can be read and edited. */

#define _GNU_SOURCE /* memmem() */

#include "fuzz.h"
#include "warden-clock.h"
#include "warden-hosts-deny.h"
#include "warden-pam-stack.h"
#include "warden-settings.h"
#include "warden-state.h"

#define DENY_FILE "/var/lib/dovecot/warden/hosts.deny"

static char path[320];

/* --- The state file ------------------------------------------------------- */

static void check_entry(const struct warden_state_entry *a,
			const struct warden_state_entry *b)
{
	FUZZ_CHECK(warden_net_equals(&a->net, &b->net));
	FUZZ_CHECK(a->kind == b->kind);
	FUZZ_CHECK(memcmp(a->hash, b->hash, sizeof(a->hash)) == 0);
	FUZZ_CHECK(a->blocked_until == b->blocked_until);
	FUZZ_CHECK(a->since == b->since && a->last_login == b->last_login);
	FUZZ_CHECK(a->refused == b->refused && a->offences == b->offences);
	FUZZ_CHECK(a->reason == b->reason);
}

/* What can be read is written again as something that reads the same. */
static void fuzz_state(const char *text, size_t size)
{
	struct warden_state_entry *entries, *again;
	struct warden_error error;
	size_t count, count_again;
	int64_t saved, saved_again;

	fuzz_file_put(path, text, size);
	if (warden_state_read(path, &saved, &entries, &count, &error) != 1) {
		FUZZ_CHECK(error.text[0] != '\0');
		return;
	}
	FUZZ_CHECK(warden_state_write(path, saved, entries, count, &error));
	FUZZ_CHECK(warden_state_read(path, &saved_again, &again, &count_again,
				     &error) == 1);
	FUZZ_CHECK(count == count_again && saved == saved_again);
	for (size_t i = 0; i < count; i++)
		check_entry(&entries[i], &again[i]);
	free(entries);
	free(again);
}

/* --- Settings ------------------------------------------------------------- */

static void check_settings(const struct warden_settings *settings)
{
	const char *deny = settings->hosts_deny_file;
	const char *dir = settings->state_dir;

	FUZZ_CHECK(memchr(deny, '\0', sizeof(settings->hosts_deny_file)));
	FUZZ_CHECK(memchr(dir, '\0', sizeof(settings->state_dir)));
	FUZZ_CHECK(deny[0] == '\0' || deny[0] == '/');
	FUZZ_CHECK(dir[0] == '\0' || (dir[0] == '/' && dir[1] != '\0'));
	FUZZ_CHECK(strpbrk(deny, " \t\r\n:,#\\") == NULL);
}

/* Lines "name = value". After a mistake nothing else than a path that was not
   understood is changed, and the rules are good ones all the time. */
static void fuzz_settings(char *text)
{
	struct warden_settings settings, before;
	struct warden_error error = { .text = "" };
	char *line, *value;
	bool ok = true;

	warden_settings_init_defaults(&settings);
	while ((line = strsep(&text, "\n")) != NULL) {
		value = strstr(line, " = ");
		if (value == NULL)
			continue;
		*value = '\0';
		value += 3;
		before = settings;
		if (strcmp(line, "trusted") == 0) {
			ok = warden_settings_add_exempt(&settings, line, value,
							&error);
		} else {
			ok = warden_settings_set(&settings, line, value,
						 &error);
			if (!ok) {
				FUZZ_CHECK(memcmp(&before, &settings,
						  sizeof(before)) == 0);
			}
			warden_settings_take(&settings, line, value, &ok,
					     &error);
		}
		FUZZ_CHECK(ok || memcmp(&before.policy, &settings.policy,
					sizeof(before.policy)) == 0);
		FUZZ_CHECK(ok || error.text[0] != '\0');
		check_settings(&settings);
		/* two settings that do not go together are found at the end */
		if (warden_settings_check(&settings, &error))
			FUZZ_CHECK(warden_policy_is_valid(&settings.policy));
	}
}

/* --- Addresses and times -------------------------------------------------- */

static void check_bits_clear(const struct warden_net *net)
{
	unsigned int max = warden_net_max_bits(net);

	FUZZ_CHECK(net->bits <= max);
	for (unsigned int i = net->bits; i < 128; i++)
		FUZZ_CHECK((net->bytes[i / 8] & (0x80 >> i % 8)) == 0);
}

static void check_host(const struct warden_net *net)
{
	struct warden_host host, again;
	struct warden_net back;

	if (!warden_host_from_net(&host, net, 24, 48))
		return;
	FUZZ_CHECK(host.key != 0 && host.family == net->family);
	warden_host_to_net(&host, 24, 48, &back);
	check_bits_clear(&back);
	FUZZ_CHECK(warden_net_contains(&back, net));
	FUZZ_CHECK(warden_host_from_net(&again, &back, 24, 48));
	FUZZ_CHECK(again.key == host.key);
}

static void fuzz_address(const char *text)
{
	struct warden_net net, again;
	char buf[WARDEN_NET_STRLEN];
	const char *error = NULL;

	if (!warden_net_parse(text, &net, &error)) {
		FUZZ_CHECK(error != NULL);
		return;
	}
	check_bits_clear(&net);
	FUZZ_CHECK(
		warden_net_parse(warden_net_format(&net, buf), &again, &error));
	FUZZ_CHECK(warden_net_equals(&net, &again));
	FUZZ_CHECK(warden_net_contains(&net, &again));
	FUZZ_CHECK(warden_net_overlaps(&net, &again));
	(void)warden_net_is_private(&net);
	(void)warden_net_is_around_ipv4(&net);
	(void)warden_net_format_hosts_access(&net, buf);
	FUZZ_CHECK(strpbrk(buf, " \t,") == NULL);
	check_host(&net);
}

static void fuzz_time(const char *text)
{
	char buf[WARDEN_CLOCK_STRLEN];
	const char *error = NULL;
	uint32_t secs, less;

	if (!warden_duration_parse(text, &secs, &error)) {
		FUZZ_CHECK(error != NULL);
		return;
	}
	FUZZ_CHECK(secs < WARDEN_FOREVER_SECS);
	/* it is printed rounded down, in words that can be read again */
	FUZZ_CHECK(warden_duration_parse(warden_duration_format(secs, buf),
					 &less, &error));
	FUZZ_CHECK(less <= secs);
	(void)warden_clock_format((int64_t)secs * 1000, buf);
	FUZZ_CHECK(warden_clock_from_wall(secs, secs, secs) <=
		   WARDEN_FOREVER_SECS);
}

/* --- hosts.deny ----------------------------------------------------------- */

struct bytes {
	char *data; /* NULL: no file */
	size_t size;
};

static struct bytes bytes_get(void)
{
	struct bytes bytes;

	bytes.data = fuzz_file_get(path, &bytes.size);
	return bytes;
}

static bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
	return (a->data == NULL) == (b->data == NULL) && a->size == b->size &&
	       (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool has_text(const char *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

/* Before and behind the change every byte is as it was; what was taken out is
   the daemons of our own rule, or nothing. */
static void check_kept(const struct bytes *old, const struct bytes *new)
{
	size_t from = 0, old_to = old->size, new_to = new->size;

	while (from < old->size && from < new->size &&
	       old->data[from] == new->data[from])
		from++;
	while (old_to > from && new_to > from &&
	       old->data[old_to - 1] == new->data[new_to - 1]) {
		old_to--;
		new_to--;
	}
	for (size_t i = from; i < old_to; i++) {
		FUZZ_CHECK(old->data[i] != '\n' ||
			   (i > 0 && old->data[i - 1] == '\\'));
	}
}

static void check_added(const char *daemons, const struct bytes *old)
{
	struct warden_error error;
	struct bytes new = bytes_get(), again;
	char found[1024];

	FUZZ_CHECK(new.data != NULL);
	check_kept(old, &new);
	FUZZ_CHECK(warden_hosts_deny_find(path, DENY_FILE, found, sizeof(found),
					  &error) == 1);
	FUZZ_CHECK(warden_hosts_deny_add(path, DENY_FILE, daemons, &error) ==
		   WARDEN_HOSTS_DENY_UNCHANGED);
	again = bytes_get();
	FUZZ_CHECK(bytes_equal(&new, &again));
	free(new.data);
	free(again.data);
}

/* The first line is the daemons, the rest the file; "none" in the place of
   both: there is no file. */
static void fuzz_hosts_deny(char *text, size_t size)
{
	char *daemons = strsep(&text, "\n");
	struct bytes old, now;
	struct warden_error error = { .text = "" };
	bool ours;
	int ret;

	(void)unlink(path);
	if (text != NULL)
		fuzz_file_put(path, text, size - strlen(daemons) - 1);
	old = bytes_get();
	ours = old.data != NULL && has_text(old.data, old.size, "warden");
	ret = warden_hosts_deny_add(path, DENY_FILE, daemons, &error);
	if (ret == WARDEN_HOSTS_DENY_CHANGED)
		check_added(daemons, &old);
	FUZZ_CHECK(ret != WARDEN_HOSTS_DENY_ERROR || error.text[0] != '\0');
	FUZZ_CHECK(ours || ret != WARDEN_HOSTS_DENY_UNCHANGED);
	if (ret != WARDEN_HOSTS_DENY_ERROR) {
		ret = warden_hosts_deny_remove(path, DENY_FILE, &error);
		FUZZ_CHECK(ours || ret == WARDEN_HOSTS_DENY_CHANGED);
	}
	now = bytes_get();
	/* without a word of ours in it before, it is as it was */
	FUZZ_CHECK(ours || bytes_equal(&old, &now));
	free(old.data);
	free(now.data);
}

/* --- Files of PAM --------------------------------------------------------- */

static void check_spot(const struct warden_pam_spot *spot)
{
	FUZZ_CHECK((spot->line == 0) == (spot->file[0] == '\0'));
}

static void check_pam_line(const struct warden_pam_line *line)
{
	check_spot(&line->spot);
	check_spot(&line->again);
	check_spot(&line->hidden_by);
	FUZZ_CHECK((line->spot.line == 0) == (line->name[0] == '\0'));
	FUZZ_CHECK(line->spot.line != 0 || line->again.line == 0);
	FUZZ_CHECK(line->module[0] == '\0' || line->module[0] == '/');
}

/* It may include itself, under the name `file`. */
static void fuzz_pam(const char *text, size_t size)
{
	static const char *const module_dirs[] = { "/nowhere", fuzz_dir, NULL };
	const struct warden_pam_places places = { fuzz_dir, module_dirs };
	struct warden_pam_stack stack;
	char names[2][WARDEN_PAM_NAME_STRLEN];

	fuzz_file_put(path, text, size);
	warden_pam_stack_look(&places, "file", &stack);
	check_pam_line(&stack.auth);
	check_pam_line(&stack.account);
	/* the module is not there */
	FUZZ_CHECK(stack.fault != WARDEN_PAM_OK);
	FUZZ_CHECK((stack.fault == WARDEN_PAM_NO_LINES) ==
		   (stack.auth.spot.line == 0 &&
		    stack.account.spot.line == 0));
	FUZZ_CHECK(warden_pam_services(&places, names, 2) <= 1);
}

/* --- The target ----------------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *kind;

	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (path[0] == '\0') {
		fuzz_dir_make();
		fuzz_path(path, sizeof(path), "file");
	}
	kind = strsep(&rest, "\n");
	size -= strlen(kind);
	if (rest == NULL)
		;
	else if (strcmp(kind, "state") == 0)
		fuzz_state(rest, size - 1);
	else if (strcmp(kind, "settings") == 0)
		fuzz_settings(rest);
	else if (strcmp(kind, "address") == 0)
		fuzz_address(rest);
	else if (strcmp(kind, "time") == 0)
		fuzz_time(rest);
	else if (strcmp(kind, "pam") == 0)
		fuzz_pam(rest, size - 1);
	else if (strcmp(kind, "hosts.deny") == 0)
		fuzz_hosts_deny(rest, size - 1);
	free(text);
	return 0;
}
