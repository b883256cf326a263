/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* One pattern of a list: ranges of addresses if it is that and nothing else,
   or a token.

   libwrap compares texts: a pattern is tried on the printed address, and then,
   unless it consists of digits, dots and slashes, on the host's name. So
   "192.0.2." is a network because the text begins so, and ".2.1" matches
   192.0.2.1 as .example.com matches a name. What can only match an address is
   turned into ranges here, all that needs a text stays a text.

   A name has no colon and no bracket in it (the resolver sees to that), so
   patterns that have one never need the name. */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "warden-rules-private.h"

/* --- Tokens -------------------------------------------------------------- */

static struct rules_token *token_add(struct rules_compiler *compiler,
				     enum rules_token_kind kind)
{
	struct rules_token *token =
		rules_rows_add(&compiler->tokens, sizeof(*token));

	if (token == NULL) {
		(void)rules_no_memory(compiler);
		return NULL;
	}
	token->kind = (uint8_t)kind;
	return token;
}

static bool plain_token_add(struct rules_compiler *compiler,
			    enum rules_token_kind kind, unsigned int flags)
{
	struct rules_token *token = token_add(compiler, kind);

	if (token == NULL)
		return false;
	token->flags = (uint8_t)flags;
	return true;
}

/* Also its place in the image. */
static bool text_put(struct rules_compiler *compiler, const char *str,
		     size_t len, uint32_t *offset_r)
{
	*offset_r = (uint32_t)compiler->text.count;
	for (size_t i = 0; i < len; i++) {
		char *to = rules_rows_add(&compiler->text, 1);

		if (to == NULL)
			return rules_no_memory(compiler);
		*to = (char)tolower((unsigned char)str[i]);
	}
	return true;
}

/* Runs of stars are one star. libwrap wants at least one character for two or
   more of them at the end. */
static void glob_normalize(char *glob)
{
	char *from = glob, *to = glob;

	while (*from != '\0') {
		size_t stars = strspn(from, "*");

		if (stars > 1) {
			from += stars;
			if (*from == '\0')
				*to++ = '?';
			*to++ = '*';
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static bool is_text_all(const char *word)
{
	return strcasecmp(word, "ALL") == 0;
}

/* What libwrap's comparison of texts makes of a pattern, and which part of it
   is compared. */
static enum rules_token_kind text_kind(char *word)
{
	size_t len = strlen(word);

	if (strpbrk(word, "*?") != NULL) {
		glob_normalize(word);
		return RULES_TOKEN_GLOB;
	}
	if (word[0] == '.')
		return RULES_TOKEN_SUFFIX;
	if (is_text_all(word))
		return RULES_TOKEN_ALL;
	if (strcasecmp(word, "KNOWN") == 0)
		return RULES_TOKEN_KNOWN_TEXT;
	if (len > 0 && word[len - 1] == '.')
		return RULES_TOKEN_PREFIX;
	return RULES_TOKEN_EXACT;
}

static struct rules_token *text_token_add(struct rules_compiler *compiler,
					  char *word)
{
	enum rules_token_kind kind = text_kind(word);
	struct rules_token *token;
	uint32_t offset;
	size_t len = strlen(word);

	if (!text_put(compiler, word, len, &offset))
		return NULL;
	token = token_add(compiler, kind);
	if (token == NULL)
		return NULL;
	token->a = offset;
	token->len = (uint16_t)len;
	return token;
}

/* --- Addresses ----------------------------------------------------------- */

static bool range_add(struct rules_compiler *compiler,
		      const struct rules_sink *sink,
		      const struct warden_net *net)
{
	if (!rules_ranges_add(sink->ranges, net, sink->value) ||
	    (sink->meant != NULL && net->bits > 0 &&
	     !rules_ranges_add(sink->meant, net, sink->value)))
		return rules_no_memory(compiler);
	return true;
}

static bool any_ipv4_add(struct rules_compiler *compiler,
			 const struct rules_sink *sink)
{
	struct warden_net net = { .family = WARDEN_INET };

	if (sink->broad_as_tokens)
		return plain_token_add(compiler, RULES_TOKEN_IPV4,
				       RULES_TOKEN_BROAD);
	return range_add(compiler, sink, &net);
}

static bool any_ipv6_add(struct rules_compiler *compiler,
			 const struct rules_sink *sink)
{
	struct warden_net net = { .family = WARDEN_INET6 };

	if (sink->broad_as_tokens)
		return plain_token_add(compiler, RULES_TOKEN_IPV6,
				       RULES_TOKEN_BROAD);
	return range_add(compiler, sink, &net);
}

static bool all_add(struct rules_compiler *compiler,
		    const struct rules_sink *sink)
{
	if (sink->broad_as_tokens)
		return plain_token_add(compiler, RULES_TOKEN_ALL,
				       RULES_TOKEN_BROAD);
	return any_ipv4_add(compiler, sink) && any_ipv6_add(compiler, sink);
}

/* libwrap's idea of n.n.n.n: four parts, each a number as in C. All bits set
   is its word for a mistake. */
static bool parse_quad(const char *str, uint32_t *addr_r)
{
	struct in_addr in;
	unsigned int parts = 0;

	for (const char *p = str; *p != '\0'; p++) {
		if (*p != '.' && (p == str || p[-1] == '.'))
			parts++;
	}
	if (parts != 4 || inet_aton(str, &in) == 0)
		return false;
	*addr_r = ntohl(in.s_addr);
	return *addr_r != UINT32_MAX;
}

/* As atoi(3) does where int has 32 bits. */
static int32_t parse_len(const char *str)
{
	return (int32_t)(uint32_t)strtol(str, NULL, 10);
}

static bool parse_mask(const char *str, uint32_t *mask_r)
{
	int32_t len;

	if (parse_quad(str, mask_r))
		return true;
	len = parse_len(str);
	if (len < 1 || len > 32)
		return false;
	*mask_r = UINT32_MAX << (32 - len);
	return true;
}

static void net_from_ipv4(struct warden_net *net_r, uint32_t addr,
			  unsigned int bits)
{
	addr = htonl(addr);
	memset(net_r, 0, sizeof(*net_r));
	net_r->family = WARDEN_INET;
	net_r->bits = (uint8_t)bits;
	memcpy(net_r->bytes, &addr, sizeof(addr));
}

/* Leading ones, and nothing but zeros after them. */
static bool mask_bits(uint32_t mask, unsigned int *bits_r)
{
	*bits_r = mask == 0 ? 0 : 32 - (unsigned int)__builtin_ctz(mask);
	return *bits_r == 0 || mask == UINT32_MAX << (32 - *bits_r);
}

static bool masked_ipv4_add(struct rules_compiler *compiler, uint32_t addr,
			    uint32_t mask, const struct rules_sink *sink)
{
	struct rules_token *token;
	struct warden_net net;
	unsigned int bits;

	if (mask == 0)
		return any_ipv4_add(compiler, sink);
	if (mask_bits(mask, &bits)) {
		net_from_ipv4(&net, addr, bits);
		return range_add(compiler, sink, &net);
	}
	token = token_add(compiler, RULES_TOKEN_IPV4);
	if (token == NULL)
		return false;
	token->a = addr;
	token->b = mask;
	return true;
}

/* libwrap pays no heed to the zone, but it has to be one: a number or, for a
   link-local address, an interface. Which ones there are changes. */
static bool zone_is_good(const char *zone, const uint8_t *address)
{
	return zone[0] != '\0' && strpbrk(zone, "[]") == NULL &&
		(zone[strspn(zone, "0123456789")] == '\0' ||
		 (address[0] == 0xfe && (address[1] & 0xc0) == 0x80));
}

/* The text between brackets. false: it is no address. */
static bool parse_bracketed(const char *word, struct warden_net *net_r)
{
	char text[RULES_LINE_ROOM], *zone;
	size_t len = strlen(word);

	if (len < 2 || word[0] != '[' || word[len - 1] != ']' ||
	    len - 2 >= sizeof(text))
		return false;
	memcpy(text, word + 1, len - 2);
	text[len - 2] = '\0';
	zone = strchr(text, '%');
	if (zone != NULL)
		*zone++ = '\0';
	memset(net_r, 0, sizeof(*net_r));
	net_r->family = WARDEN_INET6;
	net_r->bits = 128;
	return inet_pton(AF_INET6, text, net_r->bytes) == 1 &&
		(zone == NULL || zone_is_good(zone, net_r->bytes));
}

/* 64:ff9b::/96, RFC 6052 */
static bool is_nat64(const struct warden_net *net)
{
	static const uint8_t prefix[12] = { 0, 0x64, 0xff, 0x9b };

	return net->bits >= 96 && memcmp(net->bytes, prefix, 12) == 0;
}

static bool ipv6_add(struct rules_compiler *compiler, struct warden_net *net,
		     int32_t bits, const struct rules_sink *sink)
{
	if (bits == 0)
		return any_ipv6_add(compiler, sink);
	warden_net_mask(net, (unsigned int)bits);
	if (is_nat64(net))
		rules_notice(compiler, "a client that comes through NAT64 has "
			"its IPv4 address here, this network has none");
	return range_add(compiler, sink, net);
}

static bool masked_add(struct rules_compiler *compiler, const char *word,
		       const char *mask_word, const struct rules_sink *sink)
{
	struct warden_net net;
	uint32_t addr, mask;
	int32_t bits;

	if (parse_bracketed(word, &net)) {
		bits = parse_len(mask_word);
		if (bits >= 0 && bits <= 128)
			return ipv6_add(compiler, &net, bits, sink);
	} else if (parse_quad(word, &addr) && parse_mask(mask_word, &mask) &&
		   (addr & ~mask) == 0) {
		return masked_ipv4_add(compiler, addr, mask, sink);
	}
	rules_notice(compiler, "'%.60s/%.60s' matches no client: not an "
		     "address, not a mask, or the address has bits outside of "
		     "it", word, mask_word);
	return true;
}

/* --- One of digits and dots ---------------------------------------------- */

/* "192.0.2." or "192.0.2.1", just as it is printed. */
static bool parse_printed(const char *word, struct warden_net *net_r)
{
	unsigned int part, parts = 0;
	uint32_t addr = 0;

	while (*word != '\0') {
		const char *from = word;

		for (part = 0; isdigit((unsigned char)*word); word++)
			part = part * 10 + (unsigned int)(*word - '0');
		if (word == from || word - from > 3 || part > 255 ||
		    (*from == '0' && word - from > 1) || ++parts > 4)
			return false;
		addr |= part << (32 - parts * 8);
		if (*word == '.' && parts < 4)
			word++;
		else if (*word != '\0' || parts < 4)
			return false;
	}
	net_from_ipv4(net_r, addr, parts * 8);
	return parts > 0;
}

/* An IPv6 address without brackets, which only a file can have, is compared
   as text. */
static bool parse_printed_ipv6(const char *word, struct warden_net *net_r)
{
	char text[INET6_ADDRSTRLEN];

	memset(net_r, 0, sizeof(*net_r));
	net_r->family = WARDEN_INET6;
	net_r->bits = 128;
	return inet_pton(AF_INET6, word, net_r->bytes) == 1 &&
		inet_ntop(AF_INET6, net_r->bytes, text, sizeof(text)) != NULL &&
		strcasecmp(word, text) == 0;
}

static bool may_match_name(const char *word)
{
	return word[strspn(word, "0123456789./")] != '\0' &&
		strpbrk(word, ":[]") == NULL;
}

static bool glob_is_broad(const char *glob)
{
	return glob[strspn(glob, "*?.")] == '\0';
}

/* Compared as a text with address and name. */
static bool host_text_add(struct rules_compiler *compiler, char *word)
{
	bool names = may_match_name(word);
	struct rules_token *token;

	token = text_token_add(compiler, word);
	if (token == NULL)
		return false;
	if (names)
		token->flags |= RULES_TOKEN_NAMES;
	/* a client without a good name is nobody in particular either */
	if ((token->kind == RULES_TOKEN_GLOB && glob_is_broad(word)) ||
	    strcasecmp(word, "UNKNOWN") == 0 ||
	    strcasecmp(word, "PARANOID") == 0)
		token->flags |= RULES_TOKEN_BROAD;
	return true;
}

static bool host_word_add(struct rules_compiler *compiler, char *word,
			  const struct rules_sink *sink)
{
	struct warden_net net;

	if (is_text_all(word))
		return all_add(compiler, sink);
	if (parse_printed(word, &net) || parse_printed_ipv6(word, &net) ||
	    parse_bracketed(word, &net))
		return range_add(compiler, sink, &net);
	return host_text_add(compiler, word);
}

/* --- Files --------------------------------------------------------------- */

static bool host_add(struct rules_compiler *compiler, char *word,
		     const struct rules_sink *sink, unsigned int depth);

static bool count_word(struct rules_compiler *compiler)
{
	if (++compiler->words > WARDEN_RULES_MAX_WORDS)
		return rules_fail(compiler, "more than %u patterns",
				  WARDEN_RULES_MAX_WORDS);
	return true;
}

/* In place: the byte after a word becomes NUL. There is one after the last. */
static bool file_words_add(struct rules_compiler *compiler, char *data,
			   size_t size, const struct rules_sink *sink,
			   unsigned int depth)
{
	size_t from, to;

	for (to = 0; to < size; to++) {
		from = to;
		while (to < size && !isspace((unsigned char)data[to]))
			to++;
		if (from == to)
			continue;
		data[to] = '\0';
		if (!count_word(compiler))
			return false;
		if (to - from >= RULES_LINE_ROOM) {
			rules_notice(compiler, "a word in a file is too long");
			continue;
		}
		if (!host_add(compiler, data + from, sink, depth))
			return false;
	}
	return true;
}

static bool file_add(struct rules_compiler *compiler, const char *path,
		     const struct rules_sink *sink, unsigned int depth)
{
	const char *own = compiler->source->own_deny_file;
	size_t size = 0;
	char *data;
	bool success;

	if (own != NULL && strcmp(path, own) == 0)
		return true;
	if (depth >= WARDEN_RULES_MAX_DEPTH) {
		rules_notice(compiler, "%.200s is not read: files name each "
			     "other too deep, or in a circle", path);
		return true;
	}
	if (++compiler->files > WARDEN_RULES_MAX_FILES)
		return rules_fail(compiler, "more than %u files are named",
				  WARDEN_RULES_MAX_FILES);
	if (compiler->source->named != NULL)
		compiler->source->named(compiler->source->context, path);
	data = rules_file_read(path, &size);
	if (data == NULL) {
		rules_notice(compiler, "%.200s matches no client: %s", path,
			     strerror(errno));
		return true;
	}
	success = file_words_add(compiler, data, size, sink, depth + 1);
	free(data);
	return success;
}

/* --- Lists --------------------------------------------------------------- */

static bool host_add(struct rules_compiler *compiler, char *word,
		     const struct rules_sink *sink, unsigned int depth)
{
	char *mask;

	if (word[0] == '@') {
		rules_notice(compiler, "netgroup '%.60s' is not looked up and "
			     "matches no client", word);
		return true;
	}
	if (word[0] == '/')
		return file_add(compiler, word, sink, depth);
	if (strcasecmp(word, "KNOWN") == 0)
		return plain_token_add(compiler, RULES_TOKEN_KNOWN,
				       RULES_TOKEN_NAMES | RULES_TOKEN_BROAD);
	if (strcasecmp(word, "LOCAL") == 0)
		return plain_token_add(compiler, RULES_TOKEN_LOCAL,
				       RULES_TOKEN_NAMES);
	mask = rules_split_at(word, '/');
	if (mask != NULL)
		return masked_add(compiler, word, mask, sink);
	return host_word_add(compiler, word, sink);
}

/* Does the pattern of user@host match a user who is not known? */
static bool user_matches_unknown(char *user)
{
	static const char unknown[] = "unknown";
	size_t len = strlen(user), n = sizeof(unknown) - 1;

	switch (text_kind(user)) {
	case RULES_TOKEN_ALL:
		return true;
	case RULES_TOKEN_GLOB:
		glob_normalize(user);
		for (char *p = user; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		return rules_glob_matches(user, strlen(user), unknown, n);
	case RULES_TOKEN_SUFFIX:
	case RULES_TOKEN_PREFIX:
	case RULES_TOKEN_KNOWN_TEXT:
		return false; /* it has no dot */
	default:
		return len == n && strcasecmp(user, unknown) == 0;
	}
}

bool rules_client_add(struct rules_compiler *compiler, char *word,
		      const struct rules_sink *sink)
{
	char *host;

	if (!count_word(compiler))
		return false;
	host = rules_split_at(word + 1, '@');
	if (host == NULL)
		return host_add(compiler, word, sink, 0);
	if (!is_text_all(word))
		rules_notice(compiler, "the user in '%.60s@%.60s' is not asked "
			     "for, he counts as unknown", word, host);
	return !user_matches_unknown(word) ||
		host_add(compiler, host, sink, 0);
}

bool rules_segment_add(struct rules_compiler *compiler, uint32_t token,
		       const struct rules_rows *ranges)
{
	struct rules_segment *segment =
		rules_rows_add(&compiler->segments, sizeof(*segment));

	if (segment == NULL)
		return rules_no_memory(compiler);
	segment->token = token;
	segment->tokens = (uint32_t)compiler->tokens.count - token;
	if (ranges != NULL &&
	    !rules_map_build(&compiler->bounds, ranges, &segment->map))
		return rules_no_memory(compiler);
	return true;
}

/* The part after the @ of a daemon's pattern, a segment of its own. */
static bool server_add(struct rules_compiler *compiler, char *host,
		       uint32_t *segment_r)
{
	struct rules_rows ranges = { .data = NULL };
	struct rules_sink sink = {
		.ranges = &ranges,
		.broad_as_tokens = true,
	};
	uint32_t token = (uint32_t)compiler->tokens.count;
	bool success;

	*segment_r = (uint32_t)compiler->segments.count;
	success = host_add(compiler, host, &sink, 0) &&
		rules_segment_add(compiler, token, &ranges);
	free(ranges.data);
	return success;
}

bool rules_daemon_add(struct rules_compiler *compiler, char *word,
		      struct rules_rows *own)
{
	struct rules_token *token, *copy;
	uint32_t segment = 0;
	char *host;

	if (!count_word(compiler))
		return false;
	host = rules_split_at(word + 1, '@');
	if (host != NULL && !server_add(compiler, host, &segment))
		return false;
	token = text_token_add(compiler, word);
	if (token == NULL)
		return false;
	if (host != NULL) {
		token->flags |= RULES_TOKEN_AT_SERVER;
		token->b = segment;
	}
	copy = rules_rows_add(own, sizeof(*copy));
	if (copy == NULL)
		return rules_no_memory(compiler);
	*copy = *token;
	compiler->tokens.count--;
	return true;
}
