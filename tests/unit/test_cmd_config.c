/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cmd/config.h"

struct seen {
	char text[8192]; /* "name=value;" for each, without '=' where there was none */
	const char *refuse; /* fails on this name */
};

static int note(const char *name, const char *value, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	if (s->refuse && !strcmp(s->refuse, name))
		return -EINVAL;
	snprintf(s->text + n, sizeof(s->text) - n, "%s%s%s;", name, value ? "=" : "",
		 value ? value : "");
	return 0;
}

static int parse(const char *text, struct seen *s)
{
	_cleanup_fclose_ FILE *f = fmemopen((void *)text, strlen(text) + !*text, "r");

	assert_non_null(f);
	return config_parse(f, "test.conf", note, s);
}

static void test_lines(void **state)
{
	struct seen s = { .refuse = NULL };

	(void)state;
	assert_int_equal(parse("# a comment = none\n"
			       "\n"
			       "listen = :9435\n"
			       "\t exclude=namespace=kube-*  \r\n"
			       "compat-metrics\n"
			       "empty =\n"
			       "last = no newline",
			       &s),
			 0);
	assert_string_equal(s.text, "listen=:9435;exclude=namespace=kube-*;compat-metrics;empty=;"
				    "last=no newline;");
}

static void test_refused_lines(void **state)
{
	static const char *const texts[] = { "=x\n", "--listen = x\n", "-v\n", " = \n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct seen s = { .refuse = NULL };

		assert_int_equal(parse(texts[i], &s), -EINVAL);
		assert_string_equal(s.text, "");
	}
}

static void test_stops_at_the_first(void **state)
{
	struct seen s = { .refuse = "b" };

	(void)state;
	assert_int_equal(parse("a\nb\nc\n", &s), -EINVAL);
	assert_string_equal(s.text, "a;");
}

static void test_limits(void **state)
{
	char text[2 * CONFIG_LINES_MAX + 8];
	struct seen s = { .refuse = NULL };

	(void)state;
	memset(text, 'a', sizeof(text));
	text[CONFIG_LINE_MAX] = '\n';
	text[CONFIG_LINE_MAX + 1] = '\0';
	assert_int_equal(parse(text, &s), 0);
	text[CONFIG_LINE_MAX] = text[CONFIG_LINE_MAX + 1] = 'a';
	text[CONFIG_LINE_MAX + 2] = '\n';
	text[CONFIG_LINE_MAX + 3] = '\0';
	assert_int_equal(parse(text, &s), -EINVAL);
	for (size_t i = 0; i <= CONFIG_LINES_MAX; i++)
		memcpy(text + 2 * i, "#\n", 3);
	assert_int_equal(parse(text, &s), -EINVAL);
	text[2 * CONFIG_LINES_MAX] = '\0';
	assert_int_equal(parse(text, &s), 0);
}

static void test_no_file(void **state)
{
	struct seen s = { .refuse = NULL };

	(void)state;
	assert_int_equal(config_read("/nonexistent", note, &s), -ENOENT);
	assert_int_equal(config_read("/", note, &s), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	cmocka_unit_test(test_refused_lines),
		cmocka_unit_test(test_limits),	cmocka_unit_test(test_stops_at_the_first),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
