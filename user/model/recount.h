/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a census says of a process's sites, held against what was counted.  Called by model; a part
 * of model/process in a file of its own.
 *
 * A pass takes time, and goroutines come and go meanwhile.  With the counters read just before and
 * just after it, each site's census gives an interval in which its population at the start of the
 * observation must lie: those that were born or died in between may or may not have been found.
 * Intervals of successive censuses are cut with each other.  Only if nothing is left do counters
 * and census disagree.
 *
 * A goroutine is counted some instructions before (death) or after (birth) the runtime changes its
 * status, and a thread may lose its CPU just there, for long where there are more threads than
 * CPUs.  There is at most one such goroutine for each P: while a site is in motion, that many more
 * or less are no disagreement.  And what is one is believed when the next pass says the same.
 */
#ifndef GOTIDE_MODEL_RECOUNT_H
#define GOTIDE_MODEL_RECOUNT_H

#include "model/process.h"

/* goids: ids handed out so far, read just before; -1 unknown. */
void recount_begin(struct process *p, int64_t goids);
int recount_goroutine(struct process *p, const struct model_goroutine *g) _must_check_;
void recount_end(struct process *p, const struct model_census *c, struct model_census_outcome *ret);
/* What a pass found of one site, at once; instead of recount_goroutine(). */
int recount_site(struct process *p, const struct fact *f) _must_check_;
/* The end of a pass that was told so.  newest: the goroutine id of that name in struct fact. */
void recount_finish(struct process *p, const struct model_census *c, uint64_t newest,
		    struct model_census_outcome *ret);
/* The pass came to nothing; what the one before found stands. */
void recount_drop(struct process *p);

/* A site that is not known is no error. */
int recount_example(struct process *p, const struct model_example *ex) _must_check_;

/* What the censuses say of a site's goroutines from before the observation. */
/* snapshot_site.ran_part */
double recount_ran(const struct process *p, const struct site *s);
void recount_snapshot(const struct process *p, const struct site *s, struct snapshot_before *ret);

#endif
