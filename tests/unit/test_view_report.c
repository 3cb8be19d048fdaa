/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/report.h"

static char *report(const struct fixture *f, unsigned int width, bool is_coloured, bool is_verbose)
{
	struct view_out o = { .width = width, .is_coloured = is_coloured };

	return CAPTURE(out, (o.f = out, report_process(&o, &f->process, &f->verdict, is_verbose)));
}

static void check_plain(const char *text)
{
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, " \n"));
	assert_true(text[strlen(text) - 1] == '\n');
}

static void golden(void (*make)(struct fixture *f), const char *name)
{
	struct fixture f;

	make(&f);
	char *text = report(&f, 100, false, false);

	check_plain(text);
	golden_check(name, text);
	free(text);
	fixture_release(&f);
}

static void test_golden(void **state)
{
	(void)state;
	golden(fixture_leak, "leak.report");
	golden(fixture_healthy, "healthy.report");
	golden(fixture_heap, "heap.report");
	golden(fixture_unknown, "unknown.report");
	golden(fixture_hostile, "hostile.report");
}

/* Figures are plain however large, and one is one. */
static void test_figures(void **state)
{
	static const struct snapshot_timers one = {
		.total = 2,
		.top = { { "runtime.goroutineReady", false, 1 }, { "time.sendTime", true, 1 } },
		.n_top = 2,
	};
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	f.process.gc_pause_last_ns = 130 * 1000 * 1000;
	f.process.gc_pause_max_ns = 1300 * 1000 * 1000;
	f.process.gc_seen = 1;
	f.process.cost_s = 72;
	f.process.timers = &one;
	char *text = report(&f, 200, false, false);

	assert_non_null(strstr(text, "paused 130 ms last, 1300 ms at most"));
	assert_non_null(strstr(text, "1 cycle seen"));
	assert_non_null(strstr(text, "about 120 % of one CPU"));
	assert_non_null(strstr(text, "1 sleeping goroutine, 1 ticker\n"));
	free(text);
	fixture_release(&f);
}

/* Who is awake at night reads three lines. */
static void test_answer_comes_first(void **state)
{
	struct fixture f;
	char *save = NULL;

	(void)state;
	fixture_leak(&f);
	char *text = report(&f, 100, false, false);
	char *line = strtok_r(text, "\n", &save);

	assert_non_null(strstr(line, "shop (pid 7"));
	assert_non_null(strstr(line, "GOROUTINE LEAK  confidence 0.99"));
	line = strtok_r(NULL, "\n", &save);
	assert_non_null(strstr(line, "main.(*Server).handle  /src/main.go:41"));
	line = strtok_r(NULL, "\n", &save);
	assert_string_equal(line, "  34 -> 1234 goroutines in 1m00s (+1200/min); waiting: chan "
				  "receive");
	free(text);
}

static void test_colour_only_if_asked(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	char *text = report(&f, 100, true, false);

	assert_non_null(strstr(text, "\033[1;31mGOROUTINE LEAK\033[0m"));
	free(text);
}

static void test_prose_is_wrapped(void **state)
{
	struct fixture f;
	char *save = NULL;

	(void)state;
	fixture_leak(&f);
	char *text = report(&f, 50, false, false), *at = strstr(text, "  Why\n");
	unsigned int lines = 0;

	assert_non_null(at);
	for (char *l = strtok_r(at, "\n", &save); strcmp(l, "  Waits here, innermost first");
	     l = strtok_r(NULL, "\n", &save), lines++)
		assert_true(view_columns(l) <= 50);
	assert_true(lines > 4);
	free(text);
}

static char *line_of(char *text, const char *words)
{
	char *at = strstr(text, words);

	assert_non_null(at);
	*strchrnul(at, '\n') = '\0';
	while (at > text && at[-1] != '\n')
		at--;
	return at;
}

/* Paths and functions are never broken, and no line is longer than the terminal. */
static void test_places_fit_the_terminal(void **state)
{
	struct fixture f;
	char *text, *save = NULL;

	(void)state;
	fixture_leak(&f);
	f.sites[0].function = "example.org/platform/payments/reconciler.(*Server).handle";
	f.sites[0].file = "/home/me/go/pkg/mod/example.org/platform/payments@v1.7.3/server.go";
	f.sites[1].file = "/usr/lib/go-1.22/src/net/http/transport.go";
	text = report(&f, 80, false, false);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (view_columns(l) > 80)
			print_error("%s\n", l);
		assert_true(view_columns(l) <= 80);
		assert_true(l[strlen(l) - 1] != ' ');
	}
	free(text);
	text = report(&f, 80, false, false);
	assert_non_null(strstr(text,
			       "\n  example.org/platform/payments/reconciler.(*Server).handle\n"
			       "    example.org/platform/payments@v1.7.3/server.go:41\n"
			       "    ->  runs main.(*Server).handle.func1\n"));
	assert_non_null(strstr(text, "1200  reconciler.(*Server).handle\n"));
	assert_non_null(strstr(text, "  net/http.(*Server).Serve\n"
				     "                        net/http/transport.go:3401"
				     "  [IO wait]\n"));
	free(text);
	text = report(&f, 160, false, false);
	assert_non_null(strstr(line_of(text, "  20       +0"),
			       "net/http.(*Server).Serve  net/http/transport.go:3401  [IO wait]"));
	free(text);
}

static void check_source(const char *file, unsigned int columns, const char *want)
{
	char buf[VIEW_NAME_MAX];

	assert_string_equal(view_source(buf, file, 41, columns), want);
}

static void test_sources_are_short(void **state)
{
	(void)state;
	check_source("/usr/local/go/src/net/http/server.go", 80, "net/http/server.go:41");
	check_source("/usr/lib/go-1.22/src/os/exec.go", 80, "os/exec.go:41");
	check_source("/h/go1.27rc1/src/os/exec.go", 80, "os/exec.go:41");
	check_source(
		"/root/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.24.3.linux-amd64/src/os/x.go", 80,
		"os/x.go:41");
	check_source("/root/go/pkg/mod/a.org/b@v1.2.3/src/x.go", 80, "a.org/b@v1.2.3/src/x.go:41");
	check_source("/srv/gopher/src/main.go", 80, "/srv/gopher/src/main.go:41");
	check_source("/srv/gopher/src/main.go", 20, ".../src/main.go:41");
	check_source("/srv/gopher/src/main.go", 15, ".../main.go:41");
	check_source("/srv/gopher/src/main.go", 3, "main.go:41");
	check_source("main.go", 3, "main.go:41");
	check_source("", 80, "");
	check_source(NULL, 80, "");
}

/* The same figure as in the evidence: a slow leak is not +0/min. */
static void test_rate_keeps_its_digits(void **state)
{
	static const struct {
		double per_min;
		const char *text;
	} cases[] = {
		{ 143.6, "(+143.6/min)" },
		{ 0.25, "(+0.25/min)" },
		{ 123456, "(+123456/min)" },
		{ -7, "(-7/min)" },
	};
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f.verdict.findings[0].per_min = cases[i].per_min;
		char *text = report(&f, 100, false, false);

		assert_non_null(strstr(text, cases[i].text));
		free(text);
	}
}

static void test_reasons_of_the_runtime_are_for_verbose(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	char *brief = report(&f, 100, false, false), *full = report(&f, 100, false, true);

	assert_null(strstr(brief, "GC worker"));
	assert_non_null(strstr(brief, "    and 1 more, with the runtime's own"));
	assert_non_null(strstr(brief, "    ? not known: its wake-ups"));
	assert_non_null(strstr(full, "GC worker"));
	f.reasons[1].waiting = 3;
	f.reasons[2].name = "GC assist wait"; /* anybody's */
	free(brief);
	brief = report(&f, 100, false, false);
	assert_null(strstr(brief, "    ? "));
	assert_non_null(strstr(brief, "GC assist wait"));
	free(brief);
	free(full);
}

/* Who started it is told only where nobody saw where it waits, and under another head. */
static void test_stack_says_which_it_is(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	char *parked = report(&f, 100, false, false);

	assert_non_null(strstr(parked, "  Waits here, innermost first\n    runtime.gopark\n"));
	assert_null(strstr(parked, "Created by"));
	f.sites[0].stack = NULL;
	f.sites[0].stack_depth = 0;
	char *created = report(&f, 100, false, false);

	assert_non_null(strstr(created, "  Created by, innermost first\n"
					"    main.(*Server).handle  main.go:41\n"
					"    main.main  main.go:12\n"));
	assert_null(strstr(created, "Waits here"));
	free(parked);
	free(created);
}

static void test_memory_is_set_in_columns(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	char *wide = report(&f, 120, false, false), *narrow = report(&f, 60, false, false);

	assert_non_null(strstr(wide, "    anonymous     12.0 MiB live heap           "
				     "2.00 MiB garbage or new      1.00 MiB slack in spans\n"));
	assert_non_null(strstr(wide, "-2.00 MiB never touched\n"));
	assert_null(strstr(wide, "lazily"));
	assert_non_null(strstr(narrow, "    anonymous     12.0 MiB live heap\n"
				       "                  2.00 MiB garbage or new\n"));
	f.process.memory.live_bytes = -1;
	f.process.memory.lazyfree_bytes = 3 << 10;
	f.process.memory.residue_bytes = 5 << 10;
	char *other = report(&f, 100, false, false);

	assert_non_null(strstr(other, "    anonymous     2.00 MiB live or garbage "));
	assert_non_null(strstr(other, " 3.00 KiB free, lazily"));
	assert_non_null(strstr(other, " 5.00 KiB returned, resident\n"));
	/* Not closed: what is known, and no sum. */
	f.process.memory.outside_bytes = f.process.off_heap_bytes = -1;
	char *open = report(&f, 100, false, false);

	assert_null(strstr(open, "    anonymous "));
	assert_non_null(strstr(open, "10.0 MiB goroutine stacks, ? outside the Go runtime"));
	free(wide);
	free(narrow);
	free(other);
	free(open);
}

static void test_end_as_far_as_it_is_known(void **state)
{
	static const struct {
		int exit_code;
		const char *line;
	} cases[] = {
		{ 9, "    exited       killed by signal 9\n" },
		{ 0x700, "    exited       with status 7\n" },
		{ -1, "    exited       with a status that is not known\n" },
	};
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	f.process.has_exited = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f.process.exit_code = cases[i].exit_code;
		char *text = report(&f, 100, false, false);

		assert_non_null(strstr(text, cases[i].line));
		free(text);
	}
}

/* Which function a variable held is told by the stack, where that is whole. */
static void test_wrapper_through_a_pointer(void **state)
{
	static const struct snapshot_frame deep[SNAPSHOT_STACK_MAX] = { 0 };
	char buf[VIEW_NAME_MAX];
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	f.sites[0].start_function = "main.spawn.gowrap1";
	assert_string_equal(view_runs(buf, &f.sites[0]), "main.(*Server).handle.func1");
	char *text = report(&f, 100, false, false);

	assert_non_null(strstr(text, "  ->  runs main.(*Server).handle.func1\n"));
	free(text);
	f.sites[0].stack_depth = 3; /* ends in the runtime: cut */
	assert_string_equal(view_runs(buf, &f.sites[0]), "main.spawn.gowrap1");
	f.sites[0].stack = deep;
	f.sites[0].stack_depth = SNAPSHOT_STACK_MAX;
	assert_string_equal(view_runs(buf, &f.sites[0]), "main.spawn.gowrap1");
	fixture_leak(&f);
	f.sites[0].start_function = "main.gowrapper";
	assert_string_equal(view_runs(buf, &f.sites[0]), "main.gowrapper");
	f.sites[0].start_function = NULL;
	assert_string_equal(view_runs(buf, &f.sites[0]), "");
}

/* Every finding without a place says what it is about. */
static void test_pressure_says_what_it_is(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	fixture_finding(&f, VERDICT_PRESSURE, 0.7);
	char *text = report(&f, 100, false, false);

	assert_non_null(strstr(text, "PRESSURE  confidence 0.70\n  what the load explains\n"));
	free(text);
}

static void test_verbose_lists_all_sites(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	char *brief = report(&f, 100, false, false), *full = report(&f, 100, false, true);

	assert_non_null(strstr(brief, "and 9 more"));
	assert_null(strstr(brief, "(all other go statements)"));
	assert_non_null(strstr(full, "(all other go statements)"));
	free(brief);
	free(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_answer_comes_first),
		cmocka_unit_test(test_colour_only_if_asked),
		cmocka_unit_test(test_prose_is_wrapped),
		cmocka_unit_test(test_places_fit_the_terminal),
		cmocka_unit_test(test_rate_keeps_its_digits),
		cmocka_unit_test(test_reasons_of_the_runtime_are_for_verbose),
		cmocka_unit_test(test_sources_are_short),
		cmocka_unit_test(test_stack_says_which_it_is),
		cmocka_unit_test(test_end_as_far_as_it_is_known),
		cmocka_unit_test(test_memory_is_set_in_columns),
		cmocka_unit_test(test_wrapper_through_a_pointer),
		cmocka_unit_test(test_pressure_says_what_it_is),
		cmocka_unit_test(test_verbose_lists_all_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
