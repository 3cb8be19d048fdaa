/* SPDX-License-Identifier: BSD-2-Clause */
/* One batch of stacks; how they are proven shows in test_census_census.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "census/gather.h"
#include "census_world.h"

struct batch {
	struct greader *reader;
	struct gather *gather;
	struct greader_slot slots[CW_MAX];
	struct gathered items[CW_MAX];
	uint64_t retried;
};

static void batch_free(struct batch **pb)
{
	gather_free((*pb)->gather);
	greader_free((*pb)->reader);
	free(*pb);
}

static struct batch *batch_read(size_t n)
{
	const struct unwind_code code = { cw_lookup, NULL };
	struct mem m = fakemem_open(&cw->fm, 1 << 24);
	struct batch *b = calloc(1, sizeof(*b));
	struct greader_slot *at[CW_MAX];

	assert_int_equal(greader_new(&cw_offsets, true, &b->reader), 0);
	assert_int_equal(gather_new(&code, &cw_offsets, b->reader, &b->gather), 0);
	for (size_t i = 0; i < n; i++) {
		b->slots[i].addr = cw_g(i);
		at[i] = &b->slots[i];
		b->items[i].slot = &b->slots[i];
	}
	assert_int_equal(greader_read(b->reader, &m, at, n), 0);
	assert_int_equal(gather_run(b->gather, &m, b->items, n, &b->retried), 0);
	return b;
}

static void stacks_that_go_on(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(batch_free) struct batch *b = NULL;

	(void)state;
	cw_init(&w, CW_MAX);
	for (size_t i = 0; i < CW_MAX; i++)
		cw_stop_deep(i, 1 + 3 * i);
	b = batch_read(CW_MAX);
	for (size_t i = 0; i < CW_MAX; i++) {
		bool is_cut = 1 + 3 * i > STACKS_DEPTH_MAX;

		assert_int_equal(b->items[i].state, is_cut ? CENSUS_STACK_CUT : CENSUS_STACK_WHOLE);
		assert_int_equal(b->items[i].n, is_cut ? STACKS_DEPTH_MAX : 1 + 3 * i);
	}
	assert_int_equal(b->retried, 0);
}

static void stack_that_is_gone(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(batch_free) struct batch *b = NULL;

	(void)state;
	cw_init(&w, 3);
	cw_put(1, cw_offsets.g_stack_lo, 0x770000000000, 8);
	cw_put(1, cw_offsets.g_stack_hi, 0x770000008000, 8);
	cw_put(1, cw_offsets.g_sched_sp, 0x770000007000, 8);
	b = batch_read(3);
	assert_int_equal(b->items[0].state, CENSUS_STACK_WHOLE);
	assert_int_equal(b->items[1].state, CENSUS_STACK_BROKEN);
	assert_int_equal(b->items[1].n, 0);
	assert_int_equal(b->items[2].state, CENSUS_STACK_WHOLE);
}

static void states(void **state)
{
	(void)state;
	assert_int_equal(gather_state(WALK_RUNNING), CENSUS_STACK_RUNNING);
	assert_int_equal(gather_state(WALK_COPYSTACK), CENSUS_STACK_MOVING);
	assert_int_equal(gather_state(WALK_LEAKED), CENSUS_STACK_WHOLE);
	assert_int_equal(gather_state(WALK_PREEMPTED), CENSUS_STACK_WHOLE);
	assert_int_equal(gather_state(WALK_DEAD), CENSUS_STACK_NONE);
	assert_int_equal(gather_state(99), CENSUS_STACK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_that_go_on),
		cmocka_unit_test(stack_that_is_gone),
		cmocka_unit_test(states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
