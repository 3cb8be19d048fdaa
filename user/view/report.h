/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report: what was found in one process, for a person who has been woken up.  The first three
 * lines are the answer (who, verdict, where, how much, waiting for what); below them evidence, the
 * account, the sites, and what is not known.  A pure function of snapshot and verdict.
 */
#ifndef GOTIDE_VIEW_REPORT_H
#define GOTIDE_VIEW_REPORT_H

#include "view/view.h"

/* Go statements listed: with is_verbose all that the snapshot has. */
#define REPORT_SITES_MAX 10

void report_process(struct view_out *o, const struct snapshot_process *p, const struct verdict *v,
		    bool is_verbose);

#endif
