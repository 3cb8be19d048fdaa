/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/screen.h"

#define PROCESSES 5
#define ROWS	  16

/* A machine with one process of each kind. */
struct machine {
	struct fixture f[PROCESSES];
	struct snapshot_process processes[PROCESSES];
	struct snapshot snap;
	struct screen *screen;
};

/* The verdict that the fixture gives a process, found by its pid. */
static const struct machine *judged;

static void judge(void *arg, const struct snapshot_process *p, struct verdict *ret)
{
	(void)arg;
	for (unsigned int i = 0; i < PROCESSES; i++) {
		if (judged->f[i].process.pid == p->pid)
			*ret = judged->f[i].verdict;
	}
}

static void machine_make(struct machine *m)
{
	void (*const make[PROCESSES])(struct fixture *) = {
		fixture_healthy, fixture_leak, fixture_heap, fixture_unknown, fixture_hostile,
	};

	for (unsigned int i = 0; i < PROCESSES; i++) {
		make[i](&m->f[i]);
		m->f[i].process.pid = (pid_t)(100 + i);
		m->processes[i] = m->f[i].process;
	}
	fixture_live_series(&m->f[1], 34, 1234);
	m->processes[1].live_series = &m->f[1].live;
	m->snap = (struct snapshot){
		.now_ns = FIXTURE_START_NS + 60 * NSEC_PER_SEC,
		.processes = m->processes,
		.n = PROCESSES,
	};
	judged = m;
	assert_int_equal(screen_new(judge, NULL, &m->screen), 0);
	assert_int_equal(screen_sample(m->screen, &m->snap), 0);
}

static void machine_release(struct machine *m)
{
	screen_free(m->screen);
	fixture_release(&m->f[1]);
}

/* The picture as text; '>' marks the selected line. */
static char *picture(struct machine *m, unsigned int rows, unsigned int columns)
{
	struct screen_line *lines = calloc(rows + 1, sizeof(*lines));

	assert_non_null(lines);
	screen_render(m->screen, "12:34:56", rows, columns, lines);
	for (unsigned int i = 0; i < rows; i++)
		assert_true(view_columns(lines[i].text) <= columns);
	char *text = CAPTURE(out, {
		for (unsigned int i = 0; i < rows; i++)
			fprintf(out, "%c%s\n", lines[i].is_selected ? '>' : '|', lines[i].text);
	});

	free(lines);
	return text;
}

static void check_picture(struct machine *m, unsigned int rows, unsigned int columns,
			  const char *golden)
{
	char *text = picture(m, rows, columns);

	golden_check(golden, text);
	free(text);
}

static void test_golden(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	check_picture(&m, ROWS, 80, "list80.screen");
	check_picture(&m, ROWS, 160, "list160.screen");
	screen_key(m.screen, '?');
	check_picture(&m, 24, 80, "help80.screen");
	screen_key(m.screen, 'x');
	screen_key(m.screen, SCREEN_KEY_ENTER);
	check_picture(&m, 24, 80, "detail80.screen");
	machine_release(&m);
}

/* First word of the selected row is its pid. */
static int selected(struct machine *m)
{
	char *text = picture(m, ROWS, 80);
	char *at = strstr(text, "\n>");
	int pid = at ? (int)strtol(at + 2, NULL, 10) : -1;

	free(text);
	return pid;
}

static void test_leaks_come_first(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	assert_int_equal(selected(&m), 101);
	screen_key(m.screen, SCREEN_KEY_END);
	assert_int_equal(selected(&m), 100); /* healthy */
	machine_release(&m);
}

/* The row that says so does not hide the selected one. */
static void test_list_that_is_cut_says_so(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	char *top = picture(&m, 7, 80);

	screen_key(m.screen, SCREEN_KEY_END);
	char *end = picture(&m, 7, 80), *whole = picture(&m, 9, 80);

	assert_non_null(strstr(top, "|... 3 more below\n"));
	assert_non_null(strstr(end, "|... 3 above\n"));
	assert_non_null(strstr(end, "\n>    100 "));
	assert_null(strstr(whole, "..."));
	screen_key(m.screen, SCREEN_KEY_UP);
	free(end);
	end = picture(&m, 7, 80);
	assert_non_null(strstr(end, "|... 1 more below, 2 above\n"));
	free(top);
	free(end);
	free(whole);
	machine_release(&m);
}

static void test_selection_stays_with_the_process(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	screen_key(m.screen, SCREEN_KEY_DOWN);
	screen_key(m.screen, SCREEN_KEY_DOWN);
	assert_int_equal(selected(&m), 102);
	screen_key(m.screen, 'p'); /* sorted by pid */
	assert_int_equal(selected(&m), 102);
	m.snap.n = 2; /* it has gone */
	assert_int_equal(screen_sample(m.screen, &m.snap), 0);
	assert_int_equal(selected(&m), 100);
	machine_release(&m);
}

static void test_same_key_turns_the_order(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	screen_key(m.screen, 'p');
	screen_key(m.screen, SCREEN_KEY_HOME);
	assert_int_equal(selected(&m), 100);
	screen_key(m.screen, 'p');
	screen_key(m.screen, SCREEN_KEY_HOME);
	assert_int_equal(selected(&m), 104);
	machine_release(&m);
}

static void test_list_scrolls_to_the_selected(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	screen_key(m.screen, SCREEN_KEY_END);
	char *text = picture(&m, 6, 80); /* room for two processes */

	assert_non_null(strstr(text, ">    100"));
	assert_null(strstr(text, "    101"));
	free(text);
	machine_release(&m);
}

static void test_detail_scrolls_within_its_text(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	screen_key(m.screen, SCREEN_KEY_ENTER);
	screen_key(m.screen, SCREEN_KEY_END);
	char *end = picture(&m, ROWS, 80);

	assert_non_null(strstr(end, "Observed:"));
	screen_key(m.screen, SCREEN_KEY_UP);
	char *before = picture(&m, ROWS, 80);

	assert_true(strcmp(end, before));
	free(before);
	free(end);
	machine_release(&m);
}

static void test_quit(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	screen_key(m.screen, SCREEN_KEY_ENTER);
	assert_false(screen_key(m.screen, 'q')); /* back to the list */
	screen_key(m.screen, '?');
	assert_false(screen_key(m.screen, 'q'));
	assert_true(screen_key(m.screen, 'q'));
	machine_release(&m);
}

static void test_the_dead_go_after_a_while(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	assert_true(m.processes[2].has_exited);
	m.snap.now_ns += 9 * NSEC_PER_SEC;
	assert_int_equal(screen_sample(m.screen, &m.snap), 0);
	char *text = picture(&m, ROWS, 80);

	assert_non_null(strstr(text, "    102 "));
	free(text);
	m.snap.now_ns += 2 * NSEC_PER_SEC;
	assert_int_equal(screen_sample(m.screen, &m.snap), 0);
	text = picture(&m, ROWS, 80);
	assert_null(strstr(text, "    102 "));
	free(text);
	machine_release(&m);
}

static void test_events_per_second(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	m.processes[0].received += 4000;
	m.snap.now_ns += 2 * NSEC_PER_SEC;
	assert_int_equal(screen_sample(m.screen, &m.snap), 0);
	char *text = picture(&m, ROWS, 80);

	assert_non_null(strstr(text, "events 2.00k/s"));
	free(text);
	machine_release(&m);
}

static void test_every_size_is_drawn(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	for (unsigned int mode = 0; mode < 3; mode++) {
		for (unsigned int rows = 0; rows < 12; rows++) {
			for (unsigned int columns = 1; columns < 200; columns += 13)
				free(picture(&m, rows, columns));
		}
		screen_key(m.screen, mode ? '?' : SCREEN_KEY_ENTER);
	}
	machine_release(&m);
}

static void test_nothing_to_show(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	screen_key(m.screen, SCREEN_KEY_ENTER);
	m.snap.n = 0;
	assert_int_equal(screen_sample(m.screen, &m.snap), 0);
	screen_key(m.screen, SCREEN_KEY_DOWN);
	screen_key(m.screen, SCREEN_KEY_ENTER);
	char *text = picture(&m, ROWS, 80);

	assert_non_null(strstr(text, "No Go process"));
	free(text);
	machine_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_leaks_come_first),
		cmocka_unit_test(test_list_that_is_cut_says_so),
		cmocka_unit_test(test_selection_stays_with_the_process),
		cmocka_unit_test(test_same_key_turns_the_order),
		cmocka_unit_test(test_list_scrolls_to_the_selected),
		cmocka_unit_test(test_detail_scrolls_within_its_text),
		cmocka_unit_test(test_quit),
		cmocka_unit_test(test_the_dead_go_after_a_while),
		cmocka_unit_test(test_events_per_second),
		cmocka_unit_test(test_every_size_is_drawn),
		cmocka_unit_test(test_nothing_to_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
