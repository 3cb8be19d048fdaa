/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SERIES_FIRST_POINTS 8

static const struct {
	uint64_t interval_ns;
	uint32_t points;
} horizons[SERIES_HORIZONS] = {
	[SERIES_10M] = { NSEC_PER_SEC, 600 },
	[SERIES_2H] = { 12 * NSEC_PER_SEC, 600 },
	[SERIES_24H] = { 144 * NSEC_PER_SEC, 600 },
};

void series_init(struct series *s, uint64_t interval_ns, uint32_t capacity, bool is_scaling)
{
	*s = (struct series){ .interval_ns = interval_ns,
			      .capacity = capacity,
			      .is_scaling = is_scaling };
}

void series_release(struct series *s)
{
	free(s->points);
	s->points = NULL;
	s->n = s->head = 0;
}

uint32_t series_count(const struct series *s)
{
	return s->n;
}

static struct series_point *point_at(const struct series *s, uint32_t i)
{
	return &s->points[(s->head + i) % s->capacity];
}

const struct series_point *series_at(const struct series *s, uint32_t i)
{
	return point_at(s, i);
}

/* Start of the interval that ts falls into.  A scaling series counts from its first point. */
static uint64_t interval_start(const struct series *s, uint64_t ts_ns)
{
	uint64_t base = s->is_scaling && s->n ? point_at(s, 0)->ts_ns : 0;

	if (s->is_scaling && !s->n)
		return ts_ns;
	return ts_ns < base ? base : ts_ns - (ts_ns - base) % s->interval_ns;
}

static void point_merge(struct series_point *p, const struct series_point *q)
{
	p->min = q->min < p->min ? q->min : p->min;
	p->max = q->max > p->max ? q->max : p->max;
	p->last = q->last;
}

/* Doubles the interval until at least one place is free. */
static void series_coarsen(struct series *s)
{
	while (s->n == s->capacity) {
		uint32_t n = 1;

		s->interval_ns *= 2;
		for (uint32_t i = 1; i < s->n; i++) {
			struct series_point p = s->points[i];

			p.ts_ns = interval_start(s, p.ts_ns);
			if (p.ts_ns == s->points[n - 1].ts_ns)
				point_merge(&s->points[n - 1], &p);
			else
				s->points[n++] = p;
		}
		s->n = n;
	}
}

/*
 * Room for one more point.  The allocation is a power of two, or the capacity, and so follows from
 * n: it has to grow exactly when n reaches one.  After coarsening the array is larger than that,
 * and reallocating it to twice n is still enough.
 */
static int series_reserve(struct series *s)
{
	uint32_t want = s->n ? s->n * 2 : SERIES_FIRST_POINTS;

	if (s->n == s->capacity)
		return 0;
	if (s->n && (s->n < SERIES_FIRST_POINTS || (s->n & (s->n - 1))))
		return 0;
	if (want > s->capacity)
		want = s->capacity;
	struct series_point *p = reallocarray(s->points, want, sizeof(*p));

	if (!p)
		return -ENOMEM;
	s->points = p;
	return 0;
}

int series_add(struct series *s, uint64_t ts_ns, double value)
{
	struct series_point p = { .min = value, .max = value, .last = value };

	p.ts_ns = interval_start(s, ts_ns);
	if (s->n && p.ts_ns <= point_at(s, s->n - 1)->ts_ns) {
		point_merge(point_at(s, s->n - 1), &p);
		return 0;
	}
	int err = series_reserve(s);

	if (err)
		return err;
	if (s->n == s->capacity && s->is_scaling) {
		series_coarsen(s);
		return series_add(s, ts_ns, value);
	}
	if (s->n == s->capacity)
		s->head = (s->head + 1) % s->capacity;
	else
		s->n++;
	*point_at(s, s->n - 1) = p;
	return 0;
}

void series3_init(struct series3 *s)
{
	for (int i = 0; i < SERIES_HORIZONS; i++)
		series_init(&s->h[i], horizons[i].interval_ns, horizons[i].points, false);
}

void series3_release(struct series3 *s)
{
	for (int i = 0; i < SERIES_HORIZONS; i++)
		series_release(&s->h[i]);
}

int series3_add(struct series3 *s, uint64_t ts_ns, double value)
{
	int ret = 0;

	for (int i = 0; i < SERIES_HORIZONS; i++) {
		int err = series_add(&s->h[i], ts_ns, value);

		ret = ret ? ret : err;
	}
	return ret;
}
