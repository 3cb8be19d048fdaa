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

static void test_many(void **state)
{
	static const char *const names[] = { "main.main", "main.dup",  "no.such",  "runtime.first",
					     "main.mai",  "main.main", "main.inl", "" };
	struct gofunc f[ARRAY_SIZE(names)];

	(void)state;
	for (int v = PCLNTAB_1_2; v <= PCLNTAB_1_20; v++) {
		struct elfbuild b = eb_usual(v);

		eb_build(&b);
		struct opened o = open_built(&b);

		memset(f, 0xee, sizeof(f));
		assert_int_equal(pclntab_find_many(o.table, names, ARRAY_SIZE(names), f), 0);
		assert_int_equal(f[0].va, EB_BASE + EB_MAIN);
		assert_int_equal(f[0].size, 0x40);
		assert_int_equal(f[1].va, EB_BASE + EB_TEXT + 0x70); /* the larger of two */
		assert_int_equal(f[1].size, 0x30);
		assert_int_equal(f[2].va, 0);
		assert_int_equal(f[3].va, EB_BASE + EB_TEXT);
		assert_int_equal(f[4].va, 0); /* a prefix is not a name */
		assert_int_equal(f[5].va, f[0].va); /* asked for twice */
		assert_int_equal(f[6].va, 0); /* only inlined */
		assert_int_equal(f[7].va, 0);
		assert_int_equal(pclntab_find_many(o.table, names, 0, f), 0);
		close_image(&o);
	}
}

static void test_one(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct gofunc f = { .va = 77 };
	char name[5000];

	(void)state;
	eb_build(&b);
	struct opened o = open_built(&b);

	assert_int_equal(pclntab_find(o.table, "main.inl", &f), -ENOENT);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(pclntab_find(o.table, name, &f), -EINVAL);
	assert_int_equal(f.va, 77);
	assert_int_equal(pclntab_find(o.table, "main.F[go.shape.int]", &f), 0);
	assert_int_equal(f.va, EB_BASE + EB_TEXT + 0xa0);
	close_image(&o);
}

/* Names of the runtime are found by an index, which is made once and must not go stale. */
static void test_runtime(void **state)
{
	static const char *const names[] = { "runtime.first", "runtime.none", "runtime." };
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct gofunc f[3];
	uint64_t before;

	(void)state;
	eb_build(&b);
	eb_put(&b, EB_PCLN + 0x60 + 14, "runtime.x", 10); /* was main.main */
	struct opened o = open_built(&b);

	for (int round = 0; round < 2; round++) {
		memset(f, 0xee, sizeof(f));
		assert_int_equal(pclntab_find_many(o.table, names, 3, f), 0);
		assert_int_equal(f[0].va, EB_BASE + EB_TEXT);
		assert_int_equal(f[0].size, 0x20);
		assert_int_equal(f[1].va, 0);
		assert_int_equal(f[2].va, 0);
		assert_int_equal(pclntab_find(o.table, "runtime.x", &f[0]), 0);
		assert_int_equal(f[0].va, EB_BASE + EB_MAIN);
		assert_int_equal(pclntab_find(o.table, "runtime.y", &f[0]), -ENOENT);
		/* Also after the pages are given back. */
		elf_trim(o.elf);
	}
	before = elf_page_reads(o.elf);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pclntab_find(o.table, "runtime.first", &f[0]), 0);
	assert_in_range(elf_page_reads(o.elf) - before, 0, 2);
	close_image(&o);
}

/* A function whose pcs are out of order, or whose record lies nowhere, costs itself only. */
static void test_bad_entries(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct gofunc f;

	(void)state;
	eb_build(&b);
	struct opened o = open_built(&b);
	const size_t functab = EB_PCLN + 0x200;
	const uint32_t nowhere = 0x7ffffff0, back = 0;

	/* After the checks of opening: as if the file had changed. */
	assert_int_equal(pwrite(o.fd, &nowhere, 4, (off_t)functab + 3 * 8 + 4), 4);
	assert_int_equal(pwrite(o.fd, &back, 4, (off_t)functab + 1 * 8), 4);
	elf_trim(o.elf);
	assert_int_equal(pclntab_find(o.table, "main.dup", &f), 0);
	assert_int_equal(f.size, 0x10); /* the larger one is lost */
	assert_int_equal(pclntab_find(o.table, "runtime.first", &f),
			 -ENOENT); /* ends before itself */
	assert_int_equal(pclntab_find(o.table, "main.F[go.shape.int]", &f), 0);
	close_image(&o);
}

#define COLLECTED 256

static bool collect(const char *name, const struct gofunc *f, void *arg)
{
	char *text = arg;
	size_t n = strlen(text);

	assert_true(f->size > 0);
	snprintf(text + n, COLLECTED - n, "%s ", name);
	return strlen(text) > 30;
}

static void test_for_each(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_18);
	char text[COLLECTED] = "";

	(void)state;
	eb_build(&b);
	struct opened o = open_built(&b);

	assert_int_equal(pclntab_for_each(o.table, "main.dup", collect, text), 0);
	assert_string_equal(text, "main.dup main.dup ");
	text[0] = '\0';
	assert_int_equal(pclntab_for_each(o.table, "", collect, text), 0);
	assert_string_equal(text, "runtime.first main.main main.dup ");
	close_image(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),	 cmocka_unit_test(test_one),
		cmocka_unit_test(test_runtime),	 cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
