/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* From two texts to an image, see warden-rules-private.h for what is in it. */

#include <stdarg.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "warden-rules-private.h"

/* What is known of a group until the end. */
struct rules_group_work {
	char *daemons; /* as in the file */
	struct rules_rows any, meant;
};

/* --- Messages ------------------------------------------------------------ */

/* What is in a file that a rule names may be anybody's. */
static void make_printable(struct warden_error *error)
{
	for (char *p = error->text; *p != '\0'; p++) {
		if (!isprint((unsigned char)*p))
			*p = '?';
	}
}

static void message(const struct rules_compiler *compiler,
		    struct warden_error *error_r, const char *fmt,
		    va_list args)
{
	char what[400];

	(void)vsnprintf(what, sizeof(what), fmt, args);
	warden_error_set(error_r, "%.250s:%u: %.240s", compiler->path,
			 compiler->line, what);
	make_printable(error_r);
}

bool rules_fail(struct rules_compiler *compiler, const char *fmt, ...)
{
	va_list args;

	if (compiler->failed)
		return false;
	compiler->failed = true;
	va_start(args, fmt);
	message(compiler, compiler->error_r, fmt, args);
	va_end(args);
	return false;
}

bool rules_no_memory(struct rules_compiler *compiler)
{
	return rules_fail(compiler, "no memory");
}

void rules_notice(struct rules_compiler *compiler, const char *fmt, ...)
{
	struct warden_rules_notices *notices = compiler->notices;
	va_list args;

	if (notices == NULL)
		return;
	if (notices->count == WARDEN_RULES_MAX_NOTICES) {
		notices->more++;
		return;
	}
	va_start(args, fmt);
	message(compiler, &notices->list[notices->count++], fmt, args);
	va_end(args);
}

/* --- Lists --------------------------------------------------------------- */

static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, RULES_SEPARATORS);
	} while (word != NULL && *word == '\0');
	return word;
}

static bool is_except(const char *word)
{
	return strcasecmp(word, "EXCEPT") == 0;
}

/* The tokens of a daemon list's segment come to where tokens are. */
static bool daemon_segment_end(struct rules_compiler *compiler,
			       struct rules_rows *own)
{
	const struct rules_token *from = own->data;
	uint32_t first = (uint32_t)compiler->tokens.count;

	for (size_t i = 0; i < own->count; i++) {
		struct rules_token *token =
			rules_rows_add(&compiler->tokens, sizeof(*token));

		if (token == NULL)
			return rules_no_memory(compiler);
		*token = from[i];
	}
	own->count = 0;
	return rules_segment_add(compiler, first, NULL);
}

/* Segments of hosts, in daemon@host, are between those of the list, so these
   are put behind them all. */
static bool segments_move(struct rules_compiler *compiler,
			  const uint32_t *which, uint32_t count,
			  struct rules_list *list_r)
{
	list_r->segment = (uint32_t)compiler->segments.count;
	list_r->segments = count;
	for (uint32_t i = 0; i < count; i++) {
		struct rules_segment *to = rules_rows_add(&compiler->segments,
							  sizeof(*to));
		const struct rules_segment *from = compiler->segments.data;

		if (to == NULL)
			return rules_no_memory(compiler);
		*to = from[which[i]];
	}
	return true;
}

static bool daemon_words_add(struct rules_compiler *compiler, char *words,
			     struct rules_rows *own, struct rules_list *list_r)
{
	uint32_t which[RULES_LINE_ROOM / 2], count = 0;
	char *word;

	do {
		word = next_word(&words);
		if (word != NULL && !is_except(word)) {
			if (!rules_daemon_add(compiler, word, own))
				return false;
			continue;
		}
		if (!daemon_segment_end(compiler, own))
			return false;
		which[count++] = (uint32_t)compiler->segments.count - 1;
	} while (word != NULL);
	return segments_move(compiler, which, count, list_r);
}

static bool daemons_add(struct rules_compiler *compiler, const char *daemons,
			struct rules_list *list_r)
{
	char words[RULES_LINE_ROOM];
	struct rules_rows own = { .data = NULL };
	bool success;

	(void)snprintf(words, sizeof(words), "%s", daemons);
	success = daemon_words_add(compiler, words, &own, list_r);
	free(own.data);
	return success;
}

/* Up to the next EXCEPT, which *except_r says was there. */
static bool client_words_add(struct rules_compiler *compiler, char **words,
			     const struct rules_sink *sink, bool *except_r)
{
	char *word;

	*except_r = false;
	while ((word = next_word(words)) != NULL) {
		if (is_except(word)) {
			*except_r = true;
			return true;
		}
		if (!rules_client_add(compiler, word, sink))
			return false;
	}
	return true;
}

static bool client_segment_add(struct rules_compiler *compiler, char **words,
			       struct rules_rows *ranges, bool *except_r)
{
	struct rules_sink sink = { .ranges = ranges, .broad_as_tokens = true };
	uint32_t token = (uint32_t)compiler->tokens.count;

	ranges->count = 0;
	return client_words_add(compiler, words, &sink, except_r) &&
		rules_segment_add(compiler, token, ranges);
}

static bool clients_with_except_add(struct rules_compiler *compiler,
				    char *words, struct rules_list *list_r)
{
	struct rules_rows ranges = { .data = NULL };
	bool success, except;

	list_r->segment = (uint32_t)compiler->segments.count;
	do {
		success = client_segment_add(compiler, &words, &ranges,
					     &except);
	} while (success && except);
	list_r->segments =
		(uint32_t)compiler->segments.count - list_r->segment;
	free(ranges.data);
	return success;
}

/* --- Groups -------------------------------------------------------------- */

/* The last ones first: lines that belong together are together. */
static bool group_find(const struct rules_compiler *compiler,
		       const char *daemons, uint32_t *group_r)
{
	const struct rules_group_work *work = compiler->work.data;

	for (size_t i = compiler->work.count; i > compiler->first_group; i--) {
		if (strcmp(work[i - 1].daemons, daemons) == 0) {
			*group_r = (uint32_t)i - 1;
			return true;
		}
	}
	return false;
}

static bool group_add(struct rules_compiler *compiler, const char *daemons)
{
	struct rules_group_work *work;
	struct rules_group *group;

	if (compiler->work.count - compiler->first_group ==
	    WARDEN_RULES_MAX_GROUPS)
		return rules_fail(compiler, "more than %u different lists of "
				  "daemons", WARDEN_RULES_MAX_GROUPS);
	group = rules_rows_add(&compiler->groups, sizeof(*group));
	work = rules_rows_add(&compiler->work, sizeof(*work));
	if (group == NULL || work == NULL)
		return rules_no_memory(compiler);
	work->daemons = strdup(daemons);
	if (work->daemons == NULL)
		return rules_no_memory(compiler);
	return daemons_add(compiler, daemons, &group->daemons);
}

static bool group_get(struct rules_compiler *compiler, char *daemons,
		      uint32_t *group_r)
{
	if (group_find(compiler, daemons, group_r))
		return true;
	*group_r = (uint32_t)compiler->groups.count;
	return group_add(compiler, daemons);
}

/* --- Rules --------------------------------------------------------------- */

/* What the rule's options make of it. false: it is no rule for the warden. */
static bool decide(struct rules_compiler *compiler,
		   const struct rules_options *options,
		   enum warden_rules_file file, uint8_t *verdict_r)
{
	bool allow = options->allow ||
		(file == WARDEN_RULES_FILE_ALLOW && !options->deny &&
		 !options->twist);

	*verdict_r = allow ? WARDEN_RULES_ALLOW : WARDEN_RULES_DENY;
	if (options->ignored != NULL)
		rules_notice(compiler, "option '%s' is not carried out",
			     options->ignored);
	if (options->twist)
		rules_notice(compiler, "option 'twist' is not carried out, "
			     "the clients are refused");
	/* the command may refuse but not allow */
	if (options->aclexec && allow) {
		rules_notice(compiler, "the rule is left out: option "
			"'aclexec' leaves it to a command, which is not run");
		return false;
	}
	return true;
}

static bool has_except(const char *clients)
{
	char words[RULES_LINE_ROOM], *rest = words, *word;

	(void)snprintf(words, sizeof(words), "%s", clients);
	while ((word = next_word(&rest)) != NULL) {
		if (is_except(word))
			return true;
	}
	return false;
}

/* Addresses go to the group's maps, what is left over is tried one by one. */
static bool plain_clients_add(struct rules_compiler *compiler, char *clients,
			      const struct rules_rule *rule,
			      struct rules_list *list_r)
{
	struct rules_group_work *work =
		(struct rules_group_work *)compiler->work.data + rule->group;
	struct rules_sink sink = {
		.ranges = &work->any,
		.meant = rule->file == WARDEN_RULES_FILE_ALLOW ?
			&work->meant : NULL,
		.value = (uint32_t)compiler->rules.count - 1,
	};
	uint32_t token = (uint32_t)compiler->tokens.count;
	bool except;

	if (!client_words_add(compiler, &clients, &sink, &except))
		return false;
	if (compiler->tokens.count == token)
		return true;
	list_r->segment = (uint32_t)compiler->segments.count;
	list_r->segments = 1;
	return rules_segment_add(compiler, token, NULL);
}

static bool clients_add(struct rules_compiler *compiler, char *clients,
			struct rules_rule *rule)
{
	struct rules_list list = { .segments = 0 };
	uint32_t *linear;

	if (has_except(clients) ?
	    !clients_with_except_add(compiler, clients, &list) :
	    !plain_clients_add(compiler, clients, rule, &list))
		return false;
	rule->clients = list;
	if (list.segments == 0)
		return true;
	linear = rules_rows_add(&compiler->linear, sizeof(*linear));
	if (linear == NULL)
		return rules_no_memory(compiler);
	*linear = (uint32_t)compiler->rules.count - 1;
	return true;
}

static bool rule_add(struct rules_compiler *compiler,
		     const struct rules_fields *fields,
		     enum warden_rules_file file)
{
	struct rules_options options = { .ignored = NULL };
	struct warden_error why;
	struct rules_rule *rule;
	uint8_t verdict;
	uint32_t group;

	if (fields->options != NULL &&
	    !rules_options_parse(fields->options, &options, &why))
		return rules_fail(compiler, "%s; libwrap refuses whom the rule "
				  "matches", why.text);
	if (!decide(compiler, &options, file, &verdict))
		return true;
	if (!group_get(compiler, fields->daemons, &group))
		return false;
	rule = rules_rows_add(&compiler->rules, sizeof(*rule));
	if (rule == NULL)
		return rules_no_memory(compiler);
	rule->line = compiler->line;
	rule->file = (uint8_t)file;
	rule->verdict = verdict;
	rule->group = group;
	return clients_add(compiler, fields->clients, rule);
}

/* --- Files --------------------------------------------------------------- */

static bool line_add(struct rules_compiler *compiler, enum rules_read read,
		     const struct rules_fields *fields, const char *why,
		     enum warden_rules_file file)
{
	switch (read) {
	case RULES_READ_RULE:
		return rule_add(compiler, fields, file);
	case RULES_READ_NO_RULE:
		rules_notice(compiler, "no rule: there is no colon");
		return true;
	case RULES_READ_CUT:
		if (file == WARDEN_RULES_FILE_DENY)
			return rules_fail(compiler, "%s, libwrap refuses "
				"everybody when it reads this", why);
		rules_notice(compiler, "%s, libwrap reads nothing from here "
			     "on", why);
		return true;
	default:
		return rules_fail(compiler, "there is a NUL byte in the line");
	}
}

static bool file_add(struct rules_compiler *compiler,
		     const struct warden_rules_text *text,
		     enum warden_rules_file file)
{
	struct rules_lines lines = { .text = text };
	struct rules_fields fields;
	enum rules_read read;
	const char *why = NULL;

	compiler->path = text->path;
	compiler->first_group = (uint32_t)compiler->groups.count;
	while ((read = rules_lines_next(&lines, &fields, &why)) !=
	       RULES_READ_END) {
		compiler->line = lines.line;
		if (++compiler->lines > WARDEN_RULES_MAX_LINES)
			return rules_fail(compiler, "more than %u rules",
					  WARDEN_RULES_MAX_LINES);
		if (!line_add(compiler, read, &fields, why, file))
			return false;
		if (read == RULES_READ_CUT)
			break;
	}
	return true;
}

static bool maps_build(struct rules_compiler *compiler)
{
	struct rules_group_work *work = compiler->work.data;
	struct rules_group *groups = compiler->groups.data;

	for (size_t i = 0; i < compiler->groups.count; i++) {
		if (!rules_map_build(&compiler->bounds, &work[i].any,
				     &groups[i].any) ||
		    !rules_map_build(&compiler->bounds, &work[i].meant,
				     &groups[i].meant))
			return rules_no_memory(compiler);
	}
	return true;
}

/* --- The time that a question takes --------------------------------------- */

/* At least as much as warden-rules.c counts. */
static uint64_t list_steps(const struct rules_compiler *compiler,
			   const struct rules_list *list)
{
	const struct rules_segment *segments = compiler->segments.data;
	const struct rules_token *tokens = compiler->tokens.data;
	uint64_t steps = 1;

	for (uint32_t i = 0; i < list->segments; i++) {
		const struct rules_segment *segment =
			&segments[list->segment + i];

		steps++;
		for (uint32_t t = 0; t < segment->tokens; t++) {
			const struct rules_token *token =
				&tokens[segment->token + t];
			const struct rules_list host = {
				.segment = token->b, .segments = 1
			};

			steps += 1 + token->len;
			if ((token->flags & RULES_TOKEN_AT_SERVER) != 0)
				steps += list_steps(compiler, &host);
		}
	}
	return steps;
}

static bool check_steps(struct rules_compiler *compiler)
{
	const struct rules_group *groups = compiler->groups.data;
	const struct rules_rule *rules = compiler->rules.data;
	const uint32_t *linear = compiler->linear.data;
	uint64_t steps = 0;

	for (size_t i = 0; i < compiler->groups.count; i++)
		steps += list_steps(compiler, &groups[i].daemons);
	for (size_t i = 0; i < compiler->linear.count; i++) {
		const struct rules_rule *rule = &rules[linear[i]];

		steps += list_steps(compiler, &groups[rule->group].daemons) +
			list_steps(compiler, &rule->clients);
		if (steps > WARDEN_RULES_MAX_STEPS) {
			compiler->line = rule->line;
			return rules_fail(compiler, "too many patterns that "
				"have to be tried one by one: names, "
				"wildcards, EXCEPT");
		}
	}
	return true;
}

/* --- The image ----------------------------------------------------------- */

static uint64_t part_place(struct warden_rules_part *part,
			   const struct rules_rows *rows, size_t size,
			   uint64_t offset)
{
	part->offset = (uint32_t)offset;
	part->count = (uint32_t)rows->count;
	return (offset + rows->count * size + 7) & ~(uint64_t)7;
}

static void part_write(char *image, const struct warden_rules_part *part,
		       const struct rules_rows *rows, size_t size)
{
	if (rows->count > 0)
		memcpy(image + part->offset, rows->data, rows->count * size);
}

static uint64_t head_make(const struct rules_compiler *compiler,
			  struct rules_head *head)
{
	uint64_t size = sizeof(*head);

	memset(head, 0, sizeof(*head));
	size = part_place(&head->rules, &compiler->rules,
			  sizeof(struct rules_rule), size);
	size = part_place(&head->linear, &compiler->linear, sizeof(uint32_t),
			  size);
	size = part_place(&head->groups, &compiler->groups,
			  sizeof(struct rules_group), size);
	size = part_place(&head->segments, &compiler->segments,
			  sizeof(struct rules_segment), size);
	size = part_place(&head->tokens, &compiler->tokens,
			  sizeof(struct rules_token), size);
	size = part_place(&head->bounds, &compiler->bounds,
			  sizeof(struct rules_bound), size);
	size = part_place(&head->text, &compiler->text, 1, size);
	head->magic = RULES_MAGIC;
	head->version = RULES_VERSION;
	head->size = (uint32_t)size;
	head->allow_groups = compiler->allow_groups;
	head->allow_linear = compiler->allow_linear;
	return size;
}

static bool image_make(struct rules_compiler *compiler,
		       struct warden_rules_image *image_r)
{
	struct rules_head head;
	uint64_t size = head_make(compiler, &head);
	char *image;

	if (size > WARDEN_RULES_MAX_IMAGE)
		return rules_fail(compiler, "the rules take %llu bytes, more "
				  "than %u", (unsigned long long)size,
				  WARDEN_RULES_MAX_IMAGE);
	image = calloc(1, size);
	if (image == NULL)
		return rules_no_memory(compiler);
	memcpy(image, &head, sizeof(head));
	part_write(image, &head.rules, &compiler->rules,
		   sizeof(struct rules_rule));
	part_write(image, &head.linear, &compiler->linear, sizeof(uint32_t));
	part_write(image, &head.groups, &compiler->groups,
		   sizeof(struct rules_group));
	part_write(image, &head.segments, &compiler->segments,
		   sizeof(struct rules_segment));
	part_write(image, &head.tokens, &compiler->tokens,
		   sizeof(struct rules_token));
	part_write(image, &head.bounds, &compiler->bounds,
		   sizeof(struct rules_bound));
	part_write(image, &head.text, &compiler->text, 1);
	image_r->data = image;
	image_r->size = size;
	return true;
}

static void compiler_free(struct rules_compiler *compiler)
{
	struct rules_group_work *work = compiler->work.data;

	for (size_t i = 0; i < compiler->work.count; i++) {
		free(work[i].daemons);
		free(work[i].any.data);
		free(work[i].meant.data);
	}
	free(work);
	free(compiler->rules.data);
	free(compiler->linear.data);
	free(compiler->groups.data);
	free(compiler->segments.data);
	free(compiler->tokens.data);
	free(compiler->bounds.data);
	free(compiler->text.data);
}

bool warden_rules_compile(const struct warden_rules_source *source,
			  struct warden_rules_image *image_r,
			  struct warden_rules_notices *notices_r,
			  struct warden_error *error_r)
{
	struct rules_compiler compiler = {
		.source = source,
		.notices = notices_r,
		.error_r = error_r,
	};
	bool success;

	memset(image_r, 0, sizeof(*image_r));
	if (notices_r != NULL)
		memset(notices_r, 0, sizeof(*notices_r));
	success = file_add(&compiler, &source->allow, WARDEN_RULES_FILE_ALLOW);
	compiler.allow_groups = (uint32_t)compiler.groups.count;
	compiler.allow_linear = (uint32_t)compiler.linear.count;
	success = success &&
		file_add(&compiler, &source->deny, WARDEN_RULES_FILE_DENY) &&
		maps_build(&compiler) && check_steps(&compiler) &&
		image_make(&compiler, image_r);
	compiler_free(&compiler);
	return success;
}

void warden_rules_image_free(struct warden_rules_image *image)
{
	free(image->data);
	memset(image, 0, sizeof(*image));
}
