/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The goroutines of one census, grouped: for people, as JSON, and as a profile.  A pure function of
 * the census, its groups and the names of the program.
 */
#ifndef GOTIDE_VIEW_GOROUTINES_H
#define GOTIDE_VIEW_GOROUTINES_H

#include <json-c/json.h>
#include <sys/types.h>

#include "census/group.h"
#include "view/profile.h"
#include "view/view.h"

/* Groups listed: with is_verbose all. */
#define GOROUTINES_GROUPS_MAX 40

/* All pointers are borrowed. */
struct goroutines {
	pid_t pid;
	const char *comm, *exe, *go_version;
	enum group_by by;
	const struct groups *groups;
	const struct stacks *stacks;
	const struct census_result *result;
	struct symbols *symbols;
	/* group_state_name() and its first argument */
	const char *(*state_name)(const struct gobin *bin, const struct walk_goroutine *g);
	const struct gobin *bin;
	bool with_system;
	double min_age_s; /* 0: no filter */
	double apart_s; /* between the two censuses that tell ages; 0: there was one */
	/* Set by goroutines_text() itself: the groups before it put some together. */
	const struct groups *alone;
};

/* is_verbose: all groups, and the runtime's frames on their stacks. */
void goroutines_text(struct view_out *o, const struct goroutines *g, bool is_verbose);

/* For jsonl_write(): the census as a whole, then one object per group.  NULL: out of memory. */
struct json_object *goroutines_json(const struct goroutines *g);
struct json_object *goroutines_group_json(const struct goroutines *g, const struct group *group);

/*
 * Adds the types and samples of a goroutine profile to *p, whose identity the caller has set: one
 * sample per group, so that they are to be grouped by stack.  by_site puts the go statement above
 * each stack.  p borrows from g.  -ENOMEM.
 */
int goroutines_profile(const struct goroutines *g, bool by_site, struct profile *p) _must_check_;

/* The stack of a goroutine; empty if it has none. */
struct stack goroutines_stack(const struct stacks *s, const struct census_goroutine *g);

#endif
