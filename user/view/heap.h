/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process's memory is: the account of the whole, the heap by allocation site, the timers
 * that are set.  As text and as JSON; a pure function of what the caller has read.
 */
#ifndef GOTIDE_VIEW_HEAP_H
#define GOTIDE_VIEW_HEAP_H

#include <json-c/json.h>
#include <sys/types.h>

#include "census/account.h"
#include "census/timers.h"
#include "model/memory.h"
#include "view/heapsites.h"
#include "view/view.h"

/* Sites listed: with is_verbose all. */
#define HEAP_SITES_MAX 25
/* Of timers always at most so many. */
#define HEAP_TIMERS_MAX 15

/* All pointers are borrowed. */
struct heap {
	pid_t pid;
	const char *comm, *exe, *go_version;
	const struct account *account; /* fields -1 where unknown */
	const struct procfs_memory *memory;
	const struct memory_parts *parts;
	const struct heap_profile *profile; /* NULL: there is none */
	const char *no_profile; /* why, in one sentence */
	const struct heap_sites *sites; /* NULL without a profile */
	const struct baseline *base; /* NULL: not compared */
	const char *base_name;
	const struct timers *timers; /* NULL: unknown */
	struct symbols *symbols;
	uint64_t now_ns; /* CLOCK_MONOTONIC, and what it was as CLOCK_REALTIME */
	int64_t now_unix_ns;
	double read_ms; /* it took to read all of it */
};

void heap_text(struct view_out *o, const struct heap *h, bool is_verbose);

/* For jsonl_write(): the process, then its sites and its timers.  NULL: out of memory. */
struct json_object *heap_json(const struct heap *h);
struct json_object *heap_site_json(const struct heap *h, const struct heap_site *s);
struct json_object *heap_timer_json(const struct heap *h, const struct timer_group *t);

#endif
