/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/heapsites.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct site_key {
	const char *function, *file; /* one copy of each text: compared as pointers */
	uint64_t line;
};

struct node {
	struct site_key key;
	struct heap_site site;
	UT_hash_handle hh;
};

struct maker {
	struct symbols *symbols;
	struct node *nodes;
	int64_t rate;
};

static const struct symbol_frame *first_own(const struct symbol *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (profile_is_shown(&s->frames[i]) && !symbols_is_runtime(s->frames[i].function))
			return &s->frames[i];
	}
	return NULL;
}

/* Without the frames of the runtime that lead to the allocation, unless there are no others. */
static struct stack stack_of(const struct heap_profile *p, const struct heap_record *r,
			     struct symbols *s)
{
	struct stack stack;
	uint32_t i = 0;

	if (r->stack == STACKS_NONE)
		return (struct stack){ 0 };
	stack = stacks_get(p->stacks, r->stack);
	while (i < stack.n && !first_own(symbols_at(s, stack.pcs[i], false)))
		i++;
	if (i == stack.n)
		return stack;
	stack.pcs += i;
	stack.n -= i;
	return stack;
}

static const struct symbol_frame *first_of_runtime(struct symbols *s, const struct stack *stack)
{
	for (uint32_t i = 0; i < stack->n; i++) {
		const struct symbol *at = symbols_at(s, stack->pcs[i], false);

		for (uint32_t k = 0; k < at->n; k++) {
			if (!symbols_is_allocator(at->frames[k].function))
				return &at->frames[k];
		}
	}
	return NULL;
}

static struct site_key key_of(struct maker *m, const struct stack *stack)
{
	static const struct symbol_frame unknown = { .function = PROFILE_UNKNOWN, .file = "" };
	const struct symbol *s = stack->n ? symbols_at(m->symbols, stack->pcs[0], false) : NULL;
	const struct symbol_frame *f = s ? first_own(s) : NULL;

	if (!f)
		f = first_of_runtime(m->symbols, stack);
	if (!f)
		f = &unknown;
	return (struct site_key){ symbols_text(m->symbols, f->function),
				  symbols_text(m->symbols, f->file), f->line };
}

/* NULL: no memory. */
static struct heap_site *site_get(struct maker *m, const struct site_key *key)
{
	struct node *n = NULL;

	if (!key->function || !key->file)
		return NULL;
	HASH_FIND(hh, m->nodes, key, sizeof(*key), n);
	if (n)
		return &n->site;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->key = *key;
	n->site.function = key->function;
	n->site.file = key->file;
	n->site.line = (uint32_t)key->line;
	HASH_ADD(hh, m->nodes, key, sizeof(n->key), n);
	return &n->site;
}

static void add_to(int64_t *sum, int64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = n < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t minus(int64_t a, int64_t b)
{
	int64_t difference;

	return __builtin_sub_overflow(a, b, &difference) ? 0 : difference;
}

struct scaled {
	int64_t inuse_objects, inuse_bytes, alloc_objects, alloc_bytes;
};

static struct scaled scale(const struct heap_record *r, int64_t rate)
{
	struct scaled s = { 0 };

	heap_scale(minus(r->allocs, r->frees), minus(r->alloc_bytes, r->free_bytes), rate,
		   &s.inuse_objects, &s.inuse_bytes);
	heap_scale(r->allocs, r->alloc_bytes, rate, &s.alloc_objects, &s.alloc_bytes);
	return s;
}

static int add_record(struct maker *m, const struct heap_profile *p, const struct heap_record *r)
{
	struct stack stack = stack_of(p, r, m->symbols);
	struct site_key key = key_of(m, &stack);
	struct heap_site *site = site_get(m, &key);
	struct scaled n = scale(r, m->rate);

	if (!site)
		return -ENOMEM;
	add_to(&site->inuse_objects, n.inuse_objects);
	add_to(&site->inuse_bytes, n.inuse_bytes);
	add_to(&site->alloc_objects, n.alloc_objects);
	add_to(&site->alloc_bytes, n.alloc_bytes);
	if (!site->stack.n || n.inuse_bytes > site->stack_bytes) {
		site->stack = stack;
		site->stack_bytes = n.inuse_bytes;
	}
	return 0;
}

static int add_base(struct maker *m, const struct baseline_site *b)
{
	struct site_key key = { symbols_text(m->symbols, b->function),
				symbols_text(m->symbols, b->file), b->line };
	struct heap_site *site = site_get(m, &key);

	if (!site)
		return -ENOMEM;
	add_to(&site->base_objects, b->values[0]);
	add_to(&site->base_bytes, b->values[1]);
	return 0;
}

static int64_t growth(const struct heap_site *s)
{
	return minus(s->inuse_bytes, s->base_bytes);
}

static int compare(const void *pa, const void *pb)
{
	const struct heap_site *a = pa, *b = pb;
	int64_t x = growth(a), y = growth(b);
	int order;

	if (x != y)
		return x < y ? 1 : -1;
	if (a->inuse_bytes != b->inuse_bytes)
		return a->inuse_bytes < b->inuse_bytes ? 1 : -1;
	if (a->alloc_bytes != b->alloc_bytes)
		return a->alloc_bytes < b->alloc_bytes ? 1 : -1;
	order = strcmp(a->function, b->function);
	if (!order)
		order = strcmp(a->file, b->file);
	return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* Moves the sites out of the table, and frees it. */
static int finish(struct maker *m, struct heap_sites *ret, int err)
{
	struct node *n, *next;

	HASH_ITER (hh, m->nodes, n, next) {
		if (!err)
			err = vec_push(&ret->sites, n->site);
		HASH_DEL(m->nodes, n);
		free(n);
	}
	if (ret->sites.n)
		qsort(ret->sites.items, ret->sites.n, sizeof(*ret->sites.items), compare);
	vec_for_each (&ret->sites, s) {
		add_to(&ret->inuse_objects, s->inuse_objects);
		add_to(&ret->inuse_bytes, s->inuse_bytes);
		add_to(&ret->alloc_objects, s->alloc_objects);
		add_to(&ret->alloc_bytes, s->alloc_bytes);
		add_to(&ret->base_bytes, s->base_bytes);
	}
	return err;
}

int heap_sites_make(const struct heap_profile *p, const struct baseline *base, struct symbols *s,
		    struct heap_sites *ret)
{
	struct maker m = { .symbols = s, .rate = p->rate };
	int err = 0;

	*ret = (struct heap_sites){ 0 };
	for (size_t i = 0; !err && i < p->records.n; i++)
		err = add_record(&m, p, &p->records.items[i]);
	for (size_t i = 0; !err && base && i < base->sites.n; i++)
		err = add_base(&m, &base->sites.items[i]);
	err = finish(&m, ret, err);
	if (err)
		heap_sites_release(ret);
	return err;
}

void heap_sites_release(struct heap_sites *h)
{
	vec_release(&h->sites);
}

/* ---- as a profile ---- */

static const struct profile_type types[] = {
	/* runtime/pprof/protomem.go, writeHeapProto */
	{ "alloc_objects", "count" },
	{ "alloc_space", "bytes" },
	{ "inuse_objects", "count" },
	{ "inuse_space", "bytes" },
};

int heap_sites_profile(const struct heap_profile *p, struct symbols *s, struct profile *ret)
{
	int err = 0;

	memcpy(ret->types, types, sizeof(types));
	ret->n_types = ARRAY_SIZE(types);
	ret->shown = 3;
	ret->period_type = (struct profile_type){ "space", "bytes" };
	ret->period = p->rate;
	for (size_t i = 0; !err && i < p->records.n; i++) {
		const struct heap_record *r = &p->records.items[i];
		struct stack stack = stack_of(p, r, s);
		struct scaled n = scale(r, p->rate);
		struct profile_sample sample = {
			.pcs = stack.pcs,
			.n = stack.n,
			.is_cut = stack.is_cut,
			.values = { n.alloc_objects, n.alloc_bytes, n.inuse_objects,
				    n.inuse_bytes },
			.num_label = (int64_t)r->size,
		};

		err = vec_push(&ret->samples, sample);
	}
	return err;
}
