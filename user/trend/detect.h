/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a quantity's floor rises: one judgement for goroutine survivors, heap after GC and
 * whatever else must fall back if all is well.  Pure; the caller brings the points and the
 * minimum of evidence that its quantity needs.
 */
#ifndef GOTIDE_TREND_DETECT_H
#define GOTIDE_TREND_DETECT_H

#include "model/series.h"
#include "trend/stats.h"

enum detect_state {
	DETECT_TOO_EARLY = 0, /* too short or too few points */
	DETECT_FLAT, /* no rise that chance would not make */
	DETECT_FALLING, /* by Mann-Kendall's test */
	DETECT_PLATEAUING, /* it rose, and slows down */
	DETECT_GROWING,
};

#define DETECT_BUCKETS_MAX 20
#define DETECT_POINTS_MAX  600 /* the longest series there is */

struct detect_rules {
	double min_span_s;
	size_t min_buckets; /* floors, at most DETECT_BUCKETS_MAX */
	double p_max; /* of the Mann-Kendall test, two-sided */
	double min_growth; /* first floor to last */
	/*
	 * A rise with a fall in between must also be so large a part of where it began.  Without a
	 * fall the size does not matter: ten thousand that were there say nothing about the fifty
	 * that came and stayed.
	 */
	double min_growth_part;
	double steady_drawdown; /* falls up to this part of the growth are none */
	double max_drawdown; /* above this part it is a wave, not a trend */
	double plateau_ratio; /* last third's slope against the whole's: below it slows */
	/*
	 * The growth must be so many times what the points of one stretch move by, at the median:
	 * a small rise of what moves much is no trend yet.  0: any.
	 */
	double noise_factor;
};

struct detect {
	enum detect_state state;
	size_t n; /* floors judged */
	double t[DETECT_BUCKETS_MAX], floor[DETECT_BUCKETS_MAX];
	double span_s, first, last, growth;
	double drawdown; /* deepest fall, as a part of the growth */
	double last_ratio; /* slope of the last third / slope of the whole */
	/* The last third rises slower than the first one did, both being sure to 90 %. */
	bool is_bending;
	struct stats_kendall kendall;
	/* 90 % interval; as last_ratio and is_bending only of what rises by enough, else 0 */
	struct stats_slope slope;
};

/*
 * t rises, in seconds.  Floors are taken over short stretches first, and over longer ones, which
 * span the waves of a load, if those show no growth.
 */
void detect_floor(const double *t, const double *v, size_t n, const struct detect_rules *rules,
		  struct detect *ret);

/* The deepest fall below a height that was reached before; n > 0. */
double detect_fall(const double *v, size_t n);

/* Minima of a series from ts_ns on, at most DETECT_POINTS_MAX, latest kept; returns how many. */
size_t detect_points(const struct series *s, uint64_t from_ns, double *ret_t, double *ret_v);

/* The finest horizon that still holds the whole observation, or else the longest. */
const struct series *detect_horizon(const struct series3 *s);

/*
 * A rate at the beginning and at the end of [from, to] seconds: medians of the first and the last
 * third.  False if a third has too few points.
 */
bool detect_rate(const struct series *s, double from_s, double to_s, double *ret_first,
		 double *ret_last);

#endif
