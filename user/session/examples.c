/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/examples.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "census/census.h"

struct waiter {
	uint64_t gopc, waits_on;
	const struct census_goroutine *g;
};

typedef VEC(struct waiter) waiters;

static void waiters_release(waiters *w)
{
	vec_release(w);
}

/* By site, then by channel. */
static int waiter_order(const void *pa, const void *pb)
{
	const struct waiter *a = pa, *b = pb;

	if (a->gopc != b->gopc)
		return a->gopc < b->gopc ? -1 : 1;
	return (a->waits_on > b->waits_on) - (a->waits_on < b->waits_on);
}

static bool has_stack(const struct census_goroutine *g)
{
	return g->stack_state == CENSUS_STACK_WHOLE || g->stack_state == CENSUS_STACK_CUT;
}

static int collect(const struct census *c, waiters *ret)
{
	for (size_t i = 0; i < census_count(c); i++) {
		const struct census_goroutine *g = census_at(c, i);
		const struct waiter it = { g->g.gopc, g->waits_on, g };
		int err = 0;

		if (!g->g.is_system && g->g.status == WALK_WAITING && has_stack(g))
			err = vec_push(ret, it);
		if (err)
			return err;
	}
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), waiter_order);
	return 0;
}

/* Those of one site: w[0..n). */
static void tell(struct model *m, pid_t pid, const struct census *c, const struct waiter *w,
		 size_t n)
{
	const struct census_goroutine *oldest = w[0].g;
	struct model_example ex = { .gopc = w[0].gopc };

	for (size_t i = 0; i < n; i++) {
		ex.channels_of += w[i].waits_on != 0;
		ex.channels += w[i].waits_on && (!i || w[i - 1].waits_on != w[i].waits_on);
		if (w[i].g->g.goid < oldest->g.goid)
			oldest = w[i].g;
	}
	const struct stack st = stacks_get(census_stacks(c), oldest->stack);

	ex.reason = oldest->g.wait_reason;
	ex.pc = st.pcs;
	ex.depth = st.n;
	model_census_example(m, pid, &ex);
}

int examples_take(struct model *m, const struct watched *p)
{
	const struct census_opts opts = { .want_stacks = true, .budget_ns = EXAMPLES_BUDGET_NS };
	_cleanup_(waiters_release) waiters w = { 0 };
	struct census_result res;
	struct census *c = NULL;
	int err = census_new(p->target.bin, p->target.bias, p->pid, &c);

	err = err ? err : census_run(c, &opts, &res);
	err = err ? err : collect(c, &w);
	for (size_t i = 0, end; !err && i < w.n; i = end) {
		for (end = i + 1; end < w.n && w.items[end].gopc == w.items[i].gopc;)
			end++;
		tell(m, p->pid, c, &w.items[i], end - i);
	}
	census_free(c);
	return err;
}
