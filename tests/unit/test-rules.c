/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The rules of hosts.allow and hosts.deny. What libwrap makes of random ones is
   compared in tests/fire/libwrap-differ.c; here is what was decided, and what
   must not happen. */

#include "test-files.h"
#include "unit-random.h"
#include "unit.h"
#include "warden-rules.h"

static struct warden_rules_image image;
static struct warden_rules_notices notices;
static struct warden_rules rules;

static bool try_compile(const char *allow, const char *deny,
			struct warden_error *error_r)
{
	struct warden_rules_source source = {
		.allow = { "hosts.allow", allow, strlen(allow) },
		.deny = { "hosts.deny", deny, strlen(deny) },
		.own_deny_file = "/var/lib/dovecot/warden/hosts.deny",
	};

	warden_rules_image_free(&image);
	return warden_rules_compile(&source, &image, &notices, error_r);
}

static void compile(const char *allow, const char *deny)
{
	struct warden_error error = { "" };

	if (!try_compile(allow, deny, &error) ||
	    !warden_rules_open(&rules, image.data, image.size, &error))
		fail_msg("%s", error.text);
}

/* A name, "" for none yet, "?" for unknown, "!" for paranoid. */
static struct warden_rules_answer ask(const char *daemon, const char *address,
				      const char *name)
{
	struct warden_net client = unit_net(address);
	struct warden_net server = unit_net("198.51.100.1");
	struct warden_rules_question question = {
		.daemon = daemon,
		.client = &client,
		.name_state = name[0] == '\0' ? WARDEN_RULES_NAME_NOT_ASKED :
			name[0] == '?' ? WARDEN_RULES_NAME_UNKNOWN :
			name[0] == '!' ? WARDEN_RULES_NAME_PARANOID :
			WARDEN_RULES_NAME_GIVEN,
		.name = name,
		.server = &server,
	};
	struct warden_rules_answer answer;

	warden_rules_ask(&rules, &question, &answer);
	return answer;
}

static enum warden_rules_verdict grant(const char *daemon, const char *address,
				       const char *name)
{
	struct warden_net client = unit_net(address);
	struct warden_rules_question question = {
		.daemon = daemon,
		.client = &client,
		.name_state = name[0] == '\0' ? WARDEN_RULES_NAME_NOT_ASKED :
			WARDEN_RULES_NAME_GIVEN,
		.name = name,
	};
	struct warden_rules_answer answer;

	warden_rules_ask_grant(&rules, &question, &answer);
	return answer.verdict;
}

static void assert_asked(const char *daemon, const char *address,
			 const char *name, enum warden_rules_verdict verdict,
			 enum warden_rules_file file, uint32_t line)
{
	struct warden_rules_answer answer = ask(daemon, address, name);

	if (answer.verdict != verdict || answer.file != file ||
	    answer.line != line)
		fail_msg("%s from %s (%s): verdict %d by line %u of file %d",
			 daemon, address, name, answer.verdict, answer.line,
			 answer.file);
}

static void assert_denied(const char *address, uint32_t line)
{
	assert_asked("imap", address, "?", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, line);
}

static void assert_allowed(const char *address)
{
	assert_asked("imap", address, "?", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 0);
}

static void assert_fails(const char *allow, const char *deny,
			 const char *words)
{
	struct warden_error error = { "" };

	if (try_compile(allow, deny, &error))
		fail_msg("compiled: %s%s", allow, deny);
	if (strstr(error.text, words) == NULL)
		fail_msg("'%s' without '%s'", error.text, words);
	assert_null(image.data);
}

static void assert_noticed(const char *words)
{
	for (unsigned int i = 0; i < notices.count; i++) {
		if (strstr(notices.list[i].text, words) != NULL)
			return;
	}
	fail_msg("no notice has '%s'", words);
}

/* --- What the rules say -------------------------------------------------- */

static void test_no_rules_refuse_somebody(void **state)
{
	struct warden_rules_source none = { .own_deny_file = NULL };
	struct warden_error error;

	(void)state;
	warden_rules_image_free(&image);
	assert_true(warden_rules_compile(&none, &image, NULL, &error));
	assert_true(warden_rules_open(&rules, image.data, image.size, &error));
	assert_allowed("192.0.2.1");
	assert_int_equal(grant("imap", "192.0.2.1", "a.b"), WARDEN_RULES_DENY);
}

static void test_the_first_rule_does_not_decide(void **state)
{
	(void)state;
	compile("imap: 192.0.2.1 : deny\n"
		"ALL: 192.0.2.0/24\n",
		"# who else\n"
		"pop3: ALL\n"
		"ALL: 192.0.2.7 \\\n"
		"     203.0.113.\n"
		"ALL: 203.0.113.7 : allow\n");
	assert_asked("imap", "192.0.2.1", "", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_ALLOW, 1);
	assert_asked("pop3", "192.0.2.1", "", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 2);
	assert_asked("imap", "192.0.2.7", "", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 2);
	assert_asked("pop3", "2001:db8::1", "", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, 2);
	assert_denied("203.0.113.7", 3);
	assert_allowed("198.51.100.7");
}

static void test_the_longest_line_counts_wrong(void **state)
{
	(void)state;
	compile("", "\\\n# a comment \\\nALL: ALL\n\nno rule\n"
		"ALL: 192.0.2.1\n");
	assert_denied("192.0.2.1", 6);
	assert_noticed("hosts.deny:5: no rule");
}

static void test_ipv6_any_matches_ipv4(void **state)
{
	(void)state;
	compile("", "ALL: [::]/0\n");
	assert_denied("2001:db8::1", 1);
	assert_denied("::1", 1);
	assert_denied("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1);
	assert_allowed("192.0.2.1");
	compile("", "ALL: [::ffff:0:0]/95, [::ffff:192.0.2.1]\n");
	assert_denied("::fffe:0:1", 1);
	assert_allowed("192.0.2.1");
}

static void test_except_is_not_nested_to_the_right(void **state)
{
	(void)state;
	compile("", "ALL EXCEPT sshd EXCEPT imap: 192.0.2.0/24 EXCEPT "
		"192.0.2.128/25 EXCEPT 192.0.2.200\n");
	assert_denied("192.0.2.1", 1);
	assert_allowed("192.0.2.129");
	assert_denied("192.0.2.200", 1);
}

static void test_a_daemons_server_does_not_count(void **state)
{
	(void)state;
	compile("", "imap@198.51.100.1: 192.0.2.1\n"
		"imap@198.51.100.2: 192.0.2.2\n"
		"pop3 imap@198.51.100.0/24 EXCEPT imap@.1: 192.0.2.3\n"
		"imap@ALL: 192.0.2.4\n");
	assert_denied("192.0.2.1", 1);
	assert_allowed("192.0.2.2");
	assert_allowed("192.0.2.3");
	assert_denied("192.0.2.4", 4);
}

static void test_a_wildcard_hangs(void **state)
{
	char deny[600] = "ALL: ", name[256];

	(void)state;
	for (unsigned int i = 0; i < 250; i++)
		strcat(deny, "a*");
	strcat(deny, "b\nALL: h**\n");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	compile("", deny);
	assert_asked("imap", "192.0.2.1", name, WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 0);
	/* libwrap wants something for the stars */
	assert_asked("imap", "192.0.2.1", "h", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 0);
	assert_asked("imap", "192.0.2.1", "HO", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, 2);
}

/* As libwrap has it where nobody answers who the user is. */
static void test_a_user_counts_as_unknown(void **state)
{
	(void)state;
	compile("", "ALL: ?*KNOWN@192.0.2.1\n"
		    "ALL: Unknown@192.0.2.2\n"
		    "ALL: unknown**@192.0.2.3 KNOWN@192.0.2.3\n"
		    "ALL: unkno**@192.0.2.4\n");
	assert_denied("192.0.2.1", 1);
	assert_denied("192.0.2.2", 2);
	assert_allowed("192.0.2.3");
	assert_denied("192.0.2.4", 4);
}

/* --- Names --------------------------------------------------------------- */

static void test_a_name_is_wanted_for_nothing(void **state)
{
	(void)state;
	compile("imap: 192.0.2.1 .example.com\n", "ALL: ALL\n");
	assert_asked("imap", "192.0.2.1", "", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 1);
	assert_asked("pop3", "192.0.2.2", "", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, 1);
	/* whoever has the name is let in, and so is everybody else */
	compile("imap: .example.com\n", "pop3: ALL\n");
	assert_asked("imap", "192.0.2.2", "", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 0);
	/* no name looks like this */
	compile("imap: [2001:db8::1], [2001:db8::*]\n", "imap: ALL\n");
	assert_asked("imap", "2001:db8::2", "", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, 1);
}

static void test_a_name_that_decides_is_not_wanted(void **state)
{
	(void)state;
	compile("imap: .example.com\n", "ALL: ALL EXCEPT LOCAL\n");
	assert_asked("imap", "192.0.2.1", "", WARDEN_RULES_NEED_NAME,
		     WARDEN_RULES_FILE_ALLOW, 1);
	assert_asked("imap", "192.0.2.1", "a.Example.com", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 1);
	assert_asked("imap", "192.0.2.1", "?", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, 1);
	assert_asked("imap", "192.0.2.1", "!", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_DENY, 1);
	assert_asked("pop3", "192.0.2.1", "localhost", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 0);
}

/* --- Mistakes, and what is not carried out ------------------------------- */

static void test_a_mistake_locks_everybody_out(void **state)
{
	static char nul[] = "ALL: 192.0.2.1\0\n";
	struct warden_rules_source source = {
		.deny = { "hosts.deny", nul, sizeof(nul) - 1 },
	};
	struct warden_error error;
	char line[2049];

	(void)state;
	assert_fails("", "\nALL: ALL", "hosts.deny:2: the last line");
	assert_fails("", "ALL: ALL\\\n", "hosts.deny:1: the last line");
	assert_fails("", "ALL: 192.0.2.1: alow\n", "hosts.deny:1: option");
	assert_fails("ALL: ALL:\n", "", "hosts.allow:1: an option");
	assert_fails("ALL: ALL: allow: deny\n", "", "nothing may come");
	assert_fails("ALL: ALL: severity mail.loud\n", "", "this value");
	memset(line, ' ', sizeof(line));
	line[2047] = '\n';
	line[2048] = '\0';
	assert_fails("", line, "hosts.deny:1: the line is longer");
	assert_false(warden_rules_compile(&source, &image, NULL, &error));
	assert_non_null(strstr(error.text, "NUL"));
	/* from here on libwrap reads nothing in hosts.allow, no more */
	compile("ALL: 192.0.2.1\nALL: 192.0.2.2", "ALL: ALL\n");
	assert_noticed("hosts.allow:2");
	assert_asked("imap", "192.0.2.1", "", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 1);
	assert_denied("192.0.2.2", 1);
}

static void test_a_command_is_run(void **state)
{
	char made[300];
	char allow[2000];

	(void)state;
	(void)snprintf(made, sizeof(made), "%s", test_path("made"));
	(void)snprintf(allow, sizeof(allow),
		       "ALL: 192.0.2.1: spawn touch %s\n"
		       "ALL: 192.0.2.2: twist touch %s\n"
		       "ALL: 192.0.2.3: aclexec touch %s\n"
		       "ALL: @netgroup root@192.0.2.4\n", made, made, made);
	compile(allow, "ALL: ALL: aclexec false\n");
	assert_asked("imap", "192.0.2.1", "", WARDEN_RULES_ALLOW,
		     WARDEN_RULES_FILE_ALLOW, 1);
	assert_asked("imap", "192.0.2.2", "", WARDEN_RULES_DENY,
		     WARDEN_RULES_FILE_ALLOW, 2);
	assert_denied("192.0.2.3", 1);
	assert_denied("192.0.2.4", 1);
	assert_int_not_equal(access(made, F_OK), 0);
	assert_noticed("hosts.allow:1: option 'spawn'");
	assert_noticed("hosts.allow:2: option 'twist'");
	assert_noticed("hosts.allow:3: the rule is left out");
	assert_noticed("hosts.allow:4: netgroup");
	assert_noticed("hosts.allow:4: the user");
}

static void test_notices_have_no_end(void **state)
{
	char allow[40 * 100 + 1] = "";

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		strcat(allow, "ALL: 192.0.2.1/24, @a\n");
	compile(allow, "");
	assert_int_equal(notices.count, WARDEN_RULES_MAX_NOTICES);
	assert_int_equal(notices.more, 200 - WARDEN_RULES_MAX_NOTICES);
}

/* --- Files that rules name ----------------------------------------------- */

static void test_files_in_a_circle_hang(void **state)
{
	char circle[300], text[1000];

	(void)state;
	(void)snprintf(circle, sizeof(circle), "%s", test_path("circle"));
	(void)snprintf(text, sizeof(text), "192.0.2.1 %s\n192.0.2.0/30\t#\n"
		       "2001:db8::1 \x1b[2J\n", circle);
	test_file_puts(circle, text);
	(void)snprintf(text, sizeof(text), "ALL: %s\nALL: %s/missing\n",
		       circle, circle);
	compile("", text);
	assert_denied("192.0.2.3", 1);
	assert_denied("2001:db8::1", 1);
	assert_allowed("192.0.2.4");
	assert_noticed("too deep, or in a circle");
	assert_noticed("hosts.deny:2");
	(void)snprintf(text, sizeof(text), "192.0.2.1 %s %s %s\n", circle,
		       circle, circle);
	test_file_puts(circle, text);
	(void)snprintf(text, sizeof(text), "ALL: %s\n", circle);
	assert_fails("", text, "files are named");
	compile("", "ALL: /dev/zero\nALL: /\n");
	assert_allowed("192.0.2.1");
}

static void test_the_own_deny_file_is_read(void **state)
{
	(void)state;
	compile("", "ALL: /var/lib/dovecot/warden/hosts.deny\n");
	assert_int_equal(notices.count, 0);
	assert_allowed("192.0.2.1");
}

/* --- Grants -------------------------------------------------------------- */

static void test_everybody_is_exempt(void **state)
{
	(void)state;
	compile("imap: ALL\nALL: KNOWN, *, 0.0.0.0/0.0.0.0 [::]/0 UNKNOWN\n"
		"ALL: ALL EXCEPT 10.\n", "");
	assert_int_equal(grant("imap", "192.0.2.1", "a.b"), WARDEN_RULES_DENY);
	assert_int_equal(grant("pop3", "192.0.2.1", "a.b"), WARDEN_RULES_DENY);
	assert_int_equal(grant("pop3", "2001:db8::1", ""), WARDEN_RULES_DENY);
}

static void test_somebody_meant_is_not_exempt(void **state)
{
	(void)state;
	compile("ALL: ALL\nimap: 192.0.2.0/24 EXCEPT 192.0.2.9 .example.com\n"
		"pop3: 192.0.2.1 : deny\npop3: 192.0.2.\n", "");
	assert_int_equal(grant("imap", "192.0.2.1", "a.b"),
			 WARDEN_RULES_ALLOW);
	assert_int_equal(grant("imap", "192.0.2.9", "a.b"), WARDEN_RULES_DENY);
	assert_int_equal(grant("imap", "192.0.2.1", ""),
			 WARDEN_RULES_NEED_NAME);
	assert_int_equal(grant("pop3", "192.0.2.2", ""), WARDEN_RULES_ALLOW);
	compile("pop3: 192.0.2.1 : deny\npop3: 192.0.2.\n", "");
	assert_int_equal(grant("pop3", "192.0.2.1", ""), WARDEN_RULES_DENY);
	assert_int_equal(grant("pop3", "192.0.2.2", ""), WARDEN_RULES_ALLOW);
}

/* --- Damage, and size ---------------------------------------------------- */

static void compile_many_kinds(void)
{
	compile("imap@198.51.100.1 EXCEPT pop3: .example.com EXCEPT 10.0.0.1\n"
		"ALL: 192.0.2. [2001:db8::]/32 *.example.org LOCAL\n"
		"i*: 203.0.113.0/255.0.255.0 a*b?c UNKNOWN\n",
		"ALL: 192.0.2.1 EXCEPT ALL EXCEPT KNOWN\npop3: ALL\n");
}

static void ask_many(void)
{
	(void)ask("imap", "192.0.2.1", "");
	(void)ask("pop3", "2001:db8::1", "mail.example.com");
	(void)ask("imap", "203.0.113.7", "?");
	(void)grant("imap", "192.0.2.1", "a.example.org");
}

static bool grant_in(const char *daemon, const char *network)
{
	struct warden_net net = unit_net(network);

	return warden_rules_grant_in(&rules, daemon, &net);
}

static void test_a_network_hides_whom_it_holds(void **state)
{
	(void)state;
	compile("imap: 192.0.2.77, [2001:db8:1:2::5]/128\n"
		"sshd: 198.51.100.0/24 EXCEPT 198.51.100.9\n"
		"pop3: 203.0.113.0/25: DENY\nALL: ALL\n",
		"");
	assert_true(grant_in("imap", "192.0.2.77"));
	assert_true(grant_in("imap", "192.0.2.0/24"));
	assert_true(grant_in("imap", "192.0.2.76/31"));
	assert_false(grant_in("imap", "192.0.2.78/31"));
	assert_false(grant_in("imap", "192.0.2.76"));
	assert_false(grant_in("pop3", "192.0.2.0/24"));
	assert_true(grant_in("imap", "2001:db8:1:2::/64"));
	assert_false(grant_in("imap", "2001:db8:1:3::/64"));
	assert_true(grant_in("sshd", "198.51.100.8"));
	assert_false(grant_in("sshd", "198.51.100.9"));
	compile("", "ALL: ALL\n");
	assert_false(grant_in("imap", "192.0.2.77"));
}

static void test_lines_that_exempt_are_listed(void **state)
{
	static const struct warden_rules_allowing expected[] = {
		{ 1, false }, { 2, true }, { 4, true },
		{ 6, false }, { 7, true },
	};
	struct warden_rules_allowing *list;
	size_t count;

	(void)state;
	compile("ALL: ALL\n"
		"imap, pop3: 192.0.2.0/24\n"
		"sshd: 198.51.100.1\n"
		"imap: 198.51.100. EXCEPT 198.51.100.9\n"
		"imap: 203.0.113.1: DENY\n"
		"imap: KNOWN\n"
		"imap: .example.com\n",
		"imap: 192.0.2.1: ALLOW\n");
	assert_true(warden_rules_list_allowing(&rules, "imap", &list, &count));
	assert_int_equal(count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list[i].line, expected[i].line);
		assert_int_equal(list[i].meant, expected[i].meant);
	}
	free(list);
	assert_true(warden_rules_list_allowing(&rules, "ftpd", &list, &count));
	assert_int_equal(count, 1);
	free(list);
}

/* The copy ends where the image ends, so that AddressSanitizer sees it. */
static void test_damage_is_read_beyond(void **state)
{
	struct warden_error error;
	size_t size;
	char *copy;

	(void)state;
	unit_random_start();
	compile_many_kinds();
	size = image.size;
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int places = 1 + unit_random_below(8);

		copy = malloc(size);
		assert_non_null(copy);
		memcpy(copy, image.data, size);
		for (unsigned int i = 0; i < places; i++)
			copy[unit_random_below((uint32_t)size)] =
				(char)unit_random();
		if (warden_rules_open(&rules, copy, size, &error))
			ask_many();
		free(copy);
	}
}

/* Somebody writes to it after it was opened. */
static void test_noise_after_opening_is_trusted(void **state)
{
	struct warden_error error;
	char *copy;

	(void)state;
	unit_random_start();
	compile_many_kinds();
	copy = malloc(image.size);
	assert_non_null(copy);
	for (unsigned int round = 0; round < 2000; round++) {
		memcpy(copy, image.data, image.size);
		assert_true(warden_rules_open(&rules, copy, image.size,
					      &error));
		for (size_t i = 0; i < image.size; i++) {
			if (unit_random_below(4) == 0)
				copy[i] = (char)unit_random();
		}
		ask_many();
	}
	free(copy);
}

static void test_another_image_is_opened(void **state)
{
	struct warden_error error;
	char *data;

	(void)state;
	compile_many_kinds();
	data = image.data;
	assert_false(warden_rules_open(&rules, data, 0, &error));
	assert_false(warden_rules_open(&rules, data, 16, &error));
	assert_false(warden_rules_open(&rules, data, image.size - 8, &error));
	data[8]++;
	assert_false(warden_rules_open(&rules, data, image.size, &error));
	assert_non_null(strstr(error.text, "version"));
	data[8]--;
	data[0]++;
	assert_false(warden_rules_open(&rules, data, image.size, &error));
}

static void test_many_lines_are_found_wrong(void **state)
{
	const unsigned int count = 100000;
	char *deny = malloc(count * 40), *to = deny, address[40];

	(void)state;
	assert_non_null(deny);
	for (unsigned int i = 0; i < count; i++)
		to += sprintf(to, "%s: 10.%u.%u.%u\n",
			      i % 2 == 0 ? "ALL" : "sshd", i >> 16,
			      i >> 8 & 255, i & 255);
	compile("", deny);
	free(deny);
	for (unsigned int i = 0; i < count; i += 97) {
		(void)snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16,
			       i >> 8 & 255, i & 255);
		if (i % 2 == 0)
			assert_denied(address, i + 1);
		else
			assert_allowed(address);
		assert_asked("sshd", address, "", WARDEN_RULES_DENY,
			     WARDEN_RULES_FILE_DENY, i + 1);
	}
	assert_allowed("10.200.0.1");
}

static void test_a_question_takes_for_ever(void **state)
{
	char *deny = malloc(60000 * 40), *to = deny;

	(void)state;
	assert_non_null(deny);
	for (unsigned int i = 0; i < 60000; i++)
		to += sprintf(to, "ALL: *.host%u.example.com\n", i);
	assert_fails("", deny, "one by one");
	free(deny);
}

static int teardown(void **state)
{
	warden_rules_image_free(&image);
	return test_dir_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rules_refuse_somebody),
		cmocka_unit_test(test_the_first_rule_does_not_decide),
		cmocka_unit_test(test_the_longest_line_counts_wrong),
		cmocka_unit_test(test_ipv6_any_matches_ipv4),
		cmocka_unit_test(test_except_is_not_nested_to_the_right),
		cmocka_unit_test(test_a_daemons_server_does_not_count),
		cmocka_unit_test(test_a_wildcard_hangs),
		cmocka_unit_test(test_a_user_counts_as_unknown),
		cmocka_unit_test(test_a_name_is_wanted_for_nothing),
		cmocka_unit_test(test_a_name_that_decides_is_not_wanted),
		cmocka_unit_test(test_a_mistake_locks_everybody_out),
		cmocka_unit_test(test_a_command_is_run),
		cmocka_unit_test(test_notices_have_no_end),
		cmocka_unit_test(test_files_in_a_circle_hang),
		cmocka_unit_test(test_the_own_deny_file_is_read),
		cmocka_unit_test(test_everybody_is_exempt),
		cmocka_unit_test(test_somebody_meant_is_not_exempt),
		cmocka_unit_test(test_a_network_hides_whom_it_holds),
		cmocka_unit_test(test_lines_that_exempt_are_listed),
		cmocka_unit_test(test_damage_is_read_beyond),
		cmocka_unit_test(test_noise_after_opening_is_trusted),
		cmocka_unit_test(test_another_image_is_opened),
		cmocka_unit_test(test_many_lines_are_found_wrong),
		cmocka_unit_test(test_a_question_takes_for_ever),
	};

	return cmocka_run_group_tests(tests, test_dir_setup, teardown);
}
