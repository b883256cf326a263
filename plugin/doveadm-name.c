/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* The one name that a command needs, by Dovecot's dns-client; when Dovecot does
   not run, all names are unknown. */

#include "lib.h"
#include "ioloop.h"
#include "client-name.h"
#include "doveadm-name.h"

static void name_found(void *context)
{
	io_loop_stop(context);
}

void doveadm_name_look_up(struct warden_rules_question *question,
			  unsigned int timeout_secs)
{
	struct ioloop *ioloop = io_loop_create();
	struct warden_client client = { .remote = question->client };

	client_name_init(FALSE);
	(void)client_name_look_up(question->client, timeout_secs * 1000,
				  name_found, ioloop);
	io_loop_run(ioloop);
	client_name_find(&client);
	question->name_state = client.name_state;
	question->name = t_strdup(client.name);
	client_name_deinit();
	io_loop_destroy(&ioloop);
}

const char *doveadm_name_str(const struct warden_rules_question *question)
{
	switch (question->name_state) {
	case WARDEN_RULES_NAME_NOT_ASKED:
		break;
	case WARDEN_RULES_NAME_GIVEN:
		return question->name;
	case WARDEN_RULES_NAME_UNKNOWN:
		return "unknown";
	case WARDEN_RULES_NAME_PARANOID:
		return "paranoid";
	}
	return "";
}
