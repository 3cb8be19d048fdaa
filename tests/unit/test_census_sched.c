/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "census/sched.h"
#include "fakemem.h"

#define SCHED 0x5000u
#define ALLP  0x6000u

static const struct offsets offsets = { .sched_goidgen = 16 };

struct world {
	struct fakemem fm;
	uint64_t sched[4], allp[3];
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->sched[2] = 4711;
	w->allp[1] = 8;
	fakemem_add(&w->fm, SCHED, w->sched, sizeof(w->sched));
	fakemem_add(&w->fm, ALLP, w->allp, sizeof(w->allp));
}

static struct sched read_it(struct world *w, const struct sched_source *src)
{
	struct mem m = fakemem_open(&w->fm, 1 << 20);
	struct sched s;

	sched_source_read(&m, src, &s);
	return s;
}

static void test_numbers(void **state)
{
	struct sched_source src = { SCHED, ALLP, &offsets };
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(read_it(&w, &src).goids, 4711);
	assert_int_equal(read_it(&w, &src).procs, 8);
}

static void test_what_is_not_known(void **state)
{
	const struct offsets none = { .sched_goidgen = OFFSET_NONE };
	struct sched_source src = { SCHED, ALLP, &none };
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(read_it(&w, &src).goids, -1);
	assert_int_equal(read_it(&w, &src).procs, 8);
	src = (struct sched_source){ 0, 0, &offsets };
	assert_int_equal(read_it(&w, &src).goids, -1);
	assert_int_equal(read_it(&w, &src).procs, -1);
	/* facts that are not to be had at all */
	src.offsets = NULL;
	assert_int_equal(read_it(&w, &src).goids, -1);
}

static void test_nonsense(void **state)
{
	struct sched_source src = { SCHED, ALLP, &offsets };
	struct world w;

	(void)state;
	world_init(&w);
	w.sched[2] = UINT64_MAX;
	w.allp[1] = 1 << 20;
	assert_int_equal(read_it(&w, &src).goids, -1);
	assert_int_equal(read_it(&w, &src).procs, -1);
	src.sched = src.allp = 0x900000; /* no memory there */
	assert_int_equal(read_it(&w, &src).goids, -1);
	assert_int_equal(read_it(&w, &src).procs, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_is_not_known),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
