/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks, as flamegraph.pl and its kin read them: one line per stack, names from the root to
 * the leaf with ";" between them, a blank, the value.
 */
#include <inttypes.h>

#include "base/cleanup.h"
#include "view/stacktree.h"

/* A name in which no ";" ends it: the name of a literal struct type may hold one. */
static void print_name(FILE *f, const char *name)
{
	for (; *name; name++)
		putc(*name == ';' ? ':' : *name, f);
}

static void print_line(FILE *f, const struct stacktree_node *const *path, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			putc(';', f);
		print_name(f, path[i]->name);
	}
	fprintf(f, " %" PRId64 "\n", path[n - 1]->self);
}

/* path: from the root's child on to n, whose place in it is the last; as deep as the tree. */
static void print_node(FILE *f, const struct stacktree_node *n, const struct stacktree_node **path)
{
	const struct stacktree_node *c;

	path[n->depth - 1] = n;
	if (n->self)
		print_line(f, path, n->depth);
	for (c = n->children; c; c = c->next)
		print_node(f, c, path);
}

int profile_write_folded(const struct profile *p, FILE *f)
{
	const struct stacktree_node *path[STACKTREE_DEPTH_MAX];
	_cleanup_(stacktree_release) struct stacktree t = { 0 };
	int err = stacktree_make(p, &t);

	if (err)
		return err;
	errno = 0;
	for (const struct stacktree_node *n = t.root.children; n; n = n->next)
		print_node(f, n, path);
	/* Samples without any frame, which no line could name. */
	if (t.root.self)
		fprintf(f, "%s %" PRId64 "\n", PROFILE_UNKNOWN, t.root.self);
	if (!ferror(f))
		return 0;
	return errno ? -errno : -EIO;
}
