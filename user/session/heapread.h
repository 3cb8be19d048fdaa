/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap profiles of what is under observation, by allocation site, for the model: one when a
 * process comes, then one now and then, and one at the end.  Read in slices between other work, as
 * the censuses of session/tally.  Called by session and watch.
 */
#ifndef GOTIDE_SESSION_HEAPREAD_H
#define GOTIDE_SESSION_HEAPREAD_H

#include "session/watch.h"

/* Between two readings of a process ... */
#define HEAPREAD_INTERVAL_S 30
/* ... that has no heap profile to read, or one that is too large ... */
#define HEAPREAD_NONE_INTERVAL_S 300
/* ... and no sooner than so many times what the last one cost in CPU time: 100,000 records cost
 * 0.3 s. */
#define HEAPREAD_COST_FACTOR 200

/* Goes on with the reading under way, or begins one that is due.  Call some twenty times a second.
 */
void heapread_turn(struct watch *w, uint64_t now_ns);

/* The last ones, of those that have a profile, one slice per call; false when they are all done. */
bool heapread_close(struct watch *w) _must_check_;

/* Gives up the reading of this process, if one is under way. */
void heapread_cancel(struct watched *p);

/* All that is kept of a process. */
void heapread_free(struct heapread *r); /* NULL is fine */

#endif
