/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What looks roundabout here has a reason:

   - The sets have intervals, because a host may be an IPv6 /64 and a blocked
     network anything. nft refuses an interval that overlaps another one, so
     whoever adds must leave out what is inside of something else.
   - An element whose time is over is gone, and to delete what is not there is
     an error that undoes all commands beside it. To add what is there is none.
     So each is added before it is deleted; it never gets in force, since the
     kernel takes all commands of one go at once. */

#include "warden-nft-script.h"

#include <string.h>

static const struct nft_set {
	enum warden_family family;
	const char *suffix, *type, *match, *without;
} nft_sets[] = {
	{ WARDEN_INET, "4", "ipv4_addr", "ip", "ip6" },
	{ WARDEN_INET6, "6", "ipv6_addr", "ip6", "ip" },
};
#define NFT_SETS (sizeof(nft_sets) / sizeof(nft_sets[0]))

/* Before the chains of others, at `filter`: what is dropped here need not cost
   more. */
#define NFT_CHAIN "type filter hook input priority -10; policy accept;"

/* --- Names ---------------------------------------------------------------- */

#define NFT_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static bool word_copy(char *dest, size_t size, const char *word, size_t len)
{
	if (len == 0 || len >= size)
		return false;
	memcpy(dest, word, len);
	dest[len] = '\0';
	return true;
}

static bool name_copy(char *dest, size_t size, const char *word, size_t len)
{
	return word_copy(dest, size, word, len) &&
	       strspn(dest, NFT_LETTERS "0123456789-") == len &&
	       strchr(NFT_LETTERS, dest[0]) != NULL;
}

bool warden_nft_names_parse(const char *value, struct warden_nft_names *names_r,
			    const char **error_r)
{
	struct warden_nft_names names;
	const char *words[3];
	size_t lens[3];

	memset(&names, 0, sizeof(names));
	value += strspn(value, " \t");
	if (*value == '\0') {
		*names_r = names;
		return true;
	}
	for (size_t i = 0; i < 3; i++) {
		words[i] = value;
		lens[i] = strcspn(value, " \t");
		value += lens[i];
		value += strspn(value, " \t");
	}
	if (lens[2] == 0 || *value != '\0') {
		*error_r = "not three words, as 'inet filter warden' is: "
			   "family, table, and a name for chain and sets";
		return false;
	}
	if (!word_copy(names.family, sizeof(names.family), words[0], lens[0]) ||
	    (strcmp(names.family, "inet") != 0 &&
	     strcmp(names.family, "ip") != 0 &&
	     strcmp(names.family, "ip6") != 0)) {
		*error_r = "the family must be inet, ip or ip6";
		return false;
	}
	if (!name_copy(names.table, sizeof(names.table), words[1], lens[1]) ||
	    !name_copy(names.name, sizeof(names.name), words[2], lens[2])) {
		*error_r = "a name is at most 27 of the characters A-Z a-z 0-9 "
			   "_ -, and begins with a letter or _";
		return false;
	}
	*names_r = names;
	return true;
}

bool warden_nft_names_have(const struct warden_nft_names *names,
			   enum warden_family family)
{
	for (size_t i = 0; i < NFT_SETS; i++) {
		if (nft_sets[i].family == family)
			return strcmp(names->family, nft_sets[i].without) != 0;
	}
	return false;
}

const char *warden_nft_table_format(const struct warden_nft_names *names,
				    char *buf)
{
	(void)snprintf(buf, WARDEN_NFT_TABLE_STRLEN, "%s %s", names->family,
		       names->table);
	return buf;
}

const char *warden_nft_sets_format(const struct warden_nft_names *names,
				   char *buf)
{
	bool both = warden_nft_names_have(names, WARDEN_INET) &&
		    warden_nft_names_have(names, WARDEN_INET6);

	if (both) {
		(void)snprintf(buf, WARDEN_NFT_SETS_STRLEN, "%s4 and %s6",
			       names->name, names->name);
	} else {
		(void)snprintf(buf, WARDEN_NFT_SETS_STRLEN, "%s%s", names->name,
			       warden_nft_names_have(names, WARDEN_INET) ? "4" :
									   "6");
	}
	return buf;
}

/* --- Setup ---------------------------------------------------------------- */

static void write_sets(FILE *file, const struct warden_nft_names *names,
		       bool remove)
{
	for (size_t i = 0; i < NFT_SETS; i++) {
		const struct nft_set *set = &nft_sets[i];

		if (!warden_nft_names_have(names, set->family))
			continue;
		(void)fprintf(file,
			      "add set %s %s %s%s { type %s; "
			      "flags interval, timeout; }\n",
			      names->family, names->table, names->name,
			      set->suffix, set->type);
		if (remove) {
			(void)fprintf(file, "delete set %s %s %s%s\n",
				      names->family, names->table, names->name,
				      set->suffix);
		}
	}
}

void warden_nft_write_setup(FILE *file, const struct warden_nft_names *names)
{
	const char *family = names->family, *table = names->table;

	(void)fprintf(file, "add table %s %s\n", family, table);
	write_sets(file, names, false);
	(void)fprintf(file, "add chain %s %s %s { " NFT_CHAIN " }\n", family,
		      table, names->name);
	(void)fprintf(file, "flush chain %s %s %s\n", family, table,
		      names->name);
	for (size_t i = 0; i < NFT_SETS; i++) {
		const struct nft_set *set = &nft_sets[i];

		if (!warden_nft_names_have(names, set->family))
			continue;
		(void)fprintf(file,
			      "add rule %s %s %s %s saddr @%s%s counter drop\n",
			      family, table, names->name, set->match,
			      names->name, set->suffix);
	}
}

void warden_nft_write_remove(FILE *file, const struct warden_nft_names *names)
{
	const char *family = names->family, *table = names->table;

	(void)fprintf(file, "add chain %s %s %s\n", family, table, names->name);
	(void)fprintf(file, "flush chain %s %s %s\n", family, table,
		      names->name);
	(void)fprintf(file, "delete chain %s %s %s\n", family, table,
		      names->name);
	write_sets(file, names, true);
}

void warden_nft_write_flush(FILE *file, const struct warden_nft_names *names)
{
	for (size_t i = 0; i < NFT_SETS; i++) {
		if (!warden_nft_names_have(names, nft_sets[i].family))
			continue;
		(void)fprintf(file, "flush set %s %s %s%s\n", names->family,
			      names->table, names->name, nft_sets[i].suffix);
	}
}

const char *warden_nft_list_format(const struct warden_nft_names *names,
				   enum warden_family family, char *buf)
{
	(void)snprintf(buf, WARDEN_NFT_LIST_STRLEN, "list set %s %s %s%s\n",
		       names->family, names->table, names->name,
		       family == WARDEN_INET ? "4" : "6");
	return buf;
}

const char *warden_nft_get_format(const struct warden_nft_names *names,
				  const struct warden_net *net, char *buf)
{
	char str[WARDEN_NET_STRLEN];

	(void)snprintf(buf, WARDEN_NFT_GET_STRLEN,
		       "get element %s %s %s%s { %s }\n", names->family,
		       names->table, names->name,
		       net->family == WARDEN_INET ? "4" : "6",
		       warden_net_format(net, str));
	return buf;
}

/* --- Elements ------------------------------------------------------------- */

/* timed: each with its own time, and only those that have not ended. */
static void write_elements(FILE *file, const struct warden_nft_names *names,
			   const struct nft_set *set, const char *command,
			   const struct warden_denied *elements, size_t count,
			   bool timed, uint32_t now_secs)
{
	char str[WARDEN_NET_STRLEN];
	bool any = false;

	if (!warden_nft_names_have(names, set->family))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct warden_denied *element = &elements[i];

		if (element->net.family != set->family ||
		    (timed && element->until_secs <= now_secs))
			continue;
		if (any) {
			(void)fputs(", ", file);
		} else {
			(void)fprintf(file, "%s element %s %s %s%s { ", command,
				      names->family, names->table, names->name,
				      set->suffix);
		}
		any = true;
		(void)fputs(warden_net_format(&element->net, str), file);
		if (timed && element->until_secs != UINT32_MAX) {
			(void)fprintf(file, " timeout %us",
				      element->until_secs - now_secs);
		}
	}
	if (any)
		(void)fputs(" }\n", file);
}

void warden_nft_write_add(FILE *file, const struct warden_nft_names *names,
			  const struct warden_denied *elements, size_t count,
			  uint32_t now_secs)
{
	for (size_t i = 0; i < NFT_SETS; i++) {
		write_elements(file, names, &nft_sets[i], "add", elements,
			       count, true, now_secs);
	}
}

void warden_nft_write_delete(FILE *file, const struct warden_nft_names *names,
			     const struct warden_denied *elements, size_t count)
{
	for (size_t i = 0; i < NFT_SETS; i++) {
		write_elements(file, names, &nft_sets[i], "add", elements,
			       count, false, 0);
		write_elements(file, names, &nft_sets[i], "delete", elements,
			       count, false, 0);
	}
}

/* --- What nft prints ------------------------------------------------------ */

#define NFT_BLANKS " \t\n"

/* The first word of an element. The rest is for how long. */
static bool parse_element(const char *text, size_t len,
			  struct warden_net *net_r)
{
	char buf[WARDEN_NET_STRLEN];
	const char *error;
	size_t word;

	while (len > 0 && strchr(NFT_BLANKS, *text) != NULL) {
		text++;
		len--;
	}
	word = strcspn(text, NFT_BLANKS ",}");
	return word <= len && word_copy(buf, sizeof(buf), text, word) &&
	       warden_net_parse(buf, net_r, &error);
}

int warden_nft_parse_sets(const char *text, struct warden_net *nets,
			  size_t room)
{
	static const char begin[] = "elements = {";
	size_t count = 0;

	while ((text = strstr(text, begin)) != NULL) {
		text += strlen(begin);
		do {
			size_t len = strcspn(text, ",}");

			if (text[len] == '\0' || count == room ||
			    !parse_element(text, len, &nets[count]))
				return -1;
			count++;
			text += len;
		} while (*text++ == ',');
	}
	return (int)count;
}

/* A line that begins so, whatever comes after it. */
static bool has_line(const char *text, const char *before, const char *name,
		     const char *suffix, const char *after)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "\t%s%s%s%s", before, name, suffix,
		       after);
	return strstr(text, line) != NULL;
}

static bool has_chain(const char *text, const struct warden_nft_names *names)
{
	return has_line(text, "chain ", names->name, "", " {");
}

static bool has_set(const char *text, const struct warden_nft_names *names,
		    const struct nft_set *set)
{
	return has_line(text, "set ", names->name, set->suffix, " {");
}

static bool has_rule(const char *text, const struct warden_nft_names *names,
		     const struct nft_set *set)
{
	char before[32];

	(void)snprintf(before, sizeof(before), "%s saddr @", set->match);
	return has_line(text, before, names->name, set->suffix,
			" counter drop");
}

bool warden_nft_has_all(const char *text, const struct warden_nft_names *names)
{
	if (!has_chain(text, names) ||
	    strstr(text, "type filter hook input") == NULL)
		return false;
	for (size_t i = 0; i < NFT_SETS; i++) {
		const struct nft_set *set = &nft_sets[i];

		if (warden_nft_names_have(names, set->family) &&
		    (!has_set(text, names, set) || !has_rule(text, names, set)))
			return false;
	}
	return true;
}

bool warden_nft_has_any(const char *text, const struct warden_nft_names *names)
{
	for (size_t i = 0; i < NFT_SETS; i++) {
		if (has_set(text, names, &nft_sets[i]))
			return true;
	}
	return has_chain(text, names);
}

bool warden_nft_table_is_empty(const char *text)
{
	const char *brace = strchr(text, '{');

	return brace != NULL && brace[1 + strspn(brace + 1, NFT_BLANKS)] == '}';
}
