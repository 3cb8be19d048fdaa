/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void test_reads(void **state)
{
	struct bytes b = bytes_of(data, sizeof(data));

	(void)state;
	assert_int_equal(bytes_u8(&b), 0x01);
	assert_int_equal(bytes_u16(&b), 0x0302);
	assert_int_equal(bytes_u32(&b), 0x07060504);
	assert_true(bytes_u64(&b) == 0x0f0e0d0c0b0a0908ULL);
	assert_int_equal(bytes_left(&b), 0);
	assert_true(bytes_ok(&b));
	assert_int_equal(bytes_u8(&b), 0);
	assert_false(bytes_ok(&b));
}

/* A failed read gives zero, stays where it was, and nothing succeeds after it. */
static void test_failure_sticks(void **state)
{
	struct bytes b = bytes_of(data, 7);

	(void)state;
	bytes_skip(&b, 4);
	assert_int_equal(bytes_u32(&b), 0);
	assert_int_equal(b.pos, 4);
	assert_int_equal(bytes_u8(&b), 0);
	assert_null(bytes_take(&b, 1));
	assert_null(bytes_cstr(&b, 10));
	assert_int_equal(bytes_uvarint(&b), 0);
	assert_int_equal(b.pos, 4);
	assert_false(bytes_ok(&b));
}

static void test_moves(void **state)
{
	struct bytes b = bytes_of(data, sizeof(data));

	(void)state;
	bytes_seek(&b, 15);
	assert_true(bytes_ok(&b));
	bytes_seek(&b, 0);
	bytes_align(&b, 8);
	assert_int_equal(b.pos, 0);
	bytes_skip(&b, 1);
	bytes_align(&b, 8);
	assert_int_equal(b.pos, 8);
	assert_ptr_equal(bytes_take(&b, 2), data + 8);
	bytes_align(&b, 8); /* 16 is past the end */
	assert_false(bytes_ok(&b));

	b = bytes_of(data, sizeof(data));
	bytes_seek(&b, 16);
	assert_false(bytes_ok(&b));
	b = bytes_of(data, sizeof(data));
	bytes_skip(&b, 3);
	bytes_skip(&b, SIZE_MAX - 1); /* wraps if added */
	assert_false(bytes_ok(&b));
	assert_int_equal(b.pos, 3);
}

static void test_empty(void **state)
{
	struct bytes b = bytes_of(NULL, 0);

	(void)state;
	assert_null(bytes_take(&b, 0));
	assert_true(bytes_ok(&b));
	assert_null(bytes_cstr(&b, 10));
	assert_false(bytes_ok(&b));
	b = bytes_of(NULL, 0);
	assert_int_equal(bytes_u64(&b), 0);
	assert_false(bytes_ok(&b));
}

static void check_uvarint(const char *raw, size_t n, uint64_t want, size_t used, bool ok)
{
	struct bytes b = bytes_of(raw, n);

	assert_true(bytes_uvarint(&b) == want);
	assert_int_equal(b.pos, used);
	assert_int_equal(bytes_ok(&b), ok);
}

static void test_uvarint(void **state)
{
	(void)state;
	check_uvarint("\x00", 1, 0, 1, true);
	check_uvarint("\x7f", 1, 127, 1, true);
	check_uvarint("\x80\x01", 2, 128, 2, true);
	check_uvarint("\x80\x00", 2, 0, 2, true); /* longer than needed */
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, 10, true);
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, 0, false);
	check_uvarint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, 0, 0, false);
	check_uvarint("\x80", 1, 0, 0, false);
	check_uvarint("", 0, 0, 0, false);
}

static void test_cstr(void **state)
{
	static const char text[] = "abc\0\0rest"; /* ends with a NUL of its own */
	struct bytes b = bytes_of(text, 8);

	(void)state;
	assert_string_equal(bytes_cstr(&b, 3), "abc");
	assert_string_equal(bytes_cstr(&b, 0), "");
	assert_int_equal(b.pos, 5);
	assert_null(bytes_cstr(&b, 100)); /* "res", no NUL in range */
	assert_int_equal(b.pos, 5);

	b = bytes_of(text, sizeof(text));
	assert_null(bytes_cstr(&b, 2)); /* longer than the limit */
	b = bytes_of(text, sizeof(text));
	bytes_seek(&b, 5);
	assert_string_equal(bytes_cstr(&b, SIZE_MAX), "rest"); /* no limit */
	assert_true(bytes_ok(&b));
}

static void test_sub(void **state)
{
	struct bytes b = bytes_of(data, sizeof(data));
	struct bytes s = bytes_sub(&b, 4, 2);

	(void)state;
	assert_int_equal(bytes_u8(&s), 5);
	assert_int_equal(bytes_left(&s), 1);
	assert_int_equal(bytes_u16(&s), 0);
	assert_false(bytes_ok(&s));
	assert_true(bytes_ok(&b));
	s = bytes_sub(&b, 15, 0);
	assert_true(bytes_ok(&s));
	s = bytes_sub(&b, 14, 2);
	assert_false(bytes_ok(&s));
	assert_int_equal(bytes_left(&s), 0);
	s = bytes_sub(&b, 2, SIZE_MAX);
	assert_false(bytes_ok(&s));
	b.failed = true;
	s = bytes_sub(&b, 0, 1);
	assert_false(bytes_ok(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),	cmocka_unit_test(test_failure_sticks),
		cmocka_unit_test(test_moves),	cmocka_unit_test(test_empty),
		cmocka_unit_test(test_uvarint), cmocka_unit_test(test_cstr),
		cmocka_unit_test(test_sub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
