/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/table.h"

#define TABLE_WIDTH 79

static void table_line(FILE *f, const struct row *r)
{
	char line[COLUMNS_LINE_MAX];

	columns_line(columns_fit((1U << COLUMN_MAX) - 1, TABLE_WIDTH), TABLE_WIDTH, r, line);
	fprintf(f, "%s\n", line);
}

void table_heading(FILE *f)
{
	table_line(f, NULL);
}

void table_row(FILE *f, const struct row *r)
{
	table_line(f, r);
}
