/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gobin/offsets.h"

static int from_table(int minor, enum elf_machine machine, struct offsets *o,
		      enum offsets_source *source)
{
	struct goversion v = { .major = 1, .minor = (uint16_t)minor, .is_exact = true };

	return offsets_from_table(&v, machine, o, source);
}

/* Facts of the releases' own runtime/runtime2.go, mstats.go and mgcpacer.go, from their DWARF. */
static void test_known(void **state)
{
	enum offsets_source source;
	struct offsets o;

	(void)state;
	assert_int_equal(from_table(15, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(source, OFFSETS_TABLE);
	assert_int_equal(o.g_goid, 152);
	assert_int_equal(o.g_startpc, 296);
	assert_int_equal(o.g_parent_goid, OFFSET_NONE);
	assert_int_equal(o.mst_heap_live, 5968);
	assert_int_equal(o.mst_gcmiscsys, 152); /* gc_sys */
	assert_int_equal(o.hsd_size, OFFSET_NONE);

	assert_int_equal(from_table(19, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(o.g_gopc, 296);
	assert_int_equal(o.gcc_heapmarked, 184);

	assert_int_equal(from_table(23, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(o.g_goid, 160);
	assert_int_equal(o.g_syscallbp, 128);
	assert_int_equal(o.sudog_c, 80);
	assert_int_equal(o.g_waiting, 320);

	assert_int_equal(from_table(27, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(source, OFFSETS_TABLE);
	assert_int_equal(o.g_parent_goid, 280);
	assert_int_equal(o.sched_runqsize, 144); /* runq.size */
	assert_int_equal(o.p_size, 15920);
	assert_int_equal(o.sudog_c, 96); /* c.maybeTraceablePtr.vu */
	assert_int_equal(from_table(27, ELF_MACHINE_ARM64, &o, &source), 0);
	assert_int_equal(o.p_size, 14320);
}

static void test_nearest(void **state)
{
	struct offsets o, neighbour;
	enum offsets_source source;

	(void)state;
	/* 1.18: g of 1.19, the pacer and the statistics of its own. */
	assert_int_equal(from_table(18, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(source, OFFSETS_NEAREST);
	assert_int_equal(o.g_gopc, 296);
	assert_int_equal(o.gcc_heapmarked, 168);
	assert_int_equal(o.gcc_heapinuse, OFFSET_NONE);
	assert_int_equal(o.mst_numgc, 4280);
	assert_int_equal(o.p_timers, 8832);
	assert_int_equal(o.mst_heap_live, OFFSET_NONE);
	/* 1.20: g of 1.19, the rest of 1.21, gcControllerState 24 bytes lower. */
	assert_int_equal(from_table(20, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(source, OFFSETS_NEAREST);
	assert_int_equal(o.g_gopc, 296);
	assert_int_equal(o.g_parent_goid, OFFSET_NONE);
	assert_int_equal(o.sched_runqsize, 120);
	assert_int_equal(o.p_timers, 8832);
	assert_int_equal(o.gcc_heapgoal, 48);
	assert_int_equal(o.gcc_memorylimit, 8);
	assert_int_equal(o.gcc_heapmarked, 128);
	assert_int_equal(o.gcc_heapinuse, 248);
	assert_int_equal(from_table(15, ELF_MACHINE_AMD64, &neighbour, &source), 0);
	assert_int_equal(from_table(17, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(source, OFFSETS_NEAREST);
	assert_memory_equal(&o, &neighbour, sizeof(o));
	assert_int_equal(from_table(29, ELF_MACHINE_AMD64, &o, &source), 0);
	assert_int_equal(source, OFFSETS_NEAREST);
	assert_int_equal(o.g_parent_goid, 280);
}

static void test_refused(void **state)
{
	struct goversion v = { .major = 2, .minor = 22 };
	enum offsets_source source = OFFSETS_DWARF;
	struct offsets o = { .g_goid = 7 };

	(void)state;
	assert_int_equal(from_table(14, ELF_MACHINE_AMD64, &o, &source), -ENOENT);
	assert_int_equal(from_table(30, ELF_MACHINE_AMD64, &o, &source), -ENOENT);
	assert_int_equal(from_table(65535, ELF_MACHINE_AMD64, &o, &source), -ENOENT);
	assert_int_equal(from_table(22, ELF_MACHINE_OTHER, &o, &source), -ENOENT);
	assert_int_equal(offsets_from_table(&v, ELF_MACHINE_AMD64, &o, &source), -ENOENT);
	assert_int_equal(o.g_goid, 7);
	assert_int_equal(source, OFFSETS_DWARF);
}

static void test_names(void **state)
{
	enum offsets_source source;
	bool found = false;
	struct offsets o;

	(void)state;
	assert_int_equal(from_table(22, ELF_MACHINE_AMD64, &o, &source), 0);
	for (size_t i = 0; i < offsets_count(); i++) {
		if (!strcmp(offsets_name(i), "g_gopc")) {
			assert_int_equal(offsets_value(&o, i), 280);
			found = true;
		}
	}
	assert_true(found);
	assert_string_equal(offsets_source_str(OFFSETS_NEAREST), "nearest");
	assert_string_equal(offsets_source_str(OFFSETS_UNKNOWN), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
