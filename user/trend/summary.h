/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an observation of one process comes to, in a form that outlives it: who it was, the verdict,
 * how fast each quantity rises, the populations by go statement, the heap by allocation site, the
 * work done.  Made for trend/compare.  Bounded, and owns all that it holds.
 */
#ifndef GOTIDE_TREND_SUMMARY_H
#define GOTIDE_TREND_SUMMARY_H

#include "trend/verdict.h"

/* Go statements that are kept: those with the largest population, now or in growth. */
#define SUMMARY_SITES_MAX 512

/* A level over the whole observation: its floors, that is what it falls back to. */
struct summary_trend {
	bool is_known; /* enough of it was seen to have a slope */
	double first, last; /* the floor at the beginning and at the end; NAN unknown */
	double per_min, per_min_low, per_min_high; /* robust, with a 90 % interval; NAN unknown */
};

enum summary_level {
	SUMMARY_HEAP_LIVE = 0, /* bytes live after GC */
	SUMMARY_OUTSIDE, /* bytes of anonymous memory outside the Go runtime */
	SUMMARY_FDS, /* open descriptors */
	SUMMARY_GOROUTINES, /* without the runtime's own */
	SUMMARY_LEVELS,
};

/* Work done, per second; what is short of a few seconds is averaged, what is rare is left out. */
enum summary_work {
	SUMMARY_BIRTHS = 0, /* goroutines */
	SUMMARY_ALLOCATED, /* bytes */
	SUMMARY_MOVED, /* bytes read and written */
	SUMMARY_WORKS,
};

/*
 * The go statements of one function that start the same function: what can be known again in
 * another build.
 */
struct summary_site {
	char *function, *start_function;
	uint32_t line; /* of the one with the largest population */
	size_t statements; /* that are taken together */
	double born_per_s;
	struct summary_trend live;
	struct summary_trend survivors; /* those that have outlived the ones that end */
};

/* Memory in use that was allocated in one function, if it grew. */
struct summary_alloc {
	char *function;
	uint32_t line;
	int64_t first_bytes, last_bytes;
};

/* A finding of a leak that stands, or waits for a second look. */
struct summary_leak {
	enum verdict_kind kind;
	enum verdict_unit unit;
	enum finding_state state; /* never FINDING_RECOVERED */
	double confidence, horizon_s;
	double first, last, per_min, per_min_low, per_min_high; /* as in struct finding */
	char *function, *start_function; /* of its site; NULL: of the whole process */
	uint32_t line;
	const char *what; /* as in struct finding: not owned, a constant */
};

struct summary {
	pid_t pid;
	char *comm, *exe, *module, *go_version;
	double observed_s;
	double age_s; /* of the process at the end; -1 unknown */
	uint64_t gc_seen, gaps;

	enum verdict_kind kind;
	char verdict[VERDICT_LINE_MAX];
	double needs_s;
	struct summary_leak leaks[VERDICT_FINDINGS_MAX]; /* the worst first */
	size_t n_leaks;

	struct summary_trend levels[SUMMARY_LEVELS];
	double work[SUMMARY_WORKS]; /* NAN unknown */
	struct summary_site *sites; /* the largest first */
	size_t n_sites;
	bool is_cut; /* there were more sites */
	struct summary_alloc allocs[SNAPSHOT_ALLOCS_MAX]; /* that grew most first */
	size_t n_allocs;
	bool has_profile;
	double allocs_s; /* between the first and the latest reading of the profile */
};

/* -ENOMEM: *ret holds nothing then. */
int summary_make(const struct snapshot_process *p, const struct verdict *v,
		 struct summary *ret) _must_check_;
void summary_release(struct summary *s);

/* NULL: none. */
const struct summary_site *summary_site(const struct summary *s, const char *function,
					const char *start_function);
const struct summary_alloc *summary_alloc(const struct summary *s, const char *function);

/* The worst of its leaks that stands, not waiting for a second look; NULL: none. */
const struct summary_leak *summary_worst_leak(const struct summary *s);

/* The level in which a leak of that kind shows, if it is of the whole process. */
enum summary_level summary_level_of(enum verdict_kind kind);

#endif
