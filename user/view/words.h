/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings and figures in plain words, as the report and the status page say them: one line each,
 * scrubbed, not wrapped, not escaped.  Pure functions; each writes to buf and returns it, "" where
 * there is nothing to say.
 */
#ifndef GOTIDE_VIEW_WORDS_H
#define GOTIDE_VIEW_WORDS_H

#include "base/text.h"
#include "trend/verdict.h"

#define WORDS_MAX 1040

/* ---- a finding ---- */

/* What grows: "memory, towards its limit".  "" for goroutines, which have a place. */
const char *words_subject(enum verdict_kind k);
/* "seen once, to be confirmed", "paused", "over"; "" while it stands. */
const char *words_state(enum finding_state s);
/* "34 -> 1234 goroutines in 60s (+1200/min); waiting: chan receive" */
const char *words_growth(char buf[static WORDS_MAX], const struct finding *f);

/*
 * Where one example waits or, where that is not known, who started it: a heading, and its stack,
 * innermost first.  depth 0: neither is known.
 */
struct words_stack {
	const char *head;
	const struct snapshot_frame *frames; /* borrowed from the snapshot */
	size_t depth;
};
struct words_stack words_stack(const struct snapshot_site *s);

/* What a go statement is called that has no place to show; NULL: it has one. */
const char *words_site(const struct snapshot_site *s);

/* ---- a process's account, line by line ---- */

enum words_line {
	WORDS_CONTAINER = 0,
	WORDS_POD,
	WORDS_EXITED,
	WORDS_GOROUTINES,
	WORDS_HEAP,
	WORDS_GC,
	WORDS_RSS,
	WORDS_ANONYMOUS, /* its parts, while the account of them is closed ... */
	WORDS_OF_WHICH, /* ... and what is known of them while it is not */
	WORDS_LIMIT,
	WORDS_POD_LIMIT,
	WORDS_GOMEMLIMIT,
	WORDS_DESCRIPTORS,
	WORDS_TIMERS,
	WORDS_LINE_MAX,
};

const char *words_label(enum words_line l);
const char *words_line(char buf[static WORDS_MAX], const struct snapshot_process *p,
		       enum words_line l);

#define WORDS_PARTS 9

/* To whom anonymous memory belongs: what there is none of is left out.  Returns how many. */
struct words_part {
	int64_t bytes;
	const char *name;
};
size_t words_parts(const struct memory_parts *m, struct words_part ret[static WORDS_PARTS]);

/* ---- the observation ---- */

/* Figures that are not known. */
const char *words_unknown(char buf[static WORDS_MAX], const struct snapshot_process *p);
/* How long, what came and what it cost. */
const char *words_observed(char buf[static WORDS_MAX], const struct snapshot_process *p);
/* What was lost or could not be used. */
const char *words_left_out(char buf[static WORDS_MAX], const struct snapshot_process *p);

/* "12.0 MiB", "?" where it is not known. */
const char *words_size(char buf[static TEXT_HUMAN_MAX], int64_t bytes);

#define WORDS_DIGITS 32
/* Two significant digits or more, never an exponent. */
const char *words_digits(char buf[static WORDS_DIGITS], double v);

#endif
