/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/due.h"

#include <inttypes.h>
#include <stdio.h>

#include "census/timers.h"

/* What may be read: of 100,000 timers 11 MB. */
#define DUE_READ_BYTES (UINT64_C(64) << 20)

static void name_function(const struct watched *p, uint64_t fn, char *buf, size_t size)
{
	uint64_t va = fn - p->target.bias;

	if (gobin_start_function(p->target.bin, va, buf, size))
		snprintf(buf, size, "0x%" PRIx64, va);
}

int due_read(struct watched *p, struct snapshot_timers *ret)
{
	struct timers t = { 0 };

	p->mem.budget_bytes = DUE_READ_BYTES;
	int err = timers_read(&p->mem, p->target.bin, p->target.bias, &t);

	if (err)
		return err;
	*ret = (struct snapshot_timers){
		.total = t.total,
		.periodic = t.periodic,
		.is_partial = t.is_partial,
		.n_top = MIN(t.groups.n, (size_t)SNAPSHOT_TIMERS_TOP),
	};
	for (size_t i = 0; i < ret->n_top; i++) {
		const struct timer_group *g = &t.groups.items[i];

		/* Of those of AfterFunc time.goFunc would say nothing. */
		name_function(p, g->arg_fn ? g->arg_fn : g->fn, ret->top[i].function,
			      sizeof(ret->top[i].function));
		ret->top[i].is_periodic = g->is_periodic;
		ret->top[i].count = g->count;
	}
	timers_release(&t);
	return 0;
}
