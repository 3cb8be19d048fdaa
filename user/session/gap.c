/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/gap.h"

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void gap_tick(struct gap *g, uint64_t now_ns, uint64_t boot_ns, uint64_t tick_ns)
{
	uint64_t passed_ns = minus(now_ns, g->now_ns);
	uint64_t late_ns = minus(passed_ns, tick_ns);
	/* Read one after the other, the clocks differ a little all the time. */
	uint64_t asleep_ns = minus(minus(boot_ns, g->boot_ns), passed_ns);
	bool is_gap = g->has_begun && (late_ns > GAP_LATE_NS || asleep_ns > GAP_ASLEEP_NS);

	*g = (struct gap){
		.now_ns = now_ns,
		.boot_ns = boot_ns,
		.lost_ns = is_gap ? late_ns + asleep_ns : 0,
		.has_slept = is_gap && asleep_ns > late_ns,
		.has_begun = true,
	};
}
