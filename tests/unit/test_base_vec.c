/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/vec.h"

struct holder {
	VEC(int) numbers;
};

static int sum_of(const struct holder *h)
{
	int sum = 0;

	vec_for_each (&h->numbers, n)
		sum += *n;
	return sum;
}

static void test_grows(void **state)
{
	struct holder h = { 0 };

	(void)state;
	assert_int_equal(sum_of(&h), 0); /* an empty one has no array yet */
	for (int i = 1; i <= 1000; i++)
		assert_int_equal(vec_push(&h.numbers, i), 0);
	assert_int_equal(h.numbers.n, 1000);
	assert_true(h.numbers.cap >= 1000);
	assert_int_equal(sum_of(&h), 500500);
	vec_for_each (&h.numbers, n)
		*n = 1;
	assert_int_equal(sum_of(&h), 1000);
	vec_release(&h.numbers);
	assert_null(h.numbers.items);
	assert_int_equal(h.numbers.n + h.numbers.cap, 0);
	vec_release(&h.numbers); /* twice is fine */
}

static void test_reserve(void **state)
{
	VEC(uint64_t) v = { 0 };

	(void)state;
	assert_int_equal(vec_reserve(&v), 0);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.cap, 8);
	v.n = 7;
	assert_int_equal(vec_reserve(&v), 0);
	assert_int_equal(v.cap, 8);
	vec_release(&v);
}

/* ASan would rather end the test than let an allocation fail. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

struct huge {
	char bytes[1 << 20];
};

/* More than any machine has: an error, and the array is as it was. */
static void test_too_large(void **state)
{
	VEC(struct huge) v = { 0 };
	volatile size_t cap = (size_t)1 << 43; /* not for the compiler to foresee */

	(void)state;
	v.n = v.cap = cap;
	assert_int_equal(vec_reserve(&v), -ENOMEM);
	assert_int_equal(v.n, cap);
	assert_int_equal(v.cap, cap);
	assert_null(v.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
