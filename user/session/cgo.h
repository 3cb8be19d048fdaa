/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C memory by call site from the blocks that the allocator of one cgo program hands out and takes
 * back while it is watched: gotide heap --cgo.  An observation of its own, with probes of its own.
 */
#ifndef GOTIDE_SESSION_CGO_H
#define GOTIDE_SESSION_CGO_H

#include "probe/cgo.h"
#include "session/cnames.h"
#include "target/target.h"

struct cgo;

struct cgo_opts {
	const char *proc_root; /* NULL: /proc */
	double for_s; /* 0: until the process ends or the user interrupts */
	bool force_single; /* as probe_opts has it */
};

/*
 * All of it, until the time is up, the process ends or the user interrupts; the probes are out
 * then.  t is borrowed and must outlive it.  ret_error says in words what failed.  cgo_close() it;
 * what names addresses belongs to it.
 */
int cgo_observe(const struct target *t, const struct cgo_opts *opts, struct cgo **ret,
		struct probe_error *ret_error) _must_check_;
const struct cgo_result *cgo_result(const struct cgo *c);
/* What view/symbols.h asks; borrows c. */
void cgo_names(struct cgo *c, struct symbols_source *ret);
void cgo_close(struct cgo *c); /* NULL is fine */

#endif
