/* SPDX-License-Identifier: BSD-2-Clause */
/* What looks like a leak of goroutines for a while, and what tells that it is none. */
#include "unit/trend_scene.h"

struct site_scene {
	struct scene sc;
	struct snapshot_site site;
	struct series3 live, survivors, births;
	struct snapshot_timers timers;
};

static double one_a_second(double t)
{
	return t;
}

static void fill(struct series3 *s, int seconds, double (*f)(double), double from)
{
	series3_init_small(s);
	for (int t = 1; t <= seconds; t++)
		assert_int_equal(
			series3_add(s, (uint64_t)(SCENE_START_S + t) * NSEC_PER_SEC, from + f(t)),
			0);
}

static double one(double t)
{
	(void)t;
	return 1;
}

/* One more goroutine a second, from so many on, none of which ends. */
static void scene_site(struct site_scene *s, int seconds, double at_attach)
{
	memset(s, 0, sizeof(*s));
	scene_init(&s->sc, seconds);
	fill(&s->live, seconds, one_a_second, at_attach);
	fill(&s->survivors, seconds, one_a_second, at_attach - 5);
	fill(&s->births, seconds, one, 0);
	s->site = (struct snapshot_site){
		.gopc = 0x400100,
		.function = "main.handle",
		.file = "main.go",
		.line = 41,
		.start_function = "main.work",
		.live = (int64_t)at_attach + seconds,
		.at_attach = (int64_t)at_attach,
		.born = (uint64_t)seconds,
		.born_lately = 5,
		.survivors = (int64_t)at_attach + seconds - 5,
		.lifetime_p50_s = -1,
		.lifetime_p99_s = -1,
		.long_lived_s = 5,
		.wait_reason = "chan receive",
		.wait_count = (int64_t)at_attach + seconds,
		.before = { .live = -1, .still_part = -1, .channels = -1, .channels_of = -1 },
		.ran_part = -1,
		.live_series = &s->live,
		.survivor_series = &s->survivors,
		.birth_series = &s->births,
	};
	s->sc.p.sites = &s->site;
	s->sc.p.n_sites = 1;
	s->sc.p.timers = &s->timers;
}

static void scene_judge(struct site_scene *s, struct verdict *ret)
{
	verdict_of(&s->sc.p, ret);
	series3_release(&s->live);
	series3_release(&s->survivors);
	series3_release(&s->births);
	scene_release(&s->sc);
}

static void test_leak(void **state)
{
	const struct finding *f;
	struct site_scene s;
	struct verdict v;

	(void)state;
	scene_site(&s, 60, 7);
	scene_judge(&s, &v);
	assert_int_equal(v.kind, VERDICT_GOROUTINE_LEAK);
	f = scene_finding(&v, VERDICT_GOROUTINE_LEAK);
	assert_false(f->is_early);
	assert_true(f->confidence > 0.9);
	assert_true(fabs(f->per_min - 60) < 3);
	assert_true(scene_says(f, "each stays"));
}

static void test_a_site_that_is_new_is_early(void **state)
{
	struct site_scene s;
	struct verdict v;

	(void)state;
	scene_site(&s, 30, 0);
	scene_judge(&s, &v);
	assert_true(v.findings[0].is_early);
	scene_site(&s, 50, 0);
	scene_judge(&s, &v);
	assert_false(v.findings[0].is_early);
	/* those that ended lived for half of what was observed: the others may, too */
	scene_site(&s, 50, 7);
	s.site.died = 20;
	s.site.ended_late = 3;
	s.site.lifetime_p50_s = 17;
	s.site.lifetime_p99_s = 26;
	scene_judge(&s, &v);
	assert_true(v.findings[0].is_early);
}

/* A pool has found its size after two minutes; subscribers that are forgotten go on. */
static void test_workers_are_at_work(void **state)
{
	struct site_scene s;
	struct verdict v;

	(void)state;
	scene_site(&s, 60, 7);
	s.site.ran_part = 0.98;
	scene_judge(&s, &v);
	assert_true(v.findings[0].is_early);
	assert_true(v.findings[0].confidence < 0.75);
	assert_true(scene_says(&v.findings[0], "have run lately"));
	scene_site(&s, 150, 7);
	s.site.ran_part = 0.98;
	scene_judge(&s, &v);
	assert_int_equal(v.kind, VERDICT_GOROUTINE_LEAK);
	assert_false(v.findings[0].is_early);
	/* woken by tickers of their own they are forgotten all the same */
	scene_site(&s, 60, 7);
	s.site.ran_part = 0.98;
	s.timers.total = 66;
	scene_judge(&s, &v);
	assert_false(v.findings[0].is_early);
	/* and so are those that sleep in a loop, or of which few have run */
	scene_site(&s, 60, 7);
	s.site.ran_part = 0.98;
	s.site.wait_reason = "sleep";
	scene_judge(&s, &v);
	assert_false(v.findings[0].is_early);
	scene_site(&s, 60, 7);
	s.site.ran_part = 0.1;
	scene_judge(&s, &v);
	assert_false(v.findings[0].is_early);
}

static void test_connections(void **state)
{
	const struct sockets states = { .n = { [SOCKETS_ESTABLISHED] = 67 } };
	const struct sockets closed = { .n = { [SOCKETS_CLOSE_WAIT] = 67 } };
	struct site_scene s;
	struct verdict v;

	(void)state;
	scene_site(&s, 60, 7);
	s.site.wait_reason = "IO wait";
	scene_fill(&s.sc, SCENE_SOCKETS, one_a_second);
	s.sc.p.socket_states = &states;
	scene_judge(&s, &v);
	assert_int_equal(v.kind, VERDICT_PRESSURE);
	/* the other side has closed them */
	scene_site(&s, 60, 7);
	s.site.wait_reason = "IO wait";
	scene_fill(&s.sc, SCENE_SOCKETS, one_a_second);
	s.sc.p.socket_states = &closed;
	scene_judge(&s, &v);
	assert_int_equal(v.kind, VERDICT_GOROUTINE_LEAK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak),
		cmocka_unit_test(test_a_site_that_is_new_is_early),
		cmocka_unit_test(test_workers_are_at_work),
		cmocka_unit_test(test_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
