/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "trend/detect.h"

#define CONFIDENCE_90_Z 1.645
/* Floors over short stretches, and over longer ones, which span the waves of a load. */
#define FLOORS_FINE   20
#define FLOORS_COARSE 6
#define FLOORS_MIN    5

/* A rate is the median of its means over so many parts: bursts count, and what comes once does not.
 */
#define RATE_PARTS	6
#define RATE_POINTS_MIN 3

static const struct summary_trend unknown_trend = { false, NAN, NAN, NAN, NAN, NAN };

/* ---- numbers ---- */

static bool trend_by(const double *t, const double *v, size_t n, size_t buckets,
		     struct summary_trend *ret)
{
	double at[FLOORS_FINE], floors[FLOORS_FINE];
	size_t m = stats_floors(t, v, n, buckets, at, floors);
	struct stats_slope s;

	if (m < FLOORS_MIN)
		return false;
	stats_theil_sen(at, floors, m, CONFIDENCE_90_Z, &s);
	*ret = (struct summary_trend){
		.is_known = true,
		.first = floors[0],
		.last = floors[m - 1],
		.per_min = s.slope * 60,
		.per_min_low = s.low * 60,
		.per_min_high = s.high * 60,
	};
	return isfinite(s.slope);
}

static double width(const struct summary_trend *t)
{
	return t->per_min_high - t->per_min_low;
}

/* Of the two lengths of stretches that which tells more. */
static struct summary_trend trend_of(const struct series3 *s3)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = detect_points(detect_horizon(s3), 0, t, v);
	struct summary_trend fine, coarse, ret = unknown_trend;

	if (!n)
		return ret;
	ret.first = v[0];
	ret.last = v[n - 1];
	if (trend_by(t, v, n, MIN(MAX(n / 2, (size_t)FLOORS_COARSE), (size_t)FLOORS_FINE), &fine))
		ret = fine;
	if (trend_by(t, v, n, FLOORS_COARSE, &coarse) &&
	    (!ret.is_known || width(&coarse) < width(&ret)))
		ret = coarse;
	return ret;
}

static struct summary_trend constant(double level)
{
	return (struct summary_trend){ .is_known = true, .first = level, .last = level };
}

static double rate_of(const struct series3 *s3)
{
	const struct series *s = detect_horizon(s3);
	uint32_t n = series_count(s), parts = MIN(n, (uint32_t)RATE_PARTS);
	struct series_iter it = series_begin(s);
	double means[RATE_PARTS];

	if (n < RATE_POINTS_MIN)
		return NAN;
	for (uint32_t i = 0; i < parts; i++) {
		uint32_t from = n * i / parts, to = n * (i + 1) / parts;
		struct series_point p;

		means[i] = 0;
		for (uint32_t k = from; k < to && series_next(&it, &p); k++)
			means[i] += p.last / (to - from);
	}
	return stats_median(means, parts);
}

/* ---- copies ---- */

static int copy(char **ret, const char *text)
{
	*ret = strdup(text ? text : "");
	return *ret ? 0 : -ENOMEM;
}

static int copy_who(const struct snapshot_process *p, struct summary *ret)
{
	int err = copy(&ret->comm, p->comm);

	err = err ? err : copy(&ret->exe, p->exe);
	err = err ? err : copy(&ret->module, p->module);
	err = err ? err : copy(&ret->go_version, p->go_version);
	ret->pid = p->pid;
	ret->observed_s = seconds_between(p->start_ns, p->now_ns);
	ret->age_s = p->age_s < 0 ? -1 : p->age_s + ret->observed_s;
	ret->gc_seen = p->gc_seen;
	ret->gaps = p->gaps;
	return err;
}

static int copy_leak(const struct finding *f, struct summary_leak *ret)
{
	int err = f->site ? copy(&ret->function, f->site->function) : 0;

	if (f->site && !err)
		err = copy(&ret->start_function, f->site->start_function);
	ret->line = f->site ? f->site->line : 0;
	ret->kind = f->kind;
	ret->unit = f->unit;
	ret->state = f->state;
	ret->confidence = f->confidence;
	ret->horizon_s = f->horizon_s;
	ret->first = f->first;
	ret->last = f->last;
	ret->per_min = f->per_min;
	ret->per_min_low = f->per_min_low;
	ret->per_min_high = f->per_min_high;
	ret->what = f->what;
	return err;
}

static int copy_verdict(const struct verdict *v, struct summary *ret)
{
	int err = 0;

	ret->kind = v->kind;
	memcpy(ret->verdict, v->summary, sizeof(ret->verdict));
	ret->needs_s = v->needs_s;
	for (size_t i = 0; i < v->n_findings && !err; i++) {
		const struct finding *f = &v->findings[i];

		if (verdict_kind_is_leak(f->kind) && f->state != FINDING_RECOVERED)
			err = copy_leak(f, &ret->leaks[ret->n_leaks++]);
	}
	return err;
}

/* ---- sites ---- */

static double size_of(const struct snapshot_site *s)
{
	int64_t growth = s->live - s->at_attach;

	return (double)MAX(s->live, growth < 0 ? -growth : growth);
}

static int by_size(const void *pa, const void *pb)
{
	const struct snapshot_site *const *a = pa, *const *b = pb;

	if (size_of(*a) != size_of(*b))
		return size_of(*a) < size_of(*b) ? 1 : -1;
	return ((*a)->gopc > (*b)->gopc) - ((*a)->gopc < (*b)->gopc);
}

/* One that had neither births nor deaths has no series: it stands still. */
static bool is_still(const struct snapshot_site *s)
{
	return !series_count(&s->live_series->h[SERIES_NEAR]);
}

static struct summary_trend live_of(const struct snapshot_site *s)
{
	return is_still(s) ? constant((double)s->live) : trend_of(s->live_series);
}

static struct summary_trend survivors_of(const struct snapshot_site *s)
{
	return is_still(s) ? constant((double)s->survivors) : trend_of(s->survivor_series);
}

/* Slopes of parts add up, and their intervals at most so. */
static void trend_add(struct summary_trend *sum, const struct summary_trend *t)
{
	sum->is_known &= t->is_known;
	sum->first += t->first;
	sum->last += t->last;
	sum->per_min += t->per_min;
	sum->per_min_low += t->per_min_low;
	sum->per_min_high += t->per_min_high;
}

const struct summary_site *summary_site(const struct summary *s, const char *function,
					const char *start_function)
{
	for (size_t i = 0; i < s->n_sites; i++)
		if (!strcmp(s->sites[i].function, function) &&
		    !strcmp(s->sites[i].start_function, start_function))
			return &s->sites[i];
	return NULL;
}

static int add_site(struct summary *ret, const struct snapshot_site *s)
{
	const struct summary_trend live = live_of(s), survivors = survivors_of(s);
	/* found in what is ours to change */
	struct summary_site *same =
		(struct summary_site *)summary_site(ret, s->function, s->start_function);
	double born_per_s = ret->observed_s > 0 ? (double)s->born / ret->observed_s : 0;

	if (same) {
		trend_add(&same->live, &live);
		trend_add(&same->survivors, &survivors);
		same->born_per_s += born_per_s;
		same->statements++;
		return 0;
	}
	if (ret->n_sites == SUMMARY_SITES_MAX) {
		ret->is_cut = true;
		return 0;
	}
	struct summary_site *to = &ret->sites[ret->n_sites++];
	int err = copy(&to->function, s->function);

	err = err ? err : copy(&to->start_function, s->start_function);
	to->line = s->line;
	to->statements = 1;
	to->born_per_s = born_per_s;
	to->live = live;
	to->survivors = survivors;
	return err;
}

static int copy_sites(const struct snapshot_process *p, struct summary *ret)
{
	_cleanup_free_ const struct snapshot_site **order =
		calloc(p->n_sites ? p->n_sites : 1, sizeof(const struct snapshot_site *));
	size_t n = 0;
	int err = 0;

	ret->is_cut = p->sites_folded > 0;
	ret->sites = calloc(MIN(p->n_sites + 1, (size_t)SUMMARY_SITES_MAX), sizeof(*ret->sites));
	if (!order || !ret->sites)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_sites; i++)
		if (!p->sites[i].is_system && !p->sites[i].is_other)
			order[n++] = &p->sites[i];
	if (n)
		qsort(order, n, sizeof(*order), by_size);
	for (size_t i = 0; i < n && !err; i++)
		err = add_site(ret, order[i]);
	return err;
}

const struct summary_alloc *summary_alloc(const struct summary *s, const char *function)
{
	for (size_t i = 0; i < s->n_allocs; i++)
		if (!strcmp(s->allocs[i].function, function))
			return &s->allocs[i];
	return NULL;
}

static int copy_allocs(const struct snapshot_process *p, struct summary *ret)
{
	int err = 0;

	ret->has_profile = p->has_profile;
	ret->allocs_s = p->allocs_s;
	for (size_t i = 0; i < p->n_allocs && !err; i++) {
		const struct snapshot_alloc *a = &p->allocs[i];
		struct summary_alloc *to =
			(struct summary_alloc *)summary_alloc(ret, a->stack[0].function);

		if (!to) {
			to = &ret->allocs[ret->n_allocs++];
			to->line = a->stack[0].line;
			err = copy(&to->function, a->stack[0].function);
		}
		to->first_bytes += a->first_bytes;
		to->last_bytes += a->bytes;
	}
	return err;
}

/* ---- all ---- */

int summary_make(const struct snapshot_process *p, const struct verdict *v, struct summary *ret)
{
	*ret = (struct summary){ 0 };
	int err = copy_who(p, ret);

	err = err ? err : copy_verdict(v, ret);
	err = err ? err : copy_sites(p, ret);
	err = err ? err : copy_allocs(p, ret);
	if (err) {
		summary_release(ret);
		return err;
	}
	ret->levels[SUMMARY_HEAP_LIVE] = trend_of(p->heap_live_series);
	ret->levels[SUMMARY_OUTSIDE] = trend_of(p->outside_series);
	ret->levels[SUMMARY_FDS] = trend_of(p->fds_series);
	ret->levels[SUMMARY_GOROUTINES] = trend_of(p->live_series);
	ret->work[SUMMARY_BIRTHS] = rate_of(p->birth_series);
	ret->work[SUMMARY_ALLOCATED] = rate_of(p->alloc_series);
	ret->work[SUMMARY_MOVED] = rate_of(p->io_series);
	return 0;
}

void summary_release(struct summary *s)
{
	for (size_t i = 0; i < s->n_leaks; i++) {
		free(s->leaks[i].function);
		free(s->leaks[i].start_function);
	}
	for (size_t i = 0; i < s->n_sites; i++) {
		free(s->sites[i].function);
		free(s->sites[i].start_function);
	}
	for (size_t i = 0; i < s->n_allocs; i++)
		free(s->allocs[i].function);
	free(s->sites);
	free(s->comm);
	free(s->exe);
	free(s->module);
	free(s->go_version);
	*s = (struct summary){ 0 };
}

const struct summary_leak *summary_worst_leak(const struct summary *s)
{
	for (size_t i = 0; i < s->n_leaks; i++)
		if (s->leaks[i].state != FINDING_NEW)
			return &s->leaks[i];
	return NULL;
}

enum summary_level summary_level_of(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_HEAP_RETENTION:
		return SUMMARY_HEAP_LIVE;
	case VERDICT_OFF_HEAP_GROWTH:
		return SUMMARY_OUTSIDE;
	case VERDICT_FD_LEAK:
		return SUMMARY_FDS;
	default:
		return SUMMARY_GOROUTINES;
	}
}
