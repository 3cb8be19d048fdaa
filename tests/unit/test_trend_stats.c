/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "trend/stats.h"

#define assert_near(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

/* Sen (1968), "Estimates of the regression coefficient based on Kendall's tau", section 6. */
static const double sen_t[] = { 1, 2, 3, 4, 10, 12, 18 };
static const double sen_v[] = { 9, 15, 19, 20, 45, 55, 78 };

static void test_quantiles(void **state)
{
	double v[] = { 7, 1, 3, 5 };

	(void)state;
	assert_near(stats_median(v, 4), 4, 0);
	/* R: quantile(c(1,3,5,7), c(0, .1, .25, .9, 1)), type 7 */
	assert_near(stats_quantile(v, 4, 0), 1, 0);
	assert_near(stats_quantile(v, 4, 0.1), 1.6, 1e-12);
	assert_near(stats_quantile(v, 4, 0.25), 2.5, 1e-12);
	assert_near(stats_quantile(v, 4, 0.9), 6.4, 1e-12);
	assert_near(stats_quantile(v, 4, 1), 7, 0);
	assert_near(stats_median(v, 1), 1, 0);
	assert_true(isnan(stats_median(v, 0)));
}

static void test_normal(void **state)
{
	(void)state;
	assert_near(stats_normal_two_sided(0), 1, 0);
	assert_near(stats_normal_two_sided(1.959963985), 0.05, 1e-9);
	assert_near(stats_normal_two_sided(-2.575829304), 0.01, 1e-9);
}

static void test_kendall_without_ties(void **state)
{
	struct stats_kendall k;

	(void)state;
	/* all rising: S = n (n - 1) / 2, var = n (n - 1) (2 n + 5) / 18 */
	stats_mann_kendall(sen_v, 7, &k);
	assert_near(k.s, 21, 0);
	assert_near(k.var, 7 * 6 * 19 / 18.0, 1e-12);
	assert_near(k.tau, 1, 1e-12);
	assert_near(k.z, 20 / sqrt(7 * 6 * 19 / 18.0), 1e-12);
	assert_near(k.p, 0.00266, 1e-5);
	/* six in order: the least number that can reach p < 0.01 */
	stats_mann_kendall(sen_v, 6, &k);
	assert_true(k.p < 0.01);
	stats_mann_kendall(sen_v, 5, &k);
	assert_true(k.p > 0.01);
}

/* The variance of S over all 420 orders of these values, counted out, is 119/3. */
static void test_kendall_with_ties(void **state)
{
	const double v[] = { 1, 3, 1, 2, 3, 4, 3 };
	struct stats_kendall k;

	(void)state;
	stats_mann_kendall(v, 7, &k);
	assert_near(k.var, 119 / 3.0, 1e-12);
	assert_near(k.s, 11, 0);
	assert_near(k.tau, 11 / sqrt(17.0 * 21), 1e-12);
	assert_near(k.z, 10 / sqrt(119 / 3.0), 1e-12);
}

static void test_kendall_says_nothing(void **state)
{
	const double v[] = { 4, 4, 4, 4, 4, 4, 4 };
	struct stats_kendall k;

	(void)state;
	stats_mann_kendall(v, 7, &k);
	assert_true(k.s == 0 && k.p == 1 && k.tau == 0);
	stats_mann_kendall(v, 0, &k);
	assert_true(k.s == 0 && k.p == 1);
	stats_mann_kendall(sen_v, 2, &k);
	assert_true(k.p == 1);
}

static void test_theil_sen(void **state)
{
	struct stats_slope s;

	(void)state;
	/* 93 %: Sen gives slope 4 within 26/7 and 35/8 */
	stats_theil_sen(sen_t, sen_v, 7, 1.811911, &s);
	assert_near(s.slope, 4, 1e-12);
	assert_near(s.low, 26 / 7.0, 1e-12);
	assert_near(s.high, 35 / 8.0, 1e-12);
	assert_near(s.intercept, 4, 1e-12);
}

static void test_theil_sen_ignores_outliers(void **state)
{
	double t[20], v[20];
	struct stats_slope s;

	(void)state;
	for (int i = 0; i < 20; i++) {
		t[i] = i;
		v[i] = i % 5 == 2 ? 1e6 : 3 * i;
	}
	stats_theil_sen(t, v, 20, 1.645, &s);
	assert_near(s.slope, 3, 1e-9);
	stats_theil_sen(t, v, 1, 1.645, &s);
	assert_true(isnan(s.slope) && isnan(s.low));
}

static void test_correlation(void **state)
{
	/* Anscombe (1973), first set */
	const double x[] = { 10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5 };
	const double y[] = { 8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68 };
	/* IQ and hours of television: the usual example of rho, -29/165 */
	const double iq[] = { 106, 100, 86, 101, 99, 103, 97, 113, 112, 110 };
	const double tv[] = { 7, 27, 2, 50, 28, 29, 20, 12, 6, 17 };
	const double flat[] = { 1, 1, 1, 1 };

	(void)state;
	assert_near(stats_pearson(x, y, 11), 0.81642051634484, 1e-12);
	assert_near(stats_spearman(iq, tv, 10), -29 / 165.0, 1e-12);
	assert_true(isnan(stats_pearson(x, flat, 4)));
	assert_true(isnan(stats_pearson(x, y, 1)));
}

static void test_spearman_ties(void **state)
{
	const double x[] = { 1, 2, 2, 3 }, y[] = { 1, 3, 2, 4 };

	(void)state;
	/* ranks 1 2.5 2.5 4 against 1 3 2 4: 4.5 / sqrt(4.5 * 5) */
	assert_near(stats_spearman(x, y, 4), 4.5 / sqrt(22.5), 1e-12);
}

static void test_floors(void **state)
{
	const double t[] = { 0, 1, 2, 3, 4, 5, 9, 10 };
	const double v[] = { 5, 3, 4, 9, 8, 7, 6, 9 };
	double ft[5], fv[5];

	(void)state;
	/* spans of 2 s: {0,1} {2,3} {4,5} {} {9,10} */
	assert_int_equal(stats_floors(t, v, 8, 5, ft, fv), 4);
	assert_true(fv[0] == 3 && ft[0] == 1);
	assert_true(fv[1] == 4 && ft[1] == 2);
	assert_true(fv[2] == 7 && ft[2] == 5);
	assert_true(fv[3] == 6 && ft[3] == 9);
	assert_int_equal(stats_floors(t, v, 0, 5, ft, fv), 0);
	assert_int_equal(stats_floors(t, v, 1, 5, ft, fv), 1);
}

/* Slope and interval by selection are those of all the slopes sorted, ties and all. */
static void test_theil_sen_is_what_sorting_gives(void **state)
{
	double t[STATS_POINTS_MAX], v[STATS_POINTS_MAX];
	double slopes[STATS_POINTS_MAX * STATS_POINTS_MAX];
	uint64_t random = 1;

	(void)state;
	for (size_t round = 0; round < 500; round++) {
		size_t n = 2 + round % (STATS_POINTS_MAX - 1), m = 0;
		struct stats_slope s;

		for (size_t i = 0; i < n; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			t[i] = (double)i;
			v[i] = (double)(random >> 60) * (round % 3 ? 1 : 0.37);
		}
		for (size_t i = 0; i < n; i++)
			for (size_t j = i + 1; j < n; j++)
				slopes[m++] = (v[j] - v[i]) / (t[j] - t[i]);
		stats_sort(slopes, m);
		stats_theil_sen(t, v, n, 1.645, &s);
		assert_true(s.slope == stats_quantile(slopes, m, 0.5) ||
			    fabs(s.slope - stats_quantile(slopes, m, 0.5)) < 1e-12);
		assert_true(slopes[0] <= s.low && s.low <= s.slope && s.slope <= s.high &&
			    s.high <= slopes[m - 1]);
		size_t low = 0, high = 0;

		while (slopes[low] < s.low)
			low++;
		while (slopes[high] < s.high)
			high++;
		assert_true(slopes[low] == s.low && slopes[high] == s.high);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_normal),
		cmocka_unit_test(test_kendall_without_ties),
		cmocka_unit_test(test_kendall_with_ties),
		cmocka_unit_test(test_kendall_says_nothing),
		cmocka_unit_test(test_theil_sen),
		cmocka_unit_test(test_theil_sen_ignores_outliers),
		cmocka_unit_test(test_correlation),
		cmocka_unit_test(test_spearman_ties),
		cmocka_unit_test(test_floors),
		cmocka_unit_test(test_theil_sen_is_what_sorting_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
