/* SPDX-License-Identifier: BSD-2-Clause */
/* A leak of descriptors that begins, pauses, goes on, falls back: the states it goes through. */
#include "unit/trend_scene.h"

#include "trend/judge.h"

struct run {
	struct scene sc;
	struct judge *judge;
	struct verdict v;
	double t;
};

static void run_init(struct run *r)
{
	scene_init(&r->sc, 0);
	assert_int_equal(judge_new(&r->judge), 0);
	r->t = 0;
}

static void run_release(struct run *r)
{
	judge_free(r->judge);
	scene_release(&r->sc);
}

static void look(struct run *r)
{
	struct snapshot snap = { .now_ns = r->sc.p.now_ns, .processes = &r->sc.p, .n = 1 };

	assert_int_equal(judge_look(r->judge, &snap), 0);
}

/* So many seconds in which the descriptors move by so much each; a look every five. */
static void go(struct run *r, int seconds, double each)
{
	for (int i = 0; i < seconds; i++) {
		r->t++;
		r->sc.p.now_ns = (uint64_t)((SCENE_START_S + r->t) * 1e9);
		r->sc.p.fds = (int64_t)MAX(0, (double)r->sc.p.fds + each);
		assert_int_equal(
			series3_add(&r->sc.s[SCENE_FDS], r->sc.p.now_ns, (double)r->sc.p.fds), 0);
		if ((int)r->t % 5 == 0)
			look(r);
	}
	judge_verdict(r->judge, &r->sc.p, &r->v);
}

static void test_two_looks_confirm(void **state)
{
	struct verdict once;
	struct run r;

	(void)state;
	run_init(&r);
	r.sc.p.fds = 20;
	go(&r, 24, 1);
	assert_int_equal(r.v.n_findings, 0);
	/* The first look that can see it is at 30 s, the second at 35. */
	go(&r, 6, 1);
	verdict_of(&r.sc.p, &once);
	assert_int_equal(once.kind, VERDICT_FD_LEAK);
	if (r.v.kind != VERDICT_FD_LEAK) {
		assert_int_equal(r.v.kind, VERDICT_WARMING_UP);
		assert_int_equal(r.v.findings[0].state, FINDING_NEW);
		assert_true(r.v.needs_s > 0);
	}
	go(&r, 10, 1);
	assert_int_equal(r.v.kind, VERDICT_FD_LEAK);
	assert_int_equal(r.v.findings[0].state, FINDING_FLAGGED);
	assert_true(r.v.findings[0].since_s >= 5);
	assert_true(r.v.needs_s == 0);
	run_release(&r);
}

static void test_it_pauses_and_goes_on(void **state)
{
	struct run r;

	(void)state;
	run_init(&r);
	r.sc.p.fds = 20;
	go(&r, 60, 1);
	assert_int_equal(r.v.kind, VERDICT_FD_LEAK);
	double sure = r.v.findings[0].confidence;

	/* It does not flicker while the rise has just ended... */
	go(&r, 40, 0);
	assert_int_equal(r.v.kind, VERDICT_FD_LEAK);
	/* ... and is said to pause, less and less surely. */
	assert_int_equal(r.v.findings[0].state, FINDING_PAUSED);
	assert_true(r.v.findings[0].confidence < sure);
	assert_true(scene_says(&r.v.findings[0], "has not come back down"));
	assert_true(r.v.findings[0].last == 80);
	run_release(&r);
}

static void test_it_comes_back(void **state)
{
	struct run r;

	(void)state;
	run_init(&r);
	r.sc.p.fds = 20;
	go(&r, 60, 1);
	go(&r, 10, -5);
	assert_int_equal(r.v.kind, VERDICT_HEALTHY);
	assert_int_equal(r.v.findings[0].state, FINDING_RECOVERED);
	assert_true(scene_says(&r.v.findings[0], "come back down"));
	assert_non_null(strstr(r.v.summary, "fd-leak, which was found, is over"));
	/* In ten minutes it is forgotten. */
	go(&r, 700, 0);
	assert_int_equal(r.v.n_findings, 0);
	assert_int_equal(r.v.kind, VERDICT_HEALTHY);
	run_release(&r);
}

/* Level for as long as it grew: what filled up is full. */
static void test_it_levels_off(void **state)
{
	struct run r;

	(void)state;
	run_init(&r);
	r.sc.p.fds = 20;
	go(&r, 60, 1);
	go(&r, 150, 0);
	assert_int_equal(r.v.kind, VERDICT_HEALTHY);
	assert_int_equal(r.v.findings[0].state, FINDING_RECOVERED);
	assert_true(scene_says(&r.v.findings[0], "levelled off"));
	run_release(&r);
}

/* The same pid with another start is another process, and who is gone is forgotten. */
static void test_a_new_process_has_no_past(void **state)
{
	struct run r;

	(void)state;
	run_init(&r);
	r.sc.p.fds = 20;
	go(&r, 60, 1);
	assert_int_equal(r.v.kind, VERDICT_FD_LEAK);
	for (int i = 0; i < SCENE_SERIES; i++) {
		series3_release(&r.sc.s[i]);
		series3_init(&r.sc.s[i]);
	}
	r.sc.p.start_ns = r.sc.p.now_ns;
	go(&r, 20, 0);
	assert_int_equal(r.v.n_findings, 0);
	run_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_looks_confirm),
		cmocka_unit_test(test_it_pauses_and_goes_on),
		cmocka_unit_test(test_it_comes_back),
		cmocka_unit_test(test_it_levels_off),
		cmocka_unit_test(test_a_new_process_has_no_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
