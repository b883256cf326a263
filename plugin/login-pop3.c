/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* USER without PASS: whoever trawls for user names on port 110 sends nothing
   else, and no log ever names it a failure. pop3-login keeps the user in a
   struct that is not in the installed headers, so watch the command go by:
   look at the input before pop3-login takes it, and afterwards tell from what
   it took whether the command was carried out.

   pop3-login takes the word of a command as soon as it is complete, and its
   line when that is; the two may come in different packets. */

#include "login-common.h"
#include "istream.h"
#include "client-common.h"
#include "login-pop3.h"

/* The word that the input starts with is USER, and complete. *arg_r: where
   its argument begins. */
static bool word_is_user(const unsigned char *data, size_t size, size_t *arg_r)
{
	if (size < 5 || strncasecmp((const char *)data, "USER", 4) != 0)
		return FALSE;
	*arg_r = data[4] == ' ' ? 5 : 4;
	return data[4] == ' ' || data[4] == '\r' || data[4] == '\n';
}

/* The rest of the line, if all of it is there. */
static bool read_line(struct login_pop3 *pop3, const unsigned char *data,
		      size_t size)
{
	const unsigned char *end = memchr(data, '\n', size);
	size_t len;

	if (end == NULL)
		return FALSE;
	len = (size_t)(end - data);
	if (len > 0 && data[len - 1] == '\r')
		len--;
	len = I_MIN(len, sizeof(pop3->line) - 1);
	memcpy(pop3->line, data, len);
	pop3->line[len] = '\0';
	return TRUE;
}

void login_pop3_before(struct login_pop3 *pop3, struct client *client)
{
	const unsigned char *data;
	size_t size, arg = 0;
	bool is_user = pop3->pending_user;

	pop3->user_line = FALSE;
	pop3->attempts = client->auth_attempts;
	/* pop3-login reads more at this point too, and only if nothing is left:
	   it will find what we found */
	if (pop3->pending)
		data = i_stream_get_data(client->input, &size);
	else if (i_stream_read_more(client->input, &data, &size) > 0)
		is_user = word_is_user(data, size, &arg);
	else
		size = 0;

	pop3->offset = client->input->v_offset;
	pop3->pending_user = is_user;
	if (is_user && size > 0)
		pop3->user_line = read_line(pop3, data + arg, size - arg);
}

/* ret is FALSE also when pop3-login waits for the rest of the command. */
static void update_pending(struct login_pop3 *pop3, struct client *client,
			   bool ret)
{
	bool taken = client->input->v_offset != pop3->offset;

	if (ret || client->destroyed || pop3->attempts != client->auth_attempts)
		pop3->pending = FALSE;
	else if (taken)
		pop3->pending = TRUE;
	if (!pop3->pending)
		pop3->pending_user = FALSE;
}

const char *login_pop3_after(struct login_pop3 *pop3, struct client *client,
			     bool ret, unsigned int real_attempts)
{
	bool named_another;
	/* refused for want of TLS: pop3-login counts that as an attempt, and
	   has not kept the user */
	bool accepted = pop3->user_line && ret && !client->destroyed &&
		pop3->attempts == client->auth_attempts;

	update_pending(pop3, client, ret);
	if (!accepted)
		return NULL;

	named_another = login_pop3_named(pop3, real_attempts) != NULL &&
		strcmp(pop3->named, pop3->line) != 0;
	if (named_another) {
		/* swap, so that the old one outlives this call */
		char old[sizeof(pop3->named)];

		memcpy(old, pop3->named, sizeof(old));
		memcpy(pop3->named, pop3->line, sizeof(pop3->named));
		memcpy(pop3->line, old, sizeof(pop3->line));
		return pop3->line;
	}
	memcpy(pop3->named, pop3->line, sizeof(pop3->named));
	pop3->named_attempts = real_attempts;
	return NULL;
}

const char *login_pop3_named(const struct login_pop3 *pop3,
			     unsigned int real_attempts)
{
	if (pop3->named[0] == '\0' || pop3->named_attempts != real_attempts)
		return NULL;
	return pop3->named;
}
