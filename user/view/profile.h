/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile in the sense of pprof, whatever it counts: stacks with values.  Made by the commands
 * from a census, a heap profile or spans; written by pprof.c, folded.c and flame.c, which know
 * nothing of where it comes from.
 */
#ifndef GOTIDE_VIEW_PROFILE_H
#define GOTIDE_VIEW_PROFILE_H

#include <stdio.h>

#include "base/vec.h"
#include "gobin/gobin.h"
#include "view/symbols.h"

#define PROFILE_VALUES_MAX 4

struct profile_type {
	const char *type, *unit; /* as Go's own profiles: "inuse_space", "bytes" */
};

struct profile_sample {
	const uint64_t *pcs; /* innermost first, as in memory; borrowed */
	uint32_t n;
	bool is_cut; /* there are callers that were not read */
	bool first_is_exact; /* pcs[0] is the place itself, not a return address */
	int64_t values[PROFILE_VALUES_MAX];
	/* Shown as a root frame above the stack where not NULL: "created by F"; borrowed. */
	const char *root;
	/* A label of the sample ("state" = "chan receive"), or NULL; borrowed. */
	const char *label_key, *label;
	/* A numeric label ("bytes" = object size, as Go's heap profile has), or 0. */
	int64_t num_label;
};

struct profile {
	struct profile_type types[PROFILE_VALUES_MAX];
	unsigned int n_types;
	unsigned int shown; /* the type that folded stacks and flame graphs show, and the default */
	struct profile_type period_type;
	int64_t period;
	int64_t time_ns, duration_ns; /* CLOCK_REALTIME; 0 */
	VEC(struct profile_sample) samples;
	/* Of the process: what turns addresses into names. */
	struct gobin *bin; /* borrowed */
	uint64_t bias;
	const char *exe, *build_id; /* borrowed */
	uint64_t map_start, map_end, map_offset; /* of the executable's text */
	const char *comment; /* one line about how it was obtained, or NULL */
	/* Instead of bin and bias where not NULL, so that writers share what they learn; borrowed.
	 */
	struct symbols *symbols;
};

/* Of the frames of a sample: what stands above those that were not read. */
#define PROFILE_CUT "[callers not read]"
/* And for an address without a function: C code, the vDSO. */
#define PROFILE_UNKNOWN "[unknown]"

/* Shown to people: wrappers and the bottom of every goroutine are not (as in Go's own profiles). */
bool profile_is_shown(const struct symbol_frame *f);

/* Of what it owns: the list of samples. */
void profile_release(struct profile *p);

/*
 * Gzipped profile.proto that `go tool pprof` opens: functions, lines and inlined frames inside.
 * Written piece by piece: memory is that of the distinct places.
 */
int profile_write_pprof(const struct profile *p, FILE *f) _must_check_;
/* "root;...;leaf value" lines for flamegraph.pl, sorted, samples of equal names added up. */
int profile_write_folded(const struct profile *p, FILE *f) _must_check_;
/* One SVG file with search and zoom, no outside resources. */
int profile_write_flame(const struct profile *p, const char *title, FILE *f) _must_check_;

#endif
