/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/clock.h"
#include "trend/detect.h"

#define POINTS 60

static const struct detect_rules rules = {
	.min_span_s = 10,
	.min_buckets = 6,
	.p_max = 0.01,
	.min_growth = 10,
	.min_growth_part = 0.1,
	.steady_drawdown = 0.1,
	.max_drawdown = 0.5,
	.plateau_ratio = 0.3,
};

static enum detect_state judged(double (*f)(double t), size_t n, struct detect *ret)
{
	double t[POINTS], v[POINTS];
	struct detect d;

	for (size_t i = 0; i < n; i++) {
		t[i] = 100 + (double)i;
		v[i] = f((double)i);
	}
	detect_floor(t, v, n, &rules, ret ? ret : &d);
	return ret ? ret->state : d.state;
}

static double rising(double t)
{
	return 100 + 2 * t;
}

static double falling(double t)
{
	return 1000 - 2 * t;
}

static double flat(double t)
{
	(void)t;
	return 42;
}

static double plateau(double t)
{
	return t < 30 ? 10 * t : 300 + (t - 30) / 10;
}

static double step(double t)
{
	return t < 25 ? 5 : 500;
}

static double sawtooth(double t)
{
	return 100 + 20 * fmod(t, 7);
}

/* rises under a sawtooth: only its floor tells */
static double rising_sawtooth(double t)
{
	return t + 50 * fmod(t, 3);
}

static double slight(double t)
{
	return 1000 + t / 10;
}

/* steady, and small against where it began: nothing falls, so it counts */
static double steady_on_top(double t)
{
	return 10000 + t / 2;
}

/* of the same size, but with falls: noise of what is there */
static double unsteady_on_top(double t)
{
	return 10000 + t / 2 + ((int)(t / 9) % 2 ? 0 : 12);
}

static void test_states(void **state)
{
	(void)state;
	assert_int_equal(judged(rising, POINTS, NULL), DETECT_GROWING);
	assert_int_equal(judged(falling, POINTS, NULL), DETECT_FALLING);
	assert_int_equal(judged(flat, POINTS, NULL), DETECT_FLAT);
	assert_int_equal(judged(plateau, POINTS, NULL), DETECT_PLATEAUING);
	assert_int_equal(judged(step, POINTS, NULL), DETECT_FLAT);
	assert_int_equal(judged(sawtooth, POINTS, NULL), DETECT_FLAT);
	assert_int_equal(judged(rising_sawtooth, POINTS, NULL), DETECT_GROWING);
	assert_int_equal(judged(slight, POINTS, NULL), DETECT_FLAT);
	assert_int_equal(judged(steady_on_top, POINTS, NULL), DETECT_GROWING);
	assert_int_equal(judged(unsteady_on_top, POINTS, NULL), DETECT_FLAT);
}

static void test_too_early(void **state)
{
	struct detect d;

	(void)state;
	assert_int_equal(judged(rising, 0, NULL), DETECT_TOO_EARLY);
	assert_int_equal(judged(rising, 1, NULL), DETECT_TOO_EARLY);
	assert_int_equal(judged(rising, 10, NULL), DETECT_TOO_EARLY);
	assert_int_equal(judged(rising, 11, &d), DETECT_GROWING);
	assert_int_equal(d.n, 6);
}

static void test_figures(void **state)
{
	struct detect d;

	(void)state;
	assert_int_equal(judged(rising, POINTS, &d), DETECT_GROWING);
	assert_int_equal(d.n, DETECT_BUCKETS_MAX);
	assert_true(d.first == 100 && d.t[0] == 100);
	assert_true(d.growth == d.last - d.first);
	assert_true(fabs(d.slope.slope - 2) < 1e-9);
	assert_true(fabs(d.last_ratio - 1) < 1e-9);
	assert_true(d.drawdown == 0);
	assert_true(d.span_s == 59);
}

static void fill(struct series3 *s, int seconds)
{
	series3_init(s);
	for (int i = 0; i < seconds; i++)
		assert_int_equal(series3_add(s, (uint64_t)i * NSEC_PER_SEC, i), 0);
}

static void test_horizon_spans_the_observation(void **state)
{
	static const struct {
		int seconds;
		enum series_horizon want;
	} cases[] = { { 30, SERIES_NEAR },
		      { 599, SERIES_NEAR },
		      { 601, SERIES_MIDDLE },
		      { 7000, SERIES_MIDDLE },
		      { 7300, SERIES_FAR } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct series3 s;

		fill(&s, cases[i].seconds);
		assert_ptr_equal(detect_horizon(&s), &s.h[cases[i].want]);
		assert_true(series_at(detect_horizon(&s), 0).min == 0);
		series3_release(&s);
	}
}

static void test_points_and_rate(void **state)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX], first = -1, last = -1;
	struct series3 s;

	(void)state;
	fill(&s, 31);
	assert_int_equal(detect_points(&s.h[0], 0, t, v), 31);
	assert_int_equal(detect_points(&s.h[0], 21 * NSEC_PER_SEC, t, v), 10);
	assert_true(t[0] == 21 && v[9] == 30);
	assert_true(detect_rate(&s.h[0], 0, 30, &first, &last));
	assert_true(first == 5 && last == 25);
	first = last = -1;
	assert_false(detect_rate(&s.h[0], 0, 2, &first, &last));
	assert_true(first == -1 && last == -1);
	series3_release(&s);
}

/* Of those that hold all of it the one with the finest points: of 70 seconds not three of 32. */
static void test_horizon_of_small_series(void **state)
{
	struct series3 s;

	(void)state;
	series3_init_small(&s);
	for (int i = 0; i < 4000; i++) {
		assert_int_equal(series3_add(&s, (uint64_t)(100 + i) * NSEC_PER_SEC, i), 0);
		const struct series *h = detect_horizon(&s);

		assert_true(series_at(h, 0).min == 0);
		assert_true(series_count(h) >= 32 || i < 63);
	}
	series3_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_horizon_spans_the_observation),
		cmocka_unit_test(test_points_and_rate),
		cmocka_unit_test(test_horizon_of_small_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
