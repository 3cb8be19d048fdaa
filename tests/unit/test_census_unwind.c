/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of calls, right and forged, from the bytes of a stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "census_world.h"

#define A (CW_CODE + 0x1010)
#define B (CW_CODE + 0x2010)
#define C (CW_CODE + 0x3010)

static const struct unwind_code code = { cw_lookup, NULL };

struct found {
	uint64_t pcs[STACKS_DEPTH_MAX];
	uint32_t n;
};

/* What there is of goroutine 0's stack, with at most size bytes read of it. */
static enum unwind_end look(struct found *f, size_t size, bool is_all)
{
	struct unwind_start at;
	struct unwind_bytes bytes;

	memcpy(&at.sp, cw->gs + cw_offsets.g_sched_sp, 8);
	memcpy(&at.pc, cw->gs + cw_offsets.g_sched_pc, 8);
	memcpy(&at.bp, cw->gs + cw_offsets.g_sched_bp, 8);
	bytes = (struct unwind_bytes){
		.data = fakemem_at(&cw->fm, at.sp, 1),
		.size = MIN((size_t)(cw_hi(0) - at.sp), size),
		.hi = cw_hi(0),
		.is_all = is_all,
	};
	return unwind(&code, &at, &bytes, f->pcs, &f->n);
}

static void whole_chain(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	const uint64_t pcs[] = { A, B, C };
	struct found f;

	(void)state;
	cw_init(&w, 1);
	cw_stop(0, pcs, 3);
	assert_int_equal(look(&f, 4096, false), UNWIND_WHOLE);
	assert_int_equal(f.n, 3);
	assert_memory_equal(f.pcs, pcs, sizeof(pcs));
}

/* It has run no instruction: its place is the entry itself, and its return address goexit's. */
static void fresh_goroutine(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct found f;

	(void)state;
	cw_init(&w, 1);
	fakemem_put(&w.fm, cw_hi(0) - 16, CW_TOP, 8);
	cw_put(0, cw_offsets.g_sched_sp, cw_hi(0) - 16, 8);
	cw_put(0, cw_offsets.g_sched_pc, CW_MAIN, 8);
	cw_put(0, cw_offsets.g_sched_bp, 0, 8);
	assert_int_equal(look(&f, 4096, false), UNWIND_WHOLE);
	assert_int_equal(f.n, 1);
	assert_true(f.pcs[0] == CW_MAIN + 1);
}

/* What a signal stopped made no call: its pc is exact. */
static void injected_call(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	const uint64_t pcs[] = { A, CW_INJECTED + 0x10, B, C };
	struct found f;

	(void)state;
	cw_init(&w, 1);
	cw_stop(0, pcs, 4);
	assert_int_equal(look(&f, 4096, false), UNWIND_WHOLE);
	assert_int_equal(f.n, 4);
	assert_true(f.pcs[1] == pcs[1] && f.pcs[2] == B + 1 && f.pcs[3] == C);
}

static void goes_on_past_what_was_read(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	const uint64_t pcs[] = { A, B, C };
	struct found f;

	(void)state;
	cw_init(&w, 1);
	cw_stop(0, pcs, 3);
	for (size_t size = 0; size < 3 * (CW_DELTA + 8); size++) {
		assert_int_equal(look(&f, size, false), UNWIND_MORE);
		assert_int_equal(look(&f, size, true), UNWIND_DEEP);
		assert_int_equal(f.n, 1 + size / (CW_DELTA + 8));
	}
	assert_int_equal(look(&f, 3 * (CW_DELTA + 8), true), UNWIND_WHOLE);
}

static void deeper_than_is_kept(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct found f;

	(void)state;
	cw_init(&w, 1);
	cw_stop_deep(0, STACKS_DEPTH_MAX);
	assert_int_equal(look(&f, CW_STACK_SIZE, false), UNWIND_WHOLE);
	assert_int_equal(f.n, STACKS_DEPTH_MAX);
	cw_stop_deep(0, STACKS_DEPTH_MAX + 1);
	assert_int_equal(look(&f, CW_STACK_SIZE, false), UNWIND_DEEP);
	assert_int_equal(f.n, STACKS_DEPTH_MAX);
}

/* Frame pointers, where the table has nothing to say. */
static void by_frame_pointers(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	const uint64_t pcs[] = { A, CW_NO_TABLE + 0x10, B, C };
	struct found f;

	(void)state;
	cw_init(&w, 1);
	cw_stop(0, pcs, 4);
	assert_int_equal(look(&f, 4096, false), UNWIND_WHOLE);
	assert_int_equal(f.n, 4);
	assert_memory_equal(f.pcs, pcs, sizeof(pcs));
	/* Incomplete they prove nothing. */
	assert_int_equal(look(&f, 80, false), UNWIND_MORE);
	assert_int_equal(look(&f, 80, true), UNWIND_BROKEN);
	cw_put(0, cw_offsets.g_sched_bp, 0, 8);
	assert_int_equal(look(&f, 4096, false), UNWIND_BROKEN);
}

static void forged_frame_pointers(void **state)
{
	const uint64_t pcs[] = { CW_NO_TABLE + 0x10, B, C };
	_cleanup_(cw_release) struct census_world w;
	uint64_t first, forged[6];
	struct found f;

	(void)state;
	cw_init(&w, 1);
	cw_stop(0, pcs, 3);
	memcpy(&first, w.gs + cw_offsets.g_sched_bp, 8);
	forged[0] = first; /* a circle */
	forged[1] = first - 8;
	forged[2] = first + 4;
	forged[3] = UINT64_MAX - 7;
	forged[4] = cw_hi(0);
	forged[5] = cw_hi(0) - 8;
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		fakemem_put(&w.fm, first, forged[i], 8);
		assert_int_equal(look(&f, 4096, true), UNWIND_BROKEN);
	}
}

static void forged_return_addresses(void **state)
{
	static const uint64_t forged[] = { 0, 1, CW_CODE - 1, CW_CODE_END, CW_GOEXIT, UINT64_MAX };
	_cleanup_(cw_release) struct census_world w;
	const uint64_t pcs[] = { A, B, C };
	struct found f;
	uint64_t sp;

	(void)state;
	cw_init(&w, 1);
	cw_stop(0, pcs, 3);
	cw_put(0, cw_offsets.g_sched_bp, 0, 8);
	memcpy(&sp, w.gs + cw_offsets.g_sched_sp, 8);
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		fakemem_put(&w.fm, sp + CW_DELTA, forged[i], 8);
		assert_int_equal(look(&f, 4096, true), UNWIND_BROKEN);
	}
	/* The same function for ever, up to the end of the stack. */
	for (uint64_t at = sp; at < cw_hi(0); at += 8)
		fakemem_put(&w.fm, at, A, 8);
	assert_int_equal(look(&f, 4096, true), UNWIND_BROKEN);
	/* A goroutine does not begin in goexit. */
	cw_put(0, cw_offsets.g_sched_pc, CW_TOP, 8);
	assert_int_equal(look(&f, 4096, true), UNWIND_BROKEN);
}

static int huge_frames(uint64_t pc, void *arg, struct unwind_pc *ret)
{
	(void)pc;
	*ret = (struct unwind_pc){ .kind = UNWIND_CALL, .sp_delta = *(int32_t *)arg };
	return 0;
}

static void forged_frame_sizes(void **state)
{
	int32_t deltas[] = { INT32_MAX, INT32_MAX - 7, INT32_MIN, -1, 1, 12 };
	const uint64_t starts[] = { 0xc000, UINT64_MAX - 7, UINT64_MAX, 0 };
	uint8_t bytes[64] = { 0 };
	struct found f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(deltas); i++) {
		const struct unwind_code huge = { huge_frames, &deltas[i] };

		for (size_t k = 0; k < ARRAY_SIZE(starts); k++) {
			const struct unwind_start at = { .sp = starts[k], .pc = A };
			const struct unwind_bytes b = {
				.data = bytes,
				.size = sizeof(bytes),
				.hi = starts[k] + 64,
			};

			assert_int_equal(unwind(&huge, &at, &b, f.pcs, &f.n), UNWIND_BROKEN);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_chain),
		cmocka_unit_test(fresh_goroutine),
		cmocka_unit_test(injected_call),
		cmocka_unit_test(goes_on_past_what_was_read),
		cmocka_unit_test(deeper_than_is_kept),
		cmocka_unit_test(by_frame_pointers),
		cmocka_unit_test(forged_frame_pointers),
		cmocka_unit_test(forged_return_addresses),
		cmocka_unit_test(forged_frame_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
