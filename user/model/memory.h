/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One account of a process's anonymous memory, that closes: what the Go runtime says it holds,
 * set beside what the kernel says is resident.  Pure functions of readings that were made at one
 * moment; keeps nothing.
 *
 * The two sides differ in kind.  The runtime counts pages that it may use, whether or not they
 * were ever touched; the kernel counts pages that are there.  So of a fresh 64 MiB slice nothing
 * is resident yet, and a released page is, once khugepaged has put it back into a huge one.  The
 * residue is the place for that, and it is shown, not shared out.
 */
#ifndef GOTIDE_MODEL_MEMORY_H
#define GOTIDE_MODEL_MEMORY_H

#include "census/account.h"
#include "target/procfs.h"

/*
 * In bytes, -1 unknown.  Whenever memory_is_closed(),
 *
 *	live + garbage + slack + free_held + lazyfree + stacks + runtime + outside + residue
 *		== anon
 *
 * to the byte, where an unknown live or lazyfree counts as 0.  live + garbage + slack is
 * MemStats.HeapInuse.
 */
struct memory_parts {
	int64_t anon_bytes; /* anonymous RSS: the whole */
	/* found live by the last mark; -1 before the first, when garbage has it all */
	int64_t live_bytes;
	int64_t garbage_bytes; /* allocated since that mark, dead or not; open spans count whole */
	/* the rest of the spans in use: free slots, tails, dead objects that are not swept yet */
	int64_t slack_bytes;
	int64_t free_held_bytes; /* free spans not given back: HeapIdle - HeapReleased */
	/*
	 * given back by MADV_FREE, and there until the kernel wants it (the default of Go 1.12 to
	 * 1.15, GODEBUG=madvdontneed=0 since); -1 without a rollup, when residue has it
	 */
	int64_t lazyfree_bytes;
	int64_t stacks_bytes; /* of goroutines: MemStats.StackInuse */
	/*
	 * The runtime's own structures.  With a rollup that knows the heap: what of them can be
	 * resident, since most of what is reserved for them never is touched; else as the runtime
	 * counts them.
	 */
	int64_t runtime_bytes;
	/*
	 * Everything else: C's heap, mmap(), data and bss of the executable.  Mappings without a
	 * name are the runtime's as far as its structures can fill them, so that this is exact to
	 * half a MiB and a fortieth of the heap at the worst, an 18th up to Go 1.21 (measured: to
	 * 0.6 MiB of 61, beside a heap of 13; Go 1.19 to 1.27).  Without a rollup that knows the
	 * heap it is too small by all that the runtime holds and never touched.
	 */
	int64_t outside_bytes;
	/*
	 * Negative: heap pages never touched, or swapped out.  Positive: pages released and yet
	 * resident, in huge pages or because the runtime was caught in the act.  0 while the
	 * account is not closed.
	 */
	int64_t residue_bytes;
};

/* What is needed is known; else outside_bytes is -1. */
static inline bool memory_is_closed(const struct memory_parts *parts)
{
	return parts->outside_bytes >= 0;
}

/* Any may be NULL, if it could not be read; fields that are -1 are not known. */
void memory_split(const struct account *account, const struct procfs_memory *memory,
		  const struct procfs_rollup *rollup, struct memory_parts *ret);

/*
 * What a rollup would say now, going by one of earlier: heap and anonymous memory moved on by as
 * much as the account and status say they did, the pages never touched being still as many.
 */
void memory_carry(const struct account *then, const struct procfs_memory *memory_then,
		  const struct account *now, const struct procfs_memory *memory_now,
		  struct procfs_rollup *rollup);

/*
 * The latest readings of one process, of which the rollup comes less often than the others.
 * memory_readings_init() before use; owns nothing.
 */
struct memory_readings {
	struct account account, account_then; /* then: when the rollup was read */
	struct procfs_memory memory, memory_then;
	struct procfs_rollup rollup;
	bool has_rollup;
};
void memory_readings_init(struct memory_readings *r);
/* Each may be NULL, if it was not read this time. */
void memory_readings_take(struct memory_readings *r, const struct account *account,
			  const struct procfs_memory *memory, const struct procfs_rollup *rollup);
/* As memory_split(), with the rollup carried on to now. */
void memory_readings_split(const struct memory_readings *r, struct memory_parts *ret);

#endif
