/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/window.h"

#include <math.h>

#include "base/clock.h"

/* The shortest part that is looked at by itself, once the observation is so much longer. */
#define PART_NS	    (120 * NSEC_PER_SEC)
#define PART_FACTOR 1.5

/*
 * Before a part: so many floors tell where the quantity used to stay.  The part's growth must be
 * so many times what they moved by, from their 10th to their 90th hundredth, and half of it must
 * lie above the highest of them.
 */
#define HISTORY_FLOORS	   12
#define HISTORY_FLOORS_MIN 4
#define HISTORY_FACTOR	   2.0
#define HISTORY_ABOVE	   0.5

static uint64_t first_ns(const struct series *s)
{
	return series_at(s, 0).ts_ns;
}

static uint64_t last_ns(const struct series *s)
{
	return series_at(s, series_count(s) - 1).ts_ns;
}

static double span_s(const struct series *s)
{
	return seconds_between(first_ns(s), last_ns(s));
}

size_t windows_of(const struct series3 *s, struct window ret[static WINDOWS_MAX])
{
	const struct series *whole = detect_horizon(s), *near = &s->h[SERIES_NEAR];
	size_t n = 0;

	_Static_assert(WINDOWS_MAX > SERIES_HORIZONS, "a window per horizon, and the short one");
	ret[n++] = (struct window){ .series = whole, .is_whole = true };
	for (int i = SERIES_HORIZONS - 1; i >= 0; i--) {
		const struct series *part = &s->h[i];

		if (series_count(part) && !series_is_whole(part) && part != whole)
			ret[n++] = (struct window){ .series = part };
	}
	if (series_count(near) && span_s(near) * (double)NSEC_PER_SEC > PART_FACTOR * PART_NS)
		ret[n++] = (struct window){
			.series = near,
			.from_ns = last_ns(near) - PART_NS,
		};
	return n;
}

/* Floors of all that is known from before from_ns; returns how many. */
static size_t history(const struct series *whole, uint64_t from_ns, double *ret)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX], at[HISTORY_FLOORS];
	double from = (double)from_ns / (double)NSEC_PER_SEC;
	size_t n = detect_points(whole, 0, t, v);

	while (n && t[n - 1] >= from)
		n--;
	return n ? stats_floors(t, v, n, HISTORY_FLOORS, at, ret) : 0;
}

static bool is_news(const struct series *whole, uint64_t from_ns, const struct detect *d)
{
	double floors[HISTORY_FLOORS];
	size_t n = history(whole, from_ns, floors);

	if (n < HISTORY_FLOORS_MIN)
		return false;
	stats_sort(floors, n);
	double moved = stats_quantile(floors, n, 0.9) - stats_quantile(floors, n, 0.1);

	return d->last - floors[n - 1] >= HISTORY_ABOVE * d->growth &&
	       d->growth >= HISTORY_FACTOR * moved;
}

/*
 * A quick look: what the lowest of the last third has over the lowest of the first.  Of a steady
 * rise that is two thirds of it, and more of one that slows down.
 */
static double rise_of(const double *v, size_t n)
{
	size_t third = n / 3;
	double first = v[0], last = v[n - 1];

	for (size_t i = 1; i < third; i++) {
		first = fmin(first, v[i]);
		last = fmin(last, v[n - 1 - i]);
	}
	return last - first;
}

/* Most series are settled by this. */
static bool cannot_grow(const double *v, size_t n, const struct detect_rules *rules)
{
	return rise_of(v, n) < rules->min_growth / 2;
}

static void detect_in(const struct window *w, const struct window_query *q, struct detect *ret)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = detect_points(w->series, w->from_ns, t, v);
	struct detect_rules rules = *q->rules;

	if (n < q->few_points)
		rules.p_max = q->few_p_max;
	if (n)
		rules.min_growth = fmax(rules.min_growth, q->min_part * v[0]);
	if (n && !q->wants_figures && cannot_grow(v, n, &rules))
		*ret = (struct detect){ .state = DETECT_FLAT };
	else
		detect_floor(t, v, n, &rules, ret);
	if (ret->state == DETECT_GROWING && n < q->few_points &&
	    detect_fall(v, n) > q->few_max_fall * ret->growth)
		ret->state = DETECT_FLAT;
}

/* Whether it ends where it had not stayed before: without that a part need not be looked at. */
static bool is_new_height(const struct series *whole, const struct window *w)
{
	double floors[HISTORY_FLOORS], now = series_at(w->series, series_count(w->series) - 1).last;
	size_t n = history(whole, MAX(w->from_ns, first_ns(w->series)), floors);

	for (size_t i = 0; i < n; i++)
		if (floors[i] >= now)
			return false;
	return n >= HISTORY_FLOORS_MIN;
}

static bool is_growing(const struct series *whole, const struct window *w,
		       const struct window_query *q, struct detect *ret)
{
	if (!w->is_whole && !is_new_height(whole, w))
		return false;
	detect_in(w, q, ret);
	return ret->state == DETECT_GROWING &&
	       (w->is_whole || is_news(whole, MAX(w->from_ns, first_ns(w->series)), ret));
}

bool window_detect(const struct window_query *q, struct window_shown *ret)
{
	const struct series *whole = detect_horizon(q->level);
	struct window windows[WINDOWS_MAX];
	size_t n = windows_of(q->level, windows);
	struct detect part;

	ret->window = windows[0];
	if (is_growing(whole, &windows[0], q, &ret->d))
		return true;
	for (size_t i = 1; i < n; i++) {
		if (!is_growing(whole, &windows[i], q, &part))
			continue;
		*ret = (struct window_shown){ windows[i], part };
		return true;
	}
	return false;
}
