/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "cmd/cmd.h"
#include "cmd/ending.h"

#define MANY 7

/* So many processes of which nothing is known. */
static char *ending(size_t n, int verbosity)
{
	struct snapshot_process processes[MANY];
	struct snapshot snap = { .processes = processes, .n = n };
	struct opts o = { .verbosity = verbosity };
	struct judge *judge = NULL;
	int status = -1;

	assert_int_equal(judge_new(&judge), 0);
	for (size_t i = 0; i < n; i++) {
		struct fixture f;

		fixture_unknown(&f);
		processes[i] = f.process;
		processes[i].pid = (pid_t)(101 + i);
		snap.now_ns = f.snap.now_ns;
	}
	char *text = CAPTURE(out, {
		o.out = out;
		assert_int_equal(ending_print(&o, judge, &snap, &status), 0);
	});

	assert_int_equal(status, CMD_OK);
	judge_free(judge);
	return text;
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* A build that starts hundreds of compilers is no reason for hundreds of reports. */
static void test_many_without_a_finding(void **state)
{
	char *five = ending(5, 0), *many = ending(MANY, 0), *all = ending(MANY, 1);

	(void)state;
	assert_int_equal(count(five, "\n  Account\n"), 5);
	assert_int_equal(count(many, "\n  Account\n"), 0);
	assert_int_equal(count(many, "\n    10"), MANY);
	assert_non_null(strstr(many, "7 processes without a finding (-v reports each)\n"));
	assert_int_equal(count(all, "\n  Account\n"), MANY);
	free(five);
	free(many);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_without_a_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
