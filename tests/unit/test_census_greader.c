/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "census/greader.h"
#include "census_world.h"

/* Reads n gs, of which slots[i].addr says where they are. */
static void read_slots(struct greader_slot *slots, size_t n, bool with_regs, uint64_t goidgen)
{
	struct mem m = fakemem_open(&cw->fm, 1 << 20);
	struct greader_slot *at[CW_MAX];
	struct greader *r;

	for (size_t i = 0; i < n; i++)
		at[i] = &slots[i];
	assert_int_equal(greader_new(&cw_offsets, with_regs, &r), 0);
	greader_bound_goids(r, goidgen);
	assert_int_equal(greader_read(r, &m, at, n), 0);
	greader_free(r);
}

static void registers(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct greader_slot s[3] = { { .addr = cw_g(0) },
				     { .addr = cw_g(1) },
				     { .addr = cw_g(2) } };

	(void)state;
	cw_init(&w, 3);
	cw_put(0, cw_offsets.g_sched_pc, 0x1111, 8);
	cw_put(0, cw_offsets.g_syscallpc, 0x2222, 8);
	cw_put(0, cw_offsets.g_syscallsp, 0x3333, 8);
	cw_put(0, cw_offsets.g_trackingseq, 255, 1);
	cw_put(0, cw_offsets.g_waiting, 0x4444, 8);
	cw_put(1, cw_offsets.g_atomicstatus, WALK_SYSCALL | 0x1000, 4);
	cw_put(1, cw_offsets.g_syscallsp, 0x5555, 8);
	cw_put(1, cw_offsets.g_syscallpc, 0x6666, 8);
	cw_put(1, cw_offsets.g_syscallbp, 0x7777, 8);
	/* In a system call, and says not where. */
	cw_put(2, cw_offsets.g_atomicstatus, WALK_SYSCALL, 4);
	cw_put(2, cw_offsets.g_sched_pc, 0x8888, 8);
	read_slots(s, 3, true, 0);
	assert_int_equal(s[0].verdict, GREADER_LIVE);
	assert_int_equal(s[0].regs.pc, 0x1111);
	assert_int_equal(s[0].regs.seq, 255);
	assert_int_equal(s[0].g.tracking_seq, 255);
	assert_int_equal(s[0].regs.waiting, 0x4444);
	assert_true(s[0].regs.stack_hi == cw_hi(0));
	assert_int_equal(s[1].g.status, WALK_SYSCALL);
	assert_int_equal(s[1].regs.sp, 0x5555);
	assert_int_equal(s[1].regs.pc, 0x6666);
	assert_int_equal(s[1].regs.bp, 0x7777);
	assert_int_equal(s[2].regs.pc, 0x8888);
}

static void verdicts(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct greader_slot s[8] = { 0 };

	(void)state;
	cw_init(&w, 8);
	for (size_t i = 0; i < 8; i++)
		s[i].addr = cw_g(i);
	cw_put(1, cw_offsets.g_atomicstatus, WALK_DEAD, 4);
	cw_put(2, cw_offsets.g_atomicstatus, 5, 4);
	cw_put(3, cw_offsets.g_goid, 0, 8);
	cw_put(4, cw_offsets.g_goid, 1001, 8);
	s[5].addr = cw_g(CW_MAX);
	s[6].addr = 12;
	read_slots(s, 8, false, CW_SCHED);
	assert_int_equal(s[0].verdict, GREADER_LIVE);
	assert_int_equal(s[1].verdict, GREADER_DEAD);
	assert_int_equal(s[2].verdict, GREADER_ODD);
	assert_int_equal(s[3].verdict, GREADER_ODD);
	assert_int_equal(s[4].verdict, GREADER_ODD);
	assert_int_equal(s[5].verdict, GREADER_UNREAD);
	assert_int_equal(s[6].verdict, GREADER_UNREAD);
	assert_int_equal(s[7].verdict, GREADER_LIVE);
	/* A bound that cannot be read is none. */
	read_slots(s, 8, false, 0x99999);
	assert_int_equal(s[4].verdict, GREADER_LIVE);
}

/* One field of each is odd in turn. */
static void offsets_that_are_refused(void **state)
{
	static const uint32_t bad[] = { OFFSET_NONE, UINT32_MAX - 4, UINT32_MAX / 2, 5000 };
	struct greader *r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct offsets o = cw_offsets;

		o.g_startpc = bad[i];
		assert_int_equal(greader_new(&o, false, &r), -ENOENT);
		o = cw_offsets;
		o.g_syscallsp = bad[i];
		assert_int_equal(greader_new(&o, true, &r), -ENOENT);
		assert_int_equal(greader_new(&o, false, &r), 0);
		greader_free(r);
	}
	greader_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(offsets_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
