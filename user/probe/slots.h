/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which process owns which slot of the kernel's counters.  A slot goes free -> live -> stale ->
 * free: stale while programs in the kernel may still count into it and entries keyed by it wait
 * to be deleted.  Pure bookkeeping for probe; never touches the kernel.
 */
#ifndef GOTIDE_PROBE_SLOTS_H
#define GOTIDE_PROBE_SLOTS_H

#include <sys/types.h>

#include "base/err.h"

struct slots;

int slots_new(uint32_t n, struct slots **ret) _must_check_;
void slots_free(struct slots *s); /* NULL is fine */

/* -EEXIST: the process has one; -ENOSPC: none is free (stale ones do not count). */
int slots_take(struct slots *s, pid_t pid, uint32_t *ret) _must_check_;
/* -ENOENT: the process has no live slot. */
int slots_find(const struct slots *s, pid_t pid, uint32_t *ret) _must_check_;
/* The live owner, or 0. */
pid_t slots_owner(const struct slots *s, uint32_t slot);

/* live -> stale; a process without a slot is fine. */
void slots_drop(struct slots *s, pid_t pid, uint64_t now_ns);
size_t slots_stale(const struct slots *s);
/* Whether this slot is stale since before_ns or longer. */
bool slots_is_stale(const struct slots *s, uint32_t slot, uint64_t before_ns);
/* stale -> free, for those that are stale since before_ns or longer. */
void slots_reuse(struct slots *s, uint64_t before_ns);

#endif
