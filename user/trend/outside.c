/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * off-heap-growth: anonymous memory outside the Go runtime that rises.  runtime-held: resident
 * memory that is free in Go's heap.  Both from the memory account (model/memory.h).
 */
#include <math.h>

#include "trend/judging.h"

/* Known to half a MiB and a fortieth of the heap, an 18th up to Go 1.21 (model/memory.h). */
static const struct detect_rules outside_rules = {
	.min_span_s = 20,
	.min_buckets = 6,
	.p_max = 0.01,
	.min_growth = 4 << 20,
	.min_growth_part = 0.05,
	.steady_drawdown = 0.05,
	.max_drawdown = 0.35,
	.plateau_ratio = 0.4,
};
#define HEAP_ERROR_PART 0.06
#define START_SPAN_S	35.0

/* So much, and such a part of what is resident, for so long. */
#define HELD_MIN	(16 << 20)
#define HELD_PART	0.4
#define HELD_FOR_S	30.0
#define HELD_OBSERVED_S 40.0

/* ---- off-heap-growth ---- */

/* By how much the runtime's own heap moved meanwhile, a part of which may have been taken for it.
 */
static double heap_moved(const struct judging *j, const struct detect *d)
{
	const struct series *s = detect_horizon(j->p->heap_inuse_series);
	double low = INFINITY, high = 0;

	for_each_point(s, p)
	{
		if (judging_s(p.ts_ns) < d->t[0])
			continue;
		low = fmin(low, p.min);
		high = fmax(high, p.max);
	}
	return high > low ? high - low : 0;
}

static void say_outside(const struct judging *j, struct finding *f, const struct detect *d)
{
	struct words w;

	finding_say(f, "anonymous memory outside the Go runtime, at its lowest: %s -> %s in %s",
		    words_bytes(w.a, d->first), words_bytes(w.b, d->last),
		    text_duration(w.c, d->span_s));
	finding_say(f, "resident are %s anonymous; Go's heap has %s in use",
		    words_bytes(w.a, (double)j->p->memory.anon_bytes),
		    words_bytes(w.b, (double)j->p->heap_inuse_bytes));
	if (j->is_heap_judged)
		finding_say(f, "heap live after GC does not explain it: %s -> %s",
			    words_bytes(w.a, j->heap.d.first), words_bytes(w.b, j->heap.d.last));
}

static void judge_growth(struct judging *j)
{
	struct detect_rules rules = outside_rules;
	const struct window_query query = {
		.level = j->p->outside_series,
		.rules = &rules,
		.min_part = outside_rules.min_growth_part,
	};
	struct window_shown shown;
	struct finding *f;

	/* Pages of a program's data, and C's arenas, are touched by and by. */
	if (j->is_starting)
		rules.min_span_s = START_SPAN_S;
	bool is_rising = window_detect(&query, &shown);
	const struct detect *d = &shown.d;

	if (!is_rising && d->state == DETECT_PLATEAUING && d->last_ratio > JUDGING_STILL_RISING)
		j->is_slowing = true;
	if (!is_rising || d->growth < outside_rules.min_growth + HEAP_ERROR_PART * heap_moved(j, d))
		return;
	if (d->is_bending) {
		j->is_slowing = true;
		return;
	}
	f = judging_add(j, VERDICT_OFF_HEAP_GROWTH, d->span_s);
	if (!f)
		return;
	finding_growth(f, &shown);
	f->confidence = fmin(0.9, 0.95 - 0.4 * judging_doubt(d, &outside_rules));
	say_outside(j, f, d);
	finding_advise(f, "C code (malloc) or mmap: 'gotide heap --cgo' shows what C allocates, by "
			  "call site");
}

/* ---- runtime-held ---- */

/* The least of it over the latest HELD_FOR_S. */
static double held_floor(const struct judging *j)
{
	const struct series *s = &j->p->held_series->h[SERIES_NEAR];
	double from = judging_s(j->p->now_ns) - HELD_FOR_S, low = INFINITY;

	for_each_point(s, p)
	{
		if (judging_s(p.ts_ns) >= from)
			low = fmin(low, p.min);
	}
	return isinf(low) ? 0 : low;
}

static void say_settings(const struct judging *j, struct finding *f)
{
	int64_t limit = j->p->memory_limit_bytes;
	struct words w;

	if (limit > 0 && limit != INT64_MAX)
		finding_say(f, "GOMEMLIMIT is %s: the runtime gives memory back as it comes near",
			    words_bytes(w.a, (double)limit));
	else
		finding_say(f, "no GOMEMLIMIT is set%s",
			    j->p->gc_percent < 0 ? ", and GOGC is off" : "");
	if (j->p->gc_percent > 100)
		finding_say(f, "GOGC=%d lets the heap grow to %.1f times what is live",
			    (int)j->p->gc_percent, 1 + (double)j->p->gc_percent / 100);
}

static void judge_held(struct judging *j)
{
	double held = held_floor(j), anon = (double)j->p->memory.anon_bytes;
	struct finding *f;
	struct words w;

	if (j->observed_s < HELD_OBSERVED_S || held < HELD_MIN || held < HELD_PART * anon)
		return;
	f = judging_add(j, VERDICT_RUNTIME_HELD, HELD_FOR_S);
	if (!f)
		return;
	f->first = f->last = held;
	f->confidence = 0.9;
	finding_say(f, "%s of %s that are resident are free in Go's heap, and were for %s",
		    words_bytes(w.a, held), words_bytes(w.b, anon), text_duration(w.c, HELD_FOR_S));
	finding_say(f, "%s are live after GC", words_bytes(w.a, (double)j->p->heap_live_bytes));
	say_settings(j, f);
	finding_advise(f,
		       "nothing leaks: a peak is over and the runtime gives its memory back "
		       "slowly; GOMEMLIMIT makes it quicker, debug.FreeOSMemory() does it at once");
}

void judge_outside(struct judging *j)
{
	judge_growth(j);
	judge_held(j);
}
