/* SPDX-License-Identifier: BSD-2-Clause */
/* Passes over a fake process: what is kept, read again, refused, and never taken for true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "census_world.h"

/* Calls of the kernel of a pass over one part: header, array, gs, goidgen, stacks, gs, goidgen. */
enum { CALL_HEADER, CALL_ARRAY, CALL_GS, CALL_GOIDGEN, CALL_STACKS, CALL_AGAIN };

static uint64_t states(enum census_stack s)
{
	return cw->result.stack_states[s];
}

static struct stack stack_of(size_t i)
{
	return stacks_get(census_stacks(cw->census), census_at(cw->census, i)->stack);
}

static void every_goroutine_has_its_stack(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct stack s;

	(void)state;
	cw_init(&w, 50);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(census_count(w.census), 50);
	assert_int_equal(w.result.walk.live, 50);
	assert_int_equal(w.result.walk.system, 1);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 50);
	assert_int_equal(stacks_count(census_stacks(w.census)), 50);
	assert_int_equal(w.result.newest_goid, 50);
	assert_int_equal(w.result.unchanged + w.result.retried, 0);
	assert_false(w.result.is_partial);
	assert_true(w.result.read_bytes && w.result.calls);
	assert_true(w.result.start_ns && w.result.end_ns >= w.result.start_ns);
	s = stack_of(7);
	assert_int_equal(s.n, 3);
	assert_true(s.pcs[0] == CW_CODE + 0x8010 && s.pcs[2] == CW_MAIN + 0x10);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(census_at(w.census, i)->g.goid, i + 1);
}

static void equal_stacks_are_kept_once(void **state)
{
	const uint64_t pcs[] = { CW_CODE + 0x1010, CW_MAIN + 0x10 };
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 50);
	for (size_t i = 0; i < 50; i++)
		cw_stop(i, pcs, 2);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(stacks_count(census_stacks(w.census)), 1);
	assert_int_equal(census_at(w.census, 0)->stack, census_at(w.census, 49)->stack);
}

static void states_without_a_stack(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 8);
	cw_put(1, cw_offsets.g_atomicstatus, WALK_RUNNING, 4);
	cw_put(2, cw_offsets.g_atomicstatus, WALK_COPYSTACK | 0x1000, 4);
	cw_put(3, cw_offsets.g_atomicstatus, WALK_DEAD, 4);
	cw_put(4, cw_offsets.g_sched_pc, 0x77, 8);
	cw_put(5, cw_offsets.g_sched_sp, cw_hi(5), 8);
	cw_put(6, cw_offsets.g_stack_hi, UINT64_MAX, 8);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(census_count(w.census), 7);
	assert_int_equal(states(CENSUS_STACK_RUNNING), 1);
	assert_int_equal(states(CENSUS_STACK_MOVING), 1);
	assert_int_equal(states(CENSUS_STACK_BROKEN), 3);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 2);
	assert_int_equal(census_at(w.census, 1)->stack, STACKS_NONE);
	assert_int_equal(census_at(w.census, 3)->stack, STACKS_NONE);
	assert_int_equal(census_at(w.census, 6)->g.goid, 8);
}

static void stacks_are_read_on_demand(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	const struct census_opts opts = { .want_stacks = false };

	(void)state;
	cw_init(&w, 9);
	assert_int_equal(cw_run_with(&opts), 0);
	assert_int_equal(states(CENSUS_STACK_NONE), 9);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 9);
	assert_int_equal(w.result.unchanged, 0);
}

static void without_registers_there_are_goroutines(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct offsets o = cw_offsets;

	(void)state;
	cw_init(&w, 9);
	o.g_sched_sp = OFFSET_NONE;
	assert_int_equal(cw_open_with(&o), 0);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(census_count(w.census), 9);
	assert_int_equal(states(CENSUS_STACK_NONE), 9);
	census_free(w.census);
	w.census = NULL;
	o.g_goid = OFFSET_NONE;
	assert_int_equal(cw_open_with(&o), -ENOENT);
}

/* In a system call sched is old; what counts is where it entered. */
static void system_call(void **state)
{
	const uint64_t pcs[] = { CW_CODE + 0x1010, CW_MAIN + 0x10 };
	_cleanup_(cw_release) struct census_world w;
	uint64_t sp;

	(void)state;
	cw_init(&w, 3);
	cw_stop(1, pcs, 2);
	memcpy(&sp, w.gs + CW_G_SIZE + cw_offsets.g_sched_sp, 8);
	cw_put(1, cw_offsets.g_syscallsp, sp, 8);
	cw_put(1, cw_offsets.g_syscallpc, pcs[0], 8);
	cw_put(1, cw_offsets.g_sched_sp, 0xbad, 8);
	cw_put(1, cw_offsets.g_sched_pc, 0xbad, 8);
	cw_put(1, cw_offsets.g_atomicstatus, WALK_SYSCALL, 4);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 3);
	assert_memory_equal(stack_of(1).pcs, pcs, sizeof(pcs));
}

static void deep_stacks(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 4);
	cw_stop_deep(1, 100); /* more than 2 KB */
	cw_stop_deep(2, 128);
	cw_stop_deep(3, 1001);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 3);
	assert_int_equal(states(CENSUS_STACK_CUT), 1);
	assert_int_equal(stack_of(1).n, 100);
	assert_int_equal(stack_of(2).n, 128);
	assert_int_equal(stack_of(3).n, STACKS_DEPTH_MAX);
	assert_true(stack_of(3).is_cut && !stack_of(2).is_cut);
}

static void what_it_waits_for(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 8);
	cw_sudog(1, cw_g(1), 0xc0ffee0);
	cw_sudog(2, cw_g(3), 0xbad0); /* another's: it was given away */
	cw_put(3, cw_offsets.g_waiting, CW_SUDOGS + CW_MAX * CW_SUDOG_SIZE, 8);
	cw_put(4, cw_offsets.g_waiting, 0x1001, 8);
	cw_sudog(5, cw_g(5), 0);
	cw_sudog(6, cw_g(6), 0xbad0);
	cw_put(6, cw_offsets.g_atomicstatus, WALK_RUNNABLE, 4);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 8);
	assert_int_equal(census_at(w.census, 1)->waits_on, 0xc0ffee0);
	for (size_t i = 2; i < 8; i++)
		assert_int_equal(census_at(w.census, i)->waits_on, 0);
	/* It is kept with the stack. */
	assert_int_equal(cw_run(), 0);
	assert_int_equal(census_at(w.census, 1)->waits_on, 0xc0ffee0);
}

/* ---- while it is read ---- */

static void always_runs(struct fakemem *fm)
{
	(void)fm;
	cw_put(2, cw_offsets.g_trackingseq, ++cw->data, 1);
}

static void one_that_never_holds_still_is_torn(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 5);
	w.fm.before_call = always_runs;
	assert_int_equal(cw_run(), 0);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 4);
	assert_int_equal(states(CENSUS_STACK_TORN), 1);
	assert_int_equal(w.result.retried, 1);
	assert_int_equal(census_at(w.census, 2)->stack_state, CENSUS_STACK_TORN);
	assert_int_equal(census_at(w.census, 2)->stack, STACKS_NONE);
}

/* Each of these, changed after the stack was read, makes the stack untrue. */
static void moves_once(struct fakemem *fm)
{
	const struct offsets *o = &cw_offsets;
	const uint32_t fields[] = { o->g_sched_sp,    o->g_sched_pc, o->g_sched_bp,
				    o->g_trackingseq, o->g_waiting,  o->g_stack_lo };

	if (fm->calls != CALL_AGAIN || cw->data == 99)
		return;
	if (cw->data < ARRAY_SIZE(fields))
		cw->gs[CW_G_SIZE + fields[cw->data]] ^= 0x40;
	else
		cw_put(1, o->g_atomicstatus, WALK_RUNNABLE, 4);
	/* Where it is now its stack leads nowhere; what was read before would have passed. */
	memset(cw->stacks + CW_STACK_SIZE, 0, CW_STACK_SIZE);
	cw->data = 99;
}

static void one_that_moved_is_read_again(void **state)
{
	(void)state;
	for (uint64_t field = 0; field < 7; field++) {
		_cleanup_(cw_release) struct census_world w;

		cw_init(&w, 3);
		w.data = field;
		w.fm.before_call = moves_once;
		assert_int_equal(cw_run(), 0);
		assert_int_equal(w.data, 99);
		assert_int_equal(w.result.retried, 1);
		assert_int_equal(states(CENSUS_STACK_WHOLE), 2);
		assert_int_equal(states(CENSUS_STACK_BROKEN), 1);
	}
}

static void runs_on(struct fakemem *fm)
{
	if (fm->calls == CALL_AGAIN)
		cw_put(1, cw_offsets.g_atomicstatus, WALK_RUNNING, 4);
}

static void dies(struct fakemem *fm)
{
	if (fm->calls == CALL_AGAIN)
		cw_put(1, cw_offsets.g_atomicstatus, WALK_DEAD, 4);
}

static void is_another(struct fakemem *fm)
{
	if (fm->calls == CALL_AGAIN)
		cw_put(1, cw_offsets.g_goid, 77, 8);
}

static void one_that_went_on(void **state)
{
	static const struct {
		void (*hook)(struct fakemem *fm);
		enum census_stack state;
	} cases[] = {
		{ runs_on, CENSUS_STACK_RUNNING },
		{ dies, CENSUS_STACK_TORN },
		{ is_another, CENSUS_STACK_TORN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(cw_release) struct census_world w;

		cw_init(&w, 3);
		w.fm.before_call = cases[i].hook;
		assert_int_equal(cw_run(), 0);
		assert_int_equal(census_count(w.census), 3);
		assert_int_equal(census_at(w.census, 1)->stack_state, cases[i].state);
		assert_int_equal(census_at(w.census, 1)->g.goid, 2);
		assert_int_equal(census_at(w.census, 1)->stack, STACKS_NONE);
		assert_int_equal(w.result.retried, 0);
	}
}

static void torn_id_is_not_the_newest(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 5);
	cw_put(3, cw_offsets.g_goid, 1001, 8);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.newest_goid, 5);
	assert_int_equal(census_count(w.census), 4);
	assert_int_equal(w.result.walk.torn, 1);
	cw_put(3, cw_offsets.g_goid, 1000, 8);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.newest_goid, 1000);
	/* Not known: then any id may be. */
	w.goidgen = 0;
	cw_put(3, cw_offsets.g_goid, 1001, 8);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.newest_goid, 1001);
}

/* ---- from pass to pass ---- */

static void what_held_still_is_kept(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	uint64_t kept = 0, passes = 0;

	(void)state;
	cw_init(&w, CW_MAX);
	assert_int_equal(cw_run(), 0);
	for (; passes < 3 * CENSUS_KEPT_PASSES; passes++) {
		assert_int_equal(cw_run(), 0);
		assert_int_equal(states(CENSUS_STACK_WHOLE), CW_MAX);
		/* The same number of them, each time, is read to be sure. */
		assert_int_equal(w.result.unchanged, CW_MAX - CW_MAX / CENSUS_KEPT_PASSES);
		kept += w.result.unchanged;
	}
	assert_int_equal(kept, passes * (CW_MAX - CW_MAX / CENSUS_KEPT_PASSES));
}

static void what_moved_is_read(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	const uint64_t pcs[] = { CW_CODE + 0x5510, CW_MAIN + 0x10 };
	uint64_t unchanged;

	(void)state;
	cw_init(&w, CW_MAX);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(cw_run(), 0);
	unchanged = w.result.unchanged;
	cw_stop(5, pcs, 2);
	cw_put(6, cw_offsets.g_trackingseq, 1, 1);
	cw_put(7, cw_offsets.g_goid, 200, 8);
	cw_put(8, cw_offsets.g_atomicstatus, WALK_DEAD, 4);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.unchanged, unchanged - 4);
	assert_int_equal(stack_of(5).n, 2);
	assert_true(stack_of(5).pcs[0] == pcs[0]);
	assert_int_equal(census_count(w.census), CW_MAX - 1);
	/* What moved the time before may have come back by another way. */
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.unchanged, unchanged - 1 - 2);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.unchanged, unchanged - 1);
}

static void collection_makes_nobody_move(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	uint64_t unchanged;

	(void)state;
	cw_init(&w, CW_MAX);
	assert_int_equal(cw_run(), 0);
	for (size_t i = 0; i < CW_MAX; i++)
		cw_put(i, cw_offsets.g_waitsince, 5000, 8);
	assert_int_equal(cw_run(), 0);
	unchanged = w.result.unchanged;
	assert_int_equal(unchanged, CW_MAX - CW_MAX / CENSUS_KEPT_PASSES);
	assert_int_equal(census_at(w.census, 9)->g.waitsince_ns, 5000);
	/* But it is cleared by running. */
	cw_put(9, cw_offsets.g_waitsince, 0, 8);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.unchanged, unchanged - 1);
}

static void without_tracking_nothing_is_kept(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct offsets o = cw_offsets;

	(void)state;
	cw_init(&w, 20);
	o.g_trackingseq = OFFSET_NONE;
	assert_int_equal(cw_open_with(&o), 0);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.unchanged, 0);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 20);
}

static void failed_pass_leaves_the_one_before(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, 20);
	assert_int_equal(cw_run(), 0);
	w.result.walk.live = 4711;
	w.fm.err = -ESRCH;
	assert_int_equal(cw_run(), -ESRCH);
	w.fm.err = 0;
	for (size_t i = 0; i < 20; i++)
		cw_put(i, cw_offsets.g_atomicstatus, 0xbad, 4);
	assert_int_equal(cw_run(), -EBADMSG);
	assert_int_equal(w.result.walk.live, 4711);
	assert_int_equal(census_count(w.census), 20);
	assert_int_equal(stack_of(19).n, 3);
}

/* ---- limits ---- */

static void budgets_end_a_pass(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct census_opts opts = { .want_stacks = true, .budget_ns = 1 };

	(void)state;
	cw_init(&w, 20);
	assert_int_equal(cw_run_with(&opts), 0);
	assert_true(w.result.is_partial);
	assert_int_equal(census_count(w.census), 0);
	opts.budget_ns = 0;
	/* Enough for the gs, not for the stacks. */
	opts.budget_bytes = 20 * CW_G_SIZE + 1000 + sizeof(w.memstats);
	assert_int_equal(cw_run_with(&opts), 0);
	assert_true(w.result.is_partial);
	assert_int_equal(census_count(w.census), 20);
	assert_int_equal(states(CENSUS_STACK_NONE), 20);
	assert_true(w.result.read_bytes <= opts.budget_bytes);
	/* What was not read is not taken for known. */
	opts.budget_bytes = 0;
	assert_int_equal(cw_run_with(&opts), 0);
	assert_false(w.result.is_partial);
	assert_int_equal(states(CENSUS_STACK_WHOLE), 20);
}

static void forged_lengths(void **state)
{
	static const uint64_t lengths[] = { 5000000000, UINT64_MAX / 8, UINT64_MAX };
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, CW_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		w.header[1] = w.header[2] = lengths[i];
		assert_true(cw_run() < 0);
		assert_int_equal(census_count(w.census), 0);
	}
}

static void one_g_many_times(void **state)
{
	_cleanup_(cw_release) struct census_world w;

	(void)state;
	cw_init(&w, CW_MAX);
	for (size_t i = 0; i < CW_MAX; i++)
		w.array[i] = cw_g(3);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(census_count(w.census), CW_MAX);
	assert_int_equal(stacks_count(census_stacks(w.census)), 1);
}

static void crowded_stacks_are_begun_anew(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct stacks *s;

	(void)state;
	cw_init(&w, 20);
	assert_int_equal(cw_run(), 0);
	s = (struct stacks *)census_stacks(w.census);
	for (uint64_t i = 0; !stacks_is_crowded(s); i++)
		assert_true(stacks_intern(s, &i, 1, true) != STACKS_NONE);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(w.result.unchanged, 0);
	assert_int_equal(stacks_count(census_stacks(w.census)), 20);
	assert_int_equal(stack_of(19).n, 3);
	assert_int_equal(cw_run(), 0);
	assert_true(w.result.unchanged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_goroutine_has_its_stack),
		cmocka_unit_test(equal_stacks_are_kept_once),
		cmocka_unit_test(states_without_a_stack),
		cmocka_unit_test(stacks_are_read_on_demand),
		cmocka_unit_test(without_registers_there_are_goroutines),
		cmocka_unit_test(system_call),
		cmocka_unit_test(deep_stacks),
		cmocka_unit_test(what_it_waits_for),
		cmocka_unit_test(one_that_never_holds_still_is_torn),
		cmocka_unit_test(one_that_moved_is_read_again),
		cmocka_unit_test(one_that_went_on),
		cmocka_unit_test(torn_id_is_not_the_newest),
		cmocka_unit_test(what_held_still_is_kept),
		cmocka_unit_test(what_moved_is_read),
		cmocka_unit_test(collection_makes_nobody_move),
		cmocka_unit_test(without_tracking_nothing_is_kept),
		cmocka_unit_test(failed_pass_leaves_the_one_before),
		cmocka_unit_test(budgets_end_a_pass),
		cmocka_unit_test(forged_lengths),
		cmocka_unit_test(one_g_many_times),
		cmocka_unit_test(crowded_stacks_are_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
