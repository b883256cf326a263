/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Dovecot 2.4: our settings are Dovecot's own, see typed-settings.h. */

#include "lib.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "service-config.h"
#include "typed-settings.h"

int service_config_read(struct master_service *service,
			struct service_config *set_r,
			struct warden_error *error_r)
{
	struct event *event = master_service_get_event(service);
	/* of every protocol { } */
	const struct master_service_settings_input input = {
		.no_protocol_filter = TRUE,
	};
	struct master_service_settings_output output;
	const char *networks, *error;
	int ret;

	if (master_service_settings_read(service, &input, &output,
					 &error) < 0) {
		warden_error_set(error_r, "%s", error);
		return -1;
	}
	if (!typed_dovecot_get(event, &set_r->user, &networks, error_r))
		return -1;
	ret = typed_settings_get(event, &set_r->warden, error_r);
	/* networks before their sum, and all of them before the last check */
	if (ret > 0 &&
	    (!warden_settings_add_exempt(&set_r->warden,
					 "login_trusted_networks", networks,
					 error_r) ||
	     /* a balancer's own connections look whether we live */
	     !warden_settings_add_exempt(&set_r->warden,
		"haproxy_trusted_networks",
		master_service_get_service_settings(service)->
			haproxy_trusted_networks, error_r) ||
	     !warden_settings_check(&set_r->warden, error_r)))
		ret = 0;
	return ret;
}
