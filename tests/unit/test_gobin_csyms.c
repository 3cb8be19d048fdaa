/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gobin/csyms.h"
#include "unit/cobject.h"

static int read_object(struct cobject *o, struct csyms **ret)
{
	struct elf *e = NULL;
	int fd = co_file(o), err = elf_new(fd, &e);

	assert_int_equal(err, 0);
	err = csyms_read(e, ret);
	elf_free(e);
	close(fd);
	return err;
}

static void functions_are_found_by_name_and_address(_unused_ void **state)
{
	static struct cobject o;
	struct csyms *s = NULL;

	co_init(&o);
	co_symbol(&o, true, "malloc", 0x1100, 0x40);
	co_symbol(&o, false, "int_malloc", 0x1200, 0);
	co_symbol(&o, false, "malloc", 0x1300, 0x10);
	co_symbol(&o, true, "alias", 0x1200, 0);
	assert_int_equal(read_object(&o, &s), 0);
	assert_int_equal(csyms_count(s), 4);
	assert_int_equal(csyms_find(s, "malloc")->va, 0x1100);
	assert_true(csyms_find(s, "malloc")->is_exported);
	assert_false(csyms_find(s, "int_malloc")->is_exported);
	assert_null(csyms_find(s, "free"));
	assert_null(csyms_at(s, 0x10ff));
	assert_string_equal(csyms_at(s, 0x1100)->name, "malloc");
	assert_string_equal(csyms_at(s, 0x113f)->name, "malloc");
	assert_null(csyms_at(s, 0x1140));
	/* Of two names the exported one; without a size it reaches to the next. */
	assert_string_equal(csyms_at(s, 0x12ff)->name, "alias");
	assert_string_equal(csyms_at(s, 0x130f)->name, "malloc");
	assert_null(csyms_at(s, 0x1310));
	assert_int_equal(csyms_next(s, 0), 0x1100);
	assert_int_equal(csyms_next(s, 0x1100), 0x1200);
	assert_true(csyms_next(s, 0x1300) == UINT64_MAX);
	csyms_free(s);
}

/* Imports, data, names outside the table: each is left out alone. */
static void what_makes_no_sense_is_left_out(_unused_ void **state)
{
	static struct cobject o;
	struct csyms *s = NULL;
	Elf64_Sym *syms = (void *)(o.data + CO_SYMS);

	co_init(&o);
	for (size_t i = 0; i < 5; i++)
		co_symbol(&o, true, "f", 0x1100 + 16 * i, 16);
	syms[1].st_shndx = SHN_UNDEF;
	syms[2].st_name = 0x7fffffff;
	syms[3].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
	syms[4].st_value = 0;
	assert_int_equal(read_object(&o, &s), 0);
	assert_int_equal(csyms_count(s), 1);
	assert_int_equal(csyms_find(s, "f")->va, 0x1140);
	csyms_free(s);
}

static void an_object_may_name_nothing(_unused_ void **state)
{
	static struct cobject o;
	struct csyms *s = NULL;

	co_init(&o);
	((Elf64_Ehdr *)o.data)->e_shnum = 0;
	assert_int_equal(read_object(&o, &s), 0);
	assert_int_equal(csyms_count(s), 0);
	assert_null(csyms_find(s, "malloc"));
	assert_null(csyms_at(s, 0x1100));
	csyms_free(s);
	csyms_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_found_by_name_and_address),
		cmocka_unit_test(what_makes_no_sense_is_left_out),
		cmocka_unit_test(an_object_may_name_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
