/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A taken-over login process as a fuzz target: the input says what it writes
   into `hosts`, and what the others do in between. Whatever that is, nobody
   crashes or walks on for ever, the rules stay as they were published, who is
   exempt is let in, and the deny file has addresses that may be there and
   nothing else.

   The input is a list of steps, an octet for the step and some for what it
   works on. Its first octet chooses the rules; the highest bit says that the
   rest is an image of a file instead. */

#include <arpa/inet.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "unit-client.h"
#include "warden-clock.h"
#include "warden-deny.h"
#include "warden-keeper.h"
#include "warden-private.h"
#include "warden-saver.h"
#include "warden-sketch.h"
#include "warden-state.h"
#include "warden-word.h"

#define HOSTS WARDEN_TABLE_HOSTS_MIN
#define START_SECS (WARDEN_CLOCK_BASE_SECS + 100000)
#define WALL_START INT64_C(1770000000)
#define STEPS_MAX 256
#define SESSIONS 8

/* The rules of every input; the last two octets differ from input to input. */
static const char *const exempt[] = { "127.0.0.1", "192.0.2.0/24",
				      "2001:db8:e::/48" };
#define EXEMPTS (sizeof(exempt) / sizeof(exempt[0]))

/* Who connects. The first EXEMPTS are exempt. */
static const char *const addresses[] = {
	"127.0.0.1",
	"192.0.2.77",
	"2001:db8:e:1::5",
	"198.51.100.1",
	"198.51.100.2",
	"198.51.100.3",
	"203.0.113.250",
	"10.1.2.3",
	"0.0.0.1",
	"255.255.255.255",
	"2001:db8:1:2::3",
	"2001:db8:1:3::3",
	"fe80::1",
	"::ffff:198.51.100.9",
	"64:ff9b::198.51.100.10",
	"ffff:ffff:ffff:ffff::1",
};
#define ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

static const char *const networks[] = {
	"198.51.100.0/24", "192.0.0.0/16", "2001:db8:f::/48", "2001:db8::/32",
	"10.0.0.0/8",	   "::/0",	   "0.0.0.0/0",	      "127.0.0.1",
};
#define NETWORKS (sizeof(networks) / sizeof(networks[0]))

static struct warden_net address_nets[ADDRESSES], network_nets[NETWORKS];
static struct warden_net exempt_nets[EXEMPTS];
static struct warden *service, *login, *auth;
static char table_dir[300], image_dir[300], state_dir[300], deny_path[320];
/* `hosts` as it was made */
static unsigned char *pristine;
static size_t hosts_size;
/* Somebody else writes at the same time (see hostile-writer.c): what was just
   written or read may be another thing by now, all else still holds. */
static bool haunted;

/* What is under way in one input. */
struct run {
	struct fuzz_input input;
	struct warden_settings settings;
	struct warden_keeper *keeper; /* NULL: not asked for yet */
	struct warden_session sessions[SESSIONS];
	struct warden_pending pendings[SESSIONS];
	struct warden_policy_file *expected; /* the file `policy` */
	uint64_t now;
};

static int64_t wall_of(const struct run *run)
{
	return WALL_START + (int64_t)(run->now / 1000) - START_SECS;
}

static void net_of(const char *text, struct warden_net *net_r)
{
	const char *error;

	FUZZ_CHECK(warden_net_parse(text, net_r, &error));
}

/* --- What must hold ------------------------------------------------------- */

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	for (unsigned int i = 0; i < bits; i++) {
		if (((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8)) != 0)
			return false;
	}
	return true;
}

static void check_not_exempt(int family, const uint8_t *bytes,
			     unsigned int bits)
{
	for (size_t i = 0; i < EXEMPTS; i++) {
		const struct warden_net *net = &exempt_nets[i];
		unsigned int common = net->bits < bits ? net->bits : bits;

		FUZZ_CHECK(net->family != family ||
			   !bits_equal(net->bytes, bytes, common));
	}
}

static unsigned int mask_bits(const char *mask)
{
	struct in_addr addr;
	uint32_t value;
	unsigned int bits = 0;

	FUZZ_CHECK(inet_pton(AF_INET, mask, &addr) == 1);
	value = ntohl(addr.s_addr);
	while (bits < 32 && (value & (UINT32_C(0x80000000) >> bits)) != 0)
		bits++;
	FUZZ_CHECK(bits == 32 || value << bits == 0);
	return bits;
}

/* Reads a line of the deny file with nothing of the code that wrote it. */
static void check_deny_line(const char *line)
{
	char copy[WARDEN_NET_STRLEN], again[INET6_ADDRSTRLEN], *addr = copy;
	bool ipv6 = line[0] == '[';
	int af = ipv6 ? AF_INET6 : AF_INET;
	unsigned int bits = ipv6 ? 128 : 32;
	uint8_t bytes[16] = { 0 };
	static const uint8_t zero[16];
	char *slash;

	FUZZ_CHECK(strlen(line) < sizeof(copy));
	(void)strcpy(copy, line);
	slash = strchr(copy, '/');
	if (slash != NULL) {
		*slash = '\0';
		bits = ipv6 ? (unsigned int)atoi(slash + 1) :
			      mask_bits(slash + 1);
		FUZZ_CHECK(bits <= (ipv6 ? 127 : 31));
	}
	if (ipv6) {
		addr++;
		FUZZ_CHECK(addr[strlen(addr) - 1] == ']');
		addr[strlen(addr) - 1] = '\0';
	}
	FUZZ_CHECK(inet_pton(af, addr, bytes) == 1);
	FUZZ_CHECK(inet_ntop(af, bytes, again, sizeof(again)) != NULL);
	FUZZ_CHECK(strcmp(addr, again) == 0);
	for (unsigned int i = bits; i < (ipv6 ? 128 : 32); i++)
		FUZZ_CHECK((bytes[i / 8] & (0x80 >> i % 8)) == 0);
	FUZZ_CHECK(!ipv6 || !bits_equal(bytes, zero, bits < 64 ? bits : 64));
	check_not_exempt(ipv6 ? WARDEN_INET6 : WARDEN_INET, bytes, bits);
}

static void check_deny_file(void)
{
	size_t size;
	char *text = fuzz_file_get(deny_path, &size), *line, *rest = text;

	if (text == NULL)
		return;
	FUZZ_CHECK(size == strlen(text));
	FUZZ_CHECK(size == 0 || text[size - 1] == '\n');
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (rest != NULL)
			check_deny_line(line);
	}
	free(text);
}

static bool is_by_hand(const struct warden_net *net)
{
	const struct warden_networks *blocked = warden_admin_networks(service);

	for (uint32_t i = 0; i < blocked->count; i++) {
		if (warden_net_equals(&blocked->networks[i].net, net))
			return true;
	}
	return false;
}

static void check_deny_nets(const struct run *run,
			    const struct warden_denied *denied, size_t count)
{
	const struct warden_policy *policy = &run->settings.policy;
	char line[WARDEN_NET_STRLEN];
	bool hosts = false;

	/* no more than fit, each once */
	FUZZ_CHECK(count <= HOSTS + NETWORKS);
	for (size_t i = 0; i < count; i++) {
		const struct warden_net *net = &denied[i].net;
		bool whole_host =
			net->bits >= (net->family == WARDEN_INET ?
					      policy->ipv4_prefix :
					      policy->ipv6_prefix);

		check_deny_line(warden_net_format_hosts_access(net, line));
		FUZZ_CHECK(denied[i].until_secs > run->now / 1000);
		FUZZ_CHECK(policy->deny_private != 0 ||
			   !warden_net_is_private(net));
		/* what an admin blocked is not pushed out by what a stranger
		   made up */
		hosts = hosts || !is_by_hand(net);
		FUZZ_CHECK(!hosts || whole_host);
	}
}

static void check_deny_list(struct run *run)
{
	struct warden_sweep *sweep = warden_sweep_create();
	const struct warden_sweep_change *changes;
	const struct warden_policy *policy = &run->settings.policy;
	struct warden_denied *denied;
	size_t count;

	FUZZ_CHECK(sweep != NULL);
	FUZZ_CHECK(warden_sweep_run(sweep, service, policy, run->now, &changes,
				    &count));
	FUZZ_CHECK(warden_sweep_deny_list(sweep, service, policy, run->now,
					  &denied, &count) == 0);
	check_deny_nets(run, denied, count);
	free(denied);
	warden_sweep_free(&sweep);
}

static void check_info(const struct run *run,
		       const struct warden_host_info *info)
{
	FUZZ_CHECK(isfinite(info->points) && info->points >= 0);
	FUZZ_CHECK(isfinite(info->slow_points) && info->slow_points >= 0);
	FUZZ_CHECK(!info->blocked || info->blocked_until > run->now / 1000);
	FUZZ_CHECK(info->offences <= WARDEN_OFFENCES_MAX);
	FUZZ_CHECK(info->sessions <= WARDEN_SESSION_BUCKET_SLOTS);
	FUZZ_CHECK(warden_class_name(info->reason)[0] != '\0');
	FUZZ_CHECK(warden_class_name(info->last_class)[0] != '\0');
	FUZZ_CHECK(warden_protocol_name(info->last_protocol)[0] != '\0');
}

/* Every host that the walk tells of is found by asking for it, so there are
   not more of them than records. */
static void check_walk(struct run *run)
{
	const struct warden_table *table = &service->table;
	const struct warden_policy *policy = &run->settings.policy;
	struct warden_host_info info, again;
	uint64_t index = 0, before = 0;
	unsigned int steps = 0;

	while (warden_table_next(table, &index, policy, run->now, &info)) {
		FUZZ_CHECK(index > before && index <= HOSTS);
		before = index;
		FUZZ_CHECK(++steps <= HOSTS);
		check_info(run, &info);
		FUZZ_CHECK(warden_table_read(table, &info.host, policy,
					     run->now, &again) ||
			   haunted);
		FUZZ_CHECK(again.blocked == info.blocked || haunted);
	}
	FUZZ_CHECK(!warden_table_next(table, &index, policy, run->now, &info));
}

static void check_policy(const struct run *run)
{
	const struct warden_policy *policy = warden_policy(login, run->now);

	FUZZ_CHECK(memcmp(run->expected, service->shared_policy,
			  sizeof(*run->expected)) == 0);
	FUZZ_CHECK(policy == NULL ||
		   memcmp(policy, &run->settings.policy, sizeof(*policy)) == 0);
}

static void log_line(void *context, enum warden_level level, const char *line,
		     const struct warden_report_block *block)
{
	struct warden_net net;

	(void)context;
	(void)level;
	for (; *line != '\0'; line++)
		FUZZ_CHECK(*line >= ' ' && *line <= '~');
	/* the end of a siege has no host */
	if (block == NULL || block->siege != 0)
		return;
	net_of(block->net, &net);
	FUZZ_CHECK(block->offences <= WARDEN_OFFENCES_MAX);
	FUZZ_CHECK(block->points <= 10 * WARDEN_FAIL_LIMIT_MAX);
	FUZZ_CHECK(warden_class_name(block->reason)[0] != '\0');
}

/* --- Steps ---------------------------------------------------------------- */

static const struct warden_net *take_address(struct run *run)
{
	return &address_nets[fuzz_take(&run->input, 1) % ADDRESSES];
}

/* As a stranger: any word of the file. */
static void step_poke(struct run *run)
{
	uint64_t offset = fuzz_take(&run->input, 3) % (hosts_size / 8);
	uint64_t value = fuzz_take(&run->input, 8);

	memcpy((unsigned char *)service->table.header + offset * 8, &value, 8);
}

static void step_poke_header(struct run *run)
{
	uint64_t offset = fuzz_take(&run->input, 1) % 64;
	uint64_t value = fuzz_take(&run->input, 8);

	memcpy((unsigned char *)service->table.header + offset * 8, &value, 8);
}

static struct warden_record *record_of(uint64_t key)
{
	const struct warden_table *table = &service->table;

	for (unsigned int i = 0; i < 2 * table->set_count[0]; i++) {
		struct warden_set *set = &table->sets[0][i];

		for (unsigned int w = 0; w < WARDEN_SET_WAYS; w++) {
			if (set->records[w].key == key)
				return &set->records[w];
		}
	}
	return NULL;
}

/* As a stranger who knows the key of the hash: a record that counts, with
   words of his own. */
static void step_forge(struct run *run)
{
	unsigned int which = (unsigned int)fuzz_take(&run->input, 1);
	struct warden_host host;
	struct warden_record *record;
	uint32_t tag;

	if (which < 2 * ADDRESSES) {
		(void)warden_host_from_net(
			&host, &address_nets[which % ADDRESSES], 32, 64);
	} else {
		host.family = which & 1 ? WARDEN_INET : WARDEN_INET6;
		host.key = fuzz_take(&run->input, which & 1 ? 4 : 8);
	}
	if (host.key == 0 ||
	    !warden_table_block(&service->table, &host, 1, 1, 1, 0, run->now))
		return;
	record = record_of(host.key);
	if (record == NULL)
		return;
	tag = (uint32_t)(*warden_record_word(record, WARDEN_WORD_BLOCK) >> WARDEN_VALUE_BITS);
	which = (unsigned int)fuzz_take(&run->input, 2);
	for (unsigned int i = 0; i < WARDEN_WORDS; i++) {
		if ((which & 1U << i) != 0)
			*warden_record_word(record, i) = warden_word_pack(
				tag, fuzz_take(&run->input, 6));
	}
}

static struct warden_record *record_number(uint64_t number)
{
	uint64_t set = number / WARDEN_SET_WAYS % (HOSTS / WARDEN_SET_WAYS);

	return &service->table.sets[0][set].records[number % WARDEN_SET_WAYS];
}

/* A record a second time, in another way or in a set that is not its own. */
static void step_copy(struct run *run)
{
	struct warden_record *from = record_number(fuzz_take(&run->input, 2));
	struct warden_record *to = record_number(fuzz_take(&run->input, 2));

	to->key = from->key;
	for (unsigned int i = 0; i < WARDEN_WORDS; i++)
		*warden_record_word(to, i) = *warden_record_word(from, i);
}

static void step_check(struct run *run)
{
	unsigned int which =
		(unsigned int)fuzz_take(&run->input, 1) % ADDRESSES;
	enum warden_stage stage =
		(enum warden_stage)(fuzz_take(&run->input, 1) % 3);
	enum warden_refusal refusal = warden_check(
		login, unit_client_at(&address_nets[which], &address_nets[4]),
		stage, run->now);

	FUZZ_CHECK(refusal != WARDEN_REFUSED_SESSIONS);
	FUZZ_CHECK(refusal == WARDEN_ADMITTED ||
		   (which >= EXEMPTS && which != 4));
}

static void step_open(struct run *run)
{
	unsigned int which =
		(unsigned int)fuzz_take(&run->input, 1) % ADDRESSES;
	struct warden_session *session =
		&run->sessions[fuzz_take(&run->input, 1) % SESSIONS];
	enum warden_refusal refusal;

	warden_session_close(login, session);
	refusal = warden_session_open(login, unit_client(&address_nets[which]),
				      getpid(), run->now, session);
	FUZZ_CHECK(refusal == WARDEN_ADMITTED || which >= EXEMPTS);
	FUZZ_CHECK(refusal == WARDEN_ADMITTED || session->slot == 0);
}

static void step_close(struct run *run)
{
	warden_session_close(
		login, &run->sessions[fuzz_take(&run->input, 1) % SESSIONS]);
}

static void step_count(struct run *run)
{
	const struct warden_net *net = take_address(run);
	uint64_t what = fuzz_take(&run->input, 1);
	bool began = warden_count(
		auth, unit_client_by(net, (enum warden_protocol)(what >> 4)),
		(enum warden_class)(what & 15), "alice", run->now);

	FUZZ_CHECK(!began || net >= &address_nets[EXEMPTS]);
}

/* What a stranger says of a whole network: that somebody logged in from there,
   or that its hosts failed. */
static void step_forge_near(struct run *run)
{
	uint64_t set = fuzz_take(&run->input, 2) % WARDEN_NEAR_SETS;
	uint64_t value = fuzz_take(&run->input, 8);

	for (unsigned int i = 0; i < WARDEN_NEAR_WAYS; i++) {
		login->table.near[set].words[i] = value + i;
		login->table.near[set].crowds[i] = value - i;
	}
}

/* Auth checks a password: of a few users, and of a few that they may have. */
static void step_password(struct run *run)
{
	const struct warden_net *net = take_address(run);
	uint64_t what = fuzz_take(&run->input, 1);
	const char user[] = { (char)('a' + what % 8), '\0' };
	const char secret[] = { (char)('0' + what / 8 % 8), '\0' };
	struct warden_password password = {
		.user = what % 8 == 7 ? NULL : user,
		.secret = what / 8 % 8 == 7 ? 0 : warden_secret(auth, secret),
	};
	enum warden_refusal refusal = warden_check_password(
		auth, unit_client(net), &password, run->now);

	FUZZ_CHECK(refusal == WARDEN_ADMITTED || net >= &address_nets[EXEMPTS]);
	if (refusal != WARDEN_ADMITTED)
		return;
	if (what >= 128) {
		warden_password_worked(auth, unit_client(net), &password,
				       run->now);
	} else if (warden_password_failed(auth, unit_client(net),
					  what >= 64 ? WARDEN_USER_UNKNOWN :
						       WARDEN_AUTH_FAILED,
					  &password, run->now)) {
		FUZZ_CHECK(net >= &address_nets[EXEMPTS]);
	}
}

/* What doveadm shows besides. */
static void step_show(struct run *run)
{
	struct warden_event events[16];
	struct warden_limits limits;
	struct warden_host host;
	uint32_t refused, logged_in;
	unsigned int count;

	if (!warden_host_from_net(&host, take_address(run), 32, 64))
		return;
	count = warden_table_events(&login->table, &host, run->now, events, 16);
	FUZZ_CHECK(count <= 16);
	for (unsigned int i = 0; i < count; i++) {
		FUZZ_CHECK(events[i].points <= WARDEN_EVENT_POINTS_MAX);
		FUZZ_CHECK(warden_class_name(events[i].class)[0] != '\0');
		FUZZ_CHECK(warden_protocol_name(events[i].protocol)[0] != '\0');
	}
	for (unsigned int i = 0; i < 16; i++) {
		warden_table_observed(&login->table, i, run->now, &refused,
				      &logged_in);
		FUZZ_CHECK(refused <= WARDEN_SKETCH_MAX &&
			   logged_in <= WARDEN_SKETCH_MAX);
	}
	warden_table_limits(&login->table, &host, &run->settings.policy,
			    run->now, &limits);
	FUZZ_CHECK(limits.sessions >= 1 &&
		   limits.sessions <= WARDEN_SESSION_LIMIT_MAX);
	FUZZ_CHECK(limits.fast >= run->settings.policy.fail_limit &&
		   limits.slow >= 1 && limits.fast_drain >= 1 &&
		   limits.slow_drain >= 1);
	FUZZ_CHECK(warden_login_grace(login, &run->settings.policy) >= 1);
	FUZZ_CHECK(warden_login_grace(login, &run->settings.policy) <=
		   run->settings.policy.login_grace_secs);
}

static void step_success(struct run *run)
{
	warden_success(auth, unit_client(take_address(run)), "alice", run->now);
}

static void step_begin(struct run *run)
{
	const struct warden_net *net = take_address(run);
	uint64_t what = fuzz_take(&run->input, 1);
	struct warden_pending *pending = &run->pendings[what % SESSIONS];
	enum warden_refusal refusal = warden_pending_begin(
		login, unit_client_by(net, (enum warden_protocol)(what >> 4)),
		(enum warden_class)(what & 15), getpid(), run->now, pending);

	FUZZ_CHECK(refusal == WARDEN_ADMITTED || pending->host.key == 0);
	FUZZ_CHECK((refusal == WARDEN_ADMITTED && pending->host.key == 0) ||
		   net >= &address_nets[EXEMPTS]);
}

static void step_end(struct run *run)
{
	uint64_t what = fuzz_take(&run->input, 1);
	struct warden_pending *pending = &run->pendings[what % SESSIONS];

	if (what >= 128)
		warden_pending_succeed(login, pending, run->now);
	else
		(void)warden_pending_fail(login, pending, run->now);
	FUZZ_CHECK(pending->host.key == 0);
}

static void step_read(struct run *run)
{
	struct warden_host_info info;
	struct warden_host host;

	if (warden_host_from_net(&host, take_address(run), 32, 64) &&
	    warden_table_read(&login->table, &host, &run->settings.policy,
			      run->now, &info))
		check_info(run, &info);
}

static void step_health(struct run *run)
{
	struct warden_health health;

	warden_admin_health(service, run->now, &health);
	FUZZ_CHECK(health.room == HOSTS && health.used <= HOSTS);
	FUZZ_CHECK(warden_table_sessions_total(&service->table, run->now) <=
		   WARDEN_SESSION_BUCKETS * WARDEN_SESSION_BUCKET_SLOTS);
	for (int i = 0; i < WARDEN_TOTALS; i++) {
		(void)warden_table_total(&service->table, (enum warden_total)i,
					 3600, run->now);
	}
}

static void step_block(struct run *run)
{
	struct warden_host host;
	uint32_t until = (uint32_t)fuzz_take(&run->input, 4);
	unsigned int what = (unsigned int)fuzz_take(&run->input, 1);

	if (!warden_host_from_net(&host, take_address(run), 32, 64))
		return;
	if ((what & 1) != 0) {
		(void)warden_table_unblock(&service->table, &host, run->now);
		FUZZ_CHECK(haunted ||
			   warden_table_blocked_until(&service->table, &host,
						      run->now) == 0);
		return;
	}
	/* as doveadm does it: whatever the table holds, afterwards it is so */
	if (warden_table_block(&service->table, &host, until, what >> 4,
			       WARDEN_MANUAL, what, run->now) &&
	    until > run->now / 1000) {
		FUZZ_CHECK(haunted ||
			   warden_table_blocked_until(&service->table, &host,
						      run->now) == until);
	}
}

static void expect_policy(struct run *run)
{
	memcpy(run->expected, service->shared_policy, sizeof(*run->expected));
}

static void step_network(struct run *run)
{
	uint64_t what = fuzz_take(&run->input, 1);
	const struct warden_net *net = &network_nets[what % NETWORKS];
	uint32_t until = (uint32_t)fuzz_take(&run->input, 4);
	struct warden_error error;
	unsigned int removed;

	if ((what & 0x80) != 0) {
		FUZZ_CHECK(warden_admin_network_unblock(service, net, &removed,
							run->now, &error));
	} else {
		FUZZ_CHECK(warden_admin_network_block(service, net, until,
						      run->now, &error));
	}
	expect_policy(run);
}

static void step_wait(struct run *run)
{
	run->now += fuzz_take(&run->input, 2) * 250;
	warden_admin_heartbeat(service, 1, false, run->now);
	expect_policy(run);
}

static unsigned int asked;

static bool is_dead(pid_t pid, uint32_t start_secs)
{
	FUZZ_CHECK(pid > 0);
	FUZZ_CHECK(++asked <= WARDEN_SESSION_REAP_MAX);
	return (start_secs & 1) != 0;
}

static void step_reap(struct run *run)
{
	uint32_t cursor = (uint32_t)fuzz_take(&run->input, 4);

	asked = 0;
	FUZZ_CHECK(warden_table_sessions_reap(&service->table, is_dead, &cursor,
					      run->now) <=
		   2 * WARDEN_SESSION_BUCKETS * WARDEN_SESSION_BUCKET_SLOTS);
}

static void poke_pending(struct run *run)
{
	struct warden_pending_slot *slot =
		&service->table.header->pendings[fuzz_take(&run->input, 1) %
						 WARDEN_PENDING_SLOTS];

	slot->owner = (uint64_t)getpid() << 32 | fuzz_take(&run->input, 4);
	slot->family = fuzz_take(&run->input, 1);
	slot->key = fuzz_take(&run->input, 8);
}

static void step_settle(struct run *run)
{
	uint64_t what = fuzz_take(&run->input, 1);

	if ((what & 1) != 0)
		poke_pending(run);
	asked = 0;
	FUZZ_CHECK(warden_table_pendings_settle(
			   &service->table, &run->settings.policy, is_dead,
			   run->now) <= WARDEN_PENDING_SLOTS);
	FUZZ_CHECK(asked <= WARDEN_PENDING_SLOTS);
}

static void step_expire(struct run *run)
{
	FUZZ_CHECK(warden_table_expire(&service->table, &run->settings.policy,
				       run->now) <= HOSTS);
}

static void check_header(void)
{
	FUZZ_CHECK(haunted || memcmp(pristine, service->table.header,
				     sizeof(struct warden_file_header)) == 0);
}

static void step_mend(struct run *run)
{
	struct warden_error error;

	(void)run;
	(void)warden_admin_mend(service, &error);
	check_header();
	FUZZ_CHECK(haunted || !warden_admin_mend(service, &error));
}

/* The service's turn, with its files. */
static void step_tick(struct run *run)
{
	if (run->keeper == NULL) {
		run->keeper = warden_keeper_create(service, &run->settings,
						   NULL, 1, log_line, NULL);
		FUZZ_CHECK(run->keeper != NULL);
	}
	run->now += fuzz_take(&run->input, 1) * WARDEN_KEEPER_TICK_MSECS;
	warden_keeper_tick(run->keeper, run->now, wall_of(run));
	check_header();
	check_deny_file();
	expect_policy(run);
}

/* What is saved can be read again, whatever it was. */
static void step_save(struct run *run)
{
	struct warden_state_entry *entries;
	struct warden_report report;
	struct warden_saver saver;
	struct warden_error error;
	int64_t saved;
	size_t count;

	warden_report_init(&report, log_line, NULL);
	warden_saver_init(&saver, state_dir);
	/* the keeper has its own */
	(void)snprintf(saver.path, sizeof(saver.path), "%s/saved", state_dir);
	warden_saver_save(&saver, service, &run->settings.policy, &report, true,
			  run->now, wall_of(run));
	FUZZ_CHECK(saver.written);
	FUZZ_CHECK(warden_state_read(saver.path, &saved, &entries, &count,
				     &error) == 1);
	/* and the homes of those who log in in step_password(), with their key */
	FUZZ_CHECK(count <= HOSTS + NETWORKS + 8 * ADDRESSES + 1);
	free(entries);
	warden_saver_deinit(&saver);
}

/* A login process that starts now: with the table or without. */
static void step_start(struct run *run)
{
	struct warden_error error;
	struct warden *started =
		warden_open(table_dir, WARDEN_ROLE_LOGIN, HOSTS, &error);

	if (started == NULL)
		return;
	for (size_t i = 0; i < EXEMPTS; i++) {
		FUZZ_CHECK(warden_check(started, unit_client(&address_nets[i]),
					WARDEN_STAGE_ACCEPT,
					run->now) == WARDEN_ADMITTED);
	}
	(void)warden_count(started, unit_client(take_address(run)),
			   WARDEN_PROTOCOL_ERROR, NULL, run->now);
	warden_close(&started);
}

typedef void step_t(struct run *run);
static step_t *const steps[] = {
	step_poke,	 step_poke_header, step_forge,	step_copy,
	step_check,	 step_open,	   step_close,	step_count,
	step_success,	 step_read,	   step_health, step_block,
	step_network,	 step_wait,	   step_reap,	step_expire,
	step_mend,	 step_tick,	   step_save,	step_start,
	check_walk,	 check_deny_list,  step_begin,	step_end,
	step_forge_near, step_password,	   step_show,	step_settle,
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* --- An input of steps ---------------------------------------------------- */

static void run_rules(struct run *run, unsigned int which)
{
	struct warden_policy *policy = &run->settings.policy;
	struct warden_error error;

	warden_settings_init_defaults(&run->settings);
	run->settings.hosts_allow[0] = '\0';
	run->settings.hosts_deny[0] = '\0';
	FUZZ_CHECK(strlen(deny_path) < sizeof(run->settings.hosts_deny_file));
	(void)strcpy(run->settings.hosts_deny_file, deny_path);
	(void)strcpy(run->settings.state_dir, state_dir);
	memcpy(policy->exempt, exempt_nets, sizeof(exempt_nets));
	policy->exempt_count = EXEMPTS;
	policy->fail_limit = 20;
	policy->session_limit = 3;
	policy->siege_networks = WARDEN_SIEGE_NETWORKS_MIN;
	policy->siege_learn_secs = 0;
	policy->session_limit_total = (which & 16) != 0 ? 8 : 0;
	policy->ipv4_prefix = (which & 1) != 0 ? 24 : 32;
	policy->ipv6_prefix = (which & 2) != 0 ? 48 : 64;
	policy->deny_private = (which & 4) != 0 ? 1 : 0;
	policy->mode =
		(which & 8) != 0 ? WARDEN_MODE_OBSERVE : WARDEN_MODE_ENFORCE;
	FUZZ_CHECK(warden_settings_check(&run->settings, &error));
}

static void run_begin(struct run *run)
{
	struct warden_error error;
	unsigned int removed;

	memcpy(service->table.header, pristine, hosts_size);
	memset(auth->suspects.file, 0, sizeof(struct warden_auth_file));
	run->now = (uint64_t)START_SECS * 1000;
	run_rules(run, (unsigned int)fuzz_take(&run->input, 1));
	warden_admin_publish(service, &run->settings.policy, run->now);
	FUZZ_CHECK(warden_admin_network_unblock(service, NULL, &removed,
						run->now, &error));
	warden_admin_heartbeat(service, 1, true, run->now);
	expect_policy(run);
}

static void run_end(struct run *run)
{
	check_walk(run);
	check_deny_list(run);
	check_policy(run);
	if (run->keeper != NULL) {
		warden_keeper_shutdown(run->keeper, run->now, wall_of(run));
		warden_keeper_free(&run->keeper);
		/* whoever is left would stay denied */
		check_deny_file();
	}
	fuzz_dir_empty(state_dir);
}

static void run_steps(const uint8_t *data, size_t size)
{
	static struct warden_policy_file expected;
	struct run run = {
		.input = { data, size },
		.expected = &expected,
	};

	run_begin(&run);
	for (int i = 0; i < STEPS_MAX && run.input.size > 0; i++) {
		steps[fuzz_take(&run.input, 1) % STEPS](&run);
		check_policy(&run);
	}
	run_end(&run);
}

/* --- An input that is the image of a file --------------------------------- */

/* Everything that reads, on whatever is mapped. */
static void image_read(struct warden *warden, uint64_t now)
{
	struct warden_policy policy = { 0 };
	struct warden_host_info info;
	struct warden_session session;
	struct warden_health health;
	uint64_t index = 0;
	uint32_t age;

	policy = *warden_admin_policy(warden, now, &age);
	FUZZ_CHECK(warden_policy_is_valid(&policy));
	FUZZ_CHECK(warden_admin_networks(warden)->count <= WARDEN_NETWORKS_MAX);
	for (size_t i = 0; i < ADDRESSES; i++) {
		(void)warden_session_open(warden, unit_client(&address_nets[i]),
					  1, now, &session);
		(void)warden_count(warden, unit_client(&address_nets[i]),
				   WARDEN_AUTH_FAILED, NULL, now);
		warden_session_close(warden, &session);
		(void)warden_admin_network_find(warden, &address_nets[i], now);
	}
	warden_admin_health(warden, now, &health);
	while (warden_table_next(warden_admin_table(warden), &index, &policy,
				 now, &info))
		FUZZ_CHECK(index <= HOSTS);
}

static void image_deny(struct warden *warden, uint64_t now)
{
	struct warden_sweep *sweep = warden_sweep_create();
	const struct warden_sweep_change *changes;
	struct warden_policy policy;
	struct warden_error error;
	struct warden_denied *denied;
	struct warden_net *nets;
	size_t count;
	uint32_t age;

	FUZZ_CHECK(sweep != NULL);
	policy = *warden_admin_policy(warden, now, &age);
	FUZZ_CHECK(warden_sweep_run(sweep, warden, &policy, now, &changes,
				    &count));
	FUZZ_CHECK(warden_sweep_deny_list(sweep, warden, &policy, now, &denied,
					  &count) == 0);
	nets = calloc(count + 1, sizeof(*nets));
	FUZZ_CHECK(nets != NULL);
	for (size_t i = 0; i < count; i++)
		nets[i] = denied[i].net;
	/* a blocked network that is none is not written */
	(void)warden_deny_write(deny_path, nets, count, &error);
	free(nets);
	free(denied);
	warden_sweep_free(&sweep);
}

/* Overlay the file with the input, perhaps cut it short. */
static void image_write(const char *path, struct fuzz_input *input)
{
	uint64_t at = fuzz_take(input, 2) * 8, cut = fuzz_take(input, 1);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	FUZZ_CHECK(fd >= 0 && fstat(fd, &st) == 0);
	if (at + input->size <= (uint64_t)st.st_size) {
		FUZZ_CHECK(pwrite(fd, input->data, input->size, (off_t)at) ==
			   (ssize_t)input->size);
	}
	if (cut > 0 && cut < 128)
		FUZZ_CHECK(ftruncate(fd, st.st_size >> cut % 24) == 0);
	else if (cut >= 128)
		FUZZ_CHECK(ftruncate(fd, st.st_size + (off_t)cut) == 0);
	FUZZ_CHECK(close(fd) == 0);
}

static void image_open(enum warden_role role, bool must, uint64_t now)
{
	struct warden_error error;
	struct warden *warden = warden_open(image_dir, role, HOSTS, &error);

	FUZZ_CHECK(warden != NULL || !must);
	if (warden == NULL)
		return;
	image_read(warden, now);
	image_deny(warden, now);
	warden_close(&warden);
}

static void run_image(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "hosts", "policy" };
	struct fuzz_input input = { data, size };
	const char *name = names[fuzz_take(&input, 1) & 1];
	uint64_t now = (uint64_t)START_SECS * 1000;
	struct warden_error error;
	struct warden *warden;
	char path[320];

	/* the service makes what is missing, and new what is bad */
	warden = warden_open(image_dir, WARDEN_ROLE_SERVICE, HOSTS, &error);
	FUZZ_CHECK(warden != NULL);
	warden_admin_heartbeat(warden, 1, true, now);
	warden_close(&warden);
	(void)snprintf(path, sizeof(path), "%s/%s", image_dir, name);
	image_write(path, &input);
	image_open(WARDEN_ROLE_LOGIN, false, now);
	image_open(WARDEN_ROLE_ADMIN, false, now);
	image_open(WARDEN_ROLE_SERVICE, true, now);
	image_open(WARDEN_ROLE_LOGIN, true, now);
	FUZZ_CHECK(unlink(path) == 0);
	(void)unlink(deny_path);
}

/* --- The target ----------------------------------------------------------- */

/* The key of the hash is drawn when a file is made; the same input must always
   do the same. */
static void fix_hash_key(const char *name)
{
	static const uint64_t key[2] = { 1, 2 };
	char path[320];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", table_dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(pwrite(fd, key, sizeof(key),
			  offsetof(struct warden_file_header, hash_key)) ==
		   sizeof(key));
	FUZZ_CHECK(close(fd) == 0);
}

static struct warden *open_as(enum warden_role role)
{
	struct warden_error error = { .text = "" };
	struct warden *warden = warden_open(table_dir, role, HOSTS, &error);

	if (warden == NULL)
		(void)fprintf(stderr, "%s\n", error.text);
	FUZZ_CHECK(warden != NULL);
	return warden;
}

static void open_table(void)
{
	service = open_as(WARDEN_ROLE_SERVICE);
	warden_close(&service);
	fix_hash_key("hosts");
	fix_hash_key("auth");
	service = open_as(WARDEN_ROLE_SERVICE);
	login = open_as(WARDEN_ROLE_LOGIN);
	auth = open_as(WARDEN_ROLE_AUTH);
	hosts_size = service->hosts_file.size;
	pristine = malloc(hosts_size);
	FUZZ_CHECK(pristine != NULL);
	memcpy(pristine, service->table.header, hosts_size);
}

static void close_table(void)
{
	warden_close(&service);
	warden_close(&login);
	warden_close(&auth);
	free(pristine);
}

static void start(void)
{
	fuzz_dir_make();
	fuzz_path(table_dir, sizeof(table_dir), "table");
	fuzz_path(image_dir, sizeof(image_dir), "image");
	fuzz_path(state_dir, sizeof(state_dir), "state");
	FUZZ_CHECK(mkdir(state_dir, 0700) == 0);
	(void)snprintf(deny_path, sizeof(deny_path), "%s/hosts.deny",
		       state_dir);
	for (size_t i = 0; i < ADDRESSES; i++)
		net_of(addresses[i], &address_nets[i]);
	for (size_t i = 0; i < NETWORKS; i++)
		net_of(networks[i], &network_nets[i]);
	for (size_t i = 0; i < EXEMPTS; i++)
		net_of(exempt[i], &exempt_nets[i]);
	open_table();
	FUZZ_CHECK(atexit(close_table) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (service == NULL)
		start();
	if (size > 0 && (data[0] & 0x80) != 0)
		run_image(data, size);
	else
		run_steps(data, size);
	return 0;
}
