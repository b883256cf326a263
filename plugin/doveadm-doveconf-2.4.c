/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4: doveconf prints only what people read: blocks in braces, also for
   a list that was added to, and of a passdb only what was set. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "doveadm-doveconf-private.h"

const char *const doveadm_doveconf_format_args[] = { NULL };

struct doveconf_block {
	const char *prefix; /* of all blocks around, each with a slash */
	/* "login_plugins { a = yes b = no }" is a list with a in it; NULL: it
	   has a name, so it is none */
	const char *list;
	string_t *members;
};

struct doveconf_parser {
	ARRAY_TYPE(const_string) lines;
	/* those around, the innermost last */
	ARRAY(struct doveconf_block) blocks;
	/* as in "static auth"; ids of the passdbs seen so far */
	string_t *passdbs;
};

/* NULL: outside of all. */
static const struct doveconf_block *
parser_block(const struct doveconf_parser *parser)
{
	unsigned int count;
	const struct doveconf_block *blocks =
		array_get(&parser->blocks, &count);

	return count == 0 ? NULL : &blocks[count - 1];
}

static const char *parser_prefix(const struct doveconf_parser *parser)
{
	const struct doveconf_block *block = parser_block(parser);

	return block == NULL ? "" : block->prefix;
}

static void parser_add(struct doveconf_parser *parser, const char *prefix,
		       const char *key, const char *value)
{
	const char *line = t_strconcat(prefix, key, "=", value, NULL);

	array_push_back(&parser->lines, &line);
}

static void list_add(string_t *list, const char *word)
{
	if (str_len(list) > 0)
		str_append_c(list, ' ');
	str_append(list, word);
}

/* "passdb ID {" or "passdb_static {" */
static void parser_open(struct doveconf_parser *parser, const char *line)
{
	const char *const *words = t_strsplit_spaces(line, " ");
	struct doveconf_block block = {
		.prefix = t_strconcat(parser_prefix(parser), words[0], "/",
				      NULL),
		.list = words[0],
		.members = t_str_new(64),
	};

	if (words[0] != NULL && words[1] != NULL &&
	    strcmp(words[1], "{") != 0) {
		block.prefix = t_strconcat(block.prefix, words[1], "/", NULL);
		block.list = NULL;
		if (array_count(&parser->blocks) == 0 &&
		    strcmp(words[0], "passdb") == 0)
			list_add(parser->passdbs, words[1]);
	}
	array_push_back(&parser->blocks, &block);
}

static void parser_close(struct doveconf_parser *parser)
{
	struct doveconf_block block;

	if (array_count(&parser->blocks) == 0)
		return;
	block = *parser_block(parser);
	array_pop_back(&parser->blocks);
	if (block.list != NULL && str_len(block.members) > 0) {
		parser_add(parser, parser_prefix(parser), block.list,
			   str_c(block.members));
	}
}

static void parser_set(struct doveconf_parser *parser, const char *key,
		       const char *value)
{
	const struct doveconf_block *block = parser_block(parser);

	parser_add(parser, parser_prefix(parser), key, value);
	if (block != NULL && strcmp(value, "yes") == 0)
		list_add(block->members, key);
}

static void parser_line(struct doveconf_parser *parser, const char *line)
{
	const char *value = strstr(line, " = ");

	if (strcmp(line, "}") == 0)
		parser_close(parser);
	else if (str_ends_with(line, " {"))
		parser_open(parser, line);
	else if (value != NULL)
		parser_set(parser, t_strdup_until(line, value), value + 3);
}

/* What holds for a passdb when it does not say. The first line with a key is
   the one that counts, so these come last. */
static void parser_add_passdb_defaults(struct doveconf_parser *parser)
{
	const char *const *ids =
		t_strsplit_spaces(str_c(parser->passdbs), " ");

	parser_add(parser, "", "passdb", str_c(parser->passdbs));
	for (; *ids != NULL; ids++) {
		const char *prefix = t_strconcat("passdb/", *ids, "/", NULL);

		parser_add(parser, prefix, "driver", *ids);
		parser_add(parser, prefix, "skip", "never");
		parser_add(parser, prefix, "result_failure", "continue");
	}
}

const char *const *doveadm_doveconf_lines(const char *output)
{
	const char *const *lines = t_strsplit(output, "\n");
	struct doveconf_parser parser;

	t_array_init(&parser.lines, 64);
	t_array_init(&parser.blocks, 4);
	parser.passdbs = t_str_new(64);
	for (; *lines != NULL; lines++)
		parser_line(&parser, *lines + strspn(*lines, " \t"));
	parser_add_passdb_defaults(&parser);
	array_append_zero(&parser.lines);
	return array_front(&parser.lines);
}
