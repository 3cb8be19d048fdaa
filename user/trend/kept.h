/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap that few GCs have looked at, because hardly anything is thrown away: whether what was
 * allocated between them stayed.  Pure; used by trend/retention where there are too few floors.
 */
#ifndef GOTIDE_TREND_KEPT_H
#define GOTIDE_TREND_KEPT_H

#include "trend/judging.h"

struct kept {
	size_t marks; /* GCs */
	double first, last; /* bytes live after the first and the last of them */
	double allocated; /* bytes, between these two */
	struct window_shown inuse; /* heap in use, which goes on rising */
};

/* False: it is not so, or not known. */
bool kept_find(const struct snapshot_process *p, struct kept *ret);

#endif
