/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "model/site.h"
#include "simulate.h"

static const struct model_resolver resolver = {
	.site = sim_site_name,
	.frames = sim_frames,
	.reason = sim_reason,
};
static const struct ages_scale all = { 1, 1, 1 };

static struct site *new_site(int64_t base)
{
	struct site *s = NULL;

	assert_int_equal(site_new(sim_gopc(3), 0, &s), 0);
	assert_int_equal(site_resolve(s, &resolver), 0);
	site_rebase(s, base);
	return s;
}

static struct site_reason *reason(struct site *s, uint32_t number, uint64_t parks, uint64_t readies)
{
	struct site_reason *r = site_reason(s, number);

	assert_non_null(r);
	r->parks = parks;
	r->readies = readies;
	return r;
}

static void test_population(void **state)
{
	struct site *s = new_site(5);

	(void)state;
	s->born = 10;
	s->died = 12;
	assert_int_equal(site_live(s), 3);
	/* counters of before a census that was not made */
	s->died = 100;
	assert_int_equal(site_live(s), 0);
	assert_string_equal(s->function, "main.site3");
	site_free(s);
	site_free(NULL);
}

static void test_wait_reason(void **state)
{
	struct site *s = new_site(100);
	int64_t n = 0;

	(void)state;
	assert_int_equal(site_main_reason(s, &resolver, true, &n), -1);
	assert_int_equal(n, -1);
	reason(s, 2, 80, 10);
	reason(s, 3, 500, 480);
	assert_int_equal(site_main_reason(s, &resolver, true, &n), 0);
	assert_int_equal(n, 70);
	/* more parked than live cannot be */
	reason(s, 2, 800, 10);
	assert_int_equal(site_waiting(s, &s->reasons.items[0], true), 100);
	/* readies of those that parked before the observation */
	reason(s, 2, 10, 500);
	assert_int_equal(site_waiting(s, &s->reasons.items[0], true), 0);
	site_free(s);
}

static void test_uncounted_reasons(void **state)
{
	struct site *s = new_site(100);
	int64_t n = 0;

	(void)state;
	assert_true(site_reason_is_counted("chan receive"));
	assert_true(site_reason_is_counted(NULL));
	assert_false(site_reason_is_counted("IO wait"));
	assert_false(site_reason_is_counted("GC worker (idle)"));
	assert_false(site_reason_is_counted("force gc (idle)"));
	/* IO wait (1) only where no other explains half of them, and then without a number */
	reason(s, 1, 5000, 3);
	reason(s, 2, 60, 0);
	assert_int_equal(site_main_reason(s, &resolver, true, &n), 1);
	assert_int_equal(n, 60);
	reason(s, 2, 30, 0);
	assert_int_equal(site_main_reason(s, &resolver, true, &n), 0);
	assert_int_equal(n, -1);
	site_free(s);
}

static void test_reasons_of_the_census(void **state)
{
	struct site *s = new_site(100);
	struct site_reason *r = reason(s, 2, 0, 0);
	int64_t n = 0;

	(void)state;
	r->base = r->census = 90;
	assert_int_equal(site_main_reason(s, &resolver, true, &n), 0);
	assert_int_equal(n, 90);
	/* with parks counted it follows them, else it stands until the next census */
	r->readies = 7;
	assert_int_equal(site_main_reason(s, &resolver, true, &n), 0);
	assert_int_equal(n, 83);
	assert_int_equal(site_main_reason(s, &resolver, false, &n), 0);
	assert_int_equal(n, 90);
	site_free(s);
}

static void test_reasons_are_bounded(void **state)
{
	struct site *s = new_site(0);

	(void)state;
	for (uint32_t i = 0; i < SNAPSHOT_REASONS_MAX; i++)
		assert_non_null(site_reason(s, i));
	assert_null(site_reason(s, 5000));
	assert_non_null(site_reason(s, 0));
	site_free(s);
}

static void stack(struct site *s, enum wire_hook hook, uint32_t number, uint64_t pc)
{
	__u64 pcs[WIRE_STACK_DEPTH] = { pc, pc + 1, pc + 2 };
	struct event ev = { .kind = WIRE_STACK };

	ev.stack.hook = hook;
	ev.stack.reason = number;
	ev.stack.depth = 3;
	ev.stack.pc = pcs;
	assert_true(site_stack_seen(s, &ev, &resolver) >= 0);
	assert_int_equal(site_frames(s, &resolver), 0);
}

static void test_stack_of_the_main_reason(void **state)
{
	struct site *s = new_site(100);

	(void)state;
	reason(s, 2, 90, 0);
	reason(s, 3, 10, 0);
	assert_int_equal(site_frames(s, &resolver), 0);
	assert_null(s->birth_stack.frames);
	assert_null(s->park_stack.frames);
	stack(s, WIRE_HOOK_BIRTH, 0, 0x100);
	assert_int_equal(s->birth_stack.n_frames, 3);
	assert_string_equal(s->birth_stack.frames[0].function, "f100");
	stack(s, WIRE_HOOK_BIRTH, 0, 0x100);
	assert_false(s->birth_stacks_differ);
	/* of parked stacks one of the main reason is best, and the latest of those */
	stack(s, WIRE_HOOK_PARK, 3, 0x200);
	assert_int_equal(s->park_stack.n_frames, 4);
	assert_string_equal(s->park_stack.frames[0].function, "runtime.gopark");
	assert_string_equal(s->park_stack.frames[1].function, "f200");
	stack(s, WIRE_HOOK_PARK, 2, 0x300);
	assert_string_equal(s->park_stack.frames[1].function, "f300");
	stack(s, WIRE_HOOK_PARK, 3, 0x400);
	assert_string_equal(s->park_stack.frames[1].function, "f300");
	stack(s, WIRE_HOOK_PARK, 2, 0x500);
	assert_string_equal(s->park_stack.frames[1].function, "f500");
	stack(s, WIRE_HOOK_BIRTH, 0, 0x600);
	assert_string_equal(s->birth_stack.frames[0].function, "f600");
	assert_true(s->birth_stacks_differ);
	assert_string_equal(s->park_stack.frames[1].function, "f500");
	assert_string_equal(s->park_stack.frames[3].function, "f502");
	site_free(s);
}

/* As Go prints it: gopark first, no goexit at the end, each with its place. */
static void test_frames(void **state)
{
	struct site *s = new_site(100);

	(void)state;
	stack(s, WIRE_HOOK_PARK, 2, SIM_GOEXIT - 2);
	assert_int_equal(s->park_stack.n_frames, 3);
	assert_string_equal(s->park_stack.frames[0].file, "");
	assert_string_equal(s->park_stack.frames[2].function, "fdf");
	assert_string_equal(s->park_stack.frames[2].file, "f.go");
	assert_int_equal(s->park_stack.frames[2].line, 0xdf);
	/* a go statement's begins with the function that contains it */
	stack(s, WIRE_HOOK_BIRTH, 0, SIM_NEWPROC);
	assert_int_equal(s->birth_stack.n_frames, 2);
	assert_string_equal(s->birth_stack.frames[0].function, "ff1");
	/* seen again it is not named again */
	const char *text = s->park_stack.frames[2].function;

	stack(s, WIRE_HOOK_PARK, 2, SIM_GOEXIT - 2);
	assert_ptr_equal(s->park_stack.frames[2].function, text);
	site_free(s);
}

/* The age that makes a survivor: bounded by the observation, three lifetimes, never falling. */
static void test_long_lived_age(void **state)
{
	struct site *s = new_site(0);
	double age = 0;

	(void)state;
	for (uint64_t t = 1; t <= 400; t++) {
		for (int i = 0; i < 10; i++) {
			assert_int_equal(site_birth(s), 0);
			if (t > 10)
				assert_int_equal(
					site_death(s, (t - 10) * NSEC_PER_SEC, t * NSEC_PER_SEC, 0),
					0);
		}
		assert_int_equal(site_records(s, s->pending, 0, (t - 1) * NSEC_PER_SEC), 0);
		memset(s->pending, 0, sizeof(*s->pending));
		s->born += 10;
		s->died += t > 10 ? 10 : 0;
		assert_int_equal(site_tick(s, 0, (t - 1) * NSEC_PER_SEC, t * NSEC_PER_SEC, &all),
				 0);
		assert_true(s->long_lived_s >= age);
		age = s->long_lived_s;
		if (t == 4)
			assert_true(age == 2);
		if (t == 20)
			assert_true(age == 5);
		if (t == 60)
			assert_true(age == 15);
	}
	assert_true(age > 28 && age < 38);
	site_free(s);
}

static void test_series_begin_with_activity(void **state)
{
	struct site *s = new_site(12);

	(void)state;
	for (uint64_t t = 1; t <= 30; t++)
		assert_int_equal(site_tick(s, 0, (t - 1) * NSEC_PER_SEC, t * NSEC_PER_SEC, &all),
				 0);
	assert_int_equal(series_count(&s->live.h[SERIES_NEAR]), 0);
	assert_null(s->ages);
	s->born = 3;
	assert_int_equal(site_tick(s, 0, 30 * NSEC_PER_SEC, 31 * NSEC_PER_SEC, &all), 0);
	assert_int_equal(series_count(&s->live.h[SERIES_NEAR]), 2);
	assert_true(series_at(&s->live.h[SERIES_NEAR], 0).last == 12);
	assert_true(series_at(&s->live.h[SERIES_NEAR], 1).last == 15);
	assert_true(series_at(&s->survivors.h[SERIES_NEAR], 0).last == 12);
	site_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_population),
		cmocka_unit_test(test_wait_reason),
		cmocka_unit_test(test_uncounted_reasons),
		cmocka_unit_test(test_reasons_of_the_census),
		cmocka_unit_test(test_reasons_are_bounded),
		cmocka_unit_test(test_stack_of_the_main_reason),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_long_lived_age),
		cmocka_unit_test(test_series_begin_with_activity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
