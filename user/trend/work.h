/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a level the work explains: memory that is in flight rises and falls with the load.
 * The part is found from the waves of both, without their trends, so that a leak under a rising
 * load is not explained away by the rise.  Pure; used by trend/window and trend/retention.
 */
#ifndef GOTIDE_TREND_WORK_H
#define GOTIDE_TREND_WORK_H

#include "model/series.h"

/*
 * Takes out of v[0..n), a level at the times t (seconds, rising), what follows the rate: on return
 * it is as if the work had been at its median all the time.  False, and v unchanged, if the two do
 * not go together, or too little is known of the rate.  *ret_correlation: of both without their
 * trends; NAN unknown.
 */
bool work_take_out(const struct series3 *rate, const double *t, double *v, size_t n,
		   double *ret_correlation);

/*
 * What a level goes with, if the rate has changed: the rate itself, as what is in flight or kept
 * for a fixed time does; or the sum of all that was done, as what is never let go does.
 */
enum work_fit {
	WORK_FIT_NONE, /* the rate is steady, or neither fits clearly better, or too little is known
			*/
	WORK_FIT_RATE,
	WORK_FIT_SUM,
};
enum work_fit work_fit(const struct series3 *rate, const double *t, const double *v, size_t n);

/*
 * Little's law: live = rate x lifetime.  By what factors the three changed from the first to the
 * last third of [from, to] seconds; false if too little is known.
 */
struct work_split {
	double live, rate, lifetime;
};
bool work_split(const struct series3 *live, const struct series3 *births, double from_s,
		double to_s, struct work_split *ret);

#endif
