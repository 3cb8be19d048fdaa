/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe/spans.h"

/* The shift after one call, with nothing left of the credit. */
static unsigned int tuned(unsigned int shift, uint64_t kept, double seconds)
{
	struct spans_tuner t = { .shift = shift };

	spans_tune(&t, kept, seconds, 11);
	return t.shift;
}

static void the_rate_falls_under_load_and_stays(_unused_ void **state)
{
	assert_int_equal(tuned(0, 0, 0), 0);
	assert_int_equal(tuned(0, SPANS_KEPT_PER_S, 1), 0);
	assert_int_equal(tuned(0, SPANS_KEPT_PER_S + 1, 1), 1);
	assert_int_equal(tuned(0, 17000, 0.1), 6); /* 170000 / 2^6 = 2656 */
	assert_int_equal(tuned(3, 17000, 0.1), 9); /* kept after sampling at 2^3 */
	assert_int_equal(tuned(5, 7, 1), 5);
	assert_int_equal(tuned(0, UINT64_MAX, 0.1), SPANS_SHIFT_MAX);
	assert_int_equal(tuned(SPANS_SHIFT_MAX, UINT64_MAX, 0.1), SPANS_SHIFT_MAX);
}

static void a_burst_is_no_load(_unused_ void **state)
{
	struct spans_tuner t = { .credit = SPANS_KEPT_CREDIT };

	spans_tune(&t, SPANS_KEPT_CREDIT, 0.1, 11);
	assert_int_equal(t.shift, 0);
	/* What was used up comes back, and no more than that. */
	for (unsigned int tick = 0; tick < 97; tick++)
		spans_tune(&t, 0, 1, 11);
	spans_tune(&t, SPANS_KEPT_CREDIT, 0.1, 11);
	assert_int_equal(t.shift, 0);
	spans_tune(&t, SPANS_KEPT_CREDIT, 0.1, 11);
	assert_int_equal(t.shift, 6);
}

/* A leak of 80 MB a second, for an hour and more. */
static void the_map_does_not_fill(_unused_ void **state)
{
	struct spans_tuner t = { 0 };
	double in_use = 0;

	for (unsigned int tick = 0; tick < 40000; tick++) {
		in_use += 1000.0 / (double)(1U << t.shift);
		spans_tune(&t, 0, 0.1, (uint64_t)in_use);
	}
	assert_true(in_use < SPANS_MAX);
	assert_in_range(t.shift, 10, SPANS_SHIFT_MAX);
}

/* Nor is more given up than the room left asks for. */
static void a_map_half_full_is_no_reason_twice(_unused_ void **state)
{
	struct spans_tuner t = { 0 };

	for (unsigned int tick = 0; tick < 1009; tick++)
		spans_tune(&t, 0, 0.1, SPANS_MAX / 2 + 1);
	assert_int_equal(t.shift, 2);
	spans_tune(&t, 0, 0.1, SPANS_MAX / 4 * 3 + 3);
	assert_int_equal(t.shift, 4);
	spans_tune(&t, 0, 0.1, SPANS_MAX / 4 * 3 + 5);
	assert_int_equal(t.shift, 4);
}

static void large_ones_are_exact(_unused_ void **state)
{
	struct wire_span_site s = {
		.large = { .allocs = 154,
			   .frees = 53,
			   .alloc_spans = 154,
			   .free_spans = 53,
			   .alloc_pages = 154 * 128,
			   .free_pages = 53 * 128 },
	};
	struct spans_held h = spans_held(&s);

	assert_int_equal(h.large_spans, 101);
	assert_int_equal(h.spans, 101);
	assert_int_equal(h.large_bytes, 101 << 20);
	assert_int_equal(h.bytes, 101 << 20);
	assert_int_equal(h.alloc_spans, 154);
	assert_int_equal(h.alloc_bytes, 154 << 20);
	assert_true(h.error_bytes == 0);
}

static void small_ones_say_how_far_they_may_be_off(_unused_ void **state)
{
	struct wire_span_site s = {
		.large = { .alloc_spans = 1, .alloc_pages = 128 },
		.small = { .allocs = 313,
			   .frees = 13,
			   .alloc_spans = 313 * 8,
			   .free_spans = 13 * 8,
			   .alloc_pages = 313 * 8,
			   .free_pages = 13 * 8,
			   .variance = 300 * 8 * 7 },
	};
	struct spans_held h = spans_held(&s);

	assert_int_equal(h.spans, 2401);
	assert_int_equal(h.bytes, 2400 * SPANS_PAGE_BYTES + (1 << 20));
	/* 300 in use, of weight 8 and one page each */
	assert_in_range((uint64_t)h.error_bytes, 129 * SPANS_PAGE_BYTES, 130 * SPANS_PAGE_BYTES);
	s.small.variance = 0;
	h = spans_held(&s);
	assert_true(h.error_bytes == 0);
}

/* Read while a program was between its additions. */
static void more_freed_than_allocated_is_nothing(_unused_ void **state)
{
	struct wire_span_site s = {
		.small = { .alloc_spans = 3,
			   .free_spans = 5,
			   .alloc_pages = 3,
			   .free_pages = 5,
			   .variance = -7 },
	};
	struct spans_held h = spans_held(&s);

	assert_int_equal(h.bytes, 0);
	assert_int_equal(h.spans, 0);
	assert_true(h.error_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_falls_under_load_and_stays),
		cmocka_unit_test(a_burst_is_no_load),
		cmocka_unit_test(the_map_does_not_fill),
		cmocka_unit_test(a_map_half_full_is_no_reason_twice),
		cmocka_unit_test(large_ones_are_exact),
		cmocka_unit_test(small_ones_say_how_far_they_may_be_off),
		cmocka_unit_test(more_freed_than_allocated_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
