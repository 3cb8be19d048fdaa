/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/trend_scene.h"

#define GIB (1024 * MIB)

static double rising(double t)
{
	return 200 * MIB + t * MIB;
}

static double steady(double t)
{
	(void)t;
	return 200 * MIB;
}

struct limits {
	double limit, current, reclaimable, total, available;
};

static void judge(double (*level)(double), const struct limits *l, struct verdict *ret)
{
	struct scene sc;

	scene_init(&sc, 60);
	scene_fill(&sc, SCENE_RSS, level);
	scene_fill(&sc, SCENE_CHARGED, level);
	sc.p.limit_bytes = (int64_t)l->limit;
	sc.p.cgroup_current_bytes = (int64_t)l->current;
	sc.p.cgroup_reclaimable_bytes = (int64_t)l->reclaimable;
	sc.p.mem_total_bytes = (int64_t)l->total;
	sc.p.mem_available_bytes = (int64_t)l->available;
	verdict_of(&sc.p, ret);
	scene_release(&sc);
}

static void test_cgroup_limit(void **state)
{
	/* 100 MiB of what is charged for are page cache that can go */
	const struct limits l = { 500 * MIB, 360 * MIB, 100 * MIB, 16 * GIB, 8 * GIB };
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge(rising, &l, &v);
	assert_int_equal(v.kind, VERDICT_OOM_RISK);
	f = scene_finding(&v, VERDICT_OOM_RISK);
	assert_true(fabs(f->left_s - 240) < 5);
	assert_true(f->left_low_s <= f->left_s && f->left_s <= f->left_high_s);
	assert_true(f->limit_bytes == 500 * MIB);
	assert_true(scene_says(f, "control group's memory limit"));
	judge(steady, &l, &v);
	assert_int_equal(v.n_findings, 0);
}

static void test_machine(void **state)
{
	/* a limit above what the machine has is none */
	const struct limits l = { 32 * GIB, GIB, 0, 2 * GIB, 600 * MIB };
	const struct limits far = { -1, -1, -1, 64 * GIB, 60 * GIB };
	const struct limits unknown = { -1, -1, -1, -1, -1 };
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge(rising, &l, &v);
	f = scene_finding(&v, VERDICT_OOM_RISK);
	assert_non_null(f);
	assert_true(fabs(f->left_s - 600) < 10);
	assert_true(scene_says(f, "the machine's memory"));
	/* in seventeen hours: no more than a minute was observed */
	judge(rising, &far, &v);
	assert_int_equal(v.n_findings, 0);
	judge(rising, &unknown, &v);
	assert_int_equal(v.n_findings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup_limit),
		cmocka_unit_test(test_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
