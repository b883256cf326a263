/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* pam_warden.so in stacks of libpam, with a configuration and a table of its
   own. In "good" the password is always right, in "bad" never. */

#define _GNU_SOURCE /* nftw() */

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "warden-admin.h"
#include "warden-clock.h"
#include "warden-layout.h"
#include "warden.h"

/* as the man page has it */
#define CONTROL "[module_unknown=ignore ignore=ignore default=die]"
#define CLIENT "192.0.2.66"
#define PATH_SIZE 1024

struct fixture {
	char base[64];
	struct warden *service;
	struct warden_policy policy;
};

/* --- The machine ---------------------------------------------------------- */

static void write_stack(struct fixture *f, const char *kind,
			const char *service, const char *control,
			const char *module, const char *verdict,
			const char *options)
{
	char path[PATH_SIZE];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", f->base, kind);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", f->base, kind, service);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 2; i++) {
		const char *type = i == 0 ? "auth" : "account";

		(void)fprintf(file, "%s %s %s base_dir=%s %s\n", type, control,
			      module, f->base, options);
		(void)fprintf(file, "%s required %s\n", type, verdict);
	}
	assert_int_equal(fclose(file), 0);
}

/* In "bad" with the control that would let him in were the module ever to say
   "success". */
static void write_stacks(struct fixture *f, const char *service,
			 const char *options)
{
	write_stack(f, "good", service, CONTROL, PAM_WARDEN_SO, "pam_permit.so",
		    options);
	write_stack(f, "bad", service, "sufficient", PAM_WARDEN_SO,
		    "pam_deny.so", options);
}

static void publish(struct fixture *f)
{
	uint64_t now = warden_clock_now();

	warden_admin_heartbeat(f->service, 1, true, now);
	warden_admin_publish(f->service, &f->policy, now);
}

static void open_table(struct fixture *f)
{
	struct warden_error error;
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/warden", f->base);
	f->service = warden_open(path, WARDEN_ROLE_SERVICE,
				 WARDEN_TABLE_HOSTS_MIN, &error);
	assert_non_null(f->service);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	*state = f;
	(void)strcpy(f->base, "/tmp/warden-pam-XXXXXX");
	if (mkdtemp(f->base) == NULL)
		return -1;
	warden_policy_init_defaults(&f->policy);
	open_table(f);
	publish(f);
	write_stacks(f, "sshd", "");
	return 0;
}

static int remove_it(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	warden_close(&f->service);
	(void)nftw(f->base, remove_it, 8, FTW_DEPTH | FTW_PHYS);
	test_free(f);
	return 0;
}

/* --- The program that asks PAM -------------------------------------------- */

static int no_conversation(int count, const struct pam_message **messages,
			   struct pam_response **responses, void *context)
{
	(void)count;
	(void)messages;
	(void)responses;
	*(bool *)context = true;
	return PAM_CONV_ERR;
}

struct login {
	pam_handle_t *pamh;
	bool conversed;
	struct pam_conv conv;
};

static void login_start(struct fixture *f, struct login *login,
			const char *kind, const char *service,
			const char *user, const char *rhost)
{
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", f->base, kind);
	*login = (struct login){ .conv = { no_conversation, NULL } };
	login->conv.appdata_ptr = &login->conversed;
	assert_int_equal(pam_start_confdir(service, user, &login->conv, path,
					   &login->pamh),
			 PAM_SUCCESS);
	if (rhost != NULL) {
		assert_int_equal(pam_set_item(login->pamh, PAM_RHOST, rhost),
				 PAM_SUCCESS);
	}
}

static int login_end(struct login *login, int code)
{
	assert_int_equal(pam_end(login->pamh, code), PAM_SUCCESS);
	assert_false(login->conversed);
	return code;
}

/* As vsftpd does it: auth, then account. */
static int log_in_from(struct fixture *f, const char *kind, const char *service,
		       const char *user, const char *rhost)
{
	struct login login;
	int code;

	login_start(f, &login, kind, service, user, rhost);
	code = pam_authenticate(login.pamh, 0);
	if (code == PAM_SUCCESS)
		code = pam_acct_mgmt(login.pamh, 0);
	return login_end(&login, code);
}

static int log_in(struct fixture *f, const char *kind)
{
	return log_in_from(f, kind, "sshd", "root", CLIENT);
}

/* As sshd does it when there is a key: account alone. */
static int log_in_by_key(struct fixture *f)
{
	struct login login;

	login_start(f, &login, "good", "sshd", "root", CLIENT);
	return login_end(&login, pam_acct_mgmt(login.pamh, 0));
}

/* --- What the table says -------------------------------------------------- */

static struct warden_host_info info(struct fixture *f)
{
	struct warden_host host = unit_host(CLIENT);
	struct warden_host_info i;

	(void)warden_table_read(warden_admin_table(f->service), &host,
				&f->policy, warden_clock_now(), &i);
	return i;
}

static void block(struct fixture *f)
{
	struct warden_host host = unit_host(CLIENT);

	assert_true(warden_table_block(warden_admin_table(f->service), &host,
				       WARDEN_FOREVER_SECS, 1, WARDEN_MANUAL, 0,
				       warden_clock_now()));
}

static uint64_t total(struct fixture *f, int which)
{
	return warden_table_total(warden_admin_table(f->service),
				  (enum warden_total)which, 3600,
				  warden_clock_now());
}

/* Points drain while the test runs. */
static void assert_points(struct fixture *f, double points)
{
	assert_true(info(f).points <= points);
	assert_true(info(f).points > points - 5.0 || points == 0.0);
}

/* --- Refusing ------------------------------------------------------------- */

static void a_blocked_host_is_refused_before_anything_is_checked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(log_in(f, "good"), PAM_SUCCESS);
	block(f);
	assert_int_equal(log_in(f, "good"), PAM_MAXTRIES);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_AUTH), 1);
	/* a refusal is no failure */
	assert_int_equal(total(f, WARDEN_AUTH_FAILED), 0);
	assert_int_equal(log_in_from(f, "good", "sshd", "root", "192.0.2.7"),
			 PAM_SUCCESS);
}

static void a_key_of_a_blocked_host_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(log_in_by_key(f), PAM_SUCCESS);
	/* it was no password that was right here */
	assert_int_equal(total(f, WARDEN_TOTAL_SUCCESS), 0);
	block(f);
	assert_int_equal(log_in_by_key(f), PAM_PERM_DENIED);
}

static void a_block_during_the_attempt_is_seen_in_account(void **state)
{
	struct fixture *f = *state;
	struct login login;

	login_start(f, &login, "good", "sshd", "root", CLIENT);
	assert_int_equal(pam_authenticate(login.pamh, 0), PAM_SUCCESS);
	block(f);
	assert_int_equal(pam_acct_mgmt(login.pamh, 0), PAM_PERM_DENIED);
	(void)login_end(&login, PAM_PERM_DENIED);
	assert_false(info(f).known);
}

static void mapped_addresses_and_ipv6_are_hosts_too(void **state)
{
	struct fixture *f = *state;

	block(f);
	assert_int_equal(log_in_from(f, "good", "sshd", "root",
				     "::ffff:" CLIENT),
			 PAM_MAXTRIES);
	f->policy.fail_limit = 20;
	publish(f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_in_from(f, "bad", "sshd", "root",
					     "2001:db8:1:2::66"),
				 PAM_AUTH_ERR);
	}
	assert_int_equal(log_in_from(f, "good", "sshd", "root",
				     "2001:db8:1:2:ffff::1"),
			 PAM_MAXTRIES);
}

static void observe_refuses_nobody_and_nocount_counts_nothing(void **state)
{
	struct fixture *f = *state;

	write_stacks(f, "sshd", "observe nocount");
	block(f);
	assert_int_equal(log_in(f, "good"), PAM_SUCCESS);
	assert_int_equal(log_in_by_key(f), PAM_SUCCESS);
	assert_int_equal(log_in(f, "bad"), PAM_AUTH_ERR);
	assert_true(total(f, WARDEN_TOTAL_WOULD_REFUSE) > 0);
	assert_int_equal(total(f, WARDEN_TOTAL_REFUSED_AUTH), 0);
	assert_int_equal(total(f, WARDEN_AUTH_FAILED), 0);
	write_stacks(f, "sshd", "nocount");
	assert_int_equal(log_in(f, "good"), PAM_MAXTRIES);
	assert_int_equal(log_in(f, "bad"), PAM_AUTH_ERR);
	assert_int_equal(total(f, WARDEN_AUTH_FAILED), 0);
}

/* --- Ignoring ------------------------------------------------------------- */

/* Neither refused, nor let in where nothing else does, nor counted. */
static void assert_ignored_from(struct fixture *f, const char *service,
				const char *rhost)
{
	write_stacks(f, service, "debug");
	assert_int_equal(log_in_from(f, "good", service, "root", rhost),
			 PAM_SUCCESS);
	assert_int_equal(log_in_from(f, "bad", service, "root", rhost),
			 PAM_AUTH_ERR);
	if (f->service != NULL) {
		assert_int_equal(total(f, WARDEN_AUTH_FAILED), 0);
		assert_int_equal(total(f, WARDEN_TOTAL_SUCCESS), 0);
	}
}

static void services_of_dovecot_are_ignored(void **state)
{
	static const char *const names[] = { "dovecot", "imap", "pop3",
					     "submission", "sieve", "smtp" };

	block(*state);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_ignored_from(*state, names[i], CLIENT);
}

static void no_remote_host_is_ignored(void **state)
{
	assert_ignored_from(*state, "sshd", NULL);
	assert_ignored_from(*state, "sshd", "");
}

static void what_is_no_address_is_ignored(void **state)
{
	static const char *const names[] = { "client.example.org", "localhost",
					     "UNKNOWN", "192.0.2.0/24",
					     "fe80::1%eth0", "0.0.0.0" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_ignored_from(*state, "sshd", names[i]);
}

static void exempt_networks_and_the_machine_itself_are_ignored(void **state)
{
	struct fixture *f = *state;

	assert_ignored_from(f, "sshd", "127.0.0.66");
	f->policy.exempt_count = 0;
	publish(f);
	assert_ignored_from(f, "sshd", "127.0.0.1");
}

static void no_table_is_ignored(void **state)
{
	struct fixture *f = *state;
	char path[PATH_SIZE];

	warden_close(&f->service);
	(void)snprintf(path, sizeof(path), "%s/warden/hosts", f->base);
	assert_int_equal(unlink(path), 0);
	assert_ignored_from(f, "sshd", CLIENT);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/warden", f->base);
	assert_int_equal(nftw(path, remove_it, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_ignored_from(f, "sshd", CLIENT);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_damaged_table_is_ignored(void **state)
{
	struct fixture *f = *state;
	char path[PATH_SIZE];

	warden_close(&f->service);
	(void)snprintf(path, sizeof(path), "%s/warden/policy", f->base);
	assert_int_equal(truncate(path, 4096), 0);
	assert_ignored_from(f, "sshd", CLIENT);
}

static void a_silent_service_is_ignored(void **state)
{
	struct fixture *f = *state;
	const uint64_t age = UINT64_C(1000) * (WARDEN_HEARTBEAT_MAX_SECS + 5);

	block(f);
	warden_admin_heartbeat(f->service, 1, true, warden_clock_now() - age);
	assert_ignored_from(f, "sshd", CLIENT);
}

static void a_module_that_is_missing_shuts_nobody_out(void **state)
{
	struct fixture *f = *state;

	block(f);
	write_stack(f, "good", "sshd", CONTROL, "/nonexistent/pam_warden.so",
		    "pam_permit.so", "");
	assert_int_equal(log_in(f, "good"), PAM_SUCCESS);
	write_stack(f, "good", "sshd", CONTROL, "/nonexistent/pam_warden.so",
		    "pam_deny.so", "");
	assert_int_equal(log_in(f, "good"), PAM_AUTH_ERR);
}

static void another_user_than_root_is_ignored(void **state)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	block(*state);
	assert_int_equal(chmod(((struct fixture *)*state)->base, 0755), 0);
	write_stacks(*state, "sshd", "");
	pid = fork();
	if (pid == 0) {
		if (setuid(65534) != 0)
			_exit(2);
		_exit(log_in(*state, "good") == PAM_SUCCESS &&
				      log_in(*state, "bad") == PAM_AUTH_ERR ?
			      0 :
			      1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void an_unknown_option_changes_nothing(void **state)
{
	struct fixture *f = *state;

	write_stacks(f, "sshd", "obsreve nocuont base_dir=relative");
	assert_int_equal(log_in(f, "bad"), PAM_AUTH_ERR);
	assert_points(f, 10);
	assert_int_equal(log_in(f, "good"), PAM_SUCCESS);
	block(f);
	assert_int_equal(log_in(f, "good"), PAM_MAXTRIES);
}

/* --- Counting ------------------------------------------------------------- */

static void a_failure_is_counted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(log_in(f, "bad"), PAM_AUTH_ERR);
	assert_points(f, 10);
	assert_int_equal(info(f).last_class, WARDEN_AUTH_FAILED);
	assert_int_equal(info(f).last_protocol, WARDEN_PROTOCOL_SSH);
	write_stacks(f, "vsftpd", "");
	assert_int_equal(log_in_from(f, "bad", "vsftpd", "nobody-of-that-name",
				     CLIENT),
			 PAM_AUTH_ERR);
	assert_points(f, 30);
	assert_int_equal(info(f).last_class, WARDEN_USER_UNKNOWN);
	assert_int_equal(info(f).last_protocol, WARDEN_PROTOCOL_FTP);
	write_stacks(f, "other", "");
	assert_int_equal(log_in_from(f, "bad", "some-daemon", NULL, CLIENT),
			 PAM_AUTH_ERR);
	assert_points(f, 40);
	assert_int_equal(info(f).last_protocol, WARDEN_PROTOCOL_OTHER);
}

static void a_success_is_not_counted_and_makes_the_host_known(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 30; i++)
		assert_int_equal(log_in(f, "good"), PAM_SUCCESS);
	assert_points(f, 0);
	assert_true(info(f).known);
	assert_int_equal(total(f, WARDEN_TOTAL_SUCCESS), 30);
	assert_int_equal(total(f, WARDEN_AUTH_FAILED), 0);
}

static void a_success_leaves_the_failures_before_it(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(log_in(f, "bad"), PAM_AUTH_ERR);
	assert_int_equal(log_in(f, "good"), PAM_SUCCESS);
	assert_points(f, 30);
}

static void ten_failures_block_at_the_end_of_the_last(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++) {
		assert_false(info(f).blocked);
		assert_int_equal(log_in(f, "bad"), PAM_AUTH_ERR);
	}
	assert_true(info(f).blocked);
	assert_int_equal(info(f).reason, WARDEN_AUTH_FAILED);
	assert_int_equal(log_in(f, "good"), PAM_MAXTRIES);
}

/* sshd's for passwords: one handle for all that one client tries. */
static void each_attempt_of_one_handle_is_counted(void **state)
{
	struct fixture *f = *state;
	struct login login;

	login_start(f, &login, "bad", "sshd", "root", CLIENT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pam_authenticate(login.pamh, 0), PAM_AUTH_ERR);
		assert_points(f, 10 * (i + 1));
	}
	(void)login_end(&login, PAM_AUTH_ERR);
	assert_points(f, 30);
}

/* sshd's for keyboard-interactive. */
static void log_in_by_child(struct fixture *f, const char *kind, int expected)
{
	struct login login;
	int status, code;
	pid_t pid;

	login_start(f, &login, kind, "sshd", "root", CLIENT);
	pid = fork();
	if (pid == 0) {
		code = pam_authenticate(login.pamh, 0);
		if (code == PAM_SUCCESS)
			code = pam_acct_mgmt(login.pamh, 0);
		_exit(code);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
	(void)login_end(&login, PAM_SUCCESS);
}

static void a_child_that_leaves_by_exit_is_counted(void **state)
{
	struct fixture *f = *state;

	f->policy.fail_limit = 30;
	publish(f);
	for (int i = 1; i <= 3; i++) {
		log_in_by_child(f, "bad", PAM_AUTH_ERR);
		assert_points(f, 10 * i);
	}
	log_in_by_child(f, "good", PAM_MAXTRIES);
	assert_true(info(f).blocked);
}

static void a_child_that_succeeds_is_not_counted(void **state)
{
	struct fixture *f = *state;

	log_in_by_child(f, "good", PAM_SUCCESS);
	assert_points(f, 0);
	assert_true(info(f).known);
}

static void setcred_alone_takes_back_too(void **state)
{
	struct fixture *f = *state;
	struct login login;

	login_start(f, &login, "good", "sshd", "root", CLIENT);
	assert_int_equal(pam_authenticate(login.pamh, 0), PAM_SUCCESS);
	assert_points(f, 10);
	assert_int_equal(pam_setcred(login.pamh, PAM_ESTABLISH_CRED),
			 PAM_SUCCESS);
	(void)login_end(&login, PAM_SUCCESS);
	assert_points(f, 0);
}

/* --- Much ----------------------------------------------------------------- */

static size_t memory_pages(void)
{
	char buf[256] = "";
	unsigned long size, resident = 0;
	int fd = open("/proc/self/statm", O_RDONLY);

	assert_true(read(fd, buf, sizeof(buf) - 1) > 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(sscanf(buf, "%lu %lu", &size, &resident), 2);
	return resident;
}

static int descriptors(void)
{
	int fd = dup(0);

	assert_int_equal(close(fd), 0);
	return fd;
}

/* By how many pages the process grows, after a tenth of them. */
static size_t growth(struct fixture *f, const char *service, int count)
{
	size_t before = 0, after;

	for (int i = 0; i < count; i++) {
		if (i == count / 10)
			before = memory_pages();
		if (i % 500 == 0)
			publish(f);
		/* the slow bucket would block it */
		(void)log_in_from(f, i % 100 == 0 ? "bad" : "good", service,
				  "root", CLIENT);
	}
	after = memory_pages();
	return after > before ? after - before : 0;
}

/* libpam 1.4.0 itself takes some for each. */
static void many_conversations_take_no_memory(void **state)
{
	struct fixture *f = *state;
	const char *text = getenv("WARDEN_PAM_CONVERSATIONS");
	int count = text != NULL ? atoi(text) : 10000;
	int first_free = descriptors();
	size_t without, with;

	f->policy.fail_limit = WARDEN_FAIL_LIMIT_MAX;
	publish(f);
	write_stack(f, "good", "plain", "required", "pam_permit.so",
		    "pam_permit.so", "");
	write_stack(f, "bad", "plain", "required", "pam_permit.so",
		    "pam_deny.so", "");
	without = growth(f, "plain", count);
	with = growth(f, "sshd", count);
	print_message("# pages: %zu, without the module %zu\n", with, without);
	assert_int_equal(descriptors(), first_free);
	/* fewer are for a checker of memory, which uses much itself */
	if (text == NULL)
		assert_true(with <= without + 16);
}

enum { THREADS = 4, LOGINS = 250 };

static void *thread_run(void *context)
{
	long failed = 0;

	for (int i = 0; i < LOGINS; i++)
		failed += log_in(context, "good") != PAM_SUCCESS;
	return (void *)failed;
}

static void threads_do_not_disturb_each_other(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	void *failed;

	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, thread_run,
						f),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_points(f, 0);
	assert_int_equal(total(f, WARDEN_TOTAL_SUCCESS), THREADS * LOGINS);
}

#define STACK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STACK(a_blocked_host_is_refused_before_anything_is_checked),
		STACK(a_key_of_a_blocked_host_is_refused),
		STACK(a_block_during_the_attempt_is_seen_in_account),
		STACK(mapped_addresses_and_ipv6_are_hosts_too),
		STACK(observe_refuses_nobody_and_nocount_counts_nothing),
		STACK(services_of_dovecot_are_ignored),
		STACK(no_remote_host_is_ignored),
		STACK(what_is_no_address_is_ignored),
		STACK(exempt_networks_and_the_machine_itself_are_ignored),
		STACK(no_table_is_ignored),
		STACK(a_damaged_table_is_ignored),
		STACK(a_silent_service_is_ignored),
		STACK(a_module_that_is_missing_shuts_nobody_out),
		STACK(another_user_than_root_is_ignored),
		STACK(an_unknown_option_changes_nothing),
		STACK(a_failure_is_counted),
		STACK(a_success_is_not_counted_and_makes_the_host_known),
		STACK(a_success_leaves_the_failures_before_it),
		STACK(ten_failures_block_at_the_end_of_the_last),
		STACK(each_attempt_of_one_handle_is_counted),
		STACK(a_child_that_leaves_by_exit_is_counted),
		STACK(a_child_that_succeeds_is_not_counted),
		STACK(setcred_alone_takes_back_too),
		STACK(many_conversations_take_no_memory),
		STACK(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
