/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The goroutines of a census, grouped: by stack, by creation site (go statement) or by what they
 * wait for.  Pure; used by views and session.
 */
#ifndef GOTIDE_CENSUS_GROUP_H
#define GOTIDE_CENSUS_GROUP_H

#include "base/vec.h"
#include "census/census.h"

enum group_by {
	GROUP_STACK = 0, /* same stack, same go statement, same state and wait reason */
	GROUP_SITE, /* same go statement */
	GROUP_WAIT, /* same channel (census_goroutine.waits_on), same state and wait reason */
};

#define GROUP_STATUS_MAX 16

struct group {
	uint64_t count;
	const struct census_goroutine *first; /* the one with the lowest id; borrowed */
	uint64_t goid_min, goid_max;
	/* waits_since_ns of those that have one */
	int64_t waitsince_min_ns, waitsince_max_ns; /* 0: none has */
	uint64_t with_waitsince;
	uint64_t by_status[GROUP_STATUS_MAX]; /* indexed by enum walk_status */
	uint64_t by_stack[CENSUS_STACK_MAX]; /* by what became of their stacks */
};

/* Past it, goroutines that would begin another group are only counted. */
#define GROUPS_MAX (1u << 20)

struct groups {
	VEC(struct group) groups; /* most goroutines first, ties by lowest id */
	uint64_t ungrouped; /* since there are as many groups as may be, without theirs */
	uint64_t left_out; /* by the filter */
	/* Of them: those that wait, nobody can tell since when (waitsince is set by a collection)
	 */
	uint64_t age_unknown;
};

struct group_filter {
	bool with_system; /* the runtime's own, too */
	/* Only goroutines that have waited since this or longer (CLOCK_MONOTONIC ns); 0: all. */
	int64_t waiting_since_ns;
	/*
	 * Where not NULL: whether a goroutine is known to be as old by other means, as an earlier
	 * census.  True lets it pass; false tells that it is younger.
	 */
	bool (*is_old)(uint64_t goid, void *arg);
	void *arg;
	size_t max_groups; /* 0: GROUPS_MAX */
};

/* -ENOMEM.  The groups borrow from c, until its next pass. */
int groups_make(const struct census *c, enum group_by by, const struct group_filter *f,
		struct groups *ret) _must_check_;
void groups_release(struct groups *g);

/* Whether the filter lets a goroutine pass. */
bool group_passes(const struct group_filter *f, const struct walk_goroutine *g);

/* What it waits for or does: "chan receive", "running", "syscall"; as the runtime's traceback. */
const char *group_state_name(const struct gobin *bin, const struct walk_goroutine *g);

#endif
