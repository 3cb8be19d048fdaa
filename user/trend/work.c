/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/work.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "trend/detect.h"
#include "trend/stats.h"

#define PIECES_MAX     48 /* of equal length, at most STATS_POINTS_MAX */
#define PIECES_MIN     8
#define CORRELATED_MIN 0.5

/* The rate as a step function of time: the latest value at or before t. */
struct steps {
	const struct series *s;
	uint32_t at;
};

static double step_at(struct steps *st, double t)
{
	uint32_t n = series_count(st->s);

	while (st->at + 1 < n &&
	       (double)series_at(st->s, st->at + 1).ts_ns / (double)NSEC_PER_SEC <= t)
		st->at++;
	return series_at(st->s, st->at).last;
}

/* Means of both over pieces of equal length; returns how many have points. */
static size_t into_pieces(const double *t, const double *v, const double *w, size_t n, double *pt,
			  double *pv, double *pw)
{
	double span = t[n - 1] - t[0];
	size_t m = 0, in = 0, open = SIZE_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t b = span > 0 ? (size_t)((t[i] - t[0]) / span * (PIECES_MAX - 1)) : 0;

		if (b != open) {
			open = b;
			in = 0;
			pt[m] = pv[m] = pw[m] = 0;
			m++;
		}
		in++;
		pt[m - 1] += (t[i] - pt[m - 1]) / (double)in;
		pv[m - 1] += (v[i] - pv[m - 1]) / (double)in;
		pw[m - 1] += (w[i] - pw[m - 1]) / (double)in;
	}
	return m;
}

static void detrend(const double *t, double *v, size_t n)
{
	struct stats_slope s;

	stats_theil_sen(t, v, n, 1, &s);
	for (size_t i = 0; i < n; i++)
		v[i] -= s.intercept + s.slope * t[i];
}

/* Level per rate, by the waves of both alone; NAN if they do not go together. */
static double level_per_rate(const double *t, const double *v, const double *w, size_t n,
			     double *ret_correlation)
{
	double pt[PIECES_MAX], pv[PIECES_MAX], pw[PIECES_MAX];
	size_t m = into_pieces(t, v, w, n, pt, pv, pw);
	struct stats_slope s;

	if (m < PIECES_MIN)
		return NAN;
	detrend(pt, pv, m);
	detrend(pt, pw, m);
	*ret_correlation = stats_pearson(pv, pw, m);
	if (!(*ret_correlation >= CORRELATED_MIN))
		return NAN;
	stats_theil_sen(pw, pv, m, 1, &s);
	return s.slope;
}

bool work_take_out(const struct series3 *rate, const double *t, double *v, size_t n,
		   double *ret_correlation)
{
	double w[DETECT_POINTS_MAX], sorted[DETECT_POINTS_MAX];
	struct steps steps = { .s = detect_horizon(rate) };

	*ret_correlation = NAN;
	if (n < PIECES_MIN || n > DETECT_POINTS_MAX || series_count(steps.s) < PIECES_MIN)
		return false;
	for (size_t i = 0; i < n; i++)
		w[i] = step_at(&steps, t[i]);
	double per_rate = level_per_rate(t, v, w, n, ret_correlation);

	if (!(per_rate > 0))
		return false;
	memcpy(sorted, w, n * sizeof(*w));
	double usual = stats_median(sorted, n);

	for (size_t i = 0; i < n; i++)
		v[i] -= per_rate * (w[i] - usual);
	return true;
}

bool work_split(const struct series3 *live, const struct series3 *births, double from_s,
		double to_s, struct work_split *ret)
{
	double live_first, live_last, rate_first, rate_last;

	if (!detect_rate(detect_horizon(live), from_s, to_s, &live_first, &live_last) ||
	    !detect_rate(detect_horizon(births), from_s, to_s, &rate_first, &rate_last))
		return false;
	if (live_first <= 0 || rate_first <= 0 || rate_last <= 0)
		return false;
	ret->live = live_last / live_first;
	ret->rate = rate_last / rate_first;
	ret->lifetime = ret->live / ret->rate;
	return true;
}
