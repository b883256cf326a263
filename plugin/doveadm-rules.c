/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "doveadm-rules.h"
#include "array.h"

#include <stdlib.h>

#define TEXT_SHOWN 60

ARRAY_DEFINE_TYPE(doveadm_rules_allowing, struct warden_rules_allowing);

bool doveadm_rules_compile(const struct warden_settings *set,
			   struct warden_rules_image *image_r,
			   struct warden_rules_notices *notices_r,
			   struct warden_error *error_r)
{
	struct warden_rules_source source = {
		.own_deny_file = set->hosts_deny_file,
	};
	bool success =
		warden_rules_text_read(&source.allow, set->hosts_allow,
				       error_r) &&
		warden_rules_text_read(&source.deny, set->hosts_deny,
				       error_r) &&
		warden_rules_compile(&source, image_r, notices_r, error_r);

	warden_rules_text_free(&source.allow);
	warden_rules_text_free(&source.deny);
	return success;
}

/* The line with this number, counted as an editor does. */
static const char *line_text(const struct warden_rules_text *text,
			     unsigned int number)
{
	const char *p = text->data, *end = p + text->size, *newline;

	while (number > 1 && p < end) {
		newline = memchr(p, '\n', (size_t)(end - p));
		if (newline == NULL)
			return "";
		p = newline + 1;
		number--;
	}
	if (p == NULL || p >= end)
		return "";
	newline = memchr(p, '\n', (size_t)(end - p));
	if (newline != NULL)
		end = newline;
	return end - p <= TEXT_SHOWN ?
		       t_strndup(p, (size_t)(end - p)) :
		       t_strconcat(t_strndup(p, TEXT_SHOWN), "...", NULL);
}

static int allowing_compare(const struct warden_rules_allowing *a,
			    const struct warden_rules_allowing *b)
{
	return a->line < b->line ? -1 : a->line > b->line ? 1 : 0;
}

/* One after the other for each daemon; a line may be there several times. */
static void allowing_collect(const struct warden_rules *rules,
			     ARRAY_TYPE(doveadm_rules_allowing) *found)
{
	struct warden_rules_allowing *list;
	size_t count;

	for (unsigned int i = 0; i < WARDEN_PROTOCOL_COUNT; i++) {
		const char *daemon = warden_protocol_daemon(i);

		if (daemon == NULL)
			continue;
		if (warden_rules_list_allowing(rules, daemon, &list, &count))
			array_append(found, list, count);
		free(list);
	}
	array_sort(found, allowing_compare);
}

unsigned int doveadm_rules_allowing(const struct warden_settings *set,
				    const struct warden_rules *rules,
				    struct doveadm_rules_line *lines_r,
				    unsigned int max,
				    unsigned int *meant_total_r,
				    unsigned int *broad_total_r)
{
	ARRAY_TYPE(doveadm_rules_allowing) found;
	const struct warden_rules_allowing *rules_found;
	struct warden_rules_text text;
	struct warden_error error;
	unsigned int count, last = 0, shown = 0;

	*meant_total_r = *broad_total_r = 0;
	if (!warden_rules_text_read(&text, set->hosts_allow, &error)) {
		warden_rules_text_free(&text);
		return 0;
	}
	t_array_init(&found, 64);
	allowing_collect(rules, &found);
	rules_found = array_get(&found, &count);
	for (unsigned int i = 0; i < count; i++) {
		const struct warden_rules_allowing *rule = &rules_found[i];

		if (rule->line == last)
			continue;
		last = rule->line;
		if (rule->meant)
			++*meant_total_r;
		else
			++*broad_total_r;
		if (shown == max)
			continue;
		lines_r[shown].number = rule->line;
		lines_r[shown].text = line_text(&text, rule->line);
		lines_r[shown].meant = rule->meant;
		shown++;
	}
	warden_rules_text_free(&text);
	return shown;
}
