/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a target's memory without stopping it: process_vm_readv(), batched, with a budget.  A
 * struct mem is a function and an argument, so that tests and fuzzers put a fake in its place.
 * Called by this room only; never writes to a target, never allocates.
 */
#ifndef GOTIDE_CENSUS_MEM_H
#define GOTIDE_CENSUS_MEM_H

#include <sys/types.h>

#include "base/err.h"

/* Ranges per call of the kernel (UIO_MAXIOV), and the most that read_many() is given. */
#define MEM_BATCH_MAX 1024

struct mem_range {
	uint64_t addr;
	size_t size;
	void *buf;
	bool ok; /* set by mem_read_many() */
};

struct mem {
	/* Reads all of the range or fails; fills r->ok for each of n. */
	int (*read_many)(void *arg, struct mem_range *ranges, size_t n);
	void *arg;
	uint64_t budget_bytes; /* what may still be read; reads past it fail with -ENOBUFS */
	uint64_t read_bytes;
	uint64_t calls; /* of read_many() */
	uint64_t faults; /* ranges that could not be read; they count against the budget too */
};

/* Memory of a process; owns nothing. */
void mem_of_process(struct mem *m, pid_t pid, uint64_t budget_bytes);

/* -EFAULT if there is no such memory; otherwise as mem_read_many(). */
int mem_read(struct mem *m, uint64_t addr, void *buf, size_t size) _must_check_;
int mem_read_u64(struct mem *m, uint64_t addr, uint64_t *ret) _must_check_;
/*
 * 0 if the call worked; each range says for itself whether it did.  -ESRCH, -EPERM, -ENOBUFS: then
 * no range may be used.
 */
int mem_read_many(struct mem *m, struct mem_range *ranges, size_t n) _must_check_;

/*
 * The same of up to MEM_NEAR_MAX ranges, most of which are small and lie near each other: what is
 * between them is read along, since the kernel takes as long for a range as for copying kilobytes.
 */
#define MEM_NEAR_MAX 64
int mem_read_near(struct mem *m, struct mem_range *ranges, size_t n) _must_check_;

/* Of user space, with five-level page tables. */
#define MEM_ADDRESS_END (UINT64_C(1) << 57)

/* Whether p may be the address of an object of the runtime: not null, aligned, of user space. */
static inline bool mem_is_pointer(uint64_t p)
{
	return p && !(p % 8) && p < MEM_ADDRESS_END;
}

#endif
