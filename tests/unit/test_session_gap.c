/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "session/gap.h"

#define TICK  NSEC_PER_SEC
#define START (UINT64_C(12345) * NSEC_PER_SEC)
#define SLEPT (UINT64_C(777) * NSEC_PER_SEC) /* before the observation */

/* A tick so long after the last one, of which the machine was asleep for a part besides. */
static struct gap step(double passed_s, double asleep_s)
{
	struct gap g = { 0 };
	uint64_t passed = (uint64_t)(passed_s * NSEC_PER_SEC);
	uint64_t asleep = (uint64_t)(asleep_s * NSEC_PER_SEC);

	gap_tick(&g, START, START + SLEPT, TICK);
	assert_int_equal(g.lost_ns, 0);
	gap_tick(&g, START + passed, START + SLEPT + passed + asleep, TICK);
	return g;
}

static void ticks_in_time_are_none(void **state)
{
	static const double passed_s[] = { 0, 0.5, 1, 1.01, 3, 6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(passed_s); i++) {
		assert_int_equal(step(passed_s[i], 0).lost_ns, 0);
		assert_int_equal(step(passed_s[i], 1).lost_ns, 0);
		assert_false(step(passed_s[i], 1).has_slept);
	}
}

static void gotide_did_not_run(void **state)
{
	struct gap g = step(6.5, 0);

	(void)state;
	assert_int_equal(g.lost_ns, 55 * NSEC_PER_SEC / 10);
	assert_false(g.has_slept);
	/* The next one is in time. */
	gap_tick(&g, g.now_ns + TICK, g.boot_ns + TICK, TICK);
	assert_int_equal(g.lost_ns, 0);
}

static void the_machine_slept(void **state)
{
	struct gap g = step(1, 303);

	(void)state;
	assert_int_equal(g.lost_ns, 303 * NSEC_PER_SEC);
	assert_true(g.has_slept);
	/* Awake before its time is up. */
	g = step(0.25, 1.5);
	assert_int_equal(g.lost_ns, 15 * NSEC_PER_SEC / 10);
	assert_true(g.has_slept);
	/* Both: what was more is told. */
	g = step(21, 10);
	assert_int_equal(g.lost_ns, 30 * NSEC_PER_SEC);
	assert_false(g.has_slept);
}

static void clocks_that_go_back_are_none(void **state)
{
	struct gap g = { 0 };

	(void)state;
	gap_tick(&g, START, START + SLEPT, TICK);
	gap_tick(&g, START - TICK, START, TICK);
	assert_int_equal(g.lost_ns, 0);
	assert_false(g.has_slept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_in_time_are_none),
		cmocka_unit_test(gotide_did_not_run),
		cmocka_unit_test(the_machine_slept),
		cmocka_unit_test(clocks_that_go_back_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
