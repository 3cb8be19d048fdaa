/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that is known, as metrics for Prometheus.  A pure function of pictures, verdicts and the
 * agent's own account.  What each family means stands in docs/metrics.md.
 *
 * A figure that is not known is left out, never 0, and so is a process that has ended.  No series
 * comes twice: go statements whose function and place read the same are added up, and of findings
 * with the same labels the surest counts.  Labels are scrubbed, and how many there are is bounded
 * whatever a process is named or does.
 */
#ifndef GOTIDE_VIEW_METRICS_H
#define GOTIDE_VIEW_METRICS_H

#include "trend/verdict.h"
#include "view/account.h"
#include "view/exposition.h"

#define METRICS_SITES	    5 /* by default */
#define METRICS_SITES_MAX   100
#define METRICS_REASONS_MAX 12 /* with the rest in one more, "other" */

struct metrics_opts {
	enum exposition_format format;
	/*
	 * Go statements of a process: those that are said to leak, and besides the largest, until
	 * there are so many.  At most METRICS_SITES_MAX.
	 */
	unsigned int sites;
};

struct metrics_process {
	const struct snapshot_process *p;
	const struct verdict *v;
};

/* -ENOMEM, or -errno of the stream. */
int metrics_write(FILE *f, const struct metrics_opts *o, const struct agent_account *a,
		  const struct metrics_process *list, size_t n) _must_check_;

/* The i-th family; NULL: there are no more.  ret_is_compat: only with a->is_compat. */
const struct exposition_family *metrics_family(size_t i, bool *ret_is_compat);

#endif
