/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/compare_fixture.h"

#include "trend/compare.h"

/* Both observed and compared; released by done(). */
struct both {
	struct summary before, after;
	struct compare c;
};

static void run(struct both *b, const struct server *before, const struct server *after)
{
	server_observe(before, &b->before);
	server_observe(after, &b->after);
	compare(&b->before, &b->after, &b->c);
}

static void done(struct both *b)
{
	summary_release(&b->before);
	summary_release(&b->after);
}

static void check(const struct both *b, enum compare_outcome outcome, enum compare_fate fate)
{
	if (b->c.outcome != outcome || (b->c.n_leaks && b->c.leaks[0].fate != fate))
		print_error("%s: %s (before: %s; after: %s)\n", compare_outcome_str(b->c.outcome),
			    b->c.summary, b->before.verdict, b->after.verdict);
	assert_int_equal(b->c.outcome, outcome);
	assert_true(b->c.n_leaks > 0);
	assert_int_equal(b->c.leaks[0].fate, fate);
}

static void check_says(const struct both *b, const char *words)
{
	if (!strstr(b->c.summary, words))
		print_error("%s\n", b->c.summary);
	assert_non_null(strstr(b->c.summary, words));
}

/* The goroutine is not started any more: the rest of the work tells that there was load. */
static void test_fixed(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_leaking, &server_healthy);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	assert_int_equal(b.c.n_leaks, 1);
	assert_true(fabs(b.c.leaks[0].before->per_min - 300) < 15);
	assert_true(b.c.leaks[0].now.per_min_high == 0);
	assert_true(b.c.leaks[0].is_unreached);
	assert_true(fabs(b.c.leaks[0].work - 1) < 0.1);
	check_says(&b, "goroutines started in main.site2: +300");
	done(&b);
}

/* It is started as often, and ends. */
static void test_fixed_by_ending(void **state)
{
	struct server after = server_healthy;
	struct both b;

	(void)state;
	after.orders = server_leaking.leaks;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	assert_string_equal(b.c.leaks[0].work_of, "goroutines started there");
	assert_false(b.c.leaks[0].is_unreached);
	done(&b);
}

static void test_more_work_does_not_hurt(void **state)
{
	struct server after = server_healthy;
	struct both b;

	(void)state;
	after.requests *= 3;
	after.allocated *= 3;
	after.orders = 3 * server_leaking.leaks;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	done(&b);
}

static void test_not_fixed(void **state)
{
	struct server after = server_leaking;
	struct both b;

	(void)state;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_NOT_FIXED, COMPARE_STILL_THERE);
	assert_non_null(b.c.leaks[0].after);
	done(&b);

	after.leaks = 1;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_NOT_FIXED, COMPARE_LESS);
	check_says(&b, "less, but not gone");
	done(&b);
}

/* At a quarter of the load a quarter of the leak is all of it. */
static void test_same_leak_at_less_work(void **state)
{
	struct server after = server_leaking;
	struct both b;

	(void)state;
	after.leaks /= 4;
	after.requests /= 4;
	after.allocated /= 4;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_NOT_FIXED, COMPARE_STILL_THERE);
	done(&b);
}

static void test_not_comparable(void **state)
{
	struct server after = server_healthy;
	struct both b;

	(void)state;
	after.requests /= 5;
	after.allocated /= 5;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_NOT_COMPARABLE, COMPARE_UNKNOWN);
	check_says(&b, "much less work");
	done(&b);

	after = server_healthy;
	after.seconds = 20;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_NOT_COMPARABLE, COMPARE_UNKNOWN);
	check_says(&b, "s only: one of 30s or more could tell");
	done(&b);
}

/* That it still leaks is to be seen in a short time, too. */
static void test_short_and_not_fixed(void **state)
{
	struct server after = server_leaking;
	struct both b;

	(void)state;
	after.seconds = 25;
	run(&b, &server_leaking, &after);
	check(&b, COMPARE_NOT_FIXED, COMPARE_STILL_THERE);
	done(&b);
}

static void test_new_leak(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_healthy, &server_leaking);
	check(&b, COMPARE_NOT_FIXED, COMPARE_NEW);
	assert_null(b.c.leaks[0].before);
	done(&b);
}

static void test_nothing_to_fix(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_healthy, &server_healthy);
	assert_int_equal(b.c.outcome, COMPARE_NOTHING_TO_FIX);
	assert_int_equal(b.c.n_leaks, 0);
	/* who did not look long enough does not know */
	b.after.kind = VERDICT_WARMING_UP;
	compare(&b.before, &b.after, &b.c);
	assert_int_equal(b.c.outcome, COMPARE_NOT_COMPARABLE);
	done(&b);
}

static void test_heap(void **state)
{
	struct server before = server_healthy, after = server_healthy;
	struct both b;

	(void)state;
	before.kept = 500e3;
	run(&b, &before, &after);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	assert_int_equal(b.c.leaks[0].before->kind, VERDICT_HEAP_RETENTION);
	assert_string_equal(b.c.leaks[0].work_of, "bytes allocated");
	done(&b);

	after.kept = 100e3;
	run(&b, &before, &after);
	check(&b, COMPARE_NOT_FIXED, COMPARE_LESS);
	done(&b);

	/* what no collection has looked at is not known */
	after = server_healthy;
	after.gc_every_s = 30;
	run(&b, &before, &after);
	check(&b, COMPARE_NOT_COMPARABLE, COMPARE_UNKNOWN);
	check_says(&b, "too few garbage collections");
	done(&b);
}

static void rename_text(char **text, const char *to)
{
	free(*text);
	*text = strdup(to);
	assert_non_null(*text);
}

/* Closures are numbered, and a fix changes the numbers. */
static void test_renamed(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_leaking, &server_leaking);
	rename_text(&b.after.leaks[0].start_function, "main.site2.func2");
	for (size_t i = 0; i < b.after.n_sites; i++)
		if (!strcmp(b.after.sites[i].start_function, "main.site2.func1"))
			rename_text(&b.after.sites[i].start_function, "main.site2.func2");
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_FIXED, COMPARE_STILL_THERE);
	assert_int_equal(b.c.n_leaks, 1);
	/* without a finding the figures tell */
	b.after.leaks[0].state = FINDING_NEW;
	rename_text(&b.after.leaks[0].function, "main.elsewhere");
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_FIXED, COMPARE_STILL_THERE);
	done(&b);
}

/* Under another name, and without a module, it is known by its go statements. */
static void test_renamed_program(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_leaking, &server_leaking);
	rename_text(&b.after.exe, "/bin/sim-new");
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_FIXED, COMPARE_STILL_THERE);
	done(&b);
}

/* More and more requests, each of which ends: there are more of them, and no survivors. */
static void test_rising_load(void **state)
{
	struct server after = server_healthy;
	struct summary_site *site;
	struct both b;

	(void)state;
	after.orders = server_leaking.leaks;
	run(&b, &server_leaking, &after);
	site = (struct summary_site *)summary_site(&b.after, "main.site2", "main.site2.func1");
	assert_non_null(site);
	assert_true(site->survivors.is_known);
	site->live.per_min = 200;
	site->live.per_min_low = 150;
	site->live.per_min_high = 250;
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	done(&b);
}

static void test_other_program(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_leaking, &server_healthy);
	rename_text(&b.after.exe, "/bin/other");
	for (size_t i = 0; i < b.after.n_sites; i++)
		rename_text(&b.after.sites[i].function, "main.other");
	compare(&b.before, &b.after, &b.c);
	assert_int_equal(b.c.outcome, COMPARE_NOT_COMPARABLE);
	check_says(&b, "different programs: sim (module unknown) and other");
	/* an executable may be renamed if the module is the same */
	rename_text(&b.before.module, "example.org/sim");
	rename_text(&b.after.module, "example.org/sim");
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	done(&b);
}

/* What was left behind before has a size and no slope, and an age. */
static void test_pile(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_leaking, &server_healthy);
	b.before.leaks[0].per_min = 0;
	b.before.leaks[0].last = 5000;
	b.before.age_s = b.after.age_s = 7200;
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_FIXED, COMPARE_GONE);
	b.after.age_s = 90;
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_COMPARABLE, COMPARE_UNKNOWN);
	check_says(&b, "too young");
	done(&b);
}

/* The interval reaches from none to half of what it was. */
static void test_too_uncertain(void **state)
{
	struct server after = server_healthy;
	struct both b;

	(void)state;
	after.orders = server_leaking.leaks;
	run(&b, &server_leaking, &after);
	for (size_t i = 0; i < b.after.n_sites; i++)
		if (!strcmp(b.after.sites[i].function, "main.site2")) {
			b.after.sites[i].survivors.is_known = false;
			b.after.sites[i].live.per_min_low = -150;
			b.after.sites[i].live.per_min_high = 150;
		}
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_COMPARABLE, COMPARE_UNKNOWN);
	check_says(&b, "not sure");
	/* a rise that is sure is no chance */
	for (size_t i = 0; i < b.after.n_sites; i++)
		b.after.sites[i].live.per_min_low = 45;
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_FIXED, COMPARE_LESS);
	done(&b);
}

static void test_sites_left_out(void **state)
{
	struct both b;

	(void)state;
	run(&b, &server_leaking, &server_healthy);
	b.after.is_cut = true;
	compare(&b.before, &b.after, &b.c);
	check(&b, COMPARE_NOT_COMPARABLE, COMPARE_UNKNOWN);
	done(&b);
}

static void test_choose(void **state)
{
	struct summary before[2], after[2];
	const struct summary *a, *b;

	(void)state;
	server_observe(&server_healthy, &before[0]);
	server_observe(&server_leaking, &before[1]);
	server_observe(&server_healthy, &after[0]);
	server_observe(&server_healthy, &after[1]);
	rename_text(&before[1].comm, "leaky");
	rename_text(&after[1].comm, "leaky");
	assert_true(compare_choose(before, 2, after, 2, &a, &b));
	assert_ptr_equal(a, &before[1]);
	assert_ptr_equal(b, &after[1]);
	/* the second tape leaks alone */
	assert_true(compare_choose(after, 2, before, 2, &a, &b));
	assert_ptr_equal(a, &after[1]);
	assert_ptr_equal(b, &before[1]);
	/* nobody has its name */
	rename_text(&after[1].comm, "other");
	assert_false(compare_choose(before, 2, after, 2, &a, &b));
	assert_false(compare_choose(before, 0, after, 2, &a, &b));
	/* those that are alone belong together */
	assert_true(compare_choose(&before[1], 1, &after[1], 1, &a, &b));
	for (size_t i = 0; i < 2; i++) {
		summary_release(&before[i]);
		summary_release(&after[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_fixed_by_ending),
		cmocka_unit_test(test_more_work_does_not_hurt),
		cmocka_unit_test(test_not_fixed),
		cmocka_unit_test(test_same_leak_at_less_work),
		cmocka_unit_test(test_not_comparable),
		cmocka_unit_test(test_short_and_not_fixed),
		cmocka_unit_test(test_new_leak),
		cmocka_unit_test(test_nothing_to_fix),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_renamed_program),
		cmocka_unit_test(test_rising_load),
		cmocka_unit_test(test_other_program),
		cmocka_unit_test(test_pile),
		cmocka_unit_test(test_too_uncertain),
		cmocka_unit_test(test_sites_left_out),
		cmocka_unit_test(test_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
