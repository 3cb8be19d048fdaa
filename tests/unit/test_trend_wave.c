/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"
#include "trend/wave.h"

#define S NSEC_PER_SEC

struct pair {
	struct series3 level, rate;
};

static void add(struct pair *p, double t, double level, double rate)
{
	assert_int_equal(series3_add(&p->level, (uint64_t)t * S, level), 0);
	assert_int_equal(series3_add(&p->rate, (uint64_t)t * S, rate), 0);
}

static void start(struct pair *p)
{
	series3_init(&p->level);
	series3_init(&p->rate);
}

static void stop(struct pair *p)
{
	series3_release(&p->level);
	series3_release(&p->rate);
}

static void test_rise_and_fall(void **state)
{
	struct pair p;
	struct wave w;

	(void)state;
	start(&p);
	for (int t = 0; t <= 40; t++)
		add(&p, 100 + t, 7 + 500 * sin(t * M_PI / 40), 3 + 90 * sin(t * M_PI / 40));
	assert_true(wave_find(&p.level, &p.rate, 100, &w));
	assert_true(w.first == 7 && fabs(w.last - 7) < 1e-6 && w.low <= 7 && w.peak == 507);
	assert_true(w.span_s == 40 && w.correlation > 0.99 && w.is_back);
	assert_false(wave_find(&p.level, &p.rate, 501, &w));
	stop(&p);
}

/* It came back, whatever it does at the end. */
static void test_the_last_point_is_not_the_verdict(void **state)
{
	struct pair p;
	struct wave w;

	(void)state;
	start(&p);
	for (int t = 0; t <= 45; t++) {
		double x = fabs(sin(t * M_PI / 18));

		add(&p, 100 + t, 7 + 500 * x * (t < 30 ? 1 : 0.9), 3 + 90 * x);
	}
	assert_true(wave_find(&p.level, &p.rate, 100, &w));
	assert_true(w.last > 400 && w.is_back);
	stop(&p);
}

static void test_still_up(void **state)
{
	struct pair p;
	struct wave w;

	(void)state;
	start(&p);
	for (int t = 0; t <= 40; t++)
		add(&p, 100 + t, 7 + 11 * t, 3 + t);
	assert_true(wave_find(&p.level, &p.rate, 100, &w));
	assert_false(w.is_back);
	stop(&p);
}

static void test_no_wave(void **state)
{
	struct pair p;
	struct wave w;

	(void)state;
	start(&p);
	assert_false(wave_find(&p.level, &p.rate, 0, &w));
	/* it rises while the rate falls */
	for (int t = 0; t <= 40; t++)
		add(&p, 100 + t, 7 + 11 * t, 50 - t);
	assert_false(wave_find(&p.level, &p.rate, 100, &w));
	stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rise_and_fall),
		cmocka_unit_test(test_the_last_point_is_not_the_verdict),
		cmocka_unit_test(test_still_up),
		cmocka_unit_test(test_no_wave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
