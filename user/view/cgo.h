/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C memory by call site, from the blocks that a cgo program took from C's allocator while it was
 * watched and still has: as text, as JSON and as a profile.  A pure function of what was observed.
 */
#ifndef GOTIDE_VIEW_CGO_H
#define GOTIDE_VIEW_CGO_H

#include <json-c/json.h>
#include <sys/types.h>

#include "probe/cgo.h"
#include "view/profile.h"
#include "view/view.h"

/* Sites listed: with is_verbose all. */
#define CGO_LISTED_MAX 25

/*
 * The C function that called the allocator, and the innermost Go frame that is the program's own;
 * by both.
 */
struct cgo_site {
	const char *c_function, *object; /* owned by the symbols; object: base name, or "" */
	const char *function, *file; /* likewise; "" if no goroutine called */
	uint32_t line;
	struct cgo_held held;
	size_t record; /* of the result: the stack that holds most */
};

struct cgo_sites {
	VEC(struct cgo_site) sites; /* most bytes held first */
};

int cgo_sites_make(const struct cgo_result *r, struct symbols *s,
		   struct cgo_sites *ret) _must_check_;
void cgo_sites_release(struct cgo_sites *s);

/* All pointers are borrowed. */
struct cgo_view {
	pid_t pid;
	const char *comm, *exe, *go_version;
	const struct cgo_result *result;
	const struct cgo_sites *sites;
	struct symbols *symbols;
};

void cgo_text(struct view_out *o, const struct cgo_view *v, bool is_verbose);

/* For jsonl_write(): the observation, then its sites.  NULL: out of memory. */
struct json_object *cgo_json(const struct cgo_view *v);
struct json_object *cgo_site_json(const struct cgo_view *v, const struct cgo_site *s);

/*
 * Adds types and samples to *ret, whose identity the caller has set: bytes and blocks in use, and
 * allocated in all.  It borrows from r.  -ENOMEM.
 */
int cgo_profile(const struct cgo_result *r, struct profile *ret) _must_check_;

#endif
