/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gobin/asm.h"
#include "gobin/tlsg.h"

#define VA 0x401000

static int decode(const uint8_t *code, size_t n, struct tlsg *ret)
{
	struct asm_func f = { 0 };
	int err;

	assert_int_equal(asm_decode(code, n, VA, &f), 0);
	err = tlsg_decode(&f, ret);
	asm_release(&f);
	return err;
}

#define DECODE(ret, ...)                                       \
	({                                                     \
		static const uint8_t code[] = { __VA_ARGS__ }; \
		decode(code, sizeof(code), ret);               \
	})

static void an_executable_names_the_offset(_unused_ void **state)
{
	struct tlsg t;

	/* mov %fs:-8,%rdi; mov %rsi,%fs:-8; ret */
	assert_int_equal(DECODE(&t, 0x64, 0x48, 0x8b, 0x3c, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x64,
				0x48, 0x89, 0x34, 0x25, 0xf8, 0xff, 0xff, 0xff, 0xc3),
			 0);
	assert_int_equal(t.off, -8);
	assert_int_equal(t.slot_va, 0);
}

static void pie_goes_through_a_register(_unused_ void **state)
{
	struct tlsg t;

	/* mov $-88,%rcx; mov %fs:(%rcx),%rdi; mov %rsi,%fs:(%rcx); ret */
	assert_int_equal(DECODE(&t, 0x48, 0xc7, 0xc1, 0xa8, 0xff, 0xff, 0xff, 0x64, 0x48, 0x8b,
				0x39, 0x64, 0x48, 0x89, 0x31, 0xc3),
			 0);
	assert_int_equal(t.off, -88);
	/* mov 0x100(%rip),%rcx; mov %fs:(%rcx),%rdi; ret: the loader fills in the word */
	assert_int_equal(
		DECODE(&t, 0x48, 0x8b, 0x0d, 0x00, 0x01, 0, 0, 0x64, 0x48, 0x8b, 0x39, 0xc3), 0);
	assert_int_equal(t.slot_va, VA + 7 + 0x100);
}

static void nothing_is_guessed(_unused_ void **state)
{
	struct tlsg t;

	/* ret */
	assert_int_equal(DECODE(&t, 0xc3), -ENOENT);
	/* mov %fs:(%rcx),%rdi; ret: who knows */
	assert_int_equal(DECODE(&t, 0x64, 0x48, 0x8b, 0x39, 0xc3), -ENOENT);
	/* mov %fs:-8,%rdi; mov %fs:-16,%rdi; ret */
	assert_int_equal(DECODE(&t, 0x64, 0x48, 0x8b, 0x3c, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x64,
				0x48, 0x8b, 0x3c, 0x25, 0xf0, 0xff, 0xff, 0xff, 0xc3),
			 -ENOENT);
	/* mov %fs:40,%rdi; ret: the canary */
	assert_int_equal(DECODE(&t, 0x64, 0x48, 0x8b, 0x3c, 0x25, 0x28, 0, 0, 0, 0xc3), -ENOENT);
	assert_false(tlsg_is_offset(-4));
	assert_false(tlsg_is_offset(INT64_MIN));
	assert_true(tlsg_is_offset(-8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_executable_names_the_offset),
		cmocka_unit_test(pie_goes_through_a_register),
		cmocka_unit_test(nothing_is_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
