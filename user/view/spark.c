/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/spark.h"

#include <math.h>

#include "base/clock.h"
#include "base/err.h"

#define WINDOW_NS (600 * NSEC_PER_SEC)
/* A line uses its height if it moves by this part of its highest value. */
#define NOISE 0.1

struct column {
	double low, high, last; /* NAN: no value fell into it */
};

static uint64_t window_start(const struct series *s, uint64_t now_ns)
{
	uint64_t first = series_at(s, 0).ts_ns;

	return now_ns > WINDOW_NS ? MAX(first, now_ns - WINDOW_NS) : first;
}

/* Sorts the values of the window into columns.  Returns the last one before it, NAN without. */
static double spread(const struct series *s, uint64_t from_ns, uint64_t to_ns,
		     struct column columns[static SPARK_POINTS])
{
	double before = NAN, span = (double)(to_ns - from_ns);

	for (int i = 0; i < SPARK_POINTS; i++)
		columns[i] = (struct column){ NAN, NAN, NAN };
	for_each_point(s, p)
	{
		if (p.ts_ns < from_ns)
			before = p.last;
		if (p.ts_ns < from_ns || p.ts_ns > to_ns)
			continue;
		struct column *c =
			&columns[(int)((double)(p.ts_ns - from_ns) / span * (SPARK_POINTS - 1))];

		c->low = fmin(c->low, p.min);
		c->high = fmax(c->high, p.max);
		c->last = p.last;
	}
	return before;
}

/* From top to bottom; what moves little stays in the middle. */
static void scale(const double v[static SPARK_POINTS], struct spark *ret)
{
	double bottom = ret->high, room, top;

	for (int i = 0; i < SPARK_POINTS; i++)
		bottom = fmin(bottom, v[i]);
	room = fmax(ret->high - bottom, NOISE * fabs(ret->high));
	top = (ret->high + bottom + room) / 2;
	for (int i = 0; i < SPARK_POINTS; i++)
		ret->y[i] =
			room > 0 ? (int)lround((top - v[i]) / room * SPARK_HEIGHT) : SPARK_HEIGHT;
}

bool spark_of(const struct series3 *s3, uint64_t now_ns, struct spark *ret)
{
	const struct series *s = s3 ? &s3->h[SERIES_NEAR] : NULL;
	struct column columns[SPARK_POINTS];
	double v[SPARK_POINTS], carried;

	if (!s || series_count(s) < 2)
		return false;
	uint64_t from_ns = window_start(s, now_ns);

	if (now_ns <= from_ns)
		return false;
	carried = spread(s, from_ns, now_ns, columns);
	*ret = (struct spark){ .seconds = seconds_between(from_ns, now_ns) };
	ret->low = INFINITY, ret->high = -INFINITY;
	for (int i = 0; i < SPARK_POINTS; i++) {
		v[i] = isnan(columns[i].high) ? carried : columns[i].high;
		carried = isnan(columns[i].high) ? carried : columns[i].last;
		ret->low = fmin(ret->low, fmin(v[i], columns[i].low));
		ret->high = fmax(ret->high, v[i]);
	}
	if (!isfinite(v[0]) || !isfinite(ret->low) || !isfinite(ret->high))
		return false;
	scale(v, ret);
	return true;
}

void spark_path(FILE *f, const struct spark *s)
{
	int y = s->y[0], flat = 0;

	fprintf(f, "M0 %d", y);
	for (int i = 1; i < SPARK_POINTS; i++) {
		if (s->y[i] == y) {
			flat += SPARK_STEP;
			continue;
		}
		if (flat)
			fprintf(f, "h%d", flat);
		fprintf(f, s->y[i] < y ? "l%d%d" : "l%d %d", SPARK_STEP, s->y[i] - y);
		y = s->y[i];
		flat = 0;
	}
	if (flat)
		fprintf(f, "h%d", flat);
}
