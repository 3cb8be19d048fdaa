/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics in a fake memory, laid out as Go 1.26 and Go 1.15 do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "census/account.h"
#include "fakemem.h"

#define GCC   0x100000u
#define MST   0x200000u
#define SCHED 0x300000u
#define ALLGS 0x400000u
#define ARRAY 0x500000u
#define A_G   UINT64_C(0xc000006e00)

struct world {
	struct fakemem fm;
	uint8_t gcc[512], mst[12288], sched[64], allgs[24], array[16];
	struct offsets o;
	struct account_source src;
	struct account got;
};

static struct world w;

/* What every version of this test knows: nothing. */
static void world_clear(void)
{
	memset(&w, 0, sizeof(w));
	memset(&w.o, 0xff, sizeof(w.o)); /* OFFSET_NONE everywhere */
	w.src = (struct account_source){ GCC, MST, SCHED, &w.o, ALLGS, 26 };
	fakemem_add(&w.fm, GCC, w.gcc, sizeof(w.gcc));
	fakemem_add(&w.fm, MST, w.mst, sizeof(w.mst));
	fakemem_add(&w.fm, SCHED, w.sched, sizeof(w.sched));
	fakemem_add(&w.fm, ALLGS, w.allgs, sizeof(w.allgs));
	fakemem_add(&w.fm, ARRAY, w.array, sizeof(w.array));
}

static void put(uint64_t base, uint32_t offset, uint64_t value, size_t size)
{
	fakemem_put(&w.fm, base + offset, value, size);
}

/* The statistics' delta number i. */
static void put_delta(unsigned int i, uint32_t offset, int64_t value)
{
	put(MST, w.o.mst_heapstats + i * w.o.hsd_size + offset, (uint64_t)value, 8);
}

static void offsets_of_1_26(struct offsets *o)
{
	o->gcc_gcpercent = 0;
	o->gcc_memorylimit = 8;
	o->gcc_heapgoal = 72;
	o->gcc_sweepmin = 80;
	o->gcc_triggered = 88;
	o->gcc_heaplive = 104;
	o->gcc_heapmarked = 152;
	o->gcc_heapinuse = 272;
	o->gcc_heapreleased = 280;
	o->gcc_heapfree = 288;
	o->gcc_totalalloc = 296;
	o->gcc_totalfree = 304;
	o->gcc_mappedready = 312;
	o->mst_heapstats = 0;
	o->mst_stacks_sys = 3520;
	o->mst_mspan_sys = 3528;
	o->mst_mcache_sys = 3536;
	o->mst_buckhash_sys = 3544;
	o->mst_gcmiscsys = 3552;
	o->mst_other_sys = 3560;
	o->mst_last_gc_unix = 3568;
	o->mst_pause_total_ns = 3576;
	o->mst_pause_ns = 3584;
	o->mst_numgc = 7680;
	o->mst_numforcedgc = 7684;
	o->hsd_committed = 0;
	o->hsd_instacks = 24;
	o->hsd_largealloccount = 56;
	o->hsd_smallalloccount = 64;
	o->hsd_largefreecount = 616;
	o->hsd_smallfreecount = 624;
	o->hsd_size = 1168;
	o->sched_goidgen = 0;
}

static void world_init(void)
{
	world_clear();
	offsets_of_1_26(&w.o);
	put(GCC, 0, 200, 4);
	put(GCC, 8, INT64_MAX, 8);
	put(GCC, 72, 8 << 20, 8);
	put(GCC, 88, UINT64_MAX, 8);
	put(GCC, 104, 5000001, 8);
	put(GCC, 152, 4000003, 8);
	put(GCC, 272, 800 * 8192, 8);
	put(GCC, 280, 300 * 4096, 8);
	put(GCC, 288, 100 * 8192, 8);
	put(GCC, 296, 77777777, 8);
	put(GCC, 304, 72777777, 8);
	put(GCC, 312, 9 << 20, 8);
	put(MST, 3520, 1, 8);
	put(MST, 3528, 20, 8);
	put(MST, 3536, 300, 8);
	put(MST, 3544, 4000, 8);
	put(MST, 3552, 50000, 8);
	put(MST, 3560, 600000, 8);
	put(MST, 3568, UINT64_C(1790000000000000000), 8);
	put(MST, 3576, 123456, 8);
	put(MST, 7680, 12, 4);
	put(MST, 7684, 5, 4);
	put(SCHED, 0, 4096, 8);
	put(ALLGS, 0, ARRAY, 8);
	put(ALLGS, 8, 2, 8);
	put(ARRAY, 0, A_G, 8);
}

static int read_account(void)
{
	struct mem m = fakemem_open(&w.fm, 1 << 20);

	return account_source_read(&m, &w.src, &w.got);
}

static void numbers_come_from_their_places(void **state)
{
	(void)state;
	world_init();
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.gc_percent, 200);
	assert_true(w.got.memory_limit_bytes == INT64_MAX);
	assert_int_equal(w.got.heap_goal_bytes, 8 << 20);
	assert_int_equal(w.got.heap_live_bytes, 5000001);
	assert_int_equal(w.got.heap_marked_bytes, 4000003);
	assert_int_equal(w.got.heap_inuse_bytes, 800 * 8192);
	assert_int_equal(w.got.heap_released_bytes, 300 * 4096);
	/* free and released, as MemStats has it */
	assert_int_equal(w.got.heap_idle_bytes, 100 * 8192 + 300 * 4096);
	assert_int_equal(w.got.total_alloc_bytes, 77777777);
	assert_int_equal(w.got.last_gc_unix_ns, INT64_C(1790000000000000000));
	assert_int_equal(w.got.gc_pause_total_ns, 123456);
	assert_int_equal(w.got.gc_cycles, 12);
	assert_int_equal(w.got.forced_gc_cycles, 5);
	assert_int_equal(w.got.goids, 4096);
	assert_int_equal(w.got.mapped_ready_bytes, 9 << 20);
	assert_int_equal(w.got.heap_addr, A_G);
	assert_int_equal(w.got.go_minor, 26);
}

static void pauses_are_in_a_ring(void **state)
{
	(void)state;
	world_init();
	put(MST, 3584 + 3 * 8, 997, 8);
	put(MST, 3584 + 11 * 8, 331, 8);
	put(MST, 3584 + 12 * 8, 5, 8); /* what cycle 13 will overwrite */
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.gc_pause_last_ns, 331); /* of cycle 12, counted from 1 */
	assert_int_equal(w.got.gc_pause_max_ns, 997);
	/* Once around: cycle 257 is where cycle 1 was. */
	put(MST, 7680, 257, 4);
	put(MST, 3584, 77, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.gc_pause_last_ns, 77);
	put(MST, 7680, 0, 4);
	put(MST, 7684, 0, 4);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.gc_pause_last_ns, -1);
	assert_int_equal(w.got.gc_pause_max_ns, -1);
}

/*
 * runtime/mgcpacer.go, heapGoalInternal and memoryLimitHeapGoal: free 819,200, objects
 * 5,000,000, mapped and ready 9 MiB: 3,617,984 bytes are neither.
 */
#define NOT_HEAP (INT64_C(9437184) - 819200 - 5000000)

static void goal_heeds_the_memory_limit(void **state)
{
	static const struct {
		int64_t limit, goal;
		unsigned int minor;
	} goals[] = {
		{ INT64_MAX, 8 << 20, 26 },
		{ 64 << 20, 8 << 20, 26 }, /* GOGC comes first */
		/* 3 % of what is left is less than 1 MiB: that is taken off */
		{ 12 << 20, (12 << 20) - NOT_HEAP - (1 << 20), 26 },
		{ 12 << 20, (12 << 20) - NOT_HEAP - (1 << 20), 19 },
		{ 12 << 20, -1, 20 }, /* not known which rule */
		{ 12 << 20, -1, 0 },
		/* 437,184 bytes over the limit count twice; what is left is below the live heap. */
		{ 9000000, 4000003, 26 },
		{ 3000000, 4000003, 26 }, /* nothing is left at all */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goals); i++) {
		world_init();
		w.src.go_minor = goals[i].minor;
		put(GCC, 8, (uint64_t)goals[i].limit, 8);
		assert_int_equal(read_account(), 0);
		assert_int_equal(w.got.heap_goal_bytes, goals[i].goal);
	}
}

static void goal_of_nonsense_is_not_known(void **state)
{
	(void)state;
	world_init();
	put(GCC, 8, 20 << 20, 8);
	put(GCC, 296, (uint64_t)INT64_MIN, 8);
	put(GCC, 304, 7, 8);
	assert_int_equal(read_account(), -EBADMSG);
}

static void goal_with_gogc_off(void **state)
{
	const int64_t gib = 1 << 30, left = gib - NOT_HEAP;

	(void)state;
	world_init();
	put(GCC, 72, UINT64_MAX, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_goal_bytes, -1); /* none is due */
	put(GCC, 8, gib, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_goal_bytes, left - left / 100 * 3);
	w.src.go_minor = 19;
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_goal_bytes, left - (1 << 20));
	/* More heap than is mapped: caught half-way. */
	put(GCC, 312, 5 << 20, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_goal_bytes, -1);
}

static void goal_keeps_its_distance(void **state)
{
	(void)state;
	world_init();
	put(GCC, 80, 9 << 20, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_goal_bytes, 9 << 20);
	put(GCC, 88, 10 << 20, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_goal_bytes, (10 << 20) + (64 << 10));
}

static void no_heap_address_is_no_error(void **state)
{
	(void)state;
	world_init();
	put(ARRAY, 0, 0, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_addr, -1);
	put(ARRAY, 0, UINT64_C(1) << 47, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_addr, -1);
	put(ALLGS, 0, 0x900000, 8);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_addr, -1);
	w.src.allgs = 0;
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_addr, -1);
}

static void deltas_are_summed(void **state)
{
	(void)state;
	world_init();
	put_delta(0, w.o.hsd_instacks, 90 * 8192);
	put_delta(1, w.o.hsd_instacks, -40 * 8192);
	put_delta(2, w.o.hsd_instacks, 10 * 8192);
	/* The first and the last size class, in several deltas; freed in another than allocated. */
	put_delta(0, w.o.hsd_smallalloccount, 1000);
	put_delta(2, w.o.hsd_smallalloccount + 67 * 8, 500);
	put_delta(1, w.o.hsd_smallfreecount, 300);
	put_delta(2, w.o.hsd_smallfreecount + 67 * 8, 100);
	put_delta(0, w.o.hsd_largealloccount, 7);
	put_delta(1, w.o.hsd_largefreecount, 3);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.stacks_inuse_bytes, 60 * 8192);
	assert_int_equal(w.got.heap_objects, 1000 + 500 - 300 - 100 + 7 - 3);
}

static void other_memory_includes_the_collectors_spans(void **state)
{
	(void)state;
	world_init();
	put_delta(1, w.o.hsd_instacks, 60 * 8192);
	/* committed: in use 800, free 100, stacks 60, and 5 pages of work buffers */
	put_delta(0, w.o.hsd_committed, 965 * 8192);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.other_sys_bytes, 654321 + 5 * 8192);
	assert_int_equal(w.got.gc_spans_bytes, 5 * 8192);
	assert_int_equal(w.got.stacks_sys_bytes, 60 * 8192 + 1);
	/* Caught half-way: less committed than is in use. */
	put_delta(0, w.o.hsd_committed, 900 * 8192);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.other_sys_bytes, 654321);
	assert_int_equal(w.got.gc_spans_bytes, -1);
}

static void collector_that_is_off(void **state)
{
	(void)state;
	world_init();
	put(GCC, 0, UINT32_MAX, 4);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.gc_percent, -1);
}

/* Go 1.15 keeps all in memstats; heap_idle has the released pages in it, stacks are one number. */
static void old_layout(void **state)
{
	(void)state;
	world_clear();
	w.o.mst_heap_live = 5968;
	w.o.mst_heap_marked = 5984;
	w.o.mst_heap_idle = 64;
	w.o.mst_heap_inuse = 72;
	w.o.mst_heap_released = 80;
	w.o.mst_stacks_inuse = 96;
	w.o.mst_numgc = 4288;
	put(MST, 5968, 111, 8);
	put(MST, 5984, 99, 8);
	put(MST, 64, 50 * 8192, 8);
	put(MST, 72, 20 * 8192, 8);
	put(MST, 80, 30 * 8192, 8);
	put(MST, 96, 4 * 8192, 8);
	put(MST, 4288, 3, 4);
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_live_bytes, 111);
	assert_int_equal(w.got.heap_marked_bytes, 99);
	assert_int_equal(w.got.heap_idle_bytes, 50 * 8192);
	assert_int_equal(w.got.heap_inuse_bytes, 20 * 8192);
	assert_int_equal(w.got.heap_released_bytes, 30 * 8192);
	assert_int_equal(w.got.stacks_inuse_bytes, 4 * 8192);
	assert_int_equal(w.got.gc_cycles, 3);
	assert_int_equal(w.got.forced_gc_cycles, -1);
	assert_int_equal(w.got.heap_objects, -1);
	assert_int_equal(w.got.other_sys_bytes, -1);
	assert_int_equal(w.got.memory_limit_bytes, -1);
	assert_int_equal(w.got.goids, -1);
}

static void globals_that_are_not_known_leave_gaps(void **state)
{
	(void)state;
	world_init();
	w.src.gccontroller = w.src.sched = 0;
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.heap_inuse_bytes, -1);
	assert_int_equal(w.got.heap_idle_bytes, -1);
	assert_int_equal(w.got.goids, -1);
	assert_int_equal(w.got.gc_cycles, 12);
	w.src.memstats = 0;
	assert_int_equal(read_account(), -ENOENT);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		uint64_t addr, value;
		size_t size;
	} forged[] = {
		{ GCC + 272, 8191, 8 }, /* in use: no whole pages */
		{ GCC + 272, UINT64_C(1) << 47, 8 }, /* more than there can be */
		{ GCC + 272, UINT64_MAX - 8191, 8 }, /* negative */
		{ GCC + 280, 4095, 8 }, /* released */
		{ GCC + 288, 4097, 8 }, /* free */
		{ GCC + 104, 0xc000123456789abc, 8 }, /* live */
		{ GCC + 152, 0x8000000000000000, 8 }, /* marked */
		{ GCC + 296, 0x8000000000000000, 8 }, /* allocated */
		{ GCC + 312, 0x8000000000000000, 8 }, /* mapped and ready */
		{ MST + 24, 4097, 8 }, /* stacks */
		{ MST + 624, 1000, 8 }, /* more freed than allocated */
		{ MST + 7684, 13, 4 }, /* more forced cycles than cycles */
		{ SCHED, 0x8000000000000000, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		world_init();
		put(forged[i].addr, 0, forged[i].value, forged[i].size);
		w.got.gc_cycles = 4711;
		assert_int_equal(read_account(), -EBADMSG);
		assert_int_equal(w.got.gc_cycles, 4711);
	}
}

static void settle_stacks(struct fakemem *fm)
{
	/* Each attempt is one call. */
	if (fm->calls == 1)
		put_delta(0, w.o.hsd_instacks, 8192);
}

static void moment_between_two_deltas_passes(void **state)
{
	(void)state;
	world_init();
	put_delta(0, w.o.hsd_instacks, -8192);
	w.fm.before_call = settle_stacks;
	assert_int_equal(read_account(), 0);
	assert_int_equal(w.got.stacks_inuse_bytes, 8192);
	assert_int_equal(w.fm.calls, 2 + 1); /* and once the goroutines' array */
}

static void odd_delta_layouts_are_not_used(void **state)
{
	static const struct {
		uint32_t size, allocs, frees;
	} odd[] = {
		{ 1u << 20, 64, 624 }, { 1168, 64, 1168 },
		{ 1168, 1000, 624 },   { 1168, 64, 0 },
		{ 0, 64, 624 },	       { OFFSET_NONE, 64, 624 },
		{ 4096, 8, 16 },       { 1168, OFFSET_NONE, 624 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		world_init();
		w.o.hsd_size = odd[i].size;
		w.o.hsd_smallalloccount = odd[i].allocs;
		w.o.hsd_smallfreecount = odd[i].frees;
		assert_int_equal(read_account(), 0);
		assert_int_equal(w.got.heap_objects, -1);
		assert_int_equal(w.got.stacks_inuse_bytes, -1);
	}
}

static void unreadable_memory_is_an_error(void **state)
{
	(void)state;
	world_init();
	w.src.memstats = 0x900000;
	assert_int_equal(read_account(), -EFAULT);
	w.fm.err = -ESRCH;
	assert_int_equal(read_account(), -ESRCH);
}

static void clear_knows_nothing(void **state)
{
	struct account a;
	const int64_t *fields = (const int64_t *)&a;

	(void)state;
	memset(&a, 0, sizeof(a));
	account_clear(&a);
	for (size_t i = 0; i < sizeof(a) / sizeof(*fields); i++)
		assert_int_equal(fields[i], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_from_their_places),
		cmocka_unit_test(pauses_are_in_a_ring),
		cmocka_unit_test(goal_heeds_the_memory_limit),
		cmocka_unit_test(goal_of_nonsense_is_not_known),
		cmocka_unit_test(goal_with_gogc_off),
		cmocka_unit_test(goal_keeps_its_distance),
		cmocka_unit_test(no_heap_address_is_no_error),
		cmocka_unit_test(deltas_are_summed),
		cmocka_unit_test(other_memory_includes_the_collectors_spans),
		cmocka_unit_test(collector_that_is_off),
		cmocka_unit_test(old_layout),
		cmocka_unit_test(globals_that_are_not_known_leave_gaps),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(moment_between_two_deltas_passes),
		cmocka_unit_test(odd_delta_layouts_are_not_used),
		cmocka_unit_test(unreadable_memory_is_an_error),
		cmocka_unit_test(clear_knows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
