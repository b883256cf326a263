/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef WARDEN_TEXT_H
#define WARDEN_TEXT_H

/* Configuration of other daemons, line by line. */

/* A copy of the file with a NUL at the end, at most
   WARDEN_RULES_MAX_FILE_SIZE; what is after a NUL in it is not there. The
   caller frees. NULL: no such file, or no memory. */
char *warden_text_copy(const char *path);
/* The next line without its end, in place. NULL: no more. */
char *warden_text_next_line(char **text_io);

#endif
