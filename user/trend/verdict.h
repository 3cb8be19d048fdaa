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

#define VERDICT_EVIDENCE_MAX 12
#define VERDICT_LINE_MAX     200
#define VERDICT_FINDINGS_MAX 16

/* How a finding stands; what only one look says is always new (trend/judge.h). */
enum finding_state {
	FINDING_NEW = 0, /* shown by the latest look */
	FINDING_FLAGGED, /* by several */
	FINDING_PAUSED, /* it was flagged, and neither grows nor has come back */
	FINDING_RECOVERED, /* it came back, or levelled off for long: no leak any more */
};

const char *finding_state_str(enum finding_state s);

struct finding {
	enum verdict_kind kind;
	enum finding_state state;
	double since_s; /* how long ago it was found first */
	/* Too young for one look or two to tell: long lives that begin look the same. */
	bool is_early;
	bool is_standing; /* told by what is there and does not move, so that one look is enough */
	enum verdict_unit unit;
	double confidence; /* 0..1 */
	double horizon_s; /* of the observation that showed it */
	const struct snapshot_site
		*site; /* goroutine-leak; else NULL.  Borrowed from the snapshot */
	double first, last; /* population, or floor, at the beginning and at the end */
	double per_min; /* growth, same unit per minute */
	double per_min_low, per_min_high; /* its interval, 90 % */
	uint64_t born, died; /* goroutine-leak: since the observation began */
	int64_t survivors;
	uint64_t gcs; /* heap findings: GC cycles seen */
	const char *what; /* fd-leak: "sockets", "pipes", "files" or "descriptors"; else NULL */
	const struct snapshot_alloc *allocs; /* heap-retention: that grew most; borrowed likewise */
	size_t n_allocs;
	/* oom-risk: bytes, and seconds until they are reached with a 90 % interval; INFINITY: never
	 */
	double limit_bytes, left_s, left_low_s, left_high_s;
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
	/* Go statements whose goroutines become more, and are seen to be no leak: their gopc. */
	uint64_t cleared[VERDICT_FINDINGS_MAX];
	size_t n_cleared;
	/* An observation of so many seconds would tell more; 0: this one tells enough. */
	double needs_s;
};

/* For who changes findings: the worst first; and what one of them means, as the summary. */
void verdict_sort(struct verdict *v);
void verdict_summarise(struct verdict *v, const struct finding *f);

/* Judges one process by what is seen of it now, without what was found before. */
void verdict_of(const struct snapshot_process *p, struct verdict *ret);

#endif
