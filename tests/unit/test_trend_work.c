/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/trend_scene.h"

#include "trend/detect.h"
#include "trend/work.h"

#define N 90

static double waves(double t)
{
	return 100 + 80 * sin(t / 5);
}

static double constant(double t)
{
	(void)t;
	return 100;
}

static void fill(struct series3 *s, double (*f)(double))
{
	series3_init(s);
	for (int t = 0; t < N; t++)
		assert_int_equal(series3_add(s, (uint64_t)(1000 + t) * NSEC_PER_SEC, f(t)), 0);
}

/* A level that is rate * per_rate + slope * t comes out as its slope alone. */
static void test_waves_are_taken_out(void **state)
{
	double t[N], v[N], correlation;
	struct series3 rate;
	struct stats_slope s;

	(void)state;
	fill(&rate, waves);
	for (int i = 0; i < N; i++) {
		t[i] = 1000 + i;
		v[i] = 7 * waves(i) + 3 * i;
	}
	assert_true(work_take_out(&rate, t, v, N, &correlation));
	assert_true(correlation > 0.95);
	stats_theil_sen(t, v, 60, 1.645, &s);
	assert_true(fabs(s.slope - 3) < 0.5);
	series3_release(&rate);
}

static void test_what_does_not_follow_is_left(void **state)
{
	double t[N], v[N], before[N], correlation;
	struct series3 rate;

	(void)state;
	fill(&rate, waves);
	for (int i = 0; i < N; i++) {
		t[i] = 1000 + i;
		before[i] = v[i] = 3 * i + (i * 37) % 11;
	}
	assert_false(work_take_out(&rate, t, v, N, &correlation));
	assert_memory_equal(v, before, sizeof(v));
	series3_release(&rate);
	/* a rate that is always the same explains nothing */
	fill(&rate, constant);
	assert_false(work_take_out(&rate, t, v, N, &correlation));
	assert_false(work_take_out(&rate, t, v, 3, &correlation));
	series3_release(&rate);
}

static double doubling(double t)
{
	return t < 45 ? 10 : 20;
}

static double sixfold(double t)
{
	return t < 45 ? 5 : 30;
}

static double nothing(double t)
{
	(void)t;
	return 0;
}

static void test_littles_law(void **state)
{
	struct series3 live, births, no_births;
	struct work_split s;

	(void)state;
	fill(&live, sixfold);
	fill(&births, doubling);
	fill(&no_births, nothing);
	assert_true(work_split(&live, &births, 1000, 1000 + N, &s));
	assert_true(s.live == 6 && s.rate == 2 && s.lifetime == 3);
	assert_false(work_split(&live, &no_births, 1000, 1000 + N, &s));
	assert_false(work_split(&live, &births, 3000, 3000 + N, &s));
	series3_release(&live);
	series3_release(&births);
	series3_release(&no_births);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waves_are_taken_out),
		cmocka_unit_test(test_what_does_not_follow_is_left),
		cmocka_unit_test(test_littles_law),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
