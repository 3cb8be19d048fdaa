/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Observations of a made-up server, summed up: requests that end, and whatever leaks.  For the
 * tests of comparisons.
 */
#ifndef GOTIDE_TESTS_COMPARE_FIXTURE_H
#define GOTIDE_TESTS_COMPARE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulate.h"
#include "trend/judge.h"
#include "trend/summary.h"

#define SERVER_REQUESTS 1 /* sites */
#define SERVER_LEAK	2

struct server {
	double seconds;
	double requests; /* per second */
	double leaks; /* goroutines per second of which none ends ... */
	double orders; /* ... and that do end, started at the same place */
	double allocated, kept; /* bytes per second */
	double gc_every_s;
};

/* What most tests begin with. */
static const struct server server_healthy = { .seconds = 60,
					      .requests = 50,
					      .allocated = 10e6,
					      .gc_every_s = 2 };
static const struct server server_leaking = { .seconds = 60,
					      .requests = 50,
					      .allocated = 10e6,
					      .gc_every_s = 2,
					      .leaks = 5 };

static inline bool server_is_due(double t, double rate)
{
	return floor((t + SIM_STEP) * rate + 1e-6) > floor(t * rate + 1e-6);
}

static inline void server_step(struct sim *s, const struct server *w, double t)
{
	sim_deaths(s, s->now);
	for (int n = sim_poisson(s, w->requests); n > 0; n--)
		sim_go(s, SERVER_REQUESTS, 0.02);
	if (server_is_due(t, w->leaks))
		sim_go(s, SERVER_LEAK, SIM_EVER);
	if (server_is_due(t, w->orders))
		sim_go(s, SERVER_LEAK, 0.05);
	s->total_alloc += w->allocated * SIM_STEP;
	s->heap_live += w->kept * SIM_STEP;
	if (server_is_due(t, 1 / w->gc_every_s))
		sim_mark(s, s->heap_live);
	if (server_is_due(t, 1))
		sim_tick(s);
}

/* The caller releases *ret. */
static inline void server_observe(const struct server *w, struct summary *ret)
{
	struct verdict *v = malloc(sizeof(*v));
	struct snapshot *snap = NULL;
	struct judge *judge;
	struct sim s;

	assert_non_null(v);
	assert_int_equal(judge_new(&judge), 0);
	sim_init(&s, 7);
	sim_attach(&s, true);
	for (double t = 0; t < w->seconds; t += SIM_STEP) {
		s.now += SIM_STEP;
		server_step(&s, w, t);
		if (!server_is_due(t, 0.2))
			continue;
		snapshot_free(snap);
		snap = sim_snapshot(&s);
		assert_int_equal(judge_look(judge, snap), 0);
	}
	assert_non_null(snap);
	judge_verdict(judge, &snap->processes[0], v);
	assert_int_equal(summary_make(&snap->processes[0], v, ret), 0);
	snapshot_free(snap);
	free(v);
	judge_free(judge);
	sim_release(&s);
}

#endif
