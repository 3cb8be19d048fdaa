/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/goroutines_fixture.h"

#include "view/dump.h"

static const struct goversion new_go = { .major = 1, .minor = 26 };
static const struct goversion old_go = { .major = 1, .minor = 19 };

static char *dump(struct goroutines_fixture *f, const struct goversion *v, size_t from, size_t to)
{
	struct dump d = { .symbols = f->symbols, .version = v, .now_ns = FIXTURE_NOW_NS };
	char *text = NULL;
	size_t size = 0;

	d.f = open_memstream(&text, &size);
	assert_non_null(d.f);
	for (size_t i = from; i < to; i++) {
		struct stack stack = goroutines_stack(f->stacks, &f->g[i]);

		dump_goroutine(&d, &f->g[i], fixture_state(NULL, &f->g[i].g), &stack);
	}
	assert_int_equal(fclose(d.f), 0);
	return text;
}

static void test_golden(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_goroutines(&f);
	char *have = dump(&f, &new_go, 0, 5);

	golden_check("goroutines.dump", have);
	free(have);
	fixture_goroutines_release(&f);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* A stack of n frames, all main.main's. */
static void fixture_deep(struct goroutines_fixture *f, uint32_t n, bool is_cut)
{
	uint64_t pcs[STACKS_DEPTH_MAX];

	fixture_goroutines(f);
	for (uint32_t i = 0; i < n; i++)
		pcs[i] = AT(PC_MAIN + 2 + i);
	f->g[0].stack = fixture_stack(f->stacks, pcs, n, is_cut);
}

/* tracebackInnerFrames and -OuterFrames: the middle of a long stack is left out. */
static void test_middle_is_elided(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_deep(&f, 100, false);
	char *whole = dump(&f, &new_go, 0, 1);

	assert_int_equal(count(whole, "main.main(...)"), 100);
	assert_null(strstr(whole, "elided"));
	free(whole);
	fixture_goroutines_release(&f);
	fixture_deep(&f, 113, false);
	char *have = dump(&f, &new_go, 0, 1);

	assert_int_equal(count(have, "main.main(...)"), 100);
	assert_int_equal(count(have, "...13 frames elided...\n"), 1);
	/* The 50 innermost are there, the 51st is not; the last is. */
	assert_non_null(strstr(have, " +0x33\n...13 frames"));
	assert_non_null(strstr(have, " +0x72\n"));
	free(have);
	fixture_goroutines_release(&f);
}

static void test_before_1_21(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_deep(&f, 113, false);
	char *have = dump(&f, &old_go, 0, 1);

	assert_int_equal(count(have, "main.main(...)"), 100);
	assert_non_null(strstr(have, "\n...additional frames elided...\n"));
	assert_null(strstr(have, "frames elided...\nmain"));
	free(have);
	fixture_goroutines_release(&f);
}

/* What was not read is said in the runtime's words, whatever the version. */
static void test_cut(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_deep(&f, STACKS_DEPTH_MAX, true);
	char *have = dump(&f, &new_go, 0, 1);

	assert_int_equal(count(have, "main.main(...)"), STACKS_DEPTH_MAX);
	assert_int_equal(count(have, "...additional frames elided...\n"), 1);
	free(have);
	fixture_goroutines_release(&f);
}

/* What a fault interrupted, and what has not begun, are at the instruction itself. */
static void test_no_return_address(void **state)
{
	struct goroutines_fixture f;
	uint64_t fault[] = { AT(PC_SIGPANIC + 9), AT(PC_MAIN + 1), AT(PC_SERVE + 4) };
	uint64_t fresh[] = { AT(PC_MAIN + 1), AT(PC_GOEXIT + 1) };

	(void)state;
	fixture_goroutines(&f);
	f.g[0].stack = fixture_stack(f.stacks, fault, 3, false);
	f.g[1].stack = fixture_stack(f.stacks, fresh, 2, false);
	char *have = dump(&f, &new_go, 0, 2);

	assert_int_equal(count(have, "main.main(...)\n\t/src/main.go:10\n"), 2);
	assert_non_null(strstr(have, "Serve(...)\n\t/mod/web@v2.1.0/mux.go:80 +0x4\n"));
	free(have);
	fixture_goroutines_release(&f);
}

static void test_leaked(void **state)
{
	struct goroutines_fixture f;

	(void)state;
	fixture_goroutines(&f);
	f.g[1].g.status = WALK_LEAKED;
	char *have = dump(&f, &new_go, 1, 2);

	assert_non_null(strstr(have, " (leaked)]:\n"));
	assert_null(strstr(have, "minutes"));
	free(have);
	fixture_goroutines_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	    cmocka_unit_test(test_middle_is_elided),
		cmocka_unit_test(test_before_1_21), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_leaked),	    cmocka_unit_test(test_no_return_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
