/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* /etc/hosts.deny belongs to the admin, and a mistake in it shuts everybody
   out of sshd. So the file is read with libwrap's own rules: backslash-newline
   joins lines, also comments; a comment has its # in the first column; a line
   that is joined has at most 2047 bytes with its newline; the first rule that
   matches decides. What libwrap could not read is not touched, and of what it
   can read only bytes that are ours are changed. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-hosts-deny.h"
#include "warden-replace-file.h"

/* libwrap's buffer for a joined line, with newline and NUL */
#define LINE_ROOM 2048
#define DAEMONS_ROOM 1024
/* more is no file that people keep */
#define FILE_MAX (64u * 1024 * 1024)

#define DAEMON_SEPARATORS ", \t"
#define LIST_SEPARATORS ", \t\r\n"
#define BLANKS " \t\r\n"

/* Above the rule. The second one tells remove that the file was not there
   before, and so may go again when nothing else is left: then it is as it was,
   while an empty file that somebody made stays. */
#define COMMENT "# dovecot-warden: refuses the hosts in %s " \
	"(doveadm warden setup)\n"
#define COMMENT_MADE_FILE "# dovecot-warden: refuses the hosts in %s " \
	"(doveadm warden setup, made this file)\n"

/* --- The file ------------------------------------------------------------ */

struct text {
	char *data;
	size_t size;
	bool exists;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

static void text_free(struct text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

static bool text_append(struct text *text, const char *data, size_t size)
{
	char *grown;

	if (size == 0)
		return true;
	grown = realloc(text->data, text->size + size);
	if (grown == NULL)
		return false;
	memcpy(grown + text->size, data, size);
	text->data = grown;
	text->size += size;
	return true;
}

static bool text_equals(const struct text *a, const struct text *b)
{
	return a->exists == b->exists && a->size == b->size &&
		(a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool read_all(int fd, struct text *text_r)
{
	char block[16384];
	ssize_t ret;

	for (;;) {
		ret = read(fd, block, sizeof(block));
		if (ret == 0)
			return true;
		if (ret < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (text_r->size + (size_t)ret > FILE_MAX) {
			errno = EFBIG;
			return false;
		}
		if (!text_append(text_r, block, (size_t)ret))
			return false;
	}
}

static bool text_read_fd(int fd, struct text *text_r)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return false;
	}
	text_r->exists = true;
	text_r->mode = st.st_mode & 07777;
	text_r->uid = st.st_uid;
	text_r->gid = st.st_gid;
	return read_all(fd, text_r);
}

/* A missing file is an empty text. The caller frees it after success. */
static bool text_read(const char *path, struct text *text_r,
		      struct warden_error *error_r)
{
	bool success;
	int fd;

	memset(text_r, 0, sizeof(*text_r));
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return true;
	success = fd != -1 && text_read_fd(fd, text_r);
	if (!success) {
		warden_error_set(error_r, "%s cannot be read: %s", path,
				 strerror(errno));
		text_free(text_r);
	}
	if (fd != -1)
		(void)close(fd);
	return success;
}

/* --- Lines --------------------------------------------------------------- */

/* One line as libwrap sees it. */
struct line {
	size_t from, to;     /* its bytes in the file */
	unsigned int number; /* of its first line, as an editor counts */
	char joined[LINE_ROOM];
};

struct lines {
	const char *path;
	const struct text *text;
	size_t pos;
	unsigned int number;
};

static int line_error(const struct lines *lines, unsigned int number,
		      const char *what, struct warden_error *error_r)
{
	warden_error_set(error_r, "%s:%u: %s", lines->path, number, what);
	return -1;
}

/* 1: the line goes on; 0: it is whole; -1: error */
static int join_piece(struct lines *lines, struct line *line, size_t *len,
		      struct warden_error *error_r)
{
	const char *piece = lines->text->data + lines->pos;
	const char *newline;
	size_t size = lines->text->size - lines->pos;

	lines->number++;
	newline = size == 0 ? NULL : memchr(piece, '\n', size);
	if (newline == NULL)
		return line_error(lines, line->number, "the last line does "
			"not end, libwrap refuses everybody when it reads "
			"this", error_r);
	size = (size_t)(newline - piece) + 1;
	if (memchr(piece, '\0', size) != NULL)
		return line_error(lines, lines->number,
				  "there is a NUL byte in the line", error_r);
	if (*len + size >= LINE_ROOM)
		return line_error(lines, line->number, "the line is longer "
			"than 2047 bytes, libwrap refuses everybody when it "
			"reads this", error_r);
	memcpy(line->joined + *len, piece, size);
	lines->pos += size;
	*len += size;
	if (size >= 2 && piece[size - 2] == '\\') {
		*len -= 2;
		return 1;
	}
	return 0;
}

/* 1: *line_r; 0: the end; -1: libwrap could not read on */
static int next_line(struct lines *lines, struct line *line_r,
		     struct warden_error *error_r)
{
	size_t len = 0;
	int ret;

	if (lines->pos == lines->text->size)
		return 0;
	line_r->from = lines->pos;
	line_r->number = lines->number + 1;
	while ((ret = join_piece(lines, line_r, &len, error_r)) > 0)
		;
	if (ret < 0)
		return -1;
	line_r->joined[len] = '\0';
	line_r->to = lines->pos;
	return 1;
}

/* Where the byte of the joined line is in the file. */
static size_t line_offset(const struct text *text, const struct line *line,
			  size_t joined_offset)
{
	size_t pos = line->from;

	for (;;) {
		while (text->data[pos] == '\\' && text->data[pos + 1] == '\n')
			pos += 2;
		if (joined_offset-- == 0)
			return pos;
		pos++;
	}
}

static bool line_is_comment(const struct text *text, const struct line *line,
			    const char *comment)
{
	size_t size = line->to - line->from;

	return size == strlen(comment) &&
		memcmp(text->data + line->from, comment, size) == 0;
}

/* --- Rules --------------------------------------------------------------- */

/* A line that has our file among its clients. */
struct rule {
	size_t colon; /* offset in the joined line: the end of the daemons */
	bool alone;   /* our file is all there is: no other client, no option */
	bool allows;  /* its option lets the clients in */
	char daemons[DAEMONS_ROOM];
};

/* The next colon that is not inside of an [IPv6 address]. */
static char *find_colon(char *str)
{
	char *close;

	for (; *str != '\0' && *str != ':'; str++) {
		if (*str == '[' && (close = strchr(str, ']')) != NULL)
			str = close;
	}
	return *str == ':' ? str : NULL;
}

/* The words of a list, with one blank between. false: they do not fit. */
static bool tidy_list(const char *list, const char *separators, char *buf,
		      size_t size)
{
	size_t len, used = 0;

	buf[0] = '\0';
	for (;;) {
		list += strspn(list, separators);
		len = strcspn(list, separators);
		if (len == 0)
			return true;
		if (used + len + 2 > size)
			return false;
		if (used > 0)
			buf[used++] = ' ';
		memcpy(buf + used, list, len);
		used += len;
		buf[used] = '\0';
		list += len;
	}
}

/* What comes after EXCEPT is not refused by the rule. */
static bool clients_have(char *clients, const char *deny_file, bool *alone_r)
{
	char *word, *rest = clients;
	unsigned int words = 0;
	bool excepted = false, found = false;

	while ((word = strsep(&rest, LIST_SEPARATORS)) != NULL) {
		if (*word == '\0')
			continue;
		words++;
		if (strcasecmp(word, "EXCEPT") == 0)
			excepted = true;
		else if (!excepted && strcmp(word, deny_file) == 0)
			found = true;
	}
	*alone_r = words == 1;
	return found;
}

static bool options_allow(char *options)
{
	char *option;

	while ((option = strsep(&options, ":")) != NULL) {
		option += strspn(option, BLANKS);
		option[strcspn(option, BLANKS)] = '\0';
		if (strcasecmp(option, "allow") == 0)
			return true;
	}
	return false;
}

/* Is this line a rule with our file? */
static bool rule_parse(const struct line *line, const char *deny_file,
		       struct rule *rule_r)
{
	char copy[LINE_ROOM], *clients, *options;

	memset(rule_r, 0, sizeof(*rule_r));
	memcpy(copy, line->joined, strlen(line->joined) + 1);
	if (copy[0] == '#' || (clients = find_colon(copy)) == NULL)
		return false;
	rule_r->colon = (size_t)(clients - copy);
	*clients++ = '\0';
	options = find_colon(clients);
	if (options != NULL)
		*options++ = '\0';

	if (!clients_have(clients, deny_file, &rule_r->alone))
		return false;
	if (options != NULL) {
		rule_r->alone = false;
		rule_r->allows = options_allow(options);
	}
	/* too long: cut, no list that add takes is as long */
	(void)tidy_list(copy, LIST_SEPARATORS, rule_r->daemons,
			sizeof(rule_r->daemons));
	return true;
}

/* --- Arguments ----------------------------------------------------------- */

static bool check_deny_file(const char *deny_file,
			    struct warden_error *error_r)
{
	const char *p;

	/* what libwrap takes for something else than a part of a file name */
	for (p = deny_file; *p != '\0'; p++) {
		if (!isgraph((unsigned char)*p) ||
		    strchr(",:@#[]\\*?\"", *p) != NULL)
			break;
	}
	if (deny_file[0] != '/' || *p != '\0') {
		warden_error_set(error_r, "'%s' cannot be named in hosts.deny: "
			"not an absolute path, or with characters that mean "
			"something else there", deny_file);
		return false;
	}
	if (strlen(deny_file) >= LINE_ROOM - DAEMONS_ROOM - 128) {
		warden_error_set(error_r, "the name of the deny file is too "
				 "long for hosts.deny");
		return false;
	}
	return true;
}

static bool daemon_is_sane(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)word[i]) &&
		    strchr("-_.@", word[i]) == NULL)
			return false;
	}
	return word[0] != '@' && word[len - 1] != '@';
}

static bool daemons_are_sane(const char *tidy)
{
	const char *word = tidy;
	bool except_allowed = false;
	size_t len;

	for (;;) {
		len = strcspn(word, " ");
		if (len == 0 || !daemon_is_sane(word, len))
			return false;
		if (len == 6 && strncasecmp(word, "EXCEPT", len) == 0) {
			if (!except_allowed || word[len] == '\0')
				return false;
			except_allowed = false;
		} else {
			except_allowed = true;
		}
		if (word[len] == '\0')
			return true;
		word += len + 1;
	}
}

static bool check_daemons(const char *daemons, char *tidy, size_t size,
			  struct warden_error *error_r)
{
	if (!tidy_list(daemons, DAEMON_SEPARATORS, tidy, size)) {
		warden_error_set(error_r, "the list of daemons is too long");
		return false;
	}
	if (!daemons_are_sane(tidy)) {
		warden_error_set(error_r, "'%s' is no list of daemons: names "
			"like sshd and vsftpd, or ALL, with blanks or commas "
			"between them", daemons);
		return false;
	}
	return true;
}

/* --- find ---------------------------------------------------------------- */

/* The first rule that refuses by our file, among lines that libwrap can all
   read. 1, 0, -1 */
static int find_rule(const char *path, const struct text *text,
		     const char *deny_file, struct rule *rule_r,
		     struct warden_error *error_r)
{
	struct lines lines = { .path = path, .text = text };
	struct line line;
	struct rule rule;
	int ret, found = 0;

	while ((ret = next_line(&lines, &line, error_r)) > 0) {
		if (found == 0 && rule_parse(&line, deny_file, &rule) &&
		    !rule.allows) {
			*rule_r = rule;
			found = 1;
		}
	}
	return ret < 0 ? -1 : found;
}

int warden_hosts_deny_find(const char *path, const char *deny_file,
			   char *daemons_r, size_t size,
			   struct warden_error *error_r)
{
	struct text text;
	struct rule rule;
	int ret;

	if (!text_read(path, &text, error_r))
		return -1;
	ret = find_rule(path, &text, deny_file, &rule, error_r);
	if (ret > 0 && daemons_r != NULL && size > 0)
		(void)snprintf(daemons_r, size, "%s", rule.daemons);
	text_free(&text);
	return ret;
}

/* --- Changes ------------------------------------------------------------- */

/* What a change is about, and the new text that it makes. */
struct change {
	char path[PATH_MAX]; /* where a symbolic link leads */
	const char *deny_file;
	const char *daemons; /* add only */
	struct text old, new;
	bool unlink; /* instead of writing `new` */
	struct warden_error *error_r;

	char comment[LINE_ROOM], comment_made_file[LINE_ROOM];
};

static enum warden_hosts_deny_result no_memory(struct change *change)
{
	warden_error_set(change->error_r, "%s was not changed: no memory",
			 change->path);
	return WARDEN_HOSTS_DENY_ERROR;
}

/* Copy old bytes, also none. */
static bool keep(struct change *change, size_t from, size_t to)
{
	return from == to ||
		text_append(&change->new, change->old.data + from, to - from);
}

static bool put(struct change *change, const char *str)
{
	return text_append(&change->new, str, strlen(str));
}

static enum warden_hosts_deny_result append_rule(struct change *change)
{
	if (!keep(change, 0, change->old.size) ||
	    !put(change, change->old.exists ? change->comment :
		 change->comment_made_file) ||
	    !put(change, change->daemons) || !put(change, ": ") ||
	    !put(change, change->deny_file) || !put(change, "\n"))
		return no_memory(change);
	return WARDEN_HOSTS_DENY_CHANGED;
}

static enum warden_hosts_deny_result
change_daemons(struct change *change, const struct line *line,
	       const struct rule *rule)
{
	size_t colon;

	if (strcasecmp(rule->daemons, change->daemons) == 0)
		return WARDEN_HOSTS_DENY_UNCHANGED;
	if (!rule->alone) {
		warden_error_set(change->error_r, "%s:%u: the rule has other "
			"clients or an option as well, change its daemons by "
			"hand", change->path, line->number);
		return WARDEN_HOSTS_DENY_ERROR;
	}
	colon = line_offset(&change->old, line, rule->colon);
	if (!keep(change, 0, line->from) || !put(change, change->daemons) ||
	    !keep(change, colon, change->old.size))
		return no_memory(change);
	return WARDEN_HOSTS_DENY_CHANGED;
}

static enum warden_hosts_deny_result make_add(struct change *change)
{
	struct lines lines = { .path = change->path, .text = &change->old };
	struct line line, found_line;
	struct rule rule, found;
	bool have = false;
	int ret;

	while ((ret = next_line(&lines, &line, change->error_r)) > 0) {
		if (!rule_parse(&line, change->deny_file, &rule))
			continue;
		if (rule.allows || have) {
			warden_error_set(change->error_r, rule.allows ?
				"%s:%u: this rule lets the hosts in %s in, "
				"remove it by hand" :
				"%s:%u: a second rule with %s, remove it by "
				"hand", change->path, line.number,
				change->deny_file);
			return WARDEN_HOSTS_DENY_ERROR;
		}
		have = true;
		found_line = line;
		found = rule;
	}
	if (ret < 0)
		return WARDEN_HOSTS_DENY_ERROR;
	return have ? change_daemons(change, &found_line, &found) :
		append_rule(change);
}

static enum warden_hosts_deny_result make_remove(struct change *change)
{
	struct lines lines = { .path = change->path, .text = &change->old };
	struct line line;
	struct rule rule;
	bool made_file = false;
	int ret;

	while ((ret = next_line(&lines, &line, change->error_r)) > 0) {
		if (line_is_comment(&change->old, &line, change->comment))
			continue;
		if (line_is_comment(&change->old, &line,
				    change->comment_made_file)) {
			made_file = true;
			continue;
		}
		if (rule_parse(&line, change->deny_file, &rule)) {
			if (rule.alone)
				continue;
			warden_error_set(change->error_r, "%s:%u: the rule "
				"has other clients or an option as well, "
				"remove %s from it by hand", change->path,
				line.number, change->deny_file);
			return WARDEN_HOSTS_DENY_ERROR;
		}
		if (!keep(change, line.from, line.to))
			return no_memory(change);
	}
	if (ret < 0)
		return WARDEN_HOSTS_DENY_ERROR;
	change->unlink = made_file && change->new.size == 0;
	return change->new.size == change->old.size ?
		WARDEN_HOSTS_DENY_UNCHANGED : WARDEN_HOSTS_DENY_CHANGED;
}

/* Read the new text as libwrap will, before it does: a rule that was full of
   blanks may have become too long. */
static bool change_check(struct change *change)
{
	struct rule rule;
	int ret;

	ret = find_rule(change->path, &change->new, change->deny_file, &rule,
			change->error_r);
	if (ret < 0)
		return false;
	if (ret == (change->daemons != NULL ? 1 : 0))
		return true;
	warden_error_set(change->error_r, "%s: the change would not do what "
			 "it should, make it by hand", change->path);
	return false;
}

static bool put_in_place(struct change *change,
			 struct warden_replace_file **file)
{
	mode_t mode = 0644;

	if (change->unlink) {
		warden_replace_file_abort(file);
		if (unlink(change->path) == 0)
			return true;
		warden_error_set(change->error_r, "%s cannot be removed: %s",
				 change->path, strerror(errno));
		return false;
	}
	if (change->old.exists) {
		mode = change->old.mode;
		warden_replace_file_set_owner(*file, change->old.uid,
					      change->old.gid);
	}
	warden_replace_file_write(*file, change->new.data, change->new.size);
	return warden_replace_file_commit(file, mode, true, change->error_r);
}

/* Write what was made, unless somebody else wrote in the meantime. The file is
   read again under the lock that every writer of ours holds. */
static bool change_write(struct change *change)
{
	struct warden_replace_file *file;
	struct text again;
	bool same;

	file = warden_replace_file_begin(change->path, change->error_r);
	if (file == NULL)
		return false;
	if (!text_read(change->path, &again, change->error_r)) {
		warden_replace_file_abort(&file);
		return false;
	}
	same = text_equals(&again, &change->old);
	text_free(&again);
	if (!same) {
		warden_error_set(change->error_r, "%s was changed by somebody "
				 "else at the same time, try again",
				 change->path);
		warden_replace_file_abort(&file);
		return false;
	}
	return put_in_place(change, &file);
}

/* A symbolic link stays one: the file that it leads to is changed. */
static bool resolve(const char *path, char *resolved,
		    struct warden_error *error_r)
{
	struct stat st;
	int why;

	if (realpath(path, resolved) != NULL)
		return true;
	why = errno;
	if (why == ENOENT && lstat(path, &st) != 0 && errno == ENOENT &&
	    strlen(path) < PATH_MAX) {
		memcpy(resolved, path, strlen(path) + 1);
		return true;
	}
	warden_error_set(error_r, "%s cannot be changed: %s", path,
			 why == ENOENT ? "it is a symbolic link to nothing" :
			 strerror(why));
	return false;
}

static enum warden_hosts_deny_result
change_file(const char *path, struct change *change,
	    enum warden_hosts_deny_result (*make)(struct change *change))
{
	enum warden_hosts_deny_result result;

	if (!check_deny_file(change->deny_file, change->error_r) ||
	    !resolve(path, change->path, change->error_r))
		return WARDEN_HOSTS_DENY_ERROR;
	(void)snprintf(change->comment, sizeof(change->comment), COMMENT,
		       change->deny_file);
	(void)snprintf(change->comment_made_file,
		       sizeof(change->comment_made_file), COMMENT_MADE_FILE,
		       change->deny_file);
	if (!text_read(change->path, &change->old, change->error_r))
		return WARDEN_HOSTS_DENY_ERROR;
	result = make(change);
	if (result == WARDEN_HOSTS_DENY_CHANGED &&
	    (!change_check(change) || !change_write(change)))
		result = WARDEN_HOSTS_DENY_ERROR;
	text_free(&change->old);
	text_free(&change->new);
	return result;
}

enum warden_hosts_deny_result
warden_hosts_deny_add(const char *path, const char *deny_file,
		      const char *daemons, struct warden_error *error_r)
{
	char tidy[DAEMONS_ROOM];
	struct change change = {
		.deny_file = deny_file,
		.daemons = tidy,
		.error_r = error_r,
	};

	if (!check_daemons(daemons, tidy, sizeof(tidy), error_r))
		return WARDEN_HOSTS_DENY_ERROR;
	return change_file(path, &change, make_add);
}

enum warden_hosts_deny_result
warden_hosts_deny_remove(const char *path, const char *deny_file,
			 struct warden_error *error_r)
{
	struct change change = {
		.deny_file = deny_file,
		.error_r = error_r,
	};

	return change_file(path, &change, make_remove);
}
