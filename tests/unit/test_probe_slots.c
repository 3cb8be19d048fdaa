/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe/slots.h"

static void a_process_has_one_slot(_unused_ void **state)
{
	struct slots *s;
	uint32_t a, b, found;

	assert_int_equal(slots_new(3, &s), 0);
	assert_int_equal(slots_take(s, 100, &a), 0);
	assert_int_equal(slots_take(s, 100, &b), -EEXIST);
	assert_int_equal(slots_take(s, 200, &b), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(slots_find(s, 200, &found), 0);
	assert_int_equal(found, b);
	assert_int_equal(slots_owner(s, a), 100);
	assert_int_equal(slots_find(s, 300, &found), -ENOENT);
	assert_int_equal(found, b);
	slots_free(s);
}

static void a_dropped_slot_waits_to_be_reused(_unused_ void **state)
{
	struct slots *s;
	uint32_t a, b;

	assert_int_equal(slots_new(1, &s), 0);
	assert_int_equal(slots_take(s, 100, &a), 0);
	slots_drop(s, 100, 5000);
	slots_drop(s, 100, 9000);
	assert_int_equal(slots_stale(s), 1);
	assert_int_equal(slots_owner(s, a), 0);
	assert_true(slots_is_stale(s, a, 5000));
	assert_false(slots_is_stale(s, a, 4999));
	assert_int_equal(slots_take(s, 200, &b), -ENOSPC);
	slots_reuse(s, 4999);
	assert_int_equal(slots_take(s, 200, &b), -ENOSPC);
	slots_reuse(s, 5000);
	assert_int_equal(slots_stale(s), 0);
	assert_int_equal(slots_take(s, 200, &b), 0);
	assert_int_equal(slots_owner(s, b), 200);
	slots_free(s);
}

static void the_longest_unused_is_taken_first(_unused_ void **state)
{
	struct slots *s;
	uint32_t a, b;

	assert_int_equal(slots_new(2, &s), 0);
	assert_int_equal(slots_take(s, 100, &a), 0);
	slots_drop(s, 100, 1);
	slots_reuse(s, 1);
	assert_int_equal(slots_take(s, 200, &b), 0);
	assert_int_not_equal(a, b);
	slots_free(s);
}

static void numbers_from_the_kernel_are_not_believed(_unused_ void **state)
{
	struct slots *s;

	assert_int_equal(slots_new(2, &s), 0);
	assert_int_equal(slots_owner(s, 2), 0);
	assert_int_equal(slots_owner(s, UINT32_MAX), 0);
	assert_false(slots_is_stale(s, UINT32_MAX, UINT64_MAX));
	slots_free(s);
	slots_free(NULL);
}

static void many_come_and_go(_unused_ void **state)
{
	struct slots *s;
	uint32_t slot;

	assert_int_equal(slots_new(7, &s), 0);
	for (pid_t pid = 1; pid < 1000; pid++) {
		assert_int_equal(slots_take(s, pid, &slot), 0);
		assert_int_equal(slots_owner(s, slot), pid);
		if (pid > 3)
			slots_drop(s, pid - 3, (uint64_t)pid);
		slots_reuse(s, (uint64_t)pid);
	}
	slots_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_one_slot),
		cmocka_unit_test(a_dropped_slot_waits_to_be_reused),
		cmocka_unit_test(the_longest_unused_is_taken_first),
		cmocka_unit_test(numbers_from_the_kernel_are_not_believed),
		cmocka_unit_test(many_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
