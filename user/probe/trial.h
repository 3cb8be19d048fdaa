/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small programs loaded and attached to ourselves, to learn what this kernel and these privileges
 * really allow: that a program loads proves nothing about attaching it.  Called by probe and
 * kernel; leaves nothing behind.
 */
#ifndef GOTIDE_PROBE_TRIAL_H
#define GOTIDE_PROBE_TRIAL_H

#include "base/err.h"

/* All return 0 or the negative errno with which the kernel refused. */
int trial_load(void); /* a uprobe program */
int trial_ring(size_t bytes);
int trial_mmapable(void);
int trial_uprobe(void); /* a uprobe as a perf event: attached, hit once, counted */
/*
 * The same through a uprobe.multi link.  *ret_pid: its pid filter sees all threads of a process
 * (until Linux 6.9 it was a filter by thread).  The links that it took are left to the caller,
 * since closing one blocks for long: -1, or a descriptor to be closed, whatever is returned.
 */
#define TRIAL_LINKS 2
int trial_multi(bool *ret_pid, int ret_links[static TRIAL_LINKS]);
/*
 * Offset in our executable of a place of our own, /proc/self/exe, which none but the trials come
 * by.
 */
int trial_place(uint64_t *ret_file_off);
int trial_raw_tracepoint(const char *name);
/* Whether process numbers here are the kernel's own; -ENOTSUP in any but the initial namespace. */
int trial_pid_namespace(void);

#endif
