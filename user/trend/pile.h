/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goroutines that were left behind before anybody looked: many that wait, each for itself, and of
 * which none has run while they were observed.  A growing population is not needed, so the rest of
 * the evidence has to tell them from a pool of workers, from connections whose clients are silent
 * and from tickers.  Pure; used by trend/verdict.
 */
#ifndef GOTIDE_TREND_PILE_H
#define GOTIDE_TREND_PILE_H

#include "model/snapshot.h"

struct pile {
	double confidence;
	bool is_growing; /* more came, and none of those ended */
	/* Each waits on one that no other waits on, nearly; of a select the first by address. */
	bool has_own_channels;
	bool is_spread; /* among others, from all the life of the process before */
};

/* Whether they wait for each other, on channels or for locks, not for time or the world. */
bool pile_waits_inside(const struct snapshot_site *s);

/* Whether the goroutines of the site are such a pile. */
bool pile_judge(const struct snapshot_process *p, const struct snapshot_site *s, struct pile *ret);

#endif
