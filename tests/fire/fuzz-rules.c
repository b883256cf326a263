/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The rules of hosts.allow and hosts.deny. The first line of the input says
   what the rest is:

     files    a hosts.allow, a line "---", a hosts.deny
     damage   sixteen bytes to change in the image of what then follows, as in
              files: three bytes each, where and what
     image    an image */

#define _GNU_SOURCE /* memmem() */

#include "fuzz.h"
#include "warden-rules.h"

#define DAMAGES 16

static const char *const addresses[] = {
	"192.0.2.1", "10.1.2.3", "255.255.255.255", "0.0.0.0", "2001:db8::1",
	"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

static const char *const names[] = { "mail.example.com", "localhost", "a" };

static struct warden_net net(const char *text)
{
	struct warden_net parsed;
	const char *error;

	FUZZ_CHECK(warden_net_parse(text, &parsed, &error));
	return parsed;
}

static struct warden_rules_answer
ask(const struct warden_rules *rules, struct warden_rules_question *question,
    enum warden_rules_name state, const char *name)
{
	struct warden_rules_answer answer;

	question->name_state = state;
	question->name = name;
	warden_rules_ask(rules, question, &answer);
	FUZZ_CHECK(answer.verdict <= WARDEN_RULES_DAMAGED);
	FUZZ_CHECK(answer.file <= WARDEN_RULES_FILE_DENY);
	return answer;
}

/* Sound: what was just compiled. Then what is known without the name does not
   change with it, and with it everything is known. */
static void check_answer(const struct warden_rules_answer *without,
			 const struct warden_rules_answer *with, bool sound)
{
	if (!sound)
		return;
	FUZZ_CHECK(with->verdict <= WARDEN_RULES_DENY);
	FUZZ_CHECK(without->verdict != WARDEN_RULES_DAMAGED);
	FUZZ_CHECK(without->verdict == WARDEN_RULES_NEED_NAME ||
		   without->verdict == with->verdict);
	FUZZ_CHECK(with->verdict == WARDEN_RULES_ALLOW || with->line > 0);
}

static void check_grant(const struct warden_rules *rules,
			const struct warden_rules_question *question,
			const struct warden_rules_answer *with, bool sound)
{
	struct warden_rules_answer grant;

	warden_rules_ask_grant(rules, question, &grant);
	if (!sound)
		return;
	FUZZ_CHECK(grant.verdict <= WARDEN_RULES_DENY);
	FUZZ_CHECK(grant.verdict == WARDEN_RULES_DENY ||
		   (grant.line > 0 && with->verdict == WARDEN_RULES_ALLOW &&
		    with->line <= grant.line &&
		    with->file == WARDEN_RULES_FILE_ALLOW));
}

static void ask_all(const struct warden_rules *rules, bool sound)
{
	struct warden_net client, server = net("198.51.100.1");
	struct warden_rules_question question = { .client = &client };
	struct warden_rules_answer without, with;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		client = net(addresses[i]);
		question.daemon = i % 2 == 0 ? "imap" : "sshd";
		question.server = i % 3 == 0 ? NULL : &server;
		without = ask(rules, &question, WARDEN_RULES_NAME_NOT_ASKED,
			      NULL);
		with = ask(rules, &question, WARDEN_RULES_NAME_UNKNOWN, NULL);
		check_answer(&without, &with, sound);
		with = ask(rules, &question, WARDEN_RULES_NAME_PARANOID, NULL);
		check_answer(&without, &with, sound);
		with = ask(rules, &question, WARDEN_RULES_NAME_GIVEN,
			   names[i % 3]);
		check_answer(&without, &with, sound);
		check_grant(rules, &question, &with, sound);
	}
}

static bool compile(const char *data, size_t size,
		    struct warden_rules_image *image_r)
{
	static const char between[] = "---\n";
	const char *end = memmem(data, size, between, sizeof(between) - 1);
	struct warden_rules_source source = {
		.allow = { "allow", data, size },
		.deny = { "deny", NULL, 0 },
		.own_deny_file = "/own",
	};
	struct warden_rules_notices notices;
	struct warden_error error = { .text = "" };

	if (end != NULL) {
		source.allow.size = (size_t)(end - data);
		source.deny.data = end + sizeof(between) - 1;
		source.deny.size = size - source.allow.size -
			(sizeof(between) - 1);
	}
	if (warden_rules_compile(&source, image_r, &notices, &error))
		return true;
	FUZZ_CHECK(error.text[0] != '\0');
	FUZZ_CHECK(image_r->data == NULL);
	FUZZ_CHECK(notices.count <= WARDEN_RULES_MAX_NOTICES);
	return false;
}

static void fuzz_files(const char *data, size_t size)
{
	struct warden_rules_image image;
	struct warden_rules rules;
	struct warden_error error;

	if (!compile(data, size, &image))
		return;
	FUZZ_CHECK(warden_rules_open(&rules, image.data, image.size, &error));
	ask_all(&rules, true);
	warden_rules_image_free(&image);
}

static void fuzz_damage(const char *data, size_t size)
{
	struct fuzz_input input = { (const uint8_t *)data, DAMAGES * 3 };
	struct warden_rules_image image;
	struct warden_rules rules;
	struct warden_error error;

	if (size < DAMAGES * 3 ||
	    !compile(data + DAMAGES * 3, size - DAMAGES * 3, &image))
		return;
	while (input.size > 0) {
		size_t where = fuzz_take(&input, 2) % image.size;

		((char *)image.data)[where] = (char)fuzz_take(&input, 1);
	}
	if (warden_rules_open(&rules, image.data, image.size, &error))
		ask_all(&rules, false);
	warden_rules_image_free(&image);
}

/* In memory of its own, so that a byte too many is seen. */
static void fuzz_image(const char *data, size_t size)
{
	struct warden_rules rules;
	struct warden_error error = { .text = "" };
	char *image = malloc(size);

	if (size == 0 || image == NULL) {
		free(image);
		return;
	}
	memcpy(image, data, size);
	if (warden_rules_open(&rules, image, size, &error))
		ask_all(&rules, false);
	else
		FUZZ_CHECK(error.text[0] != '\0');
	free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size == 0 ? NULL : memchr(text, '\n', size);
	size_t kind;

	if (end == NULL)
		return 0;
	kind = (size_t)(end - text);
	size -= kind + 1;
	if (kind == 5 && memcmp(text, "files", kind) == 0)
		fuzz_files(end + 1, size);
	else if (kind == 6 && memcmp(text, "damage", kind) == 0)
		fuzz_damage(end + 1, size);
	else if (kind == 5 && memcmp(text, "image", kind) == 0)
		fuzz_image(end + 1, size);
	return 0;
}
