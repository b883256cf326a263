/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_RULEBOOK_H
#define WARDEN_RULEBOOK_H

#include "warden-rules.h"
#include "warden-shelf.h"

/* The rules of hosts.allow and hosts.deny where every process can ask them: the
   file `rules`, a shelf with an image of warden_rules_compile(). A login
   process asks in place, without a copy of its own: there may be a hundred
   thousand lines, and it lives for one client. */

/* What the rules say, as warden_rules_ask(); WARDEN_RULES_ALLOW by line 0 when
   there are none, WARDEN_RULES_DAMAGED when nothing could be learned. */
void warden_rulebook_ask(const struct warden_shelf *book,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r);
/* As warden_rules_ask_grant(): is it meant by hosts.allow? Without rules
   WARDEN_RULES_DENY by line 0. */
void warden_rulebook_ask_grant(const struct warden_shelf *book,
			       const struct warden_rules_question *question,
			       struct warden_rules_answer *answer_r);
/* As warden_rules_grant_in(). */
bool warden_rulebook_grant_in(const struct warden_shelf *book,
			      const char *daemon, const struct warden_net *net);
/* false: no answer depends on a name. */
bool warden_rulebook_may_need_name(const struct warden_shelf *book);

#endif
