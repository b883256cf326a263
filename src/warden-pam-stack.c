/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A line of ours that PAM never comes to guards nobody, and nothing says so:
   behind "sufficient pam_unix.so" it is skipped by whoever knows a password,
   with "optional" its refusal is heard by nobody, and a module that is not
   where PAM looks is passed over, as its own line asks for. */

#include "warden-pam-stack.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-elf.h"
#include "warden-layout.h"
#include "warden-rules.h"

#define MODULE "pam_warden.so"
#define BLANKS " \t\r\n"
/* as PAM has it */
#define INCLUDES_MAX 32
#define LINES_MAX 4096 /* of all files together: includes may multiply */

/* --- One line ------------------------------------------------------------- */

/* A line that may go on in the next ones. */
struct text_line {
	char *text; /* without what is behind # */
	unsigned int number;
};

/* In place. false: no more. */
static bool next_line(char **text_io, unsigned int *number_io,
		      struct text_line *line_r)
{
	char *start = *text_io, *end = start;
	unsigned int first = *number_io + 1;

	if (start == NULL || *start == '\0')
		return false;
	while ((end = strchr(end, '\n')) != NULL) {
		++*number_io;
		if (end == start || end[-1] != '\\')
			break;
		end[-1] = end[0] = ' ';
	}
	*text_io = end == NULL ? NULL : end + 1;
	if (end != NULL)
		*end = '\0';
	start[strcspn(start, "#")] = '\0';
	line_r->text = start;
	line_r->number = first;
	return true;
}

/* The next word, or what stands in [ ] without them; "" at the end. */
static char *next_word(char **text_io)
{
	char *word = *text_io + strspn(*text_io, BLANKS);
	const bool brackets = *word == '[';
	char *end;

	if (brackets)
		word++;
	end = word + strcspn(word, brackets ? "]" : BLANKS);
	*text_io = end;
	if (*end != '\0')
		*(*text_io)++ = '\0';
	return word;
}

/* --- Controls ------------------------------------------------------------- */

#define JUMP_NONE 0

/* What a module's answer may lead to. */
struct control {
	bool ends_well, ends_badly; /* PAM asks nobody after it */
	unsigned int jump;	    /* it asks some of them only */
	/* what becomes of the answers that our module gives */
	bool max_tries_stands, perm_denied_stands;
};

static bool is_failure(const char *action)
{
	return strcmp(action, "die") == 0 || strcmp(action, "bad") == 0;
}

static void control_add_action(struct control *control, const char *action)
{
	unsigned long jump = strtoul(action, NULL, 10);

	if (strcmp(action, "done") == 0)
		control->ends_well = true;
	else if (strcmp(action, "die") == 0)
		control->ends_badly = true;
	else if (jump > control->jump)
		control->jump =
			jump > LINES_MAX ? LINES_MAX : (unsigned int)jump;
}

/* "success=1 default=ignore" */
static void control_parse_pairs(char *pairs, struct control *control_r)
{
	const char *max_tries = NULL, *perm_denied = NULL, *others = "bad";
	char *save = NULL;

	for (char *pair = strtok_r(pairs, BLANKS, &save); pair != NULL;
	     pair = strtok_r(NULL, BLANKS, &save)) {
		char *action = strchr(pair, '=');

		if (action == NULL)
			continue;
		*action++ = '\0';
		control_add_action(control_r, action);
		if (strcasecmp(pair, "maxtries") == 0)
			max_tries = action;
		else if (strcasecmp(pair, "perm_denied") == 0)
			perm_denied = action;
		else if (strcasecmp(pair, "default") == 0)
			others = action;
	}
	control_r->max_tries_stands =
		is_failure(max_tries != NULL ? max_tries : others);
	control_r->perm_denied_stands =
		is_failure(perm_denied != NULL ? perm_denied : others);
}

static void control_parse(char *text, bool brackets, struct control *control_r)
{
	const bool required = strcasecmp(text, "required") == 0;
	const bool requisite = strcasecmp(text, "requisite") == 0;

	memset(control_r, 0, sizeof(*control_r));
	if (brackets) {
		control_parse_pairs(text, control_r);
		return;
	}
	control_r->ends_well = strcasecmp(text, "sufficient") == 0;
	control_r->ends_badly = requisite;
	control_r->max_tries_stands = control_r->perm_denied_stands =
		required || requisite;
}

/* --- A stack -------------------------------------------------------------- */

#define NAMES_MAX 64
struct pam_names {
	char list[NAMES_MAX][WARDEN_PAM_NAME_STRLEN];
	size_t count;
};

static bool names_have(const struct pam_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], name) == 0)
			return true;
	}
	return false;
}

/* Through the lines of one kind, in the order in which PAM has them. */
struct scan {
	const struct warden_pam_places *places;
	const char *kind;
	bool is_auth;
	struct pam_names *parts; /* that are included; NULL: not wanted */
	struct warden_pam_line *found;
	unsigned int lines; /* that were read */
	unsigned int index; /* of the next module, from 1 */
	struct warden_pam_spot ender, jumper;
	unsigned int jumps_to; /* the last that a line before may skip */
};

static void scan_file(struct scan *scan, const char *name, unsigned int depth,
		      bool is_substack);

static void scan_include(struct scan *scan, const char *name,
			 unsigned int depth, bool is_substack)
{
	struct pam_names *parts = scan->parts;

	if (parts != NULL && parts->count < NAMES_MAX &&
	    strlen(name) < WARDEN_PAM_NAME_STRLEN && !names_have(parts, name))
		(void)stpcpy(parts->list[parts->count++], name);
	scan_file(scan, name, depth, is_substack);
}

static char *file_text(const struct warden_pam_places *places, const char *name,
		       char path_r[PATH_MAX])
{
	struct warden_rules_text text;
	struct warden_error error;
	char *copy = NULL;

	(void)snprintf(path_r, PATH_MAX, "%s%s%s",
		       *name == '/' ? "" : places->dir, *name == '/' ? "" : "/",
		       name);
	if (warden_rules_text_read(&text, path_r, &error) && text.data != NULL)
		copy = strndup(text.data, text.size);
	warden_rules_text_free(&text);
	return copy;
}

static void spot_set(struct warden_pam_spot *spot, const char *file,
		     unsigned int line)
{
	if (spot->line != 0)
		return;
	(void)snprintf(spot->file, sizeof(spot->file), "%s", file);
	spot->line = line;
}

bool warden_pam_find_module(const struct warden_pam_places *places,
			    const char *name, char *path_r)
{
	const char *const *dir = places->module_dirs;
	int len;

	if (*name == '/') {
		len = snprintf(path_r, PATH_MAX, "%s", name);
		if (len < PATH_MAX && access(path_r, R_OK) == 0)
			return true;
	}
	for (; *name != '/' && *dir != NULL; dir++) {
		len = snprintf(path_r, PATH_MAX, "%s/%s", *dir, name);
		if (len < PATH_MAX && access(path_r, R_OK) == 0)
			return true;
	}
	path_r[0] = '\0';
	return false;
}

static void scan_ours(struct scan *scan, const char *path, unsigned int number,
		      const char *name, const struct control *control)
{
	struct warden_pam_line *found = scan->found;

	if (found->spot.line != 0) {
		spot_set(&found->again, path, number);
		return;
	}
	spot_set(&found->spot, path, number);
	(void)snprintf(found->name, sizeof(found->name), "%s", name);
	(void)warden_pam_find_module(scan->places, name, found->module);
	found->refuses = scan->is_auth ? control->max_tries_stands :
					 control->perm_denied_stands;
	if (scan->ender.line != 0)
		found->hidden_by = scan->ender;
	else if (scan->jumps_to >= scan->index)
		found->hidden_by = scan->jumper;
}

/* A failure before `account` refuses as well as we do; one before `auth` is
   counted by nobody. */
static void scan_other(struct scan *scan, const char *path, unsigned int number,
		       bool is_substack, const struct control *control)
{
	if (is_substack)
		return;
	if (control->ends_well || (control->ends_badly && scan->is_auth))
		spot_set(&scan->ender, path, number);
	if (control->jump != JUMP_NONE &&
	    scan->index + control->jump > scan->jumps_to) {
		scan->jumps_to = scan->index + control->jump;
		scan->jumper.line = 0;
		spot_set(&scan->jumper, path, number);
	}
}

static void scan_module(struct scan *scan, const char *path,
			unsigned int number, char *rest, bool is_substack,
			const struct control *control)
{
	const char *name = next_word(&rest);
	const char *base = strrchr(name, '/');

	scan->index++;
	if (strcmp(base == NULL ? name : base + 1, MODULE) == 0)
		scan_ours(scan, path, number, name, control);
	else
		scan_other(scan, path, number, is_substack, control);
}

static void scan_line(struct scan *scan, const char *path,
		      const struct text_line *line, unsigned int depth,
		      bool is_substack)
{
	char *rest = line->text, *kind = next_word(&rest), *control;
	struct control parsed;
	bool brackets;

	if (strcasecmp(kind, "@include") == 0) {
		scan_include(scan, next_word(&rest), depth, is_substack);
		return;
	}
	/* a module that is missing is no error */
	if (*kind == '-')
		kind++;
	if (strcasecmp(kind, scan->kind) != 0)
		return;
	brackets = rest[strspn(rest, BLANKS)] == '[';
	control = next_word(&rest);
	if (strcasecmp(control, "include") == 0) {
		scan_include(scan, next_word(&rest), depth, is_substack);
	} else if (strcasecmp(control, "substack") == 0) {
		scan_include(scan, next_word(&rest), depth, true);
	} else {
		control_parse(control, brackets, &parsed);
		scan_module(scan, path, line->number, rest, is_substack,
			    &parsed);
	}
}

static void scan_file(struct scan *scan, const char *name, unsigned int depth,
		      bool is_substack)
{
	char path[PATH_MAX];
	struct text_line line;
	unsigned int number = 0;
	char *text, *next;

	if (*name == '\0' || depth >= INCLUDES_MAX)
		return;
	text = next = file_text(scan->places, name, path);
	while (scan->lines < LINES_MAX && next_line(&next, &number, &line)) {
		scan->lines++;
		scan_line(scan, path, &line, depth + 1, is_substack);
	}
	free(text);
}

/* parts: NULL, or where to note what is included. */
static void scan_kind(const struct warden_pam_places *places,
		      const char *service, const char *kind,
		      struct pam_names *parts, struct warden_pam_line *line_r)
{
	struct scan scan = {
		.places = places,
		.kind = kind,
		.is_auth = strcmp(kind, "auth") == 0,
		.parts = parts,
		.found = line_r,
	};

	scan_file(&scan, service, 0, false);
}

/* --- What is wrong -------------------------------------------------------- */

/* The layout that is written into the module; 0: none. */
static unsigned int module_layout(const char *path)
{
	struct warden_error error;
	struct warden_elf elf;
	unsigned int layout = 0;

	if (!warden_elf_read(&elf, path, &error))
		return 0;
	(void)warden_elf_find_number(&elf, WARDEN_LAYOUT_MARK_NAME, &layout);
	warden_elf_free(&elf);
	return layout;
}

static enum warden_pam_fault line_fault(const struct warden_pam_line *line,
					unsigned int *layout_r)
{
	if (line->again.line != 0)
		return WARDEN_PAM_TWICE;
	if (line->module[0] == '\0')
		return WARDEN_PAM_NO_MODULE;
	*layout_r = module_layout(line->module);
	if (*layout_r != WARDEN_LAYOUT)
		return WARDEN_PAM_OTHER_LAYOUT;
	if (line->hidden_by.line != 0)
		return WARDEN_PAM_HIDDEN;
	return line->refuses ? WARDEN_PAM_OK : WARDEN_PAM_HARMLESS;
}

static void stack_judge(struct warden_pam_stack *stack)
{
	const bool has_auth = stack->auth.spot.line != 0;
	const bool has_account = stack->account.spot.line != 0;

	stack->faulty = has_auth ? &stack->auth : &stack->account;
	if (!has_auth || !has_account) {
		stack->fault = has_auth	   ? WARDEN_PAM_NO_ACCOUNT :
			       has_account ? WARDEN_PAM_NO_AUTH :
					     WARDEN_PAM_NO_LINES;
		return;
	}
	stack->fault = line_fault(&stack->auth, &stack->module_layout);
	if (stack->fault != WARDEN_PAM_OK)
		return;
	stack->faulty = &stack->account;
	stack->fault = line_fault(&stack->account, &stack->module_layout);
}

void warden_pam_stack_look(const struct warden_pam_places *places,
			   const char *service,
			   struct warden_pam_stack *stack_r)
{
	memset(stack_r, 0, sizeof(*stack_r));
	scan_kind(places, service, "auth", NULL, &stack_r->auth);
	scan_kind(places, service, "account", NULL, &stack_r->account);
	stack_judge(stack_r);
}

/* --- Services ------------------------------------------------------------- */

/* sshd.dpkg-old, sshd~ */
static bool is_left_behind(const char *name)
{
	static const char *const ends[] = {
		"~",	     ".bak",	  ".old",      ".orig",
		".save",     ".swp",	  ".rpmnew",   ".rpmsave",
		".rpmorig",  ".dpkg-old", ".dpkg-new", ".dpkg-dist",
		".dpkg-bak", ".dpkg-tmp", ".ucf-dist", ".ucf-old",
		".ucf-new",
	};
	const size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const size_t end = strlen(ends[i]);

		if (len > end && strcmp(name + len - end, ends[i]) == 0)
			return true;
	}
	return false;
}

/* Has it our lines? What it includes is added to parts. */
static bool has_lines(const struct warden_pam_places *places, const char *name,
		      struct pam_names *parts)
{
	struct warden_pam_line auth = { .refuses = false };
	struct warden_pam_line account = { .refuses = false };

	scan_kind(places, name, "auth", parts, &auth);
	scan_kind(places, name, "account", parts, &account);
	return auth.spot.line != 0 || account.spot.line != 0;
}

static void names_drop(char names[][WARDEN_PAM_NAME_STRLEN], size_t *count_io,
		       const struct pam_names *dropped)
{
	size_t count = 0;

	for (size_t i = 0; i < *count_io; i++) {
		if (!names_have(dropped, names[i]))
			memmove(names[count++], names[i], sizeof(names[i]));
	}
	*count_io = count;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t warden_pam_services(const struct warden_pam_places *places,
			   char names_r[][WARDEN_PAM_NAME_STRLEN], size_t room)
{
	DIR *dir = opendir(places->dir);
	struct pam_names parts = { .count = 0 };
	struct dirent *entry;
	size_t count = 0;

	if (dir == NULL)
		return 0;
	while (count < room && (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (*name != '.' && strlen(name) < WARDEN_PAM_NAME_STRLEN &&
		    !is_left_behind(name) && has_lines(places, name, &parts))
			(void)stpcpy(names_r[count++], name);
	}
	(void)closedir(dir);
	names_drop(names_r, &count, &parts);
	qsort(names_r, count, WARDEN_PAM_NAME_STRLEN, name_compare);
	return count;
}
