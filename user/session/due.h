/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is due in a process: its timers with the names of what they run, as the model keeps them.
 * Called by sample.
 */
#ifndef GOTIDE_SESSION_DUE_H
#define GOTIDE_SESSION_DUE_H

#include "session/watch.h"

/* Errors as timers_read(). */
int due_read(struct watched *p, struct snapshot_timers *ret) _must_check_;

#endif
