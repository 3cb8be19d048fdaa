/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/trend_scene.h"

static double one_in_five_seconds(double t)
{
	return 23 + floor(t / 5);
}

static double none(double t)
{
	(void)t;
	return 0;
}

static double log_rotation(double t)
{
	return 23 + ((int)(t / 7) % 2 ? 11 : 0);
}

static double opened_once(double t)
{
	return t < 20 ? 23 : 123;
}

static void judge(double (*fds)(double), double (*sockets)(double), const struct sockets *states,
		  struct verdict *ret)
{
	struct scene sc;

	scene_init(&sc, 90);
	scene_fill(&sc, SCENE_FDS, fds);
	scene_fill(&sc, SCENE_SOCKETS, sockets);
	scene_fill(&sc, SCENE_PIPES, none);
	scene_fill(&sc, SCENE_FILES, none);
	sc.p.fds = (int64_t)fds(90);
	sc.p.sockets = (int64_t)sockets(90);
	sc.p.socket_states = states;
	verdict_of(&sc.p, ret);
	scene_release(&sc);
}

static void test_sockets_that_are_not_closed(void **state)
{
	const struct sockets states = {
		.n = { [SOCKETS_ESTABLISHED] = 3, [SOCKETS_CLOSE_WAIT] = 31, [SOCKETS_LISTEN] = 1 },
	};
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge(one_in_five_seconds, one_in_five_seconds, &states, &v);
	assert_int_equal(v.kind, VERDICT_FD_LEAK);
	f = scene_finding(&v, VERDICT_FD_LEAK);
	assert_string_equal(f->what, "sockets");
	assert_true(fabs(f->per_min - 12) < 0.5);
	assert_true(scene_says(f, "1 LISTEN, 3 ESTABLISHED, 31 CLOSE_WAIT"));
	assert_true(scene_says(f, "the other side has closed"));
}

static void test_kind_that_is_not_known(void **state)
{
	const struct finding *f;
	struct verdict v;

	(void)state;
	judge(one_in_five_seconds, none, NULL, &v);
	f = scene_finding(&v, VERDICT_FD_LEAK);
	assert_non_null(f);
	assert_string_equal(f->what, "descriptors");
	assert_true(scene_says(f, "/proc/7/fd"));
}

static void test_what_is_no_leak(void **state)
{
	struct verdict v;

	(void)state;
	judge(log_rotation, none, NULL, &v);
	assert_int_equal(v.n_findings, 0);
	judge(opened_once, opened_once, NULL, &v);
	assert_int_equal(v.n_findings, 0);
	judge(none, none, NULL, &v);
	assert_int_equal(v.n_findings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets_that_are_not_closed),
		cmocka_unit_test(test_kind_that_is_not_known),
		cmocka_unit_test(test_what_is_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
