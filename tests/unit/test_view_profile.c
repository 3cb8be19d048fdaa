/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

static void test_shown(void **state)
{
	struct symbols *s = fixture_symbols(NULL);

	(void)state;
	assert_true(profile_is_shown(&symbols_at(s, AT(PC_MAIN + 1), false)->frames[0]));
	assert_true(profile_is_shown(&symbols_at(s, AT(PC_GOPARK + 1), false)->frames[0]));
	assert_false(profile_is_shown(&symbols_at(s, AT(PC_GOEXIT + 1), false)->frames[0]));
	assert_false(profile_is_shown(&symbols_at(s, AT(PC_WRAPPER + 1), false)->frames[0]));
	symbols_free(s);
}

static void test_release(void **state)
{
	struct profile p = { 0 };

	(void)state;
	profile_release(&p);
	fixture_profile(&p, NULL);
	profile_release(&p);
	assert_int_equal(p.samples.n, 0);
	assert_null(p.samples.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
