/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/spark.h"

#define FIRST_S 10000

static void add(struct series3 *s, unsigned int second, double value)
{
	assert_int_equal(series3_add(s, (FIRST_S + second) * NSEC_PER_SEC, value), 0);
}

static uint64_t at(unsigned int second)
{
	return (FIRST_S + second) * NSEC_PER_SEC;
}

static void check_path(const struct series3 *s, uint64_t now_ns, const char *want)
{
	struct spark k;

	assert_true(spark_of(s, now_ns, &k));
	char *path = CAPTURE(f, spark_path(f, &k));

	assert_string_equal(path, want);
	free(path);
}

static void test_too_little(void **state)
{
	struct series3 s;
	struct spark k;

	(void)state;
	assert_false(spark_of(NULL, at(9), &k));
	series3_init(&s);
	assert_false(spark_of(&s, at(9), &k));
	add(&s, 0, 5);
	assert_false(spark_of(&s, at(9), &k));
	add(&s, 1, 6);
	assert_true(spark_of(&s, at(9), &k));
	/* A clock before the first value: nothing is there yet. */
	assert_false(spark_of(&s, at(0), &k));
	assert_false(spark_of(&s, 0, &k));
	series3_release(&s);
}

/* In the middle; without any at the bottom. */
static void test_flat(void **state)
{
	struct series3 s;

	(void)state;
	for (int v = 0; v <= 7; v += 7) {
		series3_init(&s);
		add(&s, 0, v);
		add(&s, 29, v);
		check_path(&s, at(29), v ? "M0 12h58" : "M0 24h58");
		series3_release(&s);
	}
}

/* It uses the whole height, from bottom to top. */
static void test_rise(void **state)
{
	struct series3 s;
	struct spark k;

	(void)state;
	series3_init(&s);
	for (unsigned int i = 0; i <= 58; i++)
		add(&s, i, i);
	assert_true(spark_of(&s, at(58), &k));
	assert_int_equal(k.y[0], SPARK_HEIGHT);
	assert_int_equal(k.y[SPARK_POINTS - 1], 0);
	for (int i = 1; i < SPARK_POINTS; i++)
		assert_true(k.y[i] <= k.y[i - 1]);
	assert_true(fabs(k.seconds - 58) < 1e-9);
	assert_true(k.low >= 0 && k.low <= 1 && fabs(k.high - 58) < 1e-9);
	series3_release(&s);
}

/* Less than a tenth of the value is not blown up to the whole height. */
static void test_noise(void **state)
{
	struct series3 s;
	struct spark k;

	(void)state;
	series3_init(&s);
	for (unsigned int i = 0; i <= 58; i++)
		add(&s, i, i / 2 % 2 ? 101 : 100);
	assert_true(spark_of(&s, at(58), &k));
	for (int i = 0; i < SPARK_POINTS; i++)
		assert_in_range(k.y[i], 10, 14);
	series3_release(&s);
}

/* A value stands until the next one; a spike is not lost between two points. */
static void test_gaps_and_spikes(void **state)
{
	struct series3 s;

	(void)state;
	series3_init(&s);
	add(&s, 0, 8);
	add(&s, 145, 24);
	add(&s, 146, 0);
	add(&s, 290, 0);
	check_path(&s, at(290), "M0 16h26l2-16l2 24h28");
	series3_release(&s);
}

/* What came before the ten minutes gives the value at their beginning. */
static void test_window(void **state)
{
	struct series3 s;
	struct spark k;

	(void)state;
	series3_init(&s);
	add(&s, 0, 1000);
	add(&s, 50, 12);
	add(&s, 1000, 24);
	add(&s, 1001, 24);
	assert_true(spark_of(&s, at(1010), &k));
	assert_true(fabs(k.seconds - 600) < 1e-9);
	assert_true(fabs(k.low - 12) < 1e-9 && fabs(k.high - 24) < 1e-9);
	assert_int_equal(k.y[0], SPARK_HEIGHT);
	assert_int_equal(k.y[SPARK_POINTS - 1], 0);
	series3_release(&s);
}

static void test_no_numbers(void **state)
{
	static const double odd[] = { INFINITY, -INFINITY, NAN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct series3 s;
		struct spark k;

		series3_init(&s);
		add(&s, 0, 1);
		add(&s, 30, odd[i]);
		add(&s, 60, 2);
		if (spark_of(&s, at(60), &k))
			for (int x = 0; x < SPARK_POINTS; x++)
				assert_in_range(k.y[x], 0, SPARK_HEIGHT);
		series3_release(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_little),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_rise),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_gaps_and_spikes),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_no_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
