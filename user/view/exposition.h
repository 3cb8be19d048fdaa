/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How Prometheus wants its figures: the text format 0.0.4 and OpenMetrics 1.0, and which of them a
 * client asks for.  Knows families, samples, labels and numbers, and no metric by name; called by
 * view/metrics.
 *
 * The formats differ in how a family is headed: OpenMetrics leaves out _total and _info of its
 * name, knows a type "info" and units, and ends with "# EOF".  Samples look the same in both.
 */
#ifndef GOTIDE_VIEW_EXPOSITION_H
#define GOTIDE_VIEW_EXPOSITION_H

#include <stdio.h>

#include "base/err.h"

enum exposition_format {
	EXPOSITION_TEXT = 0, /* version 0.0.4 */
	EXPOSITION_OPENMETRICS_0_0_1, /* what Prometheus up to 2.33 asks for: the same but for its
					 name */
	EXPOSITION_OPENMETRICS,
	EXPOSITION_FORMATS,
};

/*
 * By an Accept header (RFC 9110, 12.5.1; NULL: none): of each format the most specific range that
 * matches it counts, and of those with the highest q the one that is named first.  Ranges that make
 * no sense are passed over; where nothing fits it is text, which every client reads.
 */
enum exposition_format exposition_format_of(const char *accept);
const char *exposition_content_type(enum exposition_format f);

enum exposition_type {
	EXPOSITION_GAUGE = 0,
	EXPOSITION_COUNTER, /* its name ends in _total */
	EXPOSITION_INFO, /* its name ends in _info, and its value is 1 */
	EXPOSITION_SUMMARY,
};

struct exposition_family {
	const char *name; /* of its samples */
	const char *help; /* one line without quotes and backslashes */
	enum exposition_type type;
	/*
	 * Another family has the name that OpenMetrics would give this one: it keeps its own, and
	 * is of unknown type there.
	 */
	bool is_clashing;
};

/* Labels, ready to be written: a="b",c="d".  Names are ours, values may be hostile. */
#define EXPOSITION_VALUE_MAX  256 /* bytes of a label's value; what is longer is cut */
#define EXPOSITION_LABELS_MAX 2048
struct exposition_labels {
	size_t len;
	char text[EXPOSITION_LABELS_MAX];
};

/* Begin with len 0 and text "".  A label that has no room is left out.  NULL is "". */
void exposition_label(struct exposition_labels *l, const char *name, const char *value);

struct exposition {
	FILE *f; /* borrowed */
	enum exposition_format format;
	const struct exposition_family *family; /* of the samples to come */
	bool has_head;
};

/* Samples that follow are of this family; its head is written before the first of them. */
void exposition_begin(struct exposition *e, const struct exposition_family *family);

/*
 * A sample: suffix ("" or "_sum" and so on) to the family's name; base and extra are texts of
 * labels, either may be "".  Not finite is left out.
 */
void exposition_sample(struct exposition *e, const char *suffix, const char *base,
		       const char *extra, double value);
/* The same of a whole number, exact. */
void exposition_count(struct exposition *e, const char *base, const char *extra, uint64_t n);

/* Ends it; -errno of the stream. */
int exposition_end(struct exposition *e) _must_check_;

/* "0.1", "1e+300": the shortest of what reads back as d, which is finite.  Returns its length. */
#define EXPOSITION_NUMBER_MAX 32
int exposition_number(char buf[static EXPOSITION_NUMBER_MAX], double d);

#endif
