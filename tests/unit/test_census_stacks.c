/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "census/stacks.h"

static void equal_stacks_have_one_number(void **state)
{
	const uint64_t pcs[] = { 3, 2, 1 };
	struct stacks *s;
	uint32_t a, b, c;

	(void)state;
	assert_int_equal(stacks_new(&s), 0);
	a = stacks_intern(s, pcs, 3, false);
	b = stacks_intern(s, pcs, 2, false);
	c = stacks_intern(s, pcs, 3, true);
	assert_true(a != b && b != c && a != c);
	assert_int_equal(stacks_intern(s, pcs, 3, false), a);
	assert_int_equal(stacks_intern(s, pcs, 2, false), b);
	assert_int_equal(stacks_intern(s, pcs, 3, true), c);
	assert_int_equal(stacks_count(s), 3);
	assert_int_equal(stacks_get(s, b).n, 2);
	assert_memory_equal(stacks_get(s, b).pcs, pcs, 16);
	assert_true(stacks_get(s, c).is_cut && !stacks_get(s, a).is_cut);
	assert_int_equal(stacks_refused(s), 0);
	stacks_free(s);
}

static void no_stack_has_no_number(void **state)
{
	struct stacks *s;

	(void)state;
	assert_int_equal(stacks_new(&s), 0);
	assert_int_equal(stacks_intern(s, NULL, 0, false), STACKS_NONE);
	assert_int_equal(stacks_count(s), 0);
	stacks_free(s);
	stacks_free(NULL);
}

static void numbers_hold_while_it_grows(void **state)
{
	const uint32_t n = 100003;
	struct stacks *s;

	(void)state;
	assert_int_equal(stacks_new(&s), 0);
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t pcs[] = { 0x400000 + i, 0x500000 + i / 7, 0x600000 };

		assert_int_equal(stacks_intern(s, pcs, 1 + i % 3, i % 2), i);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct stack k = stacks_get(s, i);

		assert_true(k.pcs[0] == 0x400000 + i && k.n == 1 + i % 3 && k.is_cut == i % 2);
		assert_int_equal(stacks_intern(s, k.pcs, k.n, k.is_cut), i);
	}
	stacks_free(s);
}

static void too_many_are_refused(void **state)
{
	struct stacks *s;

	(void)state;
	assert_int_equal(stacks_new(&s), 0);
	for (uint64_t i = 0; i < STACKS_MAX; i++) {
		assert_int_equal(stacks_is_crowded(s), i > STACKS_MAX / 2);
		assert_int_equal(stacks_intern(s, &i, 1, false), i);
	}
	for (uint64_t i = STACKS_MAX; i < STACKS_MAX + 3; i++)
		assert_int_equal(stacks_intern(s, &i, 1, false), STACKS_NONE);
	assert_int_equal(stacks_refused(s), 3);
	assert_int_equal(stacks_count(s), STACKS_MAX);
	assert_int_equal(stacks_intern(s, &(uint64_t){ 7 }, 1, false), 7);
	stacks_free(s);
}

static void too_many_pcs_are_refused(void **state)
{
	uint64_t pcs[STACKS_DEPTH_MAX] = { 0 };
	struct stacks *s;

	(void)state;
	assert_int_equal(stacks_new(&s), 0);
	for (uint32_t i = 0; i < STACKS_PCS_MAX / STACKS_DEPTH_MAX; i++) {
		pcs[0] = i;
		assert_int_equal(stacks_intern(s, pcs, STACKS_DEPTH_MAX, false), i);
	}
	pcs[0] = UINT64_MAX;
	assert_int_equal(stacks_intern(s, pcs, STACKS_DEPTH_MAX, false), STACKS_NONE);
	assert_int_equal(stacks_refused(s), 1);
	assert_true(stacks_is_crowded(s));
	stacks_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_stacks_have_one_number),
		cmocka_unit_test(no_stack_has_no_number),
		cmocka_unit_test(numbers_hold_while_it_grows),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(too_many_pcs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
