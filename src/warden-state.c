/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The state file is written by the warden alone, but read after disks failed,
   admins edited and machines lost power. The reader therefore believes no
   length and no number before it has seen that it fits. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "warden-clock.h"
#include "warden-layout.h"
#include "warden-replace-file.h"
#include "warden-state.h"

#define STATE_HEADER "dovecot-warden state 1"
#define STATE_HEADER_ANY_VERSION "dovecot-warden state "
/* with its newline; the longest that is written has about 200 bytes */
#define STATE_LINE_MAX 512
/* the last second of the year 9999 */
#define STATE_TIME_MAX INT64_C(253402300799)

/* --- Writing ------------------------------------------------------------- */

static bool net_is_sane(const struct warden_net *net)
{
	return (net->family == WARDEN_INET || net->family == WARDEN_INET6) &&
		net->bits <= warden_net_max_bits(net);
}

static void put_number(struct warden_replace_file *file, const char *key,
		       uint64_t value)
{
	char str[64];

	if (value == 0)
		return;
	(void)snprintf(str, sizeof(str), " %s=%"PRIu64, key, value);
	warden_replace_file_puts(file, str);
}

/* What comes from the shared table may be an attacker's. It is cut to what the
   reader takes: a file that cannot be read again would lose everybody's
   state. */
static int64_t time_that_fits(int64_t wall)
{
	if (wall < 0)
		return 0;
	return wall > STATE_TIME_MAX ? STATE_TIME_MAX : wall;
}

static void put_time(struct warden_replace_file *file, const char *key,
		     int64_t wall)
{
	put_number(file, key, (uint64_t)time_that_fits(wall));
}

static void put_blocked_until(struct warden_replace_file *file, int64_t wall)
{
	if (wall == WARDEN_WALL_FOREVER)
		warden_replace_file_puts(file, " block=forever");
	else
		put_time(file, "block", wall);
}

static void put_host(struct warden_replace_file *file,
		     const struct warden_state_entry *entry)
{
	unsigned int offences = entry->offences;

	if (offences > WARDEN_OFFENCES_MAX)
		offences = WARDEN_OFFENCES_MAX;
	put_blocked_until(file, entry->blocked_until);
	put_number(file, "offences", offences);
	if (entry->reason > WARDEN_CLASS_NONE &&
	    entry->reason < WARDEN_CLASS_COUNT) {
		warden_replace_file_puts(file, " reason=");
		warden_replace_file_puts(file,
					 warden_class_name(entry->reason));
	}
	put_number(file, "refused", entry->refused);
	put_time(file, "login", entry->last_login);
	put_number(file, "users", entry->users);
}

static const char *const kind_names[WARDEN_STATE_KINDS] = {
	[WARDEN_STATE_HOST] = "host",
	[WARDEN_STATE_NETWORK] = "network",
	[WARDEN_STATE_KEY] = "key",
	[WARDEN_STATE_HOME] = "home",
};

static bool kind_has_net(unsigned int kind)
{
	return kind == WARDEN_STATE_HOST || kind == WARDEN_STATE_NETWORK;
}

static void put_subject(struct warden_replace_file *file,
			const struct warden_state_entry *entry)
{
	char str[WARDEN_NET_STRLEN];

	if (kind_has_net(entry->kind)) {
		(void)warden_net_format(&entry->net, str);
	} else {
		(void)snprintf(str, sizeof(str), "%016" PRIx64 " %016" PRIx64,
			       entry->hash[0], entry->hash[1]);
	}
	warden_replace_file_puts(file, kind_names[entry->kind]);
	warden_replace_file_puts(file, " ");
	warden_replace_file_puts(file, str);
}

static void put_entry(struct warden_replace_file *file,
		      const struct warden_state_entry *entry)
{
	put_subject(file, entry);
	switch (entry->kind) {
	case WARDEN_STATE_NETWORK:
		put_time(file, "since", entry->since);
		put_blocked_until(file, entry->blocked_until);
		break;
	case WARDEN_STATE_HOME:
		put_time(file, "since", entry->since);
		put_time(file, "login", entry->last_login);
		break;
	case WARDEN_STATE_HOST:
		put_host(file, entry);
		break;
	default:
		break;
	}
	warden_replace_file_puts(file, "\n");
}

static bool entry_is_sane(const struct warden_state_entry *entry)
{
	return entry->kind < WARDEN_STATE_KINDS &&
	       (!kind_has_net(entry->kind) || net_is_sane(&entry->net));
}

static bool check_entries(const char *path,
			  const struct warden_state_entry *entries,
			  size_t count, struct warden_error *error_r)
{
	if (count > WARDEN_STATE_MAX) {
		warden_error_set(error_r, "%s was not written: %zu entries, "
				 "at most %u fit", path, count,
				 (unsigned int)WARDEN_STATE_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!entry_is_sane(&entries[i])) {
			warden_error_set(error_r,
				"%s was not written: entry %zu is no network",
				path, i);
			return false;
		}
	}
	return true;
}

bool warden_state_write(const char *path, int64_t saved,
			const struct warden_state_entry *entries, size_t count,
			struct warden_error *error_r)
{
	struct warden_replace_file *file;
	char line[64];

	if (!check_entries(path, entries, count, error_r))
		return false;
	file = warden_replace_file_begin(path, error_r);
	if (file == NULL)
		return false;
	(void)snprintf(line, sizeof(line), STATE_HEADER "\nsaved %" PRId64 "\n",
		       time_that_fits(saved));
	warden_replace_file_puts(file, line);
	for (size_t i = 0; i < count; i++)
		put_entry(file, &entries[i]);
	(void)snprintf(line, sizeof(line), "end %zu\n", count);
	warden_replace_file_puts(file, line);
	return warden_replace_file_commit(&file, 0600, true, error_r);
}

/* --- Reading ------------------------------------------------------------- */

struct state_reader {
	const char *path;
	int fd;
	unsigned int line; /* the one that was read last; first = 1 */
	struct warden_error *error_r;

	int64_t saved;
	struct warden_state_entry *entries;
	size_t count, room;

	size_t start, used; /* unread bytes are between them */
	char buffer[65536];
};

/* Returns false for the caller to pass on. */
static bool damaged(struct state_reader *reader, const char *what)
{
	warden_error_set(reader->error_r, "%s:%u: %s", reader->path,
			 reader->line, what);
	return false;
}

/* 1: there are more bytes in the buffer now; 0: end of file; -1: error */
static int fill_buffer(struct state_reader *reader)
{
	ssize_t ret;

	memmove(reader->buffer, reader->buffer + reader->start,
		reader->used - reader->start);
	reader->used -= reader->start;
	reader->start = 0;
	do {
		ret = read(reader->fd, reader->buffer + reader->used,
			   sizeof(reader->buffer) - reader->used);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0) {
		warden_error_set(reader->error_r, "%s: read failed: %s",
				 reader->path, strerror(errno));
		return -1;
	}
	reader->used += (size_t)ret;
	return ret > 0 ? 1 : 0;
}

static bool line_is_text(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] < ' ' || line[i] > '~')
			return false;
	}
	return true;
}

/* 1: *line_r, without its newline, may be written to and is valid until the
   next call; 0: end of file; -1: error */
static int read_line(struct state_reader *reader, char **line_r)
{
	char *line, *newline;
	size_t unread, len;
	int ret;

	reader->line++;
	for (;;) {
		line = reader->buffer + reader->start;
		unread = reader->used - reader->start;
		newline = memchr(line, '\n', unread);
		if (newline != NULL || unread >= STATE_LINE_MAX)
			break;
		ret = fill_buffer(reader);
		if (ret < 0)
			return -1;
		if (ret == 0) {
			if (reader->start == reader->used)
				return 0;
			(void)damaged(reader, "the file was cut short");
			return -1;
		}
	}
	len = newline == NULL ? unread : (size_t)(newline - line);
	if (len >= STATE_LINE_MAX) {
		(void)damaged(reader, "the line is too long");
		return -1;
	}
	if (!line_is_text(line, len)) {
		(void)damaged(reader, "the line is not text");
		return -1;
	}
	*newline = '\0';
	reader->start += len + 1;
	*line_r = line;
	return 1;
}

static bool parse_number(const char *str, uint64_t max, uint64_t *value_r)
{
	uint64_t value = 0;
	unsigned int digit;

	if (*str == '\0')
		return false;
	for (; *str != '\0'; str++) {
		if (*str < '0' || *str > '9')
			return false;
		digit = (unsigned int)(*str - '0');
		if (value > max / 10 || value * 10 > max - digit)
			return false;
		value = value * 10 + digit;
	}
	*value_r = value;
	return true;
}

static bool parse_time(const char *str, int64_t *wall_r)
{
	uint64_t value;

	if (!parse_number(str, (uint64_t)STATE_TIME_MAX, &value))
		return false;
	*wall_r = (int64_t)value;
	return true;
}

static bool parse_blocked_until(const char *str, int64_t *wall_r)
{
	if (strcmp(str, "forever") == 0) {
		*wall_r = WARDEN_WALL_FOREVER;
		return true;
	}
	return parse_time(str, wall_r);
}

static bool parse_offences(const char *str, uint8_t *offences_r)
{
	uint64_t value;

	if (!parse_number(str, WARDEN_OFFENCES_MAX, &value))
		return false;
	*offences_r = (uint8_t)value;
	return true;
}

static bool parse_users(const char *str, uint16_t *users_r)
{
	uint64_t value;

	if (!parse_number(str, UINT16_MAX, &value))
		return false;
	*users_r = (uint16_t)value;
	return true;
}

static bool parse_reason(const char *str, uint8_t *reason_r)
{
	*reason_r = (uint8_t)warden_class_find(str);
	return *reason_r != WARDEN_CLASS_NONE;
}

enum state_key {
	KEY_BLOCK,
	KEY_SINCE,
	KEY_OFFENCES,
	KEY_REASON,
	KEY_REFUSED,
	KEY_LOGIN,
	KEY_USERS,
	KEY_COUNT,
};

#define OF(kind) (1U << WARDEN_STATE_##kind)

static const struct {
	const char *name;
	unsigned int kinds; /* that have it */
} state_keys[KEY_COUNT] = {
	[KEY_BLOCK] = { "block", OF(HOST) | OF(NETWORK) },
	[KEY_SINCE] = { "since", OF(NETWORK) | OF(HOME) },
	[KEY_OFFENCES] = { "offences", OF(HOST) },
	[KEY_REASON] = { "reason", OF(HOST) },
	[KEY_REFUSED] = { "refused", OF(HOST) },
	[KEY_LOGIN] = { "login", OF(HOST) | OF(HOME) },
	[KEY_USERS] = { "users", OF(HOST) },
};

static enum state_key find_key(const char *name,
			       const struct warden_state_entry *entry)
{
	unsigned int key;

	for (key = 0; key < KEY_COUNT; key++) {
		if ((state_keys[key].kinds & 1U << entry->kind) != 0 &&
		    strcmp(state_keys[key].name, name) == 0)
			break;
	}
	return (enum state_key)key;
}

static bool parse_value(enum state_key key, const char *value,
			struct warden_state_entry *entry)
{
	switch (key) {
	case KEY_BLOCK:
		return parse_blocked_until(value, &entry->blocked_until);
	case KEY_SINCE:
		return parse_time(value, &entry->since);
	case KEY_OFFENCES:
		return parse_offences(value, &entry->offences);
	case KEY_REASON:
		return parse_reason(value, &entry->reason);
	case KEY_REFUSED:
		return parse_number(value, UINT64_MAX, &entry->refused);
	case KEY_LOGIN:
		return parse_time(value, &entry->last_login);
	case KEY_USERS:
		return parse_users(value, &entry->users);
	case KEY_COUNT:
		break;
	}
	return false;
}

/* " key=value key=value"; *words is what strsep() has left of the line */
static bool parse_words(struct state_reader *reader, char *words,
			struct warden_state_entry *entry)
{
	unsigned int seen = 0;
	enum state_key key;
	char *word, *value;

	while ((word = strsep(&words, " ")) != NULL) {
		value = strchr(word, '=');
		if (value == NULL)
			return damaged(reader, "a word without '='");
		*value++ = '\0';
		key = find_key(word, entry);
		if (key == KEY_COUNT)
			return damaged(reader, "a word that is not known here");
		if ((seen & (1u << key)) != 0)
			return damaged(reader, "the same word twice");
		seen |= 1u << key;
		if (!parse_value(key, value, entry))
			return damaged(reader, "a value that cannot be");
	}
	return true;
}

static bool make_room(struct state_reader *reader)
{
	struct warden_state_entry *entries;
	size_t room;

	if (reader->count < reader->room)
		return true;
	if (reader->count >= WARDEN_STATE_MAX)
		return damaged(reader, "more entries than may be");
	room = reader->room == 0 ? 64 : reader->room * 2;
	entries = realloc(reader->entries, room * sizeof(*entries));
	if (entries == NULL)
		return damaged(reader, "no memory for so many entries");
	reader->entries = entries;
	reader->room = room;
	return true;
}

static bool parse_net(struct state_reader *reader, const char *word,
		      struct warden_state_entry *entry)
{
	const char *error;

	if (word == NULL)
		return damaged(reader, "no address");
	return warden_net_parse(word, &entry->net, &error) ||
	       damaged(reader, error);
}

static bool parse_hash(struct state_reader *reader, const char *word,
		       uint64_t *hash_r)
{
	if (word == NULL || strlen(word) != 16 ||
	    strspn(word, "0123456789abcdef") != 16)
		return damaged(reader, "not a hash of sixteen digits");
	*hash_r = strtoull(word, NULL, 16);
	return true;
}

static bool parse_entry(struct state_reader *reader, const char *kind,
			char *rest)
{
	struct warden_state_entry entry;

	memset(&entry, 0, sizeof(entry));
	while (entry.kind < WARDEN_STATE_KINDS &&
	       strcmp(kind, kind_names[entry.kind]) != 0)
		entry.kind++;
	if (entry.kind == WARDEN_STATE_KINDS)
		return damaged(reader, "neither a host, a network nor the end");
	if (kind_has_net(entry.kind)) {
		if (!parse_net(reader, strsep(&rest, " "), &entry))
			return false;
	} else if (!parse_hash(reader, strsep(&rest, " "), &entry.hash[0]) ||
		   !parse_hash(reader, strsep(&rest, " "), &entry.hash[1])) {
		return false;
	}
	if (!parse_words(reader, rest, &entry) || !make_room(reader))
		return false;
	reader->entries[reader->count++] = entry;
	return true;
}

static bool parse_end(struct state_reader *reader, const char *count)
{
	uint64_t value;
	char *line;
	int ret;

	if (count == NULL || !parse_number(count, WARDEN_STATE_MAX, &value))
		return damaged(reader, "not a count of entries");
	if (value != reader->count)
		return damaged(reader, "lines are missing or too many: "
			       "their count is another");
	ret = read_line(reader, &line);
	if (ret > 0)
		return damaged(reader, "text after the end");
	return ret == 0;
}

static bool parse_header(struct state_reader *reader)
{
	char *line;
	int ret;

	ret = read_line(reader, &line);
	if (ret < 0)
		return false;
	if (ret == 0)
		return damaged(reader, "the file is empty");
	if (strcmp(line, STATE_HEADER) == 0)
		return true;
	if (strncmp(line, STATE_HEADER_ANY_VERSION,
		    strlen(STATE_HEADER_ANY_VERSION)) == 0)
		return damaged(reader, "the file is of another version of "
			       "dovecot-warden");
	return damaged(reader, "not a state file of dovecot-warden");
}

static bool parse_saved(struct state_reader *reader)
{
	char *line;
	const char *kind;
	int ret;

	ret = read_line(reader, &line);
	if (ret < 0)
		return false;
	if (ret == 0)
		return damaged(reader, "the file was cut short");
	kind = strsep(&line, " ");
	if (strcmp(kind, "saved") != 0 || line == NULL ||
	    !parse_time(line, &reader->saved))
		return damaged(reader, "not the time when it was saved");
	return true;
}

static bool parse_file(struct state_reader *reader)
{
	char *line;
	const char *kind;
	int ret;

	if (!parse_header(reader) || !parse_saved(reader))
		return false;
	while ((ret = read_line(reader, &line)) > 0) {
		kind = strsep(&line, " ");
		if (strcmp(kind, "end") == 0)
			return parse_end(reader, line);
		if (!parse_entry(reader, kind, line))
			return false;
	}
	return ret == 0 ? damaged(reader, "the file was cut short") : false;
}

/* 1: *fd_r is a regular file; 0: there is none; -1: error. A pipe or a device
   could make root wait or worse, so it is not opened for longer than it takes
   to see what it is. */
static int open_regular(const char *path, int *fd_r,
			struct warden_error *error_r)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		  O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			return 0;
		warden_error_set(error_r, "%s cannot be opened: %s", path,
				 errno == ELOOP ? "it is a symbolic link" :
				 strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		warden_error_set(error_r, "%s is not a regular file", path);
		(void)close(fd);
		return -1;
	}
	*fd_r = fd;
	return 1;
}

int warden_state_read(const char *path, int64_t *saved_r,
		      struct warden_state_entry **entries_r, size_t *count_r,
		      struct warden_error *error_r)
{
	struct state_reader *reader;
	int fd, ret;

	ret = open_regular(path, &fd, error_r);
	if (ret <= 0)
		return ret;
	reader = calloc(1, sizeof(*reader));
	if (reader == NULL) {
		warden_error_set(error_r, "%s: no memory", path);
		(void)close(fd);
		return -1;
	}
	reader->path = path;
	reader->fd = fd;
	reader->error_r = error_r;

	if (parse_file(reader)) {
		*saved_r = reader->saved;
		*entries_r = reader->entries;
		*count_r = reader->count;
	} else {
		free(reader->entries);
		ret = -1;
	}
	(void)close(fd);
	free(reader);
	return ret;
}
