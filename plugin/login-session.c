/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A client from its creation until it has logged in or is gone: is its host
   still welcome, what did it do, how did it end? Auth counts every password
   that it checks, so what is counted here is only what auth never hears of.
   Classes are told from Dovecot's state, which changes under our hands while
   a client is destroyed: TLS is gone, an exchange is aborted before `destroy`
   is called. Hence the notes taken on the way. */

#include "login-common.h"
#include "array.h"
#include "ioloop-private.h"
#include "istream.h"
#include "iostream-ssl.h"
#include "module-context.h"
#include "auth-client.h"
#include "client-common.h"
#include "warden-compat.h"
#include "warden-glue.h"
#include "warden-clock.h"
#include "client-name.h"
#include "login-accept.h"
#include "login-pop3.h"
#include "login-session.h"

#include <sys/socket.h>
#include <unistd.h>

/* Every login process throws a client out at the third. */
#define BAD_COMMANDS_MAX 3

/* Look again this often: when grace is over while the server is still busy with
   the client, and while there are no rules yet. */
#define GRACE_AGAIN_MSECS 1000

/* A session of a host that is blocked meanwhile ends within a second. */
#define WATCH_MSECS 500

#define TEXT_SESSIONS \
	"Too many connections from your address have not logged in."
#define TEXT_BLOCKED "Too many failed attempts from your address."

enum login_session_exchange {
	EXCHANGE_NONE = 0,
	EXCHANGE_CHECKING, /* auth has the password: it counts the result */
	EXCHANGE_WAITING,  /* for the client */
};

struct login_session {
	union login_client_module_context module_ctx;

	/* whom the session is counted for; the address can change. Without
	   have_remote for nobody: nothing is counted, limited or refused. */
	struct ip_addr ip, local_ip, first_ip;
	struct warden_net remote, local;
	bool have_remote, have_local;
	enum warden_rules_name name_state;
	const char *name;
	struct client_name_lookup *name_lookup;
	struct warden_session session;

	struct timeout *to_grace, *to_refuse, *to_first_read, *to_watch;
	uint64_t blocks_seen; /* warden_blocks_changed() */
	io_callback_t *first_read;
	uint64_t grace_began;
	enum warden_refusal refusal;

	/* auth_attempts that asked nobody about a password or a user */
	unsigned int hollow_attempts;
	/* auth_successes that the server behind us did not confirm */
	unsigned int rejected_successes;

	/* auth_attempts when the last challenge was sent. That mark stays
	   set after an exchange was cancelled, so it alone does not tell. */
	unsigned int challenged_attempt;
	/* the exchange that the end of the session cut off */
	enum login_session_exchange cut_off;

	struct login_pop3 pop3;

	bool admitted;	   /* once, for the present address */
	bool checked;	   /* auth answered at least once */
	bool spoke;	   /* at least one byte came */
	bool http;	   /* and it was an HTTP request */
	bool handshaked;   /* TLS */
	bool buffer_full;  /* a line that never ends */
	bool not_its_fault; /* ended by the server, for the server's reasons */
};

#define LOGIN_SESSION(client) \
	MODULE_CONTEXT_REQUIRE(client, login_session_module)

static MODULE_CONTEXT_DEFINE_INIT(login_session_module,
				  &login_module_register);

static struct warden *sessions_warden;
static enum warden_protocol sessions_protocol;
static bool sessions_are_pop3;
static pid_t sessions_pid;

static struct warden_client session_client(const struct login_session *ctx)
{
	struct warden_client client = {
		.remote = &ctx->remote,
		.local = ctx->have_local ? &ctx->local : NULL,
		.protocol = sessions_protocol,
		.name_state = ctx->name_state,
		.name = ctx->name,
	};

	return client;
}

static void
session_count(struct login_session *ctx, enum warden_class class,
	      const char *user)
{
	struct warden_client client = session_client(ctx);

	if (!ctx->have_remote)
		return;
	(void)warden_count(sessions_warden, &client, class, user,
			   warden_clock_now());
}

/* --- Is the host still welcome? ------------------------------------------ */

/* If it was looked up: at accept, as a rule. */
static void session_set_name(struct login_session *ctx,
			     const struct client *client)
{
	struct warden_client named = { .remote = &ctx->remote };

	if (ctx->have_remote)
		client_name_find(&named);
	ctx->name_state = named.name_state;
	ctx->name = p_strdup(client->pool, named.name);
}

/* The service exempts login_trusted_networks too, but sees only what stands
   outside of protocol { }, local { } and remote { }. Trusted is the address
   that the client came from, not the one that it named since. */
static void session_set_address(struct login_session *ctx,
				const struct client *client)
{
	bool exempt = WARDEN_COMPAT_CLIENT_TRUSTED(client) &&
		net_ip_compare(&client->ip, &ctx->first_ip);

	ctx->ip = client->ip;
	ctx->local_ip = client->local_ip;
	ctx->have_remote = warden_glue_net(&ctx->remote, &ctx->ip) && !exempt;
	ctx->have_local = warden_glue_net(&ctx->local, &ctx->local_ip);
	session_set_name(ctx, client);
}

static bool session_address_changed(const struct login_session *ctx,
				    const struct client *client)
{
	return !net_ip_compare(&ctx->ip, &client->ip) ||
		!net_ip_compare(&ctx->local_ip, &client->local_ip);
}

static enum warden_refusal session_open(struct login_session *ctx)
{
	struct warden_client client = session_client(ctx);
	enum warden_refusal refusal = WARDEN_ADMITTED;

	if (ctx->have_remote) {
		refusal = warden_session_open(sessions_warden, &client,
					      sessions_pid, warden_clock_now(),
					      &ctx->session);
	}
	ctx->admitted = refusal == WARDEN_ADMITTED;
	return refusal;
}

/* The session that was opened at accept, if there is one. */
static void session_take(struct login_session *ctx)
{
	if (!login_accept_take(&ctx->session)) {
		ctx->refusal = session_open(ctx);
		return;
	}
	ctx->admitted = TRUE;
	if (!ctx->have_remote)
		warden_session_close(sessions_warden, &ctx->session);
}

static void session_start_grace(struct login_session *ctx,
				struct client *client);

static void session_find_name(struct login_session *ctx, struct client *client);

/* A trusted proxy names its client with ID or XCLIENT: from then on the
   session is that client's, and its limits hold. */
static enum warden_refusal
session_judge(struct login_session *ctx, struct client *client)
{
	struct warden_client judged;

	if (session_address_changed(ctx, client)) {
		warden_session_close(sessions_warden, &ctx->session);
		session_set_address(ctx, client);
		session_start_grace(ctx, client);
		session_find_name(ctx, client);
		return session_open(ctx);
	}
	if (!ctx->have_remote)
		return WARDEN_ADMITTED;
	judged = session_client(ctx);
	return warden_check(sessions_warden, &judged, WARDEN_STAGE_SESSION,
			    warden_clock_now());
}

/* The client may be freed when this returns. Only who was let in and is thrown
   out now gets a line in the log (without a reason, Dovecot writes none):
   else a blocked client that comes by way of a proxy would write one with
   every connection. */
static void session_refuse(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);
	bool sessions = ctx->refusal == WARDEN_REFUSED_SESSIONS;
	const char *reason = sessions ?
				     "Refused by warden: too many sessions" :
			     ctx->refusal == WARDEN_REFUSED_COUNTRY ?
				     "Refused by warden: country is refused" :
				     "Refused by warden: host is blocked";

	timeout_remove(&ctx->to_refuse);
	client_notify_disconnect(client, CLIENT_DISCONNECT_RESOURCE_CONSTRAINT,
				 sessions ? TEXT_SESSIONS : TEXT_BLOCKED);
	WARDEN_COMPAT_CLIENT_NOT_FULL(client);
	client_destroy(client, ctx->admitted ? reason : NULL);
}

/* Judge, where the client must not be destroyed: it goes a moment later. */
static bool session_judge_later(struct login_session *ctx,
				struct client *client)
{
	if (ctx->refusal == WARDEN_ADMITTED)
		ctx->refusal = session_judge(ctx, client);
	if (ctx->refusal == WARDEN_ADMITTED)
		return TRUE;
	if (ctx->to_refuse == NULL) {
		ctx->to_refuse = timeout_add_short(0, session_refuse, client);
	}
	return FALSE;
}

static void session_named(void *context)
{
	struct client *client = context;
	struct login_session *ctx = LOGIN_SESSION(client);

	ctx->name_lookup = NULL;
	session_set_name(ctx, client);
	if (!client->destroyed)
		(void)session_judge_later(ctx, client);
}

/* The session has been greeted and goes on. If a rule then refuses the name,
   it ends. */
static void session_find_name(struct login_session *ctx, struct client *client)
{
	struct warden_client named = session_client(ctx);
	uint64_t now = warden_clock_now();
	const struct warden_policy *policy =
		warden_policy(sessions_warden, now);

	client_name_abort(&ctx->name_lookup);
	if (!ctx->have_remote || policy == NULL ||
	    !warden_name_matters(sessions_warden, &named, WARDEN_STAGE_ACCEPT,
				 now))
		return;
	ctx->name_lookup = client_name_look_up(&ctx->remote,
					       policy->dns_timeout_secs * 1000,
					       session_named, client);
}

/* What the client did may have named another one. */
static void session_follow_address(struct login_session *ctx,
				   struct client *client)
{
	if (!client->destroyed && session_address_changed(ctx, client))
		(void)session_judge_later(ctx, client);
}

/* false: the client is destroyed, and freed unless the caller holds it. */
static bool session_judge_now(struct login_session *ctx, struct client *client)
{
	if (client->destroyed || client->authenticating)
		return TRUE;
	if (ctx->refusal == WARDEN_ADMITTED)
		ctx->refusal = session_judge(ctx, client);
	if (ctx->refusal == WARDEN_ADMITTED)
		return TRUE;
	session_refuse(client);
	return FALSE;
}

/* --- Grace ---------------------------------------------------------------- */

static bool session_is_waiting(const struct login_session *ctx,
			       const struct client *client)
{
	return client->authenticating &&
		WARDEN_COMPAT_CLIENT_CHALLENGED(client) &&
		ctx->challenged_attempt == client->auth_attempts;
}

/* Something is being done for the client, and it is not the client's turn. */
static bool session_is_served(const struct login_session *ctx,
			      const struct client *client)
{
	return client->master_tag != 0 || client->login_proxy != NULL ||
		(client->authenticating && !session_is_waiting(ctx, client));
}

static bool session_has_grace_limit(const struct login_session *ctx,
				    const struct warden_policy *policy)
{
	return policy != NULL && policy->mode == WARDEN_MODE_ENFORCE &&
		ctx->have_remote &&
		!warden_policy_exempts(policy, &ctx->remote) &&
		!(ctx->have_local &&
		  warden_net_equals(&ctx->remote, &ctx->local));
}

/* When to look (again). 0: grace is over. Clients without a limit are looked
   at as well: the rules, and with them the limit, may come later. */
static unsigned int session_grace_msecs(const struct login_session *ctx,
					const struct client *client)
{
	uint64_t now = warden_clock_now(), end;
	const struct warden_policy *policy =
		warden_policy(sessions_warden, now);
	unsigned int grace_msecs;

	if (policy == NULL)
		return GRACE_AGAIN_MSECS;
	grace_msecs = warden_login_grace(sessions_warden, policy) * 1000;
	end = ctx->grace_began + grace_msecs;
	if (now < end)
		return (unsigned int)(end - now);
	if (!session_has_grace_limit(ctx, policy))
		return grace_msecs;
	return session_is_served(ctx, client) ? GRACE_AGAIN_MSECS : 0;
}

static void session_grace_over(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);
	unsigned int msecs;

	timeout_remove(&ctx->to_grace);
	if (session_address_changed(ctx, client)) {
		/* and grace began anew */
		session_follow_address(ctx, client);
		return;
	}
	msecs = session_grace_msecs(ctx, client);
	if (msecs > 0) {
		ctx->to_grace = timeout_add(msecs, session_grace_over, client);
		return;
	}
	client_notify_disconnect(client, CLIENT_DISCONNECT_TIMEOUT,
				 "Disconnected for inactivity.");
	client_destroy(client, "Login grace time is over");
}

static void session_start_grace(struct login_session *ctx,
				struct client *client)
{
	timeout_remove(&ctx->to_grace);
	ctx->grace_began = warden_clock_now();
	ctx->to_grace = timeout_add(session_grace_msecs(ctx, client),
				    session_grace_over, client);
}

/* --- A block that begins while it is connected ---------------------------- */

/* Most of the time this reads one word. Who is being served is not cut off: his
   password is checked already, or was right. */
static void session_watch(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);
	uint64_t blocks = warden_blocks_changed(sessions_warden);

	if (client->destroyed || ctx->to_refuse != NULL ||
	    session_is_served(ctx, client))
		return;
	/* may have become shorter, with many sessions */
	if (session_grace_msecs(ctx, client) == 0) {
		session_grace_over(client);
		return;
	}
	if (blocks == ctx->blocks_seen)
		return;
	ctx->blocks_seen = blocks;
	if (ctx->refusal == WARDEN_ADMITTED)
		ctx->refusal = session_judge(ctx, client);
	if (ctx->refusal != WARDEN_ADMITTED)
		session_refuse(client);
}

/* --- What did it do? ------------------------------------------------------ */

static bool is_http(const char *data)
{
	static const char *const methods[] = {
		"GET ", "HEAD ", "POST ", "PUT ", "OPTIONS ", "CONNECT ",
		"PRI ",
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(methods); i++) {
		if (strncmp(data, methods[i], strlen(methods[i])) == 0)
			return strstr(data, " HTTP/") != NULL;
	}
	return FALSE;
}

/* The first bytes, before anybody reads them. Only a look: reading ahead here
   could fill the stream's buffer, which Dovecot takes for a line too long. */
static void session_look(struct login_session *ctx, const struct client *client)
{
	char data[256];
	ssize_t size;

	if (ctx->spoke)
		return;
	size = recv(client->fd, data, sizeof(data) - 1,
		    MSG_PEEK | MSG_DONTWAIT);
	if (size <= 0)
		return;
	data[size] = '\0';
	ctx->spoke = TRUE;
	ctx->http = !WARDEN_COMPAT_CLIENT_TLS(client) && is_http(data);
}

static void session_first_read(void *context)
{
	struct client *client = context;
	struct login_session *ctx = LOGIN_SESSION(client);

	session_look(ctx, client);
	ctx->first_read(client);
}

/* Dovecot 2.4 reads a TLS handshake before it calls `input`, from an I/O that
   it makes after we have seen the client: look first there too. Timeouts run
   before any I/O. The I/O is Dovecot's as before, and its to replace. */
static void session_hook_first_read(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);
	struct io *io = client->io;

	timeout_remove(&ctx->to_first_read);
	if (io == NULL || io->context != client)
		return;
	ctx->first_read = io->callback;
	io->callback = session_first_read;
}

static warden_compat_handshake_t
session_handshaked(const char **error_r ATTR_UNUSED, void *context)
{
	struct login_session *ctx = context;

	ctx->handshaked = TRUE;
	return WARDEN_COMPAT_HANDSHAKE_OK;
}

static void session_watch_tls(struct login_session *ctx,
			      struct client *client)
{
	if (client->ssl_iostream != NULL) {
		ssl_iostream_set_handshake_callback(client->ssl_iostream,
						    session_handshaked, ctx);
	}
}

/* A client that does not like our certificate says so with a TLS alert
   (RFC 8446 section 6.2): not a guesser, and often our own fault. OpenSSL
   hands the alert's number on in its error text alone. */
static bool tls_error_is_about_our_certificate(const char *error)
{
	static const unsigned int alerts[] = { 42, 45, 46, 48 };
	static const char label[] = "SSL alert number ";
	const char *p = strstr(error, label);
	unsigned int i, alert;

	if (p == NULL ||
	    str_parse_uint(p + sizeof(label) - 1, &alert, NULL) < 0)
		return FALSE;
	for (i = 0; i < N_ELEMENTS(alerts); i++) {
		if (alerts[i] == alert)
			return TRUE;
	}
	return FALSE;
}

/* Submission of Dovecot 2.3 reads the handshake itself, and nobody has seen a
   first byte. OpenSSL has an error code only for something that came. */
static bool tls_error_is_about_input(const char *error)
{
	return strstr(error, ": error:") != NULL;
}

/* Submission does its own I/O, also after STARTTLS: there a decrypted byte is
   the only sign that the handshake is done. */
static bool session_tls_unfinished(const struct login_session *ctx,
				   const struct client *client)
{
	return WARDEN_COMPAT_CLIENT_TLS(client) && !ctx->handshaked &&
		client->input->v_offset == 0 &&
		i_stream_get_data_size(client->input) == 0;
}

/* Without a banner the client has waited for us, or for an auth that is down,
   and was not idle; unless we have waited for its handshake. TLS and HTTP need
   no auth: what came of those counts. */
static enum warden_class session_idle_class(const struct client *client)
{
	bool ready = client->notified_auth_ready ||
		(WARDEN_COMPAT_CLIENT_HANDSHAKE_FIRST(client) &&
		 auth_client_is_connected(auth_client));

	return ready ? WARDEN_IDLE : WARDEN_CLASS_NONE;
}

static enum warden_class session_tls_class(const struct login_session *ctx,
					   struct client *client)
{
	const char *error = i_stream_get_error(client->input);

	if (tls_error_is_about_our_certificate(error))
		return WARDEN_CLASS_NONE;
	if (!ctx->spoke && !tls_error_is_about_input(error) &&
	    !WARDEN_COMPAT_CLIENT_STARTTLS(client))
		return session_idle_class(client);
	return WARDEN_TLS_FAILED;
}

static unsigned int session_attempts(const struct login_session *ctx,
				     const struct client *client)
{
	return client->auth_attempts - ctx->hollow_attempts;
}

/* The one class of how the session ended. What was counted when it happened
   (a real attempt) is not counted again. */
static enum warden_class session_end_class(const struct login_session *ctx,
					   struct client *client)
{
	if (client->login_success ||
	    client->auth_successes > ctx->rejected_successes ||
	    ctx->not_its_fault || ctx->refusal != WARDEN_ADMITTED ||
	    ctx->cut_off == EXCHANGE_CHECKING)
		return WARDEN_CLASS_NONE;
	if (client->bad_counter >= BAD_COMMANDS_MAX || ctx->buffer_full ||
	    ctx->http)
		return WARDEN_PROTOCOL_ERROR;
	if (session_tls_unfinished(ctx, client))
		return session_tls_class(ctx, client);
	if (ctx->cut_off == EXCHANGE_WAITING) {
		return ctx->checked ? WARDEN_AUTH_CANCELLED :
			WARDEN_USER_ABANDONED;
	}
	if (login_pop3_named(&ctx->pop3, session_attempts(ctx, client)) != NULL)
		return WARDEN_USER_ABANDONED;
	return session_attempts(ctx, client) > 0 ? WARDEN_CLASS_NONE :
		session_idle_class(client);
}

static const char *session_user(const struct login_session *ctx,
				const struct client *client,
				enum warden_class class)
{
	return class != WARDEN_USER_ABANDONED ? NULL :
		login_pop3_named(&ctx->pop3, session_attempts(ctx, client));
}

/* An attempt is over. What auth did not check is counted here. */
static void session_count_attempt(struct login_session *ctx,
				  const struct client *client,
				  enum client_auth_result result,
				  const struct client_auth_reply *reply)
{
	switch (result) {
	case CLIENT_AUTH_RESULT_ABORTED:
		if (!client->destroyed)
			session_count(ctx, WARDEN_AUTH_CANCELLED, NULL);
		else if (WARDEN_COMPAT_CLIENT_CHALLENGED(client) &&
			 ctx->challenged_attempt == client->auth_attempts)
			ctx->cut_off = EXCHANGE_WAITING;
		else
			ctx->cut_off = EXCHANGE_CHECKING;
		break;
	case CLIENT_AUTH_RESULT_INVALID_BASE64:
		session_count(ctx, WARDEN_PROTOCOL_ERROR, NULL);
		break;
	case CLIENT_AUTH_RESULT_AUTHFAILED_REASON:
		/* Without auth's fields it was not auth's decision: the login
		   process could not read the response. */
		if (reply != NULL && reply->all_fields != NULL)
			ctx->checked = TRUE;
		else
			session_count(ctx, WARDEN_PROTOCOL_ERROR, NULL);
		break;
	case CLIENT_AUTH_RESULT_SSL_REQUIRED:
	case CLIENT_AUTH_RESULT_MECH_SSL_REQUIRED:
		session_count(ctx, WARDEN_CLEARTEXT_REFUSED, NULL);
		break;
	case CLIENT_AUTH_RESULT_MECH_INVALID:
	case CLIENT_AUTH_RESULT_ANONYMOUS_DENIED:
		ctx->hollow_attempts++;
		break;
	default:
		ctx->checked = TRUE;
		break;
	}
}

/* --- Behind us another server decides ------------------------------------- */

/* As auth names it, whether the attempt failed or not. */
static const char *session_proxied_user(const struct client *client)
{
	return client->virtual_auth_user != NULL ? client->virtual_auth_user :
		client->virtual_user;
}

/* Does the other server's answer say that the password was wrong? Not when its
   response code (RFC 5530 section 3, RFC 2449 section 8, RFC 3206) names
   another cause: who has too many connections open has the right password. */
static bool proxy_blames_password(const char *answer)
{
	static const char *const other_causes[] = {
		"UNAVAILABLE", "AUTHORIZATIONFAILED", "EXPIRED",
		"PRIVACYREQUIRED", "CONTACTADMIN", "SERVERBUG", "LIMIT",
		"INUSE", "IN-USE", "SYS/TEMP", "SYS/PERM",
	};
	size_t len;
	unsigned int i;

	if (answer == NULL || answer[0] != '[')
		return TRUE;
	len = strcspn(++answer, "] ");
	for (i = 0; i < N_ELEMENTS(other_causes); i++) {
		if (strlen(other_causes[i]) == len &&
		    strncasecmp(other_causes[i], answer, len) == 0)
			return FALSE;
	}
	return TRUE;
}

/* Auth has said yes and counted nothing, since it cannot know: often it takes
   any password and leaves the decision to the other server. */
static void session_proxy_rejected(struct login_session *ctx,
				   struct client *client)
{
	ctx->rejected_successes++;
	session_count(ctx, WARDEN_AUTH_FAILED, session_proxied_user(client));
	if (client_does_custom_io(client) && !client->destroyed)
		(void)session_judge_later(ctx, client);
}

static void session_proxy_confirmed(struct login_session *ctx,
				    const struct client *client)
{
	struct warden_client proxied;

	session_set_address(ctx, client);
	if (!ctx->have_remote)
		return;
	proxied = session_client(ctx);
	warden_success(sessions_warden, &proxied, session_proxied_user(client),
		       warden_clock_now());
}

/* --- Dovecot's hooks ------------------------------------------------------ */

static void login_session_input(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	session_look(ctx, client);
	if (session_judge_now(ctx, client))
		ctx->module_ctx.super.input(client);
}

/* The callers hold the client: what was destroyed in here is still there. */
static bool login_session_input_next_cmd(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);
	const char *abandoned;
	bool ret;

	if (!session_judge_now(ctx, client))
		return FALSE;
	if (!sessions_are_pop3) {
		ret = ctx->module_ctx.super.input_next_cmd(client);
		session_follow_address(ctx, client);
		return ret;
	}

	login_pop3_before(&ctx->pop3, client);
	ret = ctx->module_ctx.super.input_next_cmd(client);
	abandoned = login_pop3_after(&ctx->pop3, client, ret,
				     session_attempts(ctx, client));
	if (abandoned != NULL)
		session_count(ctx, WARDEN_USER_ABANDONED, abandoned);
	session_follow_address(ctx, client);
	return ret;
}

static void login_session_auth_send_challenge(struct client *client,
					      const char *data)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	ctx->challenged_attempt = client->auth_attempts;
	ctx->module_ctx.super.auth_send_challenge(client, data);
}

static void
login_session_auth_result(struct client *client, enum client_auth_result result,
			  const struct client_auth_reply *reply,
			  const char *text)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	session_count_attempt(ctx, client, result, reply);
	/* Others judge at their next command; with its own I/O there is no
	   hook there. */
	if (client_does_custom_io(client) && !client->destroyed &&
	    result != CLIENT_AUTH_RESULT_SUCCESS)
		(void)session_judge_later(ctx, client);
	ctx->module_ctx.super.auth_result(client, result, reply, text);
}

/* Called with authenticating set when an attempt begins, else when mechanisms
   are listed. It is the last word before auth gets the password. */
static bool login_session_sasl_filter_mech(struct client *client,
					   struct auth_mech_desc *mech)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	if (client->authenticating && !session_judge_later(ctx, client))
		return FALSE;
	return ctx->module_ctx.super.sasl_filter_mech == NULL ||
		ctx->module_ctx.super.sasl_filter_mech(client, mech);
}

static void
login_session_proxy_failed(struct client *client,
			   enum login_proxy_failure_type type,
			   const char *reason, bool reconnecting)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	if (WARDEN_COMPAT_PROXY_REFUSED(type) && !reconnecting &&
	    !WARDEN_COMPAT_CLIENT_REFERRED(client) &&
	    proxy_blames_password(reason))
		session_proxy_rejected(ctx, client);
	ctx->module_ctx.super.proxy_failed(client, type, reason, reconnecting);
}

static void login_session_starttls(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	session_watch_tls(ctx, client);
	ctx->module_ctx.super.starttls(client);
}

static void
login_session_notify_disconnect(struct client *client,
				enum client_disconnect_reason reason,
				const char *text)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	switch (reason) {
	case CLIENT_DISCONNECT_TIMEOUT:
		/* no banner yet: the client waited for us, unless it has to
		   finish its handshake first */
		ctx->not_its_fault = !client->notified_auth_ready &&
			!session_tls_unfinished(ctx, client);
		break;
	case CLIENT_DISCONNECT_RESOURCE_CONSTRAINT:
		/* its input buffer is full, or our queue is */
		ctx->buffer_full = i_stream_get_data_size(client->input) >=
			i_stream_get_max_buffer_size(client->input);
		ctx->not_its_fault = !ctx->buffer_full;
		break;
	default:
		ctx->not_its_fault = TRUE;
		break;
	}
	if (ctx->module_ctx.super.notify_disconnect != NULL) {
		ctx->module_ctx.super.notify_disconnect(client, reason, text);
	}
}

/* Also runs when a login succeeds, and then the process may go on as TLS proxy:
   either way an unauthenticated session ends here. */
static void login_session_destroy(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);
	enum warden_class class = session_end_class(ctx, client);

	timeout_remove(&ctx->to_grace);
	timeout_remove(&ctx->to_refuse);
	timeout_remove(&ctx->to_first_read);
	timeout_remove(&ctx->to_watch);
	client_name_abort(&ctx->name_lookup);
	warden_session_close(sessions_warden, &ctx->session);
	/* of all that have logged in only those that go on to another server
	   still have a proxy_user */
	if (client->login_success && client->proxy_user != NULL)
		session_proxy_confirmed(ctx, client);
	if (class != WARDEN_CLASS_NONE) {
		/* the address may have changed with the last command */
		session_set_address(ctx, client);
		session_count(ctx, class, session_user(ctx, client, class));
	}
	if (ctx->module_ctx.super.destroy != NULL)
		ctx->module_ctx.super.destroy(client);
}

static void session_hook(struct login_session *ctx, struct client *client)
{
	struct client_vfuncs *v = client->vlast;

	ctx->module_ctx.super = *v;
	client->vlast = &ctx->module_ctx.super;
	MODULE_CONTEXT_SET(client, login_session_module, ctx);

	v->destroy = login_session_destroy;
	v->notify_disconnect = login_session_notify_disconnect;
	v->auth_result = login_session_auth_result;
	v->auth_send_challenge = login_session_auth_send_challenge;
	v->sasl_filter_mech = login_session_sasl_filter_mech;
	v->proxy_failed = login_session_proxy_failed;
	/* NULL means custom I/O, and must stay so */
	if (v->input != NULL)
		v->input = login_session_input;
	if (v->input_next_cmd != NULL)
		v->input_next_cmd = login_session_input_next_cmd;
	if (v->starttls != NULL)
		v->starttls = login_session_starttls;
}

static void login_session_allocated(struct client *client)
{
	struct login_session *ctx;

	/* stale: this process takes no more connections */
	if (warden_is_retired(sessions_warden))
		return;

	ctx = p_new(client->pool, struct login_session, 1);
	ctx->first_ip = client->ip;
	session_set_address(ctx, client);
	session_hook(ctx, client);
	session_watch_tls(ctx, client);
	if (WARDEN_COMPAT_CLIENT_HANDSHAKE_FIRST(client)) {
		ctx->to_first_read = timeout_add_short(
			0, session_hook_first_read, client);
	}
	/* before the host is judged, or a block in between would be missed */
	ctx->blocks_seen = warden_blocks_changed(sessions_warden);
	ctx->to_watch = timeout_add_short(WATCH_MSECS, session_watch, client);
	session_take(ctx);
	(void)session_judge_later(ctx, client);
	session_start_grace(ctx, client);
}

static const struct login_client_hooks login_session_hooks = {
	.client_allocated = login_session_allocated,
};

void login_session_init(struct module *module, struct warden *w)
{
	sessions_warden = w;
	sessions_pid = getpid();
	sessions_protocol = warden_protocol_find(login_binary->protocol);
	sessions_are_pop3 = sessions_protocol == WARDEN_PROTOCOL_POP3;
	login_client_hooks_add(module, &login_session_hooks);
}

void login_session_deinit(void)
{
	login_client_hooks_remove(&login_session_hooks);
	sessions_warden = NULL;
}
