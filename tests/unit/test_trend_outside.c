/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/trend_scene.h"

static double rising(double t)
{
	return 3 * MIB + t * 0.1 * MIB;
}

static double steady_at_ten(double t)
{
	(void)t;
	return 10 * MIB;
}

/* As a bounded arena of C fills: quick at first, then slower and slower. */
static double filling(double t)
{
	return 3 * MIB + 40 * MIB * (1 - exp(-t / 30));
}

static double sawtooth(double t)
{
	return 3 * MIB + fmod(t, 20) * MIB;
}

static double wide_heap(double t)
{
	return 100 * MIB + 200 * MIB * fabs(sin(t / 9));
}

static void judge(double (*outside)(double), double (*heap)(double), double seconds,
		  struct verdict *ret)
{
	struct scene sc;

	scene_init(&sc, seconds);
	scene_fill(&sc, SCENE_OUTSIDE, outside);
	scene_fill(&sc, SCENE_HEAP_INUSE, heap);
	sc.p.memory.anon_bytes = (int64_t)(20 * MIB);
	verdict_of(&sc.p, ret);
	scene_release(&sc);
}

static void test_growth_is_found(void **state)
{
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge(rising, steady_at_ten, 60, &v);
	assert_int_equal(v.kind, VERDICT_OFF_HEAP_GROWTH);
	f = scene_finding(&v, VERDICT_OFF_HEAP_GROWTH);
	assert_true(fabs(f->per_min - 6 * MIB) < 0.1 * MIB);
	assert_true(f->per_min_low <= f->per_min && f->per_min <= f->per_min_high);
	assert_true(scene_says(f, "heap --cgo"));
	/* 100 KiB a second are found within a minute, and not from nothing */
	judge(rising, steady_at_ten, 15, &v);
	assert_int_equal(v.n_findings, 0);
}

static void test_what_is_no_leak(void **state)
{
	struct verdict v;

	(void)state;
	judge(steady_at_ten, steady_at_ten, 60, &v);
	assert_int_equal(v.n_findings, 0);
	judge(sawtooth, steady_at_ten, 90, &v);
	assert_int_equal(v.n_findings, 0);
	judge(filling, steady_at_ten, 60, &v);
	assert_int_equal(v.n_findings, 0);
	/* the account is known to a part of the heap, which moved by far more than this */
	judge(rising, wide_heap, 60, &v);
	assert_null(scene_finding(&v, VERDICT_OFF_HEAP_GROWTH));
}

static double held_much(double t)
{
	(void)t;
	return 40 * MIB;
}

static double held_lately(double t)
{
	return t < 50 ? MIB : 40 * MIB;
}

static void judge_held(double (*held)(double), double anon, struct verdict *ret)
{
	struct scene sc;

	scene_init(&sc, 60);
	scene_fill(&sc, SCENE_HELD, held);
	sc.p.memory.anon_bytes = (int64_t)anon;
	sc.p.heap_live_bytes = (int64_t)(2 * MIB);
	sc.p.gc_percent = 400;
	verdict_of(&sc.p, ret);
	scene_release(&sc);
}

static void test_runtime_held(void **state)
{
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge_held(held_much, 60 * MIB, &v);
	assert_int_equal(v.kind, VERDICT_RUNTIME_HELD);
	f = scene_finding(&v, VERDICT_RUNTIME_HELD);
	assert_true(scene_says(f, "40.0 MiB of 60.0 MiB"));
	assert_true(scene_says(f, "no GOMEMLIMIT"));
	assert_true(scene_says(f, "GOGC=400 lets the heap grow to 5.0 times"));
	/* a small part, or not for long */
	judge_held(held_much, 400 * MIB, &v);
	assert_int_equal(v.n_findings, 0);
	judge_held(held_lately, 60 * MIB, &v);
	assert_int_equal(v.n_findings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_is_found),
		cmocka_unit_test(test_what_is_no_leak),
		cmocka_unit_test(test_runtime_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
