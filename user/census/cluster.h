/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many small structs of one type, read from wherever they lie.  The kernel's work is per range, and
 * structs that were born one after the other mostly lie side by side: those share a range.  Used by
 * greader and gather.
 */
#ifndef GOTIDE_CENSUS_CLUSTER_H
#define GOTIDE_CENSUS_CLUSTER_H

#include "census/mem.h"

#define CLUSTER_MAX	 1024 /* structs at a time */
#define CLUSTER_SIZE_MAX 1024 /* bytes of one */

struct cluster;

/* Of each struct the bytes [first, first + size) are read.  -EINVAL: over the limit. */
int cluster_new(uint32_t first, uint32_t size, struct cluster **ret) _must_check_;
void cluster_free(struct cluster *c); /* NULL is fine */

/*
 * Reads the structs at addrs[0..n), n <= CLUSTER_MAX; shared says whether they may share ranges, in
 * which case one that cannot be read may take others with it.  Errors as mem_read_many().
 */
int cluster_read(struct cluster *c, struct mem *m, const uint64_t *addrs, size_t n,
		 bool shared) _must_check_;
/* What was read of struct i; NULL if it could not be. */
const uint8_t *cluster_at(const struct cluster *c, size_t i);

#endif
