/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that an observer at work makes, as a seccomp filter: reading, memory, time, its
 * event loop, threads of its own, connections that come in, the maps and links of its programs.
 * Nothing starts another program, writes to a file or to another process, or connects to anything.
 */
#ifndef GOTIDE_SESSION_CALLS_H
#define GOTIDE_SESSION_CALLS_H

#include "base/err.h"

struct calls_opts {
	bool use_perf_events; /* probes are perf events: the kernel has no uprobe.multi */
	bool use_children; /* work is put aside in forked children, which may be killed */
};

/*
 * From here on every other call fails with EPERM, and the kernel's audit log says which: a call
 * that was forgotten here, or that a later libc makes, costs what it was for, and no more.  Only
 * calls in another architecture's convention, which no part of us makes, kill.  -EINVAL, -ENOSYS:
 * this kernel has no seccomp filters.
 */
int calls_confine(const struct calls_opts *opts) _must_check_;

#endif
