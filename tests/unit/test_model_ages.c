/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/clock.h"
#include "model/ages.h"

#define S		       NSEC_PER_SEC
#define assert_near(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

static const struct ages_scale all = { 1, 1, 1 };

/* One record by itself. */
static void ages_birth(struct ages *a)
{
	struct ages_digest d = { 0 };

	ages_note_birth(&d);
	ages_apply(a, &d);
}

static void ages_death(struct ages *a, uint64_t birth_ns, uint64_t ts_ns)
{
	struct ages_digest d = { 0 };

	ages_note_death(&d, a, a->begin_ns, birth_ns, ts_ns);
	ages_apply(a, &d);
}

static void test_lifetimes(void **state)
{
	struct lifetimes l = { 0 };

	(void)state;
	assert_true(lifetimes_quantile(&l, 0.5) == -1);
	for (int i = 1; i <= 1000; i++)
		lifetimes_add(&l, i / 1000.0);
	/* buckets are a quarter of an octave wide: within 10 % */
	assert_near(lifetimes_quantile(&l, 0.5), 0.5, 0.05);
	assert_near(lifetimes_quantile(&l, 0.99), 0.99, 0.1);
	assert_near(lifetimes_below(&l, 0.25), 250, 15);
	assert_near(lifetimes_below(&l, 100), 1000, 1e-9);
	assert_near(lifetimes_below(&l, 0), 0, 1e-9);
}

static void test_lifetimes_of_any_length(void **state)
{
	struct lifetimes l = { 0 };

	(void)state;
	lifetimes_add(&l, -5);
	lifetimes_add(&l, 0);
	lifetimes_add(&l, NAN);
	lifetimes_add(&l, 1e300);
	assert_int_equal(l.n, 4);
	assert_true(lifetimes_quantile(&l, 0.5) < 1e-4);
	assert_true(lifetimes_quantile(&l, 0.99) > 1e5);
}

/* Births of a tick, and how many of them (or of those before) died in it. */
static void tick(struct ages *a, int second, int births, int deaths)
{
	for (int i = 0; i < births; i++)
		ages_birth(a);
	for (int i = 0; i < deaths; i++)
		ages_death(a, (uint64_t)second * S - S / 2, (uint64_t)second * S);
	ages_tick(a, (uint64_t)second * S, (uint64_t)births, (uint64_t)deaths, &all);
}

static void test_newborns_are_no_survivors(void **state)
{
	struct ages a;

	(void)state;
	ages_init(&a, 0, 0, 7);
	for (int i = 1; i <= 300; i++)
		tick(&a, i, 100, 99);
	/* one of each second stays; those from before always did */
	assert_near(ages_older(&a, 300 * S, 5, 307), 7 + 295, 1e-6);
	assert_near(ages_older(&a, 300 * S, 300, 307), 7, 1e-6);
	assert_near(ages_older(&a, 300 * S, 0, 307), 307, 1e-6);
	/* in between, to a part of the age */
	assert_near(ages_older(&a, 300 * S, 100, 307), 207, 12);
	assert_true(a.n <= AGES_COHORTS);
}

static void test_counters_alone_bound_survivors(void **state)
{
	struct ages a;

	(void)state;
	/* nothing is streamed */
	ages_init(&a, 0, 0, 0);
	for (uint64_t i = 1; i <= 60; i++)
		ages_tick(&a, i * S, 10, 0, &all);
	/* no one died: exact */
	assert_near(ages_older(&a, 60 * S, 5, 600), 550, 1e-6);
	/* 100 births and 100 deaths a second: no one need be old */
	ages_init(&a, 0, 0, 0);
	for (uint64_t i = 1; i <= 60; i++)
		ages_tick(&a, i * S, 100, 100, &all);
	assert_near(ages_older(&a, 60 * S, 5, 20), 0, 1e-6);
}

static void test_sample_cancels_out(void **state)
{
	const struct ages_scale sixteenth = { 16, 16, 16 };
	struct ages a;

	(void)state;
	ages_init(&a, 0, 0, 0);
	for (int i = 1; i <= 120; i++) {
		/* the sample's size varies, but who is in it is in it from birth to death */
		int sampled = 3 + i % 7;

		for (int k = 0; k < sampled; k++) {
			ages_birth(&a);
			ages_death(&a, (uint64_t)i * S - S / 3, (uint64_t)i * S);
		}
		ages_tick(&a, (uint64_t)i * S, 100, 100, &sixteenth);
	}
	assert_near(ages_older(&a, 120 * S, 5, 40), 0, 1e-6);
	assert_near(a.noise, 0, 0);
}

static void test_noise_is_taken_off(void **state)
{
	const struct ages_scale lossy = { 4, 4, 1 };
	struct ages a;

	(void)state;
	ages_init(&a, 0, 0, 0);
	/* by chance more births than deaths came through */
	for (int i = 1; i <= 60; i++) {
		for (int k = 0; k < 25 + (i % 10 == 0); k++)
			ages_birth(&a);
		for (int k = 0; k < 25; k++)
			ages_death(&a, (uint64_t)i * S - S / 3, (uint64_t)i * S);
		ages_tick(&a, (uint64_t)i * S, 100, 100, &lossy);
	}
	assert_near(ages_older(&a, 60 * S, 5, 50), 0, 1e-6);
}

static void test_deaths_of_before(void **state)
{
	struct ages a;

	(void)state;
	ages_init(&a, 100 * S, 100 * S, 50);
	for (int i = 0; i < 20; i++)
		ages_death(&a, 0, 103 * S);
	for (int i = 0; i < 10; i++)
		ages_death(&a, 99 * S, 103 * S);
	ages_tick(&a, 104 * S, 0, 30, &all);
	assert_near(ages_older(&a, 104 * S, 2, 20), 20, 1e-6);
	assert_int_equal(a.ended.n, 0);
	assert_int_equal(a.before_ended.n, 30);
	/* they lived on for 3 s, so about 6 s; the next one counts as late too */
	assert_near(ages_ended_older(&a, 5), 1, 1e-9);
	assert_near(ages_ended_older(&a, 1), 1, 1e-9);
	assert_near(ages_ended_older(&a, 10), 1 / 31.0, 1e-9);
}

static void test_births_within(void **state)
{
	struct ages a;

	(void)state;
	ages_init(&a, 0, 0, 0);
	assert_true(ages_ended_older(&a, 1) == -1);
	for (int i = 1; i <= 40; i++)
		tick(&a, i, i <= 30 ? 10 : 0, 0);
	assert_near(ages_births_within(&a, 40 * S, 5), 0, 1e-6);
	assert_near(ages_births_within(&a, 40 * S, 12), 20, 1e-6);
	assert_near(ages_births_within(&a, 40 * S, 1000), 300, 1e-6);
}

static void test_clock_that_stands_still(void **state)
{
	struct ages a;

	(void)state;
	ages_init(&a, 5 * S, 5 * S, 0);
	for (int i = 0; i < 1000; i++)
		ages_tick(&a, 5 * S, 1, 1, &all);
	assert_true(a.n <= AGES_COHORTS);
	assert_true(ages_older(&a, 5 * S, 1, 3) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_lifetimes_of_any_length),
		cmocka_unit_test(test_newborns_are_no_survivors),
		cmocka_unit_test(test_counters_alone_bound_survivors),
		cmocka_unit_test(test_sample_cancels_out),
		cmocka_unit_test(test_noise_is_taken_off),
		cmocka_unit_test(test_deaths_of_before),
		cmocka_unit_test(test_births_within),
		cmocka_unit_test(test_clock_that_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
