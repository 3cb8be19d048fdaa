/* SPDX-License-Identifier: BSD-2-Clause */
/* Heaps of timers in a fake memory, laid out as Go 1.22 and Go 1.27 do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "census/timers.h"
#include "fakemem.h"

#define ALLP	0x100000u
#define ALLP_PS 0x100100u
#define PS	0xc000000000u
#define P_SIZE	0x200u
#define HEAPS	0xc000100000u
#define HEAP_AT 0x10000u /* from one P's heap to the next */
#define TIMERS	0xc000200000u
#define FUNCS	0x400000u
#define NPS	3u
#define PER_P	4000u
#define BUDGET	(64u << 20)

#define SEND	 0x401000u /* code */
#define READY	 0x401100u
#define GO_FUNC	 0x401200u
#define EXPIRE	 0x401300u
#define CLOSURE	 0x401400u
#define HOUR	 INT64_C(3600000000000)
#define FUNC(pc) (FUNCS + ((pc)-0x401000u) / 16) /* its func value */

struct world {
	struct fakemem fm;
	uint8_t globals[4096], ps[NPS * P_SIZE], heaps[NPS * HEAP_AT], timers[NPS * PER_P * 96];
	uint8_t funcs[4096];
	struct offsets o;
	struct timers_source src;
	struct timers got;
	size_t made;
	void (*move)(void); /* before each read */
};

static struct world w;

static bool is_go_func(uint64_t pc, void *arg)
{
	(void)arg;
	return pc == GO_FUNC;
}

static bool is_old(void)
{
	return w.o.timers_heap == OFFSET_NONE;
}

static uint64_t p_at(size_t i)
{
	return PS + i * P_SIZE;
}

/* Where the slice header of the heap is, and what the timers in it say of it. */
static uint64_t heap_of(size_t i)
{
	return p_at(i) + w.o.p_timers + (is_old() ? 0 : w.o.timers_heap);
}

static uint64_t owner_of(size_t i)
{
	return is_old() ? p_at(i) : p_at(i) + w.o.p_timers;
}

static void put(uint64_t at, uint64_t value)
{
	fakemem_put(&w.fm, at, value, 8);
}

static uint64_t get(uint64_t at)
{
	uint64_t v = 0;

	memcpy(&v, fakemem_at(&w.fm, at, 8), 8);
	return v;
}

static void offsets_of_1_22(void)
{
	w.o.p_id = 0;
	w.o.p_timers = 0x100;
	w.o.timer_size = 72;
	w.o.timer_ts = 0;
	w.o.timer_when = 8;
	w.o.timer_period = 16;
	w.o.timer_f = 24;
	w.o.timer_arg = 32;
	w.o.timer_nextwhen = 56;
	w.o.timer_state = 64;
}

static void offsets_of_1_27(void)
{
	w.o.p_id = 0;
	w.o.p_timers = 0x100;
	w.o.timers_heap = 8;
	w.o.twhen_size = 16;
	w.o.twhen_timer = 0;
	w.o.timer_size = 96;
	w.o.timer_ts = 72;
	w.o.timer_when = 24;
	w.o.timer_period = 32;
	w.o.timer_f = 40;
	w.o.timer_arg = 48;
	w.o.timer_state = 9;
}

static void world_make(bool old)
{
	static const uint64_t funcs[] = { SEND, READY, GO_FUNC, EXPIRE, CLOSURE };

	timers_release(&w.got);
	memset(&w, 0, sizeof(w));
	memset(&w.o, 0xff, sizeof(w.o)); /* OFFSET_NONE */
	if (old)
		offsets_of_1_22();
	else
		offsets_of_1_27();
	w.src = (struct timers_source){ ALLP, &w.o, is_go_func, NULL };
	fakemem_add(&w.fm, ALLP, w.globals, sizeof(w.globals));
	fakemem_add(&w.fm, PS, w.ps, sizeof(w.ps));
	fakemem_add(&w.fm, HEAPS, w.heaps, sizeof(w.heaps));
	fakemem_add(&w.fm, TIMERS, w.timers, sizeof(w.timers));
	fakemem_add(&w.fm, FUNCS, w.funcs, sizeof(w.funcs));
	put(ALLP, ALLP_PS);
	put(ALLP + 8, NPS);
	put(ALLP + 16, NPS);
	for (size_t i = 0; i < NPS; i++) {
		put(ALLP_PS + i * 8, p_at(i));
		fakemem_put(&w.fm, p_at(i), i, 4);
		put(heap_of(i), HEAPS + i * HEAP_AT);
		put(heap_of(i) + 16, PER_P);
	}
	for (size_t i = 0; i < ARRAY_SIZE(funcs); i++)
		put(FUNC(funcs[i]), funcs[i]);
}

static int setup(void **state)
{
	(void)state;
	world_make(false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timers_release(&w.got);
	return 0;
}

/* A timer in the heap of P number i that runs pc; returns its address. */
static uint64_t add_timer(size_t i, uint64_t pc, uint64_t arg, int64_t when, int64_t period)
{
	uint64_t at = TIMERS + w.made++ * w.o.timer_size, n = get(heap_of(i) + 8);
	size_t entry = is_old() ? 8 : 16;

	put(at + w.o.timer_ts, owner_of(i));
	put(at + w.o.timer_when, (uint64_t)when);
	put(at + w.o.timer_period, (uint64_t)period);
	put(at + w.o.timer_f, FUNC(pc));
	put(at + w.o.timer_arg, 0xdead);
	put(at + w.o.timer_arg + 8, arg);
	fakemem_put(&w.fm, at + w.o.timer_state, 1, is_old() ? 4 : 1);
	put(get(heap_of(i)) + n * entry, at);
	put(heap_of(i) + 8, n + 1);
	return at;
}

static int read_budget(uint64_t budget)
{
	struct mem m = fakemem_open(&w.fm, budget);

	timers_release(&w.got);
	return timers_source_read(&m, &w.src, &w.got);
}

static void assert_group(size_t i, uint64_t fn, uint64_t arg_fn, bool is_periodic, uint64_t count,
			 int64_t next)
{
	const struct timer_group *g = &w.got.groups.items[i];

	assert_true(i < w.got.groups.n);
	assert_int_equal(g->fn, fn);
	assert_int_equal(g->arg_fn, arg_fn);
	assert_int_equal(g->is_periodic, is_periodic);
	assert_int_equal(g->count, count);
	assert_int_equal(g->next_ns, next);
}

static void test_groups(void **state)
{
	(void)state;
	for (int old = 0; old < 2; old++) {
		world_make(old);
		for (unsigned int i = 0; i < 3001; i++)
			add_timer(i % NPS, SEND, 0, HOUR + i, HOUR + i % 2);
		for (unsigned int i = 0; i < 211; i++)
			add_timer(i % 2, GO_FUNC, FUNC(EXPIRE), 2 * HOUR - i, 0);
		for (unsigned int i = 0; i < 101; i++)
			add_timer(1, GO_FUNC, FUNC(CLOSURE), 2 * HOUR, 0);
		for (unsigned int i = 0; i < 53; i++)
			add_timer(2, READY, PS, 3 * HOUR, 0);
		for (unsigned int i = 0; i < 7; i++)
			add_timer(0, SEND, 0, 3 * HOUR, 0);
		assert_int_equal(read_budget(BUDGET), 0);
		assert_int_equal(w.got.total, 3001 + 211 + 101 + 53 + 7);
		assert_int_equal(w.got.periodic, 3001);
		assert_int_equal(w.got.groups.n, 5);
		assert_group(0, SEND, 0, true, 3001, HOUR);
		assert_int_equal(w.got.groups.items[0].period_min_ns, HOUR);
		assert_int_equal(w.got.groups.items[0].period_max_ns, HOUR + 1);
		assert_group(1, GO_FUNC, EXPIRE, false, 211, 2 * HOUR - 210);
		assert_group(2, GO_FUNC, CLOSURE, false, 101, 2 * HOUR);
		assert_group(3, READY, 0, false, 53, 3 * HOUR);
		assert_group(4, SEND, 0, false, 7, 3 * HOUR);
		assert_int_equal(w.got.bad, 0);
		assert_false(w.got.is_partial);
	}
}

/* Which of the states are set timers. */
static void test_states(void **state)
{
	static const struct {
		bool old;
		uint32_t state;
		unsigned int total, bad;
	} cases[] = {
		{ true, 0, 1, 0 },  { true, 1, 2, 0 },	{ true, 2, 2, 0 },     { true, 3, 1, 0 },
		{ true, 4, 1, 0 },  { true, 5, 1, 0 },	{ true, 6, 2, 0 },     { true, 9, 2, 0 },
		{ true, 10, 1, 1 }, { false, 1, 2, 0 }, { false, 3, 2, 0 },    { false, 5, 1, 0 },
		{ false, 7, 1, 0 }, { false, 0, 1, 0 }, { false, 0x81, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t at;

		world_make(cases[i].old);
		add_timer(0, SEND, 0, HOUR, 0);
		at = add_timer(0, SEND, 0, HOUR, 0);
		fakemem_put(&w.fm, at + w.o.timer_state, cases[i].state, cases[i].old ? 4 : 1);
		assert_int_equal(read_budget(BUDGET), 0);
		assert_int_equal(w.got.total, cases[i].total);
		assert_int_equal(w.got.bad, cases[i].bad);
	}
}

/* Up to Go 1.22 a timer set anew keeps its place until its P looks at it. */
static void test_modified(void **state)
{
	(void)state;
	for (uint64_t status = 7; status <= 8; status++) {
		uint64_t at;

		world_make(true);
		at = add_timer(0, SEND, 0, HOUR, 0);
		put(at + w.o.timer_nextwhen, 5 * HOUR);
		fakemem_put(&w.fm, at + w.o.timer_state, status, 4);
		assert_int_equal(read_budget(BUDGET), 0);
		assert_group(0, SEND, 0, false, 1, 5 * HOUR);
	}
}

static void test_unknown(void **state)
{
	static const size_t needed[] = {
		offsetof(struct offsets, p_id),	       offsetof(struct offsets, p_timers),
		offsetof(struct offsets, twhen_size),  offsetof(struct offsets, twhen_timer),
		offsetof(struct offsets, timer_size),  offsetof(struct offsets, timer_ts),
		offsetof(struct offsets, timer_when),  offsetof(struct offsets, timer_period),
		offsetof(struct offsets, timer_f),     offsetof(struct offsets, timer_arg),
		offsetof(struct offsets, timer_state),
	};
	const struct offsets good = w.o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		memset((char *)&w.o + needed[i], 0xff, sizeof(uint32_t));
		assert_int_equal(read_budget(BUDGET), -ENOENT);
		w.o = good;
	}
	w.src.allp = 0;
	assert_int_equal(read_budget(BUDGET), -ENOENT);
}

/* What is read are no Ps, or some of them are not. */
static void test_no_ps(void **state)
{
	static const uint64_t lengths[] = { 0, TIMERS_PS_MAX + 1, UINT64_MAX, 1u << 31 };

	(void)state;
	add_timer(0, SEND, 0, HOUR, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		put(ALLP + 8, lengths[i]);
		put(ALLP + 16, lengths[i]);
		assert_int_equal(read_budget(BUDGET), -EBADMSG);
	}
	put(ALLP + 8, NPS);
	fakemem_put(&w.fm, p_at(1), 5, 4);
	put(ALLP_PS + 16, 0x1234);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.total, 1);
	assert_int_equal(w.got.bad, 2);
	fakemem_put(&w.fm, p_at(0), 7, 4);
	assert_int_equal(read_budget(BUDGET), -EBADMSG);
	/* Ps, but nothing in them is a timer. */
	fakemem_put(&w.fm, p_at(0), 0, 4);
	put(heap_of(0) + 8, UINT64_MAX);
	assert_int_equal(read_budget(BUDGET), -EBADMSG);
	put(ALLP, 0xdead0000);
	assert_int_equal(read_budget(BUDGET), -EFAULT);
}

/* A forged header costs its heap, a forged timer itself. */
static void test_forged(void **state)
{
	uint64_t at[6];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		at[i] = add_timer(0, GO_FUNC, FUNC(EXPIRE), HOUR, 0);
	add_timer(1, SEND, 0, HOUR, 0);
	add_timer(2, SEND, 0, HOUR, 0);
	put(at[0] + w.o.timer_ts, owner_of(1)); /* in another heap */
	put(at[1] + w.o.timer_ts, 0); /* taken out meanwhile */
	put(at[2] + w.o.timer_f, 0x1234); /* not aligned */
	put(at[3] + w.o.timer_f, FUNCS + 0x10000); /* cannot be read */
	put(at[4] + w.o.timer_arg + 8, UINT64_MAX); /* a closure that cannot be */
	put(HEAPS + 5 * 16, 0xffff800000000000); /* instead of at[5] */
	put(heap_of(1) + 8, UINT64_C(1) << 40);
	put(heap_of(1) + 16, 1);
	put(heap_of(2) + 8, 3000000000); /* more than is readable */
	put(heap_of(2) + 16, 3000000000);
	assert_int_equal(read_budget(BUDGET), 0);
	/* The last heap is read to the end of what is there: one timer, then nothing. */
	assert_int_equal(w.got.total, 1);
	assert_group(0, SEND, 0, false, 1, HOUR);
	assert_int_equal(w.got.bad, 7);
}

/* The heap moves to twice the room while it is read. */
static void grow(struct fakemem *fm)
{
	uint64_t from = HEAPS, to = HEAPS + 2 * HEAP_AT;

	if (fm->calls != 5)
		return;
	memcpy(fakemem_at(fm, to, PER_P * 16), fakemem_at(fm, from, PER_P * 16), PER_P * 16);
	memset(fakemem_at(fm, from, PER_P * 16), 0xee, PER_P * 16);
	put(heap_of(0), to);
}

static void test_moved(void **state)
{
	(void)state;
	put(ALLP + 8, 1);
	for (unsigned int i = 0; i < 3001; i++)
		add_timer(0, READY, 0, HOUR, 0);
	w.fm.before_call = grow;
	assert_int_equal(read_budget(BUDGET), 0);
	assert_true(w.fm.calls > 5);
	assert_int_equal(w.got.total, 3001);
	assert_int_equal(w.got.bad, 0);
}

/* The second half of the heap changes places with the first when part of that has been read. */
static void shuffle(struct fakemem *fm)
{
	uint8_t *heap = fakemem_at(fm, HEAPS, 3001 * 16), half[1500 * 16];

	if (fm->calls != 5)
		return;
	memcpy(half, heap, sizeof(half));
	memcpy(heap, heap + 1501 * 16, sizeof(half));
	memcpy(heap + 1501 * 16, half, sizeof(half));
}

static void test_shuffled(void **state)
{
	(void)state;
	put(ALLP + 8, 1);
	for (unsigned int i = 0; i < 3001; i++)
		add_timer(0, READY, 0, HOUR, 0);
	w.fm.before_call = shuffle;
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.total, 3001);
	assert_int_equal(w.got.bad, 0);
}

/* Memory between two timers that cannot be read costs neither of them. */
static void test_hole(void **state)
{
	uint64_t first;

	(void)state;
	first = add_timer(0, SEND, 0, HOUR, 0);
	w.made++;
	add_timer(0, SEND, 0, HOUR, 0);
	w.fm.n--; /* the func values */
	w.fm.regions[3].size = w.o.timer_size;
	fakemem_add(&w.fm, first + 2 * w.o.timer_size, w.timers + 2 * w.o.timer_size, 96);
	fakemem_add(&w.fm, FUNCS, w.funcs, sizeof(w.funcs));
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.total, 2);
	assert_int_equal(w.got.bad, 0);
}

static void test_budget(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3001; i++)
		add_timer(0, READY, 0, HOUR, 0);
	assert_int_equal(read_budget(200000), 0);
	assert_true(w.got.is_partial);
	assert_int_equal(w.got.total, 1024);
	w.fm.err = -ESRCH;
	assert_int_equal(read_budget(BUDGET), -ESRCH);
}

/* One func value too many: it is in the total, and that is said. */
static void test_too_many_groups(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PER_P; i++)
		add_timer(i % 2, GO_FUNC, TIMERS + i * 96 + 24, HOUR + i, 0);
	for (unsigned int i = 0; i < 131; i++)
		add_timer(2, GO_FUNC, TIMERS + i * 96, HOUR + i, 0);
	for (unsigned int i = 0; i < 131; i++)
		put(TIMERS + i * 96, 0x500000 + i);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.total, PER_P + 131);
	assert_int_equal(w.got.groups.n, TIMERS_GROUPS_MAX);
	assert_true(w.got.is_partial);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(groups), TEST(states), TEST(modified),	   TEST(unknown),
		TEST(no_ps),  TEST(forged), TEST(moved),	   TEST(shuffled),
		TEST(hole),   TEST(budget), TEST(too_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
