/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "census/group.h"
#include "census_world.h"

#define PLACE_A (CW_CODE + 0x1010)
#define PLACE_B (CW_CODE + 0x2010)
#define SITE_2	(CW_MAIN + 0x40)

static const struct group_filter all = { .with_system = true };

/*
 * 30 goroutines: 0 is a system one; 1 to 9 wait in A, 10 to 15 in B, 16 to 29 in A but for another
 * reason; every third comes from another go statement.
 */
static void world_of_groups(struct census_world *w)
{
	cw_init(w, 30);
	for (size_t i = 0; i < 30; i++) {
		const uint64_t pcs[] = { i >= 10 && i < 16 ? PLACE_B : PLACE_A, CW_MAIN + 0x10 };

		cw_stop(i, pcs, 2);
		cw_put(i, cw_offsets.g_waitreason, i < 16 ? 14 : 15, 1);
		if (i % 3 == 0)
			cw_put(i, cw_offsets.g_gopc, SITE_2, 8);
	}
}

static uint64_t sum(const struct groups *g)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->groups.n; i++)
		n += g->groups.items[i].count;
	return n;
}

static void by_stack(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(groups_release) struct groups g;

	(void)state;
	world_of_groups(&w);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(groups_make(w.census, GROUP_STACK, &all, &g), 0);
	/* Three places and reasons, two go statements each. */
	assert_int_equal(g.groups.n, 6);
	assert_int_equal(sum(&g), 30);
	assert_int_equal(g.groups.items[0].count, 10);
	assert_int_equal(g.groups.items[0].goid_min, 17);
	assert_int_equal(g.groups.items[0].goid_max, 30);
	assert_int_equal(g.groups.items[0].first->g.goid, 17);
	assert_int_equal(g.groups.items[0].by_status[WALK_WAITING], 10);
	/* Of as many the one with the lowest id comes first. */
	assert_int_equal(g.groups.items[1].count, 6);
	assert_int_equal(g.groups.items[1].goid_min, 2);
	assert_int_equal(g.groups.items[2].count, 4);
	assert_int_equal(g.groups.items[2].goid_min, 1);
	assert_int_equal(g.groups.items[3].count, 4);
	assert_int_equal(g.groups.items[3].goid_min, 11);
	assert_int_equal(g.left_out, 0);
}

static void by_site(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(groups_release) struct groups g;
	const struct group_filter own = { 0 };

	(void)state;
	world_of_groups(&w);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(groups_make(w.census, GROUP_SITE, &own, &g), 0);
	assert_int_equal(g.groups.n, 2);
	assert_int_equal(g.groups.items[0].count, 20);
	assert_true(g.groups.items[1].first->g.gopc == SITE_2);
	assert_int_equal(g.left_out, 1);
	assert_int_equal(g.age_unknown, 0);
}

static void by_what_it_waits_for(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(groups_release) struct groups g;

	(void)state;
	world_of_groups(&w);
	for (size_t i = 1; i < 10; i++)
		cw_sudog(i, cw_g(i), i < 6 ? 0xc000a0 : 0xc000b0);
	/* The reason of one that runs is that of its last wait. */
	cw_put(28, cw_offsets.g_atomicstatus, WALK_RUNNING, 4);
	cw_put(29, cw_offsets.g_atomicstatus, WALK_RUNNING, 4);
	cw_put(29, cw_offsets.g_waitreason, 3, 1);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(groups_make(w.census, GROUP_WAIT, &all, &g), 0);
	/* No channel and reason 15, no channel and 14, two channels, running. */
	assert_int_equal(g.groups.n, 5);
	assert_int_equal(g.groups.items[0].count, 12);
	assert_int_equal(g.groups.items[1].count, 7);
	assert_int_equal(g.groups.items[2].count, 5);
	assert_int_equal(g.groups.items[2].first->waits_on, 0xc000a0);
	assert_int_equal(g.groups.items[4].count, 2);
	assert_int_equal(g.groups.items[4].by_status[WALK_RUNNING], 2);
}

static void by_age(void **state)
{
	const struct group_filter old = { .with_system = true, .waiting_since_ns = 5000 };
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(groups_release) struct groups g;

	(void)state;
	world_of_groups(&w);
	for (size_t i = 1; i < 10; i++)
		cw_put(i, cw_offsets.g_waitsince, 4994 + i, 8);
	/* Each notes the time of the one before it. */
	cw_collections(4990, 20);
	cw_put(11, cw_offsets.g_atomicstatus, WALK_RUNNING, 4);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(groups_make(w.census, GROUP_SITE, &old, &g), 0);
	assert_int_equal(sum(&g), 5);
	assert_int_equal(g.left_out, 25);
	/* One runs, four have not waited as long. */
	assert_int_equal(g.age_unknown, 20);
	assert_int_equal(g.groups.items[0].count, 4);
	assert_int_equal(g.groups.items[0].with_waitsince, 4);
	assert_int_equal(g.groups.items[0].waitsince_min_ns, 4996);
	assert_int_equal(g.groups.items[0].waitsince_max_ns, 5000);
}

static bool is_even(uint64_t goid, void *arg)
{
	++*(unsigned int *)arg;
	return goid % 2 == 0;
}

/* Whoever is known to be old by other means passes, and of nobody the age is unknown then. */
static void by_other_means(void **state)
{
	unsigned int asked = 0;
	const struct group_filter old = {
		.with_system = true,
		.waiting_since_ns = 5000,
		.is_old = is_even,
		.arg = &asked,
	};
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(groups_release) struct groups g;
	uint64_t even = 0;

	(void)state;
	world_of_groups(&w);
	assert_int_equal(cw_run(), 0);
	for (size_t i = 0; i < census_count(w.census); i++)
		even += census_at(w.census, i)->g.goid % 2 == 0;
	assert_int_equal(groups_make(w.census, GROUP_SITE, &old, &g), 0);
	assert_int_equal(asked, census_count(w.census));
	assert_int_equal(sum(&g), even);
	assert_int_equal(g.left_out, census_count(w.census) - even);
	assert_int_equal(g.age_unknown, 0);
	for (size_t i = 0; i < census_count(w.census); i++) {
		const struct walk_goroutine *one = &census_at(w.census, i)->g;

		assert_int_equal(group_passes(&old, one), one->goid % 2 == 0);
	}
}

static void nobody(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	struct groups g;

	(void)state;
	cw_init(&w, 0);
	assert_int_equal(cw_run(), 0);
	assert_int_equal(groups_make(w.census, GROUP_STACK, &all, &g), 0);
	assert_int_equal(g.groups.n, 0);
	groups_release(&g);
}

/* More groups than the first index has room for. */
static void each_its_own_group(void **state)
{
	_cleanup_(cw_release) struct census_world w;
	_cleanup_(groups_release) struct groups g;
	_cleanup_free_ uint64_t *array = calloc(1024, 8);
	_cleanup_free_ uint8_t *gs = calloc(1024, CW_G_SIZE);

	(void)state;
	cw_init(&w, 1);
	w.header[0] = 0x70000000;
	w.header[1] = w.header[2] = 1000;
	fakemem_add(&w.fm, 0x70000000, array, 8192);
	fakemem_add(&w.fm, 0xe000000000, gs, 1024 * (size_t)CW_G_SIZE);
	for (size_t i = 0; i < 1000; i++) {
		array[i] = 0xe000000000 + i * CW_G_SIZE;
		fakemem_put(&w.fm, array[i] + cw_offsets.g_atomicstatus, WALK_RUNNING, 4);
		fakemem_put(&w.fm, array[i] + cw_offsets.g_goid, i + 1, 8);
		fakemem_put(&w.fm, array[i] + cw_offsets.g_gopc, 0x400000 + i / 2, 8);
	}
	assert_int_equal(cw_run(), 0);
	assert_int_equal(groups_make(w.census, GROUP_STACK, &all, &g), 0);
	assert_int_equal(g.groups.n, 500);
	for (size_t i = 0; i < 500; i++) {
		assert_int_equal(g.groups.items[i].count, 2);
		assert_int_equal(g.groups.items[i].goid_min, 2 * i + 1);
	}
	groups_release(&g);
	assert_int_equal(
		groups_make(w.census, GROUP_STACK,
			    &(struct group_filter){ .with_system = true, .max_groups = 101 }, &g),
		0);
	assert_int_equal(g.groups.n, 101);
	assert_int_equal(sum(&g), 202);
	assert_int_equal(g.ungrouped, 1000 - 202);
}

static void names_of_states(void **state)
{
	static const struct {
		enum walk_status status;
		const char *name;
	} names[] = {
		{ WALK_IDLE, "idle" },		 { WALK_RUNNABLE, "runnable" },
		{ WALK_RUNNING, "running" },	 { WALK_SYSCALL, "syscall" },
		{ WALK_WAITING, "waiting" },	 { WALK_LEAKED, "waiting" },
		{ WALK_DEAD, "dead" },		 { WALK_COPYSTACK, "copystack" },
		{ WALK_PREEMPTED, "preempted" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct walk_goroutine g = { .status = names[i].status };

		assert_string_equal(group_state_name(NULL, &g), names[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_stack),
		cmocka_unit_test(by_site),
		cmocka_unit_test(by_what_it_waits_for),
		cmocka_unit_test(by_age),
		cmocka_unit_test(by_other_means),
		cmocka_unit_test(nobody),
		cmocka_unit_test(each_its_own_group),
		cmocka_unit_test(names_of_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
