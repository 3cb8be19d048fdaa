/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goroutines in the words of Go's own traceback, as runtime.Stack(buf, true) and
 * /debug/pprof/goroutine?debug=2 print them, so that what reads those reads this too.  Arguments
 * are not known: "(...)".  Which frames are shown, and how the ends of a long stack are, follows
 * runtime/traceback.go (Go 1.19-1.27).
 */
#ifndef GOTIDE_VIEW_DUMP_H
#define GOTIDE_VIEW_DUMP_H

#include <stdio.h>

#include "census/census.h"
#include "view/symbols.h"

struct dump {
	FILE *f;
	struct symbols *symbols; /* borrowed */
	const struct goversion *version; /* of the program: what it prints differs */
	uint64_t now_ns; /* CLOCK_MONOTONIC: since when goroutines have waited */
	uint64_t printed; /* goroutines so far */
};

/* One goroutine; state is group_state_name()'s, stack is empty if it has none. */
void dump_goroutine(struct dump *d, const struct census_goroutine *g, const char *state,
		    const struct stack *stack);

#endif
