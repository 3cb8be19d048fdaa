/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/table.h"

#include <string.h>

#define TABLE_WIDTH 79

static void table_line(FILE *f, const struct row *r, const char *where)
{
	const uint32_t set = ((1U << COLUMN_MAX) - 1) & ~(1U << COLUMN_WHERE);
	char line[COLUMNS_LINE_MAX];

	columns_line(columns_fit(set, TABLE_WIDTH), TABLE_WIDTH, r, line);
	fprintf(f, "%s%s%s\n", line, *where ? " " : "", where);
}

void table_heading(FILE *f)
{
	table_line(f, NULL, column_get(COLUMN_WHERE)->name);
}

void table_row(FILE *f, const struct row *r)
{
	table_line(f, r, r->where);
}

/* strftime() knows no colon in the offset, which ISO 8601 has beside the colons of the time. */
void table_time(FILE *f, time_t t)
{
	char text[32] = "", zone[8] = "";
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%FT%T", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	fprintf(f, "%s%.3s:%s\n", text, zone, strlen(zone) > 3 ? zone + 3 : "");
}
