/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What hosts.allow and hosts.deny do with a host that is in the deny file is
   asked of the rules themselves (warden-rules.h), with an address of the
   documentation's (RFC 5737) in the place of the deny file's name. Two of them,
   should a rule be about one. */

#define _GNU_SOURCE /* memmem() */

#include "warden-coverage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "warden-elf.h"
#include "warden-hosts-deny.h"
#include "warden-rules.h"
#include "warden-text.h"

#define LIBWRAP "libwrap.so."

static const char *const sample_addresses[] = { "192.0.2.1", "203.0.113.254" };
#define SAMPLES 2
#define SAMPLE_TEXT "192.0.2.1 203.0.113.254"

static const char *first_that_is_there(const char *const *paths, int how)
{
	for (; *paths != NULL; paths++) {
		if (access(*paths, how) == 0)
			return *paths;
	}
	return NULL;
}

/* --- The program ---------------------------------------------------------- */

static void look_at_libwrap(struct warden_coverage *coverage,
			    const struct warden_elf *elf)
{
	const char *error;

	switch (warden_elf_needs(elf, LIBWRAP, &error)) {
	case 1:
		coverage->libwrap = WARDEN_COVERAGE_LIBWRAP_THERE;
		break;
	case 0:
		coverage->libwrap = WARDEN_COVERAGE_LIBWRAP_MISSING;
		break;
	default:
		warden_error_set(&coverage->libwrap_error, "%s: %s",
				 coverage->program, error);
		break;
	}
}

/* The one that a program hands its clients to. */
static bool find_session(const struct warden_elf *elf, const char *name,
			 struct warden_coverage *coverage)
{
	char path[PATH_MAX];

	if (name == NULL ||
	    warden_elf_find_path(elf, name, path, sizeof(path)) == NULL ||
	    access(path, X_OK) != 0)
		return false;
	memcpy(coverage->program, path, sizeof(path));
	return true;
}

static void look_at_program(const struct warden_coverage_places *places,
			    struct warden_coverage *coverage)
{
	struct warden_elf elf;
	bool session;

	if (!warden_elf_read(&elf, coverage->program, &coverage->libwrap_error))
		return;
	session = find_session(&elf, places->session_program, coverage);
	if (session) {
		warden_elf_free(&elf);
		if (!warden_elf_read(&elf, coverage->program,
				     &coverage->libwrap_error))
			return;
	}
	look_at_libwrap(coverage, &elf);
	warden_elf_free(&elf);
}

/* --- Its configuration ---------------------------------------------------- */

/* What comes after "name=", or NULL. */
static const char *config_value(const char *line, const char *name)
{
	size_t len = strlen(name);

	return strncmp(line, name, len) == 0 && line[len] == '=' ?
		       line + len + 1 :
		       NULL;
}

static void look_at_config(const struct warden_coverage_places *places,
			   struct warden_coverage *coverage)
{
	const char *path = NULL, *value;
	char *text, *next, *line;

	if (places->configs == NULL)
		return;
	/* by default it does not ask */
	coverage->config_refuses = true;
	path = first_that_is_there(places->configs, F_OK);
	if (path == NULL)
		return;
	(void)snprintf(coverage->config, sizeof(coverage->config), "%s", path);
	text = next = warden_text_copy(path);
	while ((line = warden_text_next_line(&next)) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if ((value = config_value(line, "tcp_wrappers")) != NULL) {
			coverage->config_refuses =
				strcasecmp(value, "YES") != 0 &&
				strcasecmp(value, "TRUE") != 0 &&
				strcmp(value, "1") != 0;
		}
		value = config_value(line, "pam_service_name");
		if (value != NULL && *value != '\0' && *value != '.' &&
		    strpbrk(value, "/ \t") == NULL &&
		    strlen(value) < sizeof(coverage->pam_service))
			(void)snprintf(coverage->pam_service,
				       sizeof(coverage->pam_service), "%s",
				       value);
	}
	free(text);
}

/* --- Rules ---------------------------------------------------------------- */

/* Is it the whole name, and not a part of a longer one? */
static bool name_ends(const char *after, const char *end)
{
	return after == end || strchr(" \t\r\n,:\\", *after) != NULL;
}

/* The sample addresses in the place of each deny_file. false: no memory. */
static bool text_substitute(struct warden_rules_text *text,
			    const char *deny_file)
{
	const size_t len = strlen(deny_file);
	const char *from = text->data, *end;
	char *result = NULL;
	size_t size;
	FILE *file;

	if (from == NULL || len == 0)
		return true;
	end = from + text->size;
	file = open_memstream(&result, &size);
	if (file == NULL)
		return false;
	while (from < end) {
		const char *found =
			memmem(from, (size_t)(end - from), deny_file, len);
		const char *to = found == NULL ? end : found;

		(void)fwrite(from, 1, (size_t)(to - from), file);
		from = to;
		if (found == NULL)
			continue;
		if (name_ends(found + len, end))
			(void)fputs(SAMPLE_TEXT, file);
		else
			(void)fwrite(found, 1, len, file);
		from = found + len;
	}
	if (fclose(file) != 0) {
		free(result);
		return false;
	}
	free((char *)text->data);
	text->data = result;
	text->size = size;
	return true;
}

static void ask_sample(const struct warden_rules *rules, const char *daemon,
		       const char *address,
		       struct warden_rules_answer *answer_r)
{
	struct warden_net client;
	struct warden_rules_question question = {
		.daemon = daemon,
		.client = &client,
		.name_state = WARDEN_RULES_NAME_NOT_ASKED,
	};
	const char *error;

	(void)warden_net_parse(address, &client, &error);
	warden_rules_ask(rules, &question, answer_r);
	if (answer_r->verdict == WARDEN_RULES_NEED_NAME) {
		question.name_state = WARDEN_RULES_NAME_UNKNOWN;
		warden_rules_ask(rules, &question, answer_r);
	}
}

static void ask_rules(const struct warden_rules *rules,
		      const struct warden_coverage_places *places,
		      struct warden_coverage *coverage)
{
	struct warden_rules_answer answer;

	for (size_t i = 0; i < SAMPLES; i++) {
		ask_sample(rules, places->daemon, sample_addresses[i], &answer);
		coverage->rules_line = answer.line;
		coverage->rules_file = answer.file == WARDEN_RULES_FILE_ALLOW ?
					       places->hosts_allow :
					       places->hosts_deny;
		if (answer.verdict == WARDEN_RULES_DENY) {
			coverage->rules = WARDEN_COVERAGE_RULES_REFUSE;
			return;
		}
	}
	coverage->rules = answer.line == 0 ? WARDEN_COVERAGE_RULES_MISSING :
					     WARDEN_COVERAGE_RULES_CANCELLED;
}

static void compile_rules(const struct warden_rules_source *source,
			  const struct warden_coverage_places *places,
			  struct warden_coverage *coverage)
{
	struct warden_rules_image image = { .data = NULL };
	struct warden_rules rules;

	if (warden_rules_compile(source, &image, NULL,
				 &coverage->rules_error) &&
	    warden_rules_open(&rules, image.data, image.size,
			      &coverage->rules_error))
		ask_rules(&rules, places, coverage);
	warden_rules_image_free(&image);
}

static void look_at_rules(const struct warden_coverage_places *places,
			  struct warden_coverage *coverage)
{
	struct warden_rules_source source = { .own_deny_file = NULL };
	struct warden_error *error = &coverage->rules_error;

	if (!warden_rules_text_read(&source.allow, places->hosts_allow,
				    error) ||
	    !warden_rules_text_read(&source.deny, places->hosts_deny, error)) {
		/* said */
	} else if (!text_substitute(&source.allow, places->deny_file) ||
		   !text_substitute(&source.deny, places->deny_file)) {
		warden_error_set(error, "out of memory");
	} else {
		compile_rules(&source, places, coverage);
	}
	warden_rules_text_free(&source.allow);
	warden_rules_text_free(&source.deny);
}

void warden_coverage_look(const struct warden_coverage_places *places,
			  struct warden_coverage *coverage_r)
{
	const char *program = first_that_is_there(places->programs, X_OK);

	memset(coverage_r, 0, sizeof(*coverage_r));
	(void)snprintf(coverage_r->pam_service, sizeof(coverage_r->pam_service),
		       "%s", places->pam_service);
	if (program == NULL)
		return;
	(void)snprintf(coverage_r->program, sizeof(coverage_r->program), "%s",
		       program);
	look_at_program(places, coverage_r);
	look_at_config(places, coverage_r);
	coverage_r->sshd.pam = WARDEN_SSHD_PAM_UNKNOWN;
	if (places->sshd_config != NULL) {
		warden_sshd_config_read(places->sshd_config, &coverage_r->sshd);
	}
	warden_pam_stack_look(&places->pam, coverage_r->pam_service,
			      &coverage_r->pam);
	look_at_rules(places, coverage_r);
}

bool warden_coverage_by_libwrap(const struct warden_coverage *coverage)
{
	return coverage->libwrap == WARDEN_COVERAGE_LIBWRAP_THERE &&
	       !coverage->config_refuses &&
	       coverage->rules == WARDEN_COVERAGE_RULES_REFUSE;
}

bool warden_coverage_by_pam(const struct warden_coverage *coverage)
{
	return coverage->pam.fault == WARDEN_PAM_OK &&
	       coverage->sshd.pam != WARDEN_SSHD_PAM_NO;
}
