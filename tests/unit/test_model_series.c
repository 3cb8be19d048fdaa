/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

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

/* As it was said: one array of points. */
struct plain {
	struct series_point points[600];
	uint32_t n, capacity;
};

static void plain_add(struct plain *p, uint64_t ts, float v)
{
	struct series_point *last = p->n ? &p->points[p->n - 1] : NULL;

	if (last && ts <= last->ts_ns) {
		last->min = v < last->min ? v : last->min;
		last->max = v > last->max ? v : last->max;
		last->last = v;
		return;
	}
	if (p->n == p->capacity)
		memmove(p->points, p->points + 1, --p->n * sizeof(*p->points));
	p->points[p->n++] = (struct series_point){ ts, v, v, v };
}

static void same_as_plain(const struct series *s, const struct plain *p)
{
	uint32_t i = 0;

	assert_int_equal(series_count(s), p->n);
	for_each_point(s, at)
	{
		assert_true(at.ts_ns == p->points[i].ts_ns);
		assert_memory_equal(&at.min, &p->points[i].min, sizeof(at.min));
		assert_memory_equal(&at.max, &p->points[i].max, sizeof(at.max));
		assert_memory_equal(&at.last, &p->points[i].last, sizeof(at.last));
		i++;
	}
	assert_int_equal(i, p->n);
	if (!i)
		return;
	assert_true(series_at(s, 0).ts_ns == p->points[0].ts_ns);
	assert_true(series_at(s, i / 2).ts_ns == p->points[i / 2].ts_ns);
	assert_true(series_at(s, i - 1).ts_ns == p->points[i - 1].ts_ns);
}

/* A value of each kind that comes: what stands still, counts, bytes, rates, and what is none. */
static float some_value(uint32_t r, float before)
{
	switch (r >> 8 & 15) {
	case 0:
		return (float)(r >> 12);
	case 1:
		return (float)(r >> 12) * 4096;
	case 2:
		return (float)(r >> 12) / 1237;
	case 3:
		return -before;
	case 4:
		return before + 1;
	case 5:
		return r & 1 ? 1e38F : 0;
	default:
		return before;
	}
}

static void packed_points_are_what_was_added(void **state)
{
	static const uint32_t capacities[] = { 1, 2, 7, 64, 300, 600 };
	uint32_t r = 12345;

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(capacities); c++) {
		struct plain p = { .capacity = capacities[c] };
		uint64_t slot = c;
		float v = 0;
		struct series s;

		series_init(&s, S, capacities[c], false);
		for (int i = 0; i < 5000; i++) {
			r = r * 1103515245 + 12345;
			/* Mostly the next second, now and then the same one, or a gap. */
			slot += (r >> 20 & 31) == 0 ? r >> 25 : (r >> 20 & 31) < 4 ? 0 : 1;
			v = some_value(r, v);
			assert_int_equal(series_add(&s, slot * S, (double)v), 0);
			plain_add(&p, slot * S, v);
			if (i % 97 == 0)
				same_as_plain(&s, &p);
		}
		same_as_plain(&s, &p);
		series_release(&s);
		assert_int_equal(series_count(&s), 0);
	}
}

/* What most of them are: a day of a value that stands still, and one of a value that moves. */
static void standing_still_takes_no_room(void **state)
{
	struct series3 still, moving;
	size_t bytes = 0;

	(void)state;
	series3_init(&still);
	series3_init(&moving);
	for (uint64_t i = 0; i < 90000; i++) {
		assert_int_equal(series3_add(&still, i * S, 4711), 0);
		assert_int_equal(series3_add(&moving, i * S, (double)(i * 7919 % 1013)), 0);
	}
	for (int h = 0; h < SERIES_HORIZONS; h++) {
		assert_int_equal(series_count(&still.h[h]), h ? 300 : 600);
		assert_true(still.h[h].cap <= 64);
		bytes += moving.h[h].cap;
	}
	assert_true(bytes <= 14000); /* 19,200 as they are */
	series3_release(&still);
	series3_release(&moving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_keeps_latest),
		cmocka_unit_test(test_interval_keeps_extremes),
		cmocka_unit_test(test_scaling_spans_everything),
		cmocka_unit_test(test_scaling_with_gaps),
		cmocka_unit_test(test_three_horizons),
		cmocka_unit_test(packed_points_are_what_was_added),
		cmocka_unit_test(standing_still_takes_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
