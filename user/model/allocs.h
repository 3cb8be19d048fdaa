/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each allocation site of one process holds, as its heap profile says, from reading to
 * reading: which of them grew is asked once the heap has.  Owned by process.  Bounded: the
 * ALLOCS_MAX sites that hold most.
 */
#ifndef GOTIDE_MODEL_ALLOCS_H
#define GOTIDE_MODEL_ALLOCS_H

#include <uthash.h>

#include "model/series.h"
#include "model/stack.h"

#define ALLOCS_MAX 128

struct alloc_site {
	uint64_t pc; /* key, as in memory */
	int64_t first_bytes, bytes, objects; /* first: when the process was first read */
	uint32_t round; /* the reading that it was last in */
	struct series held; /* scaling: bytes, from the first reading that had it */
	struct stack_note stack;
	UT_hash_handle hh;
};

struct allocs {
	struct alloc_site *sites;
	uint32_t rounds; /* readings so far */
	uint64_t first_ns, last_ns; /* of the first and the latest reading */
	int64_t rate;
};

void allocs_release(struct allocs *a);
int allocs_take(struct allocs *a, const struct model_allocs *reading) _must_check_;

/*
 * The sites that grew most between the two readings, most first, named; returns how many.  What is
 * in *ret is borrowed until the next reading.
 */
int allocs_snapshot(struct allocs *a, const struct model_resolver *r,
		    struct snapshot_alloc ret[static SNAPSHOT_ALLOCS_MAX],
		    size_t *ret_n) _must_check_;

#endif
