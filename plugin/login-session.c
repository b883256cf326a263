/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A client from its creation until it has logged in or is gone: is its host
   still welcome, what did it do, how did it end? Auth counts every password
   that it checks, so what is counted here is only what auth never hears of.
   Classes are told from Dovecot's state, which changes under our hands while
   a client is destroyed: TLS is gone, an exchange is aborted before `destroy`
   is called. Hence the notes taken on the way. */

#include "login-common.h"
#include "array.h"
#include "ioloop.h"
#include "istream.h"
#include "iostream-ssl.h"
#include "module-context.h"
#include "client-common.h"
#include "warden-compat.h"
#include "warden-glue.h"
#include "warden-clock.h"
#include "login-accept.h"
#include "login-pop3.h"
#include "login-session.h"

#include <sys/socket.h>
#include <unistd.h>

/* Every login process throws a client out at the third. */
#define BAD_COMMANDS_MAX 3

/* When grace is over while the server is still busy with the client, look
   again this often. */
#define GRACE_AGAIN_MSECS 1000

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

	/* whom the session is counted for; the address can change */
	struct ip_addr ip, local_ip;
	struct warden_net remote, local;
	bool have_remote, have_local;
	struct warden_session session;

	struct timeout *to_grace, *to_refuse;
	enum warden_refusal refusal;

	/* auth_attempts when the last challenge was sent. auth_waiting stays
	   set after an exchange was cancelled, so it alone does not tell. */
	unsigned int challenged_attempt;
	/* the exchange that the end of the session cut off */
	enum login_session_exchange cut_off;

	struct login_pop3 pop3;

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

static const struct warden_net *session_local(const struct login_session *ctx)
{
	return ctx->have_local ? &ctx->local : NULL;
}

static void
session_count(struct login_session *ctx, enum warden_class class,
	      const char *user)
{
	if (!ctx->have_remote)
		return;
	(void)warden_count(sessions_warden, &ctx->remote, session_local(ctx),
			   class, sessions_protocol, user, warden_clock_now());
}

/* --- Is the host still welcome? ------------------------------------------ */

static void session_set_address(struct login_session *ctx,
				const struct client *client)
{
	ctx->ip = client->ip;
	ctx->local_ip = client->local_ip;
	ctx->have_remote = warden_glue_net(&ctx->remote, &ctx->ip);
	ctx->have_local = warden_glue_net(&ctx->local, &ctx->local_ip);
}

static enum warden_refusal session_open(struct login_session *ctx)
{
	if (!ctx->have_remote)
		return WARDEN_ADMITTED;
	return warden_session_open(sessions_warden, &ctx->remote,
				   session_local(ctx), sessions_pid,
				   warden_clock_now(), &ctx->session);
}

/* A trusted proxy names its client with ID or XCLIENT: from then on the
   session is that client's, and its limits hold. */
static enum warden_refusal
session_judge(struct login_session *ctx, const struct client *client)
{
	if (!net_ip_compare(&ctx->ip, &client->ip) ||
	    !net_ip_compare(&ctx->local_ip, &client->local_ip)) {
		warden_session_close(sessions_warden, &ctx->session);
		session_set_address(ctx, client);
		return session_open(ctx);
	}
	if (!ctx->have_remote)
		return WARDEN_ADMITTED;
	return warden_check(sessions_warden, &ctx->remote, session_local(ctx),
			    WARDEN_STAGE_SESSION, warden_clock_now());
}

/* The client may be freed when this returns. */
static void session_refuse(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	timeout_remove(&ctx->to_refuse);
	if (ctx->refusal == WARDEN_REFUSED_SESSIONS) {
		client_notify_disconnect(client,
			CLIENT_DISCONNECT_RESOURCE_CONSTRAINT, TEXT_SESSIONS);
		client_destroy(client, "Refused by warden: too many sessions");
	} else {
		client_notify_disconnect(client,
			CLIENT_DISCONNECT_RESOURCE_CONSTRAINT, TEXT_BLOCKED);
		client_destroy(client, "Refused by warden: host is blocked");
	}
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
	return client->authenticating && client->auth_waiting &&
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

static void session_grace_over(struct client *client)
{
	struct login_session *ctx = LOGIN_SESSION(client);

	timeout_remove(&ctx->to_grace);
	if (!session_has_grace_limit(ctx, warden_policy(sessions_warden,
							warden_clock_now())))
		return;
	if (session_is_served(ctx, client)) {
		ctx->to_grace = timeout_add(GRACE_AGAIN_MSECS,
					    session_grace_over, client);
		return;
	}
	client_notify_disconnect(client, CLIENT_DISCONNECT_TIMEOUT,
				 "Disconnected for inactivity.");
	client_destroy(client, "Login grace time is over");
}

static void session_start_grace(struct login_session *ctx,
				struct client *client)
{
	const struct warden_policy *policy =
		warden_policy(sessions_warden, warden_clock_now());

	if (!session_has_grace_limit(ctx, policy))
		return;
	ctx->to_grace = timeout_add(policy->login_grace_secs * 1000,
				    session_grace_over, client);
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
		if (str_begins(data, methods[i]))
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

static int session_handshaked(const char **error_r ATTR_UNUSED, void *context)
{
	struct login_session *ctx = context;

	ctx->handshaked = TRUE;
	return 0;
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

/* Submission does its own I/O, also after STARTTLS: there a decrypted byte is
   the only sign that the handshake is done. */
static bool session_tls_unfinished(const struct login_session *ctx,
				   const struct client *client)
{
	return WARDEN_COMPAT_CLIENT_TLS(client) && !ctx->handshaked &&
		client->input->v_offset == 0 &&
		i_stream_get_data_size(client->input) == 0;
}

static enum warden_class session_tls_class(const struct login_session *ctx,
					   struct client *client)
{
	if (tls_error_is_about_our_certificate(
			i_stream_get_error(client->input)))
		return WARDEN_CLASS_NONE;
	if (!ctx->spoke && !WARDEN_COMPAT_CLIENT_STARTTLS(client))
		return WARDEN_IDLE;
	return WARDEN_TLS_FAILED;
}

/* The one class of how the session ended. What was counted when it happened
   (auth_attempts > 0) is not counted again. */
static enum warden_class session_end_class(const struct login_session *ctx,
					   struct client *client)
{
	if (client->login_success || client->auth_successes > 0 ||
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
	if (login_pop3_named(&ctx->pop3, client->auth_attempts) != NULL)
		return WARDEN_USER_ABANDONED;
	return client->auth_attempts > 0 ? WARDEN_CLASS_NONE : WARDEN_IDLE;
}

static const char *session_user(const struct login_session *ctx,
				const struct client *client,
				enum warden_class class)
{
	return class != WARDEN_USER_ABANDONED ? NULL :
		login_pop3_named(&ctx->pop3, client->auth_attempts);
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
		else if (client->auth_waiting &&
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
		break;
	default:
		ctx->checked = TRUE;
		break;
	}
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
	if (!sessions_are_pop3)
		return ctx->module_ctx.super.input_next_cmd(client);

	login_pop3_before(&ctx->pop3, client);
	ret = ctx->module_ctx.super.input_next_cmd(client);
	abandoned = login_pop3_after(&ctx->pop3, client, ret);
	if (abandoned != NULL)
		session_count(ctx, WARDEN_USER_ABANDONED, abandoned);
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
		/* no banner yet: the client waited for us */
		ctx->not_its_fault = !client->notified_auth_ready;
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
	warden_session_close(sessions_warden, &ctx->session);
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
	session_set_address(ctx, client);
	session_hook(ctx, client);
	session_watch_tls(ctx, client);
	if (!login_accept_take(&ctx->session))
		ctx->refusal = session_open(ctx);
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
