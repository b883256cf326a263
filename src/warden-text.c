/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-text.h"

#include <string.h>

#include "warden-rules.h"

char *warden_text_copy(const char *path)
{
	struct warden_rules_text text;
	struct warden_error error;
	char *copy = NULL;

	if (warden_rules_text_read(&text, path, &error) && text.data != NULL)
		copy = strndup(text.data, text.size);
	warden_rules_text_free(&text);
	return copy;
}

char *warden_text_next_line(char **text_io)
{
	char *line = *text_io;

	if (line == NULL || *line == '\0')
		return NULL;
	*text_io = strchr(line, '\n');
	if (*text_io != NULL)
		*(*text_io)++ = '\0';
	return line;
}
