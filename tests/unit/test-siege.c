/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "unit.h"
#include "warden-siege.h"

#define SECS UINT64_C(1000)
#define HOUR (3600 * SECS)
#define DAY (24 * HOUR)
#define NETWORKS 20

struct fixture {
	struct warden_auth_file *file;
	struct warden_siege siege;
	struct warden_policy policy;
	struct warden_siege_end ended[4];
	unsigned int ends;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->file = test_calloc(1, sizeof(*f->file));
	f->file->file.hash_key[0] = 42;
	warden_policy_init_defaults(&f->policy);
	assert_int_equal(f->policy.siege_networks, NETWORKS);
	*state = f;
	return warden_siege_init(&f->siege, f->file, sizeof(*f->file)) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_free(f->file);
	test_free(f);
	return 0;
}

static void log_in(struct fixture *f, const char *user, const char *host,
		   uint64_t now)
{
	struct warden_host h = unit_host(host);

	warden_siege_logged_in(&f->siege, &h, user, &f->policy, now);
}

static bool refuses(struct fixture *f, const char *user, const char *host,
		    uint64_t now)
{
	struct warden_host h = unit_host(host);

	return warden_siege_refuses(&f->siege, &h, user, &f->policy, now);
}

static bool fail_at(struct fixture *f, const char *user, const char *host,
		    uint64_t now)
{
	struct warden_host h = unit_host(host);
	uint32_t id = 0;
	bool began =
		warden_siege_failed(&f->siege, &h, user, &f->policy, now, &id);

	assert_true(!began || id != 0);
	return began;
}

static const char *bot(unsigned int n)
{
	static char address[WARDEN_NET_STRLEN];

	(void)snprintf(address, sizeof(address), "60.%u.%u.7", n / 256,
		       n % 256);
	return address;
}

/* A failure from each of so many networks. Returns how many guards began. */
static unsigned int besiege(struct fixture *f, const char *user,
			    unsigned int networks, uint64_t now)
{
	unsigned int began = 0;

	for (unsigned int n = 0; n < networks; n++)
		began += fail_at(f, user, bot(n), now);
	return began;
}

static void note_end(void *context, const struct warden_siege_end *end)
{
	struct fixture *f = context;

	assert_true(f->ends < 4);
	f->ended[f->ends++] = *end;
}

static uint32_t look(struct fixture *f, uint64_t now)
{
	return warden_siege_look(&f->siege, &f->policy, now, note_end, f);
}

/* A user who is at home in 192.0.2.0/24 and 2001:db8:1::/48 for long. */
static void move_in(struct fixture *f, const char *user)
{
	log_in(f, user, "192.0.2.1", UNIT_NOW - 8 * DAY);
	log_in(f, user, "2001:db8:1:2::3", UNIT_NOW - 8 * DAY);
}

static void wrong_size(void **state)
{
	struct fixture *f = *state;
	struct warden_siege siege;

	assert_false(warden_siege_init(&siege, f->file, sizeof(*f->file) - 8));
}

static void only_homes_get_in_to_an_account_on_guard(void **state)
{
	struct fixture *f = *state;

	move_in(f, "alice");
	move_in(f, "bob");
	assert_int_equal(besiege(f, "alice", NETWORKS - 1, UNIT_NOW), 0);
	assert_false(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
	assert_true(fail_at(f, "alice", "203.0.113.1", UNIT_NOW));
	/* begins once */
	assert_false(fail_at(f, "alice", "203.0.114.1", UNIT_NOW));
	assert_true(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
	assert_true(refuses(f, "alice", "203.0.115.9", UNIT_NOW));
	assert_true(refuses(f, "alice", "2001:db8:2::1", UNIT_NOW));
	/* other hosts of the same networks, /24 and /48 */
	assert_false(refuses(f, "alice", "192.0.2.200", UNIT_NOW));
	assert_false(refuses(f, "alice", "2001:db8:1:ffff::1", UNIT_NOW));
	assert_true(refuses(f, "alice", "192.0.3.1", UNIT_NOW));
	/* nobody else's */
	assert_false(refuses(f, "bob", "203.0.113.1", UNIT_NOW));
	assert_false(refuses(f, "alicE", "203.0.113.1", UNIT_NOW));
	assert_int_equal(look(f, UNIT_NOW), 1);
}

/* From one network however often, or from home. */
static void networks_are_counted_and_not_failures(void **state)
{
	struct fixture *f = *state;
	char home[32];

	move_in(f, "alice");
	for (unsigned int i = 0; i < 1000; i++) {
		assert_false(fail_at(f, "alice", "203.0.113.1", UNIT_NOW + i));
		(void)snprintf(home, sizeof(home), "192.0.2.%u", i % 250 + 1);
		assert_false(fail_at(f, "alice", home, UNIT_NOW + i));
	}
	assert_int_equal(besiege(f, "alice", NETWORKS - 2, UNIT_NOW), 0);
	assert_int_equal(look(f, UNIT_NOW), 0);
	assert_int_equal(besiege(f, "alice", NETWORKS - 1, UNIT_NOW), 1);
}

static void networks_of_another_hour_do_not_count(void **state)
{
	struct fixture *f = *state;

	move_in(f, "alice");
	for (unsigned int n = 0; n < 200; n++) {
		/* nineteen an hour */
		assert_false(
			fail_at(f, "alice", bot(n), UNIT_NOW + n * HOUR / 19));
	}
}

static void ends_by_itself(void **state)
{
	struct fixture *f = *state;
	struct warden_host stranger = unit_host("203.0.113.1");
	uint64_t now = UNIT_NOW;

	move_in(f, "alice");
	assert_int_equal(besiege(f, "alice", NETWORKS, now), 1);
	/* as long as it goes on, and one who tries again and again is one */
	for (unsigned int n = 0; n < 300; n++) {
		struct warden_host host = unit_host(bot(n));

		now += HOUR / 50;
		assert_true(refuses(f, "alice", bot(n), now));
		warden_siege_refused(&f->siege, &host, "alice", &f->policy,
				     now);
	}
	for (unsigned int n = 0; n < 59; n++) {
		warden_siege_refused(&f->siege, &stranger, "alice", &f->policy,
				     now + 59 * 60 * SECS);
	}
	assert_int_equal(look(f, now + 59 * 60 * SECS), 1);
	assert_int_equal(f->ends, 0);
	now += HOUR;
	assert_false(refuses(f, "alice", "203.0.113.1", now));
	/* the service tells of it, once */
	assert_int_equal(look(f, now), 0);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->ended[0].refused, 300 + 59);
	assert_int_equal(look(f, now), 0);
	assert_int_equal(f->ends, 1);
	assert_int_equal(besiege(f, "alice", NETWORKS, now), 1);
}

static void record_is_free_when_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	uint64_t sum = 0;

	move_in(f, "alice");
	(void)besiege(f, "alice", 3, UNIT_NOW);
	(void)look(f, UNIT_NOW + HOUR);
	for (unsigned int i = 0; i < WARDEN_SIEGE_SETS; i++) {
		for (unsigned int w = 0; w < WARDEN_SIEGE_WAYS; w++)
			sum |= f->file->sieges[i].users[w];
	}
	assert_int_equal(sum, 0);
}

static void nobody_without_a_home_is_put_on_guard(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(besiege(f, "nobody", 100, UNIT_NOW), 0);
	assert_false(refuses(f, "nobody", "203.0.113.1", UNIT_NOW));
	/* the last login is a month ago */
	log_in(f, "alice", "192.0.2.1", UNIT_NOW - 40 * DAY);
	log_in(f, "alice", "192.0.2.1", UNIT_NOW - 31 * DAY);
	assert_int_equal(besiege(f, "alice", 100, UNIT_NOW), 0);
	/* and when he comes back he has to be learned anew */
	log_in(f, "alice", "198.51.100.1", UNIT_NOW);
	assert_int_equal(besiege(f, "alice", 100, UNIT_NOW + 6 * DAY), 0);
	assert_int_equal(besiege(f, "alice", 100, UNIT_NOW + 8 * DAY), 1);
}

static void nobody_is_put_on_guard_before_he_is_learned(void **state)
{
	struct fixture *f = *state;

	log_in(f, "alice", "192.0.2.1", UNIT_NOW - 6 * DAY);
	assert_int_equal(besiege(f, "alice", 100, UNIT_NOW), 0);
	f->policy.siege_learn_secs = 6 * 24 * 3600 - 64;
	assert_int_equal(besiege(f, "alice", 100, UNIT_NOW), 1);
	assert_true(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
	f->policy.siege_learn_secs = 7 * 24 * 3600;
	assert_false(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
}

static void home_is_forgotten_after_known_time(void **state)
{
	struct fixture *f = *state;

	log_in(f, "alice", "192.0.2.1", UNIT_NOW);
	for (unsigned int day = 0; day <= 31; day++)
		log_in(f, "alice", "198.51.100.1", UNIT_NOW + day * DAY);
	assert_int_equal(besiege(f, "alice", NETWORKS, UNIT_NOW + 31 * DAY), 1);
	assert_true(refuses(f, "alice", "192.0.2.1", UNIT_NOW + 31 * DAY));
	assert_false(refuses(f, "alice", "198.51.100.1", UNIT_NOW + 31 * DAY));
	f->policy.known_time_secs = 0;
	assert_false(refuses(f, "alice", "192.0.2.1", UNIT_NOW + 31 * DAY));
}

/* The thirty that he came from last; and it does not cost anybody else. */
static void a_user_has_thirty_homes(void **state)
{
	struct fixture *f = *state;

	move_in(f, "bob");
	log_in(f, "alice", "192.0.2.1", UNIT_NOW - 9 * DAY);
	for (unsigned int n = 0; n < 5000; n++)
		log_in(f, "alice", bot(n), UNIT_NOW - 8 * DAY);
	for (unsigned int n = 0; n < WARDEN_HOMES - 1; n++)
		log_in(f, "alice", bot(6000 + n), UNIT_NOW);
	log_in(f, "alice", "192.0.2.1", UNIT_NOW);
	assert_int_equal(besiege(f, "alice", NETWORKS, UNIT_NOW), 1);
	assert_int_equal(besiege(f, "bob", NETWORKS, UNIT_NOW), 1);
	for (unsigned int n = 0; n < WARDEN_HOMES - 1; n++)
		assert_false(refuses(f, "alice", bot(6000 + n), UNIT_NOW));
	assert_false(refuses(f, "alice", "192.0.2.1", UNIT_NOW));
	assert_true(refuses(f, "alice", bot(4999), UNIT_NOW));
	assert_false(refuses(f, "bob", "192.0.2.1", UNIT_NOW));
}

/* Made-up names, however many, take no room from anybody. */
static void flood_of_names_does_not_hide_a_siege(void **state)
{
	struct fixture *f = *state;
	char name[32];

	move_in(f, "alice");
	(void)besiege(f, "alice", NETWORKS - 1, UNIT_NOW);
	for (unsigned int n = 0; n < 100000; n++) {
		(void)snprintf(name, sizeof(name), "name%u", n);
		(void)fail_at(f, name, bot(n % 5000), UNIT_NOW);
	}
	assert_true(fail_at(f, "alice", "203.0.113.1", UNIT_NOW));
}

/* Nor does a flood over all users that there are. */
static void spraying_does_not_hide_a_siege(void **state)
{
	struct fixture *f = *state;
	char name[32];

	move_in(f, "alice");
	for (unsigned int n = 0; n < 15000; n++) {
		(void)snprintf(name, sizeof(name), "user%u", n);
		log_in(f, name, "192.0.2.1", UNIT_NOW - 8 * DAY);
	}
	(void)besiege(f, "alice", NETWORKS - 1, UNIT_NOW);
	for (unsigned int n = 0; n < 15000; n++) {
		(void)snprintf(name, sizeof(name), "user%u", n);
		assert_false(fail_at(f, name, bot(n % 5000), UNIT_NOW + n));
	}
	assert_true(fail_at(f, "alice", "203.0.113.1", UNIT_NOW));
	for (unsigned int n = 0; n < 15000; n++) {
		(void)snprintf(name, sizeof(name), "user%u", n);
		(void)fail_at(f, name, bot(n % 4999), UNIT_NOW + n);
	}
	assert_true(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
}

static void who_does_not_come_is_forgotten_first(void **state)
{
	struct fixture *f = *state;
	unsigned int kept = 0, users = WARDEN_HOME_SETS * WARDEN_HOME_WAYS;
	char name[32];

	f->policy.siege_learn_secs = 0;
	for (unsigned int n = 0; n < users / 2; n++) {
		(void)snprintf(name, sizeof(name), "old%u", n);
		log_in(f, name, "192.0.2.1", UNIT_NOW - 20 * DAY);
	}
	for (unsigned int n = 0; n < users / 4; n++) {
		(void)snprintf(name, sizeof(name), "new%u", n);
		log_in(f, name, "192.0.2.1", UNIT_NOW - 1 * DAY);
	}
	for (unsigned int n = 0; n < users / 4; n++) {
		(void)snprintf(name, sizeof(name), "more%u", n);
		log_in(f, name, "192.0.2.1", UNIT_NOW);
	}
	for (unsigned int n = 0; n < 200; n++) {
		(void)snprintf(name, sizeof(name), "new%u", n);
		kept += besiege(f, name, NETWORKS, UNIT_NOW);
	}
	/* half as many as there is room for: few sets are full of them alone */
	assert_uint_in_range(kept, 185, 200);
}

static void zero_networks_is_off(void **state)
{
	struct fixture *f = *state;

	move_in(f, "alice");
	assert_int_equal(besiege(f, "alice", NETWORKS, UNIT_NOW), 1);
	f->policy.siege_networks = 0;
	assert_false(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
	assert_int_equal(besiege(f, "alice", 100, UNIT_NOW), 0);
	assert_int_equal(look(f, UNIT_NOW), 0);
	assert_int_equal(f->ends, 1);
}

static void every_threshold_can_be_reached(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (unsigned int n = WARDEN_SIEGE_NETWORKS_MIN;
	     n <= WARDEN_SIEGE_NETWORKS_MAX; n++) {
		(void)snprintf(name, sizeof(name), "user%u", n);
		move_in(f, name);
		f->policy.siege_networks = n;
		assert_int_equal(besiege(f, name, n - 1, UNIT_NOW), 0);
		assert_int_equal(besiege(f, name, n, UNIT_NOW), 1);
	}
}

/* Nobody is on guard for longer than siege_secs because of it. */
static void noise_does_no_harm(void **state)
{
	static const int noises[] = { 0xff, 0xa5, 0x01, 0x80 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
		memset(f->file->homes, noises[i], sizeof(f->file->homes));
		memset(f->file->sieges, noises[i], sizeof(f->file->sieges));
		assert_false(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
		move_in(f, "alice");
		(void)besiege(f, "alice", NETWORKS, UNIT_NOW);
		assert_true(refuses(f, "alice", "203.0.113.1", UNIT_NOW));
		assert_false(refuses(f, "alice", "192.0.2.1", UNIT_NOW));
		assert_false(
			refuses(f, "alice", "203.0.113.1", UNIT_NOW + HOUR));
	}
}

/* From one file to another, with another key and another clock; returns how
   many homes. */
static unsigned int carry_over(struct fixture *f, uint64_t now,
			       struct warden_auth_file *to_file,
			       uint64_t to_now)
{
	struct warden_siege to;
	struct warden_siege_home home;
	uint32_t index = 0, shift = (uint32_t)((now - to_now) / 1000);
	unsigned int count = 0;
	uint64_t key[2];

	to_file->file.hash_key[0] = 4711;
	assert_true(warden_siege_init(&to, to_file, sizeof(*to_file)));
	assert_false(warden_siege_is_restored(&to));
	warden_siege_key(&f->siege, key);
	warden_siege_restore_key(&to, key);
	while (warden_siege_next_home(&f->siege, &index, &f->policy, now,
				      &home)) {
		home.since -= shift;
		home.login -= shift;
		assert_true(warden_siege_restore_home(&to, &home, to_now));
		count++;
	}
	warden_siege_set_restored(&to);
	assert_true(warden_siege_is_restored(&to));
	f->siege = to;
	return count;
}

/* The key that goes to disk says nothing of the one that passwords are kept
   with. */
static void key_is_not_that_of_the_file(void **state)
{
	struct fixture *f = *state;
	uint64_t key[2];

	warden_siege_key(&f->siege, key);
	assert_true(key[0] != 0 && key[1] != 0 && key[0] != key[1]);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(key[i] != f->file->file.hash_key[0]);
		assert_true(key[i] != f->file->file.hash_key[1]);
	}
}

static void homes_survive_a_reboot(void **state)
{
	struct fixture *f = *state;
	struct warden_auth_file *other = test_calloc(1, sizeof(*other));
	uint64_t booted = UNIT_NOW - 400 * DAY;
	char name[32];

	move_in(f, "alice");
	for (unsigned int n = 0; n < 100; n++) {
		(void)snprintf(name, sizeof(name), "user%u", n);
		move_in(f, name);
		log_in(f, name, bot(n), UNIT_NOW);
	}
	/* one that is forgotten */
	log_in(f, "late", "192.0.2.1", UNIT_NOW - 31 * DAY);
	log_in(f, "new", "192.0.2.1", UNIT_NOW);
	assert_int_equal(carry_over(f, UNIT_NOW, other, booted), 303);
	assert_int_equal(besiege(f, "alice", NETWORKS, booted), 1);
	assert_true(refuses(f, "alice", "203.0.113.1", booted));
	assert_false(refuses(f, "alice", "192.0.2.1", booted));
	assert_false(refuses(f, "alice", "2001:db8:1::1", booted));
	assert_int_equal(besiege(f, "user77", NETWORKS, booted), 1);
	assert_false(refuses(f, "user77", bot(77), booted));
	assert_true(refuses(f, "user77", bot(78), booted));
	/* since when it is learned is kept as well */
	assert_int_equal(besiege(f, "new", NETWORKS, booted), 0);
	assert_int_equal(besiege(f, "new", NETWORKS, booted + 7 * DAY), 1);
	/* and a home gets no younger by it, and not much older */
	(void)besiege(f, "alice", NETWORKS, booted + 22 * DAY - 12 * HOUR);
	assert_false(refuses(f, "alice", "192.0.2.1",
			     booted + 22 * DAY - 12 * HOUR));
	log_in(f, "alice", "198.51.100.1", booted + 21 * DAY);
	(void)besiege(f, "alice", NETWORKS, booted + 22 * DAY + 6 * HOUR);
	assert_true(
		refuses(f, "alice", "192.0.2.1", booted + 22 * DAY + 6 * HOUR));
	test_free(other);
}

static void home_that_cannot_be_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct warden_siege_home good = {
		.user = UINT64_C(1) << 63 | 7,
		.network = 1,
		.since = (uint32_t)(UNIT_NOW / 1000) - 10,
		.login = (uint32_t)(UNIT_NOW / 1000),
	};
	struct warden_siege_home home = good;

	assert_true(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
	home.user = 7;
	assert_false(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
	home.user = good.user | WARDEN_HOME_SETS;
	assert_false(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
	home = good;
	home.network = 0;
	assert_false(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
	home.network = UINT64_C(1) << 20;
	assert_false(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
	home = good;
	home.login++;
	assert_false(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
	home = good;
	home.since += 11;
	assert_false(warden_siege_restore_home(&f->siege, &home, UNIT_NOW));
}

static void name_cannot_forge_a_line(void **state)
{
	char buf[WARDEN_SIEGE_NAME_STRLEN], many[200];

	(void)state;
	assert_string_equal(warden_siege_name("Alice.B-1_x+y@example.com", buf),
			    "Alice.B-1_x+y@example.com");
	assert_string_equal(warden_siege_name("a\nb is\"%\x1b\x7f", buf),
			    "a%0Ab%20is%22%25%1B%7F");
	assert_string_equal(warden_siege_name("\xc3\xa4", buf), "%C3%A4");
	assert_string_equal(warden_siege_name("", buf), "");
	memset(many, '\n', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	assert_int_equal(strlen(warden_siege_name(many, buf)),
			 WARDEN_SIEGE_NAME_STRLEN - 1);
	assert_string_equal(buf + 3 * WARDEN_SIEGE_NAME_MAX - 3, "%0A...");
	many[WARDEN_SIEGE_NAME_MAX] = '\0';
	assert_int_equal(strlen(warden_siege_name(many, buf)),
			 3 * WARDEN_SIEGE_NAME_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		CASE(wrong_size),
		CASE(only_homes_get_in_to_an_account_on_guard),
		CASE(networks_are_counted_and_not_failures),
		CASE(networks_of_another_hour_do_not_count),
		CASE(ends_by_itself),
		CASE(record_is_free_when_nothing_is_left),
		CASE(nobody_without_a_home_is_put_on_guard),
		CASE(nobody_is_put_on_guard_before_he_is_learned),
		CASE(home_is_forgotten_after_known_time),
		CASE(a_user_has_thirty_homes),
		CASE(flood_of_names_does_not_hide_a_siege),
		CASE(spraying_does_not_hide_a_siege),
		CASE(who_does_not_come_is_forgotten_first),
		CASE(zero_networks_is_off),
		CASE(every_threshold_can_be_reached),
		CASE(noise_does_no_harm),
		CASE(key_is_not_that_of_the_file),
		CASE(homes_survive_a_reboot),
		CASE(home_that_cannot_be_is_refused),
		CASE(name_cannot_forge_a_line),
	};

	return cmocka_run_group_tests_name("siege", tests, NULL, NULL);
}
