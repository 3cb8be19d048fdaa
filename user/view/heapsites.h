/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap profile added up by allocation site: the innermost frame that is not the runtime's, by
 * function, file and line.  Figures are scaled to what the samples stand for.  Made from a profile
 * read from memory and, for comparison, one from a file.
 */
#ifndef GOTIDE_VIEW_HEAPSITES_H
#define GOTIDE_VIEW_HEAPSITES_H

#include "census/buckets.h"
#include "view/baseline.h"
#include "view/profile.h"

struct heap_site {
	const char *function, *file; /* owned by the symbols or the baseline */
	uint32_t line;
	int64_t inuse_objects, inuse_bytes, alloc_objects, alloc_bytes;
	int64_t base_objects, base_bytes; /* in use then; 0 without a baseline */
	/* The one that holds most, borrowed from the profile; empty: in the baseline only. */
	struct stack stack;
	int64_t stack_bytes; /* that it holds */
};

struct heap_sites {
	VEC(struct heap_site) sites; /* most growth first; without a baseline most in use */
	int64_t inuse_objects, inuse_bytes, alloc_objects, alloc_bytes;
	int64_t base_bytes;
};

/*
 * base may be NULL.  -ENOMEM.  Stacks are without the frames of the runtime that lead to the
 * allocation, unless there are no others.
 */
int heap_sites_make(const struct heap_profile *p, const struct baseline *base, struct symbols *s,
		    struct heap_sites *ret) _must_check_;
void heap_sites_release(struct heap_sites *h);

/*
 * Adds the types and samples of Go's own heap profile to *ret, whose identity the caller has set.
 * It borrows from p.  -ENOMEM.
 */
int heap_sites_profile(const struct heap_profile *p, struct symbols *s,
		       struct profile *ret) _must_check_;

#endif
