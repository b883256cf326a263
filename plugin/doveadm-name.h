/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_NAME_H
#define DOVEADM_NAME_H

#include "warden-rules.h"

/* Look up the name of question->client as the login processes do and put it
   into the question, "unknown" after timeout_secs; on the data stack. */
void doveadm_name_look_up(struct warden_rules_question *question,
			  unsigned int timeout_secs);

/* The name, "unknown" or "paranoid"; "" if nobody has looked it up. */
const char *doveadm_name_str(const struct warden_rules_question *question);

#endif
