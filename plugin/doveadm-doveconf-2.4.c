/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4: doveconf prints only what people read: blocks in braces, and of
   a passdb only what was set. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "doveadm-doveconf-private.h"

const char *const doveadm_doveconf_format_args[] = { NULL };

struct doveconf_parser {
	ARRAY_TYPE(const_string) lines;
	/* of the blocks around, each with a slash behind it */
	ARRAY_TYPE(const_string) prefixes;
	/* as in "static auth"; ids of the passdbs seen so far */
	string_t *passdbs;
};

static const char *parser_prefix(const struct doveconf_parser *parser)
{
	unsigned int count;
	const char *const *prefixes = array_get(&parser->prefixes, &count);

	return count == 0 ? "" : prefixes[count - 1];
}

static void parser_add(struct doveconf_parser *parser, const char *prefix,
		       const char *key, const char *value)
{
	const char *line = t_strconcat(prefix, key, "=", value, NULL);

	array_push_back(&parser->lines, &line);
}

/* "passdb ID {" or "passdb_static {" */
static void parser_open(struct doveconf_parser *parser, const char *block)
{
	const char *const *words = t_strsplit_spaces(block, " ");
	const char *prefix = t_strconcat(parser_prefix(parser), words[0], "/",
					 NULL);

	if (words[0] != NULL && words[1] != NULL && strcmp(words[1], "{") != 0) {
		prefix = t_strconcat(prefix, words[1], "/", NULL);
		if (array_count(&parser->prefixes) == 0 &&
		    strcmp(words[0], "passdb") == 0)
			str_printfa(parser->passdbs, "%s%s",
				    str_len(parser->passdbs) > 0 ? " " : "",
				    words[1]);
	}
	array_push_back(&parser->prefixes, &prefix);
}

static void parser_close(struct doveconf_parser *parser)
{
	if (array_count(&parser->prefixes) > 0)
		array_pop_back(&parser->prefixes);
}

static void parser_line(struct doveconf_parser *parser, const char *line)
{
	const char *value = strstr(line, " = ");

	if (strcmp(line, "}") == 0)
		parser_close(parser);
	else if (str_ends_with(line, " {"))
		parser_open(parser, line);
	else if (value != NULL) {
		parser_add(parser, parser_prefix(parser),
			   t_strdup_until(line, value), value + 3);
	}
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
	t_array_init(&parser.prefixes, 4);
	parser.passdbs = t_str_new(64);
	for (; *lines != NULL; lines++)
		parser_line(&parser, *lines + strspn(*lines, " \t"));
	parser_add_passdb_defaults(&parser);
	array_append_zero(&parser.lines);
	return array_front(&parser.lines);
}
