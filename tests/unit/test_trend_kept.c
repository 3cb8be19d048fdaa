/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/trend_scene.h"

#include "trend/kept.h"

static double half_a_mib_a_second(double t)
{
	return 2 * MIB + t * MIB / 2;
}

static double half_a_mib(double t)
{
	(void)t;
	return MIB / 2;
}

static double five_mib(double t)
{
	(void)t;
	return 5 * MIB;
}

/* Loaded in twenty seconds, and then used. */
static double loaded(double t)
{
	return 2 * MIB + fmin(t, 20) * 2 * MIB;
}

struct mark {
	double t, mib;
};

static void judge(double (*inuse)(double), double (*alloc)(double), const struct mark *marks,
		  size_t n, struct verdict *ret)
{
	struct scene sc;

	scene_init(&sc, 90);
	scene_fill(&sc, SCENE_HEAP_INUSE, inuse);
	scene_fill(&sc, SCENE_ALLOC, alloc);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(series3_add(&sc.s[SCENE_HEAP_LIVE],
					     (uint64_t)((SCENE_START_S + marks[i].t) * 1e9),
					     marks[i].mib * MIB),
				 0);
	sc.p.gc_seen = n;
	verdict_of(&sc.p, ret);
	scene_release(&sc);
}

static const struct mark doubling[] = { { 4, 3.9 }, { 12, 7.7 }, { 27, 15.1 }, { 58, 30.2 } };

static void test_what_is_kept(void **state)
{
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge(half_a_mib_a_second, half_a_mib, doubling, 4, &v);
	assert_int_equal(v.kind, VERDICT_HEAP_RETENTION);
	f = scene_finding(&v, VERDICT_HEAP_RETENTION);
	assert_true(f->confidence < 0.7);
	assert_true(fabs(f->per_min - 30 * MIB) < MIB);
	/* 26.3 MiB more are live, of 27 MiB that were allocated from 4 s to 58 s */
	assert_true(scene_says(f, "97 % of that stayed"));
}

static void test_what_is_not(void **state)
{
	struct verdict v;

	(void)state;
	/* as many GCs and as much live, but most of what is allocated goes away again */
	judge(half_a_mib_a_second, five_mib, doubling, 4, &v);
	assert_null(scene_finding(&v, VERDICT_HEAP_RETENTION));
	/* two GCs tell nothing; the heap in use is not known to be garbage */
	judge(half_a_mib_a_second, half_a_mib, doubling, 2, &v);
	assert_int_equal(v.kind, VERDICT_WARMING_UP);
	assert_true(v.needs_s > 90);
	assert_non_null(strstr(v.summary, "too few GCs"));
	/* what is loaded at the start and then used */
	judge(loaded, half_a_mib, doubling, 3, &v);
	assert_null(scene_finding(&v, VERDICT_HEAP_RETENTION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_kept),
		cmocka_unit_test(test_what_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
