/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/table.h"
#include "view/view.h"

static void row(struct fixture *f, struct row *ret)
{
	row_of(&f->process, &f->verdict, ret);
}

static void test_golden(void **state)
{
	struct fixture f[4];
	struct row r[4];

	(void)state;
	fixture_leak(&f[0]);
	fixture_live_series(&f[0], 34, 1234);
	fixture_healthy(&f[1]);
	fixture_unknown(&f[2]);
	fixture_hostile(&f[3]);
	for (unsigned int i = 0; i < 4; i++)
		row(&f[i], &r[i]);
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	char *text = CAPTURE(out, {
		table_heading(out);
		table_time(out, 1795266001);
		for (unsigned int i = 0; i < 4; i++)
			table_row(out, &r[i]);
	});

	golden_check("mixed.table", text);
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (!strstr(l, "WHERE") && !strstr(l, ".go:"))
			assert_true(view_columns(l) < 80);
		assert_true(l[strlen(l) - 1] != ' ');
	}
	free(text);
	fixture_release(&f[0]);
}

static void test_time_is_local(void **state)
{
	static const struct {
		const char *zone, *text;
	} cases[] = {
		{ "UTC0", "2026-11-21T13:00:01+00:00\n" },
		{ "IST-5:30", "2026-11-21T18:30:01+05:30\n" },
		{ "NST3:30", "2026-11-21T09:30:01-03:30\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(setenv("TZ", cases[i].zone, 1), 0);
		tzset();
		char *text = CAPTURE(out, table_time(out, 1795266001));

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

/* A finding that names no go statement still says what it is. */
static void test_where_without_a_place(void **state)
{
	struct fixture f;
	struct row r;

	(void)state;
	fixture_heap(&f);
	snprintf(f.verdict.summary, sizeof(f.verdict.summary), "the floor of the heap rises");
	row(&f, &r);
	assert_string_equal(r.where, "the floor of the heap rises");
	fixture_healthy(&f);
	row(&f, &r);
	assert_string_equal(r.where, "");
}

static void test_growth_is_of_the_last_minute(void **state)
{
	struct fixture f;
	struct row r;

	(void)state;
	fixture_leak(&f);
	row(&f, &r);
	assert_true(r.per_min != r.per_min); /* no series: not a number */
	fixture_live_series(&f, 34, 1234);
	row(&f, &r);
	assert_true(r.per_min > 1199 && r.per_min < 1201);
	fixture_release(&f);
}

static void test_fit_drops_the_least_important(void **state)
{
	uint32_t all = (1U << COLUMN_MAX) - 1;

	(void)state;
	assert_int_equal(columns_fit(all, 500), all);
	uint32_t set = columns_fit(all, 79);

	assert_false(set & 1U << COLUMN_WHERE);
	assert_true(set & 1U << COLUMN_GC);
	assert_true(set & 1U << COLUMN_RSS);
	set = columns_fit(all, 30);
	assert_int_equal(set & (1U << COLUMN_PID | 1U << COLUMN_VERDICT),
			 1U << COLUMN_PID | 1U << COLUMN_VERDICT);
	assert_int_equal(columns_fit(all, 3), 0);
}

static void test_lines_never_exceed_the_width(void **state)
{
	char line[COLUMNS_LINE_MAX];
	struct fixture f;
	struct row r;

	(void)state;
	fixture_leak(&f);
	f.process.live = INT64_MAX;
	row(&f, &r);
	for (unsigned int width = 1; width < 300; width++) {
		columns_line(columns_fit((1U << COLUMN_MAX) - 1, width), width, &r, line);
		assert_true(view_columns(line) <= width);
	}
}

static void test_name_takes_what_room_there_is(void **state)
{
	const uint32_t all = (1U << COLUMN_MAX) - 1;
	char line[COLUMNS_LINE_MAX], *at;
	struct fixture f;
	struct row r;

	(void)state;
	fixture_leak(&f);
	f.process.comm = "payment-reconci"; /* as the kernel cuts it */
	f.process.exe = "/opt/bin/payment-reconciler-eu";
	row(&f, &r);
	columns_line(columns_fit(all, 80), 80, &r, line);
	assert_non_null(strstr(line, " payment-rec"));
	columns_line(columns_fit(all, 160), 160, &r, line);
	at = strstr(line, "payment-reconciler-eu ");
	assert_non_null(at);
	assert_non_null(strstr(line, "main.go:41"));
	/* Marks are drawn by columns_start(): it must know of the room. */
	at = strstr(line, "goroutine-leak");
	assert_int_equal(at - line, columns_start(columns_fit(all, 160), 160, COLUMN_VERDICT));
	assert_int_equal(columns_start(all, 160, COLUMN_PID), 0);
	/* Another name is the process's own choice. */
	f.process.comm = "payment-reconcx";
	row(&f, &r);
	assert_string_equal(r.name, "payment-reconcx");
	f.process.exe = NULL;
	row(&f, &r);
	assert_string_equal(r.name, "payment-reconcx");
}

static void test_sort(void **state)
{
	struct row a = { .pid = 1, .name = "b", .kind = VERDICT_HEALTHY, .live = 9 };
	struct row b = { .pid = 2, .name = "a", .kind = VERDICT_GOROUTINE_LEAK, .live = 5 };
	struct row c = { .pid = 3, .name = "c", .kind = VERDICT_OOM_RISK, .live = 5 };
	struct row *rows[] = { &c, &a, &b };

	(void)state;
	rows_sort(rows, 3, COLUMN_VERDICT, true);
	assert_int_equal(rows[0]->pid, 2);
	assert_int_equal(rows[2]->pid, 1);
	rows_sort(rows, 3, COLUMN_NAME, false);
	assert_int_equal(rows[0]->pid, 2);
	rows_sort(rows, 3, COLUMN_GOROUTINES, true);
	assert_int_equal(rows[0]->pid, 1);
	assert_int_equal(rows[1]->pid, 2); /* ties by pid */
}

static void check_fit(const char *text, unsigned int columns, bool is_right, const char *want)
{
	char buf[64];

	view_fit(buf, sizeof(buf), text, columns, is_right);
	assert_string_equal(buf, want);
}

static void test_fit_text(void **state)
{
	(void)state;
	check_fit("abc", 5, false, "abc  ");
	check_fit("abc", 5, true, "  abc");
	check_fit("abcdef", 4, false, "abc~");
	check_fit("\xc3\xa9t\xc3\xa9s", 3, false, "\xc3\xa9t~");
	check_fit("abc", 0, false, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_is_local),
		cmocka_unit_test(test_where_without_a_place),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_growth_is_of_the_last_minute),
		cmocka_unit_test(test_fit_drops_the_least_important),
		cmocka_unit_test(test_lines_never_exceed_the_width),
		cmocka_unit_test(test_name_takes_what_room_there_is),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_fit_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
