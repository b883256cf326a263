/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_RULES_PRIVATE_H
#define WARDEN_RULES_PRIVATE_H

#include "warden-rules.h"

/* What is inside an image, for warden-rules*.c alone.

   A client list is `SEGMENT EXCEPT SEGMENT EXCEPT ...`: the first must match
   and the rest must not, which is a list of the same kind. A segment is a set:
   a map of addresses, and tokens that are tried one by one.

   Most rules are only addresses. These are nowhere but in the maps of their
   group, which is a file's rules with the same list of daemons: such a map
   leads from an address to the first rule that has it. All other rules are in
   the list of linear ones, in order. So a question is a search in a map for
   each group whose daemons match, and then the linear rules before the rule
   that was found. */

#define RULES_MAGIC UINT64_C(0x77646e72756c6573)
#define RULES_VERSION 1

/* libwrap's buffer for a joined line, with newline and NUL */
#define RULES_LINE_ROOM 2048
#define RULES_NONE UINT32_MAX
#define RULES_SEPARATORS ", \t\r\n"

/* A client's address in 16 bytes: IPv4 as ::ffff:a.b.c.d, where no IPv6 client
   is (see warden-address.c). */
struct rules_key {
	uint8_t bytes[16];
};

/* From this key on, up to that of the next bound, the value. */
struct rules_bound {
	struct rules_key key;
	uint32_t value; /* RULES_NONE: nothing */
};

struct rules_map {
	uint32_t first, count; /* bounds */
};

enum rules_token_kind {
	RULES_TOKEN_ALL,
	RULES_TOKEN_KNOWN, /* address and name are known */
	RULES_TOKEN_LOCAL, /* a name without dot */
	RULES_TOKEN_IPV4,  /* a: network, b: mask, which may have holes */
	RULES_TOKEN_IPV6,  /* any IPv6 address */
	/* the rest is compared as text, of address and name; a: text */
	RULES_TOKEN_KNOWN_TEXT, /* all but "unknown" */
	RULES_TOKEN_EXACT,
	RULES_TOKEN_PREFIX,
	RULES_TOKEN_SUFFIX,
	RULES_TOKEN_GLOB,
};

enum rules_token_flag {
	RULES_TOKEN_NAMES = 0x01,    /* a name may match it */
	RULES_TOKEN_BROAD = 0x02,    /* means nobody in particular */
	RULES_TOKEN_AT_SERVER = 0x04, /* daemon@host; b: the host's segment */
};

struct rules_token {
	uint8_t kind, flags;
	uint16_t len; /* of the text */
	uint32_t a, b;
};

struct rules_segment {
	struct rules_map map;
	uint32_t token, tokens;
};

struct rules_list {
	uint32_t segment, segments;
};

struct rules_group {
	struct rules_list daemons;
	struct rules_map any;
	struct rules_map meant; /* without those that mean nobody; allow file */
};

struct rules_rule {
	uint32_t line;
	uint8_t file;	 /* enum warden_rules_file */
	uint8_t verdict; /* WARDEN_RULES_ALLOW or WARDEN_RULES_DENY */
	uint8_t unused[2];
	uint32_t group;
	struct rules_list clients; /* what is not in the group's maps */
};

/* At the start of an image. The parts are aligned to 8. */
struct rules_head {
	uint64_t magic;
	uint32_t version, size;
	struct warden_rules_part rules, linear, groups, segments, tokens,
		bounds, text;
	uint32_t allow_groups, allow_linear;
};

_Static_assert(sizeof(struct rules_bound) == 20, "layout");
_Static_assert(sizeof(struct rules_token) == 12, "layout");
_Static_assert(sizeof(struct rules_rule) == 20, "layout");
_Static_assert(sizeof(struct rules_head) == 80, "layout");

/* --- Keys and maps: warden-rules-map.c ------------------------------------ */

/* Rows that grow. data is the caller's to free. */
struct rules_rows {
	void *data;
	size_t count, room;
};

/* NULL: no memory */
void *rules_rows_add(struct rules_rows *rows, size_t size);

struct rules_range {
	struct rules_key first, last;
	uint32_t value;
};

void rules_key_from_net(struct rules_key *key_r, const struct warden_net *net);
bool rules_key_is_ipv4(const struct rules_key *key);

/* Add the network as ranges. An IPv6 network has no IPv4 address in it. */
bool rules_ranges_add(struct rules_rows *ranges, const struct warden_net *net,
		      uint32_t value);
/* Append the bounds of a map; where ranges overlap the first one wins. The
   ranges are sorted by value. false: no memory */
bool rules_map_build(struct rules_rows *bounds,
		     const struct rules_rows *ranges, struct rules_map *map_r);

/* --- Reading the text: warden-rules-text.c -------------------------------- */

/* Rules of one file. */
struct rules_lines {
	const struct warden_rules_text *text;
	size_t pos;
	uint32_t number;       /* physical lines read so far */
	uint32_t line;	       /* the first one of the present rule */
	char joined[RULES_LINE_ROOM];
};

/* What is between the colons. options NULL: none */
struct rules_fields {
	char *daemons, *clients, *options;
};

enum rules_read {
	RULES_READ_END,
	RULES_READ_RULE,
	RULES_READ_NO_RULE, /* no colon: libwrap warns and goes on */
	RULES_READ_CUT,	    /* libwrap cannot read on; *why_r */
	RULES_READ_NUL,	    /* there is a NUL byte in the line */
};

enum rules_read rules_lines_next(struct rules_lines *lines,
				 struct rules_fields *fields_r,
				 const char **why_r);

/* The part after the delimiter, which is replaced by NUL; NULL: none. What is
   in brackets is not looked at: the colons of an IPv6 address. */
char *rules_split_at(char *str, char delimiter);

struct rules_options {
	bool allow, deny;   /* the rule says which */
	bool twist;	    /* something else answers the client */
	bool aclexec;	    /* a command decides */
	const char *ignored; /* an option that does more than decide; or NULL */
};

/* false: *error_r is without file and line */
bool rules_options_parse(char *options, struct rules_options *options_r,
			 struct warden_error *error_r);

/* --- Files: warden-rules-file.c ------------------------------------------- */

/* A regular file, with room for one byte more. The caller frees; NULL: errno */
char *rules_file_read(const char *path, size_t *size_r);

/* --- Texts: warden-rules.c ------------------------------------------------ */

/* Both in lower case. * is any text, ? one character. */
bool rules_glob_matches(const char *glob, size_t glob_len, const char *str,
			size_t len);

/* --- Patterns: warden-rules-pattern.c ------------------------------------- */

/* What a compilation has put together so far. */
struct rules_compiler {
	const struct warden_rules_source *source;
	struct warden_rules_notices *notices; /* or NULL */
	struct warden_error *error_r;
	bool failed; /* *error_r is set */

	struct rules_rows rules, linear, groups, segments, tokens, bounds, text;
	struct rules_rows work; /* of each group: struct rules_group_work */
	uint32_t first_group;	/* of the present file */
	uint32_t allow_groups, allow_linear;
	uint32_t words, files, lines;
	uint64_t steps;

	const char *path; /* of the present rule */
	uint32_t line;
};

/* The first mistake is the one that is told. Returns false. */
bool rules_fail(struct rules_compiler *compiler, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool rules_no_memory(struct rules_compiler *compiler);
void rules_notice(struct rules_compiler *compiler, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Where the patterns of one segment go. */
struct rules_sink {
	struct rules_rows *ranges;
	struct rules_rows *meant; /* without all that is broad; or NULL */
	bool broad_as_tokens;	  /* what is broad is told from the rest */
	uint32_t value;
};

/* A pattern of a client list, which may be a file with more of them. */
bool rules_client_add(struct rules_compiler *compiler, char *word,
		      const struct rules_sink *sink);
/* A pattern of a daemon list. Its token goes to `own`: the host in daemon@host
   is a segment with tokens too, and each segment has its own in one place. */
bool rules_daemon_add(struct rules_compiler *compiler, char *word,
		      struct rules_rows *own);

/* The segment ends: its tokens are those since `token`. */
bool rules_segment_add(struct rules_compiler *compiler, uint32_t token,
		       const struct rules_rows *ranges);

#endif
