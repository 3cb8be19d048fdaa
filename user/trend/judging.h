/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the judges of this room share while they make one verdict.  Private to trend: each judge
 * looks at one kind of growth, adds its findings to the verdict, and notes what it could not tell.
 */
#ifndef GOTIDE_TREND_JUDGING_H
#define GOTIDE_TREND_JUDGING_H

#include "base/text.h"
#include "trend/verdict.h"
#include "trend/window.h"

struct judging {
	const struct snapshot_process *p;
	struct verdict *v;
	double observed_s;
	bool is_starting; /* the process is young: what grows may be its start */
	double leaked; /* goroutines, by the leaks found */

	/* what is open */
	bool is_slowing; /* something rose, and still does a little */
	bool is_undecided; /* something rises whose end is not in sight */
	const struct snapshot_site *open; /* grew, and it is too early to tell; NULL: none */
	struct window_shown heap;
	bool is_heap_judged;
	double inuse_first, inuse_last; /* bytes of heap in use, if too few GCs were seen */
	bool is_heap_open; /* and it has grown meanwhile */
	bool is_heap_young; /* ... while the program starts */
	double needs_s; /* as verdict.needs_s */
};

/* The start of a program ends here; the heap of a younger one is judged later. */
#define JUDGING_START_S 120.0

/* Growth that goes on slower than this part of the whole's has ended. */
#define JUDGING_STILL_RISING 0.1

void judge_leaks(struct judging *j); /* trend/leak.c */
void judge_heap(struct judging *j); /* trend/retention.c; after the leaks, which may hold it */
void judge_outside(struct judging *j); /* trend/outside.c: off-heap-growth, runtime-held */
void judge_files(struct judging *j); /* trend/files.c */
void judge_limit(struct judging *j); /* trend/limit.c; after all others */
void judge_waves(struct judging *j); /* trend/pressure.c; if nothing was found */

/* NULL: the list is full. */
struct finding *judging_add(struct judging *j, enum verdict_kind kind, double horizon_s);

/* Numbers and names for one line of text. */
struct words {
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];
};

/* One more line of evidence, unless there are enough. */
void finding_say(struct finding *f, const char *fmt, ...) _printf_(2, 3);
void finding_advise(struct finding *f, const char *fmt, ...) _printf_(2, 3);

/* Growth per minute and its interval, of a slope per second. */
void finding_rate(struct finding *f, const struct stats_slope *slope, double stretch);

/* What a window shows: where the floor was first and last, for how long, at which rate. */
void finding_growth(struct finding *f, const struct window_shown *shown);

/* Sure by the number of floors, by chance and by falls in between; 0 (sure) to 1. */
double judging_doubt(const struct detect *d, const struct detect_rules *rules);

/* Bytes for words; what is negative is 0. */
const char *words_bytes(char buf[static TEXT_HUMAN_MAX], double bytes);

static inline double judging_s(uint64_t ns)
{
	return (double)ns / 1e9;
}

#endif
