/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "trend/judging.h"

/* Below this nothing is judged: a start-up looks like anything. */
#define OBSERVED_MIN_S 10.0

/* What does not need more than this to be told, nor less, unless a judge says otherwise. */
#define NEEDS_S	     30.0
#define NEEDS_FACTOR 2.0

static const struct {
	const char *name;
	bool is_leak;
	enum verdict_unit unit;
} kinds[VERDICT_KIND_MAX] = {
	[VERDICT_HEALTHY] = { "healthy", false, VERDICT_GOROUTINES },
	[VERDICT_WARMING_UP] = { "warming-up", false, VERDICT_GOROUTINES },
	[VERDICT_PRESSURE] = { "pressure", false, VERDICT_GOROUTINES }, /* or what rose */
	[VERDICT_RUNTIME_HELD] = { "runtime-held", false, VERDICT_BYTES },
	[VERDICT_OOM_RISK] = { "oom-risk", false, VERDICT_BYTES },
	[VERDICT_FD_LEAK] = { "fd-leak", true, VERDICT_FILES },
	[VERDICT_OFF_HEAP_GROWTH] = { "off-heap-growth", true, VERDICT_BYTES },
	[VERDICT_HEAP_RETENTION] = { "heap-retention", true, VERDICT_BYTES },
	[VERDICT_GOROUTINE_LEAK] = { "goroutine-leak", true, VERDICT_GOROUTINES },
};

const char *verdict_kind_str(enum verdict_kind k)
{
	return (unsigned int)k < VERDICT_KIND_MAX ? kinds[k].name : "unknown";
}

bool verdict_kind_is_leak(enum verdict_kind k)
{
	return (unsigned int)k < VERDICT_KIND_MAX && kinds[k].is_leak;
}

const char *finding_state_str(enum finding_state s)
{
	static const char *const names[] = {
		[FINDING_NEW] = "new",
		[FINDING_FLAGGED] = "flagged",
		[FINDING_PAUSED] = "paused",
		[FINDING_RECOVERED] = "recovered",
	};

	return (unsigned int)s < ARRAY_SIZE(names) ? names[s] : "unknown";
}

/* ---- what the judges write with ---- */

/*
 * A full list keeps the worst: sites come with the largest population first, so what comes late
 * and finds no room is the least.
 */
struct finding *judging_add(struct judging *j, enum verdict_kind kind, double horizon_s)
{
	struct verdict *v = j->v;

	if (v->n_findings == VERDICT_FINDINGS_MAX)
		return NULL;
	struct finding *f = &v->findings[v->n_findings++];

	*f = (struct finding){ .kind = kind, .unit = kinds[kind].unit, .horizon_s = horizon_s };
	return f;
}

void finding_say(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	if (f->n_evidence == VERDICT_EVIDENCE_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(f->evidence[f->n_evidence++], VERDICT_LINE_MAX, fmt, ap);
	va_end(ap);
}

void finding_advise(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->advice, sizeof(f->advice), fmt, ap);
	va_end(ap);
}

void finding_rate(struct finding *f, const struct stats_slope *slope, double stretch)
{
	f->per_min = slope->slope * stretch * 60;
	f->per_min_low = slope->low * stretch * 60;
	f->per_min_high = slope->high * stretch * 60;
}

void finding_growth(struct finding *f, const struct window_shown *shown)
{
	f->first = shown->d.first;
	f->last = shown->d.last;
	f->horizon_s = shown->d.span_s;
	finding_rate(f, &shown->d.slope, 1);
}

double judging_doubt(const struct detect *d, const struct detect_rules *rules)
{
	return 0.4 * ((double)rules->min_buckets / (double)d->n) +
	       0.3 * fmin(1, d->kendall.p / rules->p_max) +
	       0.3 * fmin(1, d->drawdown / rules->max_drawdown);
}

const char *words_bytes(char buf[static TEXT_HUMAN_MAX], double bytes)
{
	return text_bytes(buf, (uint64_t)fmax(0, bytes));
}

/* ---- all together ---- */

static int finding_order(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;
	bool is_back = a->state == FINDING_RECOVERED;

	if (is_back != (b->state == FINDING_RECOVERED))
		return is_back ? 1 : -1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? 1 : -1;
	if (a->confidence != b->confidence)
		return a->confidence < b->confidence ? 1 : -1;
	if (a->per_min != b->per_min)
		return a->per_min < b->per_min ? 1 : -1;
	return a->site && b->site
		       ? (a->site->gopc > b->site->gopc) - (a->site->gopc < b->site->gopc)
		       : 0;
}

void verdict_sort(struct verdict *v)
{
	qsort(v->findings, v->n_findings, sizeof(v->findings[0]), finding_order);
}

void verdict_summarise(struct verdict *v, const struct finding *f)
{
	struct words w;

	if (f->kind == VERDICT_GOROUTINE_LEAK && f->per_min <= 0)
		snprintf(v->summary, sizeof(v->summary),
			 "%.0f goroutines started in %.80s (line %u) were left behind before the "
			 "observation",
			 f->last, f->site->function, f->site->line);
	else if (f->kind == VERDICT_GOROUTINE_LEAK)
		snprintf(v->summary, sizeof(v->summary),
			 "goroutines started in %.80s (line %u) pile up: %s/min", f->site->function,
			 f->site->line, text_change(w.a, f->per_min));
	else if (f->kind == VERDICT_HEAP_RETENTION)
		snprintf(v->summary, sizeof(v->summary),
			 "the heap that GC leaves behind grows by %s/min, and the work does not",
			 words_bytes(w.a, f->per_min));
	else if (f->kind == VERDICT_OFF_HEAP_GROWTH)
		snprintf(v->summary, sizeof(v->summary),
			 "memory outside the Go runtime grows by %s/min",
			 words_bytes(w.a, f->per_min));
	else if (f->kind == VERDICT_FD_LEAK)
		snprintf(v->summary, sizeof(v->summary), "open %s grow by %s/min", f->what,
			 text_change(w.a, f->per_min));
	else
		snprintf(v->summary, sizeof(v->summary), "%s", f->evidence[0]);
}

static void summarise_open(const struct judging *j)
{
	struct verdict *v = j->v;
	struct words w;

	if (j->is_slowing)
		snprintf(v->summary, sizeof(v->summary),
			 "growth is slowing down: observe for longer than %s",
			 text_duration(w.a, j->observed_s));
	else if (j->is_undecided)
		snprintf(v->summary, sizeof(v->summary),
			 "long-lived goroutines increase, but they do end: observe for longer");
	else if (j->open)
		snprintf(v->summary, sizeof(v->summary),
			 "%" PRId64 " more goroutines of %.80s (line %u), and hardly any ended: "
			 "observe for longer than %s",
			 j->open->live - j->open->at_attach, j->open->function, j->open->line,
			 text_duration(w.a, j->observed_s));
	else if (j->is_heap_young)
		snprintf(v->summary, sizeof(v->summary),
			 "the heap in use grew, %s -> %s, while the program starts: observe for "
			 "longer than %s",
			 words_bytes(w.a, j->inuse_first), words_bytes(w.b, j->inuse_last),
			 text_duration(w.c, j->observed_s));
	else
		snprintf(v->summary, sizeof(v->summary),
			 "the heap in use grew, %s -> %s, with too few GCs to judge it (%" PRIu64
			 "): observe for longer than %s",
			 words_bytes(w.a, j->inuse_first), words_bytes(w.b, j->inuse_last),
			 j->p->gc_seen, text_duration(w.c, j->observed_s));
}

static void summarise_quiet(const struct judging *j)
{
	struct verdict *v = j->v;
	struct words w;

	if (j->is_heap_judged)
		snprintf(
			v->summary, sizeof(v->summary),
			"long-lived goroutines do not increase; heap live after GC, at its lowest: "
			"%s -> %s over %" PRIu64 " GCs",
			words_bytes(w.a, j->heap.d.first), words_bytes(w.b, j->heap.d.last),
			j->p->gc_seen);
	else
		snprintf(v->summary, sizeof(v->summary),
			 "long-lived goroutines do not increase; too few GCs to judge the heap "
			 "(%" PRIu64 " in %s)",
			 j->p->gc_seen, text_duration(w.a, j->observed_s));
}

static void too_short(const struct judging *j)
{
	struct words w;

	j->v->kind = VERDICT_WARMING_UP;
	j->v->needs_s = NEEDS_S;
	snprintf(j->v->summary, sizeof(j->v->summary),
		 "observed for %s only: nothing is judged from less than %s",
		 text_duration(w.a, j->observed_s), text_duration(w.b, OBSERVED_MIN_S));
}

static bool is_open(const struct judging *j)
{
	return j->is_slowing || j->is_undecided || j->open || j->is_heap_open;
}

static void conclude(struct judging *j)
{
	struct verdict *v = j->v;

	if (v->n_findings) {
		verdict_sort(v);
		v->kind = v->findings[0].kind;
		verdict_summarise(v, &v->findings[0]);
	} else if (is_open(j)) {
		v->kind = VERDICT_WARMING_UP;
		v->needs_s = fmax(NEEDS_S, fmax(j->needs_s, NEEDS_FACTOR * j->observed_s));
		summarise_open(j);
	} else {
		v->kind = VERDICT_HEALTHY;
		v->needs_s = j->observed_s < NEEDS_S ? NEEDS_S : 0;
		summarise_quiet(j);
	}
}

void verdict_of(const struct snapshot_process *p, struct verdict *ret)
{
	struct judging j = { .p = p, .v = ret };

	memset(ret, 0, sizeof(*ret));
	j.observed_s = seconds_between(p->start_ns, p->now_ns);
	j.is_starting = p->age_s >= 0 && p->age_s < JUDGING_START_S;
	if (j.observed_s < OBSERVED_MIN_S) {
		too_short(&j);
		return;
	}
	judge_leaks(&j);
	verdict_sort(ret); /* the worst leak is told what the heap of all of them is */
	judge_heap(&j);
	judge_outside(&j);
	judge_files(&j);
	judge_limit(&j);
	if (!ret->n_findings)
		judge_waves(&j);
	conclude(&j);
}
