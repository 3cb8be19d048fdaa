/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The goroutines that exist now, from runtime.allgs in the target's memory: how many, by creation
 * site and by state.  Called by session; writes nothing, keeps nothing, holds a fixed amount of
 * memory whatever the target claims.
 *
 * The target runs on meanwhile.  g structs are never freed, only reused (runtime/proc.go, gfput),
 * and allgs only grows, so that index i is the same g for ever; but append() may move the array
 * itself, so each part of it is read together with its header and again if that changed.  A g whose
 * fields make no sense is read again, then counted as torn.
 */
#ifndef GOTIDE_CENSUS_WALK_H
#define GOTIDE_CENSUS_WALK_H

#include "census/mem.h"
#include "gobin/gobin.h"

/* runtime.g.atomicstatus values (runtime/runtime2.go), without the scan bit 0x1000. */
enum walk_status {
	WALK_IDLE = 0,
	WALK_RUNNABLE = 1,
	WALK_RUNNING = 2,
	WALK_SYSCALL = 3,
	WALK_WAITING = 4,
	WALK_DEAD = 6,
	WALK_COPYSTACK = 8,
	WALK_PREEMPTED = 9,
	WALK_LEAKED = 10, /* Go 1.26 on */
	WALK_DEAD_EXTRA = 11 /* Go 1.26 on: an extra M's g waiting for a cgo callback */
};

struct walk_goroutine {
	uint64_t goid;
	uint64_t gopc; /* as in memory (bias included) */
	uint64_t startpc; /* as in memory */
	uint64_t parent_goid;
	enum walk_status status;
	uint8_t wait_reason;
	/* Counts, modulo 256, how often it ran and stopped (runtime.g.trackingSeq, Go 1.17 on); or
	 * 0 */
	uint8_t tracking_seq;
	/*
	 * As runtime.isSystemGoroutine() says (runtime/traceback.go): not in NumGoroutine().  The
	 * goroutines of finalizers and cleanups are system ones even while they run the program's
	 * code: the runtime counts them when they are born, and they are idle then.
	 */
	bool is_system;
	int64_t waitsince_ns; /* as in the g, which may be too early (see marks.h); 0: not set */
	int64_t waits_since_ns; /* it waits since then or longer, CLOCK_MONOTONIC; 0: not known */
};

struct walk_result {
	uint64_t allgs; /* length of allgs */
	uint64_t live; /* goroutines that are not dead, system ones included */
	uint64_t system; /* of them */
	uint64_t torn; /* made no sense, twice */
	uint64_t unread; /* memory faults */
	bool is_partial; /* the budget, or one of the limits below, ended the walk */
};

typedef void walk_fn(const struct walk_goroutine *g, void *arg);

/* Limits on what a target can claim. */
#define WALK_GOROUTINES_MAX (16u << 20)
#define WALK_UNREAD_MAX	    65536

/*
 * Calls fn for each live goroutine.  Bounded: at most WALK_GOROUTINES_MAX entries whatever the
 * target claims.  -ENOENT: allgs or the offsets are not known.  -EBADMSG: what is read is no allgs,
 * or most of it makes no sense, so the offsets do not describe this process: nothing fn was given
 * may be used.  Other errors as mem_read_many().
 */
int walk_goroutines(struct mem *m, struct gobin *bin, uint64_t bias, walk_fn *fn, void *arg,
		    struct walk_result *ret) _must_check_;

/*
 * The same in steps, for who must not stay away for long.  m and bin are borrowed until
 * walk_free().
 */
struct walk;
int walk_new(struct mem *m, struct gobin *bin, uint64_t bias, struct walk **ret) _must_check_;
void walk_free(struct walk *w); /* NULL is fine */
/* About so many entries of allgs more.  0: that was all; -EAGAIN: there are more; or as above. */
int walk_step(struct walk *w, size_t entries, walk_fn *fn, void *arg) _must_check_;
/* So far; borrowed. */
const struct walk_result *walk_so_far(const struct walk *w);

/* The same with the facts in the caller's hand. */
struct walk_source {
	uint64_t allgs; /* address in memory of the slice header */
	const struct offsets *offsets;
	/* Whether a goroutine that starts there is the runtime's own. */
	bool (*is_system)(uint64_t startpc, void *arg);
	void *arg;
	/*
	 * Address in memory of sched.goidgen; 0: not known.  No goroutine has a higher id than the
	 * last that was handed out to a P: one that claims so is torn.
	 */
	uint64_t goidgen;
	uint64_t memstats; /* address in memory; 0: not known */
};
int walk_source_new(struct mem *m, const struct walk_source *src, struct walk **ret) _must_check_;
int walk_source_run(struct mem *m, const struct walk_source *src, walk_fn *fn, void *arg,
		    struct walk_result *ret) _must_check_;

/*
 * The same with what a census needs besides: the live goroutines of each part of allgs, in its
 * order, at most WALK_BATCH_MAX at a time, read just before.  fn may read on with m; an error that
 * it returns ends the walk as an error of mem_read_many() does, -ENOBUFS making it partial.
 */
#define WALK_BATCH_MAX MEM_BATCH_MAX
struct greader_slot;
typedef int walk_batch_fn(struct greader_slot *const *slots, size_t n, void *arg);
struct greader;
int walk_source_batches(struct mem *m, const struct walk_source *src, struct greader *reader,
			walk_batch_fn *fn, void *arg, struct walk_result *ret) _must_check_;

/* What walk_goroutines() walks.  at is borrowed by *ret.  -ENOENT as there. */
struct walk_bin {
	struct gobin *bin;
	uint64_t bias;
};
int walk_source_of(const struct walk_bin *at, struct walk_source *ret) _must_check_;

/* Whether a goroutine whose start function has this name is the runtime's own. */
bool walk_is_system_name(const char *name);

#endif
