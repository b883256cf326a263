/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The policy put to the table: who is let in, and what an event costs. */

#include "warden.h"

#include "warden-clock.h"
#include "warden-fuse.h"
#include "warden-neighbours.h"
#include "warden-private.h"
#include "warden-publish.h"

/* Two processes read the clock a little apart; a heartbeat later than this is
   none, the file holds noise. */
#define HEARTBEAT_AHEAD_MAX_MSECS 5000

/* --- What is in force ----------------------------------------------------- */

/* Read what was published anew into copy. false: nothing was, or not whole. */
static bool read_news(const _Atomic uint32_t *generation, const void *copies,
		      uint32_t mine, void *copy, size_t size,
		      uint32_t *generation_r)
{
	return atomic_load_explicit(generation, memory_order_acquire) != mine &&
	       warden_publish_read(generation, copies, copy, size,
				   generation_r);
}

static void policy_refresh(struct warden *warden)
{
	struct warden_policy_file *shared = warden->shared_policy;
	struct warden_policy policy;
	uint32_t generation;

	if (read_news(&shared->policy_generation, shared->policies,
		      warden->policy_generation, &policy, sizeof(policy),
		      &generation) &&
	    warden_policy_is_valid(&policy)) {
		warden->policy = policy;
		warden->policy_generation = generation;
	}
}

static void networks_refresh(struct warden *warden)
{
	struct warden_policy_file *shared = warden->shared_policy;
	struct warden_networks networks;
	uint32_t generation;

	if (read_news(&shared->networks_generation, shared->networks,
		      warden->networks_generation, &networks, sizeof(networks),
		      &generation) &&
	    networks.count <= WARDEN_NETWORKS_MAX) {
		warden->networks = networks;
		warden->networks_generation = generation;
	}
}

static void named_refresh(struct warden *warden)
{
	struct warden_policy_file *shared = warden->shared_policy;
	struct warden_named named;
	uint32_t generation;

	if (read_news(&shared->named_generation, shared->named,
		      warden->named_generation, &named, sizeof(named),
		      &generation) &&
	    named.count <= WARDEN_NAMED_MAX) {
		warden->named = named;
		warden->named_generation = generation;
	}
}

static void neighbourhoods_refresh(struct warden *warden)
{
	struct warden_policy_file *shared = warden->shared_policy;
	struct warden_neighbourhoods news;
	uint32_t generation;

	if (read_news(&shared->neighbourhoods_generation,
		      shared->neighbourhoods, warden->neighbourhoods_generation,
		      &news, sizeof(news), &generation) &&
	    news.count <= WARDEN_NEIGHBOURHOODS_MAX) {
		warden->neighbourhoods = news;
		warden->neighbourhoods_generation = generation;
	}
}

void warden_refresh(struct warden *warden)
{
	policy_refresh(warden);
	networks_refresh(warden);
	named_refresh(warden);
	neighbourhoods_refresh(warden);
}

uint32_t warden_heartbeat_age(const struct warden *warden, uint64_t now)
{
	uint64_t heartbeat = atomic_load_explicit(
		&warden->shared_policy->heartbeat, memory_order_relaxed);
	uint64_t age = now > heartbeat ? (now - heartbeat) / 1000 : 0;

	if (heartbeat == 0 || age > UINT32_MAX ||
	    heartbeat > now + HEARTBEAT_AHEAD_MAX_MSECS)
		return UINT32_MAX;
	return (uint32_t)age;
}

const struct warden_policy *warden_policy(struct warden *warden, uint64_t now)
{
	warden_refresh(warden);
	if (warden->policy_generation == 0 ||
	    warden_heartbeat_age(warden, now) > WARDEN_HEARTBEAT_MAX_SECS)
		return NULL;
	return &warden->policy;
}

bool warden_fuse_is_blown(const struct warden *warden, uint64_t now)
{
	uint32_t until = atomic_load_explicit(
		&warden->shared_policy->fuse_until, memory_order_relaxed);

	return until > now / 1000 &&
	       until <= now / 1000 + 2 * WARDEN_FUSE_PEACE_SECS;
}

bool warden_is_retired(const struct warden *warden)
{
	const struct warden_policy_file *policy = warden->shared_policy;

	return atomic_load_explicit(&policy->file.retired,
				    memory_order_relaxed) != 0 ||
	       atomic_load_explicit(&policy->hosts_serial,
				    memory_order_relaxed) !=
		       warden->hosts_serial ||
	       warden_shelf_is_retired(&warden->rulebook) ||
	       warden_shelf_is_retired(&warden->origins);
}

uint64_t warden_blocks_changed(const struct warden *warden)
{
	return atomic_load_explicit(&warden->table.header->blocks_changed,
				    memory_order_acquire);
}

const struct warden_blocked_network *
warden_network_find(const struct warden *warden, const struct warden_net *addr,
		    uint64_t now)
{
	for (uint32_t i = 0; i < warden->networks.count; i++) {
		const struct warden_blocked_network *network =
			&warden->networks.networks[i];

		if (network->until_secs > now / 1000 &&
		    warden_net_contains(&network->net, addr))
			return network;
	}
	return NULL;
}

/* --- Where a client comes from -------------------------------------------- */

struct origin_question {
	const struct warden_net *addr;
	uint32_t origin;
};

static void origin_ask(const void *image, size_t size, void *context)
{
	struct origin_question *question = context;

	question->origin = warden_origins_find(image, size, question->addr);
}

uint32_t warden_origin(const struct warden *warden,
		       const struct warden_net *addr)
{
	struct origin_question question = { .addr = addr };

	return warden_shelf_ask(&warden->origins, origin_ask, &question) ==
			       WARDEN_SHELF_ASKED ?
		       question.origin :
		       0;
}

/* How many times as much it weighs what a client did. What the neighbours did
   speaks against a host that nothing speaks for. */
static uint32_t neighbour_factor(const struct warden *warden,
				 const struct warden_policy *policy,
				 const struct warden_net *addr,
				 const struct warden_host *host, uint64_t now)
{
	const struct warden_neighbourhoods *list = &warden->neighbourhoods;
	const struct warden_neighbourhood *found;
	struct warden_limits limits;

	/* most servers at most times */
	if (list->count == 0 || policy->neighbour_factor <= 1)
		return 1;
	found = warden_neighbourhoods_find(list, addr,
					   warden_origin(warden, addr));
	if (found == NULL || found->factor <= 1)
		return 1;
	warden_table_limits(&warden->table, host, policy, now, &limits);
	if (limits.known || limits.near)
		return 1;
	return found->factor < policy->neighbour_factor ?
		       found->factor :
		       policy->neighbour_factor;
}

/* --- The verdict ---------------------------------------------------------- */

/* false: rules have no name for the protocol. */
static bool rules_question(const struct warden_client *client,
			   struct warden_rules_question *question_r)
{
	*question_r = (struct warden_rules_question){
		.daemon = warden_protocol_daemon(client->protocol),
		.client = client->remote,
		.name_state = client->name_state,
		.name = client->name,
		.server = client->local,
	};
	return question_r->daemon != NULL;
}

static enum warden_rules_verdict
rules_verdict(const struct warden *warden, const struct warden_client *client)
{
	struct warden_rules_question question;
	struct warden_rules_answer answer;

	/* sshd and vsftpd have libwrap, or do without rules */
	if (!warden_protocol_is_login(client->protocol) ||
	    !rules_question(client, &question))
		return WARDEN_RULES_ALLOW;
	warden_rulebook_ask(&warden->rulebook, &question, &answer);
	return answer.verdict;
}

static bool rules_refuse(const struct warden *warden,
			 const struct warden_client *client)
{
	return rules_verdict(warden, client) == WARDEN_RULES_DENY;
}

/* Has the service found that hosts.allow means this client by its name? */
static bool named_has(const struct warden_named *named,
		      const struct warden_client *client)
{
	for (uint32_t i = 0; i < named->count; i++) {
		const struct warden_named_host *host = &named->hosts[i];

		if (warden_net_equals(&host->addr, client->remote)) {
			return (host->protocols &
				(UINT32_C(1) << client->protocol)) != 0;
		}
	}
	return false;
}

/* Whom hosts.allow means: WARDEN_RULES_ALLOW. */
static enum warden_rules_verdict rules_grant(const struct warden *warden,
					     const struct warden_client *client)
{
	struct warden_rules_question question;
	struct warden_rules_answer answer;

	if (!rules_question(client, &question))
		return WARDEN_RULES_DENY;
	warden_rulebook_ask_grant(&warden->rulebook, &question, &answer);
	if (answer.verdict == WARDEN_RULES_NEED_NAME &&
	    named_has(&warden->named, client))
		return WARDEN_RULES_ALLOW;
	return answer.verdict;
}

/* Whatever hosts.allow says. */
static bool is_exempt_by_policy(const struct warden_policy *policy,
				const struct warden_client *client)
{
	/* the machine talking to itself */
	if (client->local != NULL &&
	    warden_net_equals(client->remote, client->local))
		return true;
	return warden_policy_exempts(policy, client->remote);
}

static bool is_exempt(const struct warden *warden,
		      const struct warden_policy *policy,
		      const struct warden_client *client)
{
	return is_exempt_by_policy(policy, client) ||
	       rules_grant(warden, client) == WARDEN_RULES_ALLOW;
}

/* May the password be tried from a host that is limited? */
static bool password_is_welcome(const struct warden *warden,
				const struct warden_policy *policy,
				const struct warden_host *host,
				const struct warden_password *password,
				uint64_t now)
{
	const struct warden_memory *memory = &warden->memory;

	if (memory->file == NULL || password == NULL || password->user == NULL)
		return false;
	if (password->secret != 0) {
		return warden_memory_worked(memory, password->user,
					    password->secret,
					    policy->known_time_secs, now);
	}
	return warden_memory_was_here(memory, host, password->user,
				      policy->known_time_secs, now) &&
	       !warden_memory_failed(memory, host, password->user, now);
}

/* What many share is not refused, only who tries passwords there is. */
static bool block_refuses(const struct warden *warden,
			  const struct warden_policy *policy,
			  const struct warden_host *host,
			  enum warden_block block, enum warden_stage stage,
			  const struct warden_password *password, uint64_t now)
{
	switch (block) {
	case WARDEN_BLOCK_NONE:
		break;
	case WARDEN_BLOCK_HOST:
		return true;
	case WARDEN_BLOCK_LIMITED:
		return stage == WARDEN_STAGE_AUTH &&
		       !password_is_welcome(warden, policy, host, password,
					    now);
	}
	return false;
}

static bool account_refuses(const struct warden *warden,
			    const struct warden_policy *policy,
			    const struct warden_host *host,
			    const struct warden_password *password,
			    uint64_t now)
{
	return warden->siege.file != NULL && password != NULL &&
	       password->user != NULL &&
	       warden_siege_refuses(&warden->siege, host, password->user,
				    policy, now);
}

/* Who means to refuse a country means its mail programs: an admin on a journey
   must be able to get in by sshd, or what else asks PAM, and undo it. */
static bool country_refuses(const struct warden *warden,
			    const struct warden_policy *policy,
			    const struct warden_client *client)
{
	return warden->role != WARDEN_ROLE_PAM &&
	       warden_policy_has_countries(policy) &&
	       warden_policy_refuses_country(
		       policy, warden_origin_country(
				       warden_origin(warden, client->remote)));
}

/* What there is against a client. */
struct against {
	enum warden_refusal refusal;
	unsigned int rule; /* enum warden_rule; 0: there is nothing */
};

/* Nothing else matters any more: it is enforced. */
static bool against_decides(const struct against *against,
			    const struct warden_policy *policy)
{
	return against->rule != 0 &&
	       warden_policy_rule_mode(policy, against->rule) ==
		       WARDEN_MODE_ENFORCE;
}

/* Keep what is enforced rather than what is observed, and the first. */
static void against_add(struct against *against,
			const struct warden_policy *policy,
			enum warden_refusal refusal, unsigned int rule)
{
	const struct against found = { refusal, rule };

	if (warden_policy_rule_mode(policy, rule) != WARDEN_MODE_OFF &&
	    !against_decides(against, policy) &&
	    (against->rule == 0 || against_decides(&found, policy)))
		*against = found;
}

/* All but the rules of hosts.deny. */
static struct against
find_against(const struct warden *warden, const struct warden_policy *policy,
	     const struct warden_client *client, const struct warden_host *host,
	     enum warden_stage stage, const struct warden_password *password,
	     uint64_t now)
{
	const struct warden_table *table = &warden->table;
	struct against against = { WARDEN_ADMITTED, 0 };
	unsigned int reason = 0;

	if (warden_table_blocked_until(table, host, now) != 0 &&
	    block_refuses(
		    warden, policy, host,
		    warden_table_block_of(table, host, policy, now, &reason),
		    stage, password, now))
		against_add(&against, policy, WARDEN_REFUSED_HOST, reason);
	if (against_decides(&against, policy))
		return against;
	if (warden_network_find(warden, client->remote, now) != NULL) {
		against_add(&against, policy, WARDEN_REFUSED_NETWORK,
			    WARDEN_MANUAL);
	}
	if (country_refuses(warden, policy, client)) {
		against_add(&against, policy, WARDEN_REFUSED_COUNTRY,
			    WARDEN_RULE_COUNTRY);
	}
	if (block_refuses(warden, policy, host,
			  warden_table_crowd_of(table, host, policy, now),
			  stage, password, now)) {
		against_add(&against, policy, WARDEN_REFUSED_NETWORK,
			    WARDEN_RULE_CROWDED);
	}
	if (account_refuses(warden, policy, host, password, now)) {
		against_add(&against, policy, WARDEN_REFUSED_SIEGE,
			    WARDEN_RULE_SIEGE);
	}
	return against;
}

static enum warden_total refusal_total(enum warden_refusal refusal,
				       enum warden_stage stage)
{
	if (refusal == WARDEN_REFUSED_SESSIONS)
		return WARDEN_TOTAL_REFUSED_SESSIONS;
	if (refusal == WARDEN_REFUSED_RULE)
		return WARDEN_TOTAL_REFUSED_RULES;
	if (refusal == WARDEN_REFUSED_SIEGE)
		return WARDEN_TOTAL_REFUSED_SIEGE;
	if (refusal == WARDEN_REFUSED_COUNTRY)
		return WARDEN_TOTAL_REFUSED_COUNTRY;
	return stage == WARDEN_STAGE_AUTH ? WARDEN_TOTAL_REFUSED_AUTH :
					    WARDEN_TOTAL_REFUSED_BLOCKED;
}

/* Nobody is refused, but somebody would have been: at accept, or by auth. The
   later looks at a session that enforcing would not have let begin do not
   count again. */
static void observe(struct warden *warden, const struct warden_host *host,
		    const struct against *against, enum warden_stage stage,
		    uint64_t now)
{
	if (stage == WARDEN_STAGE_SESSION)
		return;
	warden_table_observe(&warden->table, host, against->rule, now);
	warden_table_total_add(&warden->table, WARDEN_TOTAL_WOULD_REFUSE, now);
	if (against->refusal != WARDEN_REFUSED_SIEGE)
		warden_table_refused(&warden->table, host);
}

/* Count a refusal; returns what is to be done about it. */
static enum warden_refusal refuse(struct warden *warden,
				  const struct warden_policy *policy,
				  const struct warden_host *host,
				  const struct against *against,
				  enum warden_stage stage, uint64_t now)
{
	if (against->rule == 0)
		return WARDEN_ADMITTED;
	if (warden->observe || warden_policy_rule_mode(policy, against->rule) !=
				       WARDEN_MODE_ENFORCE) {
		observe(warden, host, against, stage, now);
		return WARDEN_ADMITTED;
	}
	warden_table_total_add(&warden->table,
			       refusal_total(against->refusal, stage), now);
	if (against->refusal != WARDEN_REFUSED_SIEGE)
		warden_table_refused(&warden->table, host);
	return against->refusal;
}

/* What a client is judged by; false: nobody judges it. */
static bool judge(struct warden *warden, const struct warden_client *client,
		  uint64_t now, const struct warden_policy **policy_r,
		  struct warden_host *host_r)
{
	const struct warden_policy *policy = warden_policy(warden, now);

	*policy_r = policy;
	return policy != NULL && policy->mode != WARDEN_MODE_OFF &&
	       warden_host_from_net(host_r, client->remote, policy->ipv4_prefix,
				    policy->ipv6_prefix);
}

/* It is the account's refusal, and goes on its side of the book. */
static enum warden_refusal
refuse_on_guard(struct warden *warden, const struct warden_policy *policy,
		const struct warden_client *client,
		const struct warden_host *host,
		const struct warden_password *password, uint64_t now)
{
	const struct against against = { WARDEN_REFUSED_SIEGE,
					 WARDEN_RULE_SIEGE };
	enum warden_refusal refusal =
		refuse(warden, policy, host, &against, WARDEN_STAGE_AUTH, now);

	warden_siege_refused(&warden->siege, host, password->user, policy, now);
	if (refusal != WARDEN_ADMITTED) {
		warden_table_add_event(&warden->table, host,
				       WARDEN_ACCOUNT_ON_GUARD,
				       client->protocol, 0, now);
	}
	return refusal;
}

static enum warden_refusal check(struct warden *warden,
				 const struct warden_client *client,
				 enum warden_stage stage,
				 const struct warden_password *password,
				 uint64_t now)
{
	const struct warden_policy *policy;
	struct warden_host host;
	struct against against = { WARDEN_ADMITTED, 0 }, other;

	if (!judge(warden, client, now, &policy, &host))
		return WARDEN_ADMITTED;
	if (stage != WARDEN_STAGE_AUTH && rules_refuse(warden, client)) {
		against_add(&against, policy, WARDEN_REFUSED_RULE,
			    WARDEN_RULE_HOSTS_DENY);
	}
	if (against_decides(&against, policy))
		return refuse(warden, policy, &host, &against, stage, now);
	other = find_against(warden, policy, client, &host, stage, password,
			     now);
	/* exemptions last: most clients are neither blocked nor exempt, and
	   one look into the table is quicker than up to 512 comparisons */
	if (other.rule != 0 && !is_exempt(warden, policy, client))
		against_add(&against, policy, other.refusal, other.rule);
	if (against.refusal == WARDEN_REFUSED_SIEGE) {
		return refuse_on_guard(warden, policy, client, &host, password,
				       now);
	}
	return refuse(warden, policy, &host, &against, stage, now);
}

enum warden_refusal warden_check(struct warden *warden,
				 const struct warden_client *client,
				 enum warden_stage stage, uint64_t now)
{
	return check(warden, client, stage, NULL, now);
}

enum warden_refusal
warden_check_password(struct warden *warden, const struct warden_client *client,
		      const struct warden_password *password, uint64_t now)
{
	return check(warden, client, WARDEN_STAGE_AUTH, password, now);
}

static bool grant_needs_name(const struct warden *warden,
			     const struct warden_policy *policy,
			     const struct warden_client *client)
{
	return !is_exempt_by_policy(policy, client) &&
	       rules_grant(warden, client) == WARDEN_RULES_NEED_NAME;
}

/* Is there anything to ask at all? */
static bool may_need_name(struct warden *warden,
			  const struct warden_client *client, uint64_t now,
			  const struct warden_policy **policy_r,
			  struct warden_host *host_r)
{
	return client->name_state == WARDEN_RULES_NAME_NOT_ASKED &&
	       warden_rulebook_may_need_name(&warden->rulebook) &&
	       judge(warden, client, now, policy_r, host_r);
}

static bool name_matters(struct warden *warden,
			 const struct warden_client *client,
			 enum warden_stage stage,
			 const struct warden_password *password, uint64_t now)
{
	enum warden_rules_verdict verdict;
	const struct warden_policy *policy;
	struct warden_host host;
	bool refused;

	if (!may_need_name(warden, client, now, &policy, &host))
		return false;
	refused = find_against(warden, policy, client, &host, stage, password,
			       now)
			  .rule != 0;
	if (stage == WARDEN_STAGE_AUTH)
		return refused && grant_needs_name(warden, policy, client);
	verdict = rules_verdict(warden, client);
	if (verdict == WARDEN_RULES_DENY)
		return false;
	if (grant_needs_name(warden, policy, client))
		return true;
	return verdict == WARDEN_RULES_NEED_NAME &&
	       (!refused || is_exempt(warden, policy, client));
}

bool warden_name_matters(struct warden *warden,
			 const struct warden_client *client,
			 enum warden_stage stage, uint64_t now)
{
	return name_matters(warden, client, stage, NULL, now);
}

bool warden_name_matters_for(struct warden *warden,
			     const struct warden_client *client,
			     const struct warden_password *password,
			     uint64_t now)
{
	return name_matters(warden, client, WARDEN_STAGE_AUTH, password, now);
}

bool warden_name_may_exempt(struct warden *warden,
			    const struct warden_client *client, uint64_t now)
{
	const struct warden_policy *policy;
	struct warden_host host;

	return may_need_name(warden, client, now, &policy, &host) &&
	       grant_needs_name(warden, policy, client);
}

void warden_set_observe(struct warden *warden)
{
	warden->observe = true;
}

/* --- Sessions ------------------------------------------------------------- */

/* The rules to count by: those in force, else the defaults. NULL: count
   nothing. */
static const struct warden_policy *counting_policy(struct warden *warden,
						   uint64_t now,
						   bool *in_force_r)
{
	const struct warden_policy *policy = warden_policy(warden, now);

	*in_force_r = policy != NULL;
	if (policy == NULL)
		return &warden->defaults;
	return policy->mode == WARDEN_MODE_OFF ? NULL : policy;
}

/* Like judge(), for what is counted whether or not a policy is in force. */
static const struct warden_policy *
count_whom(struct warden *warden, const struct warden_client *client,
	   uint64_t now, struct warden_host *host_r, bool *in_force_r)
{
	const struct warden_policy *policy =
		counting_policy(warden, now, in_force_r);

	if (policy == NULL || is_exempt(warden, policy, client) ||
	    !warden_host_from_net(host_r, client->remote, policy->ipv4_prefix,
				  policy->ipv6_prefix))
		return NULL;
	return policy;
}

/* Sessions that are open on the server. The service walks over all of them at
   each tick; in between they are told by what came and went. */
static uint32_t sessions_total(const struct warden *warden)
{
	uint32_t open = (uint32_t)atomic_load_explicit(
		&warden->table.header->sessions_open, memory_order_relaxed);
	uint32_t lost = atomic_load_explicit(
		&warden->shared_policy->sessions_lost, memory_order_relaxed);
	uint32_t total = open - lost;

	/* some have come to an end twice, by themselves and by the service */
	return total > INT32_MAX ? 0 : total;
}

/* How many the host may have, and the hosts of its network that are not known;
   0: no limit. false: not one more, since there are too many of all hosts. */
static bool session_limit(const struct warden *warden,
			  const struct warden_policy *policy,
			  const struct warden_host *host, uint64_t now,
			  uint32_t *limit_r, uint32_t *network_r)
{
	uint32_t limit_total = policy->session_limit_total;
	struct warden_limits limits;

	*limit_r = *network_r = 0;
	if (warden_policy_rule_mode(policy, WARDEN_RULE_SESSIONS) ==
	    WARDEN_MODE_OFF)
		return true;
	if (policy->session_limit == 0 && policy->session_limit_network == 0 &&
	    limit_total == 0)
		return true;
	warden_table_limits(&warden->table, host, policy, now, &limits);
	*limit_r = limits.sessions;
	*network_r = limits.network_sessions;
	return limit_total == 0 ||
	       sessions_total(warden) <
		       warden_limits_total(limit_total, &limits);
}

uint32_t warden_login_grace(const struct warden *warden,
			    const struct warden_policy *policy)
{
	return warden_limits_grace(policy, sessions_total(warden));
}

enum warden_refusal warden_session_wait(struct warden *warden,
					const struct warden_client *client,
					pid_t pid, uint64_t now,
					struct warden_session *session_r)
{
	const struct against against = { WARDEN_REFUSED_SESSIONS,
					 WARDEN_RULE_SESSIONS };
	const struct warden_policy *policy;
	struct warden_host host;
	enum warden_refusal refusal;
	bool in_force, room;
	uint32_t limit = 0, network = 0;

	*session_r = (struct warden_session){ 0 };
	policy = count_whom(warden, client, now, &host, &in_force);
	if (policy == NULL)
		return WARDEN_ADMITTED;
	room = !in_force ||
	       session_limit(warden, policy, &host, now, &limit, &network);
	if (room &&
	    warden_table_session_open(&warden->table, &host, limit, network,
				      pid, now, session_r) != 0)
		return WARDEN_ADMITTED;
	refusal = refuse(warden, policy, &host, &against, WARDEN_STAGE_ACCEPT,
			 now);
	if (refusal == WARDEN_ADMITTED) {
		(void)warden_table_session_open(&warden->table, &host, 0, 0,
						pid, now, session_r);
	}
	return refusal;
}

enum warden_refusal warden_session_open(struct warden *warden,
					const struct warden_client *client,
					pid_t pid, uint64_t now,
					struct warden_session *session_r)
{
	enum warden_refusal refusal =
		warden_check(warden, client, WARDEN_STAGE_ACCEPT, now);

	*session_r = (struct warden_session){ 0 };
	if (refusal != WARDEN_ADMITTED)
		return refusal;
	return warden_session_wait(warden, client, pid, now, session_r);
}

void warden_session_close(struct warden *warden,
			  struct warden_session *session)
{
	warden_table_session_close(&warden->table, session);
}

/* --- Events --------------------------------------------------------------- */

static bool class_is_of_passwords(enum warden_class class)
{
	return class == WARDEN_AUTH_FAILED || class == WARDEN_USER_UNKNOWN;
}

/* What everybody runs into when the server is at fault: its database, or its
   certificate. */
static bool class_blows_fuse(enum warden_class class)
{
	return class_is_of_passwords(class) || class == WARDEN_TLS_FAILED;
}

/* Tell the fuse if a known host failed. Returns whether it is known. */
static bool known_failed(struct warden *warden,
			 const struct warden_policy *policy,
			 const struct warden_host *host,
			 enum warden_class class, uint64_t now)
{
	bool known = warden_table_is_known(&warden->table, host, policy, now);

	if (known && class_blows_fuse(class))
		warden_fuse_note(&warden->table, host, true, now);
	return known;
}

bool warden_count(struct warden *warden, const struct warden_client *client,
		  enum warden_class class, const char *user, uint64_t now)
{
	const struct warden_policy *policy;
	struct warden_host host;
	bool in_force, known, blown;

	if (!warden_class_is_event(class))
		return false;
	policy = count_whom(warden, client, now, &host, &in_force);
	if (policy == NULL)
		return false;
	warden_table_total_add(&warden->table, (enum warden_total)class, now);
	known = known_failed(warden, policy, &host, class, now);
	blown = warden_fuse_is_blown(warden, now);
	if (blown && known) {
		warden_table_add_event(&warden->table, &host, class,
				       client->protocol, 0, now);
		return false;
	}
	if (warden->suspects.file != NULL) {
		/* an unknown user is never the one who logs in later */
		warden_suspects_failed(&warden->suspects, &host,
				       class == WARDEN_USER_UNKNOWN ? NULL :
								      user,
				       policy->fail_window_secs, now);
	}
	return warden_table_count(
		&warden->table, &host, policy, in_force && !blown,
		neighbour_factor(warden, policy, client->remote, &host, now),
		class, client->protocol, user, now);
}

enum warden_refusal warden_pending_begin(struct warden *warden,
					 const struct warden_client *client,
					 enum warden_class class, pid_t pid,
					 uint64_t now,
					 struct warden_pending *pending_r)
{
	const struct warden_policy *policy;
	struct warden_host host;
	enum warden_refusal refusal;

	*pending_r = (struct warden_pending){ 0 };
	if (!warden_class_is_event(class) ||
	    !judge(warden, client, now, &policy, &host) ||
	    is_exempt(warden, policy, client))
		return WARDEN_ADMITTED;
	if (!warden_fuse_is_blown(warden, now)) {
		(void)warden_table_settle(&warden->table, &host, policy, now);
	}
	refusal = warden_check(warden, client, WARDEN_STAGE_AUTH, now);
	if (refusal != WARDEN_ADMITTED)
		return refusal;
	warden_table_total_add(&warden->table, (enum warden_total)class, now);
	/* it has not failed yet: neighbours do not matter */
	warden_table_count_ahead(&warden->table, &host, policy, class,
				 client->protocol, now, pending_r);
	pending_r->hosts_serial = warden->hosts_serial;
	warden_table_pending_enter(&warden->table, pid, pending_r);
	return WARDEN_ADMITTED;
}

void warden_pending_succeed(struct warden *warden,
			    struct warden_pending *pending, uint64_t now)
{
	/* the service put another table in the place of that one: there is
	   nothing of it in the new one */
	if (pending->host.key != 0 &&
	    pending->hosts_serial == warden->hosts_serial) {
		warden_table_pending_leave(&warden->table, pending);
		warden_table_take_back(&warden->table, pending, now);
		warden_table_total_take_back(&warden->table,
					     (enum warden_total)pending->class,
					     pending->began);
	}
	*pending = (struct warden_pending){ 0 };
}

bool warden_pending_fail(struct warden *warden, struct warden_pending *pending,
			 uint64_t now)
{
	const struct warden_policy *policy = warden_policy(warden, now);
	bool began = false;

	if (pending->host.key != 0 && policy != NULL &&
	    policy->mode != WARDEN_MODE_OFF) {
		warden_table_add_event(
			&warden->table, &pending->host,
			(enum warden_class)pending->class,
			(enum warden_protocol)pending->protocol,
			warden_policy_points(policy,
					     (enum warden_class)pending->class),
			now);
		if (!warden_fuse_is_blown(warden, now))
			began = warden_table_settle(
				&warden->table, &pending->host, policy, now);
	}
	/* after that: if we are killed before, the service does it */
	if (pending->hosts_serial == warden->hosts_serial)
		warden_table_pending_leave(&warden->table, pending);
	*pending = (struct warden_pending){ 0 };
	return began;
}

void warden_success(struct warden *warden, const struct warden_client *client,
		    const char *user, uint64_t now)
{
	const struct warden_policy *policy;
	struct warden_host host;
	bool in_force, clear;

	policy = count_whom(warden, client, now, &host, &in_force);
	if (policy == NULL)
		return;
	warden_table_total_add(&warden->table, WARDEN_TOTAL_SUCCESS, now);
	warden_fuse_note(&warden->table, &host, false, now);
	warden_table_observe_login(&warden->table, &host, now);
	warden_table_add_event(&warden->table, &host, WARDEN_CLASS_NONE,
			       client->protocol, 0, now);
	clear = warden->suspects.file != NULL &&
		warden_suspects_clear(&warden->suspects, &host, user,
				      policy->fail_window_secs, now);
	warden_table_success(&warden->table, &host, clear, now);
	if (user != NULL) {
		warden_table_add_user(&warden->table, &host, policy, user, now);
	}
}

/* --- Passwords that auth has checked -------------------------------------- */

uint64_t warden_secret(const struct warden *warden, const char *password)
{
	return warden->memory.file == NULL ?
		       0 :
		       warden_memory_secret(&warden->memory, password);
}

/* Wrong, but no guess? Both are asked: what used to work is remembered as
   wrong from now on. */
static bool password_is_excused(struct warden *warden,
				const struct warden_policy *policy,
				const struct warden_host *host,
				const struct warden_password *password,
				uint64_t now)
{
	bool again = warden_memory_add_wrong(
		&warden->memory, host, password->user, password->secret, now);

	return again || warden_memory_worked(&warden->memory, password->user,
					     password->secret,
					     policy->known_time_secs, now);
}

/* A guess at that user's password. */
static void account_failed(struct warden *warden,
			   const struct warden_policy *policy,
			   const struct warden_host *host,
			   enum warden_class class,
			   const struct warden_password *password, uint64_t now)
{
	uint32_t siege;

	if (class == WARDEN_AUTH_FAILED && !warden_fuse_is_blown(warden, now) &&
	    warden_policy_rule_mode(policy, WARDEN_RULE_SIEGE) !=
		    WARDEN_MODE_OFF &&
	    warden_siege_failed(&warden->siege, host, password->user, policy,
				now, &siege))
		warden->siege_began = siege;
}

bool warden_siege_began(const struct warden *warden, uint32_t *siege_r,
			bool *enforced_r)
{
	*siege_r = warden->siege_began;
	*enforced_r =
		warden_policy_rule_mode(&warden->policy, WARDEN_RULE_SIEGE) ==
			WARDEN_MODE_ENFORCE &&
		!warden->observe;
	return warden->siege_began != 0;
}

bool warden_password_failed(struct warden *warden,
			    const struct warden_client *client,
			    enum warden_class class,
			    const struct warden_password *password,
			    uint64_t now)
{
	const struct warden_policy *policy;
	struct warden_host host;
	bool in_force;

	warden->siege_began = 0;
	policy = count_whom(warden, client, now, &host, &in_force);
	if (policy == NULL)
		return false;
	if (warden->memory.file != NULL && password->user != NULL &&
	    class_is_of_passwords(class)) {
		if (password_is_excused(warden, policy, &host, password, now)) {
			(void)known_failed(warden, policy, &host, class, now);
			warden_table_total_add(&warden->table,
					       WARDEN_TOTAL_EXCUSED, now);
			warden_table_add_event(&warden->table, &host, class,
					       client->protocol, 0, now);
			return false;
		}
		warden_memory_add_cost(&warden->memory, &host, password->user,
				       warden_policy_points(policy, class) *
					       neighbour_factor(warden, policy,
								client->remote,
								&host, now),
				       now);
		if (in_force) {
			account_failed(warden, policy, &host, class, password,
				       now);
		}
	}
	return warden_count(warden, client, class, password->user, now);
}

void warden_password_worked(struct warden *warden,
			    const struct warden_client *client,
			    const struct warden_password *password,
			    uint64_t now)
{
	const struct warden_policy *policy;
	struct warden_host host;
	bool in_force, is_new;
	uint32_t cost;

	policy = count_whom(warden, client, now, &host, &in_force);
	if (policy != NULL && warden->memory.file != NULL &&
	    password->user != NULL) {
		cost = warden_memory_cost(&warden->memory, &host,
					  password->user, now);
		is_new = warden_memory_add_worked(
			&warden->memory, &host, password->user,
			password->secret, policy->known_time_secs, now);
		if (is_new && cost > 0) {
			warden_table_forgive(&warden->table, &host, policy,
					     cost, now);
		}
		/* a guesser does not get in */
		if (is_new || password->secret == 0)
			warden_memory_clear_cost(&warden->memory, &host,
						 password->user);
		warden_siege_logged_in(&warden->siege, &host, password->user,
				       policy, now);
	}
	warden_success(warden, client, password->user, now);
}
