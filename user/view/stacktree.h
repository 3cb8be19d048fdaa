/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a profile added up by the names on their stacks: what folded stacks list and
 * flame graphs draw.  Made from a profile, then only read.
 */
#ifndef GOTIDE_VIEW_STACKTREE_H
#define GOTIDE_VIEW_STACKTREE_H

#include <uthash.h>

#include "view/profile.h"

/* Limits; what is beyond them is added to the last frame within. */
#define STACKTREE_DEPTH_MAX 512
#define STACKTREE_NODES_MAX (1u << 20)

struct stacktree_node {
	const char *name; /* owned by the symbols */
	int64_t self, total; /* ending here; ending here or below */
	unsigned int depth; /* 0: the root, which stands for everything */
	struct stacktree_node *children; /* by name */
	struct stacktree_node *next;
	struct {
		const struct stacktree_node *parent;
		const char *name;
	} key;
	UT_hash_handle hh;
};

struct stacktree {
	struct stacktree_node root;
	struct symbols *symbols; /* of the profile, or own */
	bool owns_symbols;
	struct stacktree_node *all;
	unsigned int depth; /* of the deepest */
	uint64_t shortened; /* samples that were longer than the limits */
};

/* Values of p->shown; those that are not positive are left out.  -ENOMEM. */
int stacktree_make(const struct profile *p, struct stacktree *ret) _must_check_;
void stacktree_release(struct stacktree *t);

#endif
