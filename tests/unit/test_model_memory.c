/* SPDX-License-Identifier: BSD-2-Clause */
/* The account of memory: whatever the readings say, its parts add up to the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "model/memory.h"

#define KIB 1024
#define MIB (1024 * KIB)

struct world {
	struct account a;
	struct procfs_memory m;
	struct procfs_rollup r;
	struct memory_parts got;
};

/*
 * 97 MiB anonymous, 89 of it in Go's heap: in use 61, free 17, stacks 11, work buffers 1, of which
 * 3 were never touched; 2 MiB are lazily freed.  Elsewhere 8 MiB, of which 7 have no name.
 */
static void world_init(struct world *w)
{
	memset(w, 0xff, sizeof(*w));
	w->a.heap_marked_bytes = 41 * MIB;
	w->a.heap_live_bytes = 53 * MIB;
	w->a.heap_inuse_bytes = 61 * MIB;
	w->a.heap_idle_bytes = 40 * MIB;
	w->a.heap_released_bytes = 23 * MIB;
	w->a.stacks_inuse_bytes = 11 * MIB;
	w->a.other_sys_bytes = 6 * MIB;
	w->a.gc_spans_bytes = 1 * MIB;
	w->a.gc_cycles = 7;
	w->m.anon_bytes = 97 * MIB;
	w->r.anon_bytes = 97 * MIB;
	w->r.lazyfree_bytes = 2 * MIB + 4 * KIB;
	w->r.heap_size_bytes = 128 * MIB;
	w->r.heap_anon_bytes = 89 * MIB;
	w->r.heap_lazyfree_bytes = 2 * MIB;
	w->r.unnamed_anon_bytes = 7 * MIB;
}

static int64_t sum(const struct memory_parts *p)
{
	return MAX(p->live_bytes, 0) + p->garbage_bytes + p->slack_bytes + p->free_held_bytes +
	       MAX(p->lazyfree_bytes, 0) + p->stacks_bytes + p->runtime_bytes + p->outside_bytes +
	       p->residue_bytes;
}

static void with_rollup_the_heap_is_exact(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_true(memory_is_closed(&w.got));
	assert_int_equal(w.got.anon_bytes, 97 * MIB);
	assert_int_equal(w.got.live_bytes, 41 * MIB);
	assert_int_equal(w.got.garbage_bytes, 12 * MIB);
	assert_int_equal(w.got.slack_bytes, 8 * MIB);
	assert_int_equal(w.got.free_held_bytes, 17 * MIB);
	assert_int_equal(w.got.lazyfree_bytes, 2 * MIB);
	assert_int_equal(w.got.stacks_bytes, 11 * MIB);
	/* The structures have 5 MiB besides the work buffers; that much is without a name. */
	assert_int_equal(w.got.runtime_bytes, 6 * MIB);
	assert_int_equal(w.got.outside_bytes, 3 * MIB);
	assert_int_equal(w.got.residue_bytes, -3 * MIB);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

static void runtime_has_no_more_than_is_there(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.r.unnamed_anon_bytes = 700 * KIB;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.runtime_bytes, MIB + 700 * KIB);
	assert_int_equal(w.got.outside_bytes, 8 * MIB - 700 * KIB);
	/* And no more than a heap of this size makes it touch. */
	w.a.other_sys_bytes = 50 * MIB;
	w.r.unnamed_anon_bytes = 8 * MIB;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.runtime_bytes, MIB + 512 * KIB + 128 * MIB / 18);
	w.a.go_minor = 22;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.runtime_bytes, MIB + 512 * KIB + 128 * MIB / 40);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

static void without_rollup_the_sum_decides(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	memory_split(&w.a, &w.m, NULL, &w.got);
	assert_int_equal(w.got.lazyfree_bytes, -1);
	assert_int_equal(w.got.runtime_bytes, 6 * MIB);
	assert_int_equal(w.got.outside_bytes, (97 - 61 - 17 - 11 - 6) * MIB);
	assert_int_equal(w.got.residue_bytes, 0);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
	/* The heap was hardly touched. */
	w.m.anon_bytes = 20 * MIB;
	memory_split(&w.a, &w.m, NULL, &w.got);
	assert_int_equal(w.got.outside_bytes, 0);
	assert_int_equal(w.got.residue_bytes, -75 * MIB);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

static void heap_that_is_not_all_is_not_used(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.r.heap_size_bytes = 89 * MIB; /* 90 are accounted for */
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.outside_bytes, 0);
	assert_int_equal(w.got.residue_bytes, -MIB * 0 + (97 - 61 - 17 - 2 - 11 - 6) * MIB);
	world_init(&w);
	w.r.heap_anon_bytes = w.r.heap_lazyfree_bytes = w.r.unnamed_anon_bytes = -1;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.lazyfree_bytes, 2 * MIB + 4 * KIB);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

static void before_the_first_mark_nothing_is_known_live(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.a.gc_cycles = 0;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.live_bytes, -1);
	assert_int_equal(w.got.garbage_bytes, 53 * MIB);
	assert_int_equal(w.got.slack_bytes, 8 * MIB);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

/* Go 1.15: the work buffers are among the structures. */
static void old_layout_has_no_work_spans(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.a.gc_spans_bytes = -1;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.runtime_bytes, 6 * MIB);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

static void gaps_leave_it_open(void **state)
{
	static const size_t needed[] = {
		offsetof(struct world, a.heap_live_bytes),
		offsetof(struct world, a.heap_inuse_bytes),
		offsetof(struct world, a.heap_idle_bytes),
		offsetof(struct world, a.heap_released_bytes),
		offsetof(struct world, a.stacks_inuse_bytes),
		offsetof(struct world, a.other_sys_bytes),
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		world_init(&w);
		*(int64_t *)((char *)&w + needed[i]) = -1;
		memory_split(&w.a, &w.m, &w.r, &w.got);
		assert_false(memory_is_closed(&w.got));
		assert_int_equal(w.got.outside_bytes, -1);
		assert_int_equal(w.got.residue_bytes, 0);
		assert_int_equal(w.got.anon_bytes, 97 * MIB);
	}
	world_init(&w);
	memory_split(NULL, &w.m, &w.r, &w.got);
	assert_false(memory_is_closed(&w.got));
	assert_int_equal(w.got.anon_bytes, 97 * MIB);
	assert_int_equal(w.got.lazyfree_bytes, 2 * MIB);
	assert_int_equal(w.got.garbage_bytes, -1);
	memory_split(&w.a, NULL, NULL, &w.got);
	assert_false(memory_is_closed(&w.got));
	assert_int_equal(w.got.anon_bytes, -1);
	assert_int_equal(w.got.free_held_bytes, 17 * MIB);
	w.m.anon_bytes = 1;
	w.r.anon_bytes = -1;
	memory_split(&w.a, &w.m, &w.r, &w.got);
	assert_int_equal(w.got.anon_bytes, 1);
}

/* Readings of different moments contradict each other; no part may become negative. */
static void any_figures_add_up(void **state)
{
	unsigned int seed = 4711;

	(void)state;
	for (int i = 0; i < 100003; i++) {
		struct world w;
		int64_t *fields = (int64_t *)&w;

		for (size_t k = 0; k < offsetof(struct world, got) / sizeof(*fields); k++)
			fields[k] = rand_r(&seed) % 16 ? rand_r(&seed) % (128 * MIB) : -1;
		memory_split(&w.a, i % 7 ? &w.m : NULL, i % 3 ? &w.r : NULL, &w.got);
		if (!memory_is_closed(&w.got))
			continue;
		assert_int_equal(sum(&w.got), w.got.anon_bytes);
		assert_true(w.got.live_bytes >= -1 && w.got.garbage_bytes >= 0 &&
			    w.got.slack_bytes >= 0 && w.got.free_held_bytes >= 0 &&
			    w.got.stacks_bytes >= 0 && w.got.runtime_bytes >= 0);
	}
}

static void what_was_never_touched_is_carried_on(void **state)
{
	struct world w;
	struct account now;
	struct procfs_memory memory_now;

	(void)state;
	world_init(&w);
	now = w.a;
	memory_now = w.m;
	now.heap_inuse_bytes += 30 * MIB;
	now.heap_live_bytes += 30 * MIB;
	memory_now.anon_bytes += 33 * MIB;
	memory_carry(&w.a, &w.m, &now, &memory_now, &w.r);
	memory_split(&now, &memory_now, &w.r, &w.got);
	assert_int_equal(w.got.anon_bytes, 130 * MIB);
	assert_int_equal(w.got.garbage_bytes, 42 * MIB);
	assert_int_equal(w.got.outside_bytes, 6 * MIB); /* 3 more than 30 */
	assert_int_equal(w.got.residue_bytes, -3 * MIB);
	assert_int_equal(sum(&w.got), w.got.anon_bytes);
}

static void carrying_on_stays_within_bounds(void **state)
{
	struct world w;
	struct account now;
	struct procfs_memory memory_now;

	(void)state;
	world_init(&w);
	now = w.a;
	now.heap_inuse_bytes += 200 * MIB;
	memory_now = w.m;
	memory_carry(&w.a, &w.m, &now, &memory_now, &w.r);
	assert_int_equal(w.r.heap_anon_bytes, w.r.anon_bytes);
	assert_int_equal(w.r.heap_size_bytes, 290 * MIB);
	world_init(&w);
	memory_now.anon_bytes = 0;
	memory_carry(&w.a, &w.m, &w.a, &memory_now, &w.r);
	assert_int_equal(w.r.anon_bytes, 0);
	assert_int_equal(w.r.heap_anon_bytes, 0);
	world_init(&w);
	memset(&w.r, 0xff, sizeof(w.r));
	memory_carry(&w.a, &w.m, &now, &w.m, &w.r);
	assert_int_equal(w.r.heap_anon_bytes, -1);
	assert_int_equal(w.r.heap_size_bytes, -1);
	assert_int_equal(w.r.anon_bytes, -1);
}

static void readings_keep_the_latest_rollup(void **state)
{
	struct memory_readings readings;
	struct world w;

	(void)state;
	world_init(&w);
	memory_readings_init(&readings);
	memory_readings_split(&readings, &w.got);
	assert_false(memory_is_closed(&w.got));
	memory_readings_take(&readings, NULL, &w.m, &w.r); /* no account: of no use */
	memory_readings_take(&readings, &w.a, NULL, NULL);
	memory_readings_split(&readings, &w.got);
	assert_int_equal(w.got.lazyfree_bytes, -1);
	assert_int_equal(w.got.outside_bytes, (97 - 61 - 17 - 11 - 6) * MIB);
	memory_readings_take(&readings, &w.a, &w.m, &w.r);
	memory_readings_split(&readings, &w.got);
	assert_int_equal(w.got.outside_bytes, 3 * MIB);
	w.a.heap_inuse_bytes += 30 * MIB;
	w.m.anon_bytes += 33 * MIB;
	memory_readings_take(&readings, &w.a, &w.m, NULL);
	memory_readings_take(&readings, NULL, NULL, NULL);
	memory_readings_split(&readings, &w.got);
	assert_int_equal(w.got.outside_bytes, 6 * MIB);
	assert_int_equal(w.got.residue_bytes, -3 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_rollup_the_heap_is_exact),
		cmocka_unit_test(runtime_has_no_more_than_is_there),
		cmocka_unit_test(without_rollup_the_sum_decides),
		cmocka_unit_test(heap_that_is_not_all_is_not_used),
		cmocka_unit_test(before_the_first_mark_nothing_is_known_live),
		cmocka_unit_test(old_layout_has_no_work_spans),
		cmocka_unit_test(gaps_leave_it_open),
		cmocka_unit_test(any_figures_add_up),
		cmocka_unit_test(what_was_never_touched_is_carried_on),
		cmocka_unit_test(carrying_on_stays_within_bounds),
		cmocka_unit_test(readings_keep_the_latest_rollup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
