/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two observations of the same program under the same load, before and after a fix: whether each
 * leak of the first is gone in the second, and whether a new one came.  A leak is called gone only
 * if the second could have shown it: long enough, at as much work.  Pure.
 */
#ifndef GOTIDE_TREND_COMPARE_H
#define GOTIDE_TREND_COMPARE_H

#include "trend/summary.h"

enum compare_outcome {
	COMPARE_NOTHING_TO_FIX = 0, /* neither leaks */
	COMPARE_FIXED,
	COMPARE_NOT_FIXED, /* one is still there, or came */
	COMPARE_NOT_COMPARABLE,
};

const char *compare_outcome_str(enum compare_outcome o); /* "not fixed" */

enum compare_fate {
	COMPARE_GONE = 0,
	COMPARE_STILL_THERE,
	COMPARE_LESS, /* but not gone */
	COMPARE_NEW,
	COMPARE_UNKNOWN, /* the second observation cannot tell */
};

const char *compare_fate_str(enum compare_fate f); /* "still there" */

#define COMPARE_LEAKS_MAX (2 * VERDICT_FINDINGS_MAX)

/* One leak in both observations; all that it points to is borrowed from their summaries. */
struct compare_leak {
	enum compare_fate fate;
	const struct summary_leak *before; /* NULL: new */
	const struct summary_leak *after; /* NULL: there is no such finding any more */
	/*
	 * What leaked, its population or level in the second; of goroutines the growth is that of
	 * survivors, if that is less.  Not known if it is new.
	 */
	struct summary_trend now;
	/*
	 * Work done in the second for one unit in the first, by the measure that says most of it,
	 * and that measure in words; NAN and NULL: not known.
	 */
	double work;
	const char *work_of;
	/* Less than half as many goroutines are started there: by the fix, or for want of load. */
	bool is_unreached;
	char why[VERDICT_LINE_MAX]; /* written as evidence is */
};

struct compare {
	enum compare_outcome outcome;
	char summary[VERDICT_LINE_MAX]; /* why, written as evidence is */
	struct compare_leak leaks[COMPARE_LEAKS_MAX]; /* what decided first */
	size_t n_leaks;
};

/* *ret borrows from both. */
void compare(const struct summary *before, const struct summary *after, struct compare *ret);

/*
 * Where the go statement of the first is in the second: the same function starts the same one, or
 * else one that nothing started before, since a fix renames closures.  NULL: nowhere.
 */
const struct summary_site *compare_site(const struct summary *before, const struct summary *after,
					const char *function, const char *start_function);

/*
 * Of all processes on the two tapes the pair that is compared if nobody says which: the worst leak
 * of the first tape, or else of the second, and who has the same name.  False: the tapes have no
 * process in common, or none at all.
 */
bool compare_choose(const struct summary *before, size_t n_before, const struct summary *after,
		    size_t n_after, const struct summary **ret_before,
		    const struct summary **ret_after);

#endif
