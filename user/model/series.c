/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SERIES_FIRST_POINTS 8

struct horizon {
	uint64_t interval_ns;
	uint32_t points;
	bool is_scaling;
};

static const struct horizon horizons[SERIES_HORIZONS] = {
	[SERIES_NEAR] = { NSEC_PER_SEC, 600, false },
	[SERIES_MIDDLE] = { 24 * NSEC_PER_SEC, 300, false },
	[SERIES_FAR] = { 288 * NSEC_PER_SEC, 300, false },
};

static const struct horizon horizons_small[SERIES_HORIZONS] = {
	[SERIES_NEAR] = { NSEC_PER_SEC, 64, false },
	[SERIES_MIDDLE] = { 32 * NSEC_PER_SEC, 64, false },
	[SERIES_FAR] = { NSEC_PER_SEC, 64, true },
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

static struct series_packed *packed_at(const struct series *s, uint32_t i)
{
	uint32_t at = s->head + i; /* less than twice the capacity */

	return &s->points[at < s->capacity ? at : at - s->capacity];
}

static uint64_t time_of(const struct series *s, const struct series_packed *p)
{
	return s->base_ns + p->slot * s->interval_ns;
}

struct series_point series_at(const struct series *s, uint32_t i)
{
	const struct series_packed *p = packed_at(s, i);

	return (struct series_point){ time_of(s, p), p->min, p->max, p->last };
}

bool series_is_whole(const struct series *s)
{
	return s->is_scaling || s->n < s->capacity;
}

/* The interval that ts falls into.  A scaling series counts from its first point. */
static uint32_t slot_of(const struct series *s, uint64_t ts_ns)
{
	uint64_t slot = ts_ns < s->base_ns ? 0 : (ts_ns - s->base_ns) / s->interval_ns;

	return (uint32_t)MIN(slot, (uint64_t)UINT32_MAX);
}

static void packed_merge(struct series_packed *p, const struct series_packed *q)
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
		s->points[0].slot /= 2;
		for (uint32_t i = 1; i < s->n; i++) {
			struct series_packed p = s->points[i];

			p.slot /= 2;
			if (p.slot == s->points[n - 1].slot)
				packed_merge(&s->points[n - 1], &p);
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
	struct series_packed *p = reallocarray(s->points, want, sizeof(*p));

	if (!p)
		return -ENOMEM;
	s->points = p;
	return 0;
}

int series_add(struct series *s, uint64_t ts_ns, double value)
{
	float v = (float)value;
	struct series_packed p = { .min = v, .max = v, .last = v };

	if (s->is_scaling && !s->n)
		s->base_ns = ts_ns;
	p.slot = slot_of(s, ts_ns);
	if (s->n && p.slot <= packed_at(s, s->n - 1)->slot) {
		packed_merge(packed_at(s, s->n - 1), &p);
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
	*packed_at(s, s->n - 1) = p;
	return 0;
}

static void init_horizons(struct series3 *s, const struct horizon *h)
{
	for (int i = 0; i < SERIES_HORIZONS; i++)
		series_init(&s->h[i], h[i].interval_ns, h[i].points, h[i].is_scaling);
}

void series3_init(struct series3 *s)
{
	init_horizons(s, horizons);
}

void series3_init_small(struct series3 *s)
{
	init_horizons(s, horizons_small);
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
