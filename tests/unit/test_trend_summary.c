/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/compare_fixture.h"

static void test_figures(void **state)
{
	struct server w = server_leaking;
	struct summary s;

	(void)state;
	w.kept = 100e3;
	server_observe(&w, &s);
	assert_string_equal(s.comm, "sim");
	assert_true(fabs(s.observed_s - 60) < 1.5);
	assert_true(fabs(s.age_s - s.observed_s - 3600) < 1e-6);
	assert_true(fabs(s.work[SUMMARY_BIRTHS] - 55) < 5);
	assert_true(fabs(s.work[SUMMARY_ALLOCATED] - 10e6) < 1e5);
	assert_true(fabs(s.levels[SUMMARY_HEAP_LIVE].per_min - 6e6) < 2e5);
	assert_true(s.levels[SUMMARY_HEAP_LIVE].per_min_low <= 6e6);
	assert_true(s.levels[SUMMARY_HEAP_LIVE].per_min_high >= 6e6);
	/* nothing was read of it */
	assert_false(s.levels[SUMMARY_OUTSIDE].is_known);
	assert_true(isnan(s.levels[SUMMARY_OUTSIDE].last));
	summary_release(&s);
}

static void test_leak(void **state)
{
	const struct summary_site *site;
	struct summary s;

	(void)state;
	server_observe(&server_leaking, &s);
	assert_int_equal(s.kind, VERDICT_GOROUTINE_LEAK);
	assert_ptr_equal(summary_worst_leak(&s), &s.leaks[0]);
	assert_string_equal(s.leaks[0].function, "main.site2");
	s.leaks[0].state = FINDING_NEW;
	assert_null(summary_worst_leak(&s));

	site = summary_site(&s, "main.site2", "main.site2.func1");
	assert_non_null(site);
	assert_true(fabs(site->live.per_min - 300) < 10);
	assert_true(fabs(site->born_per_s - 5) < 0.2);
	assert_true(fabs(site->survivors.per_min - 300) < 30);
	assert_null(summary_site(&s, "main.site2", "main.site2.func2"));
	summary_release(&s);
}

/* A picture of go statements made by hand. */
struct picture {
	struct snapshot_process p;
	struct snapshot_site *sites;
	struct series3 none;
	struct verdict v;
};

static void picture_init(struct picture *pic, size_t n)
{
	memset(pic, 0, sizeof(*pic));
	series3_init(&pic->none);
	pic->sites = calloc(n, sizeof(*pic->sites));
	assert_non_null(pic->sites);
	pic->p = (struct snapshot_process){
		.comm = "hand",
		.start_ns = NSEC_PER_SEC,
		.now_ns = 11 * NSEC_PER_SEC,
		.age_s = -1,
		.live_series = &pic->none,
		.heap_live_series = &pic->none,
		.outside_series = &pic->none,
		.fds_series = &pic->none,
		.birth_series = &pic->none,
		.alloc_series = &pic->none,
		.io_series = &pic->none,
		.sites = pic->sites,
		.n_sites = n,
	};
	for (size_t i = 0; i < n; i++)
		pic->sites[i] = (struct snapshot_site){
			.gopc = i,
			.function = "main.f",
			.start_function = "main.g",
			.line = (uint32_t)i,
			.live = (int64_t)i,
			.born = 10,
			.live_series = &pic->none,
			.survivor_series = &pic->none,
		};
}

static void picture_release(struct picture *pic)
{
	series3_release(&pic->none);
	free(pic->sites);
}

/* They are known again by what they are called, not by their lines. */
static void test_statements_of_one_name(void **state)
{
	struct picture pic;
	struct summary s;

	(void)state;
	picture_init(&pic, 5);
	pic.sites[3].start_function = "main.h";
	pic.sites[4].is_system = true;
	assert_int_equal(summary_make(&pic.p, &pic.v, &s), 0);
	assert_int_equal(s.n_sites, 2);
	const struct summary_site *site = summary_site(&s, "main.f", "main.g");

	assert_int_equal(site->statements, 3);
	assert_int_equal(site->line, 2); /* the largest */
	assert_true(site->live.is_known);
	assert_true(site->live.last == 0 + 1 + 2);
	assert_true(site->live.per_min_high == 0); /* nothing came or went */
	assert_true(site->born_per_s == 3);
	assert_false(s.is_cut);
	assert_true(s.age_s == -1);
	summary_release(&s);
	picture_release(&pic);
}

static void test_bounded(void **state)
{
	enum { N = SUMMARY_SITES_MAX + 7 };
	static char names[N][16];
	struct picture pic;
	struct summary s;

	(void)state;
	picture_init(&pic, N);
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "main.f%zu", i);
		pic.sites[i].function = names[i];
	}
	assert_int_equal(summary_make(&pic.p, &pic.v, &s), 0);
	assert_int_equal(s.n_sites, SUMMARY_SITES_MAX);
	assert_true(s.is_cut);
	assert_string_equal(s.sites[0].function, names[N - 1]); /* the largest is kept */
	assert_null(summary_site(&s, "main.f0", "main.g"));
	summary_release(&s);
	picture_release(&pic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_leak),
		cmocka_unit_test(test_statements_of_one_name),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
