/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elfutils from 0.192 on keeps its search trees in a helper library that Debian's static libelf.a
 * and libdw.a refer to but do not contain, so nothing links with them.  These stand in, over the C
 * library's trees, in static builds only; weak, so that the real ones win where they exist.
 * elfutils locks its trees only if built with --enable-thread-safety, which Debian's is not.
 */
#include <search.h>
#include <stddef.h>

struct eu_tree {
	void *root;
};

typedef int eu_compare(const void *, const void *);

void *eu_tsearch(const void *key, struct eu_tree *t, eu_compare *compare);
void *eu_tfind(const void *key, struct eu_tree *t, eu_compare *compare);
void *eu_tdelete(const void *key, struct eu_tree *t, eu_compare *compare);
void eu_tdestroy(struct eu_tree *t, void (*free_node)(void *));
void eu_search_tree_init(struct eu_tree *t);
void eu_search_tree_fini(struct eu_tree *t, void (*free_node)(void *));

__attribute__((weak)) void *eu_tsearch(const void *key, struct eu_tree *t, eu_compare *compare)
{
	return tsearch(key, &t->root, compare);
}

__attribute__((weak)) void *eu_tfind(const void *key, struct eu_tree *t, eu_compare *compare)
{
	return tfind(key, &t->root, compare);
}

__attribute__((weak)) void *eu_tdelete(const void *key, struct eu_tree *t, eu_compare *compare)
{
	return tdelete(key, &t->root, compare);
}

__attribute__((weak)) void eu_tdestroy(struct eu_tree *t, void (*free_node)(void *))
{
	tdestroy(t->root, free_node);
	t->root = NULL;
}

__attribute__((weak)) void eu_search_tree_init(struct eu_tree *t)
{
	t->root = NULL;
}

__attribute__((weak)) void eu_search_tree_fini(struct eu_tree *t, void (*free_node)(void *))
{
	eu_tdestroy(t, free_node);
}
