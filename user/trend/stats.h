/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Robust statistics of short series: ranks and medians, because memory comes in steps, bursts and
 * outliers, and a mean or a least-squares line believes every one of them.  Pure functions of
 * arrays; times in seconds; no state, no allocation.
 */
#ifndef GOTIDE_TREND_STATS_H
#define GOTIDE_TREND_STATS_H

#include "base/err.h"

/* Points that the pairwise methods take: n (n - 1) / 2 slopes are kept on the stack. */
#define STATS_POINTS_MAX 64

void stats_sort(double *v, size_t n);
/* Of sorted values, linear between neighbours (R's type 7).  NAN if n is 0. */
double stats_quantile(const double *sorted, size_t n, double q);
/* Sorts v. */
double stats_median(double *v, size_t n);

/* P(|Z| >= |z|) of a standard normal. */
double stats_normal_two_sided(double z);

/* Mann-Kendall test for a monotone trend; Kendall's variance, corrected for ties. */
struct stats_kendall {
	double s, var;
	double tau; /* tau-b against time: 1 always rising, -1 always falling */
	double z; /* with continuity correction */
	double p; /* two-sided; 1 if nothing can be said */
};
void stats_mann_kendall(const double *v, size_t n, struct stats_kendall *ret);

/*
 * Theil-Sen: the median of the slopes of all pairs, with the interval that Sen (1968) gives from
 * Kendall's variance.  confidence_z: 1.645 for 90 %.  n <= STATS_POINTS_MAX; all NAN if there is
 * no pair at different times.
 */
struct stats_slope {
	double slope, low, high; /* per second */
	double intercept; /* median(v) - slope * median(t) */
};
void stats_theil_sen(const double *t, const double *v, size_t n, double confidence_z,
		     struct stats_slope *ret);

/* NAN if n < 2 or one side is constant.  Spearman: ties get their mean rank. */
double stats_pearson(const double *x, const double *y, size_t n);
double stats_spearman(const double *x, const double *y, size_t n); /* n <= STATS_POINTS_MAX */

/*
 * Cuts [t[0], t[n - 1]] into equal spans and keeps the least value of each and its time; spans
 * without a value are left out.  t rises.  Returns how many were kept, at most buckets.
 */
size_t stats_floors(const double *t, const double *v, size_t n, size_t buckets, double *ret_t,
		    double *ret_v);

#endif
