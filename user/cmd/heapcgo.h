/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide heap --cgo: C memory by call site, from probes on the C allocator.
 */
#ifndef GOTIDE_CMD_HEAPCGO_H
#define GOTIDE_CMD_HEAPCGO_H

#include "cmd/opts.h"
#include "target/target.h"

struct heap_cgo {
	struct opts *opts; /* borrowed, output open */
	const struct target *target; /* borrowed */
	const char *pprof, *svg; /* files, or NULL */
	bool is_folded, is_quiet; /* is_quiet: no table, no JSON */
};

/* Observes, prints and writes.  Negative errno, reported. */
int heap_cgo_show(const struct heap_cgo *h) _must_check_;

#endif
