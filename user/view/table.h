/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain lines for a pipe or a log: one per process and interval, less than 80 columns, with the
 * heading once at the top.
 */
#ifndef GOTIDE_VIEW_TABLE_H
#define GOTIDE_VIEW_TABLE_H

#include <stdio.h>

#include "view/columns.h"

void table_heading(FILE *f);
void table_row(FILE *f, const struct row *r);

#endif
