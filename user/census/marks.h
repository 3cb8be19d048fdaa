/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the latest garbage collections ended, to tell since when at least a goroutine waits.  Used
 * by walk and greader.
 *
 * A collection that finds a goroutine waiting notes g.waitsince = work.tstart (runtime/mgcmark.go,
 * markroot, Go 1.15 to 1.27); but work.tstart is set later in the cycle, when marking ends
 * (gcMark), so it is the time of the collection before.  The goroutine waited when the next one
 * after that time was marking, and may have begun to wait at any moment in between.
 */
#ifndef GOTIDE_CENSUS_MARKS_H
#define GOTIDE_CENSUS_MARKS_H

#include "census/mem.h"
#include "gobin/offsets.h"

#define MARKS_MAX 256 /* runtime/mstats.go, len(memstats.pause_end) */

struct marks {
	int64_t end_ns[MARKS_MAX]; /* CLOCK_MONOTONIC, rising */
	size_t n;
};

/* memstats: its address in memory.  Leaves none where they are not known, or make no sense. */
void marks_read(struct mem *m, uint64_t memstats, const struct offsets *o, struct marks *ret);

/*
 * Since when a goroutine whose g.waitsince is this waits, or longer.  0: no collection that is over
 * has seen it wait.
 */
int64_t marks_waits_since(const struct marks *marks, int64_t waitsince_ns);

#endif
