/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/goroutines_fixture.h"

#include "view/jsonl.h"

static char *text(const struct goroutines *g, unsigned int columns, bool is_verbose)
{
	struct view_out o = { .width = columns, .columns = columns };

	return CAPTURE(out, (o.f = out, goroutines_text(&o, g, is_verbose)));
}

static void test_golden(void **state)
{
	static const struct {
		enum group_by by;
		unsigned int columns;
		bool is_verbose;
		const char *name;
	} cases[] = {
		{ GROUP_STACK, 80, false, "goroutines-stack80.text" },
		{ GROUP_STACK, 160, true, "goroutines-stack160.text" },
		{ GROUP_SITE, 80, false, "goroutines-site80.text" },
		{ GROUP_WAIT, 80, false, "goroutines-wait80.text" },
	};
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f.picture.by = cases[i].by;
		char *have = text(&f.picture, cases[i].columns, cases[i].is_verbose);

		assert_null(strstr(have, " \n"));
		golden_check(cases[i].name, have);
		free(have);
	}
	fixture_goroutines_release(&f);
}

static void test_json(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	char *have = CAPTURE(
		out, ({
			assert_int_equal(jsonl_write(out, goroutines_json(&f.picture)), 0);
			vec_for_each (&f.groups.groups, g)
				assert_int_equal(
					jsonl_write(out, goroutines_group_json(&f.picture, g)), 0);
		}));

	golden_check("goroutines.json", have);
	free(have);
	fixture_goroutines_release(&f);
}

/* What is not known of ages is counted, and how to learn it is said. */
static const char *hostile_state(const struct gobin *bin, const struct walk_goroutine *g)
{
	(void)bin;
	(void)g;
	return "chan\033[31m\nreceive";
}

/* Names of states come from the executable, too. */
static void test_hostile_state(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	f.picture.state_name = hostile_state;
	for (enum group_by by = GROUP_STACK; by <= GROUP_WAIT; by++) {
		f.picture.by = by;
		char *have = text(&f.picture, 100, true);

		assert_null(strchr(have, '\033'));
		assert_non_null(strstr(have, "chan?[31m?receive"));
		free(have);
	}
	fixture_goroutines_release(&f);
}

static void test_filter(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	f.picture.min_age_s = 300;
	f.groups.left_out = 7 + 17 + 29;
	f.groups.age_unknown = 29;
	f.result.walk.live = 718 + 7 + 17 + 29;
	/* of those left out */
	f.result.stack_states[CENSUS_STACK_RUNNING] += 41;
	char *have = text(&f.picture, 100, false);

	assert_non_null(strstr(have, ": 718 of 764 goroutines, 5 stacks"));
	assert_non_null(strstr(have, "- 17 left out: not known to have waited 5m00s\n"));
	assert_non_null(strstr(have, "- 29 left out: too few GCs"));
	assert_non_null(strstr(have, "--for 5m00s tells"));
	assert_non_null(strstr(have, "- 2 have no stack here: on a CPU"));
	free(have);
	f.groups.age_unknown = 0;
	have = text(&f.picture, 100, false);
	assert_non_null(
		strstr(have, "- 46 left out: not known to have waited 5m00s; --for 5m00s tells\n"));
	free(have);
	f.picture.apart_s = 300;
	have = text(&f.picture, 100, false);
	assert_non_null(strstr(have, "- 46 left out: younger than 5m00s\n"));
	assert_null(strstr(have, "--for"));
	free(have);
	fixture_goroutines_release(&f);
}

static void test_incomplete(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	f.result.walk.torn = 3;
	f.result.walk.unread = 5;
	f.result.is_partial = true;
	f.groups.groups.items[0].by_stack[CENSUS_STACK_BROKEN] = 11;
	char *have = text(&f.picture, 100, false);

	assert_non_null(strstr(have, "- 3 could not be read: they changed"));
	assert_non_null(strstr(have, "- 5 could not be read: their memory"));
	assert_non_null(strstr(have, "- 11 have no stack here: their stack leads nowhere"));
	assert_non_null(strstr(have, "NOT ALL"));
	free(have);
	fixture_goroutines_release(&f);
}

static const char *select_state(const struct gobin *bin, const struct walk_goroutine *g)
{
	(void)bin;
	return g->wait_reason == 7 ? "select" : "IO wait";
}

/* Goroutines that are alone at what they wait for are put together by state. */
static void test_alone(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	f.groups.groups.n = 0;
	f.g[3] = f.g[1];
	f.g[3].g.goid = 97;
	f.g[3].waits_on = 0xc000999990;
	fixture_group(&f, 1, 1, 1, 71);
	fixture_group(&f, 3, 1, 0, 0);
	fixture_group(&f, 0, 1, 0, 0);
	f.picture.by = GROUP_WAIT;
	char *have = text(&f.picture, 100, false);

	assert_non_null(strstr(have, "       2  chan receive, each at a channel of its own, "));
	assert_non_null(strstr(have, " (known of 1)"));
	assert_non_null(strstr(have, ", 2 kinds of waiting"));
	free(have);
	have = text(&f.picture, 100, true);
	assert_non_null(strstr(have, "at channel 0xc000999990"));
	free(have);
	/* of a select only one of its channels is known */
	f.picture.state_name = select_state;
	have = text(&f.picture, 100, false);
	assert_non_null(strstr(have, "       2  select, each at a first channel of its own, "));
	free(have);
	have = text(&f.picture, 100, true);
	assert_non_null(strstr(have, "select, first channel 0xc000999990"));
	free(have);
	fixture_goroutines_release(&f);
}

/* What calls itself is shown once, however deep it is. */
static void test_recursion(void **state)
{
	uint64_t pcs[101];
	struct goroutines_fixture f;

	(void)state;
	fixture_picture(&f);
	pcs[0] = AT(PC_GOPARK + 9);
	for (size_t i = 1; i < ARRAY_SIZE(pcs) - 1; i++)
		pcs[i] = AT(PC_SERVE + 3);
	pcs[ARRAY_SIZE(pcs) - 1] = AT(PC_MAIN + 0x21);
	f.g[0].stack = fixture_stack(f.stacks, pcs, ARRAY_SIZE(pcs), false);
	for (enum group_by by = GROUP_STACK; by <= GROUP_WAIT; by++) {
		f.picture.by = by;
		char *have = text(&f.picture, 100, false);

		assert_non_null(strstr(have, "Serve  mux.go:79\n"
					     "            ... 98 more times\n"
					     "            main.main  main.go:42\n"));
		free(have);
	}
	/* twice is no more than that */
	f.g[0].stack = fixture_stack(f.stacks, pcs, 3, false);
	char *have = text(&f.picture, 100, false);

	assert_null(strstr(have, "more times"));
	assert_non_null(strstr(have, "Serve  mux.go:79\n            example.org/"));
	free(have);
	fixture_goroutines_release(&f);
}

/* Names that do not fit lose their path, but keep what a version belongs to. */
static void test_short_names(void **state)
{
	(void)state;
	assert_string_equal(view_short_function("a.com/b.c/d.(*T).M"), "d.(*T).M");
	assert_string_equal(view_short_function("main.main"), "main.main");
	assert_string_equal(view_short_function("a.com/web/v2.(*Mux[...]).Serve"),
			    "web/v2.(*Mux[...]).Serve");
	assert_string_equal(view_short_function("a.com/web/value.F"), "value.F");
	assert_string_equal(view_short_function("a.com/m.F[a.com/x/y.T]"), "m.F[a.com/x/y.T]");
	assert_string_equal(view_short_function("v2.F"), "v2.F");
	assert_string_equal(view_short_function(""), "");
}

static void test_profile(void **state)
{
	struct goroutines_fixture f;
	struct profile p = { 0 };

	(void)state;
	fixture_picture(&f);
	assert_int_equal(goroutines_profile(&f.picture, false, &p), 0);
	p.symbols = f.symbols;
	char *have = CAPTURE(out, assert_int_equal(profile_write_folded(&p, out), 0));

	assert_string_equal(p.types[0].type, "goroutine");
	assert_string_equal(p.samples.items[0].label, "chan receive");
	assert_non_null(strstr(have, "main.(*server).handle;main.decode;runtime.chanrecv"));
	/* Without a stack: who started it, and what it runs. */
	assert_non_null(
		strstr(have, "created by main.main;example.org/web/v2.(*Mux[...]).Serve 2"));
	free(have);
	profile_release(&p);
	assert_int_equal(goroutines_profile(&f.picture, true, &p), 0);
	have = CAPTURE(out, assert_int_equal(profile_write_folded(&p, out), 0));
	assert_non_null(strstr(have, "created by main.(*server).handle;main.(*server).handle;"));
	assert_non_null(strstr(have, "the main goroutine;main.main;"));
	free(have);
	profile_release(&p);
	fixture_goroutines_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	      cmocka_unit_test(test_json),
		cmocka_unit_test(test_filter),	      cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_alone),	      cmocka_unit_test(test_profile),
		cmocka_unit_test(test_hostile_state), cmocka_unit_test(test_short_names),
		cmocka_unit_test(test_recursion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
