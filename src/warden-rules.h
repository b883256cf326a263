/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_RULES_H
#define WARDEN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden-address.h"
#include "warden-error.h"

/* The rules of hosts.allow and hosts.deny, as libwrap understands them
   (hosts_access(5), hosts_options(5)): the allow file first, the first rule
   that matches decides, then the deny file, and who is in neither is allowed.

   Two steps. The texts are compiled by whoever may read them, into one image
   without pointers. The image can be copied anywhere, and who has it asks it
   without files, without memory of its own and without looking up names.

   What is in the files is never executed and never looked up. What libwrap
   would do there and the warden does not, is said in a notice, and so is what
   libwrap only warns of. Where libwrap refuses clients because of a mistake (a
   deny file that does not end in a newline, a line that is too long in it, an
   option that it does not know), nothing is compiled: the caller keeps the
   rules that it has, so that a slip does not lock everybody out. */

/* --- Compiling ------------------------------------------------------------ */

/* In both files, and words in the files that rules name. */
#define WARDEN_RULES_MAX_LINES 200000u
#define WARDEN_RULES_MAX_WORDS 400000u
/* Files that rules name: how many are read, how deep one may name another, how
   large one is. */
#define WARDEN_RULES_MAX_FILES 256u
#define WARDEN_RULES_MAX_DEPTH 8u
#define WARDEN_RULES_MAX_FILE_SIZE (16u * 1024 * 1024)
/* Different lists of daemons in a file. */
#define WARDEN_RULES_MAX_GROUPS 1024u
#define WARDEN_RULES_MAX_IMAGE (32u * 1024 * 1024)
/* Patterns that one question may have to try one by one. What is only an
   address or a network does not count. */
#define WARDEN_RULES_MAX_STEPS (1u << 20)
#define WARDEN_RULES_MAX_NOTICES 16u

struct warden_rules_text {
	const char *path; /* for messages */
	const char *data; /* NULL: there is no such file */
	size_t size;
};

/* Read it; free it in either case. A file that is missing, or an empty path, is
   no file. path is the caller's. */
bool warden_rules_text_read(struct warden_rules_text *text_r, const char *path,
			    struct warden_error *error_r);
void warden_rules_text_free(struct warden_rules_text *text);

struct warden_rules_source {
	struct warden_rules_text allow, deny;
	/* The deny file that the warden writes itself. When a rule names it, it
	   is not read: the table knows better who is in it. May be NULL. */
	const char *own_deny_file;
	/* May be NULL. Called for each file that a rule names, before it is
	   read; a file may be named more than once. */
	void (*named)(void *context, const char *path);
	void *context;
};

/* Each is a line for the log, "FILE:LINE: why". */
struct warden_rules_notices {
	struct warden_error list[WARDEN_RULES_MAX_NOTICES];
	unsigned int count; /* in list */
	unsigned int more;  /* that found no room */
};

struct warden_rules_image {
	void *data;
	size_t size;
};

/* Reads the files that rules name. false: *error_r names file and line, there
   is no image. notices_r may be NULL; it is set in either case. */
bool warden_rules_compile(const struct warden_rules_source *source,
			  struct warden_rules_image *image_r,
			  struct warden_rules_notices *notices_r,
			  struct warden_error *error_r);
void warden_rules_image_free(struct warden_rules_image *image);

/* --- Asking --------------------------------------------------------------- */

/* An image that is being asked. It belongs to the caller and must stay where
   it is. What is in it is not trusted, neither now nor later: noise costs
   time, at most WARDEN_RULES_MAX_STEPS, and gives noise. */
struct warden_rules {
	const void *image;
	struct warden_rules_part {
		uint32_t offset, count;
	} rules, linear, groups, segments, tokens, bounds, text;
	uint32_t allow_groups, allow_linear; /* the first so many */
};

/* false: no such image, or one of another version. The image is aligned to 8
   bytes. */
bool warden_rules_open(struct warden_rules *rules_r, const void *image,
		       size_t size, struct warden_error *error_r);

enum warden_rules_name {
	WARDEN_RULES_NAME_NOT_ASKED, /* nobody has looked it up */
	WARDEN_RULES_NAME_GIVEN,
	WARDEN_RULES_NAME_UNKNOWN,  /* it was looked up, there is none */
	WARDEN_RULES_NAME_PARANOID, /* the name has another address */
};

struct warden_rules_question {
	const char *daemon;
	const struct warden_net *client; /* a whole address */
	enum warden_rules_name name_state;
	const char *name;		 /* if it is given */
	const struct warden_net *server; /* a whole address; NULL: unknown */
};

enum warden_rules_verdict {
	WARDEN_RULES_ALLOW,
	WARDEN_RULES_DENY,
	/* it depends on the client's name, which was not asked for */
	WARDEN_RULES_NEED_NAME,
	/* the image is noise: let everybody in, and say so */
	WARDEN_RULES_DAMAGED,
};

enum warden_rules_file {
	WARDEN_RULES_FILE_ALLOW,
	WARDEN_RULES_FILE_DENY,
};

struct warden_rules_answer {
	enum warden_rules_verdict verdict;
	/* The rule that decides; the first that may, if a name is needed. A
	   line is counted as an editor does, 0: no rule, the default. */
	enum warden_rules_file file;
	uint32_t line;
};

void warden_rules_ask(const struct warden_rules *rules,
		      const struct warden_rules_question *question,
		      struct warden_rules_answer *answer_r);

/* Does hosts.allow mean anybody in this network, by an address or a network?
   Rules with EXCEPT, wildcards or names are asked about its first address. */
bool warden_rules_grant_in(const struct warden_rules *rules, const char *daemon,
			   const struct warden_net *net);

/* A rule of hosts.allow that lets clients in. */
struct warden_rules_allowing {
	uint32_t line;
	bool meant; /* somebody is; false: `ALL: ALL` and the like */
};

/* All of them that are for this daemon, in order. The caller frees. false: no
   memory, or the image is noise. */
bool warden_rules_list_allowing(const struct warden_rules *rules,
				const char *daemon,
				struct warden_rules_allowing **list_r,
				size_t *count_r);

/* false: no answer of these rules depends on a name. */
bool warden_rules_may_need_name(const struct warden_rules *rules);

/* Does hosts.allow let this client in because somebody meant this client? That
   is, by an address, a network or a name; `ALL: ALL`, `imap: ALL`, `KNOWN` or
   `*` mean nobody in particular. Then the answer is WARDEN_RULES_ALLOW with
   the rule, else WARDEN_RULES_DENY. */
void warden_rules_ask_grant(const struct warden_rules *rules,
			    const struct warden_rules_question *question,
			    struct warden_rules_answer *answer_r);

#endif
