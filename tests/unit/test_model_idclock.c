/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "model/idclock.h"

#define S NSEC_PER_SEC

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void test_empty(void **state)
{
	struct idclock c;

	(void)state;
	idclock_init(&c);
	assert_true(idclock_lookup(&c, 5) == 0);
	idclock_release(&c);
}

static void test_before_first(void **state)
{
	struct idclock c;

	(void)state;
	idclock_init(&c);
	assert_int_equal(idclock_newest(&c, 100 * S, 5000), 0);
	assert_true(idclock_lookup(&c, 1) == 0);
	assert_true(idclock_lookup(&c, 5000) == 0);
	assert_true(idclock_lookup(&c, 5001) == 100 * S);
	idclock_release(&c);
	/* without a census the first birth begins the clock */
	assert_int_equal(idclock_birth(&c, 7 * S, 300), 0);
	assert_true(idclock_lookup(&c, 299) == 0);
	assert_true(idclock_lookup(&c, 300) == 7 * S);
	idclock_release(&c);
}

static void test_recent_are_exact(void **state)
{
	struct idclock c;

	(void)state;
	idclock_init(&c);
	/* a stale id, handed out late */
	assert_int_equal(idclock_birth(&c, 50 * S, 10000), 0);
	assert_int_equal(idclock_birth(&c, 60 * S, 9000), 0);
	assert_true(idclock_lookup(&c, 9000) == 60 * S);
	assert_true(idclock_lookup(&c, 10000) == 50 * S);
	idclock_release(&c);
}

/* A day of births: the error stays a part of the age, and the memory bounded. */
static void test_error_is_a_part_of_the_age(void **state)
{
	const uint64_t step = S / 20, day = 86400 * S;
	struct idclock c;
	uint64_t goid = 0, checked = 0;

	(void)state;
	idclock_init(&c);
	for (uint64_t t = step; t <= day; t += step)
		assert_int_equal(idclock_newest(&c, t, ++goid), 0);
	assert_true(c.n <= IDCLOCK_ENTRIES);
	for (uint64_t age = 2 * step; age < day; age = age * 5 / 4) {
		uint64_t id = goid - age / step, born = id * step;
		uint64_t off = distance(idclock_lookup(&c, id), born);

		assert_true(off <= age / 8 + step);
		checked++;
	}
	assert_true(checked > 50);
	idclock_release(&c);
}

/* Bursts: the rate of ids changes by a thousand. */
static void test_uneven_rates(void **state)
{
	struct idclock c;
	uint64_t goid = 1, t = S;

	(void)state;
	idclock_init(&c);
	for (int i = 0; i < 20000; i++) {
		t += i % 100 < 50 ? S / 1000 : S;
		goid += i % 100 < 50 ? 1000 : 1;
		assert_int_equal(idclock_newest(&c, t, goid), 0);
		assert_true(c.n <= IDCLOCK_ENTRIES);
	}
	for (uint32_t i = 1; i < c.n; i++) {
		assert_true(c.entries[i].goid > c.entries[i - 1].goid);
		assert_true(c.entries[i].ts_ns >= c.entries[i - 1].ts_ns);
	}
	/* time and id that go back are ignored */
	assert_int_equal(idclock_newest(&c, t - S, goid + 5), 0);
	assert_int_equal(idclock_newest(&c, t + S, goid - 5), 0);
	assert_true(c.entries[c.n - 1].goid == goid);
	idclock_release(&c);
}

static void test_same_instant(void **state)
{
	struct idclock c;

	(void)state;
	idclock_init(&c);
	for (uint64_t i = 1; i < 5000; i++)
		assert_int_equal(idclock_newest(&c, 9 * S, i), 0);
	assert_true(c.n <= IDCLOCK_ENTRIES);
	assert_true(idclock_lookup(&c, 2500) == 9 * S);
	idclock_release(&c);
}

/* Without records of births the scheduler's own count keeps the clock going. */
static void test_ids_handed_out(void **state)
{
	struct idclock c;

	(void)state;
	idclock_init(&c);
	for (uint64_t t = 0; t <= 60; t++)
		assert_int_equal(idclock_handed(&c, (100 + t) * S, 16 * (10 + 100 * t)), 0);
	/* 1600 ids a second: each is known to the second, and the clock says so */
	for (uint64_t goid = 1000; goid < 90000; goid += 1009) {
		uint64_t born = 100 * S + (goid - 145) * S / 1600;

		assert_true(distance(idclock_lookup(&c, goid), born) <= S / 100);
		assert_true(idclock_error(&c, goid) >= S / 2 && idclock_error(&c, goid) <= 5 * S);
	}
	assert_true(idclock_lookup(&c, 145) == 0); /* there when it began */
	assert_true(idclock_lookup(&c, 146) > 0);
	/* one that is seen being born is known exactly */
	assert_int_equal(idclock_birth(&c, 170 * S, 99000), 0);
	assert_true(idclock_lookup(&c, 99000) == 170 * S && idclock_error(&c, 99000) == 0);
	assert_int_equal(idclock_handed(&c, 171 * S, 7), 0); /* fewer than a batch */
	idclock_release(&c);
}

static void test_torn_id_does_not_stop_the_clock(void **state)
{
	struct idclock c;

	(void)state;
	idclock_init(&c);
	assert_int_equal(idclock_newest(&c, 100 * S, 5000), 0);
	assert_int_equal(idclock_newest(&c, 101 * S, UINT64_MAX / 4), 0);
	assert_int_equal(idclock_handed(&c, 102 * S, 6400), 0);
	assert_int_equal(idclock_newest(&c, 103 * S, 6500), 0);
	assert_true(idclock_lookup(&c, 6500) == 103 * S);
	assert_true(idclock_lookup(&c, 5500) > 100 * S && idclock_lookup(&c, 5500) < 102 * S);
	idclock_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_before_first),
		cmocka_unit_test(test_recent_are_exact),
		cmocka_unit_test(test_error_is_a_part_of_the_age),
		cmocka_unit_test(test_uneven_rates),
		cmocka_unit_test(test_same_instant),
		cmocka_unit_test(test_ids_handed_out),
		cmocka_unit_test(test_torn_id_does_not_stop_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
