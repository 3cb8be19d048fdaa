/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/sched.h"

/* More Ps than any machine has CPUs: not a length. */
#define PROCS_MAX (1 << 16)

static int64_t read_number(struct mem *m, uint64_t addr, uint64_t max)
{
	uint64_t n;

	return addr && !mem_read_u64(m, addr, &n) && n <= max ? (int64_t)n : -1;
}

void sched_source_read(struct mem *m, const struct sched_source *src, struct sched *ret)
{
	bool has_goidgen = src->sched && src->offsets->sched_goidgen != OFFSET_NONE;

	ret->goids = read_number(m, has_goidgen ? src->sched + src->offsets->sched_goidgen : 0,
				 INT64_MAX);
	/* allp is a slice (runtime/runtime2.go, Go 1.15 to 1.27): its length is the second word. */
	ret->procs = read_number(m, src->allp ? src->allp + 8 : 0, PROCS_MAX);
}

void sched_read(struct mem *m, const struct gobin *bin, uint64_t bias, struct sched *ret)
{
	const struct globals *g = gobin_globals(bin);
	struct sched_source src = { .offsets = gobin_offsets(bin, NULL) };

	if (g && src.offsets) {
		uint64_t sched = g->global[GLOBAL_SCHED].va, allp = g->global[GLOBAL_ALLP].va;

		src.sched = sched ? sched + bias : 0;
		src.allp = allp ? allp + bias : 0;
	}
	sched_source_read(m, &src, ret);
}
