/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "census/linkmap.h"
#include "unit/fakemem.h"

#define DYNAMIC 0x400000
#define DEBUG	0x500000
#define MAPS	0x600000

struct world {
	Elf64_Dyn dyn[4];
	uint64_t debug[2];
	uint64_t maps[3][4]; /* bias, name, dynamic, next */
	struct fakemem fm;
	struct mem mem;
};

static void world_make(struct world *w)
{
	*w = (struct world){
		.dyn = { { .d_tag = DT_NEEDED }, { .d_tag = DT_DEBUG, .d_un.d_ptr = DEBUG } },
		.debug = { 1, MAPS },
		.maps = { { 0, 0, 0, MAPS + 32 }, { 0x7f01000, 0, 0, MAPS + 64 }, { 0x7f02000 } },
	};
	fakemem_add(&w->fm, DYNAMIC, w->dyn, sizeof(w->dyn));
	fakemem_add(&w->fm, DEBUG, w->debug, sizeof(w->debug));
	fakemem_add(&w->fm, MAPS, w->maps, sizeof(w->maps));
	w->mem = (struct mem){ .read_many = fakemem_read_many,
			       .arg = &w->fm,
			       .budget_bytes = 1 << 20 };
}

static void objects_come_in_link_order(_unused_ void **state)
{
	struct world w;
	uint64_t biases[4];
	size_t n = 0;

	world_make(&w);
	assert_int_equal(linkmap_read(&w.mem, DYNAMIC, biases, 4, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(biases[0], 0);
	assert_int_equal(biases[1], 0x7f01000);
	assert_int_equal(biases[2], 0x7f02000);
	assert_int_equal(linkmap_read(&w.mem, DYNAMIC, biases, 2, &n), 0);
	assert_int_equal(n, 2);
}

static void a_list_that_leads_nowhere_ends(_unused_ void **state)
{
	struct world w;
	uint64_t biases[LINKMAP_MAX];
	size_t n = 0;

	world_make(&w);
	w.maps[2][3] = MAPS; /* a ring */
	assert_int_equal(linkmap_read(&w.mem, DYNAMIC, biases, LINKMAP_MAX, &n), 0);
	assert_int_equal(n, LINKMAP_MAX);
	w.maps[2][3] = 0x900000;
	assert_int_equal(linkmap_read(&w.mem, DYNAMIC, biases, LINKMAP_MAX, &n), -EFAULT);
	w.debug[1] = 0;
	assert_int_equal(linkmap_read(&w.mem, DYNAMIC, biases, LINKMAP_MAX, &n), -ENOENT);
	w.dyn[1].d_tag = DT_NULL;
	assert_int_equal(linkmap_read(&w.mem, DYNAMIC, biases, LINKMAP_MAX, &n), -ENOENT);
	assert_int_equal(linkmap_read(&w.mem, 0x900000, biases, LINKMAP_MAX, &n), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_come_in_link_order),
		cmocka_unit_test(a_list_that_leads_nowhere_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
