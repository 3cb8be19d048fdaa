/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks as the runtime records them made into stacks as gotide has them.  In gotide a pc stands
 * for its function and for all that it is inlined into.  runtime.Callers() and the memory profile
 * have a pc for each of those frames instead (runtime/traceback.go: gentraceback() with a pcbuf in
 * Go 1.15 to 1.20, tracebackPCs() since): the callers' ones are taken out.  Remembers some thousand
 * places, a fixed amount of memory.  Used by buckets.
 */
#ifndef GOTIDE_CENSUS_INLINED_H
#define GOTIDE_CENSUS_INLINED_H

#include "gobin/gobin.h"

struct inlined;

/* What the executable knows of a pc; as gobin_frames() and gobin_func_at(), by address in memory.
 */
struct inlined_source {
	int (*frames)(void *arg, uint64_t pc, struct goframe *frames, size_t max);
	int (*func_at)(void *arg, uint64_t pc, struct gofunc *ret);
	void *arg;
};

int inlined_new(const struct inlined_source *src, struct inlined **ret) _must_check_;
void inlined_free(struct inlined *in); /* NULL is fine */

/*
 * Takes out of pcs[0..n), innermost first, what only names a caller into which the pc before it is
 * inlined.  Returns how many are left, at least one of those that there were.
 */
uint32_t inlined_fold(struct inlined *in, uint64_t *pcs, uint32_t n);

/* Whether this version of Go has such stacks. */
bool inlined_is_needed(const struct goversion *v);

#endif
