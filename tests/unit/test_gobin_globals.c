/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codeimage.h"
#include "gobin/globals.h"

/* Where the test's globals lie in data. */
#define ALLGS	     0x200
#define MBUCKETS     0x240
#define ALLP	     0x260
#define RATE	     0x290
#define REASONS	     0x300
#define SCHED	     0x1000
#define MHEAP	     0x2000
#define GCCONTROLLER 0x3000
#define MEMSTATS     0x4000

/* mov data(%rip),%rax; mov data(%rip),%ecx; lea data(%rip),%rax; call method */
#define LOAD(off)      "48 8b 05 @+" off ";"
#define LOAD32(off)    "8b 0d @+" off ";"
#define LEA(off)       "48 8d 05 @+" off ";"
#define CALL(on, name) LEA(on) "e8 @runtime.(*" name ";"
#define PAUSES	       LOAD("4010") LOAD("4018") LOAD("4020") LOAD("4028") LOAD("4030")
#define NUMGC	       LOAD32("4038") LOAD32("403c") LOAD("4040")
#define TWO_SLICES     LOAD("260") LOAD("268") LOAD("270") LOAD("280") LOAD("288") LOAD("290")
#define SCHEDTRACE \
	LOAD("1018") LOAD32("1020") LOAD32("1024") LOAD("1028") LOAD32("1030") LOAD32("1034")

/*
 * newproc1(fn, callergp, callerpc): spills callerpc over a call; then g.gopc, g.startpc and
 * g.goid (of pp in rsi) are stored to newg in rdi.
 */
#define NEWPROC1(gopc)                                             \
	"48 89 4c 24 18 48 89 44 24 08 e8 @runtime.nothing;"       \
	"48 8b 4c 24 18 48 89 4f " gopc " 48 8b 54 24 08 48 8b 12" \
	"48 89 57 48 48 8b 8e 80 01 00 00 48 89 4f 10"             \
	"48 ff 86 80 01 00 00 c3"
/* gopark: mov %cl,0x18(%rdx) behind a write barrier */
#define GOPARK "e8 @runtime.gcWriteBarrier2; 88 4a 18 c3"
/* resetLive: mov %rbx,0x58(%rax) */
#define RESETLIVE "48 89 58 58 c3"

#define COMMON                                                                                    \
	{ "runtime.nothing", "c3" }, { "runtime.gcWriteBarrier2", "c3" },                         \
		{ "runtime.(*mheap).grow", "c3" },                                                \
		{ "runtime.(*gcControllerState).update", "c3" },                                  \
		{ "runtime.(*gcControllerState).resetLive", RESETLIVE },                          \
		{ "runtime.gopark", GOPARK },                                                     \
		{ "runtime.allgadd",                                                              \
		  LOAD("200") LOAD("208") LOAD("210") LOAD("220") LOAD32("400") "c3" },           \
		{ "runtime.mProf_FlushLocked", LOAD32("230") LOAD("240") LOAD("250") "c3" },      \
		{ "runtime.preemptall", LOAD("260") LOAD("268") LOAD("280") LOAD32("288") "c3" }, \
		{ "runtime.procresize",                                                           \
		  LOAD("260") LOAD("268") LOAD("270") LOAD("280") LOAD("288") LOAD("290") "c3" }, \
		{ "runtime.profilealloc", LEA("2a0") LOAD("290") LOAD32("298") "c3" },            \
		{ "runtime.allocmcache", LOAD("2a0") LOAD("290") LOAD("298") "c3" },              \
		{ "runtime.waitReason.String", "3c 03 73 07" LEA("300") "c3" },                   \
		{ "runtime.gcMarkTermination", PAUSES NUMGC "c3" },                               \
		{ "runtime.caller",                                                               \
		  CALL("2000", "mheap).grow") CALL("2000", "mheap).grow")                         \
			  CALL("2000", "mheap).grow") CALL("2800", "mheap).grow") "c3" },         \
	{                                                                                         \
		"runtime.other", CALL("3000", "gcControllerState).update")                        \
					 CALL("3000", "gcControllerState).update")                \
						 CALL("3000", "gcControllerState).update") "c3"   \
	}

static struct offsets sample_offsets(void)
{
	struct offsets o;

	memset(&o, 0xff, sizeof(o)); /* OFFSET_NONE */
	o.mst_last_gc_unix = 0x10;
	o.mst_last_gc_nanotime = 0x18;
	o.mst_pause_total_ns = 0x20;
	o.mst_pause_ns = 0x28;
	o.mst_pause_end = 0x30;
	o.mst_numgc = 0x38;
	o.mst_numforcedgc = 0x3c;
	o.mst_gc_cpu_fraction = 0x40;
	o.sched_lock = 0x18;
	o.sched_nmidle = 0x20;
	o.sched_npidle = 0x24;
	o.sched_mnext = 0x28;
	o.sched_nmspinning = 0x30;
	o.sched_runqsize = 0x34;
	o.g_goid = 0x10;
	o.g_waitreason = 0x18;
	o.g_gopc = 0x40;
	o.g_startpc = 0x48;
	o.p_goidcache = 0x180;
	o.gcc_heapmarked = 0x58;
	return o;
}

static struct codeimage image;

static void find(const struct ci_func *f, size_t n, const struct offsets *o, struct globals *ret)
{
	const struct goversion v = { .major = 1, .minor = 22 };

	ci_open(&image, f, n);
	assert_int_equal(globals_find(image.elf, image.tab, &image.md, &v, o, ret), 0);
}

static void assert_global(const struct globals *g, enum global i, uint64_t off, int score, int of)
{
	if (!g->global[i].va)
		fail_msg("%s: %s", global_name(i), g->global[i].why);
	assert_int_equal(g->global[i].va - ci_data_va(), off);
	assert_int_equal(g->global[i].score, score);
	assert_int_equal(g->global[i].of, of);
}

static void reason_put(size_t i, uint64_t text, const char *s)
{
	size_t off = CI_DATA + REASONS + 16 * i;

	ci_put(&image, off, CI_BASE + text, 8);
	ci_put(&image, off + 8, strlen(s), 8);
	memcpy(image.data + text, s, strlen(s));
}

static void test_all(void **state)
{
	static const struct ci_func f[] = { { "runtime.newproc1", NEWPROC1("40") },
					    { "runtime.schedtrace", SCHEDTRACE "c3" },
					    COMMON };
	const struct offsets o = sample_offsets();
	char names[4][GLOBAL_REASON_MAX];
	struct globals g;

	(void)state;
	memset(&image, 0, sizeof(image));
	reason_put(0, 0x7f00, "");
	reason_put(1, 0x7f10, "chan receive");
	reason_put(2, 0x7f20, "bad\x1bname");
	find(f, ARRAY_SIZE(f), &o, &g);
	assert_global(&g, GLOBAL_ALLGS, ALLGS, 3, 3);
	assert_global(&g, GLOBAL_MBUCKETS, MBUCKETS, 1, 1);
	assert_global(&g, GLOBAL_WAITREASONSTRINGS, REASONS, 1, 1);
	assert_global(&g, GLOBAL_ALLP, ALLP, 5, 5);
	assert_global(&g, GLOBAL_MEMPROFILERATE, RATE, 2, 2);
	assert_global(&g, GLOBAL_MEMSTATS, MEMSTATS, 8, 8);
	assert_global(&g, GLOBAL_SCHED, SCHED, 6, 6);
	assert_global(&g, GLOBAL_MHEAP, MHEAP, 3, 4);
	assert_int_equal(g.global[GLOBAL_MHEAP].second, 1);
	assert_global(&g, GLOBAL_GCCONTROLLER, GCCONTROLLER, 3, 3);
	assert_true(g.offsets_hold);

	assert_int_equal(globals_wait_reasons(image.elf, &g, names, ARRAY_SIZE(names)), 3);
	assert_string_equal(names[0], "");
	assert_string_equal(names[1], "chan receive");
	assert_string_equal(names[2], "bad?name");
	assert_int_equal(globals_wait_reasons(image.elf, &g, names, 2), 2);
	ci_close(&image);
}

/* Offsets of another version: each part of the proof alone must refuse them. */
static void test_other_version(void **state)
{
	static const struct ci_func f[] = { { "runtime.newproc1", NEWPROC1("40") },
					    { "runtime.schedtrace", SCHEDTRACE "c3" },
					    COMMON };
	const struct offsets good = sample_offsets();
	const size_t wrong[] = {
		offsetof(struct offsets, g_gopc),	  offsetof(struct offsets, g_startpc),
		offsetof(struct offsets, g_goid),	  offsetof(struct offsets, g_waitreason),
		offsetof(struct offsets, p_goidcache),	  offsetof(struct offsets, gcc_heapmarked),
		offsetof(struct offsets, sched_runqsize), offsetof(struct offsets, mst_numgc),
		offsetof(struct offsets, mst_pause_end),
	};
	struct globals g;

	(void)state;
	memset(&image, 0, sizeof(image));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct offsets o = good;
		uint32_t value;

		memcpy(&value, (char *)&o + wrong[i], sizeof(value));
		value += 0x100;
		memcpy((char *)&o + wrong[i], &value, sizeof(value));
		find(f, ARRAY_SIZE(f), &o, &g);
		if (g.offsets_hold)
			fail_msg("field at %zu was not checked", wrong[i]);
		ci_close(&image);
	}
	/* A field that this layout does not have, the parent's goid, cannot be confirmed. */
	struct offsets o = good;

	o.g_parent_goid = 0x50;
	find(f, ARRAY_SIZE(f), &o, &g);
	assert_false(g.offsets_hold);
	ci_close(&image);
}

static void test_absent(void **state)
{
	static const struct ci_func f[] = {
		{ "runtime.allgadd", LOAD("200") LOAD("208") "c3" },
		{ "runtime.waitReason.String", LEA("300") LEA("310") "c3" },
		{ "runtime.preemptall", LOAD("260") LOAD("268") LOAD("280") LOAD("288") "c3" },
		{ "runtime.procresize", TWO_SLICES "c3" },
		{ "runtime.profilealloc", LOAD("290") "c3" },
		{ "runtime.allocmcache", LOAD("298") "c3" }
	};
	const struct offsets o = sample_offsets();
	char names[1][GLOBAL_REASON_MAX];
	struct globals g;

	(void)state;
	memset(&image, 0, sizeof(image));
	find(f, ARRAY_SIZE(f), &o, &g);
	for (int i = 0; i < GLOBAL_MAX; i++) {
		assert_int_equal(g.global[i].va, 0);
		assert_string_not_equal(g.global[i].why, "");
	}
	assert_false(g.offsets_hold);
	assert_int_equal(globals_wait_reasons(image.elf, &g, names, 1), -ENOENT);
	ci_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
