/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap-retention: heap that is live after each GC and rises without work to explain it, beyond
 * what leaked goroutines hold.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "trend/judging.h"
#include "trend/kept.h"
#include "trend/work.h"

/*
 * Live heap after GC.  It depends on what is in flight when the mark ends, so it is noisier than
 * survivors: a slowing rise counts as a plateau earlier, and a fall by a third of the growth as a
 * wave.
 */
static const struct detect_rules heap_rules = {
	.min_span_s = 15,
	.min_buckets = 5,
	.p_max = 0.01,
	.min_growth = 2 << 20,
	.min_growth_part = 0.10,
	.steady_drawdown = 0,
	.max_drawdown = 0.35,
	.plateau_ratio = 0.5,
	.noise_factor = 1.5,
};

/* While the program starts it fills what it will keep: its heap is watched for longer. */
#define HEAP_START_SPAN_S 35.0

#define HEAP_GCS_MIN 5
/* With fewer GCs than that, heap in use that rose by as much may become anything. */
#define HEAP_OPEN_PART	  0.25
#define HEAP_OPEN_MIN	  (4 << 20)
#define HEAP_FEW	  16 /* marks: with fewer, p < 0.01 cannot be asked for */
#define HEAP_FEW_P_MAX	  0.05
#define HEAP_FEW_FALL	  0.5 /* of the growth: between so few marks that is no wave of the load */
#define HEAP_PER_LEAK_MAX (64 << 10) /* bytes that a leaked goroutine may keep alive */

/* Of what the profile says grew, so much was allocated by what leaks: it belongs to the leak. */
#define OF_LEAK_PART 0.7

/* Work explains a rise of so much per rise of the work: in flight grows faster than the rate. */
#define WORK_RISE_MIN 1.05
#define WORK_EXPLAINS 1.5
/* A slowing rise is no plateau if the work slows as much. */
#define WORK_STEADY 0.8

#define SITES_SAID 3

#define IO_WORTH (10 << 10) /* bytes a second: less is no traffic */

/* From few GCs nobody is sure. */
#define KEPT_SURE 0.6

/* ---- work ---- */

static bool is_known(const struct series3 *rate)
{
	return series_count(&rate->h[SERIES_NEAR]) > 0;
}

/* The work done meanwhile: allocations where they are known, else bytes moved, else births. */
static const struct series3 *work_of(const struct judging *j)
{
	if (is_known(j->p->alloc_series))
		return j->p->alloc_series;
	return is_known(j->p->io_series) ? j->p->io_series : j->p->birth_series;
}

static bool rates_of(const struct series3 *rate, const struct detect *d, double *ret_first,
		     double *ret_last)
{
	return detect_rate(detect_horizon(rate), d->t[0], d->t[0] + d->span_s, ret_first, ret_last);
}

static bool work_done(const struct judging *j, const struct detect *d, double *ret_first,
		      double *ret_last)
{
	return rates_of(work_of(j), d, ret_first, ret_last);
}

/* Medians of the first and the last third of the floors, as detect_rate() takes them of a rate. */
static void floor_thirds(const struct detect *d, double *ret_first, double *ret_last)
{
	double first[DETECT_BUCKETS_MAX], last[DETECT_BUCKETS_MAX];
	size_t third = d->n / 3 ? d->n / 3 : 1;

	memcpy(first, d->floor, third * sizeof(*first));
	memcpy(last, d->floor + d->n - third, third * sizeof(*last));
	*ret_first = stats_median(first, third);
	*ret_last = stats_median(last, third);
}

/* It rose no more than the work did. */
static bool is_in_proportion(const struct judging *j, const struct detect *d)
{
	double before, after, first, last;

	floor_thirds(d, &before, &after);
	if (!work_done(j, d, &first, &last) || first <= 0 || before <= 0)
		return false;
	double work = last / first, heap = after / before;

	return work >= WORK_RISE_MIN && heap - 1 <= WORK_EXPLAINS * (work - 1);
}

/* More is held because more is done, and not because all that was done is kept. */
static bool is_explained_by_work(const struct judging *j, const struct window_shown *shown)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = detect_points(shown->window.series, shown->window.from_ns, t, v);

	switch (work_fit(work_of(j), t, v, n)) {
	case WORK_FIT_RATE:
		return true;
	case WORK_FIT_SUM:
		return false;
	case WORK_FIT_NONE:
		break;
	}
	return is_in_proportion(j, &shown->d);
}

/* What the heap would be if the work were always the same; false if they have nothing in common. */
static bool detect_without_work(const struct judging *j, const struct window *w,
				const struct detect_rules *rules, struct detect *ret)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX], correlation;
	size_t n = detect_points(w->series, w->from_ns, t, v);

	if (!work_take_out(work_of(j), t, v, n, &correlation))
		return false;
	detect_floor(t, v, n, rules, ret);
	return true;
}

/* It fills up like a cache, and not because less is done. */
static bool is_filling(const struct judging *j, const struct detect *d)
{
	double first, last;

	if (!d->is_bending)
		return false;
	return !work_done(j, d, &first, &last) || last >= WORK_STEADY * first;
}

/* ---- who holds it ---- */

static bool is_of_finding(const struct snapshot_frame *frame, const struct finding *f)
{
	return f->kind == VERDICT_GOROUTINE_LEAK && f->site &&
	       (!strcmp(frame->function, f->site->function) ||
		(*f->site->start_function && !strcmp(frame->function, f->site->start_function)));
}

/* Whether what was allocated there was so for goroutines that leak: it is on their way. */
static bool is_of_leaks(const struct judging *j, const struct snapshot_alloc *a)
{
	for (size_t i = 0; i < a->stack_depth; i++)
		for (size_t k = 0; k < j->v->n_findings; k++)
			if (is_of_finding(&a->stack[i], &j->v->findings[k]))
				return true;
	return false;
}

static double grown(const struct snapshot_alloc *a)
{
	return (double)(a->bytes - a->first_bytes);
}

/* Growth by the profile, and what of it is the leaks'; false without a profile of any growth. */
static bool profile_growth(const struct judging *j, double *ret_all, double *ret_of_leaks)
{
	*ret_all = *ret_of_leaks = 0;
	for (size_t i = 0; i < j->p->n_allocs; i++) {
		double bytes = grown(&j->p->allocs[i]);

		*ret_all += bytes;
		*ret_of_leaks += is_of_leaks(j, &j->p->allocs[i]) ? bytes : 0;
	}
	return *ret_all > 0;
}

static bool is_held_by_leaks(const struct judging *j, const struct detect *d)
{
	double all, of_leaks;

	if (j->leaked <= 0)
		return false;
	if (profile_growth(j, &all, &of_leaks) && all >= d->growth / 2)
		return of_leaks >= OF_LEAK_PART * all;
	return d->growth / j->leaked <= HEAP_PER_LEAK_MAX;
}

/* ---- words ---- */

static void say_sites(const struct judging *j, struct finding *f)
{
	struct words w;

	for (size_t i = 0; i < MIN(j->p->n_allocs, (size_t)SITES_SAID); i++) {
		const struct snapshot_alloc *a = &j->p->allocs[i];
		const struct snapshot_frame *at = &a->stack[0];

		finding_say(f, "%s grew most: %.90s %.40s:%u, %s -> %s in %s, by the heap profile",
			    i ? "next" : "what", at->function, at->file, at->line,
			    words_bytes(w.a, (double)a->first_bytes),
			    words_bytes(w.b, (double)a->bytes), text_duration(w.c, j->p->allocs_s));
	}
	if (!j->p->has_profile)
		finding_say(f,
			    "the program keeps no heap profile, so that the allocation site is not "
			    "known: 'gotide heap --spans' finds it");
}

static void say_leaked(const struct judging *j, struct finding *f, const struct detect *d)
{
	double all, of_leaks;
	struct words w;

	if (j->leaked <= 0)
		return;
	if (profile_growth(j, &all, &of_leaks) && of_leaks > 0)
		finding_say(f,
			    "of what grew, %s were allocated by what leaks goroutines, and %s not",
			    words_bytes(w.a, of_leaks), words_bytes(w.b, all - of_leaks));
	else
		finding_say(f,
			    "the %s leaked goroutines do not explain it: that would be %s for each",
			    text_count(w.a, j->leaked), words_bytes(w.b, d->growth / j->leaked));
}

static void say_heap(const struct judging *j, struct finding *f, const struct detect *d)
{
	double first, last;
	struct words w;
	char per_min[TEXT_HUMAN_MAX], low[TEXT_HUMAN_MAX], high[TEXT_HUMAN_MAX];

	finding_say(f,
		    "heap live after GC, at its lowest: %s -> %s in %s (+%s/min; 90%% sure: %s to "
		    "%s)",
		    words_bytes(w.a, d->first), words_bytes(w.b, d->last),
		    text_duration(w.c, d->span_s), words_bytes(per_min, f->per_min),
		    words_bytes(low, f->per_min_low), words_bytes(high, f->per_min_high));
	finding_say(f,
		    "none of the %" PRIu64 " GCs seen (%" PRIu64
		    " by runtime.GC()) brought it back down",
		    f->gcs, j->p->gc_seen_forced);
	if (work_of(j) == j->p->alloc_series && work_done(j, d, &first, &last))
		finding_say(f,
			    "allocated: %s/s at the beginning, %s/s at the end; more work does not "
			    "explain it",
			    words_bytes(w.a, first), words_bytes(w.b, last));
	if (rates_of(j->p->io_series, d, &first, &last) && fmax(first, last) >= IO_WORTH)
		finding_say(f, "read and written: %s/s at the beginning, %s/s at the end",
			    words_bytes(w.a, first), words_bytes(w.b, last));
}

/* ---- findings ---- */

/*
 * Memory can be held on purpose for longer than any observation, so this is less sure than a leak
 * of goroutines, and surer the longer it was watched or the longer the program had run before.
 */
static double confidence(const struct judging *j, const struct detect *d)
{
	double known_s = d->span_s + fmin(600, fmax(0, j->p->age_s)) / 4;
	double cap = 0.75 + 0.2 * fmin(1, log(fmax(1, known_s / 40)) / log(15));
	double doubt = 0.4 * (5.0 / (double)d->n) + 0.3 * fmin(1, d->kendall.p / 0.01) +
		       0.3 * fmin(1, d->drawdown / heap_rules.max_drawdown);

	return fmax(0.3, fmin(cap, 0.97 - 0.4 * doubt));
}

static void heap_found(struct judging *j, const struct window_shown *shown)
{
	struct finding *f = judging_add(j, VERDICT_HEAP_RETENTION, shown->d.span_s);

	if (!f)
		return;
	finding_growth(f, shown);
	f->gcs = j->p->gc_seen;
	f->allocs = j->p->allocs;
	f->n_allocs = j->p->n_allocs;
	f->confidence = confidence(j, &shown->d);
	say_heap(j, f, &shown->d);
	say_leaked(j, f, &shown->d);
	say_sites(j, f);
	if (f->n_allocs)
		finding_advise(f, "look at what %.100s puts where, and what should take it out",
			       f->allocs[0].stack[0].function);
	else
		finding_advise(f,
			       "compare two heap profiles: look for maps, caches and slices that "
			       "only grow");
}

/* By few GCs, of a program that keeps what it allocates. */
static void kept_found(struct judging *j, const struct kept *k)
{
	struct finding *f = judging_add(j, VERDICT_HEAP_RETENTION, k->inuse.d.span_s);
	struct words w;

	if (!f)
		return;
	finding_growth(f, &k->inuse);
	f->gcs = j->p->gc_seen;
	f->allocs = j->p->allocs;
	f->n_allocs = j->p->n_allocs;
	f->confidence = KEPT_SURE;
	finding_say(f, "heap in use: %s -> %s in %s", words_bytes(w.a, f->first),
		    words_bytes(w.b, f->last), text_duration(w.c, f->horizon_s));
	finding_say(
		f,
		"the %zu GCs seen found more and more live, %s -> %s; %s were allocated between "
		"the first and the last, and %.0f %% of that stayed",
		k->marks, words_bytes(w.a, k->first), words_bytes(w.b, k->last),
		words_bytes(w.c, k->allocated), 100 * fmin(1, (k->last - k->first) / k->allocated));
	say_leaked(j, f, &k->inuse.d);
	say_sites(j, f);
	finding_advise(
		f, "if this is no start-up or batch that fills its memory, look for maps, caches "
		   "and slices that only grow");
}

/* The leaked goroutines hold it: it belongs to their finding. */
static void heap_of_leak(struct judging *j, const struct detect *d)
{
	struct words w;

	for (size_t i = 0; i < j->v->n_findings; i++) {
		struct finding *f = &j->v->findings[i];

		if (f->kind != VERDICT_GOROUTINE_LEAK)
			continue;
		finding_say(f, "heap live after GC rose with them: %s -> %s, that is %s for each",
			    words_bytes(w.a, d->first), words_bytes(w.b, d->last),
			    words_bytes(w.c, d->growth / j->leaked));
		return;
	}
}

/* More work explains it: what is in flight is held. */
static void heap_of_work(struct judging *j, const struct window_shown *shown)
{
	struct finding *f = judging_add(j, VERDICT_PRESSURE, shown->d.span_s);

	if (!f)
		return;
	f->unit = VERDICT_BYTES;
	finding_growth(f, shown);
	f->gcs = j->p->gc_seen;
	f->confidence = 0.6;
	finding_say(f, "heap live after GC rose no more than the allocation rate did");
	finding_say(f, "it has not come back down yet");
	finding_advise(f, "observe until after the load has fallen, or under a steady load");
}

/* ---- judging ---- */

/* What no GC has looked at yet: it is not known whether the growth is garbage. */
static void judge_unseen(struct judging *j)
{
	const struct series *s = detect_horizon(j->p->heap_inuse_series);
	uint32_t n = series_count(s);

	if (n < 2)
		return;
	j->inuse_first = series_at(s, 0).min;
	j->inuse_last = series_at(s, n - 1).last;
	double growth = j->inuse_last - j->inuse_first;

	j->is_heap_open = growth >= HEAP_OPEN_MIN && growth >= HEAP_OPEN_PART * j->inuse_first;
	if (j->is_heap_open && j->p->gc_seen)
		j->needs_s = fmax(j->needs_s,
				  j->observed_s / (double)j->p->gc_seen * (HEAP_GCS_MIN + 1));
}

static void judge_few(struct judging *j)
{
	struct kept k;

	if (kept_find(j->p, &k) && !is_held_by_leaks(j, &k.inuse.d))
		kept_found(j, &k);
	else
		judge_unseen(j);
}

/* A rise that the waves of the load hide. */
static bool is_revealed(const struct judging *j, const struct detect_rules *rules,
			struct window_shown *shown)
{
	double before, after;
	struct detect d;

	if (shown->d.state == DETECT_TOO_EARLY || shown->d.state == DETECT_PLATEAUING)
		return false;
	floor_thirds(&shown->d, &before, &after);
	if (after - before < rules->min_growth / 2 ||
	    !detect_without_work(j, &shown->window, rules, &d) || d.state != DETECT_GROWING)
		return false;
	shown->d = d;
	return !d.is_bending;
}

static void judge_rise(struct judging *j, const struct detect_rules *rules)
{
	const struct window_shown *shown = &j->heap;
	struct detect d;

	if (is_held_by_leaks(j, &shown->d)) {
		heap_of_leak(j, &shown->d);
	} else if (is_filling(j, &shown->d)) {
		j->is_slowing = true;
	} else if (is_explained_by_work(j, shown) ||
		   (detect_without_work(j, &shown->window, rules, &d) &&
		    d.state != DETECT_GROWING && d.state != DETECT_TOO_EARLY)) {
		heap_of_work(j, shown);
	} else {
		heap_found(j, shown);
	}
}

void judge_heap(struct judging *j)
{
	struct detect_rules rules = heap_rules;
	const struct window_query query = {
		.level = j->p->heap_live_series,
		.rules = &rules,
		.few_points = HEAP_FEW,
		.few_p_max = HEAP_FEW_P_MAX,
		.few_max_fall = HEAP_FEW_FALL,
		.min_part = heap_rules.min_growth_part,
		.wants_figures = true,
	};

	if (j->p->gc_seen < HEAP_GCS_MIN) {
		judge_few(j);
		return;
	}
	if (j->is_starting)
		rules.min_span_s = HEAP_START_SPAN_S;
	bool is_rising = window_detect(&query, &j->heap);

	j->is_heap_judged = j->heap.d.state != DETECT_TOO_EARLY;
	if (!j->is_heap_judged) {
		judge_few(j);
		j->is_heap_young =
			j->is_starting && j->observed_s < HEAP_START_SPAN_S && j->is_heap_open;
		return;
	}
	rules.min_growth = fmax(rules.min_growth, rules.min_growth_part * j->heap.d.first);
	if (j->heap.d.state == DETECT_PLATEAUING && j->heap.d.last_ratio > JUDGING_STILL_RISING)
		j->is_slowing = true;
	if (is_rising)
		judge_rise(j, &rules);
	else if (is_revealed(j, &rules, &j->heap) && !is_held_by_leaks(j, &j->heap.d))
		heap_found(j, &j->heap);
}
