/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */
#ifndef DOVEADM_RECORD_H
#define DOVEADM_RECORD_H

/* One row for doveadm's formatters. They want all the names before the first
   value; a record is filled field by field, name and value side by side, and
   then printed. Every record of a command must have the same names. Lives on
   the data stack. */
struct doveadm_record;

struct doveadm_record *doveadm_record_new(void);
void doveadm_record_str(struct doveadm_record *record, const char *name,
			const char *value);
/* A number in JSON. */
void doveadm_record_num(struct doveadm_record *record, const char *name,
			uintmax_t value);
/* Points of a bucket, with one decimal. */
void doveadm_record_points(struct doveadm_record *record, const char *name,
			   double points);

/* The names. Once a command, also if no row follows. */
void doveadm_record_headers(const struct doveadm_record *record);
void doveadm_record_values(const struct doveadm_record *record);
/* Both, for a command that prints one row. */
void doveadm_record_print(const struct doveadm_record *record);

#endif
