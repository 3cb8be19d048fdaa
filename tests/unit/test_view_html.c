/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/markup.h"

#include "view/html.h"

static void check(void (*write)(FILE *f, const char *s), const char *s, const char *want)
{
	char *text = CAPTURE(f, write(f, s));

	assert_string_equal(text, want);
	free(text);
}

static void test_escape(void **state)
{
	(void)state;
	check(html_escape, "", "");
	check(html_escape, "main.(*T[go.shape.int]).M", "main.(*T[go.shape.int]).M");
	check(html_escape, "<a href=\"x\">&amp;</a>",
	      "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;");
	check(html_escape, "\xc3\xa9\xe2\x86\x92", "\xc3\xa9\xe2\x86\x92");
}

/* U+FFFE and U+FFFF are valid UTF-8 that no XML file may hold. */
static void test_noncharacters(void **state)
{
	(void)state;
	check(html_escape,
	      "a\xef\xbf\xbe"
	      "b\xef\xbf\xbf"
	      "c\xef\xbf\xbd",
	      "a?b?c\xef\xbf\xbd");
}

static void test_name_is_scrubbed(void **state)
{
	(void)state;
	check(html_name, NULL, "");
	check(html_name, "a\033[31m\n<\xff\xc2\x85", "a?[31m?&lt;??");
	check(html_name,
	      "\xe2\x80\xae"
	      "evil",
	      "?evil");
}

/* Between tags and in an attribute. */
static void test_hostile(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(markup_hostile); i++) {
		char *text = CAPTURE(f, {
			fputs("<p title=\"", f);
			html_name(f, markup_hostile[i]);
			fputs("\">", f);
			html_name(f, markup_hostile[i]);
			fputs("</p>", f);
		});
		char *shape = markup_shape(text);

		assert_string_equal(shape, "<p title>\n");
		free(shape);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_noncharacters),
		cmocka_unit_test(test_name_is_scrubbed),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
