/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two observations beside each other: whether the leaks are gone, and the figures, as text of 80
 * columns and as one JSON object.
 */
#ifndef GOTIDE_VIEW_DIFF_H
#define GOTIDE_VIEW_DIFF_H

#include "trend/compare.h"
#include "view/jsonl.h"
#include "view/view.h"

/* All borrowed. */
struct diff {
	const char *before_tape, *after_tape; /* names of the files */
	const struct summary *before, *after;
	const struct compare *compare; /* of these two */
};

/* The outcome first, then why, then the table; of go statements a few, or many if is_verbose. */
void diff_text(const struct view_out *o, const struct diff *d, bool is_verbose);

/* Every key always there (gotide-json(5)); NULL: out of memory. */
struct json_object *diff_json(const struct diff *d);

#endif
