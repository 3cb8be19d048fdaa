/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heap by allocation site, from the spans that a process allocated while it was watched and still
 * uses: as text, as JSON and as a profile.  A pure function of what was observed.
 */
#ifndef GOTIDE_VIEW_SPANS_H
#define GOTIDE_VIEW_SPANS_H

#include <json-c/json.h>
#include <sys/types.h>

#include "probe/spans.h"
#include "view/profile.h"
#include "view/view.h"

/* Sites listed: with is_verbose all. */
#define SPANS_LISTED_MAX 25

/* The innermost frame that is not the runtime's, by function, file and line. */
struct span_site {
	const char *function, *file; /* owned by the symbols */
	uint32_t line;
	struct spans_held held;
	size_t record; /* of the result: the stack that holds most */
};

struct span_sites {
	VEC(struct span_site) sites; /* most bytes held first */
};

int span_sites_make(const struct spans_result *r, struct symbols *s,
		    struct span_sites *ret) _must_check_;
void span_sites_release(struct span_sites *s);

/* All pointers are borrowed. */
struct spans_view {
	pid_t pid;
	const char *comm, *exe, *go_version;
	const struct spans_result *result;
	const struct span_sites *sites;
	struct symbols *symbols;
};

void spans_text(struct view_out *o, const struct spans_view *v, bool is_verbose);

/* For jsonl_write(): the observation, then its sites.  NULL: out of memory. */
struct json_object *spans_json(const struct spans_view *v);
struct json_object *spans_site_json(const struct spans_view *v, const struct span_site *s);

/*
 * Adds types and samples to *ret, whose identity the caller has set: span_space and spans in use,
 * alloc_span_space and alloc_spans in all.  It borrows from r.  -ENOMEM.
 */
int spans_profile(const struct spans_result *r, struct profile *ret) _must_check_;

#endif
