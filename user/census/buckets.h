/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime's own memory profile (runtime/mprof.go, mbuckets), read from the target's memory:
 * what /debug/pprof/heap would say, without an endpoint.  Called by session and cmd.
 *
 * A program that cannot reach runtime.MemProfile has no such profile (the linker sets
 * disableMemoryProfiling, Go 1.18 on): that is -ENODATA.
 */
#ifndef GOTIDE_CENSUS_BUCKETS_H
#define GOTIDE_CENSUS_BUCKETS_H

#include "base/vec.h"
#include "census/mem.h"
#include "census/stacks.h"
#include "gobin/gobin.h"

/* Limits on what a target can claim. */
#define BUCKETS_MAX (1u << 20)

/* One record, unscaled, as runtime.MemProfileRecord. */
struct heap_record {
	uint32_t stack; /* number in heap_profile.stacks */
	uint64_t size; /* of the objects sampled */
	int64_t allocs, frees, alloc_bytes, free_bytes;
};

struct heap_profile {
	struct stacks *stacks; /* owned */
	VEC(struct heap_record) records;
	/* runtime.MemProfileRate: one sample per so many bytes; -1 unknown, then nothing is scaled
	 */
	int64_t rate;
	uint64_t bad; /* records left out since they made no sense */
	bool is_partial; /* a limit or the budget ended the walk */
};

int heap_profile_read(struct mem *m, struct gobin *bin, uint64_t bias,
		      struct heap_profile *ret) _must_check_;
void heap_profile_release(struct heap_profile *p);

/*
 * What a record stands for, as runtime/pprof scales it (scaleHeapSample: each sampled object of
 * average size s stands for 1 / (1 - exp(-s / rate))).
 */
void heap_scale(int64_t count, int64_t bytes, int64_t rate, int64_t *ret_count, int64_t *ret_bytes);

#endif
