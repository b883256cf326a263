/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_PAM_STACK_H
#define WARDEN_PAM_STACK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How PAM would come by pam_warden.so: pam.conf(5), with the files that a
   service's file includes. All of it is read, nothing is loaded. For the
   self-check of `status`. */

/* More services are not looked at. */
#define WARDEN_PAM_SERVICES_MAX 256
#define WARDEN_PAM_NAME_STRLEN 64

struct warden_pam_places {
	const char *dir; /* /etc/pam.d */
	/* where a module is that is named without its directory; ends with
	   NULL */
	const char *const *module_dirs;
};

struct warden_pam_spot {
	char file[PATH_MAX];
	unsigned int line; /* 0: none */
};

/* What there is of one kind: auth or account. */
struct warden_pam_line {
	struct warden_pam_spot spot;  /* the first; none: the rest is empty */
	struct warden_pam_spot again; /* a second one */
	/* a line before it by which PAM may never come to it */
	struct warden_pam_spot hidden_by;
	bool refuses;	       /* its control lets a refusal stand */
	char name[PATH_MAX];   /* of the module, as it stands there */
	char module[PATH_MAX]; /* the file; empty: it is not there */
};

enum warden_pam_fault {
	WARDEN_PAM_OK,
	WARDEN_PAM_NO_LINES,
	WARDEN_PAM_NO_AUTH, /* one of them only */
	WARDEN_PAM_NO_ACCOUNT,
	WARDEN_PAM_TWICE, /* it counts twice */
	WARDEN_PAM_HIDDEN,
	WARDEN_PAM_HARMLESS, /* what it refuses goes on all the same */
	WARDEN_PAM_NO_MODULE,
	WARDEN_PAM_OTHER_LAYOUT, /* it does not understand the shared files */
};

struct warden_pam_stack {
	struct warden_pam_line auth, account;
	enum warden_pam_fault fault;
	/* where it is; spot empty: NO_LINES. Points into this struct. */
	const struct warden_pam_line *faulty;
	unsigned int module_layout; /* OTHER_LAYOUT: 0 = it does not say */
};

/* The file that PAM loads for the module when it is named so; path_r has
   PATH_MAX bytes, and is empty if there is none. */
bool warden_pam_find_module(const struct warden_pam_places *places,
			    const char *name, char *path_r);

void warden_pam_stack_look(const struct warden_pam_places *places,
			   const char *service,
			   struct warden_pam_stack *stack_r);

/* The services in places->dir in whose stacks the module is named, sorted;
   not files that others only include, nor what editors and packages leave
   behind. Returns how many. */
size_t warden_pam_services(const struct warden_pam_places *places,
			   char names_r[][WARDEN_PAM_NAME_STRLEN], size_t room);

#endif
