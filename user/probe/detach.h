/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes links out without keeping anybody waiting.  Closing one blocks until the kernel is sure
 * that no program runs any more: 40 ms, and seconds where more threads want to run than there are
 * CPUs.  So a thread of its own does that for each; those that wait at the same time wait for the
 * same grace periods.  Owned by probe.
 */
#ifndef GOTIDE_PROBE_DETACH_H
#define GOTIDE_PROBE_DETACH_H

#include <pthread.h>

#include "base/err.h"
#include "probe/probe.h"

struct detacher {
	pthread_mutex_t lock;
	pthread_cond_t is_done;
	size_t under_way;
};

void detacher_init(struct detacher *d);
/* Takes l over.  Where no thread can be had it blocks. */
void detacher_take(struct detacher *d, struct probe_link *l);
/* Waits for all of them, and ends. */
void detacher_release(struct detacher *d);

#endif
