/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C memory by call site: what the programs in the kernel (bpf/cgo.bpf.c) have summed up per stack
 * of the blocks that a process's C allocator handed out, and which blocks they keep.  Needs a probe
 * opened with use_cgo.  Called by session.
 */
#ifndef GOTIDE_PROBE_CGO_H
#define GOTIDE_PROBE_CGO_H

#include "base/vec.h"
#include "probe/probe.h"

/* Blocks in use at once, and stacks, that are kept: 104 and 448 bytes each in the kernel. */
#define CGO_BLOCKS_MAX 262144
#define CGO_SITES_MAX  16384

/* Places probed of one object: entries and exits. */
#define CGO_PLACES_MAX 512

struct cgo_place {
	uint64_t file_off;
	uint64_t cookie; /* WIRE_CGO_COOKIE() or WIRE_CGO_COOKIE_EXIT() */
};

/*
 * Attaches to n places of the object at path, and begins to follow the blocks of a process that
 * probe_target_add() knows once all of them are in: what was entered before is not seen.  tls_g: as
 * wire_cgo_state.  -ENOTSUP: opened without use_cgo, or a kernel without cookies.
 */
int probe_cgo_attach(struct probe *p, pid_t pid, const struct gobin *b, int64_t tls_g,
		     const char *path, const struct cgo_place *places, size_t n,
		     struct probe_link **ret, struct probe_error *ret_error) _must_check_;

/* Attaches to one place where no target comes by, to see what the trap costs. */
int probe_cgo_attach_idle(struct probe *p, const char *path, uint64_t file_off,
			  struct probe_link **ret) _must_check_;

/* The live counters, mapped from the kernel; NULL if it has none.  Borrowed. */
const struct wire_cgo_state *probe_cgo_state(const struct probe *p, pid_t pid);

/* From now on a block is kept with probability size / cgo_period(level). */
void probe_cgo_set_level(struct probe *p, pid_t pid, unsigned int level);

/* Calls fn for every stack of the process. */
typedef void probe_cgo_fn(const struct wire_cgo_site *s, void *arg);
int probe_cgo_each(struct probe *p, pid_t pid, probe_cgo_fn *fn, void *arg) _must_check_;

/* As probe_spans_run_ns(). */
double probe_cgo_run_ns(const struct probe *p);

/* ---- pure ---- */

/* At level 0 every block is kept, at each level more about half as many as before. */
#define CGO_LEVEL_MAX 12
uint32_t cgo_period(unsigned int level);

/* How many blocks are kept, and why: as struct spans_tuner. */
struct cgo_tuner {
	unsigned int level;
	double credit; /* blocks that may be kept beyond CGO_KEPT_PER_S: a burst is no load */
	uint64_t full_mark; /* blocks in the kernel's map when it was last found too full */
};
#define CGO_KEPT_PER_S	5000
#define CGO_KEPT_CREDIT 20000 /* what a tuner begins with, and never has more of */

/*
 * Raises the level so far that no more than CGO_KEPT_PER_S blocks that could be left out are kept
 * a second in the long run, and that the map, where in_use of them are, does not fill.  Never
 * lowered.  kept: in the seconds since the last call.
 */
void cgo_tune(struct cgo_tuner *t, uint64_t kept, double seconds, uint64_t in_use);

/* What a stack holds: allocated since the observation began, and not freed since. */
struct cgo_held {
	uint64_t bytes, blocks; /* estimates where smaller ones are sampled */
	uint64_t large_bytes, large_blocks; /* of them, exact */
	double error_bytes; /* standard deviation of bytes; 0: exact */
	uint64_t alloc_bytes, alloc_blocks; /* allocated in all, freed or not */
};
struct cgo_held cgo_held(const struct wire_cgo_site *s);

/*
 * What a hit costs before a program runs, where the kernel emulates the probed instruction, and
 * where it has to step over it, as over a return: two traps.  On one guest of an AMD EPYC with
 * Linux 6.18 (docs/benchmarks.md); for where it cannot be measured.
 */
#define CGO_TRAP_NS    950
#define CGO_STEPPED_NS 10000

/* One stack. */
struct cgo_record {
	struct cgo_held held;
	uint32_t n_c, n; /* of n addresses the first n_c are of C, the rest of Go */
	bool is_cut; /* the goroutine's stack is deeper */
	uint64_t pcs[WIRE_CGO_C_DEPTH + WIRE_CGO_GO_DEPTH]; /* return addresses, innermost first */
};

struct cgo_result {
	VEC(struct cgo_record) records; /* most bytes held first; those that hold nothing too */
	struct cgo_held total; /* error_bytes: that of the sum */
	struct wire_cgo_state counts;
	uint32_t period; /* at the end: 1: every block was kept */
	double seconds;
	uint64_t hits;
	double trap_ns; /* of all hits together */
	double run_ns; /* of a program, on average; negative: not known */
	unsigned int unknown_exits; /* ways out of the allocator that could not be probed */
	bool is_measured; /* trap_ns, on this machine; else as on another */
	bool has_go; /* goroutines are found from C */
	bool has_ended; /* the process has, or runs another image: this is how it was then */
	char allocator[256]; /* the object whose functions were probed, scrubbed */
	char functions[160]; /* their names, with blanks between */
};
void cgo_result_release(struct cgo_result *r);

#endif
