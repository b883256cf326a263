/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Names and values far apart in the source drift apart, and one value too few
   shifts every field after it: here they stay together. */

#include "warden-compat-doveadm.h"
#include "doveadm-record.h"

struct doveadm_record_field {
	const char *name;
	const char *value;
	bool number;
};

struct doveadm_record {
	ARRAY(struct doveadm_record_field) fields;
};

struct doveadm_record *doveadm_record_new(void)
{
	struct doveadm_record *record = t_new(struct doveadm_record, 1);

	t_array_init(&record->fields, 64);
	return record;
}

static void doveadm_record_add(struct doveadm_record *record, const char *name,
			       const char *value, bool number)
{
	struct doveadm_record_field *field =
		array_append_space(&record->fields);

	field->name = name;
	field->value = value;
	field->number = number;
}

void doveadm_record_str(struct doveadm_record *record, const char *name,
			const char *value)
{
	doveadm_record_add(record, name, value, false);
}

void doveadm_record_num(struct doveadm_record *record, const char *name,
			uintmax_t value)
{
	doveadm_record_add(record, name, dec2str(value), true);
}

void doveadm_record_points(struct doveadm_record *record, const char *name,
			   double points)
{
	doveadm_record_add(record, name, t_strdup_printf("%.1f", points),
			   true);
}

void doveadm_record_headers(const struct doveadm_record *record)
{
	const struct doveadm_record_field *field;

	array_foreach(&record->fields, field) {
		doveadm_print_header(field->name, field->name,
			field->number ?
				DOVEADM_PRINT_HEADER_FLAG_NUMBER |
				DOVEADM_PRINT_HEADER_FLAG_RIGHT_JUSTIFY : 0);
	}
}

void doveadm_record_values(const struct doveadm_record *record)
{
	const struct doveadm_record_field *field;

	array_foreach(&record->fields, field)
		doveadm_print(field->value);
}

void doveadm_record_print(const struct doveadm_record *record)
{
	doveadm_record_headers(record);
	doveadm_record_values(record);
}
