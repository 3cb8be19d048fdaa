/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found before, so that a verdict does not flicker: a finding counts once two looks have
 * shown it, and stands until what grew has come back or has levelled off for long.  One step of a
 * state machine per look and finding; the times are those of the snapshots, so that a tape gives
 * the same.  Owned by session, which looks every JUDGE_INTERVAL_NS.
 *
 *	new --two looks--> flagged --no growth--> paused --came back, or level--> recovered
 *	 |                    ^-----grows again------'----------------<----------------'
 *	 '--not seen again--> forgotten
 */
#ifndef GOTIDE_TREND_JUDGE_H
#define GOTIDE_TREND_JUDGE_H

#include "trend/verdict.h"

#define JUDGE_INTERVAL_NS (UINT64_C(5) * 1000000000)
/* With more go statements than this in all, looks come more rarely in proportion. */
#define JUDGE_SITES 2000

struct judge;

/* How long after a look at this snapshot the next one is due. */
uint64_t judge_interval_ns(const struct snapshot *snap);

int judge_new(struct judge **ret) _must_check_;
void judge_free(struct judge *j); /* NULL is fine */

/*
 * Looks at all processes and remembers.  Those that are not in the snapshot are forgotten.
 * -ENOMEM: what there was no memory for is not remembered.
 */
int judge_look(struct judge *j, const struct snapshot *snap) _must_check_;

/*
 * The verdict on a process as it is now, by what is seen and what was found before; changes
 * nothing.  Findings that are recovered come last, and are no part of verdict.kind.
 */
void judge_verdict(const struct judge *j, const struct snapshot_process *p, struct verdict *ret);

#endif
