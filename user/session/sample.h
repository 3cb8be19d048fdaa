/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One sample of everything under observation: the kernel's counters, the runtime's account, /proc
 * and the cgroup, handed to the model.  Called by session once a second and at the end.
 */
#ifndef GOTIDE_SESSION_SAMPLE_H
#define GOTIDE_SESSION_SAMPLE_H

#include "session/watch.h"

/* The counters of the kernel side, of all processes at once.  Negative errno. */
int sample_counters(struct watch *w) _must_check_;

/* The same, where those of this process have changed since. */
int sample_counters_of(struct watch *w, const struct watched *p) _must_check_;

/* What is read from /proc and memory of one process; notices by itself that it has gone. */
void sample_readings(struct watch *w, struct watched *p);

/* All of it, then the model's tick. */
int sample_all(struct watch *w, uint64_t now_ns) _must_check_;

/* The seconds between two ticks that are further apart: as much is streamed in each of them. */
void sample_refill(struct watch *w);

/* Lets a process stream, for the next second, as much as its budget allows. */
void sample_budget(struct watch *w, struct watched *p);

#endif
