/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "pam-warden-options.h"

#include <stdio.h>
#include <string.h>

/* Dovecot's own default */
#define BASE_DIR_DEFAULT "/run/dovecot"
#define BASE_DIR_OPTION "base_dir="

static bool set_base_dir(struct pam_warden_options *options,
			 const char *base_dir)
{
	char dir[sizeof(options->dir)];
	int len = snprintf(dir, sizeof(dir), "%s/warden", base_dir);

	if (base_dir[0] != '/' || len < 0 || (size_t)len >= sizeof(dir))
		return false;
	(void)memcpy(options->dir, dir, (size_t)len + 1);
	return true;
}

static bool set_option(struct pam_warden_options *options, const char *word)
{
	const size_t name_len = sizeof(BASE_DIR_OPTION) - 1;

	if (strncmp(word, BASE_DIR_OPTION, name_len) == 0)
		return set_base_dir(options, word + name_len);
	if (strcmp(word, "observe") == 0)
		options->observe = true;
	else if (strcmp(word, "nocount") == 0)
		options->nocount = true;
	else if (strcmp(word, "debug") == 0)
		options->debug = true;
	else
		return false;
	return true;
}

const char *pam_warden_options_parse(struct pam_warden_options *options_r,
				     int argc, const char *const *argv)
{
	const char *unknown = NULL;

	*options_r = (struct pam_warden_options){ .debug = false };
	(void)set_base_dir(options_r, BASE_DIR_DEFAULT);
	for (int i = 0; i < argc; i++) {
		if (!set_option(options_r, argv[i]) && unknown == NULL)
			unknown = argv[i];
	}
	return unknown;
}
