/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_RULEBOOK_H
#define WARDEN_RULEBOOK_H

#include "warden-layout.h"
#include "warden-rules.h"

/* The rules of hosts.allow and hosts.deny where every process can ask them: the
   file `rules` in memory. A login process asks in place, without a copy of its
   own: there may be a hundred thousand lines, and it lives for one client.

   One writer, the service; any number of readers, who map it read-only. What
   is asked while two sets of rules are published is noise, is noticed, and is
   asked again. */

struct warden_rulebook {
	struct warden_rules_header *shared; /* NULL: there is none */
	size_t room;			    /* of one copy, bytes */
};

/* Size of a file with room for images of this size, and some more. */
size_t warden_rulebook_size(size_t image_size);
/* base: of a file that was opened as WARDEN_FILE_RULES, size bytes. */
bool warden_rulebook_init(struct warden_rulebook *book_r, void *base,
			  size_t size);

/* Put the rules in force; size 0: there are none. false: they do not fit, and
   nothing has changed. The service. */
bool warden_rulebook_write(struct warden_rulebook *book, const void *image,
			   size_t size);

/* What the rules say, as warden_rules_ask(); WARDEN_RULES_ALLOW by line 0 when
   there are none, WARDEN_RULES_DAMAGED when nothing could be learned. */
void warden_rulebook_ask(const struct warden_rulebook *book,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r);
/* As warden_rules_ask_grant(): is it meant by hosts.allow? Without rules
   WARDEN_RULES_DENY by line 0. */
void warden_rulebook_ask_grant(const struct warden_rulebook *book,
			       const struct warden_rules_question *question,
			       struct warden_rules_answer *answer_r);
/* As warden_rules_grant_in(). */
bool warden_rulebook_grant_in(const struct warden_rulebook *book,
			      const char *daemon, const struct warden_net *net);
/* false: no answer depends on a name. */
bool warden_rulebook_may_need_name(const struct warden_rulebook *book);

#endif
