/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Asking an image. It may lie in memory that others write to: each record is
   copied before it is looked at, each index is checked where it is used, the
   places of the parts are those that were checked when it was opened, and
   there is an end to what one question may try.

   A pattern matches, does not match, or may match: then it depends on a name
   that nobody has looked up. EXCEPT reckons with all three. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "warden-rules-private.h"

/* A domain name has at most 253 bytes; what is longer is cut. */
#define TEXT_ROOM 256

static const char text_unknown[] = "unknown", text_paranoid[] = "paranoid";

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

struct text {
	char str[TEXT_ROOM]; /* in lower case */
	size_t len;
};

/* The client, or the server's end. */
struct host {
	struct rules_key key;
	uint32_t ipv4;
	bool has_address, is_ipv4, has_name;
	const struct warden_net *net; /* NULL: it has no address */
	bool has_address_text;	      /* see host_address() */
	struct text address, name;
};

struct asking {
	const struct warden_rules *rules;
	struct text daemon;
	struct host client, server;
	bool meant_only; /* without patterns that mean nobody in particular */
	bool damaged;
	uint32_t steps_left;
};

/* --- The image ----------------------------------------------------------- */

static bool part_fits(const struct warden_rules_part *part, size_t record,
		      size_t size)
{
	return part->offset % 8 == 0 && part->offset <= size &&
		part->count <= (size - part->offset) / record;
}

static bool parts_fit(const struct rules_head *head, size_t size)
{
	return part_fits(&head->rules, sizeof(struct rules_rule), size) &&
		part_fits(&head->linear, sizeof(uint32_t), size) &&
		part_fits(&head->groups, sizeof(struct rules_group), size) &&
		part_fits(&head->segments, sizeof(struct rules_segment),
			  size) &&
		part_fits(&head->tokens, sizeof(struct rules_token), size) &&
		part_fits(&head->bounds, sizeof(struct rules_bound), size) &&
		part_fits(&head->text, 1, size) &&
		head->allow_groups <= head->groups.count &&
		head->allow_linear <= head->linear.count;
}

bool warden_rules_open(struct warden_rules *rules_r, const void *image,
		       size_t size, struct warden_error *error_r)
{
	struct rules_head head;

	memset(rules_r, 0, sizeof(*rules_r));
	if (size < sizeof(head)) {
		warden_error_set(error_r, "the rules are cut short");
		return false;
	}
	memcpy(&head, image, sizeof(head));
	if (head.magic != RULES_MAGIC) {
		warden_error_set(error_r, "these are no rules");
		return false;
	}
	if (head.version != RULES_VERSION) {
		warden_error_set(error_r, "the rules have version %u, not %u",
				 head.version, RULES_VERSION);
		return false;
	}
	if (head.size > size || head.size < sizeof(head) ||
	    !parts_fit(&head, head.size)) {
		warden_error_set(error_r, "the rules are damaged");
		return false;
	}
	rules_r->image = image;
	rules_r->rules = head.rules;
	rules_r->linear = head.linear;
	rules_r->groups = head.groups;
	rules_r->segments = head.segments;
	rules_r->tokens = head.tokens;
	rules_r->bounds = head.bounds;
	rules_r->text = head.text;
	rules_r->allow_groups = head.allow_groups;
	rules_r->allow_linear = head.allow_linear;
	return true;
}

/* A copy of one record. false: there is none */
static bool get(struct asking *asking, const struct warden_rules_part *part,
		uint32_t index, size_t size, void *record_r)
{
	if (index >= part->count) {
		asking->damaged = true;
		memset(record_r, 0, size);
		return false;
	}
	memcpy(record_r,
	       (const char *)asking->rules->image + part->offset + index * size,
	       size);
	return true;
}

static bool step(struct asking *asking, uint32_t steps)
{
	if (asking->damaged || asking->steps_left < steps) {
		asking->damaged = true;
		return false;
	}
	asking->steps_left -= steps;
	return true;
}

/* The value for the address, or RULES_NONE. */
static uint32_t map_find(struct asking *asking, const struct rules_map *map,
			 const struct rules_key *key)
{
	const struct warden_rules_part *bounds = &asking->rules->bounds;
	uint32_t from = 0, to = map->count;
	struct rules_bound bound, found = { .value = RULES_NONE };

	if (map->first > bounds->count ||
	    map->count > bounds->count - map->first) {
		asking->damaged = true;
		return RULES_NONE;
	}
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		(void)get(asking, bounds, map->first + middle, sizeof(bound),
			  &bound);
		if (memcmp(bound.key.bytes, key->bytes, sizeof(*key)) <= 0) {
			found = bound;
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return found.value;
}

/* --- Texts --------------------------------------------------------------- */

bool rules_glob_matches(const char *glob, size_t glob_len, const char *str,
			size_t len)
{
	size_t g = 0, s = 0, star = SIZE_MAX, star_s = 0;

	while (s < len) {
		if (g < glob_len && glob[g] == '*') {
			star = g++;
			star_s = s;
		} else if (g < glob_len &&
			   (glob[g] == '?' || glob[g] == str[s])) {
			g++;
			s++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			s = ++star_s;
		} else {
			return false;
		}
	}
	while (g < glob_len && glob[g] == '*')
		g++;
	return g == glob_len;
}

static void text_set(struct text *text_r, const char *str)
{
	size_t len = strnlen(str, sizeof(text_r->str) - 1);

	for (size_t i = 0; i < len; i++)
		text_r->str[i] = (char)tolower((unsigned char)str[i]);
	text_r->str[len] = '\0';
	text_r->len = len;
}

static bool pattern_matches(enum rules_token_kind kind, const char *pattern,
			    size_t len, const struct text *text)
{
	switch (kind) {
	case RULES_TOKEN_ALL:
		return true;
	case RULES_TOKEN_KNOWN_TEXT:
		return strcmp(text->str, text_unknown) != 0;
	case RULES_TOKEN_EXACT:
		return len == text->len && memcmp(pattern, text->str, len) == 0;
	case RULES_TOKEN_PREFIX:
		return len <= text->len && memcmp(pattern, text->str, len) == 0;
	case RULES_TOKEN_SUFFIX:
		return len < text->len &&
			memcmp(pattern, text->str + text->len - len, len) == 0;
	case RULES_TOKEN_GLOB:
		return rules_glob_matches(pattern, len, text->str, text->len);
	default:
		return false;
	}
}

static bool text_matches(struct asking *asking, const struct rules_token *token,
			 const struct text *text)
{
	const struct warden_rules_part *part = &asking->rules->text;
	const char *pattern;

	if (token->a > part->count || token->len > part->count - token->a) {
		asking->damaged = true;
		return false;
	}
	pattern = (const char *)asking->rules->image + part->offset + token->a;
	return pattern_matches(token->kind, pattern, token->len, text);
}

/* --- Patterns ------------------------------------------------------------ */

static enum match match_known(const struct host *host)
{
	if (!host->has_address)
		return MATCH_NO;
	if (!host->has_name)
		return MATCH_MAYBE;
	return strcmp(host->name.str, text_unknown) != 0 &&
		strcmp(host->name.str, text_paranoid) != 0 ?
		MATCH_YES : MATCH_NO;
}

static enum match match_local(const struct host *host)
{
	if (!host->has_name)
		return MATCH_MAYBE;
	return strcmp(host->name.str, text_unknown) != 0 &&
		strcmp(host->name.str, text_paranoid) != 0 &&
		strchr(host->name.str, '.') == NULL ? MATCH_YES : MATCH_NO;
}

/* As a text, which few rules need, and which takes longer than all the rest. */
static const struct text *host_address(struct host *host)
{
	char buf[WARDEN_NET_STRLEN];

	if (!host->has_address_text) {
		text_set(&host->address,
			 host->net == NULL ? text_unknown :
					     warden_net_format(host->net, buf));
		host->has_address_text = true;
	}
	return &host->address;
}

static enum match match_host_text(struct asking *asking,
				  const struct rules_token *token,
				  struct host *host)
{
	if (text_matches(asking, token, host_address(host)))
		return MATCH_YES;
	if ((token->flags & RULES_TOKEN_NAMES) == 0)
		return MATCH_NO;
	if (!host->has_name)
		return MATCH_MAYBE;
	return text_matches(asking, token, &host->name) ? MATCH_YES : MATCH_NO;
}

static enum match match_host_token(struct asking *asking,
				   const struct rules_token *token,
				   struct host *host)
{
	switch (token->kind) {
	case RULES_TOKEN_ALL:
		return MATCH_YES;
	case RULES_TOKEN_KNOWN:
		return match_known(host);
	case RULES_TOKEN_LOCAL:
		return match_local(host);
	case RULES_TOKEN_IPV4:
		return host->has_address && host->is_ipv4 &&
			(host->ipv4 & token->b) == token->a ?
			MATCH_YES : MATCH_NO;
	case RULES_TOKEN_IPV6:
		return host->has_address && !host->is_ipv4 ?
			MATCH_YES : MATCH_NO;
	default:
		return match_host_text(asking, token, host);
	}
}

static enum match match_host_tokens(struct asking *asking,
				    const struct rules_segment *segment,
				    struct host *host, bool meant_only)
{
	enum match match, best = MATCH_NO;
	struct rules_token token;

	for (uint32_t i = 0; i < segment->tokens; i++) {
		if (!get(asking, &asking->rules->tokens, segment->token + i,
			 sizeof(token), &token) ||
		    !step(asking, 1 + token.len))
			return MATCH_NO;
		if (meant_only && (token.flags & RULES_TOKEN_BROAD) != 0)
			continue;
		match = match_host_token(asking, &token, host);
		if (match == MATCH_YES)
			return match;
		if (match > best)
			best = match;
	}
	return best;
}

static enum match match_host(struct asking *asking, uint32_t index,
			     struct host *host, bool meant_only)
{
	struct rules_segment segment;

	if (!step(asking, 1) ||
	    !get(asking, &asking->rules->segments, index, sizeof(segment),
		 &segment))
		return MATCH_NO;
	if (host->has_address &&
	    map_find(asking, &segment.map, &host->key) != RULES_NONE)
		return MATCH_YES;
	return match_host_tokens(asking, &segment, host, meant_only);
}

static enum match match_client(struct asking *asking, uint32_t index,
			       bool meant_only)
{
	return match_host(asking, index, &asking->client, meant_only);
}

/* The server's name counts as unknown, so there is no maybe. */
static enum match match_daemon(struct asking *asking, uint32_t index,
			       bool meant_only)
{
	struct rules_segment segment;
	struct rules_token token;

	(void)meant_only;
	if (!step(asking, 1) ||
	    !get(asking, &asking->rules->segments, index, sizeof(segment),
		 &segment))
		return MATCH_NO;
	for (uint32_t i = 0; i < segment.tokens; i++) {
		if (!get(asking, &asking->rules->tokens, segment.token + i,
			 sizeof(token), &token) ||
		    !step(asking, 1 + token.len))
			return MATCH_NO;
		if (!text_matches(asking, &token, &asking->daemon))
			continue;
		if ((token.flags & RULES_TOKEN_AT_SERVER) == 0 ||
		    match_host(asking, token.b, &asking->server, false) ==
		    MATCH_YES)
			return MATCH_YES;
	}
	return MATCH_NO;
}

/* a EXCEPT b */
static enum match match_except(enum match a, enum match b)
{
	enum match not_b = MATCH_YES - b;

	return a < not_b ? a : not_b;
}

static enum match
match_list(struct asking *asking, const struct rules_list *list,
	   enum match (*segment)(struct asking *asking, uint32_t index,
				 bool meant_only))
{
	enum match first, rest = MATCH_NO;

	if (!step(asking, 1) || list->segments == 0)
		return MATCH_NO;
	first = segment(asking, list->segment, asking->meant_only);
	if (first == MATCH_NO)
		return MATCH_NO;
	for (uint32_t i = list->segments - 1; i > 0 && !asking->damaged; i--)
		rest = match_except(segment(asking, list->segment + i, false),
				    rest);
	return match_except(first, rest);
}

/* --- Rules --------------------------------------------------------------- */

/* What a file has to say. */
struct finding {
	struct rules_rule rule; /* the first that matches */
	uint32_t index;		/* its place, or RULES_NONE */
	/* those before it that may match */
	struct rules_rule maybe;
	bool maybe_allow, maybe_deny;
};

static bool rule_get(struct asking *asking, uint32_t index,
		     struct rules_rule *rule_r)
{
	if (!get(asking, &asking->rules->rules, index, sizeof(*rule_r),
		 rule_r))
		return false;
	if (rule_r->verdict > WARDEN_RULES_DENY ||
	    rule_r->file > WARDEN_RULES_FILE_DENY)
		asking->damaged = true;
	return !asking->damaged;
}

static bool group_matches(struct asking *asking, uint32_t index)
{
	struct rules_group group;

	return get(asking, &asking->rules->groups, index, sizeof(group),
		   &group) &&
		match_list(asking, &group.daemons, match_daemon) == MATCH_YES;
}

static void find_in_maps(struct asking *asking, uint32_t from, uint32_t to,
			 struct finding *finding)
{
	struct rules_group group;
	uint32_t index;

	for (uint32_t i = from; i < to && !asking->damaged; i++) {
		if (!get(asking, &asking->rules->groups, i, sizeof(group),
			 &group))
			return;
		index = map_find(asking, asking->meant_only ? &group.meant :
				 &group.any, &asking->client.key);
		if (index < finding->index && group_matches(asking, i))
			finding->index = index;
	}
}

static void may_match(struct finding *finding, const struct rules_rule *rule)
{
	if (!finding->maybe_allow && !finding->maybe_deny)
		finding->maybe = *rule;
	if (rule->verdict == WARDEN_RULES_ALLOW)
		finding->maybe_allow = true;
	else
		finding->maybe_deny = true;
}

static void find_in_linear(struct asking *asking, uint32_t from, uint32_t to,
			   struct finding *finding)
{
	struct rules_rule rule;
	enum match match;
	uint32_t index;

	for (uint32_t i = from; i < to && !asking->damaged; i++) {
		if (!get(asking, &asking->rules->linear, i, sizeof(index),
			 &index) ||
		    index >= finding->index ||
		    !rule_get(asking, index, &rule))
			return;
		if (!group_matches(asking, rule.group))
			continue;
		match = match_list(asking, &rule.clients, match_client);
		if (match == MATCH_MAYBE)
			may_match(finding, &rule);
		if (match == MATCH_YES)
			finding->index = index;
	}
}

static void find(struct asking *asking, enum warden_rules_file file,
		 bool meant_only, struct finding *finding_r)
{
	const struct warden_rules *rules = asking->rules;
	bool allow = file == WARDEN_RULES_FILE_ALLOW;

	memset(finding_r, 0, sizeof(*finding_r));
	finding_r->index = RULES_NONE;
	asking->meant_only = meant_only;
	asking->steps_left = WARDEN_RULES_MAX_STEPS;
	find_in_maps(asking, allow ? 0 : rules->allow_groups,
		     allow ? rules->allow_groups : rules->groups.count,
		     finding_r);
	find_in_linear(asking, allow ? 0 : rules->allow_linear,
		       allow ? rules->allow_linear : rules->linear.count,
		       finding_r);
	if (finding_r->index != RULES_NONE)
		(void)rule_get(asking, finding_r->index, &finding_r->rule);
}

/* --- Questions ----------------------------------------------------------- */

static void host_set(struct host *host_r, const struct warden_net *net)
{
	host_r->net = net;
	host_r->has_address = net != NULL;
	host_r->has_address_text = false;
	host_r->is_ipv4 = false;
	host_r->ipv4 = 0;
	memset(&host_r->key, 0, sizeof(host_r->key));
	if (net == NULL)
		return;
	rules_key_from_net(&host_r->key, net);
	host_r->is_ipv4 = net->family == WARDEN_INET;
	host_r->ipv4 = (uint32_t)net->bytes[0] << 24 |
		(uint32_t)net->bytes[1] << 16 |
		(uint32_t)net->bytes[2] << 8 | net->bytes[3];
}

static void host_set_name(struct host *host, enum warden_rules_name state,
			  const char *name)
{
	host->has_name = state != WARDEN_RULES_NAME_NOT_ASKED;
	switch (state) {
	case WARDEN_RULES_NAME_GIVEN:
		text_set(&host->name, name);
		break;
	case WARDEN_RULES_NAME_PARANOID:
		text_set(&host->name, text_paranoid);
		break;
	default:
		text_set(&host->name, text_unknown);
		break;
	}
}

static void asking_init(struct asking *asking_r,
			const struct warden_rules *rules,
			const struct warden_rules_question *question)
{
	/* not all of it: the room for texts is large */
	asking_r->rules = rules;
	asking_r->meant_only = false;
	asking_r->damaged = false;
	asking_r->steps_left = 0;
	text_set(&asking_r->daemon, question->daemon);
	host_set(&asking_r->client, question->client);
	host_set_name(&asking_r->client, question->name_state, question->name);
	host_set(&asking_r->server, question->server);
	host_set_name(&asking_r->server, WARDEN_RULES_NAME_UNKNOWN, NULL);
}

static void answer_set(struct warden_rules_answer *answer_r,
		       enum warden_rules_verdict verdict,
		       const struct rules_rule *rule)
{
	memset(answer_r, 0, sizeof(*answer_r));
	answer_r->verdict = verdict;
	if (rule == NULL)
		return;
	answer_r->file = rule->file;
	answer_r->line = rule->line;
}

static bool may_say_otherwise(const struct finding *finding,
			      enum warden_rules_verdict verdict)
{
	return verdict == WARDEN_RULES_ALLOW ? finding->maybe_deny :
		finding->maybe_allow;
}

/* The rules that may match do not matter if they say the same. The last file
   is the one that decides; earlier NULL: it is the first one too. */
static void answer_find(struct warden_rules_answer *answer_r,
			const struct finding *last,
			const struct finding *earlier)
{
	const struct rules_rule *rule =
		last->index == RULES_NONE ? NULL : &last->rule;
	enum warden_rules_verdict verdict =
		rule == NULL ? WARDEN_RULES_ALLOW : rule->verdict;
	const struct finding *first = last;

	if (earlier != NULL && (earlier->maybe_allow || earlier->maybe_deny))
		first = earlier;
	if (may_say_otherwise(last, verdict) ||
	    may_say_otherwise(first, verdict))
		answer_set(answer_r, WARDEN_RULES_NEED_NAME, &first->maybe);
	else
		answer_set(answer_r, verdict, rule);
}

void warden_rules_ask(const struct warden_rules *rules,
		      const struct warden_rules_question *question,
		      struct warden_rules_answer *answer_r)
{
	struct finding allow, deny;
	struct asking asking;

	asking_init(&asking, rules, question);
	find(&asking, WARDEN_RULES_FILE_ALLOW, false, &allow);
	if (allow.index != RULES_NONE) {
		answer_find(answer_r, &allow, NULL);
	} else {
		find(&asking, WARDEN_RULES_FILE_DENY, false, &deny);
		answer_find(answer_r, &deny, &allow);
	}
	if (asking.damaged)
		answer_set(answer_r, WARDEN_RULES_DAMAGED, NULL);
}

/* What is only addresses is in the maps. */
bool warden_rules_may_need_name(const struct warden_rules *rules)
{
	return rules->linear.count > 0;
}

static void answer_grant(struct warden_rules_answer *answer_r,
			 const struct finding *meant,
			 const struct finding *all)
{
	bool found = meant->index != RULES_NONE &&
		meant->rule.verdict == WARDEN_RULES_ALLOW;
	bool refused = all->index != RULES_NONE &&
		all->index <= meant->index &&
		all->rule.verdict == WARDEN_RULES_DENY;

	answer_set(answer_r, WARDEN_RULES_DENY, NULL);
	if (refused)
		return;
	if (found && all->maybe_deny)
		answer_set(answer_r, WARDEN_RULES_NEED_NAME, &all->maybe);
	else if (found)
		answer_set(answer_r, WARDEN_RULES_ALLOW, &meant->rule);
	else if (meant->maybe_allow)
		answer_set(answer_r, WARDEN_RULES_NEED_NAME, &meant->maybe);
}

void warden_rules_ask_grant(const struct warden_rules *rules,
			    const struct warden_rules_question *question,
			    struct warden_rules_answer *answer_r)
{
	struct finding meant, all;
	struct asking asking;

	asking_init(&asking, rules, question);
	find(&asking, WARDEN_RULES_FILE_ALLOW, true, &meant);
	find(&asking, WARDEN_RULES_FILE_ALLOW, false, &all);
	answer_grant(answer_r, &meant, &all);
	if (asking.damaged)
		answer_set(answer_r, WARDEN_RULES_DAMAGED, NULL);
}

/* --- Whom hosts.allow means ---------------------------------------------- */

static void asking_init_daemon(struct asking *asking_r,
			       const struct warden_rules *rules,
			       const char *daemon)
{
	memset(asking_r, 0, sizeof(*asking_r));
	asking_r->rules = rules;
	text_set(&asking_r->daemon, daemon);
	asking_r->steps_left = WARDEN_RULES_MAX_STEPS;
	host_set(&asking_r->server, NULL);
	host_set_name(&asking_r->server, WARDEN_RULES_NAME_UNKNOWN, NULL);
}

static bool rule_allows(struct asking *asking, uint32_t index)
{
	struct rules_rule rule;

	return index != RULES_NONE && rule_get(asking, index, &rule) &&
	       rule.verdict == WARDEN_RULES_ALLOW;
}

/* Does the map let in any address from the first to the last? */
static bool map_has_any(struct asking *asking, const struct rules_map *map,
			const struct rules_key *first,
			const struct rules_key *last)
{
	const struct warden_rules_part *bounds = &asking->rules->bounds;
	uint32_t from = 0, to = map->count;
	struct rules_bound bound;

	if (rule_allows(asking, map_find(asking, map, first)))
		return true;
	while (from < to && !asking->damaged) {
		uint32_t middle = from + (to - from) / 2;

		if (!get(asking, bounds, map->first + middle, sizeof(bound),
			 &bound))
			return false;
		if (memcmp(bound.key.bytes, first->bytes, sizeof(*first)) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	for (; from < map->count && step(asking, 1); from++) {
		if (!get(asking, bounds, map->first + from, sizeof(bound),
			 &bound) ||
		    memcmp(bound.key.bytes, last->bytes, sizeof(*last)) > 0)
			return false;
		if (rule_allows(asking, bound.value))
			return true;
	}
	return false;
}

static void key_end(struct rules_key *key_r, const struct rules_key *first,
		    const struct warden_net *net)
{
	unsigned int bits = net->bits + (net->family == WARDEN_INET ? 96 : 0);

	*key_r = *first;
	for (unsigned int bit = bits; bit < 128; bit++)
		key_r->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static bool maps_grant_in(struct asking *asking, const struct warden_net *net)
{
	struct rules_group group;
	struct rules_key first, last;

	rules_key_from_net(&first, net);
	key_end(&last, &first, net);
	for (uint32_t i = 0;
	     i < asking->rules->allow_groups && !asking->damaged; i++) {
		if (get(asking, &asking->rules->groups, i, sizeof(group),
			&group) &&
		    map_has_any(asking, &group.meant, &first, &last) &&
		    group_matches(asking, i))
			return !asking->damaged;
	}
	return false;
}

bool warden_rules_grant_in(const struct warden_rules *rules, const char *daemon,
			   const struct warden_net *net)
{
	struct warden_net first = *net;
	struct warden_rules_question question = {
		.daemon = daemon,
		.client = &first,
		.name_state = WARDEN_RULES_NAME_NOT_ASKED,
	};
	struct warden_rules_answer answer;
	struct asking asking;

	if (rules->allow_groups == 0)
		return false;
	asking_init_daemon(&asking, rules, daemon);
	if (maps_grant_in(&asking, net))
		return true;
	if (rules->allow_linear == 0)
		return false;
	first.bits = (uint8_t)warden_net_max_bits(net);
	warden_rules_ask_grant(rules, &question, &answer);
	return answer.verdict == WARDEN_RULES_ALLOW;
}

enum { RULE_FOR_NOBODY = 1, RULE_MEANS_SOMEBODY = 2 };

/* What stands before EXCEPT. */
static bool segment_means(struct asking *asking, uint32_t index)
{
	struct rules_segment segment;
	struct rules_token token;

	if (!get(asking, &asking->rules->segments, index, sizeof(segment),
		 &segment))
		return false;
	if (segment.map.count > 0)
		return true;
	for (uint32_t i = 0; i < segment.tokens; i++) {
		if (!get(asking, &asking->rules->tokens, segment.token + i,
			 sizeof(token), &token))
			return false;
		if ((token.flags & RULES_TOKEN_BROAD) == 0)
			return true;
	}
	return false;
}

static void mark_maps(struct asking *asking, uint8_t *marks)
{
	const struct warden_rules_part *bounds = &asking->rules->bounds;
	struct rules_group group;
	struct rules_bound bound;

	for (uint32_t i = 0;
	     i < asking->rules->allow_groups && !asking->damaged; i++) {
		if (!get(asking, &asking->rules->groups, i, sizeof(group),
			 &group) ||
		    !group_matches(asking, i))
			continue;
		for (uint32_t b = 0; b < group.meant.count; b++) {
			if (!get(asking, bounds, group.meant.first + b,
				 sizeof(bound), &bound))
				return;
			if (bound.value < asking->rules->rules.count)
				marks[bound.value] = RULE_MEANS_SOMEBODY;
		}
	}
}

static size_t mark_rules(struct asking *asking, uint8_t *marks)
{
	struct rules_rule rule;
	size_t count = 0;

	for (uint32_t i = 0; i < asking->rules->rules.count && !asking->damaged;
	     i++) {
		asking->steps_left = WARDEN_RULES_MAX_STEPS;
		if (!rule_get(asking, i, &rule) ||
		    rule.file != WARDEN_RULES_FILE_ALLOW ||
		    rule.verdict != WARDEN_RULES_ALLOW ||
		    !group_matches(asking, rule.group)) {
			marks[i] = 0;
			continue;
		}
		if (marks[i] == 0) {
			marks[i] =
				rule.clients.segments > 0 &&
						segment_means(
							asking,
							rule.clients.segment) ?
					RULE_MEANS_SOMEBODY :
					RULE_FOR_NOBODY;
		}
		count++;
	}
	return count;
}

bool warden_rules_list_allowing(const struct warden_rules *rules,
				const char *daemon,
				struct warden_rules_allowing **list_r,
				size_t *count_r)
{
	struct warden_rules_allowing *list;
	struct asking asking;
	struct rules_rule rule;
	uint8_t *marks = calloc((size_t)rules->rules.count + 1, 1);
	size_t room;

	*list_r = NULL;
	*count_r = 0;
	if (marks == NULL)
		return false;
	asking_init_daemon(&asking, rules, daemon);
	mark_maps(&asking, marks);
	room = mark_rules(&asking, marks);
	list = calloc(room + 1, sizeof(*list));
	for (uint32_t i = 0;
	     list != NULL && i < rules->rules.count && *count_r < room; i++) {
		if (marks[i] == 0 || !rule_get(&asking, i, &rule))
			continue;
		list[*count_r].line = rule.line;
		list[*count_r].meant = marks[i] == RULE_MEANS_SOMEBODY;
		++*count_r;
	}
	free(marks);
	if (list != NULL && !asking.damaged) {
		*list_r = list;
		return true;
	}
	free(list);
	*count_r = 0;
	return false;
}
