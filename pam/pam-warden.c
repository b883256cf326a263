/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The guard for programs that ask PAM and not libwrap: pam_warden.so.

   In `auth` a blocked host is refused before anything is checked, and in
   `account` once more: keys and GSSAPI never come through `auth`. A client that
   may go on is told "ignore", never "success": the module can let nobody in,
   however its line is written.

   A module that stands first does not learn how the stack ends. What we have is
   that `account` is only asked after `auth` has succeeded, and pam_end() when
   all is over. Neither is enough for failures: sshd runs keyboard-interactive
   in a child of its own, which leaves by _exit() when the password is wrong,
   and a client that goes away has it killed. Nobody is left there to count
   anything. So an attempt is counted when it begins, in the table, and taken
   back in `account`: whatever becomes of the process, a failure stays counted.
   Being counted it blocks nobody yet, or the right password of somebody who has
   mistyped it would; it blocks when it is known to have failed. That is when
   pam_end() finds it still there, or when the next attempt of the host begins,
   in whatever process: that one finds the host over the limit and is refused.
   No attempt beyond the limit is ever checked. If neither comes, since the last
   one ended in _exit(), the service sees that the process is gone.

   Taking back is bounded, see warden_bucket_take_back(): it is once, and what
   the attempt itself has added. The points of earlier failures stay, whoever
   logs in. Which users failed from a host is auth's secret, and neither sshd
   nor vsftpd need be trusted with it.

   Nothing is kept but what belongs to the conversation, by pam_set_data(); the
   shared files are opened for each call, so they are never stale ones. There
   is no global variable: any number of threads may be in here. */

#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "pam-warden-client.h"
#include "pam-warden-options.h"
#include "warden-clock.h"
#include "warden-layout.h"
#include "warden.h"

#define ATTEMPT_KEY "pam_warden_attempt"

/* For whoever reads this file without loading it. */
static const char layout_mark[] __attribute__((used)) = WARDEN_LAYOUT_MARK;

/* Of one conversation: what has been counted and not taken back. */
struct attempt {
	char dir[PAM_WARDEN_DIR_SIZE];
	struct warden_pending pending;
};

/* One call of PAM. */
struct call {
	pam_handle_t *pamh;
	struct pam_warden_options options;
	struct pam_warden_client client;
	struct warden *warden;
	uint64_t now;
};

/* --- A call --------------------------------------------------------------- */

static struct warden_client call_client(const struct call *call)
{
	struct warden_client client = {
		.remote = &call->client.remote,
		.local = call->client.is_own ? &call->client.remote : NULL,
		.protocol = call->client.protocol,
	};

	return client;
}

static void call_debug(const struct call *call, const char *what)
{
	if (call->options.debug)
		pam_syslog(call->pamh, LOG_DEBUG, "%s", what);
}

/* false: there is nothing to do here. */
static bool call_begin(struct call *call, pam_handle_t *pamh, int argc,
		       const char **argv)
{
	struct warden_error error;
	const char *unknown, *why;

	call->pamh = pamh;
	unknown = pam_warden_options_parse(&call->options, argc, argv);
	if (unknown != NULL)
		pam_syslog(pamh, LOG_ERR, "unknown option: %s", unknown);
	if (!pam_warden_client_get(pamh, &call->client, &why)) {
		call_debug(call, why);
		return false;
	}
	call->warden =
		warden_open(call->options.dir, WARDEN_ROLE_PAM, 0, &error);
	if (call->warden == NULL) {
		call_debug(call, error.text);
		return false;
	}
	if (call->options.observe)
		warden_set_observe(call->warden);
	call->now = warden_clock_now();
	return true;
}

static int call_end(struct call *call, enum warden_refusal refusal, int code)
{
	warden_close(&call->warden);
	if (refusal == WARDEN_ADMITTED)
		return PAM_IGNORE;
	call_debug(call, "the host is blocked");
	return code;
}

/* --- An attempt ----------------------------------------------------------- */

static void attempt_cleanup(pam_handle_t *pamh, void *data, int error_status)
{
	struct attempt *attempt = data;
	struct warden_error error;
	struct warden *warden = NULL;

	(void)pamh;
	/* PAM_DATA_SILENT: a copy of the conversation in a child of it */
	if (attempt->pending.host.key != 0 &&
	    (error_status & PAM_DATA_SILENT) == 0)
		warden = warden_open(attempt->dir, WARDEN_ROLE_PAM, 0, &error);
	if (warden != NULL) {
		(void)warden_pending_fail(warden, &attempt->pending,
					  warden_clock_now());
		warden_close(&warden);
	}
	free(attempt);
}

/* NULL: none has begun. */
static struct attempt *attempt_get(pam_handle_t *pamh)
{
	const void *data = NULL;

	if (pam_get_data(pamh, ATTEMPT_KEY, &data) != PAM_SUCCESS)
		return NULL;
	return (struct attempt *)data;
}

/* The same again when a program goes on asking with one handle. NULL: out of
   memory. */
static struct attempt *attempt_make(pam_handle_t *pamh)
{
	struct attempt *attempt = attempt_get(pamh);

	if (attempt != NULL)
		return attempt;
	attempt = calloc(1, sizeof(*attempt));
	if (attempt != NULL &&
	    pam_set_data(pamh, ATTEMPT_KEY, attempt, attempt_cleanup) !=
		    PAM_SUCCESS) {
		free(attempt);
		return NULL;
	}
	return attempt;
}

/* An attempt that nothing can take back later must not be counted. */
static enum warden_refusal attempt_begin(struct call *call)
{
	struct warden_client client = call_client(call);
	struct attempt *attempt = NULL;

	if (!call->options.nocount)
		attempt = attempt_make(call->pamh);
	if (attempt == NULL) {
		return warden_check(call->warden, &client, WARDEN_STAGE_AUTH,
				    call->now);
	}
	/* the one before has failed, or nobody would ask again */
	(void)warden_pending_fail(call->warden, &attempt->pending, call->now);
	(void)memcpy(attempt->dir, call->options.dir, sizeof(attempt->dir));
	return warden_pending_begin(call->warden, &client,
				    pam_warden_client_class(call->pamh),
				    getpid(), call->now, &attempt->pending);
}

/* Returns true if a password was checked here and counted. */
static bool attempt_succeed(struct call *call)
{
	struct attempt *attempt = attempt_get(call->pamh);

	if (attempt == NULL || attempt->pending.host.key == 0)
		return false;
	warden_pending_succeed(call->warden, &attempt->pending, call->now);
	return true;
}

/* --- What PAM calls ------------------------------------------------------- */

/* PAM_MAXTRIES: sshd then offers this connection no further password. */
int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc,
			const char **argv)
{
	struct call call;

	(void)flags;
	if (!call_begin(&call, pamh, argc, argv))
		return PAM_IGNORE;
	return call_end(&call, attempt_begin(&call), PAM_MAXTRIES);
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc,
		     const char **argv)
{
	enum warden_refusal refusal;
	struct warden_client client;
	struct call call;
	bool counted;

	(void)flags;
	if (!call_begin(&call, pamh, argc, argv))
		return PAM_IGNORE;
	client = call_client(&call);
	counted = attempt_succeed(&call);
	/* in observe mode `auth` has counted it as refused already */
	refusal = warden_check(call.warden, &client,
			       counted ? WARDEN_STAGE_SESSION :
					 WARDEN_STAGE_AUTH,
			       call.now);
	if (counted && refusal == WARDEN_ADMITTED)
		warden_success(call.warden, &client, NULL, call.now);
	return call_end(&call, refusal, PAM_PERM_DENIED);
}

/* For programs that never ask `account`. */
int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct attempt *attempt = attempt_get(pamh);
	struct call call;

	if (attempt == NULL || attempt->pending.host.key == 0 ||
	    (flags & PAM_DELETE_CRED) != 0 ||
	    !call_begin(&call, pamh, argc, argv))
		return PAM_IGNORE;
	(void)attempt_succeed(&call);
	return call_end(&call, WARDEN_ADMITTED, PAM_IGNORE);
}
