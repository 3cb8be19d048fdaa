/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which stretches of time a quantity is judged: all of the observation, and the latest part of
 * it at several lengths, since what begins late is lost in the whole, and what is slow in the
 * part.  A part must not contradict what went before it.  Pure; used by the judges of this room.
 */
#ifndef GOTIDE_TREND_WINDOW_H
#define GOTIDE_TREND_WINDOW_H

#include "trend/detect.h"

struct window {
	const struct series *series; /* borrowed */
	uint64_t from_ns; /* points before are not part of it */
	bool is_whole; /* it holds all of the observation, or 24 hours of it */
};

#define WINDOWS_MAX 4

/* Longest first, the whole one always; none but that without a point.  Returns how many. */
size_t windows_of(const struct series3 *s, struct window ret[static WINDOWS_MAX]);

/* A quantity, and what makes a trend of it. */
struct window_query {
	const struct series3 *level;
	const struct detect_rules *rules;
	/* For windows of fewer than few_points points, which cannot reach rules->p_max. */
	size_t few_points;
	double few_p_max;
	double few_max_fall; /* ... nor have floors: the points themselves may fall by this part */
	/* What a rise must come to as a part of where it began, whatever its course; 0: any. */
	double min_part;
	bool wants_figures; /* also of what does not grow; it costs more */
};

/* What a window shows, and where it is. */
struct window_shown {
	struct window window;
	struct detect d;
};

/*
 * Judges the windows from long to short until one shows growth: true, and *ret is of that one.
 * Else false, and *ret is of the whole.  A rise in a part of the observation counts only if it
 * leads where the quantity had not stayed before, and is large beside what it moved by.
 */
bool window_detect(const struct window_query *q, struct window_shown *ret);

#endif
