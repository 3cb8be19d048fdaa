/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/wave.h"

#include <math.h>

#include "base/clock.h"
#include "trend/detect.h"
#include "trend/stats.h"

#define PAIRS_MIN      10
#define FACTOR_MIN     2.0 /* from the lowest to the peak */
#define CORRELATED_MIN 0.5
#define BACK_PART      0.7

/* Points of both series at the same times; x and y hold DETECT_POINTS_MAX. */
static size_t paired(const struct series *a, const struct series *b, double *x, double *y,
		     double *ret_span_s)
{
	struct series_iter of_b = series_begin(b);
	struct series_point q;
	bool has_q = series_next(&of_b, &q);
	uint64_t begun = 0;
	size_t n = 0;

	for_each_point(a, p)
	{
		while (has_q && q.ts_ns < p.ts_ns)
			has_q = series_next(&of_b, &q);
		if (!has_q || n == DETECT_POINTS_MAX)
			break;
		if (q.ts_ns != p.ts_ns)
			continue;
		begun = n ? begun : p.ts_ns;
		*ret_span_s = (double)(p.ts_ns - begun) / (double)NSEC_PER_SEC;
		x[n] = p.last;
		y[n++] = q.last;
	}
	return n;
}

static void measure(const double *x, size_t n, struct wave *ret)
{
	double since_peak;

	ret->first = ret->low = ret->peak = since_peak = x[0];
	ret->last = x[n - 1];
	for (size_t i = 1; i < n; i++) {
		ret->low = fmin(ret->low, x[i]);
		since_peak = x[i] > ret->peak ? x[i] : fmin(since_peak, x[i]);
		ret->peak = fmax(ret->peak, x[i]);
	}
	ret->is_back = since_peak <= ret->peak - BACK_PART * (ret->peak - ret->low);
}

bool wave_find(const struct series3 *level, const struct series3 *rate, double least,
	       struct wave *ret)
{
	const struct series *a = detect_horizon(level);
	const struct series *b = &rate->h[a - level->h];
	double x[DETECT_POINTS_MAX], y[DETECT_POINTS_MAX];
	size_t n = paired(a, b, x, y, &ret->span_s);

	if (n < PAIRS_MIN)
		return false;
	measure(x, n, ret);
	ret->correlation = stats_pearson(x, y, n);
	return ret->peak - ret->low >= least && ret->peak >= FACTOR_MIN * ret->low &&
	       ret->correlation >= CORRELATED_MIN;
}
