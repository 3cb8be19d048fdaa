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

/* To tell a rate from its sum it must change by so much, and one fit be so much better. */
#define FIT_MIN	    5
#define FIT_CHANGE  1.3
#define FIT_CLEARLY 1.5
/* What is kept for a time follows the rate of earlier: up to this part of the window. */
#define LAGS	 6
#define LAG_PART 0.3

/* The rate as a step function of time: the latest value at or before t, which only rises. */
struct steps {
	struct series_iter it;
	double value; /* of the step that it is on */
	struct series_point next;
	bool has_next;
};

static struct steps steps_of(const struct series *s)
{
	struct steps st = { .it = series_begin(s) };
	struct series_point first = { 0 };

	(void)series_next(&st.it, &first);
	st.value = first.last;
	st.has_next = series_next(&st.it, &st.next);
	return st;
}

static double step_at(struct steps *st, double t)
{
	while (st->has_next && (double)st->next.ts_ns / (double)NSEC_PER_SEC <= t) {
		st->value = st->next.last;
		st->has_next = series_next(&st->it, &st->next);
	}
	return st->value;
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
	const struct series *s = detect_horizon(rate);
	struct steps steps = steps_of(s);

	*ret_correlation = NAN;
	if (n < PIECES_MIN || n > DETECT_POINTS_MAX || series_count(s) < PIECES_MIN)
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

/* Part of the variance of v that a straight line in x leaves; 1 if x is constant. */
static double unexplained(const double *x, const double *v, size_t n)
{
	double r = stats_pearson(x, v, n);

	/* What falls as x rises is not explained by it. */
	return isnan(r) || r <= 0 ? 1 : 1 - r * r;
}

/* The least that a line in the rate of some time before leaves. */
static double unexplained_by_rate(const struct series *rate, const double *t, const double *v,
				  size_t n)
{
	double w[DETECT_POINTS_MAX], least = 1, span = t[n - 1] - t[0];

	for (unsigned int lag = 0; lag <= LAGS; lag++) {
		struct steps steps = steps_of(rate);
		double behind = span * LAG_PART * lag / LAGS;

		for (size_t i = 0; i < n; i++)
			w[i] = step_at(&steps, t[i] - behind);
		least = fmin(least, unexplained(w, v, n));
	}
	return least;
}

static double unexplained_by_sum(const struct series *rate, const double *t, const double *v,
				 size_t n)
{
	double sum[DETECT_POINTS_MAX], total = 0, before = 0;
	struct series_iter it = series_begin(rate);
	struct series_point p;
	bool has_p = series_next(&it, &p), is_first = true;

	for (size_t i = 0; i < n; i++) {
		for (; has_p; has_p = series_next(&it, &p)) {
			double at = (double)p.ts_ns / (double)NSEC_PER_SEC;

			if (at > t[i])
				break;
			total += is_first ? 0 : p.last * (at - before);
			is_first = false;
			before = at;
		}
		sum[i] = total;
	}
	return unexplained(sum, v, n);
}

enum work_fit work_fit(const struct series3 *rate, const double *t, const double *v, size_t n)
{
	const struct series *s = detect_horizon(rate);
	double first, last;

	if (n < FIT_MIN || n > DETECT_POINTS_MAX || !series_count(s) ||
	    !detect_rate(s, t[0], t[n - 1], &first, &last) || first <= 0 ||
	    fmax(last / first, first / last) < FIT_CHANGE)
		return WORK_FIT_NONE;
	double by_rate = unexplained_by_rate(s, t, v, n), by_sum = unexplained_by_sum(s, t, v, n);

	if (by_rate < by_sum / FIT_CLEARLY)
		return WORK_FIT_RATE;
	return by_sum < by_rate / FIT_CLEARLY ? WORK_FIT_SUM : WORK_FIT_NONE;
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
