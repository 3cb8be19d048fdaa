/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two numbers of the scheduler: cheap enough to be read right before each census.  Called by
 * session; keeps nothing.
 */
#ifndef GOTIDE_CENSUS_SCHED_H
#define GOTIDE_CENSUS_SCHED_H

#include "census/mem.h"
#include "gobin/gobin.h"

struct sched {
	int64_t goids; /* sched.goidgen: ids handed out so far, in batches of 16; -1 unknown */
	int64_t procs; /* length of allp: GOMAXPROCS, or what it was at most; -1 unknown */
};

/* What cannot be read, or makes no sense, is unknown. */
void sched_read(struct mem *m, const struct gobin *bin, uint64_t bias, struct sched *ret);

/* The same with the facts in the caller's hand: addresses in memory, 0 where one is not known. */
struct sched_source {
	uint64_t sched, allp;
	const struct offsets *offsets;
};
void sched_source_read(struct mem *m, const struct sched_source *src, struct sched *ret);

#endif
