/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide heap --spans: the heap by allocation site from probes, for programs that keep no profile.
 */
#ifndef GOTIDE_CMD_HEAPSPANS_H
#define GOTIDE_CMD_HEAPSPANS_H

#include "cmd/opts.h"
#include "target/target.h"

/* Observed for so long where --for does not say. */
#define HEAP_SPANS_FOR_S 10

struct heap_spans {
	struct opts *opts; /* borrowed, output open */
	const struct target *target; /* borrowed */
	const char *pprof, *svg; /* files, or NULL */
	bool is_folded, is_quiet; /* is_quiet: no table, no JSON */
};

/* Observes, prints and writes.  Negative errno, reported. */
int heap_spans_show(const struct heap_spans *h) _must_check_;

#endif
