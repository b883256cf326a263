/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-sshd-config.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "warden-text.h"

#define BLANKS " \t\r"

/* One of them is being read. */
struct reader {
	const char *dir; /* of the first file; relative patterns are in there */
	struct warden_sshd_config *config;
	unsigned int files; /* that may still be read */
};

/* The next word of the line, in place, without quotes; NULL: no more. Between
   the first two there may be a =. */
static char *next_word(char **line_io, bool first)
{
	char *word = *line_io + strspn(*line_io, BLANKS), *end;

	if (*word == '\0' || *word == '#')
		return NULL;
	if (*word == '"') {
		end = strchr(++word, '"');
		if (end == NULL)
			return NULL;
		*end++ = '\0';
		*line_io = end;
		return word;
	}
	end = word + strcspn(word, first ? BLANKS "=" : BLANKS);
	*line_io = end;
	if (first) {
		*line_io += strspn(*line_io, BLANKS);
		if (**line_io == '=')
			++*line_io;
	}
	if (*line_io == end && *end != '\0')
		++*line_io;
	*end = '\0';
	return word;
}

static void read_file(struct reader *reader, const char *path,
		      unsigned int depth);

static void read_pattern(struct reader *reader, const char *pattern,
			 unsigned int depth)
{
	char path[PATH_MAX];
	glob_t found;

	if (snprintf(path, sizeof(path), "%s%s%s",
		     *pattern == '/' ? "" : reader->dir,
		     *pattern == '/' ? "" : "/", pattern) >= (int)sizeof(path))
		return;
	if (glob(path, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		read_file(reader, found.gl_pathv[i], depth + 1);
	globfree(&found);
}

/* false: the rest of the file is for some clients only. */
static bool read_line(struct reader *reader, const char *path, uint32_t number,
		      char *line, unsigned int depth)
{
	struct warden_sshd_config *config = reader->config;
	char *keyword = next_word(&line, true), *word;

	if (keyword == NULL)
		return true;
	if (strcasecmp(keyword, "Match") == 0)
		return false;
	if (strcasecmp(keyword, "Include") == 0) {
		while ((word = next_word(&line, false)) != NULL)
			read_pattern(reader, word, depth);
	} else if (strcasecmp(keyword, "UsePAM") == 0 && config->line == 0) {
		word = next_word(&line, false);
		config->pam = word != NULL && strcasecmp(word, "yes") == 0 ?
				      WARDEN_SSHD_PAM_YES :
				      WARDEN_SSHD_PAM_NO;
		config->line = number;
		(void)snprintf(config->file, sizeof(config->file), "%s", path);
	}
	return true;
}

static void read_file(struct reader *reader, const char *path,
		      unsigned int depth)
{
	char *text, *next, *line;
	uint32_t number = 0;

	if (depth > WARDEN_SSHD_CONFIG_DEPTH_MAX || reader->files == 0 ||
	    reader->config->line != 0)
		return;
	reader->files--;
	text = next = warden_text_copy(path);
	while (reader->config->line == 0 &&
	       (line = warden_text_next_line(&next)) != NULL) {
		if (!read_line(reader, path, ++number, line, depth))
			break;
	}
	free(text);
}

void warden_sshd_config_read(const char *path,
			     struct warden_sshd_config *config_r)
{
	struct reader reader = { .config = config_r,
				 .files = WARDEN_SSHD_CONFIG_FILES_MAX };
	char dir[PATH_MAX], *slash, *text = warden_text_copy(path);

	memset(config_r, 0, sizeof(*config_r));
	if (text == NULL)
		return;
	free(text);
	config_r->pam = WARDEN_SSHD_PAM_NO;
	(void)snprintf(config_r->file, sizeof(config_r->file), "%s", path);
	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		*slash = '\0';
	reader.dir = dir;
	read_file(&reader, path, 0);
}
