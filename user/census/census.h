/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All goroutines of a target with their stacks, read while it runs on: the face of this room for
 * goroutines.  What was learnt is kept from one pass to the next, so that a repeated census reads
 * the gs, and the stacks of those only that have moved since (scheduling registers, status,
 * trackingSeq).  Called by session and cmd.
 *
 * Memory is bounded: CENSUS_BYTES_PER_G for each goroutine between the passes and twice that
 * during one, since a pass that fails leaves the one before as it was; the distinct stacks
 * (stacks.h); 5 MB of buffers.
 *
 * trackingSeq counts modulo 256 how often a goroutine stopped running, so that one in 256 of those
 * that came back to the same place by another way would look as if it had not moved.  Therefore a
 * stack is read anew, too, if its goroutine had moved the time before, and every
 * CENSUS_KEPT_PASSES passes at the latest.  Go before 1.17 has no trackingSeq: all are read.
 */
#ifndef GOTIDE_CENSUS_CENSUS_H
#define GOTIDE_CENSUS_CENSUS_H

#include "census/stacks.h"
#include "census/walk.h"

struct census;

#define CENSUS_BYTES_PER_G 108 /* with what an array that grows has in reserve */
#define CENSUS_KEPT_PASSES 16

/* Why a goroutine has no stack, or which it has. */
enum census_stack {
	/* Not asked for, or the budget ran out before; or not unwound on this machine (arm64). */
	CENSUS_STACK_NONE = 0,
	CENSUS_STACK_WHOLE, /* ends where every goroutine's does: in runtime.goexit */
	CENSUS_STACK_CUT, /* right as far as it goes, deeper than what is read */
	CENSUS_STACK_RUNNING, /* on a CPU: only its creator and start are known */
	CENSUS_STACK_MOVING, /* its stack was being copied */
	CENSUS_STACK_TORN, /* it moved while it was read, twice */
	CENSUS_STACK_BROKEN, /* it held still and the chain leads nowhere */
	CENSUS_STACK_MAX
};

struct census_goroutine {
	struct walk_goroutine g;
	uint32_t stack; /* number in census_stacks(); STACKS_NONE if it has none */
	enum census_stack stack_state;
	/*
	 * What it waits for: the channel of its first sudog (runtime.g.waiting); 0: unknown, or no
	 * channel.  Known only if the stack is whole or cut, or broken.
	 */
	uint64_t waits_on;
};

struct census_opts {
	bool want_stacks;
	uint64_t budget_bytes; /* to read; 0: CENSUS_BUDGET_BYTES */
	uint64_t budget_ns; /* wall time; 0: CENSUS_BUDGET_NS */
};
#define CENSUS_BUDGET_BYTES (UINT64_C(8) << 30)
#define CENSUS_BUDGET_NS    (UINT64_C(10) * 1000 * 1000 * 1000)

struct census_result {
	struct walk_result walk;
	uint64_t stack_states[CENSUS_STACK_MAX]; /* goroutines by enum census_stack */
	uint64_t unchanged; /* goroutines whose stack was kept from the pass before */
	uint64_t retried; /* goroutines read again since they moved */
	uint64_t read_bytes, calls; /* of the kernel */
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
	uint64_t newest_goid; /* the highest of the ids found; 0: none was */
	bool is_partial; /* a budget ran out, or a limit was reached: not all are here */
};

/* bin is borrowed and must outlive it.  -ENOENT as census_run(). */
int census_new(struct gobin *bin, uint64_t bias, pid_t pid, struct census **ret) _must_check_;
void census_free(struct census *c); /* NULL is fine */

/*
 * The same with the facts in the caller's hand, who owns what they refer to.  mem's budget is set
 * by each pass; code->lookup NULL: stacks are not unwound, all are CENSUS_STACK_NONE.
 */
struct unwind_code;
int census_new_source(const struct walk_source *src, const struct unwind_code *code,
		      const struct mem *mem, struct census **ret) _must_check_;

/*
 * One pass.  On failure what the pass before found is still there.  -ENOENT: allgs or the offsets
 * are not known; -EBADMSG: the offsets do not describe this process; -ESRCH: it has gone; -EPERM;
 * -ENOMEM.  A goroutine that was born during the pass may be missing, one that ended may be there.
 */
int census_run(struct census *c, const struct census_opts *opts,
	       struct census_result *ret) _must_check_;

/* The goroutines of the last pass, in order of allgs.  Borrowed until the next pass. */
size_t census_count(const struct census *c);
const struct census_goroutine *census_at(const struct census *c, size_t i);
const struct stacks *census_stacks(const struct census *c);

#endif
