/* SPDX-License-Identifier: BSD-2-Clause */
/* Goroutines in a fake memory, laid out as Go 1.26 does; some change while they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "census/walk.h"
#include "fakemem.h"

#define HEADER	  0x5000u
#define ARRAY	  0x10000000u
#define NEW_ARRAY 0x20000000u
#define GS	  0xc000000000u
#define G_SIZE	  480u
#define MAX_GS	  5000u
#define MAIN_PC	  0x401000u
#define SYSTEM_PC 0x402000u

static const struct offsets offsets = {
	.g_atomicstatus = 144,
	.g_goid = 152,
	.g_waitsince = 168,
	.g_waitreason = 176,
	.g_trackingseq = 191,
	.g_parent_goid = 280,
	.g_gopc = 288,
	.g_startpc = 304,
};

struct world {
	struct fakemem fm;
	uint64_t header[3];
	uint64_t *array, *new_array;
	uint8_t *gs;
	/* what came out */
	struct walk_result result;
	struct walk_goroutine last;
	uint64_t calls, goid_sum;
	unsigned int asked; /* is_system() */
};

/* The hook of fakemem has no argument of its own. */
static struct world *the_world;

static uint64_t g_addr(size_t i)
{
	return GS + i * G_SIZE;
}

static void g_put(struct world *w, size_t i, uint32_t offset, uint64_t value, size_t size)
{
	fakemem_put(&w->fm, g_addr(i) + offset, value, size);
}

static void world_release(struct world *w)
{
	free(w->array);
	free(w->new_array);
	free(w->gs);
	the_world = NULL;
}

/* n goroutines: goid i + 1, waiting, every tenth a system one. */
static void world_init(struct world *w, size_t n)
{
	*w = (struct world){ .header = { ARRAY, n, MAX_GS } };
	w->array = calloc(MAX_GS, 8);
	w->new_array = calloc(MAX_GS, 8);
	w->gs = calloc(MAX_GS, G_SIZE);
	fakemem_add(&w->fm, HEADER, w->header, sizeof(w->header));
	fakemem_add(&w->fm, ARRAY, w->array, MAX_GS * 8);
	fakemem_add(&w->fm, NEW_ARRAY, w->new_array, MAX_GS * 8);
	fakemem_add(&w->fm, GS, w->gs, MAX_GS * (size_t)G_SIZE);
	for (size_t i = 0; i < n; i++) {
		w->array[i] = g_addr(i);
		g_put(w, i, offsets.g_atomicstatus, WALK_WAITING, 4);
		g_put(w, i, offsets.g_goid, i + 1, 8);
		g_put(w, i, offsets.g_waitreason, 19, 1);
		g_put(w, i, offsets.g_gopc, 0x400123, 8);
		g_put(w, i, offsets.g_startpc, i % 10 ? MAIN_PC : SYSTEM_PC, 8);
	}
	the_world = w;
}

static bool starts_system(uint64_t startpc, void *arg)
{
	struct world *w = arg;

	w->asked++;
	return startpc == SYSTEM_PC;
}

static void take(const struct walk_goroutine *g, void *arg)
{
	struct world *w = arg;

	w->calls++;
	w->goid_sum += g->goid;
	w->last = *g;
}

static int world_walk(struct world *w, uint64_t budget)
{
	struct mem m = fakemem_open(&w->fm, budget);
	struct walk_source src = { HEADER, &offsets, starts_system, w, 0, 0 };

	return walk_source_run(&m, &src, take, w, &w->result);
}

static void every_goroutine_is_given_once(void **state)
{
	_cleanup_(world_release) struct world w;
	const size_t n = 4999;

	(void)state;
	world_init(&w, n);
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	assert_int_equal(w.calls, n);
	assert_int_equal(w.goid_sum, n * (n + 1) / 2);
	assert_int_equal(w.result.allgs, n);
	assert_int_equal(w.result.live, n);
	assert_int_equal(w.result.system, 500);
	assert_int_equal(w.result.torn, 0);
	assert_int_equal(w.result.unread, 0);
	assert_false(w.result.is_partial);
	/* The name of a start function is looked up once, not for every goroutine. */
	assert_int_equal(w.asked, 2);
}

static void a_walk_in_steps_gives_the_same(void **state)
{
	_cleanup_(world_release) struct world w;
	struct walk_source src = { HEADER, &offsets, starts_system, &w, 0, 0 };
	struct walk *walk = NULL;
	unsigned int steps = 0;
	const size_t n = 4999;
	int err;

	(void)state;
	world_init(&w, n);
	struct mem m = fakemem_open(&w.fm, 1 << 24);

	assert_int_equal(walk_source_new(&m, &src, &walk), 0);
	do {
		err = walk_step(walk, 1500, take, &w);
		steps++;
		assert_true(walk_so_far(walk)->live == w.calls);
	} while (err == -EAGAIN);
	assert_int_equal(err, 0);
	assert_int_equal(steps, 3);
	assert_int_equal(w.calls, n);
	assert_int_equal(w.goid_sum, n * (n + 1) / 2);
	assert_int_equal(walk_step(walk, 1500, take, &w), 0);
	assert_int_equal(w.calls, n);
	walk_free(walk);
}

static void fields_are_read_from_their_places(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 1);
	g_put(&w, 0, offsets.g_atomicstatus, 0x1000 | WALK_SYSCALL, 4);
	g_put(&w, 0, offsets.g_waitsince, 987654321, 8);
	g_put(&w, 0, offsets.g_trackingseq, 201, 1);
	g_put(&w, 0, offsets.g_parent_goid, 41, 8);
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.last.goid, 1);
	assert_int_equal(w.last.gopc, 0x400123);
	assert_int_equal(w.last.startpc, SYSTEM_PC);
	assert_int_equal(w.last.parent_goid, 41);
	assert_int_equal(w.last.status, WALK_SYSCALL);
	assert_int_equal(w.last.wait_reason, 19);
	assert_int_equal(w.last.tracking_seq, 201);
	assert_int_equal(w.last.waitsince_ns, 987654321);
	assert_true(w.last.is_system);
}

static void fields_that_a_version_lacks_are_zero(void **state)
{
	_cleanup_(world_release) struct world w;
	struct offsets o = offsets;
	struct walk_source src = { HEADER, &o, starts_system, &w, 0, 0 };
	struct mem m;

	(void)state;
	world_init(&w, 1);
	m = fakemem_open(&w.fm, 1 << 20);
	g_put(&w, 0, offsets.g_parent_goid, 41, 8);
	o.g_parent_goid = o.g_waitsince = o.g_waitreason = OFFSET_NONE;
	assert_int_equal(walk_source_run(&m, &src, take, &w, &w.result), 0);
	assert_int_equal(w.last.goid, 1);
	assert_int_equal(w.last.parent_goid, 0);
	assert_int_equal(w.last.wait_reason, 0);
}

static void dead_and_idle_ones_are_left_out(void **state)
{
	static const uint32_t statuses[] = { WALK_DEAD, WALK_IDLE, WALK_DEAD_EXTRA,
					     WALK_DEAD | 0x1000 };
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 20);
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		g_put(&w, 5 + i, offsets.g_atomicstatus, statuses[i], 4);
	g_put(&w, 9, offsets.g_atomicstatus, WALK_LEAKED, 4);
	g_put(&w, 10, offsets.g_atomicstatus, WALK_COPYSTACK, 4);
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.result.allgs, 20);
	assert_int_equal(w.result.live, 16);
	assert_int_equal(w.calls, 16);
	assert_int_equal(w.result.torn, 0);
}

/* The second read of a g finds it in order. */
static void heal_7(struct fakemem *fm)
{
	/* header, array, gs, and then what made no sense */
	if (fm->calls == 3)
		g_put(the_world, 7, offsets.g_goid, 8, 8);
}

static void odd_one_is_read_again(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 20);
	g_put(&w, 7, offsets.g_goid, 0, 8);
	w.fm.before_call = heal_7;
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.result.live, 20);
	assert_int_equal(w.goid_sum, 210);
	assert_int_equal(w.result.torn, 0);
}

static void odd_one_is_counted(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 20);
	g_put(&w, 7, offsets.g_goid, 0, 8);
	g_put(&w, 8, offsets.g_atomicstatus, 77, 4);
	g_put(&w, 9, offsets.g_startpc, UINT64_MAX, 8);
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.result.live, 17);
	assert_int_equal(w.result.torn, 3);
}

static void wrong_offsets_are_noticed_before_anything_is_given(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 100);
	for (size_t i = 0; i < 51; i++)
		g_put(&w, i, offsets.g_atomicstatus, 0xc0ffee, 4);
	w.result.live = 5;
	assert_int_equal(world_walk(&w, 1 << 20), -EBADMSG);
	assert_int_equal(w.calls, 0);
	assert_int_equal(w.result.live, 5);
}

static void bad_pointers_cost_themselves(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 20);
	w.array[3] = 0;
	w.array[4] = g_addr(4) + 1;
	w.array[5] = UINT64_MAX - 7;
	w.array[6] = 0x7000;
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.result.live, 16);
	assert_int_equal(w.result.unread, 4);
}

/* Neighbours are read together; the last of these lies where the memory has ended. */
static void bad_neighbour_costs_itself(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, MAX_GS);
	for (size_t i = 0; i < 11; i++)
		w.array[i] = g_addr(MAX_GS - 10 + i);
	w.header[1] = 11;
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	assert_int_equal(w.result.live, 10);
	assert_int_equal(w.goid_sum, 10 * MAX_GS - 45);
	assert_int_equal(w.result.unread, 1);
	assert_int_equal(w.result.torn, 0);
}

static void order_in_memory_does_not_matter(void **state)
{
	_cleanup_(world_release) struct world w;
	const size_t n = 2000;

	(void)state;
	world_init(&w, n);
	for (size_t i = 0; i < n; i++)
		w.array[i] = g_addr(i * 1201 % n);
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	assert_int_equal(w.calls, n);
	assert_int_equal(w.goid_sum, n * (n + 1) / 2);
}

/* append() moves the array after the first part was read; the old place is used for other things.
 */
static void move_array(struct fakemem *fm)
{
	struct world *w = the_world;

	if (fm->calls != 3)
		return;
	memcpy(w->new_array, w->array, MAX_GS * 8);
	memset(w->array, 0xff, MAX_GS * 8);
	w->header[0] = NEW_ARRAY;
}

static void moved_array_is_followed(void **state)
{
	_cleanup_(world_release) struct world w;
	const size_t n = 3000;

	(void)state;
	world_init(&w, n);
	w.fm.before_call = move_array;
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	assert_int_equal(w.result.live, n);
	assert_int_equal(w.goid_sum, n * (n + 1) / 2);
	assert_int_equal(w.result.unread, 0);
}

static void grow_once(struct fakemem *fm)
{
	if (fm->calls == 2)
		the_world->header[1] = 1500;
}

static void grown_array_is_walked_to_its_end(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 1500);
	w.header[1] = 1000;
	w.fm.before_call = grow_once;
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	/* The first part was asked for before it grew. */
	assert_int_equal(w.result.allgs, 1000);
	assert_int_equal(w.result.live, 1000);
	w.header[1] = 1100;
	w.fm.calls = 0;
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	assert_int_equal(w.result.allgs, 1500);
	assert_int_equal(w.result.live, 1500);
}

/* More each time it is looked at, so that the end is never reached. */
static void grow_always(struct fakemem *fm)
{
	(void)fm;
	the_world->header[1]++;
}

static void growing_array_has_an_end(void **state)
{
	const size_t n = 64 * 1024;
	_cleanup_free_ uint64_t *array = calloc(n, 8);
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 2);
	for (size_t i = 0; i < n; i++)
		array[i] = g_addr(1);
	w.header[0] = 0x30000000;
	w.header[2] = n;
	fakemem_add(&w.fm, w.header[0], array, n * 8);
	w.fm.before_call = grow_always;
	assert_int_equal(world_walk(&w, UINT64_MAX), 0);
	assert_true(w.result.is_partial);
	assert_true(w.result.live > 10000 && w.result.live < n);
}

static void forged_headers_are_refused(void **state)
{
	static const uint64_t headers[][3] = {
		{ 0, 5, 5 },
		{ ARRAY + 4, 5, 5 },
		{ ARRAY, 6, 5 },
		{ UINT64_MAX - 7, 5, 5 },
		{ ARRAY, UINT64_MAX / 8, UINT64_MAX },
	};
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 5);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		memcpy(w.header, headers[i], sizeof(w.header));
		assert_int_equal(world_walk(&w, 1 << 20), -EBADMSG);
		assert_int_equal(w.calls, 0);
	}
}

static void claim_of_many_ends_where_memory_ends(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 1024);
	w.header[1] = w.header[2] = UINT64_C(1) << 40;
	/* Half of the second part's pointers lie past the region. */
	assert_int_equal(world_walk(&w, UINT64_MAX), -EBADMSG);
	assert_int_equal(w.calls, 1024);
}

static void repeated_pointers_do_not_loop(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 4000);
	for (size_t i = 0; i < 4000; i++)
		w.array[i] = g_addr(1);
	assert_int_equal(world_walk(&w, 1 << 24), 0);
	assert_int_equal(w.calls, 4000);
	assert_int_equal(w.goid_sum, 8000);
}

static void budget_ends_the_walk(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 4000);
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_true(w.result.is_partial);
	assert_int_equal(w.result.live, 2048);
	assert_int_equal(w.calls, 2048);
	assert_int_equal(w.result.allgs, 4000);
}

static void no_goroutines_yet(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 0);
	w.header[0] = 0;
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.result.live, 0);
	assert_false(w.result.is_partial);
}

static void what_is_not_known_is_enoent(void **state)
{
	_cleanup_(world_release) struct world w;
	struct offsets o = offsets;
	struct walk_source src = { HEADER, &o, starts_system, &w, 0, 0 };
	uint32_t *const needed[] = { &o.g_atomicstatus, &o.g_goid, &o.g_gopc, &o.g_startpc };
	struct mem m;

	(void)state;
	world_init(&w, 5);
	m = fakemem_open(&w.fm, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		uint32_t was = *needed[i];

		*needed[i] = OFFSET_NONE;
		assert_int_equal(walk_source_run(&m, &src, take, &w, &w.result), -ENOENT);
		*needed[i] = 100000; /* no g is that long */
		assert_int_equal(walk_source_run(&m, &src, take, &w, &w.result), -ENOENT);
		*needed[i] = was;
	}
	src.allgs = 0;
	assert_int_equal(walk_source_run(&m, &src, take, &w, &w.result), -ENOENT);
	assert_int_equal(w.fm.calls, 0);
}

static void errors_of_reading_are_passed_on(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 5);
	w.fm.err = -ESRCH;
	assert_int_equal(world_walk(&w, 1 << 20), -ESRCH);
	w.fm.err = 0;
	w.fm.n = 0;
	assert_int_equal(world_walk(&w, 1 << 20), -EFAULT);
}

static void extra_m_has_no_start_function(void **state)
{
	_cleanup_(world_release) struct world w;

	(void)state;
	world_init(&w, 1);
	g_put(&w, 0, offsets.g_startpc, 0, 8);
	g_put(&w, 0, offsets.g_gopc, 0, 8);
	assert_int_equal(world_walk(&w, 1 << 20), 0);
	assert_int_equal(w.result.live, 1);
	assert_int_equal(w.result.system, 0);
	assert_int_equal(w.asked, 0);
}

static void system_names(void **state)
{
	static const struct {
		const char *name;
		bool is_system;
	} names[] = {
		{ "runtime.main", false },
		{ "runtime.handleAsyncEvent", false },
		{ "runtime.corostart", false },
		{ "runtime.bgsweep", true },
		{ "runtime.runfinq", true },
		{ "runtime.runFinalizers", true },
		{ "runtime.runCleanups", true },
		{ "runtime.gcBgMarkWorker", true },
		{ "runtime.main.func1", true },
		{ "runtime/pprof.profileWriter", false },
		{ "runtime", false },
		{ "main.main", false },
		{ "main.runtime.x", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(walk_is_system_name(names[i].name), names[i].is_system);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_goroutine_is_given_once),
		cmocka_unit_test(a_walk_in_steps_gives_the_same),
		cmocka_unit_test(fields_are_read_from_their_places),
		cmocka_unit_test(fields_that_a_version_lacks_are_zero),
		cmocka_unit_test(dead_and_idle_ones_are_left_out),
		cmocka_unit_test(odd_one_is_read_again),
		cmocka_unit_test(odd_one_is_counted),
		cmocka_unit_test(wrong_offsets_are_noticed_before_anything_is_given),
		cmocka_unit_test(bad_pointers_cost_themselves),
		cmocka_unit_test(bad_neighbour_costs_itself),
		cmocka_unit_test(order_in_memory_does_not_matter),
		cmocka_unit_test(moved_array_is_followed),
		cmocka_unit_test(grown_array_is_walked_to_its_end),
		cmocka_unit_test(growing_array_has_an_end),
		cmocka_unit_test(forged_headers_are_refused),
		cmocka_unit_test(claim_of_many_ends_where_memory_ends),
		cmocka_unit_test(repeated_pointers_do_not_loop),
		cmocka_unit_test(budget_ends_the_walk),
		cmocka_unit_test(no_goroutines_yet),
		cmocka_unit_test(what_is_not_known_is_enoent),
		cmocka_unit_test(errors_of_reading_are_passed_on),
		cmocka_unit_test(extra_m_has_no_start_function),
		cmocka_unit_test(system_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
