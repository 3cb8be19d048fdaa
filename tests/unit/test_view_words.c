/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/words.h"

static void check_line(const struct fixture *f, enum words_line l, const char *want)
{
	char buf[WORDS_MAX];

	assert_string_equal(words_line(buf, &f->process, l), want);
}

/* Nothing is said of what is not known, but for what everybody asks for. */
static void test_unknown(void **state)
{
	static const enum words_line silent[] = {
		WORDS_EXITED,	  WORDS_ANONYMOUS,   WORDS_LIMIT,
		WORDS_GOMEMLIMIT, WORDS_DESCRIPTORS, WORDS_TIMERS,
	};
	char buf[WORDS_MAX];
	struct fixture f;

	(void)state;
	fixture_unknown(&f);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		check_line(&f, silent[i], "");
	check_line(&f, WORDS_GOROUTINES, "live unknown, 0 born, 0 died");
	check_line(&f, WORDS_RSS, "? anonymous, ? file, ? shared; ? swapped");
	check_line(&f, WORDS_OF_WHICH, "? goroutine stacks, ? outside the Go runtime");
	assert_non_null(strstr(words_unknown(buf, &f.process), "how many goroutines live, births"));
	assert_string_equal(words_left_out(buf, &f.process), "");
}

static void test_account(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	check_line(&f, WORDS_ANONYMOUS,
		   "12.0 MiB live heap, 2.00 MiB garbage or new, 1.00 MiB slack in spans, 2.00 MiB "
		   "free, held, 10.0 MiB stacks, 3.00 MiB Go's own, 17.0 MiB outside Go, -2.00 MiB "
		   "never touched");
	check_line(&f, WORDS_OF_WHICH, "");
	check_line(&f, WORDS_LIMIT, "512 MiB, 61.0 MiB used by the control group");
	check_line(&f, WORDS_GOMEMLIMIT, "");
	f.process.memory_limit_bytes = 300 << 20;
	check_line(&f, WORDS_GOMEMLIMIT, "300 MiB");
	for (enum words_line l = 0; l < WORDS_LINE_MAX; l++)
		assert_true(*words_label(l));
}

static void test_exited(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	f.process.has_exited = true;
	f.process.exit_code = 3 << 8;
	check_line(&f, WORDS_EXITED, "with status 3");
	f.process.exit_code = -1;
	check_line(&f, WORDS_EXITED, "with a status that is not known");
	f.process.exit_code = 9;
	f.process.is_oom_victim = true;
	check_line(&f, WORDS_EXITED, "killed by signal 9: the kernel was out of memory");
}

static void test_growth(void **state)
{
	struct finding n = { .first = 34, .last = 1234, .per_min = 1200, .horizon_s = 60 };
	const struct snapshot_site site = { .wait_reason = "chan\nreceive" };
	char buf[WORDS_MAX];

	(void)state;
	assert_string_equal(words_growth(buf, &n), "34 -> 1234 goroutines in 1m00s (+1200/min)");
	n.site = &site;
	assert_string_equal(words_growth(buf, &n), "34 -> 1234 goroutines in 1m00s (+1200/min); "
						   "waiting: chan?receive");
	n.site = NULL;
	n.unit = VERDICT_FILES;
	assert_string_equal(words_growth(buf, &n),
			    "34 -> 1234 open descriptors in 1m00s (+1200/min)");
	n.unit = VERDICT_BYTES;
	n.per_min = -1024;
	n.gcs = 7;
	assert_string_equal(words_growth(buf, &n), "34 B -> 1.21 KiB in 1m00s (-1.00 KiB/min); "
						   "7 garbage collections seen");
}

/* Where it waits, else who started it. */
static void test_stack(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	assert_int_equal(words_stack(&f.sites[0]).depth, 4);
	assert_string_equal(words_stack(&f.sites[0]).head, "Waits here");
	f.sites[0].stack_depth = 0;
	assert_ptr_equal(words_stack(&f.sites[0]).frames, f.sites[0].creation_stack);
	assert_string_equal(words_stack(&f.sites[0]).head, "Created by");
	f.sites[0].has_creators = true;
	assert_non_null(strstr(words_stack(&f.sites[0]).head, "one of several"));
	assert_int_equal(words_stack(&f.sites[1]).depth, 0);
	assert_int_equal(words_stack(NULL).depth, 0);
}

static void test_special_sites(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	assert_null(words_site(&f.sites[0]));
	assert_string_equal(words_site(&f.sites[2]), "(the main goroutine)");
	assert_string_equal(words_site(&f.sites[11]), "(all other go statements)");
}

static void test_observation(void **state)
{
	char buf[WORDS_MAX];
	struct fixture f;

	(void)state;
	fixture_heap(&f);
	assert_string_equal(words_observed(buf, &f.process),
			    "1m00s; 17000 events received, 250 sampled out, 17 lost, 0 unreadable; "
			    "17.0k probe hits, about 0.2 % of one CPU.");
	assert_non_null(strstr(words_left_out(buf, &f.process),
			       "3 Go processes that could not be watched, 11 records"));
	assert_non_null(strstr(buf, "1m01s in which nothing was observed"));
}

/* Three of the longest names do not run over. */
static void test_long_names(void **state)
{
	struct snapshot_timers t = { .total = 9, .n_top = 3 };
	char buf[WORDS_MAX];
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	for (size_t i = 0; i < 3; i++)
		memset(t.top[i].function, 'x', SNAPSHOT_TIMER_NAME - 1);
	f.process.timers = &t;
	assert_true(strlen(words_line(buf, &f.process, WORDS_TIMERS)) < WORDS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),	    cmocka_unit_test(test_account),
		cmocka_unit_test(test_exited),	    cmocka_unit_test(test_growth),
		cmocka_unit_test(test_stack),	    cmocka_unit_test(test_special_sites),
		cmocka_unit_test(test_observation), cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
