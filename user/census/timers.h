/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timers that are set, from the heaps of the Ps, by what they run.  From Go 1.23 on a timer or
 * ticker with a channel is in a heap only while a goroutine waits for the channel
 * (runtime/time.go): those that nobody waits for cost nothing and are not seen.  (Up to Go 1.26
 * that is so unless GODEBUG has asynctimerchan=1, as it does in a program whose go.mod names a Go
 * before 1.23.)  Called by session and cmd.
 *
 * The target runs on meanwhile.  A timer that changes its place in a heap is there once; one that
 * is taken out of a heap, or goes to another P's, while that is read may be missed or counted
 * twice.
 */
#ifndef GOTIDE_CENSUS_TIMERS_H
#define GOTIDE_CENSUS_TIMERS_H

#include "base/vec.h"
#include "census/mem.h"
#include "gobin/gobin.h"

/* Limits on what a target can claim. */
#define TIMERS_MAX	  (4u << 20)
#define TIMERS_GROUPS_MAX 4096
#define TIMERS_PS_MAX	  65536

struct timer_group {
	uint64_t fn; /* runs when it is due; address as in memory */
	uint64_t arg_fn; /* for time.goFunc: what AfterFunc was given; else 0 */
	bool is_periodic; /* a ticker */
	uint64_t count;
	int64_t period_min_ns, period_max_ns; /* of tickers */
	int64_t next_ns; /* when the first is due, CLOCK_MONOTONIC */
};

struct timers {
	VEC(struct timer_group) groups; /* most first */
	uint64_t total, periodic;
	uint64_t bad; /* made no sense, or could not be read */
	bool is_partial; /* a limit or the budget ended the walk, or not all are in groups */
};

/*
 * -ENOENT: runtime.allp or the offsets are not known.  -EBADMSG: what is read are no Ps,
 * or nothing in their heaps is a timer.  Other errors as mem_read().  Release *ret on success only.
 */
int timers_read(struct mem *m, struct gobin *bin, uint64_t bias, struct timers *ret) _must_check_;
void timers_release(struct timers *t);

/* The same with the facts in the caller's hand. */
struct timers_source {
	uint64_t allp; /* address in memory of the slice header */
	const struct offsets *offsets;
	/* Whether the function that starts there is time.goFunc. */
	bool (*is_go_func)(uint64_t pc, void *arg);
	void *arg;
};
int timers_source_read(struct mem *m, const struct timers_source *src,
		       struct timers *ret) _must_check_;

#endif
