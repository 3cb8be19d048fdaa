/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/markup.h"

#include "view/panel.h"

static char *panel(const struct fixture *f)
{
	const struct panel l = { .p = &f->process, .v = &f->verdict, .key = "p7" };

	return CAPTURE(out, panel_write(out, &l));
}

static void check_order(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(text, words[i]);

		if (!at)
			print_error("no %s, or too early, in:\n%s\n", words[i], text);
		assert_non_null(at);
		text = at + strlen(words[i]);
	}
}

/* What was found, why, and where comes before all figures. */
static void test_answer_comes_first(void **state)
{
	static const char *const words[] = {
		"goroutine-leak, confidence 0.99, found 25s ago</h3>",
		"<code>main.(*Server).handle</code> <i>/src/main.go:41</i>",
		"runs <code>main.(*Server).handle.func1</code>",
		"34 -&gt; 1234 goroutines in 1m00s (+1200/min); waiting: chan receive",
		"<li>1200 of the 1300 goroutines",
		"Next: Look for the path",
		"Waits here, innermost first:",
		"<li><code>runtime.gopark</code></li>",
		"<figcaption>goroutines 34 to 1.23k in 1m00s</figcaption>",
		"<dt>process</dt><dd>pid 7, go1.26.5, stripped, example.org/shop</dd>",
		"<dt>executable</dt><dd>/app/shop</dd>",
		"<dt>descriptors</dt>",
		"<dt>observed</dt>",
		"go statement [waiting for]",
		"<tr><td>1204</td><td>+1200</td><td>1.30k</td><td>100</td><td>1200</td>",
		"[chan receive]",
		"(the main goroutine)",
		"and 9 more, with the runtime's own",
		"report as JSON",
	};
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	fixture_live_series(&f, 34, 1234);
	char *text = panel(&f);

	check_order(text, words, ARRAY_SIZE(words));
	free(markup_shape(text));
	free(text);
	fixture_release(&f);
}

static void test_calm(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	f.verdict.needs_s = 90;
	char *text = panel(&f);

	check_order(text,
		    (const char *const[]){ "<p>Goroutines and the heap's floor stayed flat",
					   "Too short yet: 1m30s more would tell more." },
		    2);
	assert_null(strstr(text, "<section"));
	assert_null(strstr(text, "<figure"));
	free(markup_shape(text));
	free(text);
}

/* The chart of a panel is the line of its row, which has the same name. */
static void test_charts_refer_to_the_row(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	fixture_live_series(&f, 7, 7);
	const struct panel l = { .p = &f.process, .v = &f.verdict, .key = "p7" };
	char *row = CAPTURE(out, panel_spark(out, &l, PANEL_GOROUTINES));
	char *none = CAPTURE(out, panel_spark(out, &l, PANEL_HEAP));
	char *text = panel(&f);

	check_order(row, (const char *const[]){ "<path id=\"gp7\" d=\"M0 12h58\"/>" }, 1);
	check_order(text, (const char *const[]){ "<use href=\"#gp7\"/>", "goroutines 7 in 1m00s" },
		    2);
	assert_string_equal(none, "");
	free(row);
	free(none);
	free(text);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_comes_first),
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_charts_refer_to_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
