/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef TYPED_SETTINGS_H
#define TYPED_SETTINGS_H

#include "warden-settings.h"

/* Dovecot 2.4: our settings have types, which Dovecot's config process learns
   from settings-module.c, and which whoever reads them must know as well. */

struct event;
struct setting_parser_info;

extern const struct setting_parser_info typed_settings_info;
/* What we read of Dovecot's own settings, in a module of its own: none of ours
   that is wrong can hinder it. */
extern const struct setting_parser_info typed_dovecot_info;

/* 1: all is well; 0: some are wrong, *error_r names the first, *set_r has those
   that are right, defaults for the others, and no path where the path is wrong.
   Rules that need more than one setting are not checked. */
int typed_settings_get(struct event *event, struct warden_settings *set_r,
		       struct warden_error *error_r);

/* default_internal_user, and login_trusted_networks with blanks between them;
   on the data stack. Each login process trusts the networks of its own
   protocol; the table is one for all, so these are those of every protocol. The
   settings must have been read with no_protocol_filter. */
bool typed_dovecot_get(struct event *event, const char **user_r,
		       const char **networks_r, struct warden_error *error_r);

#endif
