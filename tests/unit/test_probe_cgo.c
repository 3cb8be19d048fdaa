/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/cgo.h"

static void the_period_doubles(_unused_ void **state)
{
	assert_int_equal(cgo_period(0), 1);
	assert_int_equal(cgo_period(1), 512);
	assert_int_equal(cgo_period(2), 1024);
	assert_int_equal(cgo_period(CGO_LEVEL_MAX), 1 << 20);
	assert_int_equal(cgo_period(CGO_LEVEL_MAX + 7), 1 << 20);
}

static unsigned int tuned(unsigned int level, uint64_t kept, double seconds)
{
	struct cgo_tuner t = { .level = level };

	cgo_tune(&t, kept, seconds, 11);
	return t.level;
}

static void the_rate_falls_under_load_and_stays(_unused_ void **state)
{
	struct cgo_tuner t = { .credit = CGO_KEPT_CREDIT };

	assert_int_equal(tuned(0, 0, 0), 0);
	assert_int_equal(tuned(0, CGO_KEPT_PER_S, 1), 0);
	assert_int_equal(tuned(0, CGO_KEPT_PER_S + 1, 1), 1);
	assert_int_equal(tuned(3, 17000, 0.1), 9);
	assert_int_equal(tuned(5, 7, 1), 5);
	assert_int_equal(tuned(0, UINT64_MAX, 0.1), CGO_LEVEL_MAX);
	/* A burst is no load. */
	cgo_tune(&t, CGO_KEPT_CREDIT, 0.1, 11);
	assert_int_equal(t.level, 0);
}

static void the_map_does_not_fill(_unused_ void **state)
{
	struct cgo_tuner t = { 0 };
	double in_use = 0;

	/* 64 bytes each. */
	for (unsigned int tick = 0; tick < 40000; tick++) {
		in_use += 400.0 * fmin(1, 64.0 / cgo_period(t.level));
		cgo_tune(&t, 0, 0.1, (uint64_t)in_use);
	}
	assert_true(in_use < CGO_BLOCKS_MAX);
	assert_in_range(t.level, 3, CGO_LEVEL_MAX);
}

/* 1,009 blocks of 64 bytes at a period of 4,096, of which 17 were kept and 3 freed. */
static void each_block_stands_for_its_weight(_unused_ void **state)
{
	const uint64_t w = 4096, size = 64, kept = 17, freed = 3;
	const struct wire_cgo_site s = {
		.large = { .allocs = 5, .frees = 2, .alloc_bytes = 5 << 20, .free_bytes = 2 << 20 },
		.small = { .allocs = kept,
			   .frees = freed,
			   .alloc_units = kept * w * WIRE_CGO_UNIT / size,
			   .free_units = freed * w * WIRE_CGO_UNIT / size,
			   .alloc_bytes = kept * w,
			   .free_bytes = freed * w,
			   .variance = (kept - freed) * w * (w - size) / WIRE_CGO_VARIANCE_UNIT },
	};
	struct cgo_held h = cgo_held(&s);

	assert_int_equal(h.large_blocks, 3);
	assert_int_equal(h.large_bytes, 3 << 20);
	assert_int_equal(h.blocks, 3 + 14 * 64);
	assert_int_equal(h.bytes, (3 << 20) + 14 * 4096);
	assert_int_equal(h.alloc_blocks, 5 + 17 * 64);
	assert_int_equal(h.alloc_bytes, (5 << 20) + 17 * 4096);
	/* n kept with probability p: the deviation of n * size / p is size / p * sqrt(n * (1 - p)).
	 */
	assert_true(fabs(h.error_bytes - 4096 * sqrt(14 * (1 - 64.0 / 4096))) < 2);
}

static void what_is_read_between_two_additions_is_no_number(_unused_ void **state)
{
	const struct wire_cgo_site s = {
		.small = { .allocs = 1,
			   .frees = 2,
			   .free_units = 7,
			   .free_bytes = 7,
			   .variance = -7ULL },
	};
	struct cgo_held h = cgo_held(&s);

	assert_int_equal(h.bytes, 0);
	assert_int_equal(h.blocks, 0);
	assert_true(h.error_bytes == 0);
}

/* What a cookie carries comes out of it. */
static void cookies_hold_all_of_it(_unused_ void **state)
{
	__u64 entry = WIRE_CGO_COOKIE(WIRE_CGO_POSIX_MEMALIGN, 65535);
	__u64 exit = WIRE_CGO_COOKIE_EXIT(WIRE_CGO_EXIT_EARLY, 88, 12, -16, 16);

	assert_int_equal(WIRE_CGO_COOKIE_FN(entry), WIRE_CGO_POSIX_MEMALIGN);
	assert_int_equal(WIRE_CGO_COOKIE_OFF(entry), 65535);
	assert_int_equal(WIRE_CGO_COOKIE_FN(exit), WIRE_CGO_EXIT_EARLY);
	assert_int_equal(WIRE_CGO_COOKIE_OFF(exit), 88);
	assert_int_equal(WIRE_CGO_COOKIE_REG(exit), 12);
	assert_int_equal(WIRE_CGO_COOKIE_COND(exit), 16);
	assert_int_equal(WIRE_CGO_COOKIE_ADD(exit), -16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_period_doubles),
		cmocka_unit_test(the_rate_falls_under_load_and_stays),
		cmocka_unit_test(the_map_does_not_fill),
		cmocka_unit_test(each_block_stands_for_its_weight),
		cmocka_unit_test(what_is_read_between_two_additions_is_no_number),
		cmocka_unit_test(cookies_hold_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
