/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts made into the records of a tape: the writing end of session/tapecode.  Names are asked of a
 * process's resolver when what they name first appears, and written once.
 */
#ifndef GOTIDE_SESSION_TAPEOUT_H
#define GOTIDE_SESSION_TAPEOUT_H

#include "event/tape.h"
#include "session/tapecode.h"

/* The clocks at one moment, ns; by their differences a clock that was set and a sleep show. */
struct tape_clocks {
	uint64_t monotonic_ns;
	int64_t wall_ns; /* CLOCK_REALTIME, since 1970 */
	int64_t boot_ns; /* CLOCK_BOOTTIME: with the time asleep */
};

/* What a tape says of itself and of the machine. */
struct tape_header {
	struct tape_clocks begun;
	uint64_t mem_total_bytes; /* 0 unknown */
	char gotide[64], kernel[128], machine[66];
};

struct tapeout;

/* w is borrowed.  -ENOMEM, or as tape_put(). */
int tapeout_new(struct tape_writer *w, const struct tape_header *h,
		struct tapeout **ret) _must_check_;
void tapeout_free(struct tapeout *o); /* NULL is fine */

/*
 * Writes a fact; now: with FACT_TICK, else NULL.  Resolvers told with FACT_PROCESS are used until
 * FACT_REMOVED or the next process of that pid.  -ENOMEM, or as tape_put().
 */
int tapeout_fact(struct tapeout *o, const struct fact *f,
		 const struct tape_clocks *now) _must_check_;
int tapeout_observer(struct tapeout *o, const struct snapshot_observer *obs) _must_check_;
/* The tape ends here, in order. */
int tapeout_end(struct tapeout *o) _must_check_;

/* Processes that are under observation now. */
size_t tapeout_processes(const struct tapeout *o);

#endif
