/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gobin/pclntab.h"
#include "unit/elfbuild.h"

struct opened {
	int fd;
	struct elf *elf;
	struct pclntab *table;
};

static struct opened open_built(const struct elfbuild *b)
{
	struct opened o = { .fd = eb_file(b->data, sizeof(b->data)) };

	assert_int_equal(elf_new(o.fd, &o.elf), 0);
	assert_int_equal(pclntab_open(o.elf, NULL, &o.table), 0);
	return o;
}

static void close_image(struct opened *o)
{
	pclntab_close(o->table);
	elf_free(o->elf);
	close(o->fd);
}

#define FIRST (EB_BASE + EB_TEXT)
#define DEEP  (EB_BASE + EB_MAIN + 0x14)

/* Where eb_pclntab_1_16() puts things, and free room in the read-only segment. */
#define NAMES	   (EB_PCLN + 0x60)
#define PCTAB	   (EB_PCLN + 0x140)
#define FIRST_FUNC (EB_PCLN + 0x200 + (EB_FUNCTIONS + 1) * 8)
#define SPARE	   0x3a00

/* Gives the first function another name, once the table is open. */
static void check_name(const char *name, const char *want)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	const uint32_t off = SPARE - NAMES;
	struct goframe f[1];
	struct gofunc func;
	char raw[64];

	eb_build(&b);
	struct opened o = open_built(&b);

	assert_int_equal(pwrite(o.fd, name, strlen(name) + 1, SPARE), strlen(name) + 1);
	assert_int_equal(pwrite(o.fd, &off, 4, (off_t)FIRST_FUNC + 4), 4);
	elf_trim(o.elf);
	assert_int_equal(pclntab_frames(o.table, FIRST, false, f, 1), 1);
	assert_string_equal(f[0].function, want);
	/* The lookup by pc gives the name as it is, cut. */
	assert_int_equal(pclntab_func_at(o.table, FIRST, &func, raw, sizeof(raw)), 0);
	assert_memory_equal(raw, name, 4);
	assert_in_range(strlen(raw), 4, sizeof(raw) - 1);
	close_image(&o);
}

static void test_names(void **state)
{
	char longer[600], want[GOFRAME_NAME_MAX];

	(void)state;
	check_name("main.F[go.shape.[]uint8]", "main.F[...]");
	check_name("main.(*T[go.shape.int,go.shape.struct { a [3]int }]).Do-fm",
		   "main.(*T[...]).Do-fm");
	check_name("type:.eq.[2]string", "type:.eq.[...]string");
	check_name("main.odd]name[", "main.odd]name[");
	check_name("main.\x1b[31mred", "main.?[31mred");

	/* Type arguments do not push the method out; a long name is cut. */
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "main.T[", 7);
	memcpy(longer + 500, "].Do", 5);
	check_name(longer, "main.T[...].Do");
	memset(longer, 'y', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	memset(want, 'y', sizeof(want));
	want[sizeof(want) - 1] = '\0';
	check_name(longer, want);
}

/* main.deep says that it was called from within itself. */
static void test_inline_cycle(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	static struct goframe f[1000];
	int n;

	(void)state;
	eb_build(&b);
	eb_put32(&b, EB_GOFUNC + 16 + 8, 0x14);
	struct opened o = open_built(&b);

	n = pclntab_frames(o.table, DEEP, false, f, ARRAY_SIZE(f));
	assert_in_range(n, 2, 100);
	assert_string_equal(f[0].function, "main.deep");
	assert_false(f[n - 1].is_inlined);
	close_image(&o);
}

/* Inline entries and parents that lead nowhere end the chain with the function itself. */
static void test_inline_nowhere(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goframe f[4];

	(void)state;
	eb_build(&b);
	eb_put32(&b, EB_GOFUNC + 16 + 8, 0x7fffffff);
	eb_put32(&b, EB_GOFUNC + 16 + 4, 0x80000000);
	struct opened o = open_built(&b);

	assert_int_equal(pclntab_frames(o.table, DEEP, false, f, 4), 2);
	assert_string_equal(f[0].function, ""); /* its name lies nowhere */
	assert_int_equal(f[0].line, 300);
	assert_string_equal(f[1].function, "main.main");
	assert_int_equal(f[1].line, 0);
	close_image(&o);
}

static void test_pcvalue_without_end(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goframe f[1];
	int32_t d = 77;

	(void)state;
	eb_build(&b);
	memset(b.data + SPARE, 0xff, 64);
	eb_put32(&b, FIRST_FUNC + 16, SPARE - PCTAB); /* pcsp: a varint that goes on and on */
	eb_put32(&b, FIRST_FUNC + 24, 0); /* pcln: no table */
	struct opened o = open_built(&b);

	assert_int_equal(pclntab_sp_delta(o.table, FIRST, &d), -EBADMSG);
	assert_int_equal(d, 77);
	assert_int_equal(pclntab_frames(o.table, FIRST, false, f, 1), 1);
	assert_int_equal(f[0].line, 0);
	assert_string_equal(f[0].file, "/src/a.go");
	close_image(&o);
}

/* Values that change without the pc moving, until the zeroes behind end the table. */
static void test_pcvalue_standing_still(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	int32_t d = 77;

	(void)state;
	eb_build(&b);
	for (size_t i = 0; i < 64; i++)
		b.data[SPARE + i] = i % 2 ? 0 : 2;
	eb_put32(&b, FIRST_FUNC + 16, SPARE - PCTAB);
	struct opened o = open_built(&b);

	assert_int_equal(pclntab_sp_delta(o.table, FIRST, &d), -ENOENT);
	assert_int_equal(d, 77);
	close_image(&o);
}

static void test_wrapper_by_version(void **state)
{
	static const struct {
		const char *go;
		bool is_wrapper; /* FuncID 22 */
	} cases[] = {
		{ "go1.15.15", true }, { "go1.18.7", false }, { "go1.20.12", false },
		{ "go1.22.12", true }, { "go1.24.4", true },  { "go1.25.1", false },
		{ "go1.27.3", false }, { "go1.28.0", false },
	};
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goframe f[4];

	(void)state;
	eb_build(&b);
	struct opened o = open_built(&b);

	assert_int_equal(pclntab_frames(o.table, DEEP, false, f, 4), 3);
	assert_false(f[0].is_wrapper); /* version unknown */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct goversion v = { 0 };

		assert_int_equal(goversion_parse(cases[i].go, strlen(cases[i].go), &v), 0);
		pclntab_set_version(o.table, &v);
		assert_int_equal(pclntab_frames(o.table, DEEP, false, f, 4), 3);
		assert_int_equal(f[0].is_wrapper, cases[i].is_wrapper);
		assert_false(f[1].is_wrapper || f[2].is_wrapper);
	}
	close_image(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_inline_cycle),
		cmocka_unit_test(test_inline_nowhere),
		cmocka_unit_test(test_pcvalue_without_end),
		cmocka_unit_test(test_pcvalue_standing_still),
		cmocka_unit_test(test_wrapper_by_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
