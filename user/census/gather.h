/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of a batch of goroutines, read while the target runs, and proven: after the stack the
 * g is read again, and the stack is believed only if the g is the same goroutine, in the same
 * state, stopped at the same place, and has not run in between (trackingSeq).  One that moved is
 * tried once more.  Keeps nothing; used by census.
 */
#ifndef GOTIDE_CENSUS_GATHER_H
#define GOTIDE_CENSUS_GATHER_H

#include "census/census.h"
#include "census/greader.h"
#include "census/unwind.h"

/* Bytes of one stack that are read at most; what is deeper is CENSUS_STACK_CUT. */
#define GATHER_BYTES_MAX 65536

struct gathered {
	/* Read by the caller; read again here, if it is still the same goroutine. */
	struct greader_slot *slot;
	enum census_stack state; /* NONE to RUNNING: as gather_state() says */
	uint64_t waits_on;
	uint32_t n; /* pcs; 0 unless whole or cut */
	uint64_t pcs[STACKS_DEPTH_MAX];
};

/* For a goroutine that stopped WHOLE, still to be read; else why it has no stack. */
enum census_stack gather_state(enum walk_status status);

struct gather;

/* reader, made with registers, is borrowed; so is o.  -ENOMEM. */
int gather_new(const struct unwind_code *code, const struct offsets *o, struct greader *reader,
	       struct gather **ret) _must_check_;
void gather_free(struct gather *g); /* NULL is fine */

/*
 * For each of items[0..n), n <= WALK_BATCH_MAX, whose slot is live: everything but slot is set.
 * *retried counts up.  Errors as mem_read_many(): then nothing but the slots may be used.
 */
int gather_run(struct gather *g, struct mem *m, struct gathered *items, size_t n,
	       uint64_t *retried) _must_check_;

#endif
