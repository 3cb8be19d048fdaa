/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A level that follows a rate: it rises with the work and falls with it.  Pure; used by
 * trend/verdict.
 */
#ifndef GOTIDE_TREND_WAVE_H
#define GOTIDE_TREND_WAVE_H

#include "model/series.h"

struct wave {
	double first, last, low, peak; /* of the level */
	double correlation; /* Pearson's, of level and rate */
	double span_s;
	bool is_back; /* after its peak it fell by most of what it had risen */
};

/* Whether the level rose by least, and to a multiple, in step with the rate. */
bool wave_find(const struct series3 *level, const struct series3 *rate, double least,
	       struct wave *ret);

#endif
