/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/kept.h"

#include <math.h>

/* So many GCs, each of which found more than the one before ... */
#define MARKS_MIN 3
/* ... and of what was allocated between the first and the last so much. */
#define KEPT_PART 0.45 /* a buffer that doubles leaves as much behind */

/* Heap in use counts garbage, too: it must rise steadily, for long, and by much. */
static const struct detect_rules inuse_rules = {
	.min_span_s = 45,
	.min_buckets = 6,
	.p_max = 0.01,
	.min_growth = 8 << 20,
	.min_growth_part = 0.5,
	.steady_drawdown = 0,
	.max_drawdown = 0.1,
	.plateau_ratio = 0.6,
};

static double allocated_between(const struct snapshot_process *p, double from_s, double to_s)
{
	const struct series *s = &p->alloc_series->h[SERIES_NEAR];
	double bytes = 0, before = 0;
	bool is_first = true;

	for_each_point(s, at)
	{
		double t = judging_s(at.ts_ns);

		if (!is_first && before >= from_s && t <= to_s)
			bytes += at.last * (t - before);
		is_first = false;
		before = t;
	}
	return bytes;
}

static bool is_rising(const double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i] <= v[i - 1])
			return false;
	return true;
}

bool kept_find(const struct snapshot_process *p, struct kept *ret)
{
	const struct window_query query = { .level = p->heap_inuse_series, .rules = &inuse_rules };
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = detect_points(&p->heap_live_series->h[SERIES_NEAR], 0, t, v);

	if (n < MARKS_MIN || !is_rising(v, n))
		return false;
	*ret = (struct kept){
		.marks = n,
		.first = v[0],
		.last = v[n - 1],
		.allocated = allocated_between(p, t[0], t[n - 1]),
	};
	return ret->allocated > 0 && ret->last - ret->first >= KEPT_PART * ret->allocated &&
	       window_detect(&query, &ret->inuse) && !ret->inuse.d.is_bending;
}
