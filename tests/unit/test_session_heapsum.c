/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles made on the spot, of functions that lie at round addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/heapsum.h"

#define MALLOC	 0x1000
#define GROW	 0x2000
#define MAP	 0x3000 /* runtime.mapassign: the runtime's, not an allocator */
#define INLINED	 0x4000 /* runtime.newobject inlined into main.inlined */
#define WRAPPER	 0x5000
#define UNKNOWN	 0x6000
#define OWN	 0x10000 /* and all above */
#define RATE_ALL 1

struct world {
	struct heapsum *sum;
	struct heap_profile profile;
	size_t lookups;
};

static int put(struct goframe *ret, const char *function)
{
	*ret = (struct goframe){ 0 };
	snprintf(ret->function, sizeof(ret->function), "%s", function);
	return 1;
}

static int frames(void *arg, uint64_t pc, struct goframe *ret, size_t max)
{
	struct world *w = arg;

	assert_true(max >= 2);
	w->lookups++;
	if (pc >= OWN)
		return put(ret, "main.own");
	switch (pc & ~UINT64_C(0xfff)) {
	case MALLOC:
		return put(ret, "runtime.mallocgc");
	case GROW:
		return put(ret, "runtime.growslice");
	case MAP:
		return put(ret, "internal/runtime/maps.(*Map).grow");
	case INLINED:
		return put(ret, "runtime.newobject") + put(ret + 1, "main.inlined");
	case WRAPPER:
		put(ret, "main.(*T).wrapper");
		ret->is_wrapper = true;
		return 1;
	default:
		return -ENOENT;
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(heapsum_new(&(struct heapsum_source){ frames, w }, &w->sum), 0);
	assert_int_equal(stacks_new(&w->profile.stacks), 0);
	w->profile.rate = RATE_ALL;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	heap_profile_release(&w->profile);
	heapsum_free(w->sum);
	free(w);
	return 0;
}

static void add(struct world *w, const uint64_t *pcs, uint32_t n, int64_t objects, int64_t size)
{
	struct heap_record r = {
		.stack = n ? stacks_intern(w->profile.stacks, pcs, n, false) : STACKS_NONE,
		.size = (uint64_t)size,
		.allocs = objects + 3,
		.frees = 3,
		.alloc_bytes = (objects + 3) * size,
		.free_bytes = 3 * size,
	};

	assert_int_equal(vec_push(&w->profile.records, r), 0);
}

#define ADD(w, objects, size, ...)                                                               \
	add(w, (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8, \
	    objects, size)

static struct model_allocs make(struct world *w)
{
	struct model_allocs a;

	assert_int_equal(heapsum_make(w->sum, &w->profile, &a), 0);
	return a;
}

static const struct model_alloc_site *find(const struct model_allocs *a, uint64_t pc)
{
	const struct model_alloc_site *found = NULL;

	for (size_t i = 0; i < a->n; i++) {
		if (a->sites[i].pc != pc)
			continue;
		assert_null(found);
		found = &a->sites[i];
	}
	assert_non_null(found);
	return found;
}

static void sites_are_the_first_call_that_is_not_the_runtimes(void **state)
{
	struct world *w = *state;
	const struct model_alloc_site *s;
	struct model_allocs a;

	ADD(w, 7, 48, MALLOC, MAP, OWN + 1, OWN + 2);
	ADD(w, 11, 48, OWN + 1, OWN + 3);
	ADD(w, 13, 64, GROW, OWN + 1);
	ADD(w, 17, 16, MALLOC, INLINED, OWN + 2);
	ADD(w, 19, 16, WRAPPER, OWN + 4, OWN + 1);
	ADD(w, 23, 16, UNKNOWN, OWN + 4);
	a = make(w);
	assert_int_equal(a.n, 3);
	assert_int_equal(a.rate, RATE_ALL);
	s = find(&a, OWN + 1);
	assert_int_equal(s->objects, 7 + 11 + 13);
	assert_int_equal(s->bytes, 7 * 48 + 11 * 48 + 13 * 64);
	/* That of 13 objects holds most. */
	assert_int_equal(s->depth, 1);
	assert_int_equal(s->stack[0], OWN + 1);
	s = find(&a, INLINED);
	assert_int_equal(s->bytes, 17 * 16);
	assert_int_equal(s->depth, 2);
	assert_int_equal(s->stack[0], INLINED);
	assert_int_equal(s->stack[1], OWN + 2);
	s = find(&a, OWN + 4);
	assert_int_equal(s->objects, 19 + 23);
	assert_int_equal(s->depth, 1);
}

static void what_is_all_the_runtimes(void **state)
{
	struct world *w = *state;
	struct model_allocs a;

	ADD(w, 7, 48, MALLOC, GROW + 8, MAP + 8, MAP + 16);
	ADD(w, 11, 48, MALLOC + 4, GROW);
	ADD(w, 13, 48, UINT64_MAX);
	a = make(w);
	assert_int_equal(a.n, 3);
	assert_int_equal(find(&a, MAP + 8)->depth, 2);
	assert_int_equal(find(&a, MALLOC + 4)->bytes, 11 * 48);
	assert_int_equal(find(&a, UINT64_MAX)->bytes, 13 * 48);
}

static void what_holds_nothing_is_no_site(void **state)
{
	struct world *w = *state;

	assert_int_equal(make(w).n, 0);
	ADD(w, 0, 48, OWN);
	add(w, NULL, 0, 7, 48);
	assert_int_equal(make(w).n, 0);
	assert_int_equal(w->lookups, 0);
}

static void samples_are_scaled_each_for_itself(void **state)
{
	struct world *w = *state;
	struct model_allocs a;
	int64_t objects[2], bytes[2];

	w->profile.rate = 524288;
	ADD(w, 7, 48, OWN);
	ADD(w, 1, 524288, OWN, OWN + 1);
	a = make(w);
	heap_scale(7, 7 * 48, 524288, &objects[0], &bytes[0]);
	heap_scale(1, 524288, 524288, &objects[1], &bytes[1]);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.sites[0].objects, objects[0] + objects[1]);
	assert_int_equal(a.sites[0].bytes, bytes[0] + bytes[1]);
	assert_int_equal(a.sites[0].depth, 1); /* 3.7 MB of small ones */
	assert_int_equal(a.rate, 524288);
}

static void sums_end_at_the_largest_number(void **state)
{
	struct world *w = *state;

	w->profile.rate = -1;
	ADD(w, 1, INT64_MAX / 4 - 1, OWN);
	for (int i = 0; i < 9; i++)
		ADD(w, 1, INT64_MAX / 4 - 1, OWN, OWN + 1);
	assert_int_equal(make(w).sites[0].bytes, INT64_MAX);
}

static void the_largest_are_kept(void **state)
{
	struct world *w = *state;
	struct model_allocs a;

	for (uint32_t i = 0; i < 1009; i++)
		ADD(w, 1, 16 * (1 + i), OWN + i);
	a = make(w);
	assert_int_equal(a.n, HEAPSUM_SITES_MAX);
	for (uint32_t i = 1009 - HEAPSUM_SITES_MAX; i < 1009; i++)
		assert_int_equal(find(&a, OWN + i)->bytes, 16 * (1 + i));
}

static void an_address_is_looked_up_once(void **state)
{
	struct world *w = *state;
	struct model_allocs a;

	for (uint32_t i = 0; i < 100; i++)
		ADD(w, 1, 16, MALLOC, OWN + i % 7, OWN + 1000 + i);
	a = make(w);
	assert_int_equal(a.n, 7);
	assert_int_equal(w->lookups, 8);
	a = make(w);
	assert_int_equal(a.n, 7);
	assert_int_equal(w->lookups, 8);
}

static void lookups_have_an_end(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < HEAPSUM_LOOKUPS_MAX + 101; i++)
		ADD(w, 1, 16, OWN + i);
	assert_int_equal(make(w).n, HEAPSUM_SITES_MAX);
	assert_int_equal(w->lookups, HEAPSUM_LOOKUPS_MAX);
	assert_int_equal(heapsum_left_out(w->sum), 101);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sites_are_the_first_call_that_is_not_the_runtimes),
		TEST(what_is_all_the_runtimes),
		TEST(what_holds_nothing_is_no_site),
		TEST(samples_are_scaled_each_for_itself),
		TEST(sums_end_at_the_largest_number),
		TEST(the_largest_are_kept),
		TEST(an_address_is_looked_up_once),
		TEST(lookups_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
