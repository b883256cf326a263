/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* For `status`: what stands in /etc/pam.d, and whether PAM does it. */

#include "doveadm-warden.h"
#include "doveadm-pam.h"
#include "doveadm-setup-pam.h"
#include "warden-config.h"

#include <unistd.h>

#define MODULE "pam_warden.so"
#define MODULE_PACKAGE \
	"the package with " MODULE " (libpam-warden, dovecot-warden-pam)"

/* PAM looks for a bare name in the directory of its own modules, and nothing
   tells which that is but that they are there. */
static bool pam_looks_in(const char *dir)
{
	return access(t_strconcat(dir, "/pam_deny.so", NULL), F_OK) == 0;
}

void doveadm_pam_places(struct warden_pam_places *places_r)
{
	static const char *const usual[] = {
		WARDEN_PAM_DIR,	     "/usr/lib64/security", "/lib64/security",
		"/usr/lib/security", "/lib/security",
	};
	static const char *dirs[N_ELEMENTS(usual) + 1];
	unsigned int count = 0;

	for (unsigned int i = 0; i < N_ELEMENTS(usual); i++) {
		if (pam_looks_in(usual[i]))
			dirs[count++] = usual[i];
	}
	/* not to be found: it is as it was when this was built */
	if (count == 0)
		dirs[count++] = WARDEN_PAM_DIR;
	dirs[count] = NULL;
	places_r->dir = DOVEADM_SETUP_PAM_DIR;
	places_r->module_dirs = dirs;
}

static const char *spot(const struct warden_pam_spot *spot)
{
	return t_strdup_printf("line %u of %s", spot->line, spot->file);
}

/* --- What is wrong -------------------------------------------------------- */

static const char *no_module_problem(const struct warden_pam_line *line)
{
	struct warden_pam_places places;

	if (line->name[0] == '/') {
		return t_strdup_printf("%s names %s, which is not there",
				       spot(&line->spot), line->name);
	}
	doveadm_pam_places(&places);
	return t_strdup_printf("%s names " MODULE ", which is not in %s, where "
			       "PAM looks for it",
			       spot(&line->spot), places.module_dirs[0]);
}

static const char *other_layout_problem(const struct warden_pam_line *line)
{
	return t_strdup_printf("%s is of another version than Dovecot's part, "
			       "and cannot read what that has counted",
			       line->module);
}

const char *doveadm_pam_problem(const struct warden_pam_stack *stack,
				const char *service)
{
	const struct warden_pam_line *line = stack->faulty;
	const char *kind = line == &stack->auth ? "auth" : "account";

	switch (stack->fault) {
	case WARDEN_PAM_OK:
		break;
	case WARDEN_PAM_NO_LINES:
		return t_strdup_printf(
			DOVEADM_SETUP_PAM_DIR "/%s has no " MODULE, service);
	case WARDEN_PAM_NO_AUTH:
	case WARDEN_PAM_NO_ACCOUNT:
		return t_strdup_printf("%s has " MODULE " for %s, but none has "
				       "it for %s",
				       spot(&line->spot), kind,
				       stack->fault == WARDEN_PAM_NO_AUTH ?
					       "auth" :
					       "account");
	case WARDEN_PAM_TWICE:
		return t_strdup_printf("%s and %s both have " MODULE " for %s, "
				       "which counts twice",
				       spot(&line->spot), spot(&line->again),
				       kind);
	case WARDEN_PAM_HIDDEN:
		return t_strdup_printf("%s lets PAM skip " MODULE " in %s",
				       spot(&line->hidden_by),
				       spot(&line->spot));
	case WARDEN_PAM_HARMLESS:
		return t_strdup_printf("with what %s has before " MODULE " PAM "
				       "goes on when that refuses",
				       spot(&line->spot));
	case WARDEN_PAM_NO_MODULE:
		return no_module_problem(line);
	case WARDEN_PAM_OTHER_LAYOUT:
		return other_layout_problem(line);
	}
	return NULL;
}

/* --- What to do ----------------------------------------------------------- */

/* The service whose file this is, or the file that services include. */
static const char *service_of(const struct warden_pam_spot *spot,
			      const char *service)
{
	static const char dir[] = DOVEADM_SETUP_PAM_DIR "/";

	return strncmp(spot->file, dir, strlen(dir)) == 0 ?
		       spot->file + strlen(dir) :
		       service;
}

static const char *setup_command(const char *service)
{
	return t_strdup_printf("doveadm warden setup --pam %s --apply",
			       service);
}

/* Without the lines that are there, and then as they should be. */
static const char *anew_command(const struct warden_pam_line *line,
				const char *service)
{
	const char *again = "";

	if (line->again.line != 0 &&
	    strcmp(line->again.file, line->spot.file) != 0)
		again = t_strconcat(" ", line->again.file, NULL);
	return t_strdup_printf("sed -i '/pam_warden\\.so/d; "
			       "/^# dovecot-warden:/d' %s%s && %s",
			       line->spot.file, again, setup_command(service));
}

static const char *no_module_command(const struct warden_pam_line *line,
				     const char *service)
{
	struct warden_pam_places places;
	char path[PATH_MAX];

	doveadm_pam_places(&places);
	if (warden_pam_find_module(&places, MODULE, path))
		return anew_command(line, service_of(&line->spot, service));
	/* --with-pamdir: PAM takes it from there only by its whole name */
	if (access(WARDEN_PAM_DIR "/" MODULE, R_OK) == 0) {
		return t_strdup_printf("ln -s " WARDEN_PAM_DIR "/" MODULE
				       " %s/",
				       places.module_dirs[0]);
	}
	return "install " MODULE_PACKAGE;
}

static const char *no_lines_command(const char *service)
{
	struct warden_pam_places places;
	char path[PATH_MAX];

	doveadm_pam_places(&places);
	if (!warden_pam_find_module(&places, MODULE, path))
		return "install " MODULE_PACKAGE;
	return setup_command(service);
}

const char *doveadm_pam_command(const struct warden_pam_stack *stack,
				const char *service)
{
	const struct warden_pam_line *line = stack->faulty;

	switch (stack->fault) {
	case WARDEN_PAM_OK:
		break;
	case WARDEN_PAM_NO_LINES:
		return no_lines_command(service);
	case WARDEN_PAM_NO_AUTH:
	case WARDEN_PAM_NO_ACCOUNT:
	case WARDEN_PAM_HARMLESS:
		return anew_command(line, service_of(&line->spot, service));
	case WARDEN_PAM_TWICE:
	case WARDEN_PAM_HIDDEN:
		return anew_command(line, service);
	case WARDEN_PAM_NO_MODULE:
		return no_module_command(line, service);
	case WARDEN_PAM_OTHER_LAYOUT:
		return "upgrade " MODULE_PACKAGE;
	}
	return NULL;
}
