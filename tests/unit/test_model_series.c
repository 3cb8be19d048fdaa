/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "model/series.h"

#define S NSEC_PER_SEC

static void test_ring_keeps_latest(void **state)
{
	struct series s;

	(void)state;
	series_init(&s, S, 10, false);
	assert_int_equal(series_count(&s), 0);
	for (int i = 0; i < 37; i++)
		assert_int_equal(series_add(&s, (uint64_t)(100 + i) * S + 5, i), 0);
	assert_int_equal(series_count(&s), 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(series_at(&s, i).ts_ns == (uint64_t)(127 + i) * S);
		assert_true(series_at(&s, i).last == 27 + i);
	}
	series_release(&s);
}

static void test_interval_keeps_extremes(void **state)
{
	struct series s;

	(void)state;
	series_init(&s, 10 * S, 4, false);
	assert_int_equal(series_add(&s, 20 * S, 5), 0);
	assert_int_equal(series_add(&s, 21 * S, 1), 0);
	assert_int_equal(series_add(&s, 29 * S, 9), 0);
	assert_int_equal(series_add(&s, 25 * S, 7), 0);
	/* out of order: counts for the newest */
	assert_int_equal(series_add(&s, 3 * S, 6), 0);
	assert_int_equal(series_count(&s), 1);
	const struct series_point p = series_at(&s, 0);

	assert_true(p.ts_ns == 20 * S && p.min == 1 && p.max == 9 && p.last == 6);
	series_release(&s);
}

static void test_scaling_spans_everything(void **state)
{
	struct series s;
	uint64_t t0 = 1234567;

	(void)state;
	series_init(&s, S, 64, true);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(series_add(&s, t0 + (uint64_t)i * S, i), 0);
		assert_true(series_count(&s) <= 64);
		assert_true(series_at(&s, 0).ts_ns == t0);
		assert_true(series_at(&s, series_count(&s) - 1).last == i);
	}
	/* 10000 s in at most 64 points of a power of two: 256 s */
	assert_true(s.interval_ns == 256 * S);
	assert_int_equal(series_count(&s), 40);
	for (uint32_t i = 0; i < series_count(&s); i++) {
		const struct series_point p = series_at(&s, i);

		assert_true(p.ts_ns == t0 + i * 256 * S);
		assert_true(p.min == 256.0 * i);
		assert_true(p.max == p.last && p.last >= p.min);
	}
	series_release(&s);
}

static void test_scaling_with_gaps(void **state)
{
	struct series s;

	(void)state;
	series_init(&s, S, 8, true);
	/* far apart: several doublings before anything merges */
	for (int i = 0; i < 9; i++)
		assert_int_equal(series_add(&s, (uint64_t)i * 1000 * S, i), 0);
	assert_true(series_count(&s) <= 8);
	assert_true(series_at(&s, 0).min == 0);
	assert_true(series_at(&s, series_count(&s) - 1).last == 8);
	series_release(&s);
}

static void test_three_horizons(void **state)
{
	struct series3 s;

	(void)state;
	series3_init(&s);
	for (int i = 0; i < 7200; i++)
		assert_int_equal(series3_add(&s, (uint64_t)i * S, i), 0);
	assert_int_equal(series_count(&s.h[SERIES_NEAR]), 600);
	assert_int_equal(series_count(&s.h[SERIES_MIDDLE]), 300);
	assert_int_equal(series_count(&s.h[SERIES_FAR]), 25);
	assert_true(series_at(&s.h[SERIES_NEAR], 0).last == 6600);
	assert_true(series_at(&s.h[SERIES_MIDDLE], 0).min == 0);
	assert_true(series_at(&s.h[SERIES_MIDDLE], 0).max == 23);
	assert_true(series_at(&s.h[SERIES_FAR], 24).last == 7199);
	series3_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_keeps_latest),
		cmocka_unit_test(test_interval_keeps_extremes),
		cmocka_unit_test(test_scaling_spans_everything),
		cmocka_unit_test(test_scaling_with_gaps),
		cmocka_unit_test(test_three_horizons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
