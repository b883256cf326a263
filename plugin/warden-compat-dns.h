/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_COMPAT_DNS_H
#define WARDEN_COMPAT_DNS_H

/* Dovecot's dns-client, as warden-compat.h has the rest: each macro is one
   lookup. event is what warden_compat_dns_event() returns; path is of the
   socket. The callback is called before the macro returns if dns-client cannot
   be reached, and *lookup_r is not set then. */

#include "dns-lookup.h"
#include "warden-compat.h"

/* Longer than any that we wait, which is the caller's to count. */
#define WARDEN_COMPAT_DNS_MSECS (60 * 1000)

#if WARDEN_DOVECOT_MINOR == 3 || WARDEN_DOVECOT_MICRO < 2

static inline struct event *
warden_compat_dns_event(const char *path ATTR_UNUSED)
{
	return event_create(NULL);
}

static inline void warden_compat_dns_event_free(struct event **event)
{
	event_unref(event);
}

#  define WARDEN_COMPAT_DNS_SETTINGS(event, path) \
	(&(const struct dns_lookup_settings){ \
		.dns_client_socket_path = (path), \
		.timeout_msecs = WARDEN_COMPAT_DNS_MSECS, \
		.event_parent = (event), \
	})
#  define WARDEN_COMPAT_DNS_NAME(ip, event, path, callback, context, lookup_r) \
	dns_lookup_ptr((ip), WARDEN_COMPAT_DNS_SETTINGS(event, path), \
		       callback, (context), (lookup_r))
#  define WARDEN_COMPAT_DNS_IPS(name, event, path, callback, context, lookup_r) \
	dns_lookup((name), WARDEN_COMPAT_DNS_SETTINGS(event, path), \
		   callback, (context), (lookup_r))

#else

#  include "settings.h"

/* The path is a setting here. One that begins with "./" is taken as it is;
   others are below base_dir, which is right outside of a chroot. */
static inline struct event *warden_compat_dns_event(const char *path)
{
	struct event *event =
		event_create(master_service_get_event(master_service));
	struct settings_instance *instance;

	if (strncmp(path, "./", 2) != 0)
		return event;
	instance = settings_instance_new(
		master_service_get_settings_root(master_service));
	settings_override(instance, "dns_client_socket_path", path,
			  SETTINGS_OVERRIDE_TYPE_CODE);
	event_set_ptr(event, SETTINGS_EVENT_INSTANCE, instance);
	return event;
}

static inline void warden_compat_dns_event_free(struct event **event)
{
	struct settings_instance *instance =
		event_get_ptr(*event, SETTINGS_EVENT_INSTANCE);

	event_unref(event);
	if (instance != NULL)
		settings_instance_free(&instance);
}

#  define WARDEN_COMPAT_DNS_NAME(ip, event, path, callback, context, lookup_r) \
	((void)(path), dns_lookup_ptr((ip), NULL, (event), callback, \
				      (context), (lookup_r)))
#  define WARDEN_COMPAT_DNS_IPS(name, event, path, callback, context, lookup_r) \
	((void)(path), dns_lookup((name), NULL, (event), callback, \
				  (context), (lookup_r)))

#endif

#endif
