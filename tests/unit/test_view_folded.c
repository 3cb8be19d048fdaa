/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

static void test_golden(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	char *have = CAPTURE(out, assert_int_equal(profile_write_folded(&p, out), 0));

	golden_check("profile.folded", have);
	free(have);
	profile_release(&p);
	symbols_free(s);
}

static void test_full_disk(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	fixture_profile(&p, s);
	assert_int_equal(profile_write_folded(&p, f), -ENOSPC);
	fclose(f);
	profile_release(&p);
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
