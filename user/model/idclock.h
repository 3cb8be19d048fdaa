/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The goroutine id as a clock: turns a goid into the time of its birth without keeping anything
 * per goroutine.  Owned by model/process.
 *
 * The scheduler hands ids to each P in batches of 16 (runtime/proc.go, _GoidCacheBatch, Go 1.15 to
 * 1.27), so ids rise with time but for what the other Ps still hold: a P that idles may give out
 * ids that are minutes old.  The births seen last are therefore also remembered one by one, which
 * makes short lifetimes exact; the table answers for the rest, to about a sixteenth of the age.
 */
#ifndef GOTIDE_MODEL_IDCLOCK_H
#define GOTIDE_MODEL_IDCLOCK_H

#include "base/err.h"

#define IDCLOCK_ENTRIES 512
#define IDCLOCK_RECENT	1024 /* a power of two */

struct idclock_entry {
	uint64_t ts_ns, goid;
};

struct idclock {
	struct idclock_entry *entries; /* rising in both; allocated at first use */
	struct idclock_entry *recent; /* births seen, by goid modulo IDCLOCK_RECENT */
	uint32_t n;
};

void idclock_init(struct idclock *c);
void idclock_release(struct idclock *c);

/*
 * The scheduler's count of ids handed out (sched.goidgen).  A batch is asked for when the first of
 * it is given to a goroutine, so goidgen - 15 had been born by ts, and nothing above goidgen:
 * entries that say otherwise were torn, and are dropped.
 */
int idclock_handed(struct idclock *c, uint64_t ts_ns, uint64_t goidgen) _must_check_;
/* goid was the newest known at ts.  Older ids and times are taken as they come, and ignored. */
int idclock_newest(struct idclock *c, uint64_t ts_ns, uint64_t goid) _must_check_;
/* A birth seen on its own. */
int idclock_birth(struct idclock *c, uint64_t ts_ns, uint64_t goid) _must_check_;

/* Time of birth; 0 if that was before the first entry, or nothing is known. */
uint64_t idclock_lookup(const struct idclock *c, uint64_t goid);
/*
 * How far before or after that it may lie, by the entries around it; an id that a P held back for
 * a while may be younger still.  0 if the birth itself was seen, or nothing is known.
 */
uint64_t idclock_error(const struct idclock *c, uint64_t goid);

#endif
