/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a snapshot shows of one process: figures, sites and reasons in the order in which people
 * want them.  Called by model; changes nothing but the names of stacks, which are asked once.
 */
#ifndef GOTIDE_MODEL_PICTURE_H
#define GOTIDE_MODEL_PICTURE_H

#include "model/process.h"

/*
 * ret->sites and ret->reasons are the caller's to free, also on failure; everything else is
 * borrowed until p changes.
 */
int picture_take(struct process *p, uint64_t now_ns, struct snapshot_process *ret) _must_check_;

/* Of it only what the observation cost: records and hits. */
void picture_cost(const struct process *p, struct snapshot_process *ret);

#endif
