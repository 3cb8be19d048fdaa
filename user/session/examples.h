/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the goroutines of a site wait, and for what: a stack of its oldest and the channels of all,
 * for the model.  Reading stacks takes longer than counting goroutines, so this is done only when
 * the model asks for it, and within a budget.  Called by session/tally.
 */
#ifndef GOTIDE_SESSION_EXAMPLES_H
#define GOTIDE_SESSION_EXAMPLES_H

#include "session/watch.h"

/* Wall time; 250,000 goroutines are read in it on an idle machine. */
#define EXAMPLES_BUDGET_NS (UINT64_C(400) * 1000 * 1000)

/* Errors as census_run(). */
int examples_take(struct model *m, const struct watched *p) _must_check_;

#endif
