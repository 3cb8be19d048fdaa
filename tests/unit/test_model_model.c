/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulate.h"

/* Runs for so many seconds: rate births a second at site 1, each living so long. */
static void run(struct sim *s, double seconds, double rate, double lifetime)
{
	double end = s->now + seconds, next = floor(s->now) + 1;

	while (s->now < end - 1e-9) {
		int n = sim_poisson(s, rate);

		for (int i = 0; i < n; i++)
			sim_go_at(s, 1, s->now + SIM_STEP * i / n, lifetime);
		s->now += SIM_STEP;
		sim_deaths(s, s->now);
		if (s->is_attached && s->now >= next - 1e-9) {
			sim_tick(s);
			next++;
		}
	}
}

static size_t alive_at(const struct sim *s, unsigned int site)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->heap[i].site == site;
	return n;
}

static void test_population_is_exact(void **state)
{
	static const uint64_t masks[] = { 0, 15, ~0ULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		struct sim s;

		sim_init(&s, 7);
		s.mask = masks[i];
		for (int k = 0; k < 3; k++)
			sim_go(&s, SIM_SITES - 1, SIM_EVER);
		run(&s, 5, 300, 1.5);
		size_t before = alive_at(&s, 1);

		sim_attach(&s, true);
		run(&s, 20, 300, 1.5);
		struct snapshot *snap = sim_snapshot(&s);
		const struct snapshot_process *p = &snap->processes[0];

		assert_int_equal(p->live, alive_at(&s, 1));
		assert_int_equal(p->at_attach, before);
		assert_int_equal(p->live_system, 3);
		assert_int_equal(p->born, s.sites[1].births);
		assert_int_equal(p->died, s.sites[1].deaths);
		assert_int_equal(sim_row(snap, 1)->live, alive_at(&s, 1));
		assert_int_equal(sim_row(snap, 1)->at_attach, before);
		assert_true(sim_row(snap, SIM_SITES - 1)->is_system);
		assert_int_equal(p->received + p->sampled_out + p->lost, p->born + p->died);
		snapshot_free(snap);
		sim_release(&s);
	}
}

static void test_without_census_is_unknown(void **state)
{
	struct sim s;

	(void)state;
	sim_init(&s, 3);
	run(&s, 5, 100, 3);
	sim_attach(&s, false);
	run(&s, 10, 100, 3);
	struct snapshot *snap = sim_snapshot(&s);
	const struct snapshot_site *row = sim_row(snap, 1);

	assert_int_equal(snap->processes[0].live, -1);
	assert_int_equal(snap->processes[0].at_attach, -1);
	/* deaths of those from before are counted, their births were not */
	assert_true(s.sites[1].births > s.sites[1].deaths
			    ? row->live == (int64_t)(s.sites[1].births - s.sites[1].deaths)
			    : row->live == 0);
	assert_int_equal(row->at_attach, 0);
	snapshot_free(snap);
	sim_release(&s);
}

static void test_same_pid_twice(void **state)
{
	struct model_process_info info = {
		.pid = SIM_PID,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};
	struct sim s;

	(void)state;
	sim_init(&s, 1);
	assert_int_equal(model_process_add(s.m, &info), 0);
	assert_int_equal(model_process_add(s.m, &info), -EEXIST);
	model_process_remove(s.m, SIM_PID);
	assert_int_equal(model_process_add(s.m, &info), 0);
	model_process_remove(s.m, 1);
	sim_release(&s);
}

static void count_release(void *arg)
{
	(*(int *)arg)++;
}

static void test_resolver_released_once(void **state)
{
	int released = 0;
	struct model_process_info info = {
		.pid = 9,
		.resolver = { .site = sim_site_name,
			      .frames = sim_frames,
			      .reason = sim_reason,
			      .release = count_release,
			      .arg = &released },
	};
	struct sim s;

	(void)state;
	sim_init(&s, 1);
	assert_int_equal(model_process_add(s.m, &info), 0);
	assert_int_equal(model_process_add(s.m, &info), -EEXIST);
	assert_int_equal(released, 0);
	model_process_remove(s.m, 9);
	assert_int_equal(released, 1);
	sim_release(&s);
	assert_int_equal(released, 1);
}

static void test_unknown_pid_is_ignored(void **state)
{
	struct event ev = { .kind = WIRE_BIRTH, .pid = 5, .ts_ns = 1, .go = { .goid = 3 } };
	struct wire_site c = { .births = 1 };
	struct snapshot *snap = NULL;
	struct sim s;

	(void)state;
	sim_init(&s, 1);
	model_event(s.m, &ev);
	model_site_counts(s.m, 5, 0x400100, &c);
	model_tick(s.m, 2);
	assert_int_equal(model_snapshot(s.m, 3, &snap), 0);
	assert_int_equal(snap->n, 0);
	snapshot_free(snap);
	sim_release(&s);
}

/* Of the sanitizer's run-time library, which all unit tests have. */
size_t __sanitizer_get_current_allocated_bytes(void);

static void come_and_go(struct model *m, pid_t pid, uint64_t now_ns)
{
	struct model_process_info info = {
		.pid = pid,
		.comm = "brief",
		.start_ns = now_ns,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};

	assert_int_equal(model_process_add(m, &info), 0);
	for (uint64_t goid = 1; goid <= 5; goid++) {
		struct event birth = { .kind = WIRE_BIRTH,
				       .pid = pid,
				       .ts_ns = now_ns + goid,
				       .go = { .goid = goid, .gopc = sim_gopc(goid % 3) } };

		model_event(m, &birth);
	}
	model_counts_begin(m);
	for (unsigned int site = 0; site < 3; site++)
		model_site_counts(m, pid, sim_gopc(site),
				  &(struct wire_site){ .births = 2, .deaths = 1 });
	model_counts_end(m);
	model_process_exited(m, pid, now_ns + NSEC_PER_SEC / 2, 0);
	model_tick(m, now_ns + NSEC_PER_SEC);
	model_process_remove(m, pid);
}

/* Of a month of processes that came and went nothing is left. */
static void test_what_is_gone_takes_no_memory(void **state)
{
	const pid_t n = 100003, settled = 1009;
	struct model *m = NULL;
	size_t then = 0;

	(void)state;
	assert_int_equal(model_new(NULL, &m), 0);
	for (pid_t i = 0; i < n; i++) {
		if (i == settled)
			then = __sanitizer_get_current_allocated_bytes();
		come_and_go(m, 1 + i, (uint64_t)(1 + i) * NSEC_PER_SEC);
	}
	assert_true(__sanitizer_get_current_allocated_bytes() <= then);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_population_is_exact),
		cmocka_unit_test(test_without_census_is_unknown),
		cmocka_unit_test(test_same_pid_twice),
		cmocka_unit_test(test_resolver_released_once),
		cmocka_unit_test(test_unknown_pid_is_ignored),
		cmocka_unit_test(test_what_is_gone_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
