/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The text of hosts.allow and hosts.deny, taken apart as libwrap does it:
   backslash-newline joins lines, also comments; a comment has its # in the
   first column; colons in brackets are no colons, and a bracket that is never
   closed hides all that come after it; in the options, and only there,
   backslash-colon is a colon. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "warden-rules-private.h"

#define BLANKS " \t\r\n"

/* --- Lines --------------------------------------------------------------- */

/* RULES_READ_RULE: the line is whole; RULES_READ_NO_RULE: it goes on */
static enum rules_read join_piece(struct rules_lines *lines, size_t *len,
				  const char **why_r)
{
	const char *piece = lines->text->data + lines->pos;
	size_t size = lines->text->size - lines->pos;
	const char *newline = size == 0 ? NULL : memchr(piece, '\n', size);

	lines->number++;
	if (newline != NULL)
		size = (size_t)(newline - piece) + 1;
	if (size > 0 && memchr(piece, '\0', size) != NULL)
		return RULES_READ_NUL;
	if (newline == NULL) {
		*why_r = "the last line does not end";
		return RULES_READ_CUT;
	}
	if (*len + size >= RULES_LINE_ROOM) {
		*why_r = "the line is longer than 2047 bytes";
		return RULES_READ_CUT;
	}
	memcpy(lines->joined + *len, piece, size);
	lines->pos += size;
	*len += size;
	if (size < 2 || piece[size - 2] != '\\')
		return RULES_READ_RULE;
	*len -= 2;
	return RULES_READ_NO_RULE;
}

/* A backslash before the end of the file joins the line with nothing. If there
   was nothing before it either, libwrap takes it for the end. */
static enum rules_read join_line(struct rules_lines *lines, const char **why_r)
{
	enum rules_read read;
	size_t len = 0;

	lines->line = lines->number + 1;
	do {
		if (lines->pos == lines->text->size && len == 0)
			return RULES_READ_END;
		read = join_piece(lines, &len, why_r);
	} while (read == RULES_READ_NO_RULE);
	/* join_piece() stays below it; an analyzer cannot know */
	if (len >= sizeof(lines->joined))
		return RULES_READ_CUT;
	lines->joined[len] = '\0';
	return read;
}

char *rules_split_at(char *str, char delimiter)
{
	int depth = 0;

	for (; *str != '\0'; str++) {
		if (*str == '[') {
			depth++;
		} else if (*str == ']') {
			depth--;
		} else if (*str == delimiter && depth == 0) {
			*str = '\0';
			return str + 1;
		}
	}
	return NULL;
}

static bool is_empty_or_comment(const char *line)
{
	return line[0] == '#' || line[strspn(line, BLANKS)] == '\0';
}

enum rules_read rules_lines_next(struct rules_lines *lines,
				 struct rules_fields *fields_r,
				 const char **why_r)
{
	enum rules_read read;

	if (lines->text->data == NULL)
		return RULES_READ_END;
	do {
		read = join_line(lines, why_r);
		if (read != RULES_READ_RULE)
			return read;
	} while (is_empty_or_comment(lines->joined));

	fields_r->daemons = lines->joined;
	fields_r->clients = rules_split_at(lines->joined, ':');
	if (fields_r->clients == NULL)
		return RULES_READ_NO_RULE;
	fields_r->options = rules_split_at(fields_r->clients, ':');
	return RULES_READ_RULE;
}

/* --- Options ------------------------------------------------------------- */

struct option {
	const char *name;
	enum { VALUE_NONE, VALUE_MAY, VALUE_MUST } value;
	bool last;	/* nothing may follow */
	bool (*is_good)(const char *value); /* NULL: any */
};

static bool is_number(const char *value, int base, long min, long max)
{
	char *end;
	long number = strtol(value, &end, base);

	return end != value && *end == '\0' && number >= min && number <= max;
}

static bool is_linger(const char *value)
{
	return is_number(value, 10, 0, INT_MAX);
}

static bool is_timeout(const char *value)
{
	return is_number(value, 10, 1, INT_MAX);
}

static bool is_nice(const char *value)
{
	return is_number(value, 10, INT_MIN, INT_MAX);
}

static bool is_umask(const char *value)
{
	return is_number(value, 8, 0, 0777);
}

static bool is_one_of(const char *const *names, const char *name, size_t len)
{
	for (; *names != NULL; names++) {
		if (strlen(*names) == len &&
		    strncasecmp(*names, name, len) == 0)
			return true;
	}
	return false;
}

static bool is_severity(const char *value)
{
	static const char *const facilities[] = {
		"kern", "user", "mail", "daemon", "auth", "lpr", "news",
		"uucp", "cron", "local0", "local1", "local2", "local3",
		"local4", "local5", "local6", "local7", NULL
	};
	static const char *const severities[] = {
		"emerg", "alert", "crit", "err", "warning", "notice", "info",
		"debug", NULL
	};
	const char *dot = strchr(value, '.');

	if (dot != NULL) {
		if (!is_one_of(facilities, value, (size_t)(dot - value)))
			return false;
		value = dot + 1;
	}
	return is_one_of(severities, value, strlen(value));
}

static const struct option options[] = {
	{ "allow", VALUE_NONE, true, NULL },
	{ "deny", VALUE_NONE, true, NULL },
	{ "severity", VALUE_MUST, false, is_severity },
	{ "spawn", VALUE_MUST, false, NULL },
	{ "twist", VALUE_MUST, true, NULL },
	{ "banners", VALUE_MUST, false, NULL },
	{ "aclexec", VALUE_MUST, false, NULL },
	{ "keepalive", VALUE_NONE, false, NULL },
	{ "linger", VALUE_MUST, false, is_linger },
	{ "rfc931", VALUE_MAY, false, is_timeout },
	{ "nice", VALUE_MAY, false, is_nice },
	{ "setenv", VALUE_MUST, false, NULL },
	{ "umask", VALUE_MUST, false, is_umask },
	{ "user", VALUE_MUST, false, NULL },
	{ "group", VALUE_MUST, false, NULL },
};

static const struct option *option_find(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcasecmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

/* The next option, in place; NULL: none. */
static char *next_field(char **rest)
{
	char *from = *rest, *to = from, *field = from;

	if (*from == '\0')
		return NULL;
	while (*from != '\0') {
		if (*from == ':') {
			from++;
			break;
		}
		if (from[0] == '\\' && from[1] == ':')
			from++;
		*to++ = *from++;
	}
	*rest = from;
	*to = '\0';
	return field;
}

static char *trim(char *str)
{
	char *end;

	str += strspn(str, BLANKS);
	end = str + strlen(str);
	while (end > str && strchr(BLANKS, end[-1]) != NULL)
		end--;
	*end = '\0';
	return str;
}

/* Name and value, with blanks and at most one = between. */
static char *split_value(char *name)
{
	char *value = name + strcspn(name, "= \t\r\n");

	if (*value != '\0' && *value != '=') {
		*value++ = '\0';
		value += strspn(value, BLANKS);
	}
	if (*value == '=') {
		*value++ = '\0';
		value += strspn(value, BLANKS);
	}
	return *value == '\0' ? NULL : value;
}

/* What is wrong with it; NULL: nothing. */
static const char *option_check(const struct option *option, const char *value,
				bool followed)
{
	if (option == NULL)
		return "there is no such option";
	if (value == NULL && option->value == VALUE_MUST)
		return "it needs a value";
	if (value != NULL && option->value == VALUE_NONE)
		return "it takes no value";
	if (followed && option->last)
		return "nothing may come after it";
	if (value != NULL && option->is_good != NULL && !option->is_good(value))
		return "it does not take this value";
	return NULL;
}

static void option_note(struct rules_options *noted, const char *name)
{
	static const char *const ignored[] = {
		"spawn", "banners", "user", "group", "umask", "setenv"
	};

	if (strcmp(name, "allow") == 0)
		noted->allow = true;
	else if (strcmp(name, "deny") == 0)
		noted->deny = true;
	else if (strcmp(name, "twist") == 0)
		noted->twist = true;
	else if (strcmp(name, "aclexec") == 0)
		noted->aclexec = true;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		if (strcmp(name, ignored[i]) == 0)
			noted->ignored = ignored[i];
	}
}

bool rules_options_parse(char *str, struct rules_options *options_r,
			 struct warden_error *error_r)
{
	const struct option *option;
	const char *why;
	char *name, *value;

	memset(options_r, 0, sizeof(*options_r));
	while ((name = next_field(&str)) != NULL) {
		name = trim(name);
		value = split_value(name);
		if (*name == '\0') {
			warden_error_set(error_r, "an option is missing "
				"between two colons or after the last one");
			return false;
		}
		option = option_find(name);
		why = option_check(option, value, *str != '\0');
		if (why != NULL) {
			warden_error_set(error_r, "option '%.40s': %s", name,
					 why);
			return false;
		}
		option_note(options_r, option->name);
	}
	return true;
}
