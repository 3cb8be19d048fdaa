/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

#include "view/symbols.h"

static void test_return_address(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	const struct symbol *p = symbols_at(s, AT(PC_MAIN + 0x21), false);

	(void)state;
	assert_int_equal(p->addr, AT(PC_MAIN + 0x20));
	assert_int_equal(p->offset, 0x21);
	assert_int_equal(p->n, 1);
	assert_string_equal(p->frames[0].function, "main.main");
	assert_int_equal(p->frames[0].line, 10 + 0x20);
	symbols_free(s);
}

static void test_exact(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	const struct symbol *p = symbols_at(s, AT(PC_HANDLE), true);

	(void)state;
	assert_int_equal(p->addr, AT(PC_HANDLE));
	assert_string_equal(p->frames[0].function, "main.(*server).handle");
	symbols_free(s);
}

/* A goroutine that has not run yet is at a function's entry: the one before it is not meant. */
static void test_entry_is_no_return_address(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	const struct symbol *p = symbols_at(s, AT(PC_GOPARK), false);

	(void)state;
	assert_int_equal(p->addr, AT(PC_GOPARK));
	assert_string_equal(p->frames[0].function, "runtime.gopark");
	symbols_free(s);
}

static void test_inlined(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	const struct symbol *p = symbols_at(s, AT(PC_HANDLE + 0x81), false);

	(void)state;
	assert_int_equal(p->n, 2);
	assert_string_equal(p->frames[0].function, "main.decode");
	assert_true(p->frames[0].is_inlined);
	assert_string_equal(p->frames[1].function, "main.(*server).handle");
	symbols_free(s);
}

static void test_each_address_once(void **state)
{
	unsigned int calls = 0;
	struct symbols *s = fixture_symbols(&calls);
	const struct symbol *a = symbols_at(s, AT(PC_MAIN + 1), false);

	(void)state;
	for (int i = 0; i < 11; i++)
		assert_ptr_equal(symbols_at(s, AT(PC_MAIN + 1), false), a);
	assert_int_equal(calls, 1);
	/* The same bytes as the place itself are another question. */
	assert_ptr_not_equal(symbols_at(s, AT(PC_MAIN + 1), true), a);
	assert_int_equal(calls, 2);
	symbols_free(s);
}

static void test_unknown(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	const struct symbol *p = symbols_at(s, AT(PC_C), false);

	(void)state;
	assert_int_equal(p->n, 0);
	assert_int_equal(p->offset, 0);
	assert_int_equal(symbols_refused(s), 0);
	p = symbols_at(s, AT(PC_NAMELESS + 9), false);
	assert_string_equal(p->frames[0].function, "?");
	assert_string_equal(p->frames[0].file, "");
	symbols_free(s);
}

static void test_text_is_one_and_scrubbed(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	const char *a = symbols_text(s, "created by \033main");

	(void)state;
	assert_string_equal(a, "created by ?main");
	assert_ptr_equal(symbols_text(s, "created by ?main"), a);
	assert_string_equal(symbols_text(s, ""), "");
	symbols_free(s);
	symbols_free(NULL);
}

static void test_go_statement(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct symbol_site at = symbols_site(s, AT(PC_HANDLE + 0x91));

	(void)state;
	/* The physical function, and the place of what was inlined into it. */
	assert_string_equal(at.function, "main.(*server).handle");
	assert_string_equal(at.file, "/src/decode.go");
	assert_int_equal(at.line, 3);
	assert_int_equal(at.offset, 0x91);
	at = symbols_site(s, AT(PC_C));
	assert_string_equal(at.function, "?");
	assert_string_equal(at.file, "");
	assert_string_equal(symbols_start(s, AT(PC_SERVE)), "example.org/web/v2.(*Mux[...]).Serve");
	assert_string_equal(symbols_start(s, AT(PC_NAMELESS)), "?");
	assert_string_equal(symbols_start(s, AT(PC_C)), "?");
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_return_address),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_entry_is_no_return_address),
		cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_each_address_once),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_go_statement),
		cmocka_unit_test(test_text_is_one_and_scrubbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
