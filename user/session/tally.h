/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The censuses of what is under observation: one when a process comes, then one now and then, and
 * one at the end.  They go in slices between other work, so that the ring is drained and the screen
 * lives on while a million goroutines are walked.  Called by session and watch.
 */
#ifndef GOTIDE_SESSION_TALLY_H
#define GOTIDE_SESSION_TALLY_H

#include "session/watch.h"

/* Between two censuses of a process, unless the options say otherwise. */
#define TALLY_INTERVAL_S 30

/*
 * A census takes at most this part of one CPU: the next comes no sooner than so many times what
 * the last one cost.
 */
#define TALLY_COST_FACTOR 200

/*
 * The goroutines there now, as the starting population of the sites.  At one go, if there are no
 * more than a million; else tally_turn() goes on with them.
 */
void tally_first(struct watch *w, struct watched *p);

/* The same in a moment, if the process is still there then. */
void tally_later(struct watched *p);

/* Goes on with the census under way, or begins one that is due.  Call some twenty times a second.
 */
void tally_turn(struct watch *w, uint64_t now_ns);

/* The last ones, one slice per call; false when they are all done. */
bool tally_close(struct watch *w) _must_check_;

/* Gives up the census of this process, if one is under way. */
void tally_cancel(struct watch *w, struct watched *p);

#endif
