/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static uint64_t reference_ns(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The same clock, in the same unit, as the kernel's records. */
static void test_is_monotonic_clock(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t before = reference_ns(), now = clock_now_ns(), after = reference_ns();

		assert_true(before <= now && now <= after);
	}
}

/* It is never behind the other, and by the same time as long as the machine is awake. */
static void test_boot_clock_has_sleep_besides(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_now_ns(), boot = clock_boot_ns(), later = clock_boot_ns();

		assert_true(now <= boot && boot <= later);
	}
}

/* It passes while this thread works, and is part of what the process has used. */
static void test_cpu_time_of_this_thread(void **state)
{
	uint64_t cpu_ns = clock_cpu_ns();
	struct timespec all;

	(void)state;
	while (clock_cpu_ns() - cpu_ns < NSEC_PER_MSEC)
		;
	cpu_ns = clock_cpu_ns();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
	assert_true(cpu_ns <= (uint64_t)all.tv_sec * NSEC_PER_SEC + (uint64_t)all.tv_nsec);
}

static void test_seconds_never_fall_below_none(void **state)
{
	(void)state;
	assert_true(seconds_between(NSEC_PER_SEC, 3 * NSEC_PER_SEC + NSEC_PER_SEC / 2) == 2.5);
	assert_true(seconds_between(3 * NSEC_PER_SEC, NSEC_PER_SEC) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_monotonic_clock),
		cmocka_unit_test(test_boot_clock_has_sleep_besides),
		cmocka_unit_test(test_cpu_time_of_this_thread),
		cmocka_unit_test(test_seconds_never_fall_below_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
