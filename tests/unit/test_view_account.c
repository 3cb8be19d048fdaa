/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "view/account.h"

static void events_add_up(void **state)
{
	const struct snapshot_process p = {
		.received = 1, .sampled_out = 2, .lost = 3, .bad = 5, .hits = 11
	};
	struct agent_events e = { 0 };

	(void)state;
	agent_events_add(&e, &p);
	agent_events_add(&e, &p);
	assert_int_equal(e.received, 2);
	assert_int_equal(e.sampled, 4);
	assert_int_equal(e.lost, 6);
	assert_int_equal(e.bad, 10);
	assert_int_equal(e.hits, 22);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(events_add_up) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
