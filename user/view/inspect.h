/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What gotide knows of a Go executable, and what it does not and why, as text or JSON.  A pure
 * function of facts that the caller collects from gobin.
 */
#ifndef GOTIDE_VIEW_INSPECT_H
#define GOTIDE_VIEW_INSPECT_H

#include <json-c/json.h>

#include "gobin/gobin.h"
#include "view/view.h"

struct inspect {
	const char *name; /* as asked for: a path or a pid */
	enum gobin_reason reason; /* GOBIN_OK: everything was found */
	const struct gobin_info *info;
	const struct moduledata *moduledata; /* NULL: not found */
	const struct code_sites *sites; /* may be NULL */
	const struct offsets *offsets; /* NULL: layout unknown */
	enum offsets_source offsets_source;
	const struct globals *globals; /* may be NULL */
	const char *const *wait_reasons; /* by number */
	size_t n_wait_reasons;
};

/* is_verbose: the offset of every field and all wait reasons too. */
void inspect_text(struct view_out *o, const struct inspect *i, bool is_verbose);

/* One object, for jsonl_write().  NULL: out of memory. */
struct json_object *inspect_json(const struct inspect *i);

#endif
