/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/stacktree.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static int64_t add_up(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* NULL: a limit, or no memory. */
static struct stacktree_node *child_of(struct stacktree *t, struct stacktree_node *parent,
				       const char *name)
{
	struct stacktree_node *n = NULL, key = { .key = { parent, name } };

	HASH_FIND(hh, t->all, &key.key, sizeof(key.key), n);
	if (n || !name || parent->depth >= STACKTREE_DEPTH_MAX ||
	    HASH_COUNT(t->all) >= STACKTREE_NODES_MAX)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->name = name;
	n->depth = parent->depth + 1;
	n->key = key.key;
	t->depth = MAX(t->depth, n->depth);
	LL_PREPEND(parent->children, n);
	HASH_ADD(hh, t->all, key, sizeof(n->key), n);
	return n;
}

/* A sample on its way from the root to its leaf. */
struct way {
	struct stacktree *tree;
	struct stacktree_node *at;
	int64_t value;
	bool is_cut; /* a limit was met: it ends here */
};

static void step(struct way *w, const char *name)
{
	struct stacktree_node *n = w->is_cut ? NULL : child_of(w->tree, w->at, name);

	if (!n) {
		w->is_cut = true;
		return;
	}
	n->total = add_up(n->total, w->value);
	w->at = n;
}

static void step_text(struct way *w, const char *text)
{
	step(w, symbols_text(w->tree->symbols, text));
}

/* The frames of one address, outermost first. */
static void step_symbol(struct way *w, const struct symbol *s)
{
	if (!s->n)
		step_text(w, PROFILE_UNKNOWN);
	for (uint32_t i = s->n; i-- > 0;) {
		if (profile_is_shown(&s->frames[i]))
			step(w, s->frames[i].function);
	}
}

static void add_sample(struct stacktree *t, const struct profile_sample *s, int64_t value)
{
	struct way w = { .tree = t, .at = &t->root, .value = value };

	t->root.total = add_up(t->root.total, value);
	if (s->root)
		step_text(&w, s->root);
	if (s->is_cut)
		step_text(&w, PROFILE_CUT);
	for (uint32_t i = s->n; i-- > 0;)
		step_symbol(&w, symbols_at(t->symbols, s->pcs[i], !i && s->first_is_exact));
	w.at->self = add_up(w.at->self, value);
	t->shortened += w.is_cut;
}

static int by_name(const struct stacktree_node *a, const struct stacktree_node *b)
{
	return strcmp(a->name, b->name);
}

static void sort(struct stacktree *t)
{
	struct stacktree_node *n, *next;

	LL_SORT(t->root.children, by_name);
	HASH_ITER (hh, t->all, n, next) {
		LL_SORT(n->children, by_name);
	}
}

int stacktree_make(const struct profile *p, struct stacktree *ret)
{
	int err = 0;

	*ret = (struct stacktree){ .symbols = p->symbols };
	if (!ret->symbols) {
		err = symbols_new(p->bin, p->bias, &ret->symbols);
		ret->owns_symbols = !err;
	}
	if (err)
		return err;
	vec_for_each (&p->samples, s) {
		if (s->values[p->shown] > 0)
			add_sample(ret, s, s->values[p->shown]);
	}
	sort(ret);
	return 0;
}

void stacktree_release(struct stacktree *t)
{
	struct stacktree_node *n, *next;

	HASH_ITER (hh, t->all, n, next) {
		HASH_DEL(t->all, n);
		free(n);
	}
	if (t->owns_symbols)
		symbols_free(t->symbols);
	t->symbols = NULL;
}
