/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of which every series is made by a function of time: for the judges of trend, each of
 * which looks at a few.
 */
#ifndef GOTIDE_TESTS_TREND_SCENE_H
#define GOTIDE_TESTS_TREND_SCENE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "trend/verdict.h"

#define SCENE_START_S 4000
#define MIB	      (1024.0 * 1024)

enum scene_series {
	SCENE_LIVE,
	SCENE_HEAP_LIVE,
	SCENE_HEAP_INUSE,
	SCENE_RSS,
	SCENE_BIRTHS,
	SCENE_ALLOC,
	SCENE_FDS,
	SCENE_SOCKETS,
	SCENE_PIPES,
	SCENE_FILES,
	SCENE_OUTSIDE,
	SCENE_HELD,
	SCENE_CHARGED,
	SCENE_IO,
	SCENE_SERIES,
};

struct scene {
	struct snapshot_process p;
	struct series3 s[SCENE_SERIES];
	double seconds;
};

static inline void scene_point_at(struct scene *sc)
{
	const struct series3 **at[SCENE_SERIES] = {
		&sc->p.live_series,	&sc->p.heap_live_series, &sc->p.heap_inuse_series,
		&sc->p.rss_anon_series, &sc->p.birth_series,	 &sc->p.alloc_series,
		&sc->p.fds_series,	&sc->p.sockets_series,	 &sc->p.pipes_series,
		&sc->p.files_series,	&sc->p.outside_series,	 &sc->p.held_series,
		&sc->p.charged_series,	&sc->p.io_series,
	};

	for (int i = 0; i < SCENE_SERIES; i++)
		*at[i] = &sc->s[i];
}

/* An observation of so many seconds, of a process that had run for an hour. */
static inline void scene_init(struct scene *sc, double seconds)
{
	memset(sc, 0, sizeof(*sc));
	sc->seconds = seconds;
	for (int i = 0; i < SCENE_SERIES; i++)
		series3_init(&sc->s[i]);
	scene_point_at(sc);
	sc->p.pid = 7;
	sc->p.start_ns = SCENE_START_S * NSEC_PER_SEC;
	sc->p.now_ns = sc->p.start_ns + (uint64_t)(seconds * 1e9);
	sc->p.age_s = 3600;
	sc->p.limit_bytes = sc->p.cgroup_current_bytes = sc->p.cgroup_reclaimable_bytes = -1;
	sc->p.mem_total_bytes = sc->p.mem_available_bytes = -1;
	sc->p.heap_live_bytes = sc->p.off_heap_bytes = sc->p.fds = -1;
	sc->p.gc_percent = 100;
	sc->p.memory_limit_bytes = INT64_MAX;
}

/* A point a second. */
static inline void scene_fill(struct scene *sc, enum scene_series which, double (*f)(double t))
{
	for (int t = 1; t <= (int)sc->seconds; t++)
		assert_int_equal(series3_add(&sc->s[which],
					     (uint64_t)(SCENE_START_S + t) * NSEC_PER_SEC, f(t)),
				 0);
}

static inline void scene_release(struct scene *sc)
{
	for (int i = 0; i < SCENE_SERIES; i++)
		series3_release(&sc->s[i]);
}

static inline const struct finding *scene_finding(const struct verdict *v, enum verdict_kind k)
{
	for (size_t i = 0; i < v->n_findings; i++)
		if (v->findings[i].kind == k)
			return &v->findings[i];
	return NULL;
}

/* Some line of its evidence or advice has these words. */
static inline bool scene_says(const struct finding *f, const char *words)
{
	for (size_t i = 0; i < f->n_evidence; i++)
		if (strstr(f->evidence[i], words))
			return true;
	return strstr(f->advice, words) != NULL;
}

#endif
