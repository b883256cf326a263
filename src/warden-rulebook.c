/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-rulebook.h"

#include <string.h>

typedef void rules_ask_t(const struct warden_rules *rules,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r);

/* What is asked of the image. */
struct book_question {
	rules_ask_t *ask;
	const struct warden_rules_question *question;
	struct warden_rules_answer *answer_r;
};

static void image_ask(const void *image, size_t size, void *context)
{
	const struct book_question *asked = context;
	struct warden_rules rules;
	struct warden_error error;

	asked->answer_r->verdict = WARDEN_RULES_DAMAGED;
	if (warden_rules_open(&rules, image, size, &error))
		asked->ask(&rules, asked->question, asked->answer_r);
}

/* false: there are no rules. */
static bool book_ask(const struct warden_shelf *book, rules_ask_t *ask,
		     const struct warden_rules_question *question,
		     struct warden_rules_answer *answer_r)
{
	struct book_question asked = { ask, question, answer_r };

	memset(answer_r, 0, sizeof(*answer_r));
	switch (warden_shelf_ask(book, image_ask, &asked)) {
	case WARDEN_SHELF_EMPTY:
		return false;
	case WARDEN_SHELF_ASKED:
		break;
	case WARDEN_SHELF_NOISE:
		answer_r->verdict = WARDEN_RULES_DAMAGED;
		break;
	}
	return true;
}

void warden_rulebook_ask(const struct warden_shelf *book,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r)
{
	if (!book_ask(book, warden_rules_ask, question, answer_r)) {
		memset(answer_r, 0, sizeof(*answer_r));
		answer_r->verdict = WARDEN_RULES_ALLOW;
	}
}

void warden_rulebook_ask_grant(const struct warden_shelf *book,
			       const struct warden_rules_question *question,
			       struct warden_rules_answer *answer_r)
{
	if (!book_ask(book, warden_rules_ask_grant, question, answer_r)) {
		memset(answer_r, 0, sizeof(*answer_r));
		answer_r->verdict = WARDEN_RULES_DENY;
	}
}

static void ask_grant_in(const struct warden_rules *rules,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r)
{
	answer_r->verdict = warden_rules_grant_in(rules, question->daemon,
						  question->client) ?
				    WARDEN_RULES_ALLOW :
				    WARDEN_RULES_DENY;
}

bool warden_rulebook_grant_in(const struct warden_shelf *book,
			      const char *daemon, const struct warden_net *net)
{
	const struct warden_rules_question question = { .daemon = daemon,
							.client = net };
	struct warden_rules_answer answer;

	return book_ask(book, ask_grant_in, &question, &answer) &&
	       answer.verdict == WARDEN_RULES_ALLOW;
}

static void ask_whether_name(const struct warden_rules *rules,
			     const struct warden_rules_question *question,
			     struct warden_rules_answer *answer_r)
{
	(void)question;
	answer_r->verdict = warden_rules_may_need_name(rules) ?
				    WARDEN_RULES_NEED_NAME :
				    WARDEN_RULES_ALLOW;
}

bool warden_rulebook_may_need_name(const struct warden_shelf *book)
{
	struct warden_rules_answer answer;

	return book_ask(book, ask_whether_name, NULL, &answer) &&
	       answer.verdict == WARDEN_RULES_NEED_NAME;
}
