/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain lines for a pipe or a log: one per process and interval, less than 80 columns but for the
 * place of a finding at its end, with the heading once at the top and the time before each sample.
 */
#ifndef GOTIDE_VIEW_TABLE_H
#define GOTIDE_VIEW_TABLE_H

#include <stdio.h>
#include <time.h>

#include "view/columns.h"

void table_heading(FILE *f);
void table_row(FILE *f, const struct row *r);

/* "2026-11-21T13:17:07+01:00" on a line of its own: local time. */
void table_time(FILE *f, time_t t);

#endif
