/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Puts a trace to the policy as Dovecot's processes would, on a clock of its
   own. Reads one attempt a line, in order of time:

     msecs address protocol outcome [user [password]]

   outcome is "ok", the name of a class (see warden_points), or "nothing": what
   nobody counts. protocol "restart" is Dovecot's: address is "-", everything is
   opened anew. Without a password auth does not see it, as with CRAM-MD5. Prints
   one letter for each line: T let in, and if it was a password, tested; R refused
   at accept, A refused by auth.

   judge DIRECTORY SEED: where the shared files are made, and a number that takes
   the place of their random keys: how many users share a host is only counted to
   a quarter, and which way it errs depends on them.

   All addresses with the same first octet, and all of IPv6, are one autonomous
   system and one country. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-fuse.h"
#include "warden-neighbours.h"
#include "warden-origins.h"
#include "warden-private.h"

#define LINE_SIZE 512
#define WORDS 6
#define TABLE_HOSTS 65536
#define TICK_MSECS 250
#define EXPIRE_MSECS 30000
#define FIRST_AS 64000
#define START_MSECS ((WARDEN_CLOCK_BASE_SECS + UINT64_C(1000)) * 1000)

struct judge {
	const char *dir;
	struct warden *service, *auth, *login;
	struct warden_policy policy;
	struct warden_fuse fuse;
	struct warden_neighbours *neighbours;
	uint64_t ticked, expired;
};

static void fail(const char *what)
{
	(void)fprintf(stderr, "judge: %s\n", what);
	exit(1);
}

static struct warden *open_as(const struct judge *judge, enum warden_role role)
{
	struct warden_error error;
	struct warden *warden =
		warden_open(judge->dir, role, TABLE_HOSTS, &error);

	if (warden == NULL)
		fail(error.text);
	return warden;
}

static void judge_open(struct judge *judge, uint64_t now)
{
	judge->service = open_as(judge, WARDEN_ROLE_SERVICE);
	judge->auth = open_as(judge, WARDEN_ROLE_AUTH);
	judge->login = open_as(judge, WARDEN_ROLE_LOGIN);
	warden_admin_publish(judge->service, &judge->policy, now);
}

static void judge_publish_origins(struct judge *judge)
{
	struct warden_origins_list list = { .inet = { .count = 0 } };
	void *image;
	size_t size;

	for (uint32_t octet = 0; octet < 256; octet++) {
		if (!warden_origin_runs_add(
			    &list.inet, octet << 24,
			    warden_origin_pack(octet + 1, FIRST_AS + octet)))
			fail("out of memory");
	}
	if (!warden_origin_runs_add(&list.inet6, 0,
				    warden_origin_pack(300, FIRST_AS + 300)))
		fail("out of memory");
	size = warden_origins_image_size(&list);
	image = malloc(size);
	if (image == NULL)
		fail("out of memory");
	warden_origins_image_write(&list, image);
	if (warden_admin_publish_origins(judge->service, image, size) !=
	    WARDEN_ADMIN_ROOM_ENOUGH)
		fail("no room for origins");
	free(image);
	warden_origins_list_free(&list);
}

static void judge_set_keys(struct judge *judge, uint64_t seed)
{
	struct warden_hosts_header *hosts = judge->service->hosts_file.base;
	struct warden_auth_file *auth = judge->service->auth_file.base;

	hosts->file.hash_key[0] = seed;
	hosts->file.hash_key[1] = 1;
	auth->file.hash_key[0] = seed;
	auth->file.hash_key[1] = 2;
}

static void judge_close(struct judge *judge)
{
	warden_close(&judge->login);
	warden_close(&judge->auth);
	warden_close(&judge->service);
}

/* What the service does, as far as it matters. */
static void judge_tick(struct judge *judge, uint64_t now)
{
	if (now - judge->ticked < TICK_MSECS)
		return;
	judge->ticked = now;
	warden_admin_heartbeat(judge->service, 1, false, now);
	if (warden_fuse_look(&judge->fuse, warden_admin_table(judge->service),
			     now) &&
	    judge->fuse.blown) {
		(void)warden_fuse_lift(warden_admin_table(judge->service),
				       &judge->policy, now);
	}
	warden_admin_set_fuse(
		judge->service,
		judge->fuse.blown ? (uint32_t)(judge->fuse.until / 1000) : 0);
	warden_neighbours_look(judge->neighbours, judge->service,
			       &judge->policy, now);
	if (now - judge->expired < EXPIRE_MSECS)
		return;
	judge->expired = now;
	(void)warden_table_expire(warden_admin_table(judge->service),
				  &judge->policy, now);
}

static bool outcome_is_of_auth(const char *outcome)
{
	return strcmp(outcome, "ok") == 0 ||
	       strcmp(outcome, "auth_failed") == 0 ||
	       strcmp(outcome, "user_unknown") == 0;
}

static char judge_password(struct judge *judge,
			   const struct warden_client *client,
			   char *words[WORDS], uint64_t now)
{
	struct warden_password password = {
		.user = words[4],
		.secret = words[5] == NULL ?
				  0 :
				  warden_secret(judge->auth, words[5]),
	};

	if (warden_check_password(judge->auth, client, &password, now) !=
	    WARDEN_ADMITTED)
		return 'A';
	if (strcmp(words[3], "ok") == 0) {
		warden_password_worked(judge->auth, client, &password, now);
	} else {
		(void)warden_password_failed(judge->auth, client,
					     warden_class_find(words[3]),
					     &password, now);
	}
	return 'T';
}

static char judge_attempt(struct judge *judge, char *words[WORDS], uint64_t now)
{
	struct warden_net net;
	struct warden_client client = {
		.remote = &net,
		.protocol = warden_protocol_find(words[2]),
	};
	struct warden_session session;
	const char *error;
	char verdict = 'T';

	if (!warden_net_parse(words[1], &net, &error))
		fail(error);
	if (warden_session_open(judge->login, &client, 1, now, &session) !=
	    WARDEN_ADMITTED)
		return 'R';
	if (outcome_is_of_auth(words[3])) {
		verdict = judge_password(judge, &client, words, now);
	} else {
		(void)warden_count(judge->login, &client,
				   warden_class_find(words[3]), words[4], now);
	}
	warden_session_close(judge->login, &session);
	return verdict;
}

static char judge_line(struct judge *judge, char *line)
{
	char *words[WORDS] = { NULL };
	unsigned int count = 0;
	uint64_t now;

	for (char *word = strtok(line, " \n"); word != NULL && count < WORDS;
	     word = strtok(NULL, " \n"))
		words[count++] = word;
	if (count < 4)
		fail("a line with less than four words");
	now = START_MSECS + strtoull(words[0], NULL, 10);
	if (strcmp(words[2], "restart") == 0) {
		judge_close(judge);
		judge_open(judge, now);
		judge->ticked = 0;
		judge_tick(judge, now);
		return 'T';
	}
	judge_tick(judge, now);
	return judge_attempt(judge, words, now);
}

int main(int argc, char *argv[])
{
	struct judge judge = { .dir = argc == 3 ? argv[1] : NULL };
	char line[LINE_SIZE];

	if (judge.dir == NULL)
		fail("a directory for the shared files and a seed are wanted");
	warden_policy_init_defaults(&judge.policy);
	judge_open(&judge, START_MSECS);
	judge_set_keys(&judge, strtoull(argv[2], NULL, 10));
	judge_close(&judge);
	judge_open(&judge, START_MSECS);
	judge.neighbours = warden_neighbours_create();
	if (judge.neighbours == NULL)
		fail("out of memory");
	judge_publish_origins(&judge);
	while (fgets(line, sizeof(line), stdin) != NULL)
		(void)putchar(judge_line(&judge, line));
	judge_close(&judge);
	warden_neighbours_free(&judge.neighbours);
	return 0;
}
