/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loaded programs and their maps as the files of this room share them.  Nobody outside
 * user/probe/ includes this.
 */
#ifndef GOTIDE_PROBE_OBJECT_H
#define GOTIDE_PROBE_OBJECT_H

#include "gotide.skel.h"
#include "probe/counts.h"
#include "probe/detach.h"
#include "probe/probe.h"
#include "probe/slots.h"
#include "probe/trial.h"

struct probe {
	struct gotide_bpf *skel; /* owned */
	struct probe_features features;
	struct slots *slots; /* owned */
	uint64_t reaped_ns; /* when those of processes that are gone were last emptied */
	struct wire_state *states; /* mapped from the kernel, max_targets of them */
	size_t states_bytes;
	struct wire_span_state *span_states; /* likewise; NULL unless use_spans */
	size_t span_states_bytes;
	struct wire_cgo_state *cgo_states; /* likewise; NULL unless use_cgo */
	size_t cgo_states_bytes;
	struct detacher detacher;
	/* To our own executable, of trials.  They are taken out at the end, since that takes long.
	 */
	struct probe_link *trials[TRIAL_LINKS + 1];
	int stats_fd; /* makes the kernel count runs; -1: not; owned */
};

/* What the kernel keeps of spans, by slot first.  Only with use_spans. */
struct counts_map spans_map(const struct probe *p);
struct counts_map spans_sites_map(const struct probe *p);

/* And of C's blocks.  Only with use_cgo. */
struct counts_map cgo_blocks_map(const struct probe *p);
struct counts_map cgo_sites_map(const struct probe *p);

/* What libbpf complained about last on behalf of this room, one line; "" if nothing. */
const char *probe_last_warning(void);
void probe_forget_warning(void);

#endif
