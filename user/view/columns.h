/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The columns of process tables, for the screen and for plain lines: name, width, formatter, sort
 * key of each, and which of them fit a given width.  Rows are copies, so that they outlive the
 * snapshot they were made of.
 */
#ifndef GOTIDE_VIEW_COLUMNS_H
#define GOTIDE_VIEW_COLUMNS_H

#include <sys/types.h>

#include "base/err.h"
#include "trend/verdict.h"

#define ROW_WHERE_MAX 160

struct row {
	pid_t pid;
	char name[32];
	enum verdict_kind kind;
	bool has_exited;
	double confidence; /* of the worst finding, 0 without one */
	int64_t live; /* goroutines; -1 unknown */
	double per_min; /* their growth over the last minute; NAN unknown */
	int64_t heap_live_bytes, rss_bytes; /* -1 unknown */
	double gc_per_min; /* since observation began; NAN too early, or not probed */
	char where[ROW_WHERE_MAX]; /* the worst finding's place, else its summary; "" without one */
};

void row_of(const struct snapshot_process *p, const struct verdict *v, struct row *ret);

enum column_id {
	COLUMN_PID = 0,
	COLUMN_NAME,
	COLUMN_VERDICT,
	COLUMN_GOROUTINES,
	COLUMN_GROWTH,
	COLUMN_HEAP,
	COLUMN_RSS,
	COLUMN_GC,
	COLUMN_WHERE,
	COLUMN_MAX,
};

struct column {
	const char *name;
	char key; /* that sorts by it on the screen; 0: none */
	uint8_t width; /* the least it needs */
	uint8_t width_max; /* what it makes use of where there is room; 0: no more */
	uint8_t priority; /* 0 is kept longest */
	bool is_right; /* aligned */
	bool is_flexible; /* takes what the others leave; only the last one may */
	bool is_descending; /* when first sorted by it */
	void (*format)(const struct row *r, char *buf, size_t size);
	/* Negative, zero or positive as a comes before, with or after b, ascending. */
	int (*compare)(const struct row *a, const struct row *b);
};

const struct column *column_get(enum column_id id);

/*
 * Which columns of want (a set of 1 << id) fit into width with one blank between them: drops the
 * least important until they do.
 */
uint32_t columns_fit(uint32_t want, unsigned int width);

#define COLUMNS_LINE_MAX 2048

/*
 * A line for r, or the heading if r is NULL: the columns of the set, at most width columns wide,
 * no blanks at its end.
 */
void columns_line(uint32_t set, unsigned int width, const struct row *r,
		  char buf[static COLUMNS_LINE_MAX]);

/* Where a column of the set begins on a line of this width. */
unsigned int columns_start(uint32_t set, unsigned int width, enum column_id id);

/* Sorts by column; ties by pid, so that rows do not jump about. */
void rows_sort(struct row **rows, size_t n, enum column_id by, bool is_descending);

#endif
