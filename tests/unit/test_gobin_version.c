/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gobin/version.h"

static void test_names(void **state)
{
	static const struct {
		const char *text;
		int major, minor, patch, exact;
	} cases[] = {
		{ "go1.22.12", 1, 22, 12, 1 },
		{ "go1.19", 1, 19, 0, 1 },
		{ "go1.21.3 X:rangefunc", 1, 21, 3, 1 },
		{ "go1.22.5 (Red Hat 1.22.5-1.el9)", 1, 22, 5, 1 },
		{ "go1.20.14+fips", 1, 20, 14, 1 },
		{ "go1.26rc1", 1, 26, 0, 0 },
		{ "go1.18beta2", 1, 18, 0, 0 },
		{ "devel go1.25-20250209 Mon", 1, 25, 0, 0 },
		{ "go1.25-20250209-RC00 cl/1", 1, 25, 0, 0 },
		{ "go1.24.1-custom", 1, 24, 1, 0 },
		{ "go2.0", 2, 0, 0, 1 },
	};
	struct goversion v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(goversion_parse(cases[i].text, strlen(cases[i].text), &v), 0);
		assert_int_equal(v.major, cases[i].major);
		assert_int_equal(v.minor, cases[i].minor);
		assert_int_equal(v.patch, cases[i].patch);
		assert_int_equal(v.is_exact, cases[i].exact);
		assert_string_equal(v.text, cases[i].text);
	}
}

static void test_not_names(void **state)
{
	static const char *const cases[] = { "",	 "go",	      "go1",	  "go1.",
					     "1.22",	 "Go1.22",    "go0.9",	  "go1.99999",
					     "go1.22.",	 "go1.22.x",  "devel +1", "go1.1.70000",
					     "devel go", " go1.22.1", "go-1.22" };
	struct goversion v = { .major = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(goversion_parse(cases[i], strlen(cases[i]), &v), -EINVAL);
	assert_int_equal(v.major, 77);
}

/* The text need not end where its number does, may hold anything, and may be long. */
static void test_bounds(void **state)
{
	char text[300] = "go1.22.1 ";
	struct goversion v;

	(void)state;
	assert_int_equal(goversion_parse("go1.22.129", 9, &v), 0);
	assert_int_equal(v.patch, 12);
	assert_string_equal(v.text, "go1.22.12");
	assert_int_equal(goversion_parse("go1.22.1\0junk", 13, &v), 0);
	assert_string_equal(v.text, "go1.22.1");
	assert_int_equal(goversion_parse("go1.22.1 \x1b[2J", 13, &v), 0);
	assert_string_equal(v.text, "go1.22.1 ?[2J");
	memset(text + 9, 'x', sizeof(text) - 9);
	assert_int_equal(goversion_parse(text, sizeof(text), &v), 0);
	assert_int_equal(strlen(v.text), sizeof(v.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_not_names),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
