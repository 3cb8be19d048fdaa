/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/cluster.h"

#include <assert.h>
#include <stdlib.h>

#define STRIDE_MAX 512 /* from one to the next in a shared range; a g takes 480 bytes */
#define RANGE_MAX  16384

/* Where in the buffer a struct's bytes are, once range is read. */
struct place {
	const struct mem_range *range;
	const uint8_t *bytes;
};

struct cluster {
	uint32_t first, size;
	struct mem_range ranges[CLUSTER_MAX];
	struct place places[CLUSTER_MAX];
	uint8_t buf[]; /* CLUSTER_MAX times the larger of size and STRIDE_MAX */
};

int cluster_new(uint32_t first, uint32_t size, struct cluster **ret)
{
	struct cluster *c;

	if (!size || size > CLUSTER_SIZE_MAX)
		return -EINVAL;
	c = calloc(1, sizeof(*c) + (size_t)CLUSTER_MAX * MAX(size, (uint32_t)STRIDE_MAX));
	if (!c)
		return -ENOMEM;
	c->first = first;
	c->size = size;
	*ret = c;
	return 0;
}

void cluster_free(struct cluster *c)
{
	free(c);
}

static size_t plan(struct cluster *c, const uint64_t *addrs, size_t n, bool shared)
{
	struct mem_range *r = NULL;
	uint8_t *buf = c->buf;
	size_t n_ranges = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t p = addrs[i], addr = p + c->first;

		if (shared && r && p >= last && p - last <= STRIDE_MAX &&
		    addr - r->addr < RANGE_MAX) {
			r->size = addr + c->size - r->addr;
		} else {
			buf += r ? r->size : 0;
			r = &c->ranges[n_ranges++];
			*r = (struct mem_range){ .addr = addr, .size = c->size, .buf = buf };
		}
		c->places[i] = (struct place){ r, buf + (addr - r->addr) };
		last = p;
	}
	return n_ranges;
}

int cluster_read(struct cluster *c, struct mem *m, const uint64_t *addrs, size_t n, bool shared)
{
	assert(n <= CLUSTER_MAX);
	return mem_read_many(m, c->ranges, plan(c, addrs, n, shared));
}

const uint8_t *cluster_at(const struct cluster *c, size_t i)
{
	return c->places[i].range->ok ? c->places[i].bytes : NULL;
}
