/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last minutes of a series as a line small enough to stand in a table: SVG path data in a box
 * of SPARK_WIDTH x SPARK_HEIGHT.  A pure function of the series.
 */
#ifndef GOTIDE_VIEW_SPARK_H
#define GOTIDE_VIEW_SPARK_H

#include <stdio.h>

#include "model/series.h"

#define SPARK_POINTS 30
#define SPARK_STEP   2
#define SPARK_WIDTH  ((SPARK_POINTS - 1) * SPARK_STEP)
#define SPARK_HEIGHT 24

struct spark {
	double seconds; /* that it shows */
	double low, high; /* in that time */
	int y[SPARK_POINTS]; /* downwards from the top; the same until the next value comes */
};

/*
 * The time up to now_ns, at most ten minutes of it; of each thirtieth the highest value.  Noise of
 * less than a tenth looks like what it is.  False: less than two values, ret is not set.
 */
bool spark_of(const struct series3 *s3, uint64_t now_ns, struct spark *ret) _must_check_;

/* What belongs into the attribute d of a path. */
void spark_path(FILE *f, const struct spark *s);

#endif
