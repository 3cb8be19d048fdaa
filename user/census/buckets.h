/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime's own memory profile (runtime/mprof.go, mbuckets), read from the target's memory:
 * what /debug/pprof/heap would say, without an endpoint.  Called by session and cmd.
 *
 * The figures are those that runtime.MemProfile() reports: as of the last collection whose sweep is
 * done.  While the runtime publishes a newer collection some records are of that one already.
 */
#ifndef GOTIDE_CENSUS_BUCKETS_H
#define GOTIDE_CENSUS_BUCKETS_H

#include "base/vec.h"
#include "census/inlined.h"
#include "census/mem.h"
#include "census/stacks.h"
#include "gobin/gobin.h"

/* Limits on what a target can claim: records, and frames of one (maxProfStackDepth). */
#define BUCKETS_MAX	  (1u << 20)
#define BUCKETS_DEPTH_MAX 1024
/* Frames of them all: records may lie in one another, so that bytes alone are no limit on work. */
#define BUCKETS_FRAMES_MAX (16u << 20)

/* One record, unscaled, as runtime.MemProfileRecord; its stack as all stacks of gotide. */
struct heap_record {
	uint32_t stack; /* number in heap_profile.stacks; STACKS_NONE: empty or refused */
	uint64_t size; /* of the objects sampled */
	int64_t allocs, frees, alloc_bytes, free_bytes; /* of which frees are the smaller */
};

struct heap_profile {
	struct stacks *stacks; /* owned */
	VEC(struct heap_record) records; /* most recent stack first */
	/* runtime.MemProfileRate, one sample per so many bytes; -1: not known, do not scale */
	int64_t rate;
	uint64_t bad; /* records left out since they made no sense */
	bool is_partial; /* a limit, the budget or a broken list ended the walk */
};

/*
 * -ENODATA: the program keeps no profile.  The linker turns it off in one that cannot reach
 * runtime.MemProfile (Go 1.18 on: disableMemoryProfiling makes the rate 0), some turn it off
 * themselves; what the runtime sampled before that, one record in Go 1.25, is no profile.
 * -ENOENT: mbuckets or the offsets are not known.  -EBADMSG: what is read is no list of buckets.
 * Other errors as mem_read().  Release *ret on success only.
 */
int heap_profile_read(struct mem *m, struct gobin *bin, uint64_t bias,
		      struct heap_profile *ret) _must_check_;
void heap_profile_release(struct heap_profile *p);

/*
 * Reading it in parts, between other work.  A walk borrows m and bin; one record is read at one
 * time, all of them over the time that it takes.
 */
struct heap_walk;
int heap_walk_new(struct mem *m, struct gobin *bin, uint64_t bias,
		  struct heap_walk **ret) _must_check_;
void heap_walk_free(struct heap_walk *w); /* NULL is fine */
/* Reads so many records more.  0: that was all; -EAGAIN: it was not; else it came to nothing. */
int heap_walk_step(struct heap_walk *w, size_t records) _must_check_;
/* After that 0: the profile, which is the caller's to release. */
void heap_walk_take(struct heap_walk *w, struct heap_profile *ret);

/* Both with the facts in the caller's hand: addresses in memory, rate 0 if not known. */
struct heap_profile_source {
	uint64_t mbuckets, rate;
	const struct offsets *offsets;
	struct inlined *inlined; /* NULL: stacks are kept as the runtime has them */
};
int heap_profile_source_read(struct mem *m, const struct heap_profile_source *src,
			     struct heap_profile *ret) _must_check_;
int heap_walk_new_source(struct mem *m, const struct heap_profile_source *src,
			 struct heap_walk **ret) _must_check_;

/*
 * What a record stands for, as runtime/pprof scales it (protomem.go, scaleHeapSample: each sampled
 * object of average size s stands for 1 / (1 - exp(-s / rate))).
 */
void heap_scale(int64_t count, int64_t bytes, int64_t rate, int64_t *ret_count, int64_t *ret_bytes);

#endif
