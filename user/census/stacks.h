/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call stacks by number: equal stacks get the same number, so that a million goroutines in nine
 * places cost nine stacks.  Used by census, buckets and spans; knows nothing of functions.
 *
 * The pcs are as runtime.Callers() gives them, all of them, the innermost too: each is past an
 * instruction of the place that is meant, so gobin_frames() is asked with is_return.  (A place that
 * was never left by a call is stored as its pc + 1.)
 */
#ifndef GOTIDE_CENSUS_STACKS_H
#define GOTIDE_CENSUS_STACKS_H

#include "base/err.h"

#define STACKS_DEPTH_MAX 128
/*
 * Distinct stacks kept, and the pcs in them all; past either limit new ones are STACKS_NONE, and
 * counted as refused.  The pcs take 64 MB at most.
 */
#define STACKS_MAX     (1u << 18)
#define STACKS_PCS_MAX (8u << 20)
#define STACKS_NONE    UINT32_MAX

struct stacks;

struct stack {
	const uint64_t *pcs; /* innermost first, addresses as in the target's memory */
	uint32_t n;
	bool is_cut; /* deeper than STACKS_DEPTH_MAX, or than was read */
};

int stacks_new(struct stacks **ret) _must_check_;
void stacks_free(struct stacks *s); /* NULL is fine */

/* The number of this stack; n <= STACKS_DEPTH_MAX.  STACKS_NONE: no memory, or too many. */
uint32_t stacks_intern(struct stacks *s, const uint64_t *pcs, uint32_t n, bool is_cut);
/* Borrowed, until the next stacks_intern().  id is one that it returned. */
struct stack stacks_get(const struct stacks *s, uint32_t id);
size_t stacks_count(const struct stacks *s);
uint64_t stacks_refused(const struct stacks *s);
/* More than half of what a limit allows is taken: time for the owner to begin anew. */
bool stacks_is_crowded(const struct stacks *s);

#endif
