/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/detect.h"

#include <assert.h>
#include <math.h>

#include "base/clock.h"

#define CONFIDENCE_90_Z 1.645
#define THIRD_MIN	4 /* floors in the last third, at least */
#define RATE_POINTS_MIN 2 /* in a third */
#define BENDING		0.75
#define STEADY_PART	0.3 /* of the growth the robust slope must explain */
#define COARSE_POINTS	3 /* in a longer stretch, or its lowest is no floor */
#define COARSER		2 /* times as long is the next stretch of a floor */

size_t detect_points(const struct series *s, uint64_t from_ns, double *ret_t, double *ret_v)
{
	uint32_t count = series_count(s), i = 0;
	size_t n = 0;

	for_each_point(s, p)
	{
		if (i++ + DETECT_POINTS_MAX < count || p.ts_ns < from_ns)
			continue;
		ret_t[n] = (double)p.ts_ns / (double)NSEC_PER_SEC;
		ret_v[n++] = p.min;
	}
	return n;
}

const struct series *detect_horizon(const struct series3 *s)
{
	const struct series *finest = NULL;

	for (int i = 0; i < SERIES_HORIZONS; i++) {
		const struct series *it = &s->h[i];

		if (series_is_whole(it) && (!finest || it->interval_ns < finest->interval_ns))
			finest = it;
	}
	return finest ? finest : &s->h[SERIES_HORIZONS - 1];
}

double detect_fall(const double *v, size_t n)
{
	double top = v[0], fall = 0;

	for (size_t i = 1; i < n; i++) {
		top = fmax(top, v[i]);
		fall = fmax(fall, top - v[i]);
	}
	return fall;
}

static void measure(struct detect *d)
{
	d->first = d->floor[0];
	d->last = d->floor[d->n - 1];
	d->growth = d->last - d->first;
	d->drawdown = d->growth > 0 ? detect_fall(d->floor, d->n) / d->growth : INFINITY;
	stats_mann_kendall(d->floor, d->n, &d->kendall);
}

/* What costs most, and is of interest only where there is a trend. */
static void measure_slopes(struct detect *d)
{
	size_t third = d->n / 3 > THIRD_MIN ? d->n / 3 : THIRD_MIN;
	size_t from = d->n > third ? d->n - third : 0;
	struct stats_slope first, last;

	stats_theil_sen(d->t, d->floor, d->n, CONFIDENCE_90_Z, &d->slope);
	if (!(d->slope.low > 0))
		return;
	stats_theil_sen(d->t, d->floor, d->n - from, CONFIDENCE_90_Z, &first);
	stats_theil_sen(d->t + from, d->floor + from, d->n - from, CONFIDENCE_90_Z, &last);
	d->last_ratio = last.slope / d->slope.slope;
	d->is_bending = last.high < BENDING * first.low;
}

static enum detect_state judge(struct detect *d, const struct detect_rules *rules)
{
	if (!(d->kendall.p < rules->p_max))
		return DETECT_FLAT;
	if (d->kendall.s < 0)
		return DETECT_FALLING;
	if (d->growth < rules->min_growth || d->drawdown > rules->max_drawdown)
		return DETECT_FLAT;
	if (d->drawdown > rules->steady_drawdown && d->growth < rules->min_growth_part * d->first)
		return DETECT_FLAT;
	measure_slopes(d);
	/* A step, and next to nothing before and after it, is no trend. */
	if (!(d->slope.low > 0) || d->slope.slope * d->span_s < STEADY_PART * d->growth)
		return DETECT_FLAT;
	return d->last_ratio < rules->plateau_ratio ? DETECT_PLATEAUING : DETECT_GROWING;
}

/* Median of what the points of each of so many stretches of equal length lie apart. */
static double noise_of(const double *t, const double *v, size_t n, size_t stretches)
{
	double apart[DETECT_BUCKETS_MAX], span = t[n - 1] - t[0], low = 0, high = 0;
	size_t m = 0, open = SIZE_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t b = span > 0 ? (size_t)((t[i] - t[0]) / span * (double)stretches) : 0;

		b = MIN(b, stretches - 1);
		low = b == open ? fmin(low, v[i]) : v[i];
		high = b == open ? fmax(high, v[i]) : v[i];
		m += b != open;
		open = b;
		apart[m - 1] = high - low;
	}
	return stats_median(apart, m);
}

static void judge_floors(const double *t, const double *v, size_t n, size_t buckets,
			 const struct detect_rules *rules, struct detect *ret)
{
	*ret = (struct detect){ .state = DETECT_TOO_EARLY };
	ret->n = stats_floors(t, v, n, buckets, ret->t, ret->floor);
	ret->span_s = n ? t[n - 1] - t[0] : 0;
	if (ret->n < rules->min_buckets || ret->span_s < rules->min_span_s)
		return;
	measure(ret);
	ret->state = judge(ret, rules);
	if (ret->state == DETECT_GROWING && rules->noise_factor > 0 &&
	    ret->growth < rules->noise_factor * noise_of(t, v, n, buckets))
		ret->state = DETECT_FLAT;
}

/* By half of what is asked for at least: else longer stretches would not show it either. */
static bool has_risen(const struct detect *d, const struct detect_rules *rules)
{
	size_t third = d->n / 3;
	double first = d->floor[0], last = d->floor[d->n - 1];

	for (size_t i = 1; i < third; i++) {
		first = fmin(first, d->floor[i]);
		last = fmin(last, d->floor[d->n - 1 - i]);
	}
	return last - first >= rules->min_growth / 2;
}

void detect_floor(const double *t, const double *v, size_t n, const struct detect_rules *rules,
		  struct detect *ret)
{
	size_t buckets = MIN(MAX(n / 2, rules->min_buckets), (size_t)DETECT_BUCKETS_MAX);
	struct detect coarse;

	assert(rules->min_buckets >= 3 && rules->min_buckets <= DETECT_BUCKETS_MAX);
	judge_floors(t, v, n, buckets, rules, ret);
	while (ret->state == DETECT_FLAT && buckets > rules->min_buckets && has_risen(ret, rules)) {
		buckets = MAX(buckets / COARSER, rules->min_buckets);
		if (n < COARSE_POINTS * buckets)
			break;
		judge_floors(t, v, n, buckets, rules, &coarse);
		/* There are falls in between, or the short ones would have shown it. */
		if (coarse.state == DETECT_GROWING &&
		    coarse.growth >= rules->min_growth_part * coarse.first)
			*ret = coarse;
	}
}

bool detect_rate(const struct series *s, double from_s, double to_s, double *ret_first,
		 double *ret_last)
{
	double first[DETECT_POINTS_MAX], last[DETECT_POINTS_MAX];
	double third = (to_s - from_s) / 3;
	size_t n_first = 0, n_last = 0;

	for_each_point(s, p)
	{
		double t = (double)p.ts_ns / (double)NSEC_PER_SEC;

		if (t >= from_s && t <= from_s + third && n_first < DETECT_POINTS_MAX)
			first[n_first++] = p.last;
		if (t <= to_s && t >= to_s - third && n_last < DETECT_POINTS_MAX)
			last[n_last++] = p.last;
	}
	if (n_first < RATE_POINTS_MIN || n_last < RATE_POINTS_MIN)
		return false;
	*ret_first = stats_median(first, n_first);
	*ret_last = stats_median(last, n_last);
	return true;
}
