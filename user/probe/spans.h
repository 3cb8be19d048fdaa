/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heap memory by allocation site, for programs that do not link the runtime's own profiler: what
 * the programs in the kernel (bpf/spans.bpf.c) have summed up per stack, and how many small spans
 * they keep.  Needs a probe opened with use_spans.  Called by session.
 */
#ifndef GOTIDE_PROBE_SPANS_H
#define GOTIDE_PROBE_SPANS_H

#include "base/vec.h"
#include "probe/probe.h"

#define SPANS_HOOKS (1U << WIRE_HOOK_SPAN_ALLOC | 1U << WIRE_HOOK_SPAN_FREE)

/* A page of the runtime's heap (runtime/sizeclasses.go, pageSize; Go 1.15 to 1.27). */
#define SPANS_PAGE_BYTES 8192

/*
 * Spans that are in use at once, and stacks, that are kept: 96 and 448 bytes each in the kernel.
 * All maps are emptied with probe_close().
 */
#define SPANS_MAX	262144
#define SPANS_SITES_MAX 16384

/* Of small spans, no more than one in 2^SPANS_SHIFT_MAX is wanted ever. */
#define SPANS_SHIFT_MAX 16

/*
 * Begins to follow the spans of a process that probe_target_add() knows; before the hooks are
 * attached.  -ENOENT: it is not a target; -ENOTSUP: opened without use_spans.
 */
int probe_spans_add(struct probe *p, pid_t pid, const struct gobin *b) _must_check_;

/* The live counters, mapped from the kernel; NULL if it has none.  Borrowed. */
const struct wire_span_state *probe_spans_state(const struct probe *p, pid_t pid);

/* From now on one small span in 2^shift is kept. */
void probe_spans_set_shift(struct probe *p, pid_t pid, unsigned int shift);

/* Calls fn for every stack of the process. */
typedef void probe_span_fn(const struct wire_span_site *s, void *arg);
int probe_spans_each(struct probe *p, pid_t pid, probe_span_fn *fn, void *arg) _must_check_;

/*
 * What a run of the programs has taken on average, as the kernel counts it while the probe is open;
 * the trap that leads to them is not in it.  Counting costs every program on the machine some 50 ns
 * a run.  ns, or -1: nothing ran yet, or the kernel refused (counting needs CAP_SYS_ADMIN).
 */
double probe_spans_run_ns(const struct probe *p);

/* ---- pure ---- */

/* How many small spans are kept, and why. */
struct spans_tuner {
	unsigned int shift; /* one in 2^shift */
	double credit; /* spans that may be kept beyond SPANS_KEPT_PER_S: a burst is no load */
	uint64_t full_mark; /* spans in the kernel's map when it was last found too full */
};
#define SPANS_KEPT_PER_S  5000
#define SPANS_KEPT_CREDIT 20000 /* what a tuner begins with, and never has more of */

/*
 * Raises the shift so far that no more than SPANS_KEPT_PER_S spans a second are kept in the long
 * run, and that the map, where in_use of them are, does not fill.  Never lowered.  kept: in the
 * seconds since the last call.
 */
void spans_tune(struct spans_tuner *t, uint64_t kept, double seconds, uint64_t in_use);

/* What a stack holds: allocated since the observation began, and not freed since. */
struct spans_held {
	uint64_t bytes, spans; /* estimates where small ones are sampled */
	uint64_t large_bytes, large_spans; /* of them, exact */
	double error_bytes; /* standard deviation of bytes; 0: exact */
	uint64_t alloc_bytes, alloc_spans; /* allocated in all, freed or not */
};
struct spans_held spans_held(const struct wire_span_site *s);

/*
 * What a hit costs before a program runs: the trap, on a guest of an AMD EPYC with Linux 6.18
 * (docs/benchmarks.md).  On bare metal it is less.
 */
#define SPANS_TRAP_NS 950

/* One stack, without the runtime's frames that lead to the allocation unless there are no others.
 */
struct spans_record {
	struct spans_held held;
	uint32_t n;
	bool is_cut;
	uint64_t pcs[WIRE_SPAN_DEPTH]; /* return addresses as in memory, innermost first */
};

struct spans_result {
	VEC(struct spans_record) records; /* most bytes held first; those that hold nothing too */
	struct spans_held total; /* error_bytes: that of the sum */
	struct wire_span_state counts;
	unsigned int shift; /* one small span in 2^shift was kept at the end */
	double seconds;
	uint64_t hits;
	double hit_ns; /* trap and program; of the trap alone unless knows_run_ns */
	bool knows_run_ns;
	bool has_ended; /* the process has, or runs another image: this is how it was then */
};
void spans_result_release(struct spans_result *r);

#endif
