/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-rulebook.h"

#include <string.h>

#include "warden-publish.h"

/* A few hundred lines, in each copy, without another file. */
#define ROOM_MIN (64 * 1024)
/* An image is asked as it lies there, and wants to be aligned. */
#define ROOM_ALIGN 64

typedef void rules_ask_t(const struct warden_rules *rules,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r);

size_t warden_rulebook_size(size_t image_size)
{
	/* half as much again: files grow */
	size_t room = image_size + image_size / 2;

	if (room < ROOM_MIN)
		room = ROOM_MIN;
	room = (room + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
	return sizeof(struct warden_rules_header) + 2 * room;
}

bool warden_rulebook_init(struct warden_rulebook *book_r, void *base,
			  size_t size)
{
	memset(book_r, 0, sizeof(*book_r));
	if (size < warden_rulebook_size(0))
		return false;
	book_r->shared = base;
	book_r->room = (size - sizeof(struct warden_rules_header)) / 2 /
		       ROOM_ALIGN * ROOM_ALIGN;
	return true;
}

static unsigned char *book_copy(const struct warden_rulebook *book,
				uint32_t generation)
{
	return (unsigned char *)(book->shared + 1) +
	       (generation % 2) * book->room;
}

bool warden_rulebook_write(struct warden_rulebook *book, const void *image,
			   size_t size)
{
	struct warden_rules_header *shared = book->shared;
	uint32_t next = warden_publish_next(atomic_load_explicit(
		&shared->generation, memory_order_relaxed));

	if (size > book->room)
		return false;
	/* as in warden_publish_write() */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&shared->sizes[next % 2], (uint32_t)size,
			      memory_order_relaxed);
	if (size > 0)
		memcpy(book_copy(book, next), image, size);
	atomic_store_explicit(&shared->generation, next, memory_order_release);
	return true;
}

/* false: there are no rules. */
static bool book_ask_once(const struct warden_rulebook *book,
			  uint32_t generation, rules_ask_t *ask,
			  const struct warden_rules_question *question,
			  struct warden_rules_answer *answer_r)
{
	size_t size = atomic_load_explicit(
		&book->shared->sizes[generation % 2], memory_order_relaxed);
	struct warden_rules rules;
	struct warden_error error;

	if (generation == 0 || size == 0)
		return false;
	answer_r->verdict = WARDEN_RULES_DAMAGED;
	if (size <= book->room &&
	    warden_rules_open(&rules, book_copy(book, generation), size,
			      &error))
		ask(&rules, question, answer_r);
	return true;
}

/* false: there are no rules. */
static bool book_ask(const struct warden_rulebook *book, rules_ask_t *ask,
		     const struct warden_rules_question *question,
		     struct warden_rules_answer *answer_r)
{
	memset(answer_r, 0, sizeof(*answer_r));
	if (book->shared == NULL)
		return false;
	for (int i = 0; i < WARDEN_PUBLISH_TRIES; i++) {
		uint32_t generation = atomic_load_explicit(
			&book->shared->generation, memory_order_acquire);
		bool asked = book_ask_once(book, generation, ask, question,
					   answer_r);

		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&book->shared->generation,
					 memory_order_relaxed) == generation)
			return asked;
	}
	answer_r->verdict = WARDEN_RULES_DAMAGED;
	return true;
}

void warden_rulebook_ask(const struct warden_rulebook *book,
			 const struct warden_rules_question *question,
			 struct warden_rules_answer *answer_r)
{
	if (!book_ask(book, warden_rules_ask, question, answer_r)) {
		memset(answer_r, 0, sizeof(*answer_r));
		answer_r->verdict = WARDEN_RULES_ALLOW;
	}
}

void warden_rulebook_ask_grant(const struct warden_rulebook *book,
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

bool warden_rulebook_grant_in(const struct warden_rulebook *book,
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

bool warden_rulebook_may_need_name(const struct warden_rulebook *book)
{
	struct warden_rules_answer answer;

	return book_ask(book, ask_whether_name, NULL, &answer) &&
	       answer.verdict == WARDEN_RULES_NEED_NAME;
}
