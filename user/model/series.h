/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A time series in bounded memory: points taken at a steady interval, each the minimum, maximum
 * and last value of its interval.  Two forms.  `series_init(s, interval, points, scaling=false)`
 * is a ring of the latest points; with scaling it never forgets: when full, neighbours are merged
 * and the interval doubles, so that it always spans the whole observation.
 */
#ifndef GOTIDE_MODEL_SERIES_H
#define GOTIDE_MODEL_SERIES_H

#include "base/err.h"

struct series_point {
	uint64_t ts_ns; /* start of the interval */
	double min, max, last; /* to the seven digits of a float */
};

/* As it is handled inside. */
struct series_packed {
	uint32_t slot; /* intervals since base_ns */
	float min, max, last;
};

/* What the next point is told as the difference to. */
struct series_mark {
	uint32_t slot;
	float value;
};

/*
 * A process has a dozen series of three horizons, a go statement three, and of most the values
 * stand still or move by little.  So only the newest point is kept as it is.  Those before it are
 * packed: a byte for as many as 128 that follow each other and have the same value, else what has
 * changed.
 */
struct series {
	uint64_t interval_ns;
	uint64_t base_ns; /* of a scaling series its first time, else 0 */
	uint32_t capacity, n;
	bool is_scaling;
	struct series_packed newest;
	struct series_mark before, after; /* what lies before the oldest; the last that is packed */
	uint8_t *data; /* owned: the packed ones, from head to size */
	uint32_t head, size, cap;
	uint32_t run_at; /* where the last ones are a run that may grow; UINT32_MAX: none */
};

void series_init(struct series *s, uint64_t interval_ns, uint32_t capacity, bool is_scaling);
void series_release(struct series *s);

/* Adds a value; out-of-order times count for the newest interval.  -ENOMEM leaves it unchanged. */
int series_add(struct series *s, uint64_t ts_ns, double value);

uint32_t series_count(const struct series *s);
/* i from 0 (oldest) to series_count() - 1.  Only the first and the last are quick to get. */
struct series_point series_at(const struct series *s, uint32_t i);

/* All points, oldest first, while the series stands still. */
struct series_iter {
	const struct series *s;
	const uint8_t *at;
	struct series_mark mark;
	uint32_t left; /* points to come */
	uint32_t run; /* of them, those of the run under way */
};
struct series_iter series_begin(const struct series *s);
bool series_next(struct series_iter *it, struct series_point *ret); /* false: no more */
/* for_each_point(s, p) { ... }: p is a struct series_point. */
#define for_each_point(s, p)                                                                     \
	for (struct series_iter p##_it = series_begin(s), *p##_i = &p##_it; p##_i; p##_i = NULL) \
		for (struct series_point p; series_next(&p##_it, &p);)

/* Whether it still holds its first point. */
bool series_is_whole(const struct series *s);

/* Three horizons of one quantity, the finest first. */
enum series_horizon {
	SERIES_NEAR = 0,
	SERIES_MIDDLE,
	SERIES_FAR,
	SERIES_HORIZONS,
};

struct series3 {
	struct series h[SERIES_HORIZONS];
};

/* Of a process: 10 minutes at 1 s, 2 hours at 24 s, 24 hours at 288 s. */
void series3_init(struct series3 *s);
/*
 * Of a go statement, of which there are many: 1 minute at 1 s, 34 minutes at 32 s, and all of the
 * observation in a scaling series.
 */
void series3_init_small(struct series3 *s);
void series3_release(struct series3 *s);
int series3_add(struct series3 *s, uint64_t ts_ns, double value);

#endif
