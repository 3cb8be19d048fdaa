/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gobin/moduledata.h"
#include "unit/elfbuild.h"

/* The module that opening the table finds; is_found says whether it did. */
static struct moduledata module_of(const struct elfbuild *b, bool *is_found)
{
	int fd = eb_file(b->data, sizeof(b->data));
	struct moduledata m = { 0 };
	struct pclntab *t = NULL;
	struct elf *e = NULL;

	assert_int_equal(elf_new(fd, &e), 0);
	assert_int_equal(pclntab_open(e, NULL, &t), 0);
	*is_found = pclntab_moduledata(t);
	if (*is_found)
		m = *pclntab_moduledata(t);
	pclntab_close(t);
	elf_free(e);
	close(fd);
	return m;
}

static void test_ranges(void **state)
{
	(void)state;
	for (int v = PCLNTAB_1_2; v <= PCLNTAB_1_20; v++) {
		for (int variant = 0; variant < 4; variant++) {
			struct elfbuild b = eb_usual(v);
			bool is_found;

			b.is_pie = variant & 1;
			b.is_1_27 = variant & 2;
			eb_build(&b);
			struct moduledata m = module_of(&b, &is_found);
			uint64_t base = eb_va(&b, 0);

			assert_true(is_found);
			assert_int_equal(m.va, base + EB_MODULE);
			assert_int_equal(m.text, base + EB_TEXT);
			assert_int_equal(m.etext, base + EB_TEXT + EB_TEXT_SIZE);
			assert_int_equal(m.noptrdata, base + EB_RW);
			assert_int_equal(m.data, base + EB_RW + 0x100);
			assert_int_equal(m.edata, base + 0x4800);
			assert_int_equal(m.ebss, base + 0x5800);
			assert_int_equal(m.enoptrbss, base + 0x6000);
			assert_int_equal(m.gofunc, v < PCLNTAB_1_18 ? 0 : base + EB_GOFUNC);
			assert_int_equal(moduledata_data_start(&m), base + EB_RW);
			assert_int_equal(moduledata_data_end(&m), base + 0x6000);
		}
	}
}

/* Other words that point to the table (debuggers in the program, a copy) are not modules. */
static void test_other_pointers(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	bool is_found;

	(void)state;
	eb_build(&b);
	eb_put64(&b, EB_MODULE - 0x40, EB_BASE + EB_PCLN);
	eb_put64(&b, EB_MODULE + 0x200, EB_BASE + EB_PCLN);
	struct moduledata m = module_of(&b, &is_found);

	assert_true(is_found);
	assert_int_equal(m.va, EB_BASE + EB_MODULE);
}

static void test_refused(void **state)
{
	static const struct {
		size_t off;
		uint64_t value;
	} cases[] = {
		{ 128, EB_BASE + EB_PCLN }, /* ftab elsewhere */
		{ 136, EB_FUNCTIONS }, /* of another length */
		{ 176, EB_BASE + 0x3000 }, /* text behind etext */
		{ 208, 0 }, /* no data */
		{ 224, UINT64_MAX }, /* bss behind its end */
		{ 160, EB_BASE + EB_TEXT - 8 }, /* minpc before text */
	};
	bool is_found;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct elfbuild b = eb_usual(PCLNTAB_1_20);

		eb_build(&b);
		eb_put64(&b, EB_MODULE + cases[i].off, cases[i].value);
		(void)module_of(&b, &is_found);
		assert_false(is_found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_other_pointers),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
