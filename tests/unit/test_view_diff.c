/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/diff.h"

static char text_leak[] = "main.(*Server).handle", text_start[] = "main.(*Server).handle.func1",
	    text_serve[] = "example.org/shop/internal/web.(*Listener).acceptAndServeConnections",
	    text_conn[] = "net/http.(*conn).serve", text_comm[] = "shop", text_exe[] = "/srv/shop",
	    text_module[] = "example.org/shop", text_go[] = "go1.26.5",
	    text_put[] = "main.(*Cache).put", text_sort[] = "main.sortOrders",
	    text_hostile[] = "main.\033[31m\xff\nred", text_empty[] = "";

struct fixed {
	struct summary before, after;
	struct summary_site before_sites[2], after_sites[3];
	struct compare compare;
	struct diff diff;
};

static struct summary side(pid_t pid)
{
	return (struct summary){
		.pid = pid,
		.comm = text_comm,
		.exe = text_exe,
		.module = text_module,
		.go_version = text_go,
		.observed_s = 120,
		.age_s = 1930,
		.gc_seen = 41,
		.kind = VERDICT_HEALTHY,
		.verdict = "long-lived goroutines do not increase",
		.levels = {
			[SUMMARY_HEAP_LIVE] = { true, 12 << 20, 12 << 20, 10e3, -40e3, 70e3 },
			[SUMMARY_OUTSIDE] = { false, NAN, NAN, NAN, NAN, NAN },
			[SUMMARY_FDS] = { true, 19, 19, 0, 0, 0 },
			[SUMMARY_GOROUTINES] = { true, 120, 121, 0.4, -3.1, 3.9 },
		},
		.work = { 131.7, 14.2e6, 1530e3 },
		.has_profile = true,
		.allocs_s = 110,
	};
}

static void fixed_init(struct fixed *f)
{
	const struct summary_site serve = {
		text_serve, text_conn, 311, 1, 126.5, { true, 80, 80, 0, -2, 2 }, { 0 },
	};

	memset(f, 0, sizeof(*f));
	f->before = side(4711);
	f->after = side(5023);
	f->before.kind = VERDICT_GOROUTINE_LEAK;
	f->before.levels[SUMMARY_HEAP_LIVE] =
		(struct summary_trend){ true, 13 << 20, 29 << 20, 8 << 20, 7.8e6, 8.9e6 };
	f->before.levels[SUMMARY_GOROUTINES] =
		(struct summary_trend){ true, 131, 732, 300.4, 297.7, 302 };
	f->before.leaks[0] = (struct summary_leak){
		.kind = VERDICT_GOROUTINE_LEAK,
		.state = FINDING_FLAGGED,
		.confidence = 0.97,
		.horizon_s = 118,
		.first = 11,
		.last = 612,
		.per_min = 300.4,
		.per_min_low = 297.7,
		.per_min_high = 302,
		.function = text_leak,
		.start_function = text_start,
		.line = 41,
	};
	f->before.n_leaks = 1;
	f->before_sites[0] = (struct summary_site){
		text_leak, text_start, 41, 1, 5.02, { true, 11, 612, 300.4, 297.7, 302 }, { 0 },
	};
	f->before_sites[1] = serve;
	f->after_sites[0] = serve;
	f->after_sites[1] = (struct summary_site){
		text_leak, text_start, 44, 1, 5.1, { true, 0, 0, 0, 0, 0 }, { 0 },
	};
	f->after_sites[2] = (struct summary_site){
		text_hostile, text_empty, 1, 1, 0, { true, 3, 3, 0, 0, 0 }, { 0 },
	};
	f->before.sites = f->before_sites;
	f->before.n_sites = 2;
	f->after.sites = f->after_sites;
	f->after.n_sites = 3;
	f->before.allocs[0] = (struct summary_alloc){ text_put, 88, 4 << 20, 17 << 20 };
	f->before.allocs[1] = (struct summary_alloc){ text_sort, 17, 0, 1 << 20 };
	f->before.n_allocs = 2;
	f->after.allocs[0] = (struct summary_alloc){ text_sort, 19, 0, 1 << 20 };
	f->after.n_allocs = 1;
	compare(&f->before, &f->after, &f->compare);
	f->diff = (struct diff){ "before.tape", "after.tape", &f->before, &f->after, &f->compare };
}

static char *text_of(const struct fixed *f, bool is_coloured)
{
	struct view_out o = { .width = 100, .is_coloured = is_coloured };

	return CAPTURE(out, (o.f = out, diff_text(&o, &f->diff, false)));
}

static void check_width(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char line[512];

		assert_true(n < sizeof(line));
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (view_columns(line) > 80)
			print_error("%s\n", line);
		assert_true(view_columns(line) <= 80);
		text += n + (text[n] == '\n');
	}
}

static void test_text(void **state)
{
	struct fixed f;

	(void)state;
	fixed_init(&f);
	char *text = text_of(&f, false);

	assert_true(!strncmp(text, "fixed: ", 7));
	assert_null(strchr(text, '\033'));
	check_width(text);
	golden_check("fixed.diff", text);
	free(text);
	text = text_of(&f, true);
	assert_non_null(strstr(text, "\033[32mfixed: "));
	free(text);
}

static void test_json(void **state)
{
	struct fixed f;

	(void)state;
	fixed_init(&f);
	char *text = CAPTURE(out, assert_int_equal(jsonl_write(out, diff_json(&f.diff)), 0));

	golden_check("fixed-diff.json", text);
	free(text);
}

/* The other way round it is a leak that came. */
static void test_worse(void **state)
{
	struct fixed f;

	(void)state;
	fixed_init(&f);
	compare(&f.after, &f.before, &f.compare);
	f.diff = (struct diff){ "old.tape", "new.tape", &f.after, &f.before, &f.compare };
	char *text = text_of(&f, false);

	check_width(text);
	golden_check("worse.diff", text);
	free(text);
	text = CAPTURE(out, assert_int_equal(jsonl_write(out, diff_json(&f.diff)), 0));
	assert_non_null(strstr(text, "\"outcome\":\"not fixed\""));
	assert_non_null(strstr(text, "\"before\":null"));
	free(text);
}

/* Nothing is known of either. */
static void test_unknown(void **state)
{
	struct fixed f;

	(void)state;
	fixed_init(&f);
	f.before.n_sites = f.after.n_sites = 0;
	f.before.n_allocs = f.after.n_allocs = f.before.n_leaks = 0;
	f.after.exe = f.after.module = f.after.go_version = text_empty;
	for (int i = 0; i < SUMMARY_LEVELS; i++)
		f.after.levels[i] = (struct summary_trend){ false, NAN, NAN, NAN, NAN, NAN };
	for (int i = 0; i < SUMMARY_WORKS; i++)
		f.after.work[i] = NAN;
	compare(&f.before, &f.after, &f.compare);
	char *text = text_of(&f, false);

	check_width(text);
	assert_non_null(strstr(text, "?"));
	assert_null(strstr(text, "nan"));
	free(text);
	text = CAPTURE(out, assert_int_equal(jsonl_write(out, diff_json(&f.diff)), 0));
	assert_null(strstr(text, "nan"));
	assert_non_null(strstr(text, "\"after_per_s\":null"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_worse),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
