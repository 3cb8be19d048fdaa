/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	return a < b ? -1 : a > b;
}

void stats_sort(double *v, size_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), compare);
}

double stats_quantile(const double *sorted, size_t n, double q)
{
	if (!n)
		return NAN;
	double at = q * (double)(n - 1);
	size_t i = at <= 0 ? 0 : (size_t)at;

	if (i + 1 >= n)
		return sorted[n - 1];
	return sorted[i] + (sorted[i + 1] - sorted[i]) * (at - (double)i);
}

double stats_median(double *v, size_t n)
{
	stats_sort(v, n);
	return stats_quantile(v, n, 0.5);
}

double stats_normal_two_sided(double z)
{
	return erfc(fabs(z) / M_SQRT2);
}

/* ---- Mann-Kendall ---- */

static int sign(double d)
{
	return (d > 0) - (d < 0);
}

/* Kendall's variance of S for n values without ties; ties are subtracted by group. */
static double kendall_term(double n)
{
	return n * (n - 1) * (2 * n + 5) / 18;
}

/* Size of the group of values equal to v[i], if it is the first of them, else 1. */
static size_t ties_from(const double *v, size_t n, size_t i)
{
	size_t group = 0;

	for (size_t k = 0; k < i; k++)
		if (v[k] == v[i])
			return 1;
	for (size_t k = i; k < n; k++)
		group += v[k] == v[i];
	return group;
}

/* Takes off what ties take from the variance. */
static void correct_for_ties(const double *v, size_t n, struct stats_kendall *k)
{
	for (size_t i = 0; i < n; i++)
		k->var -= kendall_term((double)ties_from(v, n, i));
}

void stats_mann_kendall(const double *v, size_t n, struct stats_kendall *ret)
{
	struct stats_kendall k = { .p = 1 };
	double pairs = (double)n * ((double)n - 1) / 2;
	int64_t s = 0, tied_pairs = 0;

	k.var = kendall_term((double)n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++) {
			int sg = sign(v[j] - v[i]);

			s += sg;
			tied_pairs += !sg;
		}
	if (tied_pairs)
		correct_for_ties(v, n, &k);
	k.s = (double)s;
	if (n >= 3 && k.var > 0) {
		k.tau = k.s / sqrt((pairs - (double)tied_pairs) * pairs);
		k.z = (k.s - sign(k.s)) / sqrt(k.var);
		k.p = stats_normal_two_sided(k.z);
	}
	*ret = k;
}

/* ---- Theil-Sen ---- */

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

/* Hoare's selection: puts the value of that rank in its place, smaller ones before it. */
static double select_rank(double *v, size_t n, size_t rank)
{
	size_t low = 0, high = n - 1;

	while (low < high) {
		double pivot = v[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap(&v[i++], &v[j--]);
		}
		if (i == j && v[i] <= pivot)
			i++;
		if (rank < i)
			high = i - 1;
		else
			low = i;
	}
	return v[rank];
}

static size_t rank_within(size_t n, double rank)
{
	double last = (double)n - 1;

	return (size_t)(rank < 0 ? 0 : rank > last ? last : rank);
}

static double largest(const double *v, size_t n)
{
	double most = v[0];

	for (size_t i = 1; i < n; i++)
		most = v[i] > most ? v[i] : most;
	return most;
}

/*
 * The median, of an even number the mean of the two in the middle, and the values of a rank below
 * it and of one above it.
 */
static void select_three(double *v, size_t n, size_t low, size_t high, struct stats_slope *ret)
{
	size_t middle = n / 2;

	ret->slope = select_rank(v, n, middle);
	ret->high = high > middle ? select_rank(v + middle, n - middle, high - middle) : ret->slope;
	if (n % 2 == 0)
		ret->slope = (ret->slope + largest(v, middle)) / 2;
	ret->low = low < middle ? select_rank(v, middle, low) : v[middle];
}

void stats_theil_sen(const double *t, const double *v, size_t n, double confidence_z,
		     struct stats_slope *ret)
{
	double slopes[STATS_POINTS_MAX * (STATS_POINTS_MAX - 1) / 2];
	double mt[STATS_POINTS_MAX], mv[STATS_POINTS_MAX];
	struct stats_kendall k;
	size_t m = 0;

	assert(n <= STATS_POINTS_MAX);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (t[j] != t[i])
				slopes[m++] = (v[j] - v[i]) / (t[j] - t[i]);
	if (!m) {
		*ret = (struct stats_slope){ NAN, NAN, NAN, NAN };
		return;
	}
	memcpy(mt, t, n * sizeof(*t));
	memcpy(mv, v, n * sizeof(*v));
	stats_mann_kendall(v, n, &k);
	double half = confidence_z * sqrt(fmax(0, k.var));

	/* the (m - half) / 2-th and the (m + half) / 2 + 1-th, counted from 1 */
	select_three(slopes, m, rank_within(m, round(((double)m - half) / 2) - 1),
		     rank_within(m, round(((double)m + half) / 2)), ret);
	ret->intercept = stats_median(mv, n) - ret->slope * stats_median(mt, n);
}

/* ---- correlation ---- */

double stats_pearson(const double *x, const double *y, size_t n)
{
	double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = 0; i < n; i++) {
		mx += x[i] / (double)n;
		my += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		xx += (x[i] - mx) * (x[i] - mx);
		yy += (y[i] - my) * (y[i] - my);
		xy += (x[i] - mx) * (y[i] - my);
	}
	return n < 2 || xx <= 0 || yy <= 0 ? NAN : xy / sqrt(xx * yy);
}

static void ranks(const double *v, size_t n, double *ret)
{
	for (size_t i = 0; i < n; i++) {
		size_t below = 0, equal = 0;

		for (size_t k = 0; k < n; k++) {
			below += v[k] < v[i];
			equal += v[k] == v[i];
		}
		ret[i] = (double)below + ((double)equal + 1) / 2;
	}
}

double stats_spearman(const double *x, const double *y, size_t n)
{
	double rx[STATS_POINTS_MAX], ry[STATS_POINTS_MAX];

	assert(n <= STATS_POINTS_MAX);
	ranks(x, n, rx);
	ranks(y, n, ry);
	return stats_pearson(rx, ry, n);
}

/* ---- floors ---- */

size_t stats_floors(const double *t, const double *v, size_t n, size_t buckets, double *ret_t,
		    double *ret_v)
{
	size_t m = 0, open = 0;

	for (size_t i = 0; i < n; i++) {
		double span = t[n - 1] - t[0];
		size_t b = span > 0 ? (size_t)((t[i] - t[0]) / span * (double)buckets) : 0;

		b = b < buckets ? b : buckets - 1;
		if (m && b == open) {
			if (v[i] < ret_v[m - 1]) {
				ret_v[m - 1] = v[i];
				ret_t[m - 1] = t[i];
			}
			continue;
		}
		open = b;
		ret_t[m] = t[i];
		ret_v[m++] = v[i];
	}
	return m;
}
