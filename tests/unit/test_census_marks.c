/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "census/marks.h"
#include "fakemem.h"

#define MEMSTATS 0x500000
#define S	 INT64_C(1000000000)
/* The wall clock is ahead of the monotonic one by this. */
#define UNIX (1700000000 * S)

static const struct offsets offsets = {
	.mst_last_gc_unix = 8,
	.mst_last_gc_nanotime = 16,
	.mst_numgc = 24,
	.mst_pause_end = 32,
};

struct world {
	uint8_t data[32 + MARKS_MAX * 8];
	struct fakemem fm;
	struct mem mem;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fakemem_add(&w->fm, MEMSTATS, w->data, sizeof(w->data));
	w->mem = fakemem_open(&w->fm, 1 << 20);
}

static void put(struct world *w, uint64_t offset, int64_t v)
{
	fakemem_put(&w->fm, MEMSTATS + offset, (uint64_t)v, 8);
}

/* Cycle n, from 0, ends at 100 + n seconds. */
static void cycles(struct world *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(w, 32 + 8 * (i % MARKS_MAX), UNIX + (100 + i) * S);
	put(w, 8, UNIX + (99 + (int64_t)n) * S);
	put(w, 16, (99 + (int64_t)n) * S);
	put(w, 24, n);
}

static void test_the_one_that_saw_it(void **state)
{
	struct world w;
	struct marks m;

	(void)state;
	world_init(&w);
	cycles(&w, 3);
	marks_read(&w.mem, MEMSTATS, &offsets, &m);
	assert_int_equal(m.n, 3);
	/* noted by the second cycle: the time of the first, which ended a little later */
	assert_true(marks_waits_since(&m, 100 * S - 1000) == 101 * S);
	assert_true(marks_waits_since(&m, 101 * S - 1000) == 102 * S);
	/* noted by one that is still under way */
	assert_true(marks_waits_since(&m, 102 * S - 1000) == 0);
	assert_true(marks_waits_since(&m, 0) == 0);
	assert_true(marks_waits_since(&m, -5) == 0);
}

/* The ring holds the latest only: then at least since its second. */
static void test_long_ago(void **state)
{
	struct world w;
	struct marks m;

	(void)state;
	world_init(&w);
	cycles(&w, 1009);
	marks_read(&w.mem, MEMSTATS, &offsets, &m);
	assert_int_equal(m.n, MARKS_MAX);
	assert_true(m.end_ns[MARKS_MAX - 1] == 1108 * S);
	assert_true(marks_waits_since(&m, 100 * S - 1000) == m.end_ns[1]);
}

static void expect_none(struct world *w, uint64_t memstats, const struct offsets *o)
{
	struct marks m;

	marks_read(&w->mem, memstats, o, &m);
	assert_int_equal(m.n, 0);
	assert_true(marks_waits_since(&m, 5 * S) == 0);
}

static void test_nonsense(void **state)
{
	struct offsets o = offsets;
	struct world w;

	(void)state;
	world_init(&w);
	expect_none(&w, MEMSTATS, &offsets); /* no cycle yet */
	cycles(&w, 5);
	expect_none(&w, 0, &offsets);
	expect_none(&w, 0x900000, &offsets);
	o.mst_pause_end = OFFSET_NONE;
	expect_none(&w, MEMSTATS, &o);
	put(&w, 32 + 8 * 2, UNIX + 300 * S); /* after the last: the clock was set back */
	expect_none(&w, MEMSTATS, &offsets);
	put(&w, 32 + 8 * 2, 5); /* before the machine was */
	expect_none(&w, MEMSTATS, &offsets);
	put(&w, 32 + 8 * 2, UNIX + 100 * S - 5); /* before the one before */
	expect_none(&w, MEMSTATS, &offsets);
	put(&w, 16, -1);
	expect_none(&w, MEMSTATS, &offsets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_one_that_saw_it),
		cmocka_unit_test(test_long_ago),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
