/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the figures mean: findings with evidence, worst first.  Pure functions of a snapshot: the
 * same snapshot gives the same verdict, to the byte.  Kinds are stable names, used in JSON,
 * metrics and documentation.
 */
#ifndef GOTIDE_TREND_VERDICT_H
#define GOTIDE_TREND_VERDICT_H

#include "model/snapshot.h"

enum verdict_kind {
	VERDICT_HEALTHY = 0,
	VERDICT_WARMING_UP,
	VERDICT_PRESSURE,
	VERDICT_RUNTIME_HELD,
	VERDICT_OOM_RISK,
	VERDICT_FD_LEAK,
	VERDICT_OFF_HEAP_GROWTH,
	VERDICT_HEAP_RETENTION,
	VERDICT_GOROUTINE_LEAK,
	VERDICT_KIND_MAX,
};

const char *verdict_kind_str(enum verdict_kind k);
/* Whether exit status 3 is due: goroutine-leak, heap-retention, off-heap-growth, fd-leak. */
bool verdict_kind_is_leak(enum verdict_kind k);

/* What first, last and per_min of a finding count. */
enum verdict_unit {
	VERDICT_GOROUTINES = 0,
	VERDICT_BYTES,
	VERDICT_FILES,
};

#define VERDICT_EVIDENCE_MAX 8
#define VERDICT_LINE_MAX     200
#define VERDICT_FINDINGS_MAX 16

struct finding {
	enum verdict_kind kind;
	enum verdict_unit unit;
	double confidence; /* 0..1 */
	double horizon_s; /* of the observation that showed it */
	const struct snapshot_site
		*site; /* goroutine-leak; else NULL.  Borrowed from the snapshot */
	double first, last; /* population, or floor, at the beginning and at the end */
	double per_min; /* growth, same unit per minute */
	double per_min_low, per_min_high; /* its interval, 90 % */
	uint64_t born, died; /* goroutine-leak: within the horizon */
	int64_t survivors;
	uint64_t gcs; /* heap findings: GC cycles seen */
	/* What was seen: fragments in plain words, no capital at the start, no stop at the end. */
	char evidence[VERDICT_EVIDENCE_MAX][VERDICT_LINE_MAX];
	size_t n_evidence;
	char advice[VERDICT_LINE_MAX]; /* what to look at next, likewise */
};

struct verdict {
	enum verdict_kind kind; /* of the worst finding; HEALTHY or WARMING_UP without one */
	struct finding findings[VERDICT_FINDINGS_MAX]; /* most serious first */
	size_t n_findings;
	char summary[VERDICT_LINE_MAX]; /* why this verdict, written as evidence is */
};

/* Judges one process. */
void verdict_of(const struct snapshot_process *p, struct verdict *ret);

#endif
