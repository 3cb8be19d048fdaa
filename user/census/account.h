/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Go runtime's own statistics, read from the target's memory: the numbers that
 * runtime.ReadMemStats() would give, without calling it.  Fields that this Go version or this
 * executable does not let us find are -1.  Called by session; keeps nothing.
 *
 * The fields of a struct are read at one moment but not under a lock: each is right, and they may
 * be a few instructions apart.  What is counted in the Ps' caches shows up late: the runtime adds
 * it when a span is refilled or swept.
 */
#ifndef GOTIDE_CENSUS_ACCOUNT_H
#define GOTIDE_CENSUS_ACCOUNT_H

#include "census/mem.h"
#include "gobin/gobin.h"

struct account {
	/* gcController.heapLive: allocated, dead or alive, and the open spans whole */
	int64_t heap_live_bytes;
	int64_t heap_marked_bytes; /* live after the last mark */
	int64_t heap_inuse_bytes; /* MemStats.HeapInuse */
	int64_t heap_idle_bytes; /* MemStats.HeapIdle */
	int64_t heap_released_bytes; /* MemStats.HeapReleased */
	int64_t heap_objects; /* mallocs - frees, lags by what the Ps' caches hold */
	/*
	 * MemStats.NextGC: at which live heap the next GC is due, by GOGC or the memory limit,
	 * whichever comes first (runtime/mgcpacer.go, heapGoalInternal).  -1 also when none is due.
	 */
	int64_t heap_goal_bytes;
	int64_t total_alloc_bytes; /* allocated since start */
	int64_t memory_limit_bytes; /* GOMEMLIMIT in force; INT64_MAX: none */
	int64_t gc_percent; /* GOGC in force, -1 also when off */
	int64_t mapped_ready_bytes; /* MemStats.Sys - HeapReleased: what the limit is held against
				     */
	int64_t stacks_inuse_bytes; /* MemStats.StackInuse */
	int64_t stacks_sys_bytes; /* MemStats.StackSys */
	/* MSpanSys + MCacheSys + BuckHashSys + GCSys + OtherSys + (StackSys - StackInuse) */
	int64_t other_sys_bytes;
	int64_t gc_spans_bytes; /* of those, what is spans of the heap: work buffers, mark bits */
	int64_t gc_cycles, forced_gc_cycles;
	int64_t gc_pause_total_ns, gc_pause_last_ns;
	int64_t gc_pause_max_ns; /* of the last 256 cycles, as many as the runtime keeps */
	int64_t last_gc_unix_ns;
	int64_t heap_addr; /* of something in the heap, to know its mappings by */
	int64_t go_minor; /* 27 for Go 1.27: whose structures these are */
	int64_t goids; /* sched.goidgen: goroutine ids handed out to Ps, in batches of 16 */
};

/* Sets every field to -1. */
void account_clear(struct account *a);

/*
 * -ENOENT: the globals are not known.  -EBADMSG: what is read cannot be these statistics (sizes
 * that are no whole pages, counts that are negative), so the offsets do not describe this process.
 * Other errors as mem_read().
 */
int account_read(struct mem *m, const struct gobin *bin, uint64_t bias,
		 struct account *ret) _must_check_;

/* The same with the facts in the caller's hand: addresses in memory, 0 where one is not known. */
struct account_source {
	uint64_t gccontroller, memstats, sched;
	const struct offsets *offsets;
	uint64_t allgs;
	unsigned int go_minor; /* 27 for Go 1.27; 0 unknown */
};
int account_source_read(struct mem *m, const struct account_source *src,
			struct account *ret) _must_check_;

#endif
