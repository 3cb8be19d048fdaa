/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether time was lost between two ticks: since gotide did not run (stopped, or starved), or since
 * nothing did (the machine slept).  What grew meanwhile grew at no rate that anybody has seen.
 * Called by session.
 */
#ifndef GOTIDE_SESSION_GAP_H
#define GOTIDE_SESSION_GAP_H

#include "base/err.h"

/* A tick may be late by as much, and the two clocks differ by as much, without a gap. */
#define GAP_LATE_NS   UINT64_C(5000000000)
#define GAP_ASLEEP_NS UINT64_C(1000000000)

struct gap {
	uint64_t now_ns, boot_ns; /* clock_now_ns() and clock_boot_ns() at the last tick */
	uint64_t lost_ns; /* before it; 0: none */
	bool has_slept; /* most of that, the machine did not run at all */
	bool has_begun;
};

/* Takes the clocks at a tick that should be tick_ns after the last one: fills lost_ns. */
void gap_tick(struct gap *g, uint64_t now_ns, uint64_t boot_ns, uint64_t tick_ns);

#endif
