/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* usage: libwrap-differ [--questions=N]

   Random rules, asked of libwrap and of the warden: the verdicts must be the
   same. libwrap is told the client's name, so nothing is looked up. The seed is
   printed, WARDEN_TEST_SEED repeats it.

   Where they are meant to differ, and what is done about it here:

   - A mistake in the options: libwrap refuses whom the rule matches, the
     warden compiles nothing. So the options are replaced by `deny`, and the
     rest must agree.
   - A line in hosts.deny that has no end or is too long: libwrap refuses
     everybody, the warden compiles nothing. So `ALL: ALL` takes its place.
   - NUL bytes: libwrap reads half a line, the warden compiles nothing. There
     are none here.
   - A word of 8192 bytes in a file that a rule names: libwrap overflows its
     stack, the warden leaves the word out. There are none here.
   - Files that name each other in a circle: libwrap reads until it has no
     descriptors, the warden stops. There are none here.
   - twist, spawn, aclexec, user and group: libwrap would do it. There are
     none here. `setenv` without a value that can be set, and names of more
     than 127 bytes, which libwrap cuts, neither. */

#include <tcpd.h>

#include "fuzz.h"
#include "unit-random.h"
#include "warden-rules.h"

#define FILES 3
#define LINES_MAX 6
#define ROOM 4096

/* --- Words ---------------------------------------------------------------- */

#define PICK(list) (list[unit_random_below(sizeof(list) / sizeof(list[0]))])

static const char *const addresses[] = {
	"192.0.2.1", "192.0.2.2", "192.0.2.129", "192.0.3.1", "198.51.100.7",
	"10.0.0.1", "1.2.3.4", "127.0.0.1", "255.255.255.254",
	"2001:db8::1", "2001:db8::2", "2001:db8:1::1", "2001:db8:0:1::1",
	"::1", "fe80::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::2:3:4", "1::",
};

static const char *const names[] = {
	"unknown", "paranoid", "localhost", "mail.example.com", "example.com",
	"Mail.Example.COM", "a.b", "host-1.example.org", "192.example.com",
	"alpha", "192.0.2.example", "known", "all",
};

static const char *const daemons[] = {
	"imap", "pop3", "sshd", "in.ftpd", "managesieve", "smtp.submission",
};

static const char *const daemon_patterns[] = {
	"ALL", "imap", "IMAP", "pop3", "sshd", "i*", "*3", "?map", "**", "*",
	"in.", ".ftpd", "ftpd", ".", "KNOWN", "unknown", "LOCAL", "in.ftpd",
	"[imap]", "imap*", "imap**", "imap?", "s*d", "s*h*d", "*s**d", "im",
	"managesieve", "@imap", "imap:",
};

static const char *const host_patterns[] = {
	"ALL", "all", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "known",
	".example.com", ".EXAMPLE.com", "example.com", "mail.example.com",
	"mail.", "mail", ".com", ".", "..", "*", "**", "?", "*.*", "?*",
	"*.example.com", "m?il.*", "mail.example.co?", "*a*a*", "*.com**",
	"192.0.2.", "192.", "192.0.", "19", "19.", "192.0.2", "192.0.2.1.",
	".1", ".2.1", ".0.2.1", "192.0.2.*", "192.0.*.1", "*.2.1", "192*",
	"192.0.2.0/24", "192.0.2.1/24", "192.0.2.0/255.255.255.0", "0.0.0.0/0",
	"0.0.0.0/0.0.0.0", "192.0.2.0/25", "192.0.2.128/25", "192.0.2.1/32",
	"192.0.2.1/255.255.255.255", "192.0.2.1/255.0.255.255",
	"192.0.0.1/255.255.0.255", "192.0.2.0/0255.255.255.0", "0300.0.2.0/24",
	"0xc0.0.2.0/24", "192.0.2.0/24x", "192.0.2.0/", "192.0.2.0/33",
	"192.0.2/24", "192.0.2.0/-1", "128.0.0.0/1", "0.0.0.0/1", "/24", "1/1",
	"10.0.0.0/8", "192.0.2.01", "192.0.02.", "192.0.2.0/4294967320",
	"1.2.3.4/30", "1..2.3.4/32", ".1.2.3.4/32", "1.2.3.4./32",
	"255.255.255.255/32", "255.255.255.254/31", "255.255.255.255",
	"[2001:db8::1]", "[2001:DB8::1]", "[2001:db8:0::1]", "[2001:db8::]/32",
	"[2001:db8::1]/64", "[2001:db8::]/64", "[2001:db8::]/0", "[::]/0",
	"[::]/", "[::]/x", "[::]/129", "[::]/-1", "[::]/1", "[8000::]/1",
	"[2001:db8::1]/128", "[2001:db8::]/128", "[2001:db8::]/33",
	"[2001:db8:1::]/48", "[2001:db8::/32]", "[::ffff:192.0.2.1]",
	"[::ffff:0:0]/96", "[::ffff:0:0]/95", "[::ffff:192.0.2.0]/120",
	"[192.0.2.1]", "[192.0.2.0]/24", "[mail.example.com]", "[ALL]", "[",
	"]", "[]", "[[::1]]", "[::1", "::1]", "[fe80::1%1]", "[::1]x", "[::]/8",
	"2001:db8::1", "2001:db8:*", "[2001:db8:*]", "2001:", "::1", "*:*",
	"*::1", "::2:3:4", "::0.2.0.3", "0:0::2:3:4", "1::", "1:0::",
	"@netgroup", "ALL@192.0.2.1", "UNKNOWN@ALL", "root@ALL", "KNOWN@ALL",
	"*@192.0.2.1", "u*n@ALL", "u*@[2001:db8::1]", "ALL@", "@", "ALL@ALL@x",
	"unknown@.example.com", "un.@ALL", "?nknown@LOCAL", "a@b@c", "x@/24",
	"/nonexistent", "/", "/etc/", "EXCEPTION", "#", "!192.0.2.1", "\\",
	"host-1.example.org", "alpha", "a.b", "192.0.2.example", "1.2.3.4",
};

static const char *const options[] = {
	"allow", "deny", "ALLOW", " allow ", "deny\t", " severity auth.info",
	"severity info : allow", "keepalive: deny", "allow =", "allow=", "",
	" ", "allow : ", "allow:deny", "foo", "linger 5", "linger x", "nice",
	"umask 022", "umask 99", "rfc931", "rfc931 5 : allow", "rfc931 x",
	"rfc931=0", "severity", "severity a.b", "severity=mail.err:deny",
	"severity mail.", "setenv A b\\:c : allow", "setenv A", "setenv",
	"banners /nonexistent", "banners", "= allow", "allow x", "allow\\:",
	"allow ]", "deny [", "keepalive x", "linger 5 : linger 6 : deny",
	"severity\tinfo:allow", "nice 0 :allow", "banners /x : deny", ":",
	"deny : allow", ": allow", "umask 022:umask 022",
};

static const char *const noise[] = {
	"ALL", ":", ":", " ", "\t", ",", "[", "]", "@", "/", ".", "*", "?",
	"#", "\\", "EXCEPT", " EXCEPT ", "192.0.2.1", "imap", "allow", "deny",
	"\r", "\v", "-", "[::1]", "/24", "\\:", "LOCAL", "=", "%", "\xa0", "x",
};

static const char *const separators[] = { " ", " ", " ", ",", ", ", "\t",
					  " \t", ",,", "\r", " , " };

/* --- Files ---------------------------------------------------------------- */

struct line {
	char head[ROOM];    /* daemons and clients */
	char options[ROOM]; /* with the colon before them */
	char raw[ROOM * 2]; /* as it is in the file */
	unsigned int rows;  /* physical lines */
};

struct file {
	char path[300];
	struct line lines[LINES_MAX];
	unsigned int count;
	char text[LINES_MAX * ROOM * 2];
};

static struct file allow, deny;
static char host_files[FILES][300];

static bool one_in(uint32_t n)
{
	return unit_random_below(n) == 0;
}

static void add(char *to, const char *str)
{
	size_t len = strlen(to);

	(void)snprintf(to + len, ROOM - len, "%s", str);
}

/* A network around one of the addresses. */
static void add_network(char *to)
{
	const char *address = PICK(addresses);
	struct warden_net net;
	const char *error;
	char buf[WARDEN_NET_STRLEN];

	FUZZ_CHECK(warden_net_parse(address, &net, &error));
	warden_net_mask(&net, unit_random_below(129));
	if (one_in(3) && net.family == WARDEN_INET)
		add(to, warden_net_format(&net, buf));
	else
		add(to, warden_net_format_hosts_access(&net, buf));
}

static void add_noise(char *to)
{
	for (uint32_t i = unit_random_below(6); i > 0; i--)
		add(to, PICK(noise));
}

/* Files name only those after them. */
static void add_host(char *to, unsigned int first_file)
{
	if (one_in(3))
		add(to, PICK(addresses));
	else if (one_in(3))
		add_network(to);
	else if (first_file < FILES && one_in(8))
		add(to, host_files[first_file +
				   unit_random_below(FILES - first_file)]);
	else if (one_in(40))
		add_noise(to);
	else
		add(to, PICK(host_patterns));
}

static void add_client(char *to)
{
	if (one_in(20))
		add(to, "ALL@");
	add_host(to, 0);
}

static void add_daemon(char *to)
{
	if (one_in(40))
		add_noise(to);
	else if (one_in(2))
		add(to, "ALL");
	else
		add(to, PICK(daemon_patterns));
	if (one_in(8)) {
		add(to, "@");
		add_host(to, 0);
	}
}

static void add_list(char *to, void (*add_word)(char *to))
{
	if (one_in(4))
		add(to, PICK(separators));
	do {
		add_word(to);
		if (one_in(4)) {
			add(to, PICK(separators));
			add(to, one_in(2) ? "EXCEPT" : "except");
		}
		add(to, one_in(30) ? "" : PICK(separators));
	} while (!one_in(2));
}

/* Break it anywhere: libwrap joins what a backslash ends. */
static void write_raw(struct line *line)
{
	char joined[ROOM * 2], *to = line->raw;

	(void)snprintf(joined, sizeof(joined), "%s%s", line->head,
		       line->options);
	line->rows = 1;
	for (const char *from = joined; *from != '\0'; from++) {
		/* where it is near the limit, a piece more is another case */
		if (one_in(60) && to < line->raw + ROOM) {
			*to++ = '\\';
			*to++ = '\n';
			line->rows++;
		}
		*to++ = *from;
	}
	/* what ends in a backslash goes on in the next line */
	while (to > line->raw && to[-1] == '\\')
		to--;
	*to++ = '\n';
	*to = '\0';
}

static void make_long(struct line *line)
{
	size_t len = strlen(line->head);
	size_t want = 2035 + unit_random_below(20);

	while (len < want)
		line->head[len++] = ' ';
	line->head[len] = '\0';
}

static void make_line(struct line *line)
{
	line->head[0] = line->options[0] = '\0';
	if (one_in(20)) {
		if (one_in(2))
			add(line->head, "#");
		add_noise(line->head);
	} else {
		add_list(line->head, add_daemon);
		add(line->head, ":");
		add_list(line->head, add_client);
		if (one_in(3)) {
			add(line->options, ":");
			add(line->options, PICK(options));
		}
	}
	if (one_in(200))
		make_long(line);
	write_raw(line);
}

static void write_file(struct file *file)
{
	char *to = file->text;

	*to = '\0';
	for (unsigned int i = 0; i < file->count; i++)
		to += sprintf(to, "%s", file->lines[i].raw);
	fuzz_file_put(file->path, file->text, strlen(file->text));
}

static void make_file(struct file *file)
{
	file->count = unit_random_below(LINES_MAX);
	for (unsigned int i = 0; i < file->count; i++)
		make_line(&file->lines[i]);
	if (file->count > 0 && one_in(100)) {
		struct line *last = &file->lines[file->count - 1];

		last->raw[strlen(last->raw) - 1] = '\0';
	}
	write_file(file);
}

static void make_host_file(unsigned int number)
{
	char text[ROOM] = "";

	for (uint32_t i = unit_random_below(5); i > 0; i--) {
		add_host(text, number + 1);
		add(text, one_in(2) ? " " : "\n");
	}
	fuzz_file_put(host_files[number], text, strlen(text));
}

/* --- The two -------------------------------------------------------------- */

struct question {
	const char *daemon, *address, *name, *server;
};

/* libwrap of Debian 11 forgets to close files that rules name. */
static void close_forgotten(int first)
{
	int fd = dup(STDIN_FILENO);

	FUZZ_CHECK(fd >= first);
	for (; fd >= first; fd--)
		(void)close(fd);
}

static bool ask_libwrap(const struct question *question)
{
	struct request_info request;

	(void)request_init(&request, RQ_DAEMON, question->daemon, RQ_USER,
			   "unknown", RQ_CLIENT_NAME, question->name,
			   RQ_CLIENT_ADDR, question->address, RQ_SERVER_NAME,
			   "unknown", RQ_SERVER_ADDR, question->server, 0);
	return hosts_access(&request) != 0;
}

static struct warden_net parse(const char *address)
{
	struct warden_net net;
	const char *error;

	FUZZ_CHECK(warden_net_parse(address, &net, &error));
	return net;
}

static void ask_warden(const struct warden_rules *rules,
		       const struct question *question,
		       enum warden_rules_name state,
		       struct warden_rules_answer *answer_r)
{
	struct warden_net client = parse(question->address), server;
	struct warden_rules_question asked = {
		.daemon = question->daemon,
		.client = &client,
		.name_state = state,
		.name = question->name,
	};

	if (strcmp(question->server, "unknown") != 0) {
		server = parse(question->server);
		asked.server = &server;
	}
	warden_rules_ask(rules, &asked, answer_r);
	FUZZ_CHECK(answer_r->verdict != WARDEN_RULES_DAMAGED);
}

/* What libwrap does there, written so that the warden compiles it. true: it is
   not known what that is, and the line is gone. */
static bool mend(const struct warden_error *error)
{
	struct file *file = strncmp(error->text, allow.path,
				    strlen(allow.path)) == 0 ? &allow : &deny;
	unsigned int number = (unsigned int)strtoul(
		error->text + strlen(file->path) + 1, NULL, 10);
	struct line *line = file->lines;
	bool gone = false;

	while (number > line->rows) {
		number -= line->rows;
		line++;
		FUZZ_CHECK(line < file->lines + file->count);
	}
	if (strstr(error->text, "everybody") != NULL) {
		(void)snprintf(line->raw, sizeof(line->raw), "ALL: ALL\n");
	} else if (line->options[0] != '\0' &&
		   strcmp(line->options, ":deny") != 0) {
		/* a long line may not become too long by that */
		for (size_t len = strlen(line->head);
		     len > 0 && line->head[len - 1] == ' '; len--)
			line->head[len - 1] = '\0';
		(void)snprintf(line->options, sizeof(line->options), ":deny");
		(void)snprintf(line->raw, sizeof(line->raw), "%s%s\n",
			       line->head, line->options);
	} else {
		(void)snprintf(line->raw, sizeof(line->raw), "\n");
		gone = true;
	}
	line->rows = 1;
	write_file(file);
	return gone;
}

static bool compile(struct warden_rules_image *image_r,
		    struct warden_error *error_r)
{
	const struct warden_rules_source source = {
		.allow = { allow.path, allow.text, strlen(allow.text) },
		.deny = { deny.path, deny.text, strlen(deny.text) },
	};
	struct warden_rules_notices notices;

	return warden_rules_compile(&source, image_r, &notices, error_r);
}

static void differ(const struct question *question, const char *what)
{
	(void)fprintf(stderr, "%s: daemon %s, address %s, name %s, server %s\n"
		      "--- allow\n%s--- deny\n%s", what, question->daemon,
		      question->address, question->name, question->server,
		      allow.text, deny.text);
	for (unsigned int i = 0; i < FILES; i++) {
		size_t size;
		char *text = fuzz_file_get(host_files[i], &size);

		(void)fprintf(stderr, "--- %s\n%s\n", host_files[i], text);
		free(text);
	}
	exit(EXIT_FAILURE);
}

static unsigned long long asked, refused, need_name, mended;

static void compare(const struct warden_rules *rules,
		    const struct question *question, bool allowed)
{
	struct warden_rules_answer answer;

	ask_warden(rules, question, WARDEN_RULES_NAME_GIVEN, &answer);
	if ((answer.verdict == WARDEN_RULES_ALLOW) != allowed)
		differ(question, allowed ? "only libwrap allows" :
		       "only libwrap refuses");
	/* without the name it is the same, or it is not known */
	ask_warden(rules, question, WARDEN_RULES_NAME_NOT_ASKED, &answer);
	if (answer.verdict == WARDEN_RULES_NEED_NAME)
		need_name++;
	else if ((answer.verdict == WARDEN_RULES_ALLOW) != allowed)
		differ(question, "it depends on the name after all");
	asked++;
	if (!allowed)
		refused++;
}

static void make_question(struct question *question_r)
{
	question_r->daemon = PICK(daemons);
	question_r->address = PICK(addresses);
	question_r->name = PICK(names);
	question_r->server = one_in(4) ? "unknown" : PICK(addresses);
}

#define QUESTIONS 16

static void one_round(void)
{
	struct question questions[QUESTIONS];
	bool allowed[QUESTIONS];
	struct warden_rules_image image;
	struct warden_rules rules;
	struct warden_error error;
	bool again = false;

	for (unsigned int i = 0; i < FILES; i++)
		make_host_file(i);
	make_file(&allow);
	make_file(&deny);
	for (unsigned int i = 0; i < QUESTIONS; i++) {
		make_question(&questions[i]);
		allowed[i] = ask_libwrap(&questions[i]);
	}
	while (!compile(&image, &error)) {
		again |= mend(&error);
		mended++;
	}
	for (unsigned int i = 0; again && i < QUESTIONS; i++)
		allowed[i] = ask_libwrap(&questions[i]);
	FUZZ_CHECK(warden_rules_open(&rules, image.data, image.size, &error));
	for (unsigned int i = 0; i < QUESTIONS; i++)
		compare(&rules, &questions[i], allowed[i]);
	warden_rules_image_free(&image);
}

int main(int argc, char **argv)
{
	unsigned long long questions = 200000;
	char name[16];
	int first;

	if (argc > 1 && strncmp(argv[1], "--questions=", 12) == 0)
		questions = strtoull(argv[1] + 12, NULL, 10);
	unit_random_start();
	fuzz_dir_make();
	fuzz_path(allow.path, sizeof(allow.path), "hosts.allow");
	fuzz_path(deny.path, sizeof(deny.path), "hosts.deny");
	for (unsigned int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "hosts-%u", i);
		fuzz_path(host_files[i], sizeof(host_files[i]), name);
	}
	hosts_allow_table = allow.path;
	hosts_deny_table = deny.path;
	first = dup(STDIN_FILENO);
	FUZZ_CHECK(first >= 0 && close(first) == 0);
	while (asked < questions) {
		one_round();
		close_forgotten(first);
	}
	(void)printf("%llu questions, %llu refused, %llu need the name, %llu "
		     "mistakes in rules\n", asked, refused, need_name, mended);
	return EXIT_SUCCESS;
}
