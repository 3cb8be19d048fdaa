/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON for programs: one object per process, one line per object (NDJSON).  Every key is always
 * there, in one order, and null where it does not apply or is not known.  The schema is
 * docs/report.schema.json, explained in gotide-json(5).
 */
#ifndef GOTIDE_VIEW_JSONL_H
#define GOTIDE_VIEW_JSONL_H

#include <json-c/json.h>
#include <stdio.h>

#include "base/err.h"
#include "trend/verdict.h"

#define JSONL_SCHEMA 1 /* changes when a key changes its meaning or goes */

/* At most this many sites are listed. */
#define JSONL_SITES_MAX 50

/* What is known of a process, and its verdict.  NULL: out of memory. */
struct json_object *jsonl_process(const struct snapshot_process *p, const struct verdict *v);

/* The same in brief, for a list of many: keys of the former, and the worst finding's confidence. */
struct json_object *jsonl_brief(const struct snapshot_process *p, const struct verdict *v);

/* One line; releases o (NULL is -ENOMEM).  -errno of the stream. */
int jsonl_write(FILE *f, struct json_object *o) _must_check_;

/* Parts that other views build their objects of. */
struct json_object *jsonl_text(const char *s); /* scrubbed; null for NULL */
struct json_object *jsonl_name(const char *s); /* the same; null for "" too */
struct json_object *jsonl_number(double d); /* at most three decimals; null if not finite */
struct json_object *jsonl_known(int64_t n); /* null if negative */
struct json_object *jsonl_count(uint64_t n);
struct json_object *jsonl_flag(bool b);
/* Takes value, also NULL, which is null. */
void jsonl_add(struct json_object *o, const char *key, struct json_object *value);
struct symbol_frame;
struct json_object *jsonl_frame(const struct symbol_frame *f);

#endif
