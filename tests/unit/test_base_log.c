/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

/* What say() wrote to stderr. */
static const char *caught(void (*say)(void), char *buf, size_t size)
{
	int file = memfd_create("stderr", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
	ssize_t n;

	fflush(stderr);
	dup2(file, STDERR_FILENO);
	say();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	n = pread(file, buf, size - 1, 0);
	buf[n < 0 ? 0 : n] = '\0';
	close(file);
	close(saved);
	return buf;
}

static void say_all(void)
{
	log_warn("w%d", 1);
	log_info("i");
	log_verbose("v");
	log_debug("d");
}

static void say_errors(void)
{
	assert_int_equal(log_err(-ENOENT, "%s: cannot open", "x"), -ENOENT);
	assert_int_equal(log_err(0, "plain"), 0);
}

static void say_long(void)
{
	char text[5000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
}

static void test_levels(void **state)
{
	static const struct {
		enum log_level level;
		const char *text;
	} cases[] = {
		{ LOG_LEVEL_QUIET, "" },
		{ LOG_LEVEL_INFO, "gotide: warning: w1\ngotide: i\n" },
		{ LOG_LEVEL_VERBOSE, "gotide: warning: w1\ngotide: i\ngotide: v\n" },
		{ LOG_LEVEL_DEBUG,
		  "gotide: warning: w1\ngotide: i\ngotide: v\ngotide: debug: d\n" },
	};
	char buf[256];

	(void)state;
	assert_int_equal(log_level_get(), LOG_LEVEL_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		log_set_level(cases[i].level);
		assert_int_equal(log_level_get(), cases[i].level);
		assert_string_equal(caught(say_all, buf, sizeof(buf)), cases[i].text);
	}
	log_set_level(LOG_LEVEL_INFO);
}

static void test_errors(void **state)
{
	char buf[256];

	(void)state;
	log_set_level(LOG_LEVEL_QUIET); /* errors are always said */
	assert_string_equal(caught(say_errors, buf, sizeof(buf)),
			    "gotide: x: cannot open: No such file or directory\n"
			    "gotide: plain\n");
	log_set_level(LOG_LEVEL_INFO);
}

static void test_long(void **state)
{
	char buf[6000];
	size_t n;

	(void)state;
	n = strlen(caught(say_long, buf, sizeof(buf)));
	assert_in_range(n, 1000, 1100);
	assert_int_equal(buf[n - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
