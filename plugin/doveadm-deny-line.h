/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_DENY_LINE_H
#define DOVEADM_DENY_LINE_H

#include "warden-address.h"

/* Which line of the deny file refuses net: that of the net itself or of a
   network around it. Line numbers begin at 1. 0: none; -1: the file cannot be
   read, errno says why. */
int doveadm_deny_line_find(const char *path, const struct warden_net *net);

#endif
