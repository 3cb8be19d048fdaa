/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/trend_scene.h"

#include "trend/window.h"

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

/* 100, and from an hour on one more each second. */
static double late(double t)
{
	return 100 + fmax(0, t - 3600);
}

/* The same height has been reached, and left again, before. */
static double late_wave(double t)
{
	return 100 + (t < 1800 ? 200 * fabs(sin(t / 300)) : fmax(0, t - 3600));
}

/* Sessions that come and go: the latest minutes rise, as others did before. */
static double restless(double t)
{
	return 100 + 60 * sin(t / 97) + 40 * sin(t / 41);
}

static double slow(double t)
{
	return 100 + t / 60;
}

static bool shown(double (*f)(double t), int seconds, bool is_small, struct window_shown *ret)
{
	const struct window_query q = { .rules = &rules };
	struct window_query query = q;
	struct series3 s;
	bool is_growing;

	if (is_small)
		series3_init_small(&s);
	else
		series3_init(&s);
	for (int t = 0; t < seconds; t++)
		assert_int_equal(series3_add(&s, (uint64_t)(1000 + t) * NSEC_PER_SEC, f(t)), 0);
	query.level = &s;
	is_growing = window_detect(&query, ret);
	series3_release(&s);
	return is_growing;
}

static void test_what_begins_late_is_seen_soon(void **state)
{
	struct window_shown w;

	(void)state;
	for (int small = 0; small < 2; small++) {
		assert_false(shown(late, 3600, small, &w));
		assert_true(shown(late, 3660, small, &w));
		assert_false(w.window.is_whole);
		assert_true(w.d.growth >= 40 && w.d.growth <= 60);
	}
}

static void test_what_is_slow_is_seen_in_the_whole(void **state)
{
	struct window_shown w;

	(void)state;
	for (int small = 0; small < 2; small++) {
		assert_true(shown(slow, 7200, small, &w));
		assert_true(w.window.is_whole);
		assert_true(fabs(w.d.slope.slope * 60 - 1) < 0.05);
	}
}

static void test_a_part_must_not_contradict_what_was(void **state)
{
	struct window_shown w;

	(void)state;
	for (int small = 0; small < 2; small++)
		assert_false(shown(late_wave, 3660, small, &w));
}

static void test_restlessness_is_no_trend(void **state)
{
	struct window_shown w;
	int found = 0;

	(void)state;
	for (int seconds = 1800; seconds < 3600; seconds += 7)
		for (int small = 0; small < 2; small++)
			found += shown(restless, seconds, small, &w);
	assert_int_equal(found, 0);
}

static void test_nothing(void **state)
{
	struct window windows[WINDOWS_MAX];
	struct window_shown w;
	struct series3 s;

	(void)state;
	series3_init(&s);
	assert_int_equal(windows_of(&s, windows), 1);
	assert_false(shown(late, 0, false, &w));
	assert_int_equal(w.d.state, DETECT_TOO_EARLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_begins_late_is_seen_soon),
		cmocka_unit_test(test_what_is_slow_is_seen_in_the_whole),
		cmocka_unit_test(test_a_part_must_not_contradict_what_was),
		cmocka_unit_test(test_restlessness_is_no_trend),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
