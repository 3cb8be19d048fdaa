/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up, for good, what an observer that runs for weeks does not need once its programs are
 * loaded: capabilities, what an exec could bring back, and system calls.  Called once, by session,
 * when everything is open that is opened once: sockets, the programs, the event loop.
 */
#ifndef GOTIDE_SESSION_CONFINE_H
#define GOTIDE_SESSION_CONFINE_H

#include "base/err.h"
#include "probe/probe.h"

struct confine_opts {
	struct probe
		*probe; /* tells what attaching takes here; NULL: nothing is attached any more */
	bool use_children; /* session/aside puts work aside in children */
	bool no_filter; /* for builds whose sanitizer makes calls of its own */
};

struct confined {
	uint64_t kept; /* capabilities that are left, as bits */
	bool has_filter; /* of system calls */
	char kept_text[128]; /* "CAP_BPF, CAP_PERFMON, ..." or "none" */
	char lacks[256]; /* what could not be given up, and why, for people; "" if nothing */
};

/*
 * All of this is the calling thread's, and of threads that it makes from now on; those that take
 * links out just then end with what they had.  What cannot be done is left out and told in *ret: an
 * observer with more privileges than it needs is better than none.
 */
void confine_self(const struct confine_opts *opts, struct confined *ret);

#endif
