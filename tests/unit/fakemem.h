/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of a process that does not exist: a few regions, and a hook that may change them. */
#ifndef GOTIDE_TESTS_FAKEMEM_H
#define GOTIDE_TESTS_FAKEMEM_H

#include <string.h>

#include "census/mem.h"

#define FAKEMEM_REGIONS 16

struct fakemem {
	struct {
		uint64_t addr;
		size_t size;
		uint8_t *data;
	} regions[FAKEMEM_REGIONS];
	size_t n;
	unsigned int calls;
	void (*before_call)(struct fakemem *fm); /* may be NULL */
	int err; /* what every call returns if not 0 */
};

static inline void *fakemem_at(struct fakemem *fm, uint64_t addr, size_t size)
{
	for (size_t i = 0; i < fm->n; i++) {
		uint64_t offset = addr - fm->regions[i].addr;

		if (addr >= fm->regions[i].addr && offset <= fm->regions[i].size &&
		    size <= fm->regions[i].size - offset)
			return fm->regions[i].data + offset;
	}
	return NULL;
}

static inline int fakemem_read_many(void *arg, struct mem_range *ranges, size_t n)
{
	struct fakemem *fm = arg;

	if (fm->before_call)
		fm->before_call(fm);
	fm->calls++;
	for (size_t i = 0; i < n; i++) {
		const void *p = fakemem_at(fm, ranges[i].addr, ranges[i].size);

		ranges[i].ok = p;
		if (p)
			memcpy(ranges[i].buf, p, ranges[i].size);
	}
	return fm->err;
}

static inline void fakemem_add(struct fakemem *fm, uint64_t addr, void *data, size_t size)
{
	fm->regions[fm->n].addr = addr;
	fm->regions[fm->n].size = size;
	fm->regions[fm->n].data = data;
	fm->n++;
}

static inline struct mem fakemem_open(struct fakemem *fm, uint64_t budget)
{
	return (struct mem){ .read_many = fakemem_read_many, .arg = fm, .budget_bytes = budget };
}

static inline void fakemem_put(struct fakemem *fm, uint64_t addr, uint64_t value, size_t size)
{
	void *p = fakemem_at(fm, addr, size);

	if (p)
		memcpy(p, &value, size);
}

#endif
