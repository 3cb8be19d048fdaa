/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

static char *draw(struct profile *p, const char *title)
{
	return CAPTURE(out, assert_int_equal(profile_write_flame(p, title, out), 0));
}

static void test_golden(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	char *have = draw(&p, "shop <7>: goroutines");
	char *script = strstr(have, "<script>");

	/* The script is a file of its own; what is drawn is the test's. */
	assert_non_null(script);
	assert_non_null(strstr(script, "]]></script>\n</svg>\n"));
	*script = '\0';
	golden_check("profile.svg", have);
	free(have);
	profile_release(&p);
	symbols_free(s);
}

/* Names come from the program: none may become markup or leave its attribute. */
static void test_names_are_escaped(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	p.comment = "<script>\"&";
	char *have = draw(&p, "</title><script>alert(1)</script>");

	assert_null(strstr(have, "<b>"));
	assert_null(strstr(have, "alert(1)</script>"));
	assert_null(strstr(have, "\033"));
	assert_null(strstr(have, "\xef\xbf\xbf"));
	assert_non_null(strstr(have, "main.&lt;b&gt;&quot;&amp;amp;"));
	free(have);
	profile_release(&p);
	symbols_free(s);
}

static void test_nothing_to_draw(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	p.samples.n = 0;
	char *have = draw(&p, "nothing");

	assert_non_null(strstr(have, "<title>all (0, 0.00%)</title>"));
	free(have);
	profile_release(&p);
	symbols_free(s);
}

/* What cannot be seen is not drawn, which bounds the file. */
static void test_narrow_frames(void **state)
{
	static const uint64_t leaf[] = { AT(PC_MAIN + 1) }, wide[] = { AT(PC_SERVE + 1) };
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	p.samples.n = 2;
	p.samples.items[0] = (struct profile_sample){ .pcs = leaf, .n = 1, .values = { 1 } };
	p.samples.items[1] = (struct profile_sample){ .pcs = wide, .n = 1, .values = { 1000003 } };
	p.types[0].unit = "bytes";
	char *have = draw(&p, "narrow");

	assert_null(strstr(have, "main.main"));
	assert_non_null(strstr(have, "<!-- 1 frames are too narrow"));
	assert_non_null(strstr(have, "Serve (977 KiB, 100.00%)"));
	free(have);
	profile_release(&p);
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_names_are_escaped),
		cmocka_unit_test(test_nothing_to_draw),
		cmocka_unit_test(test_narrow_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
