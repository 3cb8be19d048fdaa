/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The g structs of goroutines (runtime/runtime2.go, type g), read by address, many at a time.  One
 * whose fields make no sense is read again; what came of each is said slot by slot.  Used by walk
 * and gather.
 */
#ifndef GOTIDE_CENSUS_GREADER_H
#define GOTIDE_CENSUS_GREADER_H

#include "census/cluster.h"
#include "census/walk.h"

/* From the first to the last field that is read; 330 bytes in Go 1.27. */
#define GREADER_SPAN_MAX CLUSTER_SIZE_MAX

enum greader_verdict {
	GREADER_UNREAD = 0, /* no such memory */
	GREADER_LIVE,
	GREADER_DEAD, /* or idle: no goroutine now */
	GREADER_ODD, /* made no sense, twice */
};

/* Where a goroutine that does not run stopped.  Of padding bits there are none: comparable. */
struct greader_regs {
	uint64_t sp, pc;
	uint64_t bp; /* 0: none, or not known */
	uint64_t stack_lo, stack_hi;
	uint64_t waiting; /* its first sudog; 0: none */
	uint64_t seq; /* g.tracking_seq */
};

struct greader_slot {
	uint64_t addr; /* of the g: set by the caller */
	uint64_t index; /* of it in allgs: the caller's */
	enum greader_verdict verdict;
	struct walk_goroutine g; /* only if live; is_system is not set */
	struct greader_regs regs; /* only if live, and if they were asked for */
};

struct greader;

/*
 * o is borrowed.  -ENOENT: a field that is needed is not known; with with_regs the stack's bounds
 * and the scheduling registers are needed, too.
 */
int greader_new(const struct offsets *o, bool with_regs, struct greader **ret) _must_check_;
void greader_free(struct greader *r); /* NULL is fine */

/* Ids above it are odd: address of sched.goidgen, 0: not known. */
void greader_bound_goids(struct greader *r, uint64_t goidgen);

/* Reads when the latest collections ended; memstats is its address, 0: not known. */
void greader_read_marks(struct greader *r, struct mem *m, uint64_t memstats);

/* Reads slots[0..n), n <= CLUSTER_MAX.  On an error, as of mem_read_many(), no slot may be used. */
int greader_read(struct greader *r, struct mem *m, struct greader_slot *const *slots,
		 size_t n) _must_check_;

/* Whether trackingSeq is known (Go 1.17 on). */
bool greader_has_seq(const struct greader *r);

#endif
