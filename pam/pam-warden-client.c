/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "pam-warden-client.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>

/* Nobody's entry is as long; one that is exists, and more we do not ask. */
#define PASSWD_MAX 16384

static const char *item_get(pam_handle_t *pamh, int item)
{
	const void *value = NULL;

	if (pam_get_item(pamh, item, &value) != PAM_SUCCESS || value == NULL)
		return "";
	return value;
}

/* Dovecot's own services, under whatever of its names: its auth counts them,
   and its passdb has refused the host already. */
static bool is_dovecots(const char *service, enum warden_protocol protocol)
{
	switch (protocol) {
	case WARDEN_PROTOCOL_IMAP:
	case WARDEN_PROTOCOL_POP3:
	case WARDEN_PROTOCOL_SUBMISSION:
	case WARDEN_PROTOCOL_SIEVE:
	case WARDEN_PROTOCOL_SMTP:
		return true;
	default:
		return strcmp(service, "dovecot") == 0;
	}
}

static bool address_parse(const char *text, struct warden_net *net_r)
{
	const char *error;

	return warden_net_parse(text, net_r, &error) &&
	       net_r->bits == warden_net_max_bits(net_r);
}

static bool sockaddr_is(const struct sockaddr *addr,
			const struct warden_net *net)
{
	struct warden_net own;
	bool known = false;

	if (addr == NULL)
		return false;
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)addr;

		known = warden_net_from_in(&own, AF_INET, &in->sin_addr);
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)addr;

		known = warden_net_from_in(&own, AF_INET6, &in6->sin6_addr);
	}
	return known && warden_net_equals(&own, net);
}

/* PAM does not say which of them the client connected to. To bind a socket to
   it would be no proof: where ip_nonlocal_bind is set, every address can be
   bound. */
static bool address_is_own(const struct warden_net *net)
{
	struct ifaddrs *list, *entry;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return false;
	for (entry = list; entry != NULL && !found; entry = entry->ifa_next)
		found = sockaddr_is(entry->ifa_addr, net);
	freeifaddrs(list);
	return found;
}

bool pam_warden_client_get(pam_handle_t *pamh,
			   struct pam_warden_client *client_r,
			   const char **why_r)
{
	const char *service = item_get(pamh, PAM_SERVICE);
	const char *rhost = item_get(pamh, PAM_RHOST);

	client_r->protocol = warden_protocol_find(service);
	if (is_dovecots(service, client_r->protocol))
		*why_r = "Dovecot's auth sees to that service itself";
	else if (*rhost == '\0')
		*why_r = "the client is not on the network";
	else if (!address_parse(rhost, &client_r->remote))
		*why_r = "what the client is called is no address";
	else {
		client_r->is_own = address_is_own(&client_r->remote);
		return true;
	}
	return false;
}

enum warden_class pam_warden_client_class(pam_handle_t *pamh)
{
	const char *user = item_get(pamh, PAM_USER);
	char buf[PASSWD_MAX];
	struct passwd entry, *found = NULL;
	int ret;

	if (*user == '\0')
		return WARDEN_AUTH_FAILED;
	/* when the list of users cannot be read, nobody is taken for unknown */
	ret = getpwnam_r(user, &entry, buf, sizeof(buf), &found);
	return found == NULL && (ret == 0 || ret == ENOENT || ret == ESRCH) ?
		       WARDEN_USER_UNKNOWN :
		       WARDEN_AUTH_FAILED;
}
