/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stack that is kept as an example: of where goroutines wait, of who started them, of what
 * allocated.  It is named once, when somebody wants to see it.  Owned by site and allocs.
 */
#ifndef GOTIDE_MODEL_STACK_H
#define GOTIDE_MODEL_STACK_H

#include "model/model.h"

struct stack_note {
	uint32_t reason, depth; /* depth 0: none */
	uint32_t changes; /* counted by whoever keeps it: how often, and when the last time */
	uint64_t changed_ns;
	uint64_t *pc; /* WIRE_STACK_DEPTH of them, allocated at first use */
	struct snapshot_frame *frames; /* function and file share one block; NULL: to be asked */
	size_t n_frames;
};

void stack_note_release(struct stack_note *st);

/* Whether it is that stack, as far as it is kept. */
bool stack_note_is(const struct stack_note *st, const __u64 *pc, uint32_t n);
/* Keeps the first WIRE_STACK_DEPTH of n addresses, innermost first, in place of what it had. */
int stack_note_keep(struct stack_note *st, uint32_t reason, const __u64 *from,
		    uint32_t n) _must_check_;
/* Names its frames, unless it is empty or they are named.  is_parked: gopark comes first. */
int stack_note_name(struct stack_note *st, bool is_parked,
		    const struct model_resolver *r) _must_check_;

#endif
