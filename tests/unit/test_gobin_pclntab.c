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
	int err;
};

static struct opened open_image(struct elfbuild *b)
{
	struct opened o = { .fd = eb_open(b) };
	struct goversion v = { 0 };

	assert_int_equal(goversion_parse(b->go, strlen(b->go), &v), 0);
	assert_int_equal(elf_new(o.fd, &o.elf), 0);
	o.err = pclntab_open(o.elf, &v, &o.table);
	return o;
}

static void close_image(struct opened *o)
{
	pclntab_close(o->table);
	elf_free(o->elf);
	close(o->fd);
}

static void check_functions(struct pclntab *t, uint64_t base)
{
	struct gofunc one;
	char name[64];

	assert_int_equal(pclntab_functions(t), EB_FUNCTIONS);
	assert_int_equal(pclntab_find(t, "main.F[go.shape.int]", &one), 0);
	assert_int_equal(one.size, 0x60);
	assert_int_equal(pclntab_find(t, "main.inl", &one), -ENOENT); /* only inlined */

	assert_int_equal(pclntab_func_at(t, base + EB_MAIN + 0x3f, &one, name, sizeof(name)), 0);
	assert_string_equal(name, "main.main");
	assert_int_equal(pclntab_func_at(t, base + EB_TEXT + 0x60, &one, name, 5), 0);
	assert_string_equal(name, "main");
	assert_int_equal(one.size, 0x10);
	assert_int_equal(pclntab_func_at(t, base + EB_TEXT - 1, &one, NULL, 0), -ENOENT);
	assert_int_equal(pclntab_func_at(t, base + EB_TEXT + EB_TEXT_SIZE, &one, NULL, 0), -ENOENT);
}

static void check_frame(const struct goframe *f, const char *function, const char *file,
			uint32_t line, bool is_inlined)
{
	assert_string_equal(f->function, function);
	assert_string_equal(f->file, file);
	assert_int_equal(f->line, line);
	assert_int_equal(f->is_inlined, is_inlined);
}

static void check_frames(struct pclntab *t, uint64_t base, int wrapper_minor)
{
	struct goframe f[4];

	assert_int_equal(pclntab_frames(t, base + EB_MAIN + 4, false, f, 4), 1);
	check_frame(&f[0], "main.main", "/src/a.go", 10, false);

	assert_int_equal(pclntab_frames(t, base + EB_MAIN + 0x14, false, f, 4), 3);
	check_frame(&f[0], "main.deep", "/src/b.go", 300, true);
	check_frame(&f[1], "main.inl", "/src/b.go", 200, true);
	check_frame(&f[2], "main.main", "/src/a.go", 11, false);
	assert_int_equal(f[0].is_wrapper, wrapper_minor);
	assert_false(f[1].is_wrapper);

	/* A return address belongs to the call before it. */
	assert_int_equal(pclntab_frames(t, base + EB_MAIN + 0x14, true, f, 4), 2);
	check_frame(&f[0], "main.inl", "/src/b.go", 200, true);
	check_frame(&f[1], "main.main", "/src/a.go", 11, false);
	assert_int_equal(pclntab_frames(t, base + EB_TEXT + 0x20, true, f, 4), 1);
	check_frame(&f[0], "runtime.first", "/src/a.go", 7, false);

	/* No more than asked for. */
	assert_int_equal(pclntab_frames(t, base + EB_MAIN + 0x14, false, f, 2), 2);
	check_frame(&f[1], "main.inl", "/src/b.go", 200, true);
	assert_int_equal(pclntab_frames(t, base + EB_MAIN + 0x14, false, f, 0), 0);

	assert_int_equal(pclntab_frames(t, base + EB_TEXT + 0xa0, false, f, 4), 1);
	check_frame(&f[0], "main.F[...]", "/src/a.go", 7, false);
	assert_int_equal(pclntab_frames(t, base, false, f, 4), -ENOENT);
}

static void check_sp(struct pclntab *t, uint64_t base)
{
	int32_t d = 0;

	assert_int_equal(pclntab_sp_delta(t, base + EB_TEXT + 3, &d), 0);
	assert_int_equal(d, 8);
	assert_int_equal(pclntab_sp_delta(t, base + EB_TEXT + 4, &d), 0);
	assert_int_equal(d, 32);
	assert_int_equal(pclntab_sp_delta(t, base, &d), -ENOENT);
}

static void test_all_versions(void **state)
{
	(void)state;
	for (int v = PCLNTAB_1_2; v <= PCLNTAB_1_20; v++) {
		for (int pie = 0; pie < 2; pie++) {
			for (int sections = 0; sections < 2; sections++) {
				struct elfbuild b = eb_usual(v);

				b.is_pie = pie;
				b.has_sections = sections;
				b.has_decoy = true;
				struct opened o = open_image(&b);
				uint64_t base = eb_va(&b, 0);

				assert_int_equal(o.err, 0);
				assert_int_equal(pclntab_version(o.table), v);
				assert_int_equal(pclntab_va(o.table), base + EB_PCLN);
				assert_string_equal(pclntab_from(o.table),
						    sections ? ".gopclntab" : "magic");
				check_functions(o.table, base);
				/* FuncID 22 is the wrapper in 1.15 and in 1.22 to 1.24. */
				check_frames(o.table, base, v == PCLNTAB_1_2 || v == PCLNTAB_1_20);
				check_sp(o.table, base);
				close_image(&o);
			}
		}
	}
}

static void test_text_start_from_module(void **state)
{
	(void)state;
	for (int is_1_27 = 0; is_1_27 < 2; is_1_27++) {
		struct elfbuild b = eb_usual(PCLNTAB_1_20);

		b.go = is_1_27 ? "go1.27.3" : "go1.26.5";
		b.is_1_27 = is_1_27;
		b.has_zero_text_start = true;
		b.is_pie = true;
		struct opened o = open_image(&b);

		assert_int_equal(o.err, 0);
		check_functions(o.table, 0);
		check_frames(o.table, 0, false);
		close_image(&o);
	}
}

static void test_without_module(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goframe f[4];

	(void)state;
	b.has_moduledata = false;
	struct opened o = open_image(&b);

	/* Usable, but inline trees are relative to a base that only the module knows. */
	assert_int_equal(o.err, 0);
	assert_null(pclntab_moduledata(o.table));
	check_functions(o.table, EB_BASE);
	assert_int_equal(pclntab_frames(o.table, EB_BASE + EB_MAIN + 0x14, false, f, 4), 1);
	check_frame(&f[0], "main.main", "/src/b.go", 300, false);
	close_image(&o);

	b.has_zero_text_start = true;
	o = open_image(&b);
	assert_int_equal(o.err, -ENODATA);
	close_image(&o);
}

static void test_arm64(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);

	(void)state;
	b.machine = EM_AARCH64;
	b.is_pie = true;
	struct opened o = open_image(&b);

	assert_int_equal(o.err, 0);
	check_functions(o.table, 0);
	check_frames(o.table, 0, true);
	close_image(&o);
}

static void test_absent(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_NONE);

	(void)state;
	b.has_decoy = true;
	b.version = PCLNTAB_NONE;
	struct opened o = open_image(&b);

	assert_int_equal(o.err, -ENOENT);
	close_image(&o);
}

/* Each damaged byte of the table costs an answer, never more. */
static void test_damaged(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goframe f[4];
	struct gofunc one;
	size_t refused = 0;

	(void)state;
	b.has_sections = false;
	eb_build(&b);
	for (size_t off = EB_PCLN; off < EB_PCLN + 0x400; off++) {
		struct elf *e = NULL;
		struct pclntab *t = NULL;
		uint8_t was = b.data[off];

		b.data[off] ^= 0xff;
		int fd = eb_file(b.data, sizeof(b.data));

		assert_int_equal(elf_new(fd, &e), 0);
		if (pclntab_open(e, NULL, &t)) {
			refused++;
		} else {
			for (uint64_t pc = 0; pc < EB_TEXT_SIZE; pc += 4)
				(void)!pclntab_frames(t, EB_BASE + EB_TEXT + pc, false, f, 4);
			(void)!pclntab_find(t, "main.main", &one);
		}
		pclntab_close(t);
		elf_free(e);
		close(fd);
		b.data[off] = was;
	}
	/* Header, functab and the functions' own entries are all checked. */
	assert_in_range(refused, 100, 0x400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_text_start_from_module),
		cmocka_unit_test(test_without_module),
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
