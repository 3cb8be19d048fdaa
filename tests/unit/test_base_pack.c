/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pack.h"

static void test_round_trip(void **state)
{
	static const uint64_t us[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
	static const int64_t ss[] = { 0, -1, 1, 63, 64, -64, -65, INT64_MAX, INT64_MIN };
	struct pack p = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(us); i++)
		pack_uvarint(&p, us[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ss); i++)
		pack_svarint(&p, ss[i]);
	pack_double(&p, -0.25);
	pack_u32(&p, 0xdeadbeef);
	pack_bytes(&p, "abc", 3);
	assert_true(pack_ok(&p));
	struct bytes b = bytes_of(p.items, p.n);

	for (size_t i = 0; i < ARRAY_SIZE(us); i++)
		assert_true(bytes_uvarint(&b) == us[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ss); i++)
		assert_true(bytes_svarint(&b) == ss[i]);
	assert_true(bytes_double(&b) == -0.25);
	assert_int_equal(bytes_u32(&b), 0xdeadbeef);
	assert_memory_equal(bytes_take(&b, 3), "abc", 3);
	assert_true(bytes_ok(&b));
	assert_int_equal(bytes_left(&b), 0);
	pack_release(&p);
}

static void test_small_numbers_are_short(void **state)
{
	struct pack p = { 0 };

	(void)state;
	for (int i = -64; i < 64; i++)
		pack_svarint(&p, i);
	assert_int_equal(p.n, 128);
	pack_clear(&p);
	assert_int_equal(p.n, 0);
	pack_bytes(&p, NULL, 0);
	assert_int_equal(p.n, 0);
	pack_release(&p);
}

static void test_read_past_the_end(void **state)
{
	struct bytes b = bytes_of("\x80", 1);

	(void)state;
	assert_true(bytes_svarint(&b) == 0);
	assert_false(bytes_ok(&b));
	b = bytes_of("1234567", 7);
	assert_true(bytes_double(&b) == 0);
	assert_false(bytes_ok(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_small_numbers_are_short),
		cmocka_unit_test(test_read_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
