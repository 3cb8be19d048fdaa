/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap profile added up by allocation site, as the model keeps it: by the address of the call
 * that is not the runtime's.  What is looked up of an address stays, for a profile has a hundred
 * thousand records at few places and is read again and again; a fixed amount of memory.  Used by
 * heapread.
 */
#ifndef GOTIDE_SESSION_HEAPSUM_H
#define GOTIDE_SESSION_HEAPSUM_H

#include "census/buckets.h"
#include "model/model.h"

/* Sites handed over: those that hold most; the others are small. */
#define HEAPSUM_SITES_MAX 512
/* Addresses looked up for one profile; records that would take more of them are left out. */
#define HEAPSUM_LOOKUPS_MAX 16384

/* Where names come from, by address in memory, a return address; as gobin_frames(). */
struct heapsum_source {
	int (*frames)(void *arg, uint64_t pc, struct goframe *frames, size_t max);
	void *arg;
};

struct heapsum;
int heapsum_new(const struct heapsum_source *src, struct heapsum **ret) _must_check_;
void heapsum_free(struct heapsum *s); /* NULL is fine */

/*
 * *ret borrows from s and p, until the next call and until either is released; its time is left to
 * the caller.  Where all of a stack is the runtime's its site is the first call that does more than
 * hand out memory.  Records without a stack, or with nothing in use, are of no site.  -ENOMEM.
 */
int heapsum_make(struct heapsum *s, const struct heap_profile *p,
		 struct model_allocs *ret) _must_check_;

/* Gives up what the last call handed over. */
void heapsum_forget(struct heapsum *s);

/* Records that the last call left out at the limit. */
size_t heapsum_left_out(const struct heapsum *s);

#endif
