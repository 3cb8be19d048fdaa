/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codeimage.h"
#include "gobin/wrapper.h"

/* push %rbp; mov %rsp,%rbp ... pop %rbp; ret */
#define IN	   "55 4889e5 "
#define OUT	   " 5d c3"
#define CALL(name) "e8 @" name ";"

static const struct ci_func funcs[] = {
	{ "main.serve", IN OUT },
	{ "main.caller", IN CALL("main.serve") OUT },
	{ "main.gowrap1", IN CALL("main.serve") OUT },
	{ "main.gowrap2",
	  IN CALL("runtime.gcWriteBarrier2") CALL("runtime.convT64") CALL("main.serve") OUT },
	{ "main.gowrap3", IN "ffd1" OUT }, /* call *%rcx */
	{ "main.gowrap4", IN CALL("runtime.bgsweep") OUT },
	{ "runtime.gcenable.gowrap1",
	  IN CALL("runtime.gcWriteBarrier2") CALL("runtime.bgsweep") CALL("runtime.convT64") OUT },
	{ "runtime.gowrap2", IN CALL("runtime.duffcopy") CALL("runtime.morestack_noctxt") OUT },
	{ "main.gowrap5", IN "06" OUT }, /* no instruction of amd64 */
	{ "main.gowrap6", IN "e8ffffff7f" OUT }, /* calls out of the executable */
	{ "main.gowrap7", IN CALL("main.gowrap7") OUT }, /* itself */
	{ "main.gowrap8", "" },
	{ "runtime.bgsweep", "c3" },
	{ "runtime.convT64", "c3" },
	{ "runtime.duffcopy", "c3" },
	{ "runtime.gcWriteBarrier2", "c3" },
	{ "runtime.morestack_noctxt", "c3" },
};

static uint64_t va_of(const char *name)
{
	return ci_symbol(funcs, ARRAY_SIZE(funcs), name, strlen(name));
}

static void assert_runs(const struct codeimage *c, const char *start, const char *want)
{
	char name[GOFRAME_NAME_MAX] = "";

	assert_int_equal(wrapper_name(c->elf, c->tab, va_of(start), name, sizeof(name)), 0);
	assert_string_equal(name, want);
}

static int open_image(void **state)
{
	static struct codeimage c;
	static const struct goversion v = { .major = 1, .minor = 15 };

	memset(&c, 0, sizeof(c));
	ci_open(&c, funcs, ARRAY_SIZE(funcs));
	pclntab_set_version(c.tab, &v);
	*state = &c;
	return 0;
}

static int close_image(void **state)
{
	ci_close(*state);
	return 0;
}

static void test_what_is_wrapped(void **state)
{
	const struct codeimage *c = *state;

	assert_runs(c, "main.gowrap1", "main.serve");
	assert_runs(c, "main.gowrap2", "main.serve"); /* past the runtime's help */
	assert_runs(c, "main.serve", "main.serve");
	assert_runs(c, "main.caller", "main.caller"); /* calls, but wraps nothing */
}

/* Its own goroutines start functions of its own; others' never do. */
static void test_wrappers_of_the_runtime(void **state)
{
	const struct codeimage *c = *state;

	assert_runs(c, "runtime.gcenable.gowrap1", "runtime.bgsweep");
	assert_runs(c, "runtime.gowrap2", "runtime.gowrap2"); /* nothing but help */
	assert_runs(c, "main.gowrap4", "main.gowrap4");
}

static void test_nothing_to_be_told(void **state)
{
	const struct codeimage *c = *state;

	assert_runs(c, "main.gowrap3", "main.gowrap3"); /* through a pointer */
	assert_runs(c, "main.gowrap5", "main.gowrap5");
	assert_runs(c, "main.gowrap6", "main.gowrap6");
	assert_runs(c, "main.gowrap7", "main.gowrap7");
	assert_runs(c, "main.gowrap8", "main.gowrap8");
}

static void test_no_function(void **state)
{
	const struct codeimage *c = *state;
	char name[8] = "before";

	assert_int_equal(wrapper_name(c->elf, c->tab, 0, name, sizeof(name)), -ENOENT);
	assert_int_equal(wrapper_name(c->elf, c->tab, UINT64_MAX, name, sizeof(name)), -ENOENT);
	/* cut at the room there is */
	assert_int_equal(wrapper_name(c->elf, c->tab, va_of("main.gowrap1"), name, sizeof(name)),
			 0);
	assert_string_equal(name, "main.se");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_wrapped),
		cmocka_unit_test(test_wrappers_of_the_runtime),
		cmocka_unit_test(test_nothing_to_be_told),
		cmocka_unit_test(test_no_function),
	};

	return cmocka_run_group_tests(tests, open_image, close_image);
}
